//! The buffers of a shard, by size: in steady state a packet costs no allocation.

use super::Buf;
use super::chunks::List;

/// Headroom of every buffer taken for a frame: Ethernet, IPv6 and TCP with all options fit.
pub const HEADROOM: usize = 128;

/// The sizes that a pool keeps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SizeClass {
    /// Control segments and small payloads.
    Small,
    /// One Ethernet frame.
    Frame,
    /// A jumbo frame, or a chunk of a stream.
    Chunk,
    /// The largest IP packet, or a super-segment.
    Jumbo,
}

impl SizeClass {
    /// All classes, smallest first.
    pub const ALL: [Self; 4] = [Self::Small, Self::Frame, Self::Chunk, Self::Jumbo];

    /// Bytes of a buffer of this class, headroom included.
    pub const fn capacity(self) -> usize {
        match self {
            Self::Small => 448,
            Self::Frame => 1984,
            Self::Chunk => 16 * 1024 + 192,
            Self::Jumbo => 65536 + 448,
        }
    }

    /// The smallest class that holds `len` bytes after [`HEADROOM`].
    pub const fn for_len(len: usize) -> Self {
        let need = len.saturating_add(HEADROOM);
        if need <= Self::Small.capacity() {
            Self::Small
        } else if need <= Self::Frame.capacity() {
            Self::Frame
        } else if need <= Self::Chunk.capacity() {
            Self::Chunk
        } else {
            Self::Jumbo
        }
    }
}

/// Free buffers, by class, up to a limit of bytes; what is over the limit goes back to the allocator.
#[derive(Debug)]
pub struct Pool {
    free: [Vec<Buf>; 4],
    /// Headers for views of shared frames.
    views: Vec<Buf>,
    /// Free buffers of each class that the other end of a link waits for.
    owed: [u32; 4],
    held: usize,
    limit: usize,
    allocated: u64,
    outstanding: usize,
    /// Lists that queues no longer need.
    #[allow(clippy::vec_box, reason = "a queue holds the box itself")]
    lists: Vec<Box<List>>,
}

/// Most headers that wait for a frame to share: 64 bytes each.
const VIEWS: usize = 4096;
/// Most lists that wait for a queue to need them, and their places at most: 2 MiB in all.
const LISTS: usize = 256;
const LONGEST: usize = 1024;

impl Pool {
    /// A pool that keeps at most `limit` bytes of free buffers.
    pub fn new(limit: usize) -> Self {
        Self {
            free: Default::default(),
            views: Vec::new(),
            owed: [0; 4],
            held: 0,
            limit,
            allocated: 0,
            outstanding: 0,
            lists: Vec::new(),
        }
    }

    /// An empty buffer that holds `len` bytes after [`HEADROOM`]; fresh from the allocator where none is free.
    #[inline]
    pub fn take(&mut self, len: usize) -> Buf {
        let class = SizeClass::for_len(len);
        let need = len.saturating_add(HEADROOM);
        // What is larger than the largest class never comes from the free ones.
        if need <= class.capacity() {
            if let Some(mut buf) = self.free[class as usize].pop() {
                let memory = buf.memory();
                self.held -= memory;
                self.outstanding += memory;
                buf.reset(HEADROOM);
                return buf;
            }
        }
        self.allocated += 1;
        let buf = Buf::new(class.capacity().max(need), HEADROOM);
        self.outstanding += buf.memory();
        buf
    }

    /// Gives a buffer back.
    #[inline]
    pub fn put(&mut self, buf: Buf) {
        self.outstanding = self.outstanding.saturating_sub(buf.memory());
        if buf.is_whole() {
            self.keep(buf);
        } else {
            self.part(buf);
        }
    }

