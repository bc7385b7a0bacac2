//! One neighbour.

use super::NeighborFailure;
use super::list::Queue;
use crate::base::Instant;
use crate::buffer::Buf;
use crate::wire::{Addr, Mac};

/// What is known of a neighbour.
#[derive(Debug)]
pub(super) enum Phase {
    /// It is being asked for and may not be used.
    Pending {
        /// Requests sent.
        requests: u32,
        /// When the first one was sent (before that: when it was wanted).
        since: Instant,
        /// The latest packet for it (RFC 1122, Section 2.3.2.2).
        held: Option<Buf>,
    },
    /// It did not answer.
    Failed(NeighborFailure),
    /// Its address is known and may be used.
    Resolved {
        mac: Mac,
        /// The last ARP packet from it.
        confirmed_at: Instant,
        /// The last time that a packet used it.
        used_at: Option<Instant>,
        /// Requests sent since its life ended.
        requests: u32,
    },
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) addr: Addr,
    pub(super) phase: Phase,
    pub(super) due: Instant,
    pub(super) queue: Queue,
    pub(super) prev: u32,
    pub(super) next: u32,
}
