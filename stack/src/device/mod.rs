//! Links to a network, each behind the trait [`crate::buffer::Device`]: in memory, bare IP datagrams, or a TAP interface of
//! Linux; and layers that wrap one: a capture, an impairment.

pub mod capture;
pub mod datagrams;
#[cfg(target_os = "linux")]
pub mod host_side;
pub mod impair;
pub mod memory;
mod partial;
#[cfg(unix)]
mod sys;
#[cfg(target_os = "linux")]
pub mod tap;
#[cfg(target_os = "linux")]
mod virtio;
#[cfg(unix)]
mod wait;

pub use capture::{Capture, CaptureFile, CaptureOptions, Direction};
pub use datagrams::{DatagramCounters, DatagramOptions, Datagrams, InjectError, SentDatagram};
#[cfg(target_os = "linux")]
pub use host_side::{HostSide, HostSideError};
pub use impair::{Impair, ImpairCounters, Impairment};
pub use memory::{LinkOptions, MemoryDevice, PeerGone};
#[cfg(target_os = "linux")]
pub use tap::{Tap, TapCounters, TapError, TapOptions};
#[cfg(unix)]
pub use wait::{Interest, wait};

/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;
