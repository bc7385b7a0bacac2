//! Runs shards: by hand ([`Host`]), also as a thread that sleeps between turns ([`Host::run_until`]).

mod blocking;
mod hand;

pub use blocking::Clock;
pub use hand::Host;
