//! First-in, first-out lists through the entries of the table. Every list has one constant gap between the moment an
//! entry joins and the moment it is due, so the front is always the earliest: deadlines cost O(1), without a heap.

use super::entry::Entry;
use crate::base::{Instant, Slab};

pub(super) const NIL: u32 = u32::MAX;

/// The lists; an entry stands in exactly one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Queue {
    /// Not asked yet: due at once.
    Unasked,
    /// Asked by broadcast; due when the next request or the failure is.
    Asking,
    /// Failed; due when that is forgotten.
    Failed,
    /// Learned from a request to us, never needed; due at the end of its life.
    Learned,
    /// Resolved; due at the end of the life of an unused entry.
    Young,
    /// Resolved, and used in its first life; due at the end of the life of a used entry.
    Old,
    /// Resolved and used, asked again by unicast; due when the next request or the removal is.
    Reasking,
}

pub(super) const QUEUES: usize = 7;

#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    pub(super) head: u32,
    tail: u32,
    pub(super) len: usize,
}

/// All lists of a table.
#[derive(Debug)]
pub(super) struct Lists([List; QUEUES]);

impl Lists {
    pub(super) fn new() -> Self {
        Self([List { head: NIL, tail: NIL, len: 0 }; QUEUES])
    }

    #[inline]
    pub(super) fn of(&self, queue: Queue) -> &List {
        &self.0[queue as usize]
    }

    /// Appends the entry at `index`, which stands in no list, to `queue`, due at `due`.
    pub(super) fn push(&mut self, slab: &mut Slab<Entry>, index: u32, queue: Queue, due: Instant) {
        let list = &mut self.0[queue as usize];
        let Some(entry) = slab.at_mut(index) else { return };
        (entry.queue, entry.due, entry.prev, entry.next) = (queue, due, list.tail, NIL);
        match slab.at_mut(list.tail) {
            Some(tail) => tail.next = index,
            None => list.head = index,
        }
        list.tail = index;
        list.len += 1;
    }

    /// Takes the entry at `index` out of the list that it stands in.
    pub(super) fn unlink(&mut self, slab: &mut Slab<Entry>, index: u32) {
        let Some(entry) = slab.at(index) else { return };
        let (queue, prev, next) = (entry.queue, entry.prev, entry.next);
        let list = &mut self.0[queue as usize];
        match slab.at_mut(prev) {
            Some(entry) => entry.next = next,
            None => list.head = next,
        }
        match slab.at_mut(next) {
            Some(entry) => entry.prev = prev,
            None => list.tail = prev,
        }
        list.len -= 1;
    }

    /// Moves the entry at `index` to the end of `queue`, due at `due`.
    pub(super) fn shift(&mut self, slab: &mut Slab<Entry>, index: u32, queue: Queue, due: Instant) {
        self.unlink(slab, index);
        self.push(slab, index, queue, due);
    }

    /// When the front of `queue` is due.
    #[inline]
    pub(super) fn due(&self, slab: &Slab<Entry>, queue: Queue) -> Option<Instant> {
        slab.at(self.of(queue).head).map(|entry| entry.due)
    }
}
