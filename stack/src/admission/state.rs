//! What admission shows of itself.

use super::Admission;
use super::half_open::HalfOpenId;
use super::protection::{Counts, Reason};
use crate::base::Instant;
use crate::wire::{FlowKey, SeqNum};
use core::time::Duration;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    pub(super) syns: u64,
    pub(super) refused: u64,
    pub(super) evicted: u64,
    pub(super) retransmitted: u64,
    pub(super) completed: u64,
    pub(super) expired: u64,
    pub(super) reset: u64,
    pub(super) cookies_sent: u64,
    pub(super) cookies_valid: u64,
    pub(super) cookies_late: u64,
    pub(super) cookies_invalid: u64,
}

/// A snapshot of admission. Counters start with the shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    /// What the thresholds are compared with.
    pub counts: Counts,
    /// The most half-open connections that the store holds.
    pub half_open_limit: usize,
    /// Bytes of the store.
    pub memory: usize,
    /// Since when protection holds, and why it started.
    pub protecting: Option<(Instant, Reason)>,
    /// How long calm must last before protection ends, or had to last the last time.
    pub hold_off: Duration,
    /// How often the thresholds were exceeded, with or without effect.
    pub times_exceeded: u64,
    /// Changes of protection that nobody took from the queue in time.
    pub events_lost: u64,
    /// SYNs, repeated ones of half-open connections apart.
    pub syns: u64,
    /// SYNs and valid cookies that found no free place in their listener's backlog.
    pub refused: u64,
    /// Entries that went for a newer one.
    pub evicted: u64,
    /// SYN-ACKs that time sent again.
    pub retransmitted: u64,
    /// Entries that became connections.
    pub completed: u64,
    /// Entries whose time was over.
    pub expired: u64,
    /// Entries that their peer reset.
    pub reset: u64,
    /// Cookies sent.
    pub cookies_sent: u64,
    /// Cookies that became connections.
    pub cookies_valid: u64,
    /// Those of them that came with data or FIN: the third ACK was lost, or the client sent none apart.
    pub cookies_late: u64,
    /// Cookies that were invalid or too old.
    pub cookies_invalid: u64,
}

/// A half-open connection, for a list of connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HalfOpenRow {
    /// Its name.
    pub id: HalfOpenId,
    /// The connection.
    pub flow: FlowKey,
    /// Its listener.
    pub listener: u32,
    /// How often time sent its SYN-ACK again.
    pub retransmitted: u8,
}

impl Admission {
    /// A snapshot.
    pub fn state(&self) -> State {
        let Counters {
            syns,
            refused,
            evicted,
            retransmitted,
            completed,
            expired,
            reset,
            cookies_sent,
            cookies_valid,
            cookies_late,
            cookies_invalid,
        } = self.counters;
        State {
            counts: self.protection.counts(),
            half_open_limit: self.store.limit(),
            memory: self.store.memory(),
            protecting: self.protection.since(),
            hold_off: self.protection.hold_off(),
            times_exceeded: self.protection.times_exceeded(),
            events_lost: self.protection.events_lost(),
            syns,
            refused,
            evicted,
            retransmitted,
            completed,
            expired,
            reset,
            cookies_sent,
            cookies_valid,
            cookies_late,
            cookies_invalid,
        }
    }

    /// Whether protection holds.
    pub fn protecting(&self) -> bool {
        self.protection.protecting()
    }

    /// Half-open connections.
    pub fn half_open_len(&self) -> usize {
        self.store.len()
    }

    /// All half-open connections, in the order of their places.
    pub fn half_open(&self) -> impl Iterator<Item = HalfOpenRow> {
        self.store.iter().map(|(id, entry)| HalfOpenRow {
            id,
            flow: entry.flow,
            listener: entry.listener,
            retransmitted: entry.stage(),
        })
    }

    /// The flow of the half-open connection at a place.
    #[inline]
    pub fn flow_at(&self, index: u32) -> Option<&FlowKey> {
        self.store.at(index).map(|entry| &entry.flow)
    }

    /// The name of the half-open connection at a place.
    #[inline]
    pub fn id_at(&self, index: u32) -> Option<HalfOpenId> {
        self.store.id_at(index)
    }

    /// The listener of a half-open connection.
    pub fn listener_of(&self, id: HalfOpenId) -> Option<u32> {
        self.store.get(id).map(|entry| entry.listener)
    }

    /// Our initial sequence number of a half-open connection: the only one that an ICMP error about its SYN-ACK may quote
    /// (RFC 5927, Section 4.1).
    pub fn iss(&self, id: HalfOpenId) -> Option<SeqNum> {
        self.store.get(id).map(|entry| entry.iss)
    }
}
