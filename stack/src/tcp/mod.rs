//! One TCP connection, pure: input are segments, calls and the time; output are segments, events and the next deadline.

pub mod handshake;

pub use handshake::{Handshake, PeerOptions};