    #[inline]
    fn keep(&mut self, mut buf: Buf) {
        let memory = buf.memory();
        // The smallest class that it would serve is its own, unless it came from elsewhere and is of none.
        let class = SizeClass::for_len(buf.capacity().saturating_sub(HEADROOM));
        if class.capacity() == buf.capacity() && self.held + memory <= self.limit {
            self.held += memory;
            if buf.is_borrowed() {
                buf.set_borrowed(false);
                let owed = &mut self.owed[class as usize];
                *owed = owed.saturating_add(1);
            }
            self.free[class as usize].push(buf);
        }
    }

    /// One of several holders: the last one's is kept.
    fn part(&mut self, buf: Buf) {
        let (bytes, view) = buf.part();
        if let Some(bytes) = bytes {
            self.keep(bytes);
        }
        self.views.extend(view.filter(|_| self.views.len() < VIEWS));
    }

    /// Another holder of the bytes of `buf`, which both only read from now on. It counts as another buffer in use.
    pub(super) fn share(&mut self, buf: &mut Buf) -> Buf {
        let view = self.views.pop().unwrap_or_else(|| Buf::new(0, 0));
        self.outstanding += buf.memory();
        buf.share(view)
    }

    /// Counts a buffer that came over a link as one of this pool's in use, and as owed to the other end when it is free.
    #[inline]
    pub fn borrow(&mut self, buf: &mut Buf) {
        self.adopt(buf);
        buf.set_borrowed(true);
    }

    /// Whether the other end of a link waits for a buffer.
    #[inline]
    pub fn owes(&self) -> bool {
        self.owed != [0; 4]
    }

    /// Moves up to `count` free buffers that are owed to the other end of a link to `into`.
    pub fn repay(&mut self, count: usize, into: &mut Vec<Buf>) {
        let begin = into.len();
        for class in SizeClass::ALL {
            let owed = self.owed[class as usize];
            let room = count.saturating_sub(into.len() - begin);
            if owed > 0 && room > 0 {
                let before = into.len();
                self.spare(class, room.min(owed as usize), into);
                self.owed[class as usize] = owed - (into.len() - before) as u32;
            }
        }
    }

    /// Moves up to `count` free buffers of `class` to `into`, for a peer that runs short (an in-memory link).
    pub fn spare(&mut self, class: SizeClass, count: usize, into: &mut Vec<Buf>) {
        for _ in 0..count {
            let Some(buf) = self.free[class as usize].pop() else { return };
            self.held -= buf.memory();
            into.push(buf);
        }
    }

    /// A list for a queue of several buffers: in steady state one that another queue has used.
    #[inline]
    pub(super) fn take_list(&mut self) -> Box<List> {
        self.lists.pop().unwrap_or_default()
    }

    /// Takes the list of a queue back, which is empty.
    #[inline]
    pub(super) fn put_list(&mut self, list: Box<List>) {
        if self.lists.len() < LISTS && list.capacity() <= LONGEST {
            self.lists.push(list);
        }
    }

    /// Free buffers of one class.
    pub fn free(&self, class: SizeClass) -> usize {
        self.free[class as usize].len()
    }

    /// Bytes of free buffers.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Counts a buffer that came from elsewhere as one of this pool's in use: it will be [`Pool::put`] here.
    #[inline]
    pub fn adopt(&mut self, buf: &Buf) {
        self.outstanding += buf.memory();
    }

    /// Counts a buffer of this pool as gone for good: another pool will have it.
    #[inline]
    pub fn forget(&mut self, buf: &Buf) {
        self.outstanding = self.outstanding.saturating_sub(buf.memory());
    }

    /// As [`Pool::forget`] for buffers of `bytes` in all.
    #[inline]
    pub fn forget_bytes(&mut self, bytes: usize) {
        self.outstanding = self.outstanding.saturating_sub(bytes);
    }

