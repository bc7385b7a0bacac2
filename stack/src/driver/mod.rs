//! Runs shards: by hand ([`Host`]).

mod hand;

pub use hand::Host;
