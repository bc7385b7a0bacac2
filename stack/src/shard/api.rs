//! The calls of an application that drives the shard by hand: no runtime, no waiting, every call returns at once.

use super::events::Event;
use super::listeners::{ListenError, Listener};
use super::slot::Owner;
use super::{ConnId, Failure, ListenerId, Shard};
use crate::admission::Backlog;
use crate::buffer::prefetch;
use crate::tcp::{CloseReason, Connection, Context, Info, IoError, Options, TcpState};
use crate::telemetry::Discard;
use crate::wire::{Addr, Endpoint};
use std::net::SocketAddr;

/// Why nothing was accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AcceptError {
    /// The queue is empty.
    #[error("no connection is waiting to be accepted")]
    WouldBlock,
    /// The listener is closed.
    #[error("the listener is closed")]
    Closed,
}

impl Shard {
    /// Listens on `local`; port 0 takes a free ephemeral port, an unspecified address all addresses of the host.
    ///
    /// # Errors
    /// The endpoint is taken or not ours, or a limit is reached.
    pub fn listen(
        &mut self,
        local: SocketAddr,
        backlog: u32,
        options: &Options,
    ) -> Result<ListenerId, ListenError> {
        let mut local = Endpoint::from(local);
        let unspecified = local.addr == Addr::UNSPECIFIED_V4;
        if !unspecified && !self.interface.is_ours(local.addr) {
            return Err(ListenError::NotOurs(local));
        }
        if local.port == 0 {
            let (low, high) = (self.settings.tcp.port_low, self.settings.tcp.port_high);
            let span = u64::from(high.saturating_sub(low)) + 1;
            let start = self.rng.below(span);
            let free = (0..span)
                .map(|i| low + ((start + i) % span) as u16)
                .find(|port| !self.listeners.has_port(*port));
            local.port = free.ok_or(ListenError::NoPort(low, high))?;
        }
        let backlog = Backlog::new(&self.settings.admission, backlog);
        let listener = Listener { local, backlog, options: *options, announced: false, socket: None };
        let id = self.listeners.insert(listener)?;
        Ok(ListenerId { shard: self.number, id })
    }

    /// The endpoint of a listener.
    pub fn listener_addr(&self, id: ListenerId) -> Option<SocketAddr> {
        self.listeners.get(id.id).map(|listener| listener.local.to_socket_addr())
    }

    /// Takes the oldest connection that is waiting at a listener.
    ///
    /// # Errors
    /// Nothing is waiting, or the listener is closed.
    pub fn accept(&mut self, id: ListenerId) -> Result<(ConnId, SocketAddr), AcceptError> {
        loop {
            let listener = self.listeners.get_mut(id.id).ok_or(AcceptError::Closed)?;
            let token = listener.backlog.pop().ok_or(AcceptError::WouldBlock)?;
            let conn = crate::base::Id::from(token);
            // A connection that the peer reset while it waited is gone (RFC 9293 leaves this to the implementation).
            let Some(slot) = self.connections.get_mut(conn) else { continue };
            slot.owner = Owner::Hand;
            let peer = slot.connection.flow().remote.to_socket_addr();
            return Ok((ConnId { shard: self.number, id: conn }, peer));
        }
    }

    /// Changes what the connections of a listener start with, from the next SYN on.
    pub fn set_listener_options(&mut self, id: ListenerId, options: &Options) {
        if let Some(listener) = self.listeners.get_mut(id.id) {
            listener.options = *options;
        }
    }

    /// Whether [`Shard::accept`] would give a connection.
    pub fn accept_waiting(&self, id: ListenerId) -> bool {
        self.listeners.get(id.id).is_some_and(|listener| !listener.backlog.is_empty())
    }

