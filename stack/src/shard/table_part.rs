//! One part of the connection table: a hash table whose buckets are one cache line each, tags and places together. Among a
//! million flows a probe therefore waits for memory once, before it waits for what the entry names.
//!
//! An entry whose bucket is full lies in the next one that has room; the buckets that it passed over count it, so that a probe
//! goes on only where something went on before.

use super::table::Packed;

/// Entries of a bucket.
const WIDTH: usize = 12;
/// Entries for each bucket beyond which the part grows: a quarter of the places is left to chance.
const FULL: usize = 9;
/// The tag of a place without an entry.
const EMPTY: u8 = 0;

#[repr(C, align(64))]
#[derive(Clone, Copy, Default)]
struct Bucket {
    tags: [u8; WIDTH],
    /// Entries that lie further on because this bucket was full; at its maximum it is not counted down any more.
    passed: u8,
    places: [Packed; WIDTH],
}

const _: () = assert!(size_of::<Bucket>() == 64);

impl Bucket {
    /// A bit for each place with `tag`.
    #[inline]
    fn matches(&self, tag: u8) -> u32 {
        self.tags.iter().enumerate().fold(0, |mask, (at, own)| mask | u32::from(*own == tag) << at)
    }

    /// The place with `tag` whose entry `is_it`.
    #[inline]
    fn find(&self, tag: u8, mut is_it: impl FnMut(Packed) -> bool) -> Option<usize> {
        let mut left = self.matches(tag);
        while left != 0 {
            let at = left.trailing_zeros() as usize;
            if self.places.get(at).is_some_and(|packed| is_it(*packed)) {
                return Some(at);
            }
            left &= left - 1;
        }
        None
    }
}

pub(super) struct Part {
    /// A power of two of them.
    buckets: Vec<Bucket>,
    len: usize,
}

/// Distinguishes most entries of a bucket: bits of the hash that chose neither the bucket nor the part.
#[inline]
fn tag(hash: u64) -> u8 {
    ((hash >> 56) as u8).max(EMPTY + 1)
}

impl Part {
    /// A part that takes `entries` before it grows.
    pub(super) fn with_capacity(entries: usize) -> Self {
        let buckets = entries.div_ceil(FULL).next_power_of_two();
        Self { buckets: vec![Bucket::default(); buckets], len: 0 }
    }

    /// Bytes of its buckets.
    pub(super) fn memory(&self) -> usize {
        self.buckets.len() * size_of::<Bucket>()
    }

    /// The buckets that an entry with `hash` can lie in, nearest first.
    #[inline]
    fn probe(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let mask = self.buckets.len() - 1;
        (0..=mask).map(move |step| (hash as usize).wrapping_add(step) & mask)
    }

    /// Bucket and place of the entry that `is_it`.
    #[inline]
    fn locate(&self, hash: u64, mut is_it: impl FnMut(Packed) -> bool) -> Option<(usize, usize)> {
        for at in self.probe(hash) {
            let bucket = self.buckets.get(at)?;
            if let Some(place) = bucket.find(tag(hash), &mut is_it) {
                return Some((at, place));
            }
            if bucket.passed == 0 {
                return None;
            }
        }
        None
    }

    /// The entry with `hash` that `is_it`.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_it: impl FnMut(Packed) -> bool) -> Option<Packed> {
        let (at, place) = self.locate(hash, is_it)?;
        Some(self.buckets[at].places[place])
    }

    /// Adds an entry. `rehash` gives the hashes of those that are there, for when the part grows.
    pub(super) fn insert(&mut self, hash: u64, entry: Packed, rehash: impl Fn(Packed) -> u64) {
        if self.len >= self.buckets.len() * FULL {
            self.grow(rehash);
        }
        self.put(hash, entry);
    }

    fn put(&mut self, hash: u64, entry: Packed) {
        for at in self.probe(hash) {
            let bucket = &mut self.buckets[at];
            if let Some(place) = bucket.tags.iter().position(|tag| *tag == EMPTY) {
                bucket.tags[place] = tag(hash);
                bucket.places[place] = entry;
                self.len += 1;
                return;
            }
            bucket.passed = bucket.passed.saturating_add(1);
        }
    }

    #[cold]
    fn grow(&mut self, rehash: impl Fn(Packed) -> u64) {
        let larger = vec![Bucket::default(); self.buckets.len() * 2];
        let old = core::mem::replace(self, Self { buckets: larger, len: 0 });
        for bucket in &old.buckets {
            for (_, entry) in bucket.tags.iter().zip(&bucket.places).filter(|(tag, _)| **tag != EMPTY) {
                self.put(rehash(*entry), *entry);
            }
        }
    }

    /// Puts `to` where `from` is; whether it was there.
    pub(super) fn replace(&mut self, hash: u64, from: Packed, to: Packed) -> bool {
        let Some((at, place)) = self.locate(hash, |packed| packed == from) else { return false };
        self.buckets[at].places[place] = to;
        true
    }

    /// Removes an entry; whether it was there.
    pub(super) fn remove(&mut self, hash: u64, entry: Packed) -> bool {
        let Some((found, place)) = self.locate(hash, |packed| packed == entry) else { return false };
        self.buckets[found].tags[place] = EMPTY;
        self.len -= 1;
        for at in self.probe(hash).take_while(|at| *at != found) {
            let passed = &mut self.buckets[at].passed;
            *passed -= u8::from(*passed < u8::MAX);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::table::Entry;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Hashes that crowd a few buckets, so that entries pass over full ones, around the end too, and share tags.
    fn crowded(entry: u32) -> u64 {
        (u64::from(entry % 3) * 31) | (u64::from(entry % 5) << 56)
    }

    fn packed(entry: u32) -> Packed {
        Packed::new(Entry::Connection(entry))
    }

    proptest! {
        #[test]
        fn any_history_is_that_of_a_map(ops in prop::collection::vec((0u32..200, 0u8..4), 1..600)) {
            let mut part = Part::with_capacity(8);
            let mut model: BTreeMap<u32, Packed> = BTreeMap::new();
            for (key, op) in ops {
                let now = model.get(&key).copied();
                match op {
                    0 | 1 if now.is_none() => {
                        part.insert(crowded(key), packed(key), |entry| crowded(entry.place()));
                        model.insert(key, packed(key));
                    }
                    2 => {
                        let to = Packed::new(Entry::TimeWait(key));
                        prop_assert_eq!(part.replace(crowded(key), packed(key), to), now == Some(packed(key)));
                        model.entry(key).and_modify(|entry| *entry = to);
                    }
                    _ => {
                        let removed = now.is_some_and(|now| part.remove(crowded(key), now));
                        prop_assert_eq!(removed, model.remove(&key).is_some());
                    }
                }
                prop_assert_eq!(part.len, model.len());
                for key in 0..200 {
                    let found = part.find(crowded(key), |entry| entry.place() == key);
                    prop_assert_eq!(found.map(Packed::entry), model.get(&key).map(|entry| entry.entry()));
                }
            }
            for (key, entry) in &model {
                prop_assert!(part.remove(crowded(*key), *entry));
            }
            let left = part.buckets.iter().map(|bucket| u32::from(bucket.passed)).sum::<u32>();
            prop_assert_eq!((part.len, left), (0, 0), "nothing is left to be passed over");
        }
    }
}
