//! The floor: the least work that a correct TCP data path can do for a packet on this machine. Headers and checksums
//! are real, every packet is verified and looked up by a keyed hash in an open-addressed table, and the line of its
//! connection is updated. There are no timers, no loss handling and no interface: a stack cannot beat it.

mod link;
mod runs;
mod simd;
mod table;

pub use runs::{bulk, connect_close, ping_pong_random, syn_cookie};
