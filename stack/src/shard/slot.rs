//! One connection in the shard: the pure connection, and what the shard knows of it.

use super::cell::Attached;
use super::timers::Armed;
use crate::base::Id;
use crate::ip::NeighborId;
use crate::tcp::{CloseReason, Connection};

/// Names a connection of a stack for as long as it lives; a stale id finds nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnId {
    /// The shard that owns it.
    pub shard: u16,
    pub(crate) id: Id,
}

/// Who holds the other end of a connection.
pub(crate) enum Owner {
    /// An application that drives the shard by hand.
    Hand,
    /// A socket.
    Cell(Attached),
    /// It stands in a listener's accept queue.
    Accept,
    /// Nobody: the connection finishes in the background.
    Orphan,
}

/// A connection and its place in the shard.
pub(crate) struct Slot {
    pub(crate) connection: Connection,
    /// The neighbour that the last segment went to.
    pub(crate) hop: Option<NeighborId>,
    /// In SYN-SENT, before the first SYN.
    pub(crate) waits_for_neighbor: bool,
    pub(crate) owner: Owner,
    /// Its timer.
    pub(crate) armed: Armed,
    /// It stands in the transmit queue of the shard.
    pub(crate) queued: bool,
    /// Its flow is in the table (until it ended or became a TIME-WAIT record).
    pub(crate) in_table: bool,
    /// Events that the application has not taken yet; the connection stands in the event queue when there are any.
    pub(crate) pending: Pending,
    /// Why it ended, once it did.
    pub(crate) ended: Option<CloseReason>,
}

/// Readiness that an application has not heard of yet.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Pending(pub(crate) u8);

impl Pending {
    pub(crate) const CONNECTED: u8 = 1;
    pub(crate) const READABLE: u8 = 2;
    pub(crate) const WRITABLE: u8 = 4;
    pub(crate) const CLOSED: u8 = 8;
    /// The peer's FIN, for sockets alone.
    pub(crate) const END: u8 = 16;

    /// Adds `bits`; whether nothing was pending before.
    pub(crate) fn add(&mut self, bits: u8) -> bool {
        let was_empty = self.0 == 0;
        self.0 |= bits;
        was_empty && self.0 != 0
    }

    /// Takes the lowest pending bit.
    pub(crate) fn take_one(&mut self) -> Option<u8> {
        let bit = self.0 & self.0.wrapping_neg();
        self.0 &= !bit;
        (bit != 0).then_some(bit)
    }
}