    /// Closes a listener: half-open entries and connections that nobody accepted are reset.
    pub fn close_listener(&mut self, id: ListenerId) {
        let Some(mut listener) = self.listeners.remove(id.id) else { return };
        for removed in self.admission.close_listener(self.now, id.id.index) {
            self.forget_half_open(&removed, Discard::SynListenerGone);
        }
        self.reset_waiting(&mut listener);
    }

    /// Writes as much of `bytes` as there is room for; tells how much.
    ///
    /// # Errors
    /// [`IoError::WouldBlock`] without room; otherwise why nothing can be written any more.
    pub fn write(&mut self, id: ConnId, bytes: &[u8]) -> Result<usize, IoError> {
        self.with(id, |connection, context| connection.write(context, bytes))
    }

    /// As [`Shard::write`], and says that more will follow soon: a short last segment is held back for it, until other
    /// bytes or an acknowledgment come, or for one retransmission time-out.
    ///
    /// # Errors
    /// As [`Shard::write`].
    pub fn write_more(&mut self, id: ConnId, bytes: &[u8]) -> Result<usize, IoError> {
        self.with(id, |connection, context| connection.write_more(context, bytes))
    }

    /// Sends what is queued now, also what Nagle's algorithm, a cork or [`Shard::write_more`] holds back.
    ///
    /// # Errors
    /// There is no such connection.
    pub fn flush(&mut self, id: ConnId) -> Result<(), IoError> {
        self.with(id, |connection, _| {
            connection.flush();
            Ok(())
        })
    }

    /// As [`Shard::write`], and marks the last byte as urgent (RFC 6093: a mark in the stream, no channel of its own).
    ///
    /// # Errors
    /// As [`Shard::write`].
    pub fn write_urgent(&mut self, id: ConnId, bytes: &[u8]) -> Result<usize, IoError> {
        self.with(id, |connection, context| connection.write_urgent(context, bytes))
    }

    /// Bytes from the next one to be read up to the peer's urgent mark, which stands behind its last urgent byte.
    pub fn urgent_mark(&self, id: ConnId) -> Option<usize> {
        self.connections.get(id.id)?.connection.urgent_mark()
    }

    /// Reads into `out`; `Ok(0)` is the end of the stream.
    ///
    /// # Errors
    /// [`IoError::WouldBlock`] where nothing is there yet; otherwise why nothing comes any more.
    pub fn read(&mut self, id: ConnId, out: &mut [u8]) -> Result<usize, IoError> {
        self.with(id, |connection, context| connection.read(context, out))
    }

    /// As [`Shard::read`], but the bytes stay.
    ///
    /// # Errors
    /// As [`Shard::read`].
    pub fn peek(&mut self, id: ConnId, out: &mut [u8]) -> Result<usize, IoError> {
        self.with(id, |connection, _| connection.peek(out))
    }

    /// Ends our direction: FIN follows what was written.
    ///
    /// # Errors
    /// The connection is not there or not open.
    pub fn shutdown(&mut self, id: ConnId) -> Result<(), IoError> {
        self.with(id, |connection, context| {
            connection.shutdown(context);
            Ok(())
        })
    }

    /// Gives the connection up: what was written is still sent and FIN follows, in the background; unread data resets it
    /// (RFC 9293, Section 3.10.4; RFC 2525, Section 2.17). The id is good for [`state`](Self::state) alone.
    pub fn close(&mut self, id: ConnId) {
        if self.connections.get(id.id).is_some() {
            self.end_by_application(id.id.index, Ending::Close);
        }
    }

    /// Resets the connection. The id is no longer valid.
    pub fn abort(&mut self, id: ConnId) {
        if self.connections.get(id.id).is_some() {
            self.end_by_application(id.id.index, Ending::Abort);
        }
    }

    /// The state of a connection by the RFC's name; [`TcpState::Closed`] where there is none.
    pub fn state(&self, id: ConnId) -> TcpState {
        match self.connections.get(id.id) {
            Some(slot) if slot.ended.is_none() => slot.connection.state(),
            Some(_) | None => TcpState::Closed,
        }
    }

