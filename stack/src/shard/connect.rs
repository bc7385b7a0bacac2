//! `connect`: route, port, table entry and deadline, neighbour, SYN; each step bounded, each failure an error of its own.
//! The walk is in `design.md`, Section 4.

use super::demux::Stores;
use super::slot::{ConnId, Owner, Pending, Slot};
use super::table::{Entry, FlowHash};
use super::timers::Armed;
use super::{Failure, Shard, Token};
use crate::ip::{Hop, NeighborFailure, Resolution};
use crate::tcp::{self, CloseReason, ConnectError, Connection, Context, Options};
use crate::wire::{Addr, Endpoint, FlowKey};
use core::time::Duration;
use std::net::SocketAddr;

impl Shard {
    /// Starts to connect to `remote`. The end of it is [`super::Event::Connected`] or [`super::Event::ConnectFailed`],
    /// within [`Shard::connect_bound`].
    ///
    /// # Errors
    /// What is known at once: an address that cannot be connected to, no route, no free port, a full table, a neighbour
    /// that failed less than a second ago.
    pub fn connect(&mut self, remote: SocketAddr, options: &Options) -> Result<ConnId, ConnectError> {
        self.connect_from(None, remote, options)
    }

    /// As [`Shard::connect`], from a local address or port of the caller's choice (port 0: any).
    ///
    /// # Errors
    /// As [`Shard::connect`], and where the local endpoint is not ours or in use.
    pub fn connect_from(
        &mut self,
        local: Option<SocketAddr>,
        remote: SocketAddr,
        options: &Options,
    ) -> Result<ConnId, ConnectError> {
        let remote = Endpoint::from(remote);
        if remote.port == 0 {
            return Err(ConnectError::NotAPort { to: remote });
        }
        self.interface.check_remote(remote.addr).map_err(|_| ConnectError::NotAHost { to: remote.addr })?;
        let hop = self.routes.lookup(remote.addr);
        let source = match local.map(Endpoint::from).filter(|local| local.addr != Addr::UNSPECIFIED_V4) {
            Some(local) if self.interface.is_ours(local.addr) => local.addr,
            Some(local) => return Err(ConnectError::NotOurs { local: local.addr }),
            None if self.interface.is_ours(remote.addr) => remote.addr,
            None => hop.ok_or(ConnectError::NoRoute { to: remote.addr })?.source,
        };
        let fixed_port = local.map(|local| local.port()).filter(|port| *port != 0);
        let (flow, hash) = self.choose_flow(source, remote, fixed_port)?;
        let iss = tcp::isn::isn(&self.prfs.isn, &flow, self.now);
        let ts_offset = tcp::timestamps::offset(&self.prfs.timestamps, source, remote.addr);
        let our_mss = options.announced_mss(self.mss_over(remote.addr, hop.as_ref()));
        let connection =
            Connection::connect(flow, iss, ts_offset, our_mss, options, &self.settings.tcp, self.now);
        // The entry and its deadline exist before the SYN does, so that nothing that follows can wait for ever.
        let id = self
            .insert_connection(connection, Owner::Hand)
            .ok_or(ConnectError::TooManyConnections { limit: self.settings.limits.connections })?;
        let keys = Stores::of(&self.connections, &self.admission, &self.time_wait);
        self.table.insert(hash, Entry::Connection(id.index), &keys);
        if let Err(error) = self.begin_handshake(id.index, remote.addr, hop) {
            self.discard_connection(id.index);
            return Err(error);
        }
        Ok(ConnId { shard: self.number, id })
    }

    /// The longest that a connect can take, whatever the network does.
    pub fn connect_bound(&self) -> Duration {
        connect_bound(&self.settings)
    }

    /// The flow to `remote` from a free port, or from the fixed one, with its hash.
    fn choose_flow(
        &mut self,
        source: Addr,
        remote: Endpoint,
        fixed: Option<u16>,
    ) -> Result<(FlowKey, FlowHash), ConnectError> {
        let keys = Stores::of(&self.connections, &self.admission, &self.time_wait);
        let (table, listeners) = (&self.table, &self.listeners);
        let free = |port: u16| {
            let flow = FlowKey { local: Endpoint { addr: source, port }, remote };
            // From an endpoint to itself nothing is delivered (see `receive_tcp`): such a connect would only wait for its end.
            if flow.local == remote || listeners.has_port(port) {
                return None;
            }
            let hash = table.hash(&flow);
            table.find(hash, &flow, &keys).is_none().then_some((flow, hash))
        };
        match fixed {
            Some(port) => {
                free(port).ok_or(ConnectError::AddressInUse { local: Endpoint { addr: source, port } })
            }
            None => {
                let (low, high) = (self.settings.tcp.port_low, self.settings.tcp.port_high);
                tcp::ports::search(&self.prfs.ports, &mut self.rng, source, remote, low, high, free)
                    .map_err(|_| ConnectError::PortsExhausted { to: remote })
            }
        }
    }

