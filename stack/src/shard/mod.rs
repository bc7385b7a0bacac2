//! The turn of one shard: receive → expire → commands → transmit. A shard owns its table, its timers, its neighbours and
//! its connections; everything that touches them has `&mut Shard`, and no lock exists that could be left behind.

mod api;
pub mod bounds;
mod cell;
pub mod cell_options;
pub mod commands;
mod connect;
mod demux;
mod events;
mod expire;
mod failure;
mod fragments;
mod icmp;
mod listeners;
mod ping;
mod receive;
mod settle;
mod slot;
mod snapshot;
mod table;
mod table_part;
mod timed;
mod timers;
mod train;
mod transmit;
mod turn;
mod wheel;

pub use api::AcceptError;
pub use events::{Event, PingError, Pong};
pub use failure::{Failure, StackError};
pub use listeners::{ListenError, ListenerId};
pub use slot::ConnId;
pub use snapshot::{ConnectionRow, Counters, MemoryReport, Snapshot};
pub use turn::{Defect, Progress, Step, Turn};

use crate::admission::Admission;
use crate::base::rate::SharedBudget;
use crate::base::{Id, Instant, Prf, Rng, Secrets, Slab};
use crate::buffer::{Buf, Capabilities, Pool};
use crate::ip::{self, Identifications, Interface, Neighbors, PathMtus, Reassembly, Routes};
use crate::settings::Settings;
use crate::sync::{Arc as SyncArc, Mailbox, WakeList};
use crate::tcp::time_wait::TimeWaitStore;
use crate::telemetry::{Discards, TakenCounts};
use crate::wire::Addr;
use listeners::Listeners;
use slot::Slot;
use std::collections::VecDeque;
use std::sync::Arc;
use table::FlowTable;
use timed::Timed;
use timers::Timers;

/// What a host is, besides its settings.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Its addresses, each with the length of its on-link prefix.
    pub addresses: Vec<(std::net::IpAddr, u8)>,
    /// Routes through gateways: destination, prefix length, gateway.
    pub routes: Vec<(std::net::IpAddr, u8, std::net::IpAddr)>,
    /// Settings.
    pub settings: Settings,
}

impl HostConfig {
    /// A host with one address.
    pub fn new(address: std::net::IpAddr, prefix_len: u8) -> Self {
        Self { addresses: vec![(address, prefix_len)], routes: Vec::new(), settings: Settings::default() }
    }

    /// With a default route through `gateway`.
    #[must_use]
    pub fn gateway(mut self, gateway: std::net::IpAddr) -> Self {
        self.routes.push((Addr::UNSPECIFIED_V4.to_ip(), 0, gateway));
        self
    }

    /// With other settings.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }
}

/// Why a host cannot be built.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConfigError {
    /// An address or its prefix.
    #[error("address {0}: {1}")]
    Address(std::net::IpAddr, String),
    /// A route.
    #[error("route to {0}/{1}: {2}")]
    Route(std::net::IpAddr, u8, String),
    /// No address.
    #[error("a host needs at least one address")]
    NoAddress,
}

/// The keyed functions of a shard, one for each use.
pub(crate) struct Prfs {
    pub(crate) isn: Prf,
    pub(crate) timestamps: Prf,
    pub(crate) ports: Prf,
}

/// Frames on their way.
#[derive(Default)]
pub(crate) struct Queues {
    /// From the device, to be looked at in this turn.
    pub(crate) received: VecDeque<Buf>,
    /// To ourselves, to be looked at in the next turn.
    pub(crate) looped: VecDeque<Buf>,
    /// To the device.
    pub(crate) transmit: VecDeque<Buf>,
}

/// Who waits for a neighbour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Token {
    /// A connection in SYN-SENT.
    Connection(Id),
    /// An echo request.
    Ping(u32),
}

impl Token {
    const PING: u64 = 1 << 63;

