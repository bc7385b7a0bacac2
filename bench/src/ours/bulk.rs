//! One stream.

use super::{Pair, PairOptions};
use crate::clock::cpu;
use synward::base::Instant;
use synward::shard::{ConnId, Event};
use synward::tcp::Options;

const CHUNK: usize = 65_536;

/// An established stream, which transfers as often as it is asked to.
pub struct Bulk {
    pub pair: Pair,
    pub at_a: ConnId,
    pub at_b: ConnId,
    source: Vec<u8>,
    sink: Vec<u8>,
}

impl Bulk {
    pub fn new(options: &PairOptions, application: &Options) -> Self {
        let mut pair = Pair::new(options);
        let (at_a, at_b) = pair.connected(application);
        Self { pair, at_a, at_b, source: vec![7; CHUNK], sink: vec![0; CHUNK] }
    }

    /// Moves `total` bytes; tells CPU seconds.
    pub fn transfer(&mut self, total: usize) -> f64 {
        self.transfer_with(total, |_, _| {})
    }

    /// As [`Bulk::transfer`], and gives every event of the sender to `seen`, with the time.
    pub fn transfer_with(&mut self, total: usize, mut seen: impl FnMut(Event, Instant)) -> f64 {
        let (mut sent, mut got) = (0, 0);
        let begin = cpu();
        while got < total {
            while sent < total {
                let n = CHUNK.min(total - sent);
                match self.pair.a.write(self.at_a, &self.source[..n]) {
                    Ok(n) => sent += n,
                    Err(_) => break,
                }
            }
            self.pair.poll_a();
            self.pair.poll_b();
            while let Ok(n) = self.pair.b.read(self.at_b, &mut self.sink) {
                got += n;
            }
            while let Some(event) = self.pair.a.poll_event() {
                seen(event, self.pair.now());
            }
            while self.pair.b.poll_event().is_some() {}
        }
        cpu() - begin
    }

    /// Gbit/s of `total` bytes.
    pub fn rate(&mut self, total: usize) -> f64 {
        total as f64 * 8e-9 / self.transfer(total)
    }
}

/// Moves `total` bytes that are all different from their neighbours and compares each; panics where one is wrong, or where a
/// frame was discarded on the way.
pub fn verify(options: &PairOptions, application: &Options, total: usize) {
    let mut bulk = Bulk::new(options, application);
    let byte = |i: usize| (i ^ (i >> 8) ^ (i >> 16)) as u8;
    let (mut sent, mut got) = (0, 0);
    while got < total {
        while sent < total {
            let n = CHUNK.min(total - sent);
            (0..n).for_each(|i| bulk.source[i] = byte(sent + i));
            match bulk.pair.a.write(bulk.at_a, &bulk.source[..n]) {
                Ok(n) => sent += n,
                Err(_) => break,
            }
        }
        bulk.pair.poll_a();
        bulk.pair.poll_b();
        while let Ok(n) = bulk.pair.b.read(bulk.at_b, &mut bulk.sink) {
            assert!((0..n).all(|i| bulk.sink[i] == byte(got + i)), "a wrong byte after {got}");
            got += n;
        }
        bulk.pair.drain();
    }
    let discarded = bulk.pair.b.snapshot().discards;
    let refused = bulk.pair.a.device_mut().refused();
    assert_eq!(refused, 0, "frames over the MTU: {discarded:?}");
}
