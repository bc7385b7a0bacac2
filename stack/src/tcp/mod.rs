//! One TCP connection, pure: input are segments, calls and the time; output are segments, events and the next deadline.

pub mod congestion;
pub mod handshake;
pub mod isn;
pub mod ports;
pub mod reassembly;
pub mod rtt;
pub mod sack;
pub mod time_wait;
pub mod timestamps;

pub use handshake::{Handshake, PeerOptions};