    pub(crate) fn pack(self) -> u64 {
        match self {
            // A generation uses at most 31 bits here: it only has to differ from the last few.
            Self::Connection(id) => u64::from(id) & !Self::PING,
            Self::Ping(index) => Self::PING | u64::from(index),
        }
    }

    pub(crate) fn unpack(token: u64) -> Self {
        if token & Self::PING != 0 { Self::Ping(token as u32) } else { Self::Connection(Id::from(token)) }
    }
}

/// One host's (or one core's part of a host's) whole protocol state, and its turn.
pub struct Shard {
    pub(crate) number: u16,
    pub(crate) now: Instant,
    pub(crate) settings: Settings,
    pub(crate) capabilities: Capabilities,
    pub(crate) prfs: Prfs,
    pub(crate) rng: Rng,
    pub(crate) interface: Interface,
    /// Source and destination of the last good packet; the interface never changes after it was made.
    pub(crate) known_pair: Option<(Addr, Addr)>,
    pub(crate) routes: Timed<Routes>,
    pub(crate) neighbors: Timed<Neighbors>,
    pub(crate) identifications: Identifications,
    pub(crate) path_mtus: Timed<PathMtus>,
    pub(crate) reassembly: Timed<Reassembly>,
    pub(crate) icmp_budget: SharedBudget,
    pub(crate) reset_budget: SharedBudget,
    pub(crate) pings: Timed<ping::Pings>,
    pub(crate) admission: Timed<Admission>,
    pub(crate) listeners: Listeners,
    pub(crate) table: FlowTable,
    pub(crate) connections: Slab<Slot>,
    /// Place of the connection that the last segment was for or from.
    pub(crate) last: u32,
    pub(crate) timers: Timers,
    /// The first deadline of all parts that are [`Timed`], unless one of them was touched.
    pub(crate) parts_due_at: Instant,
    pub(crate) time_wait: Timed<TimeWaitStore>,
    pub(crate) orphans: usize,
    pub(crate) queues: Queues,
    pub(crate) ready: VecDeque<u32>,
    pub(crate) pool: Pool,
    pub(crate) memory_low: bool,
    pub(crate) events: VecDeque<events::Queued>,
    pub(crate) taken: TakenCounts,
    pub(crate) discards: Discards,
    pub(crate) counters: Counters,
    pub(crate) progress: Arc<Progress>,
    pub(crate) defect: Option<Defect>,
    /// Where sockets reach the shard; `None`: it is driven by hand alone.
    pub(crate) applications: Option<Box<commands::Applications>>,
    /// The command that is being carried out.
    pub(crate) in_hand: Option<commands::Command>,
    pub(crate) mailbox: Option<SyncArc<Mailbox<Failure>>>,
    /// Sockets' connections with news of this turn, each once.
    pub(crate) due: VecDeque<Id>,
    /// Whom to wake after the turn.
    pub(crate) wakes: WakeList,
    /// Memory of received chunks that lie in cells.
    pub(crate) unread_memory: u64,
    /// Buffers of each class that went from the pool to applications, less those that came.
    pub(crate) lent: [i64; 4],
    pub(crate) spare: Vec<Buf>,
    pub(crate) draining: Option<commands::Draining>,
    pub(crate) stopped: Option<StackError>,
}

