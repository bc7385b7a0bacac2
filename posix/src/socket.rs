//! One socket: where it is in its life, what it was told, and what it has to tell.

use super::Errno;
use super::address::Family;
use super::option::Choices;
use std::net::SocketAddr;
use synward::base::Instant;
use synward::shard::{ConnId, ListenerId};

/// Where a socket is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// Neither connected nor listening, or no longer.
    Fresh,
    /// `connect` is under way.
    Connecting(ConnId),
    /// `listen` was called.
    Listening(ListenerId),
    /// It is or was connected; the connection has ended where the flag says so.
    Connected { id: ConnId, ended: bool },
}

/// How often something happened that an edge-triggered set tells once.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Edges {
    /// Data, the end of the stream, a connection to accept.
    pub(crate) readable: u64,
    /// Room to write again, or a connect that is done.
    pub(crate) writable: u64,
    /// An error or the end.
    pub(crate) ended: u64,
}

/// One socket.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) family: Family,
    pub(crate) phase: Phase,
    pub(crate) nonblocking: bool,
    pub(crate) bound: Option<SocketAddr>,
    pub(crate) choices: Choices,
    /// What the next call reports, once (`SO_ERROR`).
    pub(crate) error: Option<Errno>,
    /// `shutdown` of the receiving direction.
    pub(crate) read_shut: bool,
    /// `shutdown` of the sending direction, also before there is a connection.
    pub(crate) write_shut: bool,
    /// A connect is done that no call of `connect` has told of.
    pub(crate) connect_untold: bool,
    /// A write found no room, or a poll said so: the next room is news.
    pub(crate) no_space: bool,
    pub(crate) edges: Edges,
    /// When `connect` began to wait.
    pub(crate) waits_until: Option<Instant>,
}

impl Socket {
    pub(crate) fn new(family: Family, nonblocking: bool) -> Self {
        Self {
            family,
            phase: Phase::Fresh,
            nonblocking,
            bound: None,
            choices: Choices::default(),
            error: None,
            read_shut: false,
            write_shut: false,
            connect_untold: false,
            no_space: false,
            edges: Edges::default(),
            waits_until: None,
        }
    }

    /// The connection, whatever its state.
    pub(crate) fn connection(&self) -> Option<ConnId> {
        match self.phase {
            Phase::Connecting(id) | Phase::Connected { id, .. } => Some(id),
            Phase::Fresh | Phase::Listening(_) => None,
        }
    }

    /// The pending error, which is told once.
    pub(crate) fn take_error(&mut self) -> Result<(), Errno> {
        self.error.take().map_or(Ok(()), Err)
    }
}
