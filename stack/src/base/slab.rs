//! A slab with generations, in pages: an entry never moves, so growing to a million entries costs one page at a time
//! and no turn is long.

use core::fmt;

/// A page is small enough to be made within a turn, and large enough for the list of pages to stay in a cache.
const PAGE: usize = 128;
const NIL: u32 = u32::MAX;

/// Names one entry of one [`Slab`] for as long as it lives; a stale id finds nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Place in the slab.
    pub index: u32,
    /// How often the place was used before.
    pub generation: u32,
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.index, self.generation)
    }
}

impl From<Id> for u64 {
    fn from(id: Id) -> Self {
        u64::from(id.generation) << 32 | u64::from(id.index)
    }
}

impl From<u64> for Id {
    fn from(token: u64) -> Self {
        Self { index: token as u32, generation: (token >> 32) as u32 }
    }
}

struct Entry<T> {
    generation: u32,
    next_free: u32,
    value: Option<T>,
}

/// Entries of `T` in pages of 128, found by [`Id`] in O(1).
pub struct Slab<T> {
    pages: Vec<Box<[Entry<T>; PAGE]>>,
    free: u32,
    len: usize,
    limit: usize,
}

impl<T> Slab<T> {
    /// A slab that holds at most `limit` entries.
    pub fn with_limit(limit: usize) -> Self {
        Self { pages: Vec::new(), free: NIL, len: 0, limit: limit.min(NIL as usize) }
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The most entries it may hold.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Whether an insert would be refused.
    pub fn is_full(&self) -> bool {
        self.len >= self.limit
    }

    /// Places that there are, living or free: every index is below.
    pub fn places(&self) -> u32 {
        (self.pages.len() * PAGE) as u32
    }

    /// Bytes of the pages.
    pub fn memory(&self) -> usize {
        self.pages.len() * PAGE * size_of::<Entry<T>>()
    }

    /// Inserts `value`; gives it back where the limit is reached.
    ///
    /// # Errors
    /// The value itself, at the limit.
    pub fn insert(&mut self, value: T) -> Result<Id, T> {
        if self.is_full() {
            return Err(value);
        }
        if self.free == NIL {
            let base = (self.pages.len() * PAGE) as u32;
            let page = (0..PAGE as u32).map(|i| Entry {
                generation: 0,
                next_free: if i as usize + 1 == PAGE { NIL } else { base + i + 1 },
                value: None,
            });
            let page: Box<[Entry<T>]> = page.collect();
            // It has PAGE entries.
            let Ok(page) = page.try_into() else { return Err(value) };
            self.pages.push(page);
            self.free = base;
        }
        let index = self.free;
        let entry = &mut self.pages[index as usize / PAGE][index as usize % PAGE];
        self.free = entry.next_free;
        entry.value = Some(value);
        self.len += 1;
        Ok(Id { index, generation: entry.generation })
    }

    #[inline]
    fn entry(&self, index: u32) -> Option<&Entry<T>> {
        Some(&self.pages.get(index as usize / PAGE)?[index as usize % PAGE])
    }

    #[inline]
    fn entry_mut(&mut self, index: u32) -> Option<&mut Entry<T>> {
        Some(&mut self.pages.get_mut(index as usize / PAGE)?[index as usize % PAGE])
    }

    /// The entry that `id` names, if it still lives.
    #[inline]
    pub fn get(&self, id: Id) -> Option<&T> {
        self.entry(id.index).filter(|e| e.generation == id.generation)?.value.as_ref()
    }

    /// The entry that `id` names, if it still lives.
    #[inline]
    pub fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        self.entry_mut(id.index).filter(|e| e.generation == id.generation)?.value.as_mut()
    }

    /// The entry at `index`, whatever its generation: for an index that the caller keeps in step with the slab.
    #[inline]
    pub fn at(&self, index: u32) -> Option<&T> {
        self.entry(index)?.value.as_ref()
    }

    /// The entry at `index`, whatever its generation.
    #[inline]
    pub fn at_mut(&mut self, index: u32) -> Option<&mut T> {
        self.entry_mut(index)?.value.as_mut()
    }

    /// The living entry at `index`, and its full id.
    #[inline]
    pub fn living_at_mut(&mut self, index: u32) -> Option<(Id, &mut T)> {
        let Entry { generation, value, .. } = self.entry_mut(index)?;
        Some((Id { index, generation: *generation }, value.as_mut()?))
    }

    /// The full id of the living entry at `index`.
    #[inline]
    pub fn id_at(&self, index: u32) -> Option<Id> {
        let entry = self.entry(index)?;
        entry.value.is_some().then_some(Id { index, generation: entry.generation })
    }

    /// Takes out the entry that `id` names.
    pub fn remove(&mut self, id: Id) -> Option<T> {
        let free = self.free;
        let entry = self.entry_mut(id.index).filter(|e| e.generation == id.generation)?;
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        entry.next_free = free;
        self.free = id.index;
        self.len -= 1;
        Some(value)
    }

    /// All living entries, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = (Id, &T)> {
        self.pages.iter().flat_map(|page| page.iter()).enumerate().filter_map(|(i, e)| {
            e.value.as_ref().map(|v| (Id { index: i as u32, generation: e.generation }, v))
        })
    }
}

impl<T> fmt::Debug for Slab<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slab({} of at most {})", self.len, self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_id_finds_nothing_and_a_place_is_used_again() {
        let mut slab = Slab::with_limit(2);
        let a = slab.insert('a').unwrap();
        let b = slab.insert('b').unwrap();
        assert_eq!(slab.insert('c'), Err('c'), "the limit holds");
        assert_eq!(slab.remove(a), Some('a'));
        assert_eq!(slab.remove(a), None, "an entry is removed once");
        let c = slab.insert('c').unwrap();
        assert_eq!((c.index, slab.get(a), slab.get(c), slab.get(b)), (a.index, None, Some(&'c'), Some(&'b')));
        assert_eq!(slab.iter().map(|(_, v)| *v).collect::<String>(), "cb");
    }
}
