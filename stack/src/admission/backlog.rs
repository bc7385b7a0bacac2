//! A listener's backlog: its accept queue, how much it holds, and NT's dynamic backlog.
//!
//! The backlog has `capacity` places. A completed connection takes one until the application accepts it. A half-open
//! connection takes one too under `SynAttackProtect` 0 and 1 (NT hands it to the listener's AFD connection when the SYN
//! comes), but none under 2, where only the third ACK does. Half-open connections are counted where they are held, in
//! [`super::Admission`], so that no path can forget to give a place back.
//!
//! # Dynamic backlog (KB 142641)
//!
//! With `EnableDynamicBacklog`, a listener whose backlog is greater than `MinimumDynamicBacklog` grows when fewer than
//! `MinimumDynamicBacklog` places are *free*: by `DynamicBacklogGrowthDelta` at a time, as far as free and half-open ones
//! together (AFD's *quasi-free*) stay within `MaximumDynamicBacklog`. NT's article names no limit for the completed ones; ours
//! is `backlog_max` for all places together. NT does not say when the added places go: ours go when nothing is queued and
//! nothing half-open is charged any more. In Windows Server 2003, growth added `MaximumDynamicBacklog` instead of the
//! delta and drained the pool (KB 951162); a test holds that ours does not.

use super::cookie::SentIn;
use crate::settings;
use std::collections::VecDeque;

/// The AFD settings, read once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Dynamic {
    minimum: usize,
    maximum: usize,
    delta: usize,
}

/// What a listener has for connections that the application has not accepted yet.
#[derive(Debug)]
pub struct Backlog {
    queue: VecDeque<u64>,
    /// What the application asked for, within 1 to `backlog_max`.
    requested: usize,
    /// `requested` and what the dynamic backlog added.
    capacity: usize,
    ceiling: usize,
    /// `None`: off, or this listener does not benefit.
    dynamic: Option<Dynamic>,
    /// In which epochs it sent SYN cookies.
    pub(super) cookies_sent: SentIn,
    refused: u64,
}

impl Backlog {
    /// The backlog of a listener whose application asked for `requested` places: at least 1, at most
    /// `settings.backlog_max`.
    pub fn new(settings: &settings::Admission, requested: u32) -> Self {
        let ceiling = settings.backlog_max.max(1) as usize;
        let requested = (requested as usize).clamp(1, ceiling);
        let dynamic = Dynamic {
            minimum: settings.dynamic_backlog_min as usize,
            maximum: settings.dynamic_backlog_max as usize,
            delta: settings.dynamic_backlog_delta as usize,
        };
        Self {
            queue: VecDeque::new(),
            requested,
            capacity: requested,
            ceiling,
            // KB 142641: only a listen backlog greater than the minimum benefits.
            dynamic: (settings.dynamic_backlog && requested > dynamic.minimum).then_some(dynamic),
            cookies_sent: SentIn::default(),
            refused: 0,
        }
    }

