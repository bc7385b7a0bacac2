//! Counters: what every received frame was taken for, or the reason why it was discarded.

mod discard;
mod kinds;
mod taken;

pub use discard::{Discard, Discards};
pub use taken::{Account, Taken, TakenCounts};
