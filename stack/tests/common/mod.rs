//! What the tests of the whole stack share: frames made and read by hand, one host on a wire of single frames, two hosts
//! on an impaired link; all in virtual time.
//!
//! Every test file compiles this for itself and uses a part of it.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

pub(crate) mod bystander;
pub(crate) mod frames;
pub(crate) mod pair;
pub(crate) mod peer;
pub(crate) mod wire;

/// The byte at place `i` of the stream that tests send; no period that a segment size could hide.
pub(crate) fn byte(i: usize) -> u8 {
    (i ^ (i >> 8) ^ (i >> 16)) as u8
}

/// Bytes `from` to `to` of that stream.
pub(crate) fn stream(from: usize, to: usize) -> Vec<u8> {
    (from..to).map(byte).collect()
}

pub(crate) fn addr(text: &str) -> std::net::SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn ms(n: u64) -> std::time::Duration {
    std::time::Duration::from_millis(n)
}

pub(crate) fn secs(n: u64) -> std::time::Duration {
    std::time::Duration::from_secs(n)
}
