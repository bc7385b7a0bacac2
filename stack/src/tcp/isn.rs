//! Initial sequence numbers (RFC 6528).

use crate::base::{Instant, Prf};
use crate::wire::{FlowKey, SeqNum};

/// Nanoseconds of one step of the ISN clock: 4 µs, so that it goes around in 4.77 hours (RFC 9293, Section 3.4.1).
const TICK_NANOS: u64 = 4_000;

/// The initial sequence number of `flow` at `now`: ISN = M + F(flow, secret) (RFC 6528, Section 3). M lets an incarnation
/// of the same flow start beyond the one before it; F keeps whoever is not on the path from learning anything.
pub fn isn(prf: &Prf, flow: &FlowKey, now: Instant) -> SeqNum {
    let (input, len) = flow.hash_input();
    let hashed = prf.strong(input.get(..len).unwrap_or(&input)) as u32;
    SeqNum(hashed) + (now.as_nanos() / TICK_NANOS) as u32
}