    /// Sends the SYN to `remote` now, or makes the connection wait for its neighbour.
    fn begin_handshake(&mut self, index: u32, remote: Addr, hop: Option<Hop>) -> Result<(), ConnectError> {
        if self.interface.is_ours(remote) {
            self.start_handshake(index);
            return Ok(());
        }
        let hop = hop.ok_or(ConnectError::NoRoute { to: remote })?;
        match self.neighbor(hop.next_hop) {
            Resolution::Ready { id, .. } => {
                if let Some(slot) = self.connections.at_mut(index) {
                    slot.hop = Some(id);
                }
                self.start_handshake(index);
                Ok(())
            }
            Resolution::Pending(neighbor) => {
                if let Some(slot) = self.connections.at_mut(index) {
                    slot.hop = Some(neighbor);
                    slot.waits_for_neighbor = true;
                }
                let token = self.connections.id_at(index).map(|id| Token::Connection(id).pack());
                match token.map(|token| self.neighbors.wait(neighbor, token)) {
                    Some(Ok(())) | None => Ok(()),
                    Some(Err(_)) => Err(self.neighbor_limit(hop.next_hop)),
                }
            }
            Resolution::Failed(failure) => Err(neighbor_silent(hop.next_hop, &failure)),
            Resolution::Full => Err(self.neighbor_limit(hop.next_hop)),
        }
    }

    /// Asks for a neighbour. One that is known and in use has no deadline that this moves.
    pub(crate) fn neighbor(&mut self, addr: Addr) -> Resolution {
        match self.neighbors.untimed().known(self.now, addr) {
            Some((id, mac)) => Resolution::Ready { id, mac },
            None => self.neighbors.resolve(self.now, addr),
        }
    }

    fn neighbor_limit(&self, neighbor: Addr) -> ConnectError {
        ConnectError::NeighborLimit { neighbor, limit: self.settings.limits.neighbors_unresolved }
    }

    /// The neighbour is known: the SYN and its retransmission time-out start here.
    pub(crate) fn start_handshake(&mut self, index: u32) {
        let Some(slot) = self.connections.at_mut(index) else { return };
        let mut context = Context {
            now: self.now,
            settings: &self.settings.tcp,
            pool: &mut self.pool,
            memory_low: self.memory_low,
        };
        slot.waits_for_neighbor = false;
        slot.connection.start(&mut context);
        self.touch(index);
    }

    /// Ends a connect that no answer can come for.
    pub(crate) fn fail_connect(&mut self, index: u32, error: ConnectError) {
        let Some(id) = self.connections.id_at(index) else { return };
        let Some(slot) = self.connections.at_mut(index) else { return };
        slot.pending = Pending::default();
        let by_hand = matches!(slot.owner, Owner::Hand);
        let failure = Failure::Connection(CloseReason::Connect(error));
        self.detach(index, Some(failure), Owner::Orphan);
        self.discard_connection(index);
        if by_hand {
            let event = super::Event::ConnectFailed(ConnId { shard: self.number, id }, error);
            self.events.push_back(super::events::Queued::Ready(event));
        }
    }

    /// Puts a connection into the slab and arms its first deadline.
    pub(crate) fn insert_connection(
        &mut self,
        connection: Connection,
        owner: Owner,
    ) -> Option<crate::base::Id> {
        let slot = Slot {
            armed: Armed::NOT,
            connection,
            hop: None,
            waits_for_neighbor: false,
            owner,
            queued: false,
            in_table: true,
            pending: Pending::default(),
            ended: None,
        };
        let id = self.connections.insert(slot).ok()?;
        self.arm(id.index);
        Some(id)
    }
}

/// A connect waits for its neighbour, then for its SYN schedule; one of the two failing ends it.
pub(crate) fn connect_bound(settings: &crate::settings::Settings) -> Duration {
    settings.ip.arp_interval * settings.ip.arp_requests + tcp::connect_bound(&settings.tcp)
}

/// What a connect is told of a silent neighbour.
pub(crate) fn neighbor_silent(addr: Addr, failure: &NeighborFailure) -> ConnectError {
    ConnectError::NeighborSilent { neighbor: addr, requests: failure.requests, over: failure.over }
}
