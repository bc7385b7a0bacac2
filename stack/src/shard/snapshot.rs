//! What a shard tells of itself: counters, memory by kind, and the connection list in the manner of `ss`.

use super::{Shard, Slot};
use crate::admission::State as AdmissionState;
use crate::tcp::TcpState;
use crate::telemetry::{Account, Discards, TakenCounts};
use core::time::Duration;
use std::net::SocketAddr;

/// Events that were counted since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Turns taken.
    pub turns: u64,
    /// Frames received.
    pub frames_received: u64,
    /// Frames given to the device or to ourselves.
    pub frames_sent: u64,
    /// TCP segments with good checksums.
    pub segments_received: u64,
    /// TCP segments sent.
    pub segments_sent: u64,
    /// SYNs that reached a listener.
    pub syns_received: u64,
    /// Connections that became established, in either direction.
    pub connected: u64,
    /// Connections that a listener took.
    pub accepted: u64,
    /// Connects that failed.
    pub connects_failed: u64,
    /// RSTs sent.
    pub resets_sent: u64,
    /// Echo requests answered.
    pub echoes_answered: u64,
    /// Datagrams put together from fragments.
    pub reassembled: u64,
    /// Datagrams whose fragments did not all come in time.
    pub reassembly_timeouts: u64,
    /// TIME-WAIT records that retired early, at their limit.
    pub time_wait_retired: u64,
    /// Closes that became resets, at the limit of orphans.
    pub orphans_refused: u64,
    /// Turns near the memory budget.
    pub memory_low_turns: u64,
    /// The longest turn by the driver's clock.
    pub longest_turn: Duration,
}

/// Memory held, in bytes by kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MemoryReport {
    /// Connections: the pages of their slab.
    pub connections: usize,
    /// The index of the table.
    pub table: usize,
    /// Half-open entries.
    pub half_open: usize,
    /// TIME-WAIT records.
    pub time_wait: usize,
    /// Timers.
    pub timers: usize,
    /// Neighbours.
    pub neighbors: usize,
    /// Fragments that wait for others.
    pub fragments: usize,
    /// Free buffers.
    pub pool: usize,
    /// Buffers in use.
    pub buffers: usize,
}

/// One line of the connection list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectionRow {
    /// Our endpoint.
    pub local: SocketAddr,
    /// The peer's.
    pub remote: SocketAddr,
    /// State by the RFC's name.
    pub state: TcpState,
    /// Bytes received that the application has not read.
    pub receive_queue: usize,
    /// Bytes written that the peer has not acknowledged.
    pub send_queue: usize,
}

/// All of it at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Counters.
    pub counters: Counters,
    /// What received frames were taken for.
    pub taken: TakenCounts,
    /// Discards by reason.
    pub discards: Discards,
    /// Memory.
    pub memory: MemoryReport,
    /// Admission and protection.
    pub admission: AdmissionState,
    /// Connections in the slab.
    pub connections: usize,
    /// Connections whose application is gone.
    pub orphans: usize,
    /// TIME-WAIT records.
    pub time_wait: usize,
    /// Neighbour entries.
    pub neighbors: usize,
    /// Datagrams of which fragments are missing.
    pub fragmented: usize,
    /// Datagrams of which fragments were missing and that made way for newer ones.
    pub reassembly_evicted: u64,
}

impl Snapshot {
    /// What became of the frames that were received; it balances at any moment between turns.
    pub fn account(&self) -> Account {
        Account::of(self.counters.frames_received, &self.taken, &self.discards)
    }
}

impl Slot {
    /// Its line of the connection list.
    pub(crate) fn row(&self) -> ConnectionRow {
        let flow = self.connection.flow();
        ConnectionRow {
            local: flow.local.to_socket_addr(),
            remote: flow.remote.to_socket_addr(),
            state: self.connection.state(),
            receive_queue: self.connection.info().map_or(0, |info| info.unread as usize),
            send_queue: self.connection.send_queued(),
        }
    }
}

impl Shard {
    /// Everything that can be said in constant time.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            counters: self.counters,
            taken: self.taken.clone(),
            discards: self.discards.clone(),
            memory: self.memory(),
            admission: self.admission.state(),
            connections: self.connections.len(),
            orphans: self.orphans,
            time_wait: self.time_wait.len(),
            neighbors: self.neighbors.len(),
            fragmented: self.reassembly.len(),
            reassembly_evicted: self.reassembly.evicted(),
        }
    }

    /// As [`Snapshot::account`].
    pub fn account(&self) -> Account {
        Account::of(self.counters.frames_received, &self.taken, &self.discards)
    }

    /// Memory held by kind.
    pub fn memory(&self) -> MemoryReport {
        MemoryReport {
            connections: self.connections.memory(),
            table: self.table.memory(),
            half_open: self.admission.state().memory,
            time_wait: self.time_wait.memory(),
            timers: self.timers.memory(),
            neighbors: self.neighbors.memory(),
            fragments: self.reassembly.memory(),
            pool: self.pool.held(),
            buffers: self.pool.outstanding() + self.unread_memory as usize,
        }
    }

    /// The connection list, TIME-WAIT records left out.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionRow> {
        self.connections.iter().map(|(_, slot)| slot.row())
    }

    /// Timers armed, entries in the table: what must be zero when nothing is going on.
    pub fn idle_state(&self) -> (usize, usize) {
        (self.timers_armed(), self.table.len())
    }

    /// The driver's measure of a turn by its own clock.
    pub fn record_turn(&mut self, took: Duration) {
        self.counters.longest_turn = self.counters.longest_turn.max(took);
    }
}
