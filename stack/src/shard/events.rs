//! What the shard tells an application that drives it by hand. A connection and a listener stand in the queue at most
//! once each, so the queue is as bounded as they are.

use super::slot::{ConnId, Pending};
use super::{ListenerId, Shard};
use crate::admission::ProtectionEvent;
use crate::base::Id;
use crate::ip::IcmpErrorKind;
use crate::tcp::{CloseReason, ConnectError};
use crate::wire::Addr;
use core::time::Duration;

/// Something happened that an application waits for.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// A connect succeeded.
    Connected(ConnId),
    /// A connect failed; the id is no longer valid.
    ConnectFailed(ConnId, ConnectError),
    /// There are bytes to read, or the end of the stream.
    Readable(ConnId),
    /// There is room to write again.
    Writable(ConnId),
    /// The connection is over. What was received before a regular end can still be read, until the application closes.
    Closed(ConnId, CloseReason),
    /// A listener has connections to accept.
    Incoming(ListenerId),
    /// An echo request was answered.
    Pong(Pong),
    /// An echo request was not answered.
    PingFailed(Addr, u16, PingError),
    /// SYN-attack protection changed its state.
    Protection(ProtectionEvent),
}

/// The answer to an echo request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pong {
    /// Who answered.
    pub from: Addr,
    /// Sequence number of the request.
    pub sequence: u16,
    /// Time from request to reply.
    pub round_trip: Duration,
    /// Bytes of payload that came back.
    pub bytes: usize,
    /// Time to live of the reply when it arrived.
    pub ttl: u8,
}

/// Why an echo request was not answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PingError {
    /// Nothing came back in time.
    #[error("no reply within {0:?}")]
    TimedOut(Duration),
    /// The neighbour does not answer ARP.
    #[error("{addr}: no host answered ARP ({requests} requests in {:.1} s)", over.as_secs_f64())]
    NeighborSilent {
        /// The neighbour that was asked for (the gateway where the destination is off-link).
        addr: Addr,
        /// Requests sent.
        requests: u32,
        /// Over what time.
        over: Duration,
    },
    /// A router or the host said that it cannot be reached.
    #[error("{from} says: {what}")]
    Unreachable {
        /// Who said so.
        from: Addr,
        /// What it said.
        what: IcmpErrorKind,
    },
    /// No route.
    #[error("no route to {0}")]
    NoRoute(Addr),
    /// The address cannot be pinged.
    #[error("{0} cannot be pinged: not a unicast address")]
    NotUnicast(Addr),
    /// Too many requests wait for their reply.
    #[error("{0} echo requests are already waiting for their reply")]
    TooMany(usize),
}

impl From<PingError> for std::io::Error {
    /// The error of std's kind; its source is the [`PingError`].
    fn from(error: PingError) -> Self {
        use std::io::ErrorKind;
        let kind = match error {
            PingError::TimedOut(_) => ErrorKind::TimedOut,
            PingError::NeighborSilent { .. } | PingError::Unreachable { .. } => ErrorKind::HostUnreachable,
            PingError::NoRoute(_) => ErrorKind::NetworkUnreachable,
            PingError::NotUnicast(_) => ErrorKind::InvalidInput,
            PingError::TooMany(_) => ErrorKind::QuotaExceeded,
        };
        Self::new(kind, error)
    }
}

/// One place in the event queue.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Queued {
    Connection(Id),
    Listener(Id),
    Ready(Event),
}

impl Shard {
    /// The next event for an application that drives the shard by hand.
    pub fn poll_event(&mut self) -> Option<Event> {
        loop {
            let Some(first) = self.events.front() else {
                // An attacker can cause these without end: they wait where their number is limited.
                return self.admission.untimed().next_event().map(Event::Protection);
            };
            match first {
                Queued::Connection(id) => {
                    let id = *id;
                    let Some(slot) = self.connections.get_mut(id) else {
                        self.events.pop_front();
                        continue;
                    };
                    let bit = slot.pending.take_one();
                    // With its last event it leaves the queue, or the next one would give it a second place.
                    if slot.pending == Pending::default() {
                        self.events.pop_front();
                    }
                    let conn = ConnId { shard: self.number, id };
                    match bit {
                        Some(Pending::READABLE) => return Some(Event::Readable(conn)),
                        Some(Pending::WRITABLE) => return Some(Event::Writable(conn)),
                        Some(Pending::CONNECTED) => return Some(Event::Connected(conn)),
                        Some(_) => {
                            if let Some(reason) = slot.ended {
                                return Some(Event::Closed(conn, reason));
                            }
                        }
                        None => {}
                    }
                }
                Queued::Listener(id) => {
                    let id = *id;
                    self.events.pop_front();
                    if let Some(listener) = self.listeners.get_mut(id) {
                        listener.announced = false;
                        return Some(Event::Incoming(ListenerId { shard: self.number, id }));
                    }
                }
                Queued::Ready(_) => {
                    if let Some(Queued::Ready(event)) = self.events.pop_front() {
                        return Some(event);
                    }
                }
            }
        }
    }

    /// Places in the event queue: at most one for each connection and listener, and one for each connect and ping that has
    /// ended.
    pub fn events_waiting(&self) -> usize {
        self.events.len()
    }

    /// Marks `bits` of readiness for the application of the connection at `index`.
    pub(crate) fn announce(&mut self, index: u32, bits: u8) {
        let Some((id, slot)) = self.connections.living_at_mut(index) else { return };
        if slot.pending.add(bits) {
            self.events.push_back(Queued::Connection(id));
        }
    }

    /// Marks that a listener has something to accept.
    pub(crate) fn announce_listener(&mut self, id: Id) {
        let Some(listener) = self.listeners.get_mut(id) else { return };
        if !core::mem::replace(&mut listener.announced, true) {
            self.events.push_back(Queued::Listener(id));
        }
    }
}
