//! Applications on a simulated host: they are driven by the host's events and by time.

use crate::base::Instant;
use crate::shard::{ConnId, Event, ListenError, ListenerId, PingError, Shard};
use crate::tcp::{ConnectError, Options};
use core::any::Any;
use core::time::Duration;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// An application on a [`super::HostNode`].
pub trait App: Any {
    /// The world begins.
    fn start(&mut self, context: &mut AppContext<'_>);

    /// Something happened to a connection, listener or echo request of this application.
    fn on_event(&mut self, context: &mut AppContext<'_>, event: Event);

    /// Its deadline has come.
    fn on_time(&mut self, context: &mut AppContext<'_>);

    /// When to call [`App::on_time`] next.
    fn deadline(&self) -> Option<Instant>;

    /// For the owner of the world, who knows the type.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// Which application of a host has which connection, listener or echo identifier.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    pub(crate) connections: BTreeMap<ConnId, usize>,
    pub(crate) listeners: BTreeMap<ListenerId, usize>,
    pub(crate) pings: Option<usize>,
}

/// What an application may do: the calls of [`Shard`], with its connections marked as its own.
pub struct AppContext<'a> {
    pub(crate) shard: &'a mut Shard,
    pub(crate) owners: &'a mut Owners,
    pub(crate) app: usize,
    /// The virtual time.
    pub now: Instant,
}

impl AppContext<'_> {
    /// See [`Shard::listen`].
    ///
    /// # Errors
    /// As there.
    pub fn listen(
        &mut self,
        local: SocketAddr,
        backlog: u32,
        options: &Options,
    ) -> Result<ListenerId, ListenError> {
        let id = self.shard.listen(local, backlog, options)?;
        self.owners.listeners.insert(id, self.app);
        Ok(id)
    }

    /// See [`Shard::connect`].
    ///
    /// # Errors
    /// As there.
    pub fn connect(&mut self, remote: SocketAddr, options: &Options) -> Result<ConnId, ConnectError> {
        let id = self.shard.connect(remote, options)?;
        self.owners.connections.insert(id, self.app);
        Ok(id)
    }

    /// Accepts the next connection of a listener, if there is one.
    pub fn accept(&mut self, listener: ListenerId) -> Option<(ConnId, SocketAddr)> {
        let (id, peer) = self.shard.accept(listener).ok()?;
        self.owners.connections.insert(id, self.app);
        Some((id, peer))
    }

    /// See [`Shard::close`].
    pub fn close(&mut self, id: ConnId) {
        self.owners.connections.remove(&id);
        self.shard.close(id);
    }

    /// See [`Shard::abort`].
    pub fn abort(&mut self, id: ConnId) {
        self.owners.connections.remove(&id);
        self.shard.abort(id);
    }

    /// See [`Shard::ping`]; one application of a host may use it.
    ///
    /// # Errors
    /// As there.
    pub fn ping(&mut self, to: IpAddr, sequence: u16, timeout: Duration) -> Result<(), PingError> {
        self.owners.pings = Some(self.app);
        self.shard.ping(to, self.app as u16, sequence, 56, timeout)
    }

    /// The stack, for its other calls.
    pub fn shard(&mut self) -> &mut Shard {
        self.shard
    }
}
