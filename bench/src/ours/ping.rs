//! Round trips.

use super::{Pair, PairOptions};
use crate::alloc::allocations;
use crate::clock::{cpu, percentile};
use std::time::Instant;
use synward::shard::ConnId;
use synward::tcp::{IoError, Options};

/// What a series of round trips gives.
#[derive(Clone, Copy, Debug)]
pub struct PingPong {
    /// Round trips a second of CPU.
    pub rate: f64,
    /// Nanoseconds.
    pub p50: f64,
    /// Nanoseconds.
    pub p99: f64,
}

/// One round trip of `size` bytes between the ends of a connection.
#[inline]
pub fn round_trip(pair: &mut Pair, (at_a, at_b): (ConnId, ConnId), message: &[u8], text: &mut [u8]) {
    let size = message.len();
    assert_eq!(pair.a.write(at_a, message), Ok(size));
    // Timers of other connections may fill the link for a moment: the message then comes with a later turn.
    loop {
        pair.poll_a();
        pair.poll_b();
        match pair.b.read(at_b, text) {
            Err(IoError::WouldBlock) => {}
            read => break assert_eq!(read, Ok(size)),
        }
    }
    assert_eq!(pair.b.write(at_b, &text[..size]), Ok(size));
    loop {
        pair.poll_b();
        pair.poll_a();
        match pair.a.read(at_a, text) {
            Err(IoError::WouldBlock) => {}
            read => break assert_eq!(read, Ok(size)),
        }
    }
    pair.drain();
}

/// `rounds` round trips of `size` bytes on one connection.
pub fn ping_pong(size: usize, rounds: usize) -> PingPong {
    let application = Options { nodelay: true, ..Options::default() };
    let mut pair = Pair::new(&PairOptions::default());
    let ends = pair.connected(&application);
    let (message, mut text) = (vec![1; size], vec![0; 64.max(size)]);
    for _ in 0..1000 {
        round_trip(&mut pair, ends, &message, &mut text);
    }
    let mut times = Vec::with_capacity(rounds);
    let begin = cpu();
    for _ in 0..rounds {
        let at = Instant::now();
        round_trip(&mut pair, ends, &message, &mut text);
        times.push(at.elapsed().as_nanos() as u32);
    }
    let rate = rounds as f64 / (cpu() - begin);
    let p50 = f64::from(percentile(&mut times, 0.5));
    PingPong { rate, p50, p99: f64::from(percentile(&mut times, 0.99)) }
}

/// Allocations for each of `rounds` round trips of 64 bytes, once everything is warm.
pub fn ping_pong_allocations(rounds: usize) -> f64 {
    let application = Options { nodelay: true, ..Options::default() };
    let mut pair = Pair::new(&PairOptions::default());
    let ends = pair.connected(&application);
    let (message, mut text) = ([1; 64], [0; 64]);
    for _ in 0..rounds {
        round_trip(&mut pair, ends, &message, &mut text);
    }
    let before = allocations();
    for _ in 0..rounds {
        round_trip(&mut pair, ends, &message, &mut text);
    }
    (allocations() - before) as f64 / rounds as f64
}
