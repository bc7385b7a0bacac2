//! Neighbours: who on the link has which address (RFC 826; RFC 1122, Section 2.3.2).
//!
//! A connect that needs a neighbour does not queue its SYN here: it waits as a token, and **every** token is told when the
//! neighbour answers or does not. Work that is due comes out of [`Neighbors::poll`] one action at a time, so that ten
//! thousand failures in one instant are ten thousand short steps and not one long one; nothing is done per packet for
//! them.
//!
//! What an attacker on the link can do: entries that nobody asked for live in a part of their own of at most
//! [`LEARNED_MAX`] entries and push out only each other; entries that we asked for are pushed out only by age, or when
//! unused. Unresolved entries exist only for addresses that the stack itself wants to reach.

mod announce;
mod arp;
mod entry;
mod list;
mod poll;
#[cfg(test)]
mod tests;

use crate::base::{Id, Instant, Slab};
use crate::buffer::Buf;
use crate::settings;
use crate::wire::{Addr, Mac};
use announce::Announcements;
use core::fmt;
use core::time::Duration;
use entry::{Entry, Phase};
use list::{Lists, Queue};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub use arp::ArpOutcome;

/// Most entries that are learned from requests to us without being wanted yet.
pub const LEARNED_MAX: usize = 256;

/// Most bytes of packets held for unresolved neighbours, all together.
pub const HELD_MAX: usize = 4 << 20;

/// Entries looked at to find one that may be pushed out.
const EVICTION_STEPS: usize = 16;

/// Names a neighbour entry for as long as it lives; a stale one finds nothing. An entry is resolved at most once: when it
/// fails or dies, the next try has a new id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NeighborId(pub Id);

/// A neighbour that did not answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub struct NeighborFailure {
    /// ARP requests sent.
    pub requests: u32,
    /// From the first request to the end of the wait for an answer to the last.
    pub over: Duration,
    /// When it was given up.
    pub at: Instant,
}

impl fmt::Display for NeighborFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, over, at: _ } = self;
        let s = if *requests == 1 { "" } else { "s" };
        write!(f, "no host answered ARP ({requests} request{s} in {:.1} s)", over.as_secs_f64())
    }
}

/// What is known when a packet wants to go to a neighbour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Resolution {
    /// It may go.
    Ready {
        /// For [`Neighbors::mac`].
        id: NeighborId,
        /// The neighbour's link-layer address.
        mac: Mac,
    },
    /// The neighbour is being asked: [`Neighbors::wait`] or [`Neighbors::hold`].
    Pending(NeighborId),
    /// It did not answer a moment ago (`settings.arp_failure`).
    Failed(NeighborFailure),
    /// `limits.neighbors_unresolved` is reached, or `limits.neighbors` and every entry is in use.
    Full,
}

/// Why a token cannot wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WaitError {
    /// The id is stale or the neighbour is not being asked any more: resolve again.
    #[error("the neighbour is not being resolved")]
    NotPending,
    /// As many tokens wait as there may be connections.
    #[error("too many connections wait for neighbours")]
    Full,
}

/// Something to do for a neighbour.
#[derive(Debug)]
#[must_use]
pub enum NeighborAction {
    /// Send an ARP request for `addr`, by broadcast or to the one address that it had.
    SendRequest {
        /// Whose link-layer address is asked for.
        addr: Addr,
        /// Where to; `None`: to all stations.
        unicast: Option<Mac>,
    },
    /// Send an ARP request by broadcast whose sender and target address are both `addr`, ours (RFC 5227, Section 2.3).
    Announce {
        /// Our address.
        addr: Addr,
    },
    /// The neighbour answered: tell the waiters, send the held packet.
    Resolved {
        /// Its entry.
        id: NeighborId,
        /// Its address.
        addr: Addr,
        /// Its link-layer address.
        mac: Mac,
        /// The latest packet for it.
        held: Option<Buf>,
    },
    /// The neighbour did not answer: tell the waiters, give the held packet back to the pool.
    Failed {
        /// Its entry.
        id: NeighborId,
        /// Its address.
        addr: Addr,
        /// What was tried.
        failure: NeighborFailure,
        /// The latest packet for it.
        held: Option<Buf>,
    },
}

/// A neighbour's state, for people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NeighborState {
    /// Being asked for.
    Pending,
    /// Did not answer; remembered for a moment.
    Failed,
    /// Known from a request to us, not needed yet.
    Learned,
    /// Known.
    Reachable,
    /// Known and in use; its life is over and it is being asked again.
    Reasking,
}