impl Shard {
    /// A host with `capabilities` of its device.
    ///
    /// # Errors
    /// An address, prefix or route that makes no sense.
    pub fn new(
        config: HostConfig,
        capabilities: Capabilities,
        secrets: &Secrets,
        now: Instant,
    ) -> Result<Self, ConfigError> {
        let HostConfig { addresses, routes, settings } = config;
        let mut interface = Interface::new(capabilities.mac, capabilities.mtu);
        for (address, prefix_len) in &addresses {
            let told = |error: ip::AddressError| ConfigError::Address(*address, error.to_string());
            interface.add((*address).into(), *prefix_len).map_err(told)?;
        }
        if addresses.is_empty() {
            return Err(ConfigError::NoAddress);
        }
        let mut table = Routes::new(&settings.ip, &interface);
        for (destination, prefix_len, gateway) in routes {
            let told = |error: &dyn std::fmt::Display| {
                ConfigError::Route(destination, prefix_len, error.to_string())
            };
            let prefix = ip::Prefix::new(destination.into(), prefix_len).map_err(|e| told(&e))?;
            table.add(&interface, ip::Route::via(prefix, gateway.into())).map_err(|e| told(&e))?;
        }
        let limits = &settings.limits;
        let answers = settings.ip.answers_per_second;
        let mut shard = Self {
            number: 0,
            now,
            capabilities,
            prfs: Prfs {
                isn: secrets.prf("isn"),
                timestamps: secrets.prf("timestamps"),
                ports: secrets.prf("ports"),
            },
            rng: secrets.rng("shard"),
            interface,
            known_pair: None,
            routes: Timed::new(table),
            neighbors: Timed::new(Neighbors::new(&settings.ip, limits)),
            identifications: Identifications::new(secrets.prf("identifications")),
            path_mtus: Timed::new(PathMtus::new(&settings.ip, limits)),
            reassembly: Timed::new(Reassembly::new(&settings.ip, limits)),
            icmp_budget: SharedBudget::per_second(answers, secrets.rng("icmp-budget"), now),
            reset_budget: SharedBudget::per_second(answers, secrets.rng("reset-budget"), now),
            pings: Timed::new(ping::Pings::default()),
            admission: Timed::new(Admission::new(&settings.admission, &settings.tcp, limits, secrets, now)),
            listeners: Listeners::new(limits.listeners),
            table: FlowTable::new(secrets.prf("table"), limits.half_open as usize),
            connections: Slab::with_limit(limits.connections as usize),
            last: 0,
            timers: Timers::new(now),
            parts_due_at: Instant::FAR_FUTURE,
            time_wait: Timed::new(TimeWaitStore::new(limits.time_wait as usize, settings.tcp.time_wait)),
            orphans: 0,
            queues: Queues::default(),
            ready: VecDeque::new(),
            pool: Pool::new(limits.pool as usize),
            memory_low: false,
            events: VecDeque::new(),
            taken: TakenCounts::default(),
            discards: Discards::default(),
            counters: Counters::default(),
            progress: Arc::new(Progress::default()),
            defect: None,
            applications: None,
            in_hand: None,
            mailbox: None,
            due: VecDeque::new(),
            wakes: WakeList::new(),
            unread_memory: 0,
            lent: [0; 4],
            spare: Vec::new(),
            draining: None,
            stopped: None,
            settings,
        };
        shard.admission.limit_answers(answers);
        for own in shard.interface.addresses() {
            shard.neighbors.announce(now, own.addr);
        }
        Ok(shard)
    }

    /// Its addresses.
    pub fn addresses(&self) -> impl Iterator<Item = std::net::IpAddr> {
        self.interface.addresses().iter().map(|own| own.addr.to_ip())
    }

    /// The settings it runs with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Largest segment that we take from and send to `remote` at first: the link's MTU less the headers.
    pub(crate) fn mss_to(&self, remote: Addr) -> u16 {
        self.mss_over(remote, self.routes.lookup(remote).as_ref())
    }

    /// As [`Shard::mss_to`], where the first hop is known.
    pub(crate) fn mss_over(&self, remote: Addr, hop: Option<&ip::Hop>) -> u16 {
        let learned = hop.map(|hop| self.path_mtus.lookup(self.now, remote, hop).mtu);
        // To ourselves, and where no route is left: the link's.
        let mtu = learned.unwrap_or(self.interface.mtu());
        let mss = mtu.saturating_sub(40);
        if self.settings.tcp.mss == 0 { mss } else { mss.min(self.settings.tcp.mss) }
    }
}