    /// Why a connection has ended; `None` while it goes on. One that ended before it was accepted tells it here alone.
    pub fn ended(&self, id: ConnId) -> Option<CloseReason> {
        self.connections.get(id.id)?.ended
    }

    /// Figures of a connection.
    pub fn info(&self, id: ConnId) -> Option<Info> {
        self.connections.get(id.id)?.connection.info()
    }

    /// Both endpoints of a connection: ours, the peer's.
    pub fn endpoints(&self, id: ConnId) -> Option<(SocketAddr, SocketAddr)> {
        let flow = self.connections.get(id.id)?.connection.flow();
        Some((flow.local.to_socket_addr(), flow.remote.to_socket_addr()))
    }

    /// Changes the options of a connection.
    ///
    /// # Errors
    /// There is no such connection.
    pub fn set_options(&mut self, id: ConnId, options: &Options) -> Result<(), IoError> {
        self.with(id, |connection, context| {
            connection.set_options(context, options);
            Ok(())
        })
    }

    /// Room for [`Shard::write`] in bytes.
    pub fn send_space(&self, id: ConnId) -> usize {
        self.connections.get(id.id).map_or(0, |slot| slot.connection.send_space(&self.settings.tcp))
    }

    /// Bytes written that the peer has not acknowledged.
    pub fn send_queued(&self, id: ConnId) -> usize {
        self.connections.get(id.id).map_or(0, |slot| slot.connection.send_queued())
    }

    #[inline]
    fn with<R>(
        &mut self,
        id: ConnId,
        call: impl FnOnce(&mut Connection, &mut Context<'_>) -> Result<R, IoError>,
    ) -> Result<R, IoError> {
        let slot = self.connections.get_mut(id.id).ok_or(IoError::Ended)?;
        prefetch(slot);
        let mut context = Context {
            now: self.now,
            settings: &self.settings.tcp,
            pool: &mut self.pool,
            memory_low: self.memory_low,
        };
        let result = call(&mut slot.connection, &mut context);
        self.touch(id.id.index);
        result
    }

    /// The application is gone; the connection finishes as an orphan, within the limit of orphans.
    pub(crate) fn end_by_application(&mut self, index: u32, ending: Ending) {
        let orphans_full = self.orphans >= self.settings.limits.orphans as usize;
        let Some(slot) = self.connections.at(index) else { return };
        if slot.ended.is_some() {
            return self.release(index);
        }
        let failure = match ending {
            Ending::Close => None,
            Ending::Abort => Some(Failure::Connection(CloseReason::Aborted)),
        };
        self.detach(index, failure, Owner::Orphan);
        let Some(slot) = self.connections.at_mut(index) else { return };
        slot.pending = Default::default();
        let mut context = Context {
            now: self.now,
            settings: &self.settings.tcp,
            pool: &mut self.pool,
            memory_low: self.memory_low,
        };
        let outcome = match ending {
            Ending::Close if orphans_full => {
                self.counters.orphans_refused += 1;
                slot.connection.abort(&mut context)
            }
            Ending::Close => slot.connection.close(&mut context),
            Ending::Abort => slot.connection.abort(&mut context),
        };
        self.settle(index, &outcome);
    }

    /// Resets every connection and closes every listener: what dropping a stack does.
    pub fn reset_all(&mut self) {
        let listeners: Vec<_> = self.listeners.iter().map(|(id, _)| id).collect();
        for id in listeners {
            self.close_listener(ListenerId { shard: self.number, id });
        }
        let connections: Vec<u32> = self.connections.iter().map(|(id, _)| id.index).collect();
        for index in connections {
            self.end_by_application(index, Ending::Abort);
        }
    }

    /// Queues an event that needs no place of its own.
    pub(crate) fn report(&mut self, event: Event) {
        self.events.push_back(super::events::Queued::Ready(event));
    }
}

/// How an application leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// Regularly.
    Close,
    /// By RST.
    Abort,
}
