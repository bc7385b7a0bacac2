//! What crosses between applications and a shard; the only folder with atomics.

pub mod link;
mod marker;
mod signal;

pub use marker::Marker;
pub use signal::Signal;