/// One line of the neighbour list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NeighborInfo {
    /// The neighbour.
    pub addr: Addr,
    /// Its link-layer address, where it is known.
    pub mac: Option<Mac>,
    /// Its state.
    pub state: NeighborState,
    /// Requests sent in this state.
    pub requests: u32,
    /// When ARP last confirmed it, where that happened.
    pub confirmed_at: Option<Instant>,
    /// When a packet last used it.
    pub used_at: Option<Instant>,
}

/// What happened so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NeighborCounters {
    /// Requests sent, unicast ones included.
    pub requests: u64,
    /// Replies sent.
    pub replies: u64,
    /// Neighbours that answered when asked.
    pub resolved: u64,
    /// Neighbours that did not.
    pub failed: u64,
    /// Resolutions refused at a limit.
    pub refused: u64,
    /// Entries learned from requests to us.
    pub learned: u64,
    /// Entries pushed out by newer ones.
    pub evicted: u64,
    /// Entries whose link-layer address changed.
    pub changed: u64,
    /// ARP packets of others that claim an address of ours (RFC 5227, Section 2.4).
    pub conflicts: u64,
    /// Packets that could not be held because [`HELD_MAX`] is reached.
    pub held_refused: u64,
}

/// A resolution that ended and whose waiters are to be told.
#[derive(Debug)]
struct Completed {
    id: NeighborId,
    addr: Addr,
    outcome: Result<Mac, NeighborFailure>,
    held: Option<Buf>,
    at: Instant,
    /// `poll` gave it out.
    told: bool,
}

/// The neighbour table.
pub struct Neighbors {
    requests_max: u32,
    interval: Duration,
    failure: Duration,
    life: Duration,
    life_used: Duration,
    resolved_max: usize,
    unresolved_max: usize,
    learned_max: usize,
    waiters_max: usize,
    slab: Slab<Entry>,
    /// Ordered and not hashed: no secret is needed, nobody can make it slow, and packets do not come here (`mac`).
    by_addr: BTreeMap<Addr, u32>,
    lists: Lists,
    /// Waiters of all neighbours: id of the entry, token.
    waiters: BTreeSet<(u64, u64)>,
    completed: VecDeque<Completed>,
    announcements: Announcements,
    held_bytes: usize,
    counters: NeighborCounters,
}

impl fmt::Debug for Neighbors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Neighbors {
    /// An empty table.
    pub fn new(settings: &settings::Ip, limits: &settings::Limits) -> Self {
        let resolved_max = limits.neighbors as usize;
        let unresolved_max = limits.neighbors_unresolved as usize;
        let learned_max = LEARNED_MAX.min(resolved_max / 4);
        // A life below the request interval would ask one address more often than once an interval.
        let life = settings.arp_life.max(settings.arp_interval);
        Self {
            requests_max: settings.arp_requests.max(1),
            interval: settings.arp_interval,
            failure: settings.arp_failure,
            life,
            // NT: where ArpCacheLife is the longer one, it holds for used entries too.
            life_used: settings.arp_life_referenced.max(life),
            resolved_max,
            unresolved_max,
            learned_max,
            waiters_max: limits.connections as usize,
            slab: Slab::with_limit(resolved_max + unresolved_max + learned_max),
            by_addr: BTreeMap::new(),
            lists: Lists::new(),
            waiters: BTreeSet::new(),
            completed: VecDeque::new(),
            announcements: Announcements::new(settings.arp_announcements),
            held_bytes: 0,
            counters: NeighborCounters::default(),
        }
    }

    /// Asks for a neighbour; where nothing is known, resolution begins and its first request is the next thing that
    /// [`Neighbors::poll`] gives. Counts as a use of the entry.
    pub fn resolve(&mut self, now: Instant, addr: Addr) -> Resolution {
        if let Some(index) = self.by_addr.get(&addr).copied() {
            if let Some(known) = self.resolve_known(now, index) {
                return known;
            }
        }
        if self.unresolved() >= self.unresolved_max
            || self.completed.len() >= self.unresolved_max
            || (self.resolved() >= self.resolved_max && !self.evict_unused(now))
        {
            self.counters.refused += 1;
            return Resolution::Full;
        }
        let phase = Phase::Pending { requests: 0, since: now, held: None };
        match self.insert(addr, phase, Queue::Unasked, now) {
            Some(id) => Resolution::Pending(id),
            None => Resolution::Full,
        }
    }

