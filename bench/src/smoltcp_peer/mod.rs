//! The published smoltcp crate on the same work: two interfaces in one thread over an in-memory wire, checksums on.

mod pair;
mod runs;

pub use runs::{bulk, connect_close, ping_pong};
