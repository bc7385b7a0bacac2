//! What crosses between applications and a shard; the only folder with atomics.

mod signal;

pub use signal::Signal;
