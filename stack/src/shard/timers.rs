//! When each connection is looked at next. Most timers are over before they could fire: a retransmission's by the
//! acknowledgment, a delayed acknowledgment's by the answer. So a timer that was just armed stands in a short list; only
//! what still has a deadline when the list is full, or when its first deadline comes, goes on to the wheel. With many
//! connections the wheel's places are in no cache, and a round trip then touches none of them.

use super::Shard;
use super::slot::Slot;
use super::wheel::Wheel;
use crate::base::Instant;
use crate::buffer::prefetch;

/// Timers that wait in the list at most: their connections are still in a cache when the list is gone through.
const RECENT: usize = 128;

/// The timers of a shard's connections, named by their places in its slab.
pub(crate) struct Timers {
    wheel: Wheel,
    recent: Vec<u32>,
    /// Entries of the list whose connections still want them; without any the list is empty.
    wanted: usize,
    /// The list is gone through at this time at the latest, a tick of the wheel.
    recent_due: Instant,
}

/// What a connection's slot knows of its timer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Armed {
    /// The connection is looked at by this time; the far future: at none.
    at: Instant,
    in_list: bool,
    on_wheel: bool,
}

impl Armed {
    /// Not at all.
    pub(crate) const NOT: Self = Self { at: Instant::FAR_FUTURE, in_list: false, on_wheel: false };
}

impl Timers {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            wheel: Wheel::new(now),
            recent: Vec::with_capacity(RECENT),
            wanted: 0,
            recent_due: Instant::FAR_FUTURE,
        }
    }

    /// Bytes held.
    pub(crate) fn memory(&self) -> usize {
        self.wheel.memory() + RECENT * size_of::<u32>()
    }

    /// When [`Shard::next_timer`] must be called next, at the latest; the far future: not at all.
    #[inline]
    pub(crate) fn next_deadline(&self) -> Instant {
        self.wheel.next_deadline().unwrap_or(Instant::FAR_FUTURE).min(self.recent_due)
    }

    /// Arms the timer of the connection in `slot`, at `index`, where its deadline has come nearer; whether the list is full
    /// now.
    #[inline]
    #[must_use]
    pub(crate) fn arm(&mut self, index: u32, slot: &mut Slot) -> bool {
        let Some(deadline) = slot.connection.deadline().filter(|at| *at < slot.armed.at) else {
            return false;
        };
        slot.armed.at = deadline;
        self.recent_due = self.recent_due.min(Wheel::tick_of(deadline));
        if !core::mem::replace(&mut slot.armed.in_list, true) {
            self.recent.push(index);
            self.wanted += 1;
        }
        self.recent.len() >= RECENT
    }
}

impl Shard {
    /// Arms the timer of a connection that has nothing to send.
    #[inline]
    pub(crate) fn arm(&mut self, index: u32) {
        let Some(slot) = self.connections.at_mut(index).filter(|slot| slot.ended.is_none()) else { return };
        if self.timers.arm(index, slot) {
            self.sort_recent_timers();
        }
    }

    /// Takes the timer of the connection at `index` off. Its place in the list is passed by when the list is gone through.
    pub(crate) fn disarm(&mut self, index: u32) {
        let Some(slot) = self.connections.at_mut(index) else { return };
        slot.armed.at = Instant::FAR_FUTURE;
        if core::mem::replace(&mut slot.armed.on_wheel, false) {
            self.timers.wheel.cancel(index);
        }
        if core::mem::replace(&mut slot.armed.in_list, false) {
            self.timers.wanted -= 1;
            if self.timers.wanted == 0 {
                self.timers.recent.clear();
                self.timers.recent_due = Instant::FAR_FUTURE;
            }
        }
    }

    /// The place of the next connection whose time has come. `budget` is decreased by one for each that fires or moves on
    /// the wheel; nothing more comes when it is used up.
    #[inline]
    pub(crate) fn next_timer(&mut self, budget: &mut u32) -> Option<u32> {
        if self.now < self.timers.next_deadline() {
            return None;
        }
        self.fire_next_timer(budget)
    }

    #[inline(never)]
    fn fire_next_timer(&mut self, budget: &mut u32) -> Option<u32> {
        if self.timers.recent_due <= self.now {
            self.sort_recent_timers();
        }
        let index = self.timers.wheel.poll(self.now, budget)?;
        if let Some(slot) = self.connections.at_mut(index) {
            slot.armed.at = Instant::FAR_FUTURE;
            slot.armed.on_wheel = false;
        }
        Some(index)
    }

    /// Goes through the list: what still has a deadline goes on the wheel.
    #[inline(never)]
    pub(crate) fn sort_recent_timers(&mut self) {
        let Timers { wheel, recent, wanted, recent_due } = &mut self.timers;
        wheel.advance(self.now);
        (*wanted, *recent_due) = (0, Instant::FAR_FUTURE);
        for (at, index) in recent.iter().enumerate() {
            if let Some(later) = recent.get(at + 4).and_then(|index| self.connections.at(*index)) {
                prefetch(later);
            }
            // A connection that is gone, or another one at its place, which has no entry in the list or one of its own.
            let Some(slot) = self.connections.at_mut(*index) else { continue };
            if !core::mem::replace(&mut slot.armed.in_list, false) {
                continue;
            }
            let deadline = slot.connection.deadline().filter(|_| slot.ended.is_none());
            slot.armed.at = deadline.unwrap_or(Instant::FAR_FUTURE);
            if let Some(deadline) = deadline {
                slot.armed.on_wheel = true;
                wheel.arm(*index, deadline);
            }
        }
        recent.clear();
    }

    /// Timers that are armed.
    pub(crate) fn timers_armed(&self) -> usize {
        let living = |index: &&u32| {
            let slot = self.connections.at(**index);
            slot.is_some_and(|slot| slot.armed.in_list && !slot.armed.on_wheel && slot.ended.is_none())
        };
        self.timers.wheel.len() + self.timers.recent.iter().filter(living).count()
    }
}
