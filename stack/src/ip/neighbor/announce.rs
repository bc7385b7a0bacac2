//! Announcements of our own addresses (RFC 5227).

use crate::base::Instant;
use crate::wire::Addr;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

/// Time between announcements (RFC 5227, Section 1.1: ANNOUNCE_INTERVAL).
const INTERVAL: Duration = Duration::from_secs(2);

/// Least time between defences of one address (RFC 5227, Section 1.1: DEFEND_INTERVAL).
const DEFEND_INTERVAL: Duration = Duration::from_secs(10);

/// Announcements to come, at most one row for each of our addresses at a time, and the last defence of each.
#[derive(Debug)]
pub(super) struct Announcements {
    count: u32,
    /// When, what, and how many more after it. Every delay is the same, so the front is the earliest.
    queue: VecDeque<(Instant, Addr, u32)>,
    defended: BTreeMap<Addr, Instant>,
}

impl Announcements {
    pub(super) fn new(count: u32) -> Self {
        Self { count, queue: VecDeque::new(), defended: BTreeMap::new() }
    }

    pub(super) fn start(&mut self, now: Instant, addr: Addr) {
        if self.count > 0 {
            self.queue.retain(|(_, other, _)| *other != addr);
            self.queue.push_front((now, addr, self.count - 1));
        }
    }

    /// Somebody claims our address: one announcement in ten seconds defends it (RFC 5227, Section 2.4 (b)); more would
    /// let two hosts that both insist fill the link.
    pub(super) fn defend(&mut self, now: Instant, addr: Addr) {
        if self.defended.get(&addr).is_some_and(|last| now < *last + DEFEND_INTERVAL) {
            return;
        }
        self.defended.insert(addr, now);
        self.queue.push_front((now, addr, 0));
    }

    pub(super) fn poll(&mut self, now: Instant) -> Option<Addr> {
        let (_, addr, more) = self.queue.front().copied().filter(|(at, ..)| *at <= now)?;
        self.queue.pop_front();
        if more > 0 {
            self.queue.push_back((now + INTERVAL, addr, more - 1));
        }
        Some(addr)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.queue.front().map(|(at, ..)| *at)
    }
}
