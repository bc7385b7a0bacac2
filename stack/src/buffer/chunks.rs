//! The buffers of one queue, in order. Most queues hold one at most: it stands in the queue itself. The pool lends a list
//! where there are more, so that a connection whose queues are empty owns none.

use super::{Buf, Pool};
use std::collections::VecDeque;

/// A list that the pool lends, behind one pointer: the queue that holds it is as small as a connection must be.
#[derive(Debug, Default)]
pub(super) struct List(VecDeque<Buf>);

impl List {
    /// Buffers that it has room for.
    pub(super) fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

/// Buffers of one queue. There is a list only behind a first one, and never an empty one.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    first: Option<Buf>,
    more: Option<Box<List>>,
}

impl Chunks {
    pub(super) const fn new() -> Self {
        Self { first: None, more: None }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    #[inline]
    pub(super) fn front_mut(&mut self) -> Option<&mut Buf> {
        self.first.as_mut()
    }

    #[inline]
    pub(super) fn back_mut(&mut self) -> Option<&mut Buf> {
        match &mut self.more {
            Some(more) => more.0.back_mut(),
            None => self.first.as_mut(),
        }
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> Option<&Buf> {
        match index.checked_sub(1) {
            None => self.first.as_ref(),
            Some(behind) => self.more.as_ref()?.0.get(behind),
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Buf> {
        match index.checked_sub(1) {
            None => self.first.as_mut(),
            Some(behind) => self.more.as_mut()?.0.get_mut(behind),
        }
    }

    #[inline]
    pub(super) fn push_back(&mut self, pool: &mut Pool, buf: Buf) {
        if self.first.is_none() {
            self.first = Some(buf);
        } else {
            self.more.get_or_insert_with(|| pool.take_list()).0.push_back(buf);
        }
    }

    #[inline]
    pub(super) fn pop_front(&mut self, pool: &mut Pool) -> Option<Buf> {
        let front = self.first.take();
        if let Some(more) = &mut self.more {
            self.first = more.0.pop_front();
            if more.0.is_empty() {
                self.more.take().into_iter().for_each(|list| pool.put_list(list));
            }
        }
        front
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Buf> {
        self.first.iter().chain(self.more.iter().flat_map(|more| more.0.iter()))
    }

    /// Gives all buffers back to the pool.
    pub(super) fn clear(&mut self, pool: &mut Pool) {
        while let Some(buf) = self.pop_front(pool) {
            pool.put(buf);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_history_is_that_of_a_plain_list(ops in prop::collection::vec(any::<Option<u8>>(), 1..60)) {
            let mut pool = Pool::new(1 << 20);
            let mut chunks = Chunks::new();
            let mut model: VecDeque<u8> = VecDeque::new();
            for op in ops {
                match op {
                    Some(byte) => {
                        let mut buf = pool.take(1);
                        buf.append(&[byte]);
                        chunks.push_back(&mut pool, buf);
                        model.push_back(byte);
                    }
                    None => {
                        let popped = chunks.pop_front(&mut pool);
                        prop_assert_eq!(popped.as_ref().map(|buf| buf.data()[0]), model.pop_front());
                        popped.into_iter().for_each(|buf| pool.put(buf));
                    }
                }
                let of = |buf: Option<&mut Buf>| buf.map(|buf| buf.data()[0]);
                prop_assert_eq!(of(chunks.front_mut()), model.front().copied());
                prop_assert_eq!(of(chunks.back_mut()), model.back().copied());
                prop_assert_eq!(chunks.iter().map(|buf| buf.data()[0]).collect::<VecDeque<_>>(), model.clone());
                for at in 0..=model.len() {
                    prop_assert_eq!(chunks.get(at).map(|buf| buf.data()[0]), model.get(at).copied());
                    prop_assert_eq!(of(chunks.get_mut(at)), model.get(at).copied());
                }
                prop_assert_eq!(chunks.is_empty(), model.is_empty());
                prop_assert_eq!(chunks.more.is_some(), model.len() > 1, "an idle queue holds no list");
            }
            chunks.clear(&mut pool);
            prop_assert_eq!(pool.outstanding(), 0);
        }
    }
}
