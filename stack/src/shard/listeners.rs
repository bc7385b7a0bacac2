//! Listeners: which endpoint has one, and its accept queue.

use super::{Failure, StackError};
use crate::admission::Backlog;
use crate::base::{Id, Slab};
use crate::sync::{ListenerShard, WakeList};
use crate::tcp::Options;
use crate::wire::{Addr, Endpoint};

/// Names a listener of a stack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ListenerId {
    /// The shard that owns it.
    pub shard: u16,
    pub(crate) id: Id,
}

/// Why a listener could not be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ListenError {
    /// Another listener has the endpoint.
    #[error("{0}: address already in use by another listener of this stack")]
    InUse(Endpoint),
    /// The address is none of the stack's.
    #[error("{0}: not an address of this stack; bind one of its own, or 0.0.0.0 for all of them")]
    NotOurs(Endpoint),
    /// The limit of listeners is reached.
    #[error("no more than {0} listeners (setting limits.listeners)")]
    Limit(u32),
    /// No ephemeral port is free for port 0.
    #[error("no free port in {0} to {1} (settings tcp.port-low and tcp.port-high)")]
    NoPort(u16, u16),
}

impl From<ListenError> for std::io::Error {
    fn from(error: ListenError) -> Self {
        use std::io::ErrorKind;
        let kind = match error {
            ListenError::InUse(_) | ListenError::NoPort(..) => ErrorKind::AddrInUse,
            ListenError::NotOurs(_) => ErrorKind::AddrNotAvailable,
            ListenError::Limit(_) => ErrorKind::OutOfMemory,
        };
        Self::new(kind, error)
    }
}

/// One listener.
pub(crate) struct Listener {
    pub(crate) local: Endpoint,
    pub(crate) backlog: Backlog,
    /// What accepted connections start with.
    pub(crate) options: Options,
    /// It stands in the event queue.
    pub(crate) announced: bool,
    /// Where its connections go, if it is a socket's.
    pub(crate) socket: Option<SocketQueue>,
}

/// The accept queue of a listening socket. The tokens of its connections stay in the backlog until the application has
/// taken them, so that admission sees a full backlog as full.
pub(crate) struct SocketQueue {
    pub(crate) half: ListenerShard<Failure>,
    /// Connections handed over whose tokens stand in the backlog, at its front.
    pub(crate) handed: usize,
}

impl Listener {
    /// Takes the connections that the application has taken out of the backlog.
    pub(crate) fn retire_taken(&mut self) {
        let Some(queue) = &mut self.socket else { return };
        let waiting = queue.half.len();
        while queue.handed > waiting {
            queue.handed -= 1;
            self.backlog.pop();
        }
    }
}

/// All listeners of a shard.
pub(crate) struct Listeners {
    slab: Slab<Listener>,
    /// In the order of ports, then of addresses: looked up at every SYN, changed hardly ever. An unspecified address
    /// listens on all of ours.
    by_port: Vec<(u16, Addr, Id)>,
}

impl Listeners {
    pub(crate) fn new(limit: u32) -> Self {
        Self { slab: Slab::with_limit(limit as usize), by_port: Vec::new() }
    }

    pub(crate) fn insert(&mut self, listener: Listener) -> Result<Id, ListenError> {
        let local = listener.local;
        let Err(place) = self.place(local) else { return Err(ListenError::InUse(local)) };
        let limit = self.slab.limit() as u32;
        let id = self.slab.insert(listener).map_err(|_| ListenError::Limit(limit))?;
        self.by_port.insert(place, (local.port, local.addr, id));
        Ok(id)
    }

    /// The listeners on `port`, in the order of their addresses. Ports alone are compared: that is cheap.
    #[inline]
    fn on_port(&self, port: u16) -> &[(u16, Addr, Id)] {
        let first = self.by_port.partition_point(|(own, ..)| *own < port);
        let (_, rest) = self.by_port.split_at_checked(first).unwrap_or_default();
        let len = rest.partition_point(|(own, ..)| *own == port);
        rest.get(..len).unwrap_or_default()
    }

    /// Where the listener on exactly `local` stands, or would stand.
    fn place(&self, local: Endpoint) -> Result<usize, usize> {
        self.by_port.binary_search_by_key(&(local.port, local.addr), |(port, addr, _)| (*port, *addr))
    }

    /// Whether any listener has `port`.
    #[inline]
    pub(crate) fn has_port(&self, port: u16) -> bool {
        !self.on_port(port).is_empty()
    }

    pub(crate) fn remove(&mut self, id: Id) -> Option<Listener> {
        let listener = self.slab.remove(id)?;
        if let Ok(place) = self.place(listener.local) {
            self.by_port.remove(place);
        }
        Some(listener)
    }

    /// The listener for a SYN to `local`: one on exactly this address before one on all.
    #[inline]
    pub(crate) fn find(&self, local: Endpoint) -> Option<Id> {
        let on_port = match self.on_port(local.port) {
            [(_, own, id)] => return (*own == local.addr || *own == Addr::UNSPECIFIED_V4).then_some(*id),
            several => several,
        };
        let on = |addr: Addr| on_port.binary_search_by(|(_, own, _)| own.cmp(&addr));
        let place = on(local.addr).or_else(|_| on(Addr::UNSPECIFIED_V4)).ok()?;
        on_port.get(place).map(|(.., id)| *id)
    }

    pub(crate) fn get_mut(&mut self, id: Id) -> Option<&mut Listener> {
        self.slab.get_mut(id)
    }

    pub(crate) fn get(&self, id: Id) -> Option<&Listener> {
        self.slab.get(id)
    }

    /// Fails the sockets of all listeners.
    pub(crate) fn fail_sockets(&mut self, cause: &StackError, wakes: &mut WakeList) {
        let ids: Vec<_> = self.slab.iter().map(|(id, _)| id).collect();
        for id in ids {
            let Some(listener) = self.slab.get_mut(id) else { continue };
            listener.retire_taken();
            if let Some(queue) = listener.socket.take() {
                queue.half.fail(Failure::Stack(cause.clone()), wakes);
            }
        }
    }

    /// The listener at a place, for admission's entries.
    pub(crate) fn id_at(&self, index: u32) -> Option<Id> {
        self.slab.id_at(index)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id, &Listener)> {
        self.slab.iter()
    }
}