    /// The neighbour at `addr` where it is resolved and not only learned. Counts as a use of the entry and changes nothing
    /// else: its life is not looked at before it ends ([`Neighbors::resolve`] does more for all others).
    #[inline]
    pub fn known(&mut self, now: Instant, addr: Addr) -> Option<(NeighborId, Mac)> {
        let index = *self.by_addr.get(&addr)?;
        let id = NeighborId(self.slab.id_at(index)?);
        if self.slab.at(index)?.queue == Queue::Learned {
            return None;
        }
        self.mac(now, id).map(|mac| (id, mac))
    }

    /// What the entry at `index` says; `None` where it was a failure whose time is over, which is gone now.
    fn resolve_known(&mut self, now: Instant, index: u32) -> Option<Resolution> {
        let id = NeighborId(self.slab.id_at(index)?);
        let entry = self.slab.at_mut(index)?;
        match &mut entry.phase {
            Phase::Pending { .. } => Some(Resolution::Pending(id)),
            Phase::Failed(failure) if now < entry.due => Some(Resolution::Failed(*failure)),
            Phase::Failed(_) => {
                self.remove(index);
                None
            }
            Phase::Resolved { mac, used_at, .. } => {
                *used_at = Some(now);
                let mac = *mac;
                if entry.queue == Queue::Learned {
                    // It is wanted now: out of the bounded part, with a life from here.
                    if self.resolved() >= self.resolved_max && !self.evict_unused(now) {
                        self.counters.refused += 1;
                        return Some(Resolution::Full);
                    }
                    self.lists.shift(&mut self.slab, index, Queue::Young, now + self.life);
                }
                Some(Resolution::Ready { id, mac })
            }
        }
    }

    /// The link-layer address for a packet that goes out now: O(1), without a hash. Marks the entry as used. `None` where
    /// the id is stale or the entry is not resolved: [`Neighbors::resolve`] again.
    #[inline]
    pub fn mac(&mut self, now: Instant, id: NeighborId) -> Option<Mac> {
        match &mut self.slab.get_mut(id.0)?.phase {
            Phase::Resolved { mac, used_at, .. } => {
                *used_at = Some(now);
                Some(*mac)
            }
            Phase::Pending { .. } | Phase::Failed(_) => None,
        }
    }

    /// The link-layer address for `addr` where it is known, without asking, marking or making anything: for answers to
    /// peers that have proved nothing.
    pub fn peek(&self, addr: Addr) -> Option<Mac> {
        match &self.slab.at(*self.by_addr.get(&addr)?)?.phase {
            Phase::Resolved { mac, .. } => Some(*mac),
            Phase::Pending { .. } | Phase::Failed(_) => None,
        }
    }

    /// Lets `token` wait for the end of a resolution. Waiting twice is waiting once.
    ///
    /// # Errors
    /// [`WaitError`].
    pub fn wait(&mut self, id: NeighborId, token: u64) -> Result<(), WaitError> {
        if !self.is_pending(id) {
            return Err(WaitError::NotPending);
        }
        if self.waiters.len() >= self.waiters_max {
            return Err(WaitError::Full);
        }
        self.waiters.insert((id.0.into(), token));
        Ok(())
    }

    /// Takes a waiter back, at once (O(log n) of all waiters), also while its neighbour's waiters are being told.
    /// Without effect where it does not wait.
    pub fn cancel(&mut self, id: NeighborId, token: u64) {
        self.waiters.remove(&(id.0.into(), token));
    }

    /// Keeps `frame` as the latest packet for an unresolved neighbour and gives back the one that it replaces (RFC 1122,
    /// Section 2.3.2.2). Gives `frame` itself back where the id is stale, the neighbour is not being resolved, or
    /// [`HELD_MAX`] is reached.
    pub fn hold(&mut self, id: NeighborId, frame: Buf) -> Option<Buf> {
        let Some(Entry { phase: Phase::Pending { held, .. }, .. }) = self.slab.get_mut(id.0) else {
            return Some(frame);
        };
        let before = held.as_ref().map_or(0, Buf::memory);
        let after = self.held_bytes - before + frame.memory();
        if after > HELD_MAX {
            self.counters.held_refused += 1;
            return Some(frame);
        }
        self.held_bytes = after;
        held.replace(frame)
    }

    /// The next waiter of the resolution that the last [`NeighborAction::Resolved`] or [`NeighborAction::Failed`] of this
    /// id ended.
    pub fn next_waiter(&mut self, id: NeighborId) -> Option<u64> {
        if self.is_pending(id) {
            return None;
        }
        let key = u64::from(id.0);
        let first = self.waiters.range((key, 0)..=(key, u64::MAX)).next().copied()?;
        self.waiters.remove(&first);
        Some(first.1)
    }

