//! The half-open store: what is kept of a SYN whose sender has not proved its address. No buffers, no timers of its own,
//! a fixed number of entries, every operation in O(1).
//!
//! Each entry stands in the list of its *stage*: how often its SYN-ACK was retransmitted by time. All entries of a stage
//! wait equally long and join its end when their wait starts, so each list is ordered by deadline, and so all lists
//! together are the timer queue: the next deadline is at the head of one of them. An entry leaves stage `k` only from
//! the head and for the end of stage `k + 1`, so whoever is in a later stage is older than everybody in an earlier one:
//! the head of the last list that is not empty is the oldest entry of all.

use crate::base::{Id, Instant, Slab};
use crate::wire::{FlowKey, Mac, SeqNum};
use core::time::Duration;

const NIL: u32 = u32::MAX;
const NO_SCALE: u8 = u8::MAX;
/// How many of the oldest entries are looked at for one to evict.
const PASSED_OVER: usize = 16;

/// Names a half-open connection for as long as it is one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HalfOpenId(pub(crate) Id);

impl HalfOpenId {
    /// Its place in the store: below `limits.half_open`.
    #[inline]
    pub const fn index(self) -> u32 {
        self.0.index
    }
}

/// What the SYN offered and the SYN-ACK agreed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Agreed {
    /// The peer's MSS.
    pub(super) peer_mss: u16,
    /// The MSS that we announce.
    pub(super) our_mss: u16,
    /// The peer's window scale, where scaling is agreed.
    pub(super) scale: Option<u8>,
    /// SACK is agreed.
    pub(super) sack: bool,
    /// Timestamps are agreed: the peer's TSval.
    pub(super) ts_recent: Option<u32>,
}

/// One half-open connection: at most 96 bytes with two IPv6 addresses, its place in the slab included.
pub(super) struct HalfOpen {
    pub(super) flow: FlowKey,
    pub(super) iss: SeqNum,
    pub(super) irs: SeqNum,
    pub(super) ts_offset: u32,
    pub(super) listener: u32,
    pub(super) reply_mac: Mac,
    /// When the wait of its stage ends.
    deadline: Instant,
    prev: u32,
    next: u32,
    ts_recent: u32,
    peer_mss: u16,
    our_mss: u16,
    stage: u8,
    scale: u8,
    flags: u8,
    /// Challenge ACKs of this stage (RFC 5961, Section 7: limited per connection).
    pub(super) challenges: u8,
    /// Its third ACK came, and the accept queue had no room: the peer believes in a connection.
    pub(super) proven: bool,
}

const _: () = assert!(size_of::<HalfOpen>() <= 96 && size_of::<Option<HalfOpen>>() + 8 <= 96);

const SACK: u8 = 1;
const TIMESTAMPS: u8 = 2;
/// It consumes a place of its listener's backlog.
const CHARGED: u8 = 4;
/// A repeated SYN was answered again: the SYN-ACK on the wire is not the only one.
const ANSWERED_AGAIN: u8 = 8;

impl HalfOpen {
    pub(super) fn agreed(&self) -> Agreed {
        Agreed {
            peer_mss: self.peer_mss,
            our_mss: self.our_mss,
            scale: (self.scale != NO_SCALE).then_some(self.scale),
            sack: self.flags & SACK != 0,
            ts_recent: (self.flags & TIMESTAMPS != 0).then_some(self.ts_recent),
        }
    }

    pub(super) const fn charged(&self) -> bool {
        self.flags & CHARGED != 0
    }

    /// How often time made its SYN-ACK be sent again.
    pub(super) const fn stage(&self) -> u8 {
        self.stage
    }

    /// More than one SYN-ACK was sent (RFC 6298, Section 3: no round-trip time can be taken then).
    pub(super) const fn retransmitted(&self) -> bool {
        self.stage > 0 || self.flags & ANSWERED_AGAIN != 0
    }

    pub(super) fn answered_again(&mut self, tsval: Option<u32>) {
        self.flags |= ANSWERED_AGAIN;
        if let Some(tsval) = tsval {
            if tsval.wrapping_sub(self.ts_recent) as i32 > 0 {
                self.ts_recent = tsval;
            }
        }
    }
}

/// What makes a new entry.
pub(super) struct New {
    pub(super) flow: FlowKey,
    pub(super) iss: SeqNum,
    pub(super) irs: SeqNum,
    pub(super) ts_offset: u32,
    pub(super) listener: u32,
    pub(super) reply_mac: Mac,
    pub(super) agreed: Agreed,
    pub(super) charged: bool,
}

#[derive(Clone, Copy)]
struct Stage {
    head: u32,
    tail: u32,
    len: usize,
    wait: Duration,
}

/// The bounded store.
pub(super) struct Store {
    slab: Slab<HalfOpen>,
    stages: Vec<Stage>,
}