    /// Connections that wait to be accepted.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The places that there are now.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Whether no further connection can be queued. While it is so, no SYN is answered.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.queue.len() >= self.capacity
    }

    /// Connection requests that it refused because no place was free.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Queues a connection whose handshake is complete.
    ///
    /// # Errors
    /// The token, where the queue is full. It cannot be right after [`super::HalfOpenOutcome::Complete`] or
    /// [`super::CookieOutcome::Valid`] for this listener.
    pub fn push(&mut self, token: u64) -> Result<(), u64> {
        if self.is_full() {
            return Err(token);
        }
        self.queue.push_back(token);
        Ok(())
    }

    /// The connection that waited longest.
    pub fn pop(&mut self) -> Option<u64> {
        self.queue.pop_front()
    }

    /// Takes a connection out that died before it was accepted; tells whether it was there. O(len).
    pub fn remove(&mut self, token: u64) -> bool {
        let place = self.queue.iter().position(|queued| *queued == token);
        place.is_some_and(|place| self.queue.remove(place).is_some())
    }

    /// Bytes held.
    pub fn memory(&self) -> usize {
        self.queue.capacity() * size_of::<u64>()
    }

    pub(super) fn refuse(&mut self) {
        self.refused = self.refused.saturating_add(1);
    }

    /// Whether a half-open connection may take a place beside `charged` others.
    #[inline]
    pub(super) fn has_free(&self, charged: usize) -> bool {
        self.queue.len() + charged < self.capacity
    }

    /// Lets the dynamic backlog do its work; `charged` half-open connections take places.
    #[inline]
    pub(super) fn adjust(&mut self, charged: usize) {
        let Some(dynamic) = self.dynamic else { return };
        let used = self.queue.len() + charged;
        if used == 0 {
            self.capacity = self.requested;
        }
        let free = self.capacity.saturating_sub(used);
        if free < dynamic.minimum {
            let room = dynamic.maximum.saturating_sub(free + charged);
            self.capacity = (self.capacity + dynamic.delta.min(room)).min(self.ceiling.max(self.capacity));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(min: u32, max: u32, delta: u32) -> settings::Admission {
        settings::Admission {
            dynamic_backlog: true,
            dynamic_backlog_min: min,
            dynamic_backlog_max: max,
            dynamic_backlog_delta: delta,
            ..Default::default()
        }
    }

    #[test]
    fn the_queue_is_first_in_first_out_and_full_at_its_capacity() {
        let mut backlog = Backlog::new(&settings::Admission::default(), 2);
        assert_eq!((backlog.push(1), backlog.push(2), backlog.push(3)), (Ok(()), Ok(()), Err(3)));
        assert!(backlog.is_full() && backlog.remove(1) && !backlog.remove(1));
        assert_eq!((backlog.pop(), backlog.pop(), backlog.is_empty()), (Some(2), None, true));
    }

    #[test]
    fn what_the_application_asks_for_is_bounded_by_the_setting() {
        let limited = settings::Admission { backlog_max: 200, ..Default::default() };
        assert_eq!(Backlog::new(&limited, u32::MAX).capacity(), 200);
        assert_eq!(Backlog::new(&limited, 0).capacity(), 1);
    }

    #[test]
    fn it_grows_by_the_delta_when_fewer_than_the_minimum_are_free() {
        let mut backlog = Backlog::new(&settings(20, 5000, 10), 100);
        backlog.adjust(80);
        assert_eq!(backlog.capacity(), 100, "20 are free: not fewer than 20");
        backlog.adjust(81);
        assert_eq!(backlog.capacity(), 110, "KB 951162: by the delta of 10, not by the maximum of 5000");
        backlog.adjust(81);
        assert_eq!(backlog.capacity(), 110, "29 are free again");
    }

    #[test]
    fn free_and_half_open_together_stay_within_the_maximum() {
        let mut backlog = Backlog::new(&settings(20, 107, 10), 100);
        backlog.adjust(95);
        assert_eq!(backlog.capacity(), 107, "5 free and 95 half-open: room for 7");
        backlog.adjust(100);
        assert_eq!(backlog.capacity(), 107);
    }

    #[test]
    fn completed_connections_grow_it_no_further_than_backlog_max() {
        let mut backlog =
            Backlog::new(&settings::Admission { backlog_max: 50, ..settings(5, 1000, 100) }, 10);
        for token in 0..200 {
            backlog.adjust(0);
            let _ = backlog.push(token);
        }
        assert_eq!((backlog.len(), backlog.capacity()), (50, 50));
    }

    #[test]
    fn a_listener_with_a_backlog_not_above_the_minimum_does_not_benefit() {
        let mut backlog = Backlog::new(&settings(20, 5000, 10), 20);
        backlog.adjust(20);
        assert_eq!(backlog.capacity(), 20);
    }

    #[test]
    fn added_places_go_when_the_backlog_is_idle() {
        let mut backlog = Backlog::new(&settings(20, 5000, 10), 100);
        backlog.adjust(95);
        assert_eq!(backlog.capacity(), 110);
        backlog.adjust(1);
        assert_eq!(backlog.capacity(), 110);
        backlog.adjust(0);
        assert_eq!(backlog.capacity(), 100);
    }
}
