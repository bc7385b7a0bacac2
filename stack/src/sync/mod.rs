//! What crosses between applications and a shard; the only folder with atomics.

pub mod link;
mod signal;

pub use signal::Signal;
