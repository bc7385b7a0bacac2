//! Runs shards: as a tokio task, on a thread of their own, by hand ([`Host`], which can also sleep between turns:
//! [`Host::run_until`]). [`Builder`] makes each of them.

mod blocking;
mod builder;
mod engine;
mod hand;
#[cfg(feature = "tokio")]
mod task;
mod thread;

pub use blocking::Clock;
pub use builder::Builder;
pub use hand::Host;
