//! What is due, one action at a time.

use super::entry::Phase;
use super::list::Queue;
use super::{Completed, NeighborAction, NeighborFailure, NeighborId, Neighbors};
use crate::base::Instant;
use crate::buffer::Buf;
use crate::wire::Mac;

/// Entries that one call may age or forget without an action to show for it.
const STEPS: usize = 64;

impl Neighbors {
    /// The next thing to do, or `None` where nothing is due, or where this call's share of silent work is used up
    /// ([`Neighbors::next_deadline`] is then in the past). Each call is short, whatever the table holds.
    ///
    /// After `Resolved` and `Failed` the waiters are drained with [`Neighbors::next_waiter`]. A caller whose budget ends in
    /// the middle goes on later: while waiters remain, `poll` gives the same action again, without the held packet.
    pub fn poll(&mut self, now: Instant) -> Option<NeighborAction> {
        if let Some(action) = self.poll_completed() {
            return Some(action);
        }
        if let Some(addr) = self.announcements.poll(now) {
            return Some(NeighborAction::Announce { addr });
        }
        for _ in 0..STEPS {
            let queue = self.due_queue(now)?;
            let index = self.lists.of(queue).head;
            let action = match queue {
                Queue::Unasked | Queue::Asking => self.on_pending_due(now, index),
                Queue::Failed | Queue::Learned => {
                    self.remove(index);
                    None
                }
                Queue::Young | Queue::Old | Queue::Reasking => self.on_resolved_due(now, index),
            };
            if action.is_some() {
                return action;
            }
        }
        None
    }

    /// When [`Neighbors::poll`] has something to do; in the past where it has now.
    pub fn next_deadline(&self) -> Option<Instant> {
        let lists = ALL.iter().filter_map(|queue| self.lists.due(&self.slab, *queue));
        let completed = self.completed.front().map(|done| done.at);
        lists.chain(completed).chain(self.announcements.next_deadline()).min()
    }

    fn due_queue(&self, now: Instant) -> Option<Queue> {
        ALL.iter().copied().find(|queue| self.lists.due(&self.slab, *queue).is_some_and(|due| due <= now))
    }

    fn poll_completed(&mut self) -> Option<NeighborAction> {
        let done = self.completed.front()?;
        if done.told && !self.has_waiters(done.id) {
            self.completed.pop_front();
        }
        let done = self.completed.front_mut()?;
        done.told = true;
        let held = done.held.take();
        self.held_bytes -= held.as_ref().map_or(0, Buf::memory);
        let (id, addr) = (done.id, done.addr);
        Some(match done.outcome {
            Ok(mac) => NeighborAction::Resolved { id, addr, mac, held },
            Err(failure) => NeighborAction::Failed { id, addr, failure, held },
        })
    }

    fn has_waiters(&self, id: NeighborId) -> bool {
        let key = u64::from(id.0);
        self.waiters.range((key, 0)..=(key, u64::MAX)).next().is_some()
    }

    /// A request or the failure of a neighbour that is being resolved.
    fn on_pending_due(&mut self, now: Instant, index: u32) -> Option<NeighborAction> {
        let entry = self.slab.at_mut(index)?;
        let Phase::Pending { requests, since, held } = &mut entry.phase else { return None };
        if *requests < self.requests_max {
            if *requests == 0 {
                *since = now;
            }
            *requests += 1;
            let addr = entry.addr;
            self.counters.requests += 1;
            // RFC 1122, Section 2.3.2.1: the next one after the interval, counted from when this one really went out.
            self.lists.shift(&mut self.slab, index, Queue::Asking, now + self.interval);
            return Some(NeighborAction::SendRequest { addr, unicast: None });
        }
        let failure = NeighborFailure { requests: *requests, over: now.since(*since), at: now };
        let held = held.take();
        entry.phase = Phase::Failed(failure);
        self.counters.failed += 1;
        self.lists.shift(&mut self.slab, index, Queue::Failed, now + self.failure);
        self.complete(now, index, Err(failure), held);
        self.poll_completed()
    }

    /// Notes that a resolution ended; `poll` tells.
    pub(super) fn complete(
        &mut self,
        now: Instant,
        index: u32,
        outcome: Result<Mac, NeighborFailure>,
        held: Option<Buf>,
    ) {
        let (Some(id), Some(entry)) = (self.slab.id_at(index), self.slab.at(index)) else { return };
        let (id, addr) = (NeighborId(id), entry.addr);
        self.completed.push_back(Completed { id, addr, outcome, held, at: now, told: false });
    }

    /// The end of a life: an unused entry is removed, a used one is asked again while traffic goes on. If it does not
    /// answer it is removed too, and nobody is told: whoever sends next resolves from the start.
    fn on_resolved_due(&mut self, now: Instant, index: u32) -> Option<NeighborAction> {
        let entry = self.slab.at_mut(index)?;
        let Phase::Resolved { mac, confirmed_at, used_at, requests } = &mut entry.phase else { return None };
        let used_since = |start: Instant| used_at.is_some_and(|used| used >= start);
        let ask = match entry.queue {
            Queue::Young if used_since(*confirmed_at) && self.life_used > self.life => {
                let due = *confirmed_at + self.life_used;
                self.lists.shift(&mut self.slab, index, Queue::Old, due);
                return None;
            }
            Queue::Young => used_since(*confirmed_at),
            Queue::Old => used_since(*confirmed_at + self.life),
            Queue::Reasking => *requests < self.requests_max,
            Queue::Unasked | Queue::Asking | Queue::Failed | Queue::Learned => return None,
        };
        if !ask {
            self.remove(index);
            return None;
        }
        *requests += 1;
        let action = NeighborAction::SendRequest { addr: entry.addr, unicast: Some(*mac) };
        self.counters.requests += 1;
        self.lists.shift(&mut self.slab, index, Queue::Reasking, now + self.interval);
        Some(action)
    }
}

/// In the order in which `poll` serves them.
const ALL: [Queue; super::list::QUEUES] =
    [Queue::Unasked, Queue::Asking, Queue::Reasking, Queue::Failed, Queue::Learned, Queue::Young, Queue::Old];