    /// Announces `addr`, one of ours, `settings.arp_announcements` times, two seconds apart (RFC 5227, Section 2.3), so
    /// that neighbours correct what they knew.
    pub fn announce(&mut self, now: Instant, addr: Addr) {
        self.announcements.start(now, addr);
    }

    fn is_pending(&self, id: NeighborId) -> bool {
        self.slab.get(id.0).is_some_and(|entry| matches!(entry.phase, Phase::Pending { .. }))
    }

    /// Entries that are being resolved or whose failure is remembered.
    pub fn unresolved(&self) -> usize {
        [Queue::Unasked, Queue::Asking, Queue::Failed].iter().map(|queue| self.lists.of(*queue).len).sum()
    }

    /// Entries that are resolved, without those that are only learned. `limits.neighbors` is checked where a resolution
    /// begins; those that run at that moment may still end well, so it may be exceeded by `limits.neighbors_unresolved`.
    pub fn resolved(&self) -> usize {
        [Queue::Young, Queue::Old, Queue::Reasking].iter().map(|queue| self.lists.of(*queue).len).sum()
    }

    /// Tokens that wait.
    pub fn waiting(&self) -> usize {
        self.waiters.len()
    }

    /// Entries of all kinds.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }

    /// What happened so far.
    pub fn counters(&self) -> NeighborCounters {
        self.counters
    }

    /// Bytes held, the frames included; the trees are estimated by their entries.
    pub fn memory(&self) -> usize {
        self.slab.memory()
            + self.by_addr.len() * (size_of::<(Addr, u32)>() + 8)
            + self.waiters.len() * (size_of::<(u64, u64)>() + 8)
            + self.completed.capacity() * size_of::<Completed>()
            + self.held_bytes
    }

    /// All entries, in the order of their addresses.
    pub fn iter(&self) -> impl Iterator<Item = NeighborInfo> {
        self.by_addr.values().filter_map(|index| self.slab.at(*index)).map(|entry| {
            let (mac, requests, confirmed_at, used_at) = match &entry.phase {
                Phase::Pending { requests, .. } => (None, *requests, None, None),
                Phase::Failed(failure) => (None, failure.requests, None, None),
                Phase::Resolved { mac, requests, confirmed_at, used_at } => {
                    (Some(*mac), *requests, Some(*confirmed_at), *used_at)
                }
            };
            let state = match entry.queue {
                Queue::Unasked | Queue::Asking => NeighborState::Pending,
                Queue::Failed => NeighborState::Failed,
                Queue::Learned => NeighborState::Learned,
                Queue::Young | Queue::Old => NeighborState::Reachable,
                Queue::Reasking => NeighborState::Reasking,
            };
            NeighborInfo { addr: entry.addr, mac, state, requests, confirmed_at, used_at }
        })
    }

    fn insert(&mut self, addr: Addr, phase: Phase, queue: Queue, due: Instant) -> Option<NeighborId> {
        let entry = Entry { addr, phase, due, queue, prev: list::NIL, next: list::NIL };
        let id = self.slab.insert(entry).ok()?;
        self.by_addr.insert(addr, id.index);
        self.lists.push(&mut self.slab, id.index, queue, due);
        Some(NeighborId(id))
    }

    /// Removes an entry that nobody waits for any more: a pending one never comes here.
    fn remove(&mut self, index: u32) {
        self.lists.unlink(&mut self.slab, index);
        if let Some(entry) = self.slab.id_at(index).and_then(|id| self.slab.remove(id)) {
            self.by_addr.remove(&entry.addr);
        }
    }

    /// Pushes out one resolved entry that no packet used for the life of an unused one; false where none of the oldest is
    /// such. (Not "since it was confirmed": a forged ARP packet confirms what it likes.) One that was confirmed within the last interval stays, so that its address is not asked for too soon.
    fn evict_unused(&mut self, now: Instant) -> bool {
        for queue in [Queue::Old, Queue::Young] {
            let mut index = self.lists.of(queue).head;
            for _ in 0..EVICTION_STEPS {
                let Some(entry) = self.slab.at(index) else { break };
                if let Phase::Resolved { confirmed_at, used_at, .. } = entry.phase {
                    let unused = used_at.is_none_or(|used| used + self.life <= now);
                    if unused && confirmed_at + self.interval <= now {
                        self.remove(index);
                        self.counters.evicted += 1;
                        return true;
                    }
                }
                index = entry.next;
            }
        }
        false
    }
}