impl Store {
    /// At most `limit` entries; stage `k` waits `waits[k]`.
    pub(super) fn new(limit: usize, waits: impl Iterator<Item = Duration>) -> Self {
        let stages = waits.map(|wait| Stage { head: NIL, tail: NIL, len: 0, wait }).collect();
        Self { slab: Slab::with_limit(limit), stages }
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn limit(&self) -> usize {
        self.slab.limit()
    }

    pub(super) fn memory(&self) -> usize {
        self.slab.memory() + self.stages.capacity() * size_of::<Stage>()
    }

    /// Entries whose SYN-ACK was retransmitted: all that are not in the first stage.
    pub(super) fn retried(&self) -> usize {
        self.len() - self.stages.first().map_or(0, |stage| stage.len)
    }

    pub(super) fn get(&self, id: HalfOpenId) -> Option<&HalfOpen> {
        self.slab.get(id.0)
    }

    pub(super) fn get_mut(&mut self, id: HalfOpenId) -> Option<&mut HalfOpen> {
        self.slab.get_mut(id.0)
    }

    pub(super) fn at(&self, index: u32) -> Option<&HalfOpen> {
        self.slab.at(index)
    }

    pub(super) fn id_at(&self, index: u32) -> Option<HalfOpenId> {
        self.slab.id_at(index).map(HalfOpenId)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (HalfOpenId, &HalfOpen)> {
        self.slab.iter().map(|(id, entry)| (HalfOpenId(id), entry))
    }

    /// Inserts an entry whose SYN-ACK is sent now; `None` at the limit.
    pub(super) fn insert(&mut self, now: Instant, new: New) -> Option<HalfOpenId> {
        let New { flow, iss, irs, ts_offset, listener, reply_mac, agreed, charged } = new;
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let entry = HalfOpen {
            flow,
            iss,
            irs,
            ts_offset,
            listener,
            reply_mac,
            deadline: now,
            prev: NIL,
            next: NIL,
            ts_recent: agreed.ts_recent.unwrap_or(0),
            peer_mss: agreed.peer_mss,
            our_mss: agreed.our_mss,
            stage: 0,
            scale: agreed.scale.unwrap_or(NO_SCALE),
            flags: flag(agreed.sack, SACK)
                | flag(agreed.ts_recent.is_some(), TIMESTAMPS)
                | flag(charged, CHARGED),
            challenges: 0,
            proven: false,
        };
        let id = self.slab.insert(entry).ok()?;
        self.join(now, id.index, 0);
        Some(HalfOpenId(id))
    }

    pub(super) fn remove(&mut self, id: HalfOpenId) -> Option<HalfOpen> {
        self.slab.get(id.0)?;
        self.leave(id.index());
        self.slab.remove(id.0)
    }

    /// The oldest entry whose peer has not proved its address; only the oldest few are looked at, so that the search is
    /// bounded. Those that are passed over have acknowledged, and wait for a place in a full accept queue.
    pub(super) fn oldest_unproven(&self) -> Option<HalfOpenId> {
        let lists = self.stages.iter().rev().flat_map(|stage| {
            let first = self.slab.at(stage.head).map(|_| stage.head);
            core::iter::successors(first, |index| self.slab.at(*index).map(|e| e.next).filter(|n| *n != NIL))
        });
        let unproven = |index: &u32| self.slab.at(*index).is_some_and(|entry| !entry.proven);
        self.id_at(lists.take(PASSED_OVER).find(unproven)?)
    }

    /// When the first SYN-ACK of an entry was sent; only known in the first stage.
    pub(super) fn sent_at(&self, entry: &HalfOpen) -> Option<Instant> {
        let wait = self.stages.first()?.wait;
        (entry.stage == 0).then(|| entry.deadline - wait)
    }

    /// The entry that is due at `now` and longest so, where entries get `retries` retransmissions. Entries that have had
    /// more than that already (the number was lowered) are due whatever their deadline says.
    pub(super) fn due(&self, now: Instant, retries: u8) -> Option<HalfOpenId> {
        let mut first: Option<(Instant, u32)> = None;
        for (number, stage) in self.stages.iter().enumerate().rev() {
            let Some(entry) = self.slab.at(stage.head) else { continue };
            if number > usize::from(retries) {
                return self.id_at(stage.head);
            }
            if entry.deadline <= now && first.is_none_or(|(deadline, _)| entry.deadline < deadline) {
                first = Some((entry.deadline, stage.head));
            }
        }
        self.id_at(first?.1)
    }

    /// When [`Store::due`] will have something; in the past where it has.
    pub(super) fn next_deadline(&self, retries: u8) -> Option<Instant> {
        let heads = self.stages.iter().enumerate().filter_map(|(number, stage)| {
            let entry = self.slab.at(stage.head)?;
            Some(if number > usize::from(retries) { Instant::ZERO } else { entry.deadline })
        });
        heads.min()
    }

    /// The SYN-ACK of an entry is retransmitted now: its next wait starts.
    pub(super) fn advance(&mut self, now: Instant, id: HalfOpenId) -> Option<&mut HalfOpen> {
        let stage = self.slab.get(id.0)?.stage.saturating_add(1);
        self.leave(id.index());
        self.join(now, id.index(), stage);
        let entry = self.slab.get_mut(id.0)?;
        entry.challenges = 0;
        Some(entry)
    }

    fn join(&mut self, now: Instant, index: u32, number: u8) {
        let Some(stage) = self.stages.get_mut(usize::from(number)) else { return };
        let (tail, deadline) = (stage.tail, now + stage.wait);
        stage.tail = index;
        stage.len += 1;
        match self.slab.at_mut(tail) {
            Some(last) => last.next = index,
            None => stage.head = index,
        }
        if let Some(entry) = self.slab.at_mut(index) {
            (entry.stage, entry.deadline, entry.prev, entry.next) = (number, deadline, tail, NIL);
        }
    }

    fn leave(&mut self, index: u32) {
        let Some(entry) = self.slab.at(index) else { return };
        let (prev, next, number) = (entry.prev, entry.next, entry.stage);
        let Some(stage) = self.stages.get_mut(usize::from(number)) else { return };
        stage.len -= 1;
        match self.slab.at_mut(prev) {
            Some(before) => before.next = next,
            None => stage.head = next,
        }
        match self.slab.at_mut(next) {
            Some(after) => after.prev = prev,
            None => stage.tail = prev,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Addr, Endpoint};
    use std::net::Ipv4Addr;

    fn new(n: u32) -> New {
        let end = |addr: u32, port| Endpoint { addr: Addr::v4(Ipv4Addr::from(addr)), port };
        New {
            flow: FlowKey { local: end(1, 80), remote: end(n, 1024) },
            iss: SeqNum(n),
            irs: SeqNum(7),
            ts_offset: 0,
            listener: 0,
            reply_mac: Mac([2; 6]),
            agreed: Agreed { peer_mss: 1460, our_mss: 1460, scale: None, sack: false, ts_recent: None },
            charged: false,
        }
    }

    fn store(limit: usize) -> Store {
        Store::new(limit, [1, 2, 4].map(Duration::from_secs).into_iter())
    }

    #[test]
    fn the_limit_holds_and_a_removed_entry_is_not_found_again() {
        let mut store = store(2);
        let a = store.insert(Instant::ZERO, new(1)).unwrap();
        let b = store.insert(Instant::ZERO, new(2)).unwrap();
        assert!(store.len() == store.limit() && store.insert(Instant::ZERO, new(3)).is_none());
        assert!(store.remove(a).is_some() && store.remove(a).is_none());
        let c = store.insert(Instant::ZERO, new(3)).unwrap();
        assert_eq!(c.index(), a.index());
        assert!(store.get(a).is_none() && store.get(b).is_some() && store.get(c).is_some());
    }

    #[test]
    fn the_oldest_entry_is_found_through_every_stage_and_removal() {
        let mut store = store(10);
        let ids: Vec<_> =
            (0..6).map(|n| store.insert(Instant::from_millis(n), new(n as u32)).unwrap()).collect();
        assert_eq!(store.oldest_unproven(), Some(ids[0]));
        // The first two move on in time; then one from the middle and the oldest leave.
        store.advance(Instant::from_secs(1), ids[0]);
        store.advance(Instant::from_secs(1), ids[1]);
        assert_eq!((store.oldest_unproven(), store.retried()), (Some(ids[0]), 2));
        store.advance(Instant::from_secs(3), ids[0]);
        store.remove(ids[3]);
        assert_eq!(store.oldest_unproven(), Some(ids[0]));
        store.remove(ids[0]);
        assert_eq!((store.oldest_unproven(), store.retried()), (Some(ids[1]), 1));
        store.remove(ids[1]);
        assert_eq!((store.oldest_unproven(), store.retried(), store.len()), (Some(ids[2]), 0, 3));
        for id in [ids[5], ids[2], ids[4]] {
            store.remove(id);
        }
        assert_eq!((store.oldest_unproven(), store.len(), store.next_deadline(2)), (None, 0, None));
    }

    #[test]
    fn deadlines_come_in_order_across_stages() {
        let mut store = store(10);
        let a = store.insert(Instant::ZERO, new(1)).unwrap();
        assert_eq!(store.next_deadline(2), Some(Instant::from_secs(1)));
        assert_eq!(store.due(Instant::from_nanos(999_999_999), 2), None);
        assert_eq!(store.due(Instant::from_secs(1), 2), Some(a));
        store.advance(Instant::from_secs(1), a);
        let b = store.insert(Instant::from_millis(1500), new(2)).unwrap();
        assert_eq!(store.next_deadline(2), Some(Instant::from_millis(2500)));
        assert_eq!(store.due(Instant::from_secs(10), 2), Some(b), "b was due at 2.5 s, a at 3 s");
        store.remove(b);
        assert_eq!(store.due(Instant::from_secs(10), 2), Some(a));
        assert_eq!(
            store.due(Instant::from_secs(1), 0),
            Some(a),
            "it has had more than the retransmissions left"
        );
    }
}
