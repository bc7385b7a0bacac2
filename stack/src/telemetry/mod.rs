//! Counters, a reason for every discard.

mod discard;

pub use discard::{Discard, Discards};
