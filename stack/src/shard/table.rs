//! The connection table: one keyed probe finds the connection, the half-open entry or the TIME-WAIT record of a flow.
//! It has no lock: it belongs to the shard, and whoever touches it holds `&mut Shard`.
//!
//! It is 256 small tables ([`part`](super::table_part)), chosen by the hash's high bits. Each grows alone, so that no insert
//! moves more than a 256th of the entries, and a shard with a million connections has no long turn. An entry is two bits of
//! kind and a place in the store of that kind, which holds the key.

use super::table_part::Part;
use crate::base::Prf;
use crate::wire::FlowKey;

/// What a flow is at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    /// A place in the shard's connections.
    Connection(u32),
    /// A place in admission's half-open store.
    HalfOpen(u32),
    /// A place in the TIME-WAIT store.
    TimeWait(u32),
}

/// An [`Entry`] in four bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Packed(u32);

const PLACE: u32 = (1 << 30) - 1;

impl Packed {
    pub(super) fn new(entry: Entry) -> Self {
        match entry {
            Entry::Connection(place) => Self(place & PLACE),
            Entry::HalfOpen(place) => Self(1 << 30 | place & PLACE),
            Entry::TimeWait(place) => Self(2 << 30 | place & PLACE),
        }
    }

    /// The place alone.
    #[inline]
    pub(super) fn place(self) -> u32 {
        self.0 & PLACE
    }

    #[inline]
    pub(super) fn entry(self) -> Entry {
        let place = self.place();
        match self.0 >> 30 {
            0 => Entry::Connection(place),
            1 => Entry::HalfOpen(place),
            _ => Entry::TimeWait(place),
        }
    }
}

/// The keyed hash of a flow, computed once a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FlowHash(u64);

/// Where the keys of entries are.
pub(crate) trait Keys {
    /// The key of `entry`; `None` where the store no longer has it.
    fn key(&self, entry: Entry) -> Option<&FlowKey>;
}

const PARTS: usize = 256;

pub(crate) struct FlowTable {
    parts: Vec<Part>,
    prf: Prf,
    len: usize,
}

impl FlowTable {
    /// A table in which `unproven` entries come and go without making it grow: what strangers can fill is there from the
    /// start, with room for chance to favour a part.
    pub(crate) fn new(prf: Prf, unproven: usize) -> Self {
        let each = unproven / PARTS * 3 + 8;
        Self { parts: (0..PARTS).map(|_| Part::with_capacity(each)).collect(), prf, len: 0 }
    }

    /// Entries held.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of the index.
    pub(crate) fn memory(&self) -> usize {
        self.parts.iter().map(Part::memory).sum::<usize>() + PARTS * size_of::<Part>()
    }

    /// The hash of `key`.
    #[inline]
    pub(crate) fn hash(&self, key: &FlowKey) -> FlowHash {
        FlowHash(hash_of(&self.prf, key))
    }

    /// A part takes its tag from the highest bits and its bucket from the lowest, so the part itself comes from between.
    #[inline]
    fn part(hash: FlowHash) -> usize {
        (hash.0 >> 40) as usize % PARTS
    }

    /// What `key` is at the moment.
    #[inline]
    pub(crate) fn find(&self, hash: FlowHash, key: &FlowKey, keys: &impl Keys) -> Option<Entry> {
        let is_it = |packed: Packed| keys.key(packed.entry()) == Some(key);
        self.parts[Self::part(hash)].find(hash.0, is_it).map(Packed::entry)
    }

    /// Adds an entry for a key that has none.
    pub(crate) fn insert(&mut self, hash: FlowHash, entry: Entry, keys: &impl Keys) {
        let prf = &self.prf;
        let rehash = |packed: Packed| match keys.key(packed.entry()) {
            Some(key) => hash_of(prf, key),
            None => 0,
        };
        self.parts[Self::part(hash)].insert(hash.0, Packed::new(entry), rehash);
        self.len += 1;
    }

    /// Makes the entry `from` of a flow `to`, in place.
    pub(crate) fn replace(&mut self, hash: FlowHash, from: Entry, to: Entry) -> bool {
        self.parts[Self::part(hash)].replace(hash.0, Packed::new(from), Packed::new(to))
    }

    /// Removes an entry; whether it was there.
    pub(crate) fn remove(&mut self, hash: FlowHash, entry: Entry) -> bool {
        let removed = self.parts[Self::part(hash)].remove(hash.0, Packed::new(entry));
        self.len -= usize::from(removed);
        removed
    }
}

#[inline]
fn hash_of(prf: &Prf, key: &FlowKey) -> u64 {
    key.hashed(|words| prf.fast_words(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secrets;
    use crate::wire::Endpoint;
    use std::net::{Ipv6Addr, SocketAddr};

    struct Store(Vec<FlowKey>);

    impl Keys for Store {
        fn key(&self, entry: Entry) -> Option<&FlowKey> {
            match entry {
                Entry::Connection(place) | Entry::HalfOpen(place) | Entry::TimeWait(place) => {
                    self.0.get(place as usize)
                }
            }
        }
    }

    fn key(i: u32) -> FlowKey {
        let local: SocketAddr = "192.0.2.1:80".parse().unwrap();
        let remote = if i % 2 == 0 {
            Endpoint { addr: std::net::Ipv4Addr::from(0x0a00_0000 + i / 5).into(), port: i as u16 }
        } else {
            let addr = std::net::IpAddr::from(Ipv6Addr::from(u128::from(i / 5)));
            Endpoint { addr: addr.into(), port: i as u16 }
        };
        FlowKey { local: local.into(), remote }
    }

    #[test]
    fn each_flow_of_either_version_is_found_replaced_and_removed_alone() {
        let mut table = FlowTable::new(Secrets::from_test_seed(1).prf("table"), 100);
        let store = Store((0..20_000).map(key).collect());
        for i in 0..20_000u32 {
            let hash = table.hash(&key(i));
            assert_eq!(table.find(hash, &key(i), &store), None);
            table.insert(hash, Entry::HalfOpen(i), &store);
        }
        assert_eq!(table.len(), 20_000);
        for i in 0..20_000u32 {
            let hash = table.hash(&key(i));
            assert_eq!(table.find(hash, &key(i), &store), Some(Entry::HalfOpen(i)));
            assert!(table.replace(hash, Entry::HalfOpen(i), Entry::Connection(i)));
            assert!(!table.replace(hash, Entry::HalfOpen(i), Entry::Connection(i)));
            assert_eq!(table.find(hash, &key(i), &store), Some(Entry::Connection(i)));
            assert!(table.remove(hash, Entry::Connection(i)));
            assert!(!table.remove(hash, Entry::Connection(i)));
        }
        assert_eq!(table.len(), 0);
    }
}
