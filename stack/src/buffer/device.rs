//! What a shard needs of a device.

use super::{Buf, Pool};
use crate::base::Instant;
use crate::sync::Signal;
use crate::wire::Mac;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// What a device can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capabilities {
    /// The link-layer address.
    pub mac: Mac,
    /// Largest IP packet on the link in bytes.
    pub mtu: usize,
    /// It finishes transport checksums ([`super::Checksum::Partial`] may be transmitted).
    pub checksum_offload: bool,
    /// Largest super-segment in bytes of IP packet that it takes; 0 where it takes none.
    pub segmentation: usize,
}

/// What one call of [`Device::receive`] brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Received {
    /// Frames appended.
    pub frames: usize,
    /// The device may have more at once: the budget ended before it was empty, so readiness must be kept.
    pub more: bool,
}

/// How a driver learns that a device has something to receive, or room again.
#[derive(Clone, Debug)]
pub enum Readiness {
    /// A file descriptor to poll for reading (and, after a short transmit, for writing).
    #[cfg(unix)]
    Fd(std::os::fd::RawFd),
    /// A signal that the other side raises.
    Signal(Arc<Signal>),
}

/// A link to a network: frames in, frames out, never blocking.
pub trait Device {
    /// What it can do; constant over its life.
    fn capabilities(&self) -> Capabilities;

    /// Appends at most `budget` received frames to `into`, with buffers of `pool`.
    ///
    /// # Errors
    /// The device is gone or broken. "Nothing there" is no error but `Received::default()`.
    fn receive(&mut self, pool: &mut Pool, into: &mut VecDeque<Buf>, budget: usize) -> io::Result<Received>;

    /// Sends frames from the front of `from`, gives their buffers to `pool`, and leaves what there is no room for now.
    /// Each frame has at least 12 bytes of headroom (a virtio header fits in place).
    ///
    /// # Errors
    /// The device is gone or broken; frames that were not sent are still in `from`.
    fn transmit(&mut self, from: &mut VecDeque<Buf>, pool: &mut Pool) -> io::Result<()>;

    /// How to wait for it.
    fn readiness(&self) -> Readiness;

    /// Tells it the time, before each [`Self::receive`] and [`Self::transmit`]: what wraps a device may stamp or hold
    /// back frames and has no clock of its own. A device without use for it ignores it.
    fn set_now(&mut self, _now: Instant) {}

    /// When it next has something to do by time alone: then [`Self::receive`] and [`Self::transmit`] (also with nothing
    /// to send) want to be called. `None`: only [`Self::readiness`] counts.
    fn next_deadline(&self) -> Option<Instant> {
        None
    }
}

/// A device with no network behind it but other stacks in memory. Only on such a one may a stack run with secrets that
/// others can compute.
pub trait Simulated: Device {}

impl<D: Device + ?Sized> Device for Box<D> {
    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }

    fn receive(&mut self, pool: &mut Pool, into: &mut VecDeque<Buf>, budget: usize) -> io::Result<Received> {
        (**self).receive(pool, into, budget)
    }

    fn transmit(&mut self, from: &mut VecDeque<Buf>, pool: &mut Pool) -> io::Result<()> {
        (**self).transmit(from, pool)
    }

    fn readiness(&self) -> Readiness {
        (**self).readiness()
    }

    fn set_now(&mut self, now: Instant) {
        (**self).set_now(now);
    }

    fn next_deadline(&self) -> Option<Instant> {
        (**self).next_deadline()
    }
}
