//! Many connections that do nothing, and one or a few that do.

use super::ping::round_trip;
use super::{Pair, PairOptions};
use crate::clock::{cpu, resident};
use std::net::SocketAddr;
use std::time::Duration;
use synward::shard::{ConnId, MemoryReport};
use synward::tcp::Options;

/// Listening ports: together they take more connections than there are ephemeral ports.
const PORTS: u16 = 64;
const BATCH: usize = 200;

/// A pair of hosts with idle connections between them.
pub struct Idle {
    pair: Pair,
    ends: Vec<(ConnId, ConnId)>,
    resident_before: usize,
    random: u64,
}

impl Idle {
    /// With `n` idle connections and an active one, the first.
    pub fn new(n: usize) -> Self {
        let application = Options { nodelay: true, ..Options::default() };
        let mut pair = Pair::new(&PairOptions::default());
        let listeners: Vec<_> = (0..PORTS).map(|port| pair.listen(1000 + port, &application)).collect();
        // The first batch warms pools and queues, so that the growth is the connections'.
        let mut ends = Vec::with_capacity(n + BATCH);
        let first = SocketAddr::from(([198, 18, 1, 1], 1000));
        ends.extend(pair.open(listeners[0], first, BATCH, &application));
        let resident_before = resident();
        let mut next = 0;
        while ends.len() < n {
            next = (next + 1) % listeners.len();
            let to = SocketAddr::from(([198, 18, 1, 1], 1000 + next as u16));
            let count = BATCH.min(n - ends.len());
            ends.extend(pair.open(listeners[next], to, count, &application));
        }
        // What the handshakes left to timers is over.
        pair.skipped += Duration::from_secs(5);
        for _ in 0..1000 {
            pair.poll_a();
            pair.poll_b();
        }
        pair.drain();
        Self { pair, ends, resident_before, random: 88_172_645_463_325_252 }
    }

    /// Nanoseconds of CPU for a round trip of 64 bytes on the first connection.
    pub fn same(&mut self, rounds: usize) -> f64 {
        self.rounds(rounds, |_, _| 0)
    }

    /// The same on a connection drawn at random for each.
    pub fn random(&mut self, rounds: usize) -> f64 {
        self.rounds(rounds, |random, n| {
            *random ^= *random << 13;
            *random ^= *random >> 7;
            *random ^= *random << 17;
            (*random % n as u64) as usize
        })
    }

    fn rounds(&mut self, rounds: usize, choose: impl Fn(&mut u64, usize) -> usize) -> f64 {
        let (message, mut text) = ([1; 64], [0; 64]);
        // An application has the handle of what it talks to at hand: looking it up in a list of a million is no part of this.
        let chosen: Vec<_> =
            (0..rounds).map(|_| self.ends[choose(&mut self.random, self.ends.len())]).collect();
        let begin = cpu();
        for ends in chosen {
            round_trip(&mut self.pair, ends, &message, &mut text);
        }
        (cpu() - begin) * 1e9 / rounds as f64
    }

    /// Resident bytes that each end of a connection costs, and what the first host says of its memory.
    pub fn memory(&self) -> (f64, MemoryReport, usize) {
        // The list of ids is the handles that an application holds: 2 of them for 2 ends.
        let grown = resident().saturating_sub(self.resident_before);
        let counted = self.ends.len().saturating_sub(BATCH).max(1);
        (grown as f64 / (2 * counted) as f64, self.pair.a.memory(), self.ends.len())
    }
}