    /// Bytes of buffers in use: taken or adopted, and neither put back nor forgotten.
    pub fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Buffers that came from the allocator since the start.
    pub fn allocated(&self) -> u64 {
        self.allocated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_or_adopted_is_in_use_until_it_is_put_back_or_forgotten() {
        let mut pool = Pool::new(1 << 20);
        let (first, second) = (pool.take(100), pool.take(1500));
        let foreign = Buf::new(2048, HEADROOM);
        assert_eq!(pool.outstanding(), first.memory() + second.memory());
        pool.adopt(&foreign);
        pool.forget(&first);
        assert_eq!(pool.outstanding(), second.memory() + foreign.memory());
        pool.put(second);
        pool.put(foreign);
        assert_eq!(pool.outstanding(), 0);
        let again = pool.take(1500);
        assert_eq!(pool.outstanding(), again.memory());
        pool.forget_bytes(again.memory());
        assert_eq!(pool.outstanding(), 0);
    }

    #[test]
    fn a_buffer_given_back_is_used_again_and_the_limit_holds() {
        let mut pool = Pool::new(2 * (SizeClass::Frame.capacity() + 64));
        for len in [1500, 1500, 1500] {
            let mut buf = pool.take(len);
            assert!(buf.headroom() == HEADROOM && buf.append(&[1; 1500]) == 1500);
            pool.put(buf);
        }
        assert_eq!((pool.allocated(), pool.free(SizeClass::Frame)), (1, 1));
        assert!(pool.take(1500).is_empty(), "emptied");
        for buf in [(); 3].map(|()| pool.take(1500)) {
            pool.put(buf);
        }
        assert_eq!(pool.free(SizeClass::Frame), 2, "the third is over the limit");
        let mut spare = Vec::new();
        pool.spare(SizeClass::Frame, 5, &mut spare);
        assert_eq!((spare.len(), pool.held()), (2, 0));
    }

    #[test]
    fn a_shared_buffer_counts_for_each_holder_and_is_free_after_the_last() {
        let mut pool = Pool::new(1 << 20);
        for frame_first in [true, false] {
            let mut frame = pool.take(9000);
            let memory = frame.memory();
            let view = pool.share(&mut frame);
            assert_eq!(pool.outstanding(), 2 * memory);
            let (first, second) = if frame_first { (frame, view) } else { (view, frame) };
            pool.put(first);
            assert_eq!((pool.outstanding(), pool.free(SizeClass::Chunk)), (memory, 0));
            pool.put(second);
            assert_eq!((pool.outstanding(), pool.free(SizeClass::Chunk)), (0, 1));
        }
        assert_eq!((pool.allocated(), pool.views.len()), (1, 1), "both were used again");
    }

    #[test]
    fn what_a_link_brought_is_owed_once_it_is_free_unless_it_came_home_by_itself() {
        let (mut sender, mut receiver) = (Pool::new(1 << 20), Pool::new(1 << 20));
        let mut spare = Vec::new();
        for view_first in [true, false] {
            let mut frame = sender.take(9000);
            let view = sender.share(&mut frame);
            sender.forget(&frame);
            receiver.borrow(&mut frame);
            if view_first {
                sender.put(view);
                receiver.put(frame);
                assert!(receiver.owes() && !sender.owes());
                receiver.repay(9, &mut spare);
                spare.drain(..).for_each(|buf| {
                    sender.adopt(&buf);
                    sender.put(buf);
                });
            } else {
                receiver.put(frame);
                sender.put(view);
            }
            assert!(!receiver.owes() && !sender.owes());
            assert_eq!((sender.free(SizeClass::Chunk), receiver.free(SizeClass::Chunk)), (1, 0));
            assert_eq!((sender.outstanding(), receiver.outstanding()), (0, 0));
        }
        assert_eq!(sender.allocated(), 1);
    }

    #[test]
    fn a_buffer_larger_than_the_largest_class_is_made_for_its_length() {
        let mut pool = Pool::new(1 << 20);
        let jumbo = pool.take(65536);
        pool.put(jumbo);
        assert_eq!(pool.free(SizeClass::Jumbo), 1);
        assert!(pool.take(100_000).tailroom() >= 100_000);
        assert_eq!(pool.free(SizeClass::Jumbo), 1, "the one that is too small stays");
    }
}
