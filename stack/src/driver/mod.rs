//! Runs shards: as a tokio task, on a thread of their own, by hand ([`Host`]). [`Builder`] makes each of them.

mod builder;
mod engine;
mod hand;
#[cfg(feature = "tokio")]
mod task;
mod thread;

pub use builder::Builder;
pub use hand::Host;
