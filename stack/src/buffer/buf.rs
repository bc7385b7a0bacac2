//! One packet buffer: a thin owning pointer to a header and its bytes in one allocation, so that moving a frame moves
//! eight bytes. The live bytes are `start..end`; before them is headroom, after them tailroom.
//!
//! # Sharing
//! The bytes of a frame that was sent are kept for a retransmission without a copy: `Buf::share` makes a *view*, a header of
//! its own without bytes that points to the frame's allocation and counts there as one more holder. While there is more than
//! one, nobody writes the bytes that they share: whoever wants to gets a copy first, and room before and after them is offered
//! only where it is no other holder's. Each holder has its own header, so its start and end are its own. The last one has the
//! allocation for itself again.

use super::Offload;
use crate::sync::atomic::{AtomicU32, Ordering, UnsafeCell, fence};
use crate::wire::checksum;
use core::ptr::NonNull;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};

#[repr(C, align(64))]
pub(crate) struct Header {
    /// Link for the intrusive queues of `sync`. Only a queue that owns the buffer touches it, never a `Buf`.
    pub(crate) next: UnsafeCell<*mut Header>,
    /// Holders of the bytes besides one. In a view, whose bytes are another header's, always 1.
    others: AtomicU32,
    own: Own,
}

/// What belongs to the one `Buf` that points to this header.
struct Own {
    /// The header before the bytes: this one, or in a view another.
    base: *mut Header,
    start: u32,
    end: u32,
    capacity: u32,
    /// The partial checksum of the live bytes, where `summed` is their number.
    sum: u32,
    summed: u32,
    offload: Offload,
    /// Bytes at the front were dropped since they were shared: what is before them is another holder's.
    trimmed: bool,
    /// It came over a link in memory, whose other end waits for one like it.
    borrowed: bool,
}

/// No number of live bytes: their sum is not known.
const UNKNOWN: u32 = u32::MAX;

const HEADER: usize = size_of::<Header>();

/// An owned packet buffer.
pub struct Buf {
    header: NonNull<Header>,
}

// SAFETY: a `Buf` owns its header alone, shared bytes are only read, and nothing in it is tied to a thread.
unsafe impl Send for Buf {}
// SAFETY: `&Buf` gives only shared access to plain bytes and numbers, and never touches the link.
unsafe impl Sync for Buf {}

impl Buf {
    /// A buffer for `capacity` bytes, zeroed, empty, with `headroom` bytes before its start.
    pub fn new(capacity: usize, headroom: usize) -> Self {
        let capacity = capacity.min(u32::MAX as usize / 2);
        let layout = Self::layout(capacity);
        // SAFETY: the layout is never zero-sized (the header is 64 bytes).
        let raw = unsafe { alloc_zeroed(layout) }.cast::<Header>();
        let Some(header) = NonNull::new(raw) else { handle_alloc_error(layout) };
        let start = headroom.min(capacity) as u32;
        let fresh = Header {
            next: UnsafeCell::new(core::ptr::null_mut()),
            others: AtomicU32::new(0),
            own: Own {
                base: raw,
                start,
                end: start,
                capacity: capacity as u32,
                sum: 0,
                summed: 0,
                offload: Offload::default(),
                trimmed: false,
                borrowed: false,
            },
        };
        // SAFETY: freshly allocated with the header's size and alignment.
        unsafe { header.as_ptr().write(fresh) };
        Self { header }
    }

    fn layout(capacity: usize) -> Layout {
        match Layout::from_size_align(HEADER + capacity, align_of::<Header>()) {
            Ok(layout) => layout,
            Err(_) => unreachable!("the capacity is below 2^31"),
        }
    }

    #[inline]
    fn head(&self) -> &Own {
        // SAFETY: `header` points to a live header whose `own` is this `Buf`'s; other holders touch only `others`.
        unsafe { &(*self.header.as_ptr()).own }
    }

    #[inline]
    fn head_mut(&mut self) -> &mut Own {
        // SAFETY: as `head`, and `&mut self` makes it unique.
        unsafe { &mut (*self.header.as_ptr()).own }
    }

    #[inline]
    fn bytes(&self) -> *mut u8 {
        // SAFETY: the allocation of `base` goes on for `capacity` bytes after the header, and is alive while this holds it.
        unsafe { self.head().base.cast::<u8>().add(HEADER) }
    }

    /// The `n` bytes from `at` on, which are within the capacity and which no other holder sees.
    ///
    /// # Safety
    /// Just that.
    #[inline]
    unsafe fn place(&mut self, at: usize, n: usize) -> &mut [u8] {
        // SAFETY: the caller's promise; every byte was initialised at allocation, and `&mut self` excludes this holder.
        unsafe { core::slice::from_raw_parts_mut(self.bytes().add(at), n) }
    }

    /// Asks the processor to fetch the header and the first bytes of a frame that will be looked at soon.
    #[inline]
    pub fn prefetch(&self) {
        prefetch_lines::<4>(self.header.as_ptr().cast());
    }

    /// The live bytes.
    #[inline]
    pub fn data(&self) -> &[u8] {
        let head = self.head();
        // SAFETY: `start <= end <= capacity` always holds, and every byte was initialised at allocation.
        unsafe {
            core::slice::from_raw_parts(
                self.bytes().add(head.start as usize),
                (head.end - head.start) as usize,
            )
        }
    }

    /// The live bytes. Where another holder shares them they are copied first.
    #[inline]
    pub fn data_mut(&mut self) -> &mut [u8] {
        if !self.is_whole() {
            self.make_own();
        }
        let (start, len) = (self.headroom(), self.len());
        self.head_mut().summed = UNKNOWN;
        // SAFETY: `start <= end <= capacity` always holds, and nobody shares them.
        unsafe { self.place(start, len) }
    }

    /// Number of live bytes.
    #[inline]
    pub fn len(&self) -> usize {
        (self.head().end - self.head().start) as usize
    }

    /// Whether there is no live byte.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes it can hold at most, headroom included.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.head().capacity as usize
    }

    /// Bytes of memory behind it, for accounting.
    #[inline]
    pub fn memory(&self) -> usize {
        self.capacity() + HEADER
    }

    /// Bytes free before the live ones.
    #[inline]
    pub fn headroom(&self) -> usize {
        let head = self.head();
        if self.is_whole() || (!self.is_view() && !head.trimmed) { head.start as usize } else { 0 }
    }

    /// Bytes free after the live ones.
    #[inline]
    pub fn tailroom(&self) -> usize {
        let head = self.head();
        if self.is_whole() { (head.capacity - head.end) as usize } else { 0 }
    }

    /// Empties it, with `headroom` bytes (at most the capacity) before the start, and forgets the offload metadata.
    #[inline]
    pub fn reset(&mut self, headroom: usize) {
        if !self.is_whole() {
            *self = Self::new(self.capacity(), headroom);
            return;
        }
        let start = headroom.min(self.capacity()) as u32;
        let head = self.head_mut();
        head.start = start;
        head.end = start;
        (head.sum, head.summed) = (0, 0);
        head.offload = Offload::default();
    }

    /// Makes `n` bytes of headroom live and gives them; `None` where there are fewer.
    #[inline]
    pub fn prepend(&mut self, n: usize) -> Option<&mut [u8]> {
        let start = self.headroom().checked_sub(n)?;
        let head = self.head_mut();
        head.start -= n as u32;
        head.summed = UNKNOWN;
        // SAFETY: headroom that this holder has is within the capacity and no other holder's.
        Some(unsafe { self.place(start, n) })
    }

    /// Makes `n` bytes of tailroom live and gives them (their old content shows); `None` where there are fewer.
    #[inline]
    pub fn extend(&mut self, n: usize) -> Option<&mut [u8]> {
        if n > self.tailroom() {
            return None;
        }
        let old = self.head().end;
        self.head_mut().end += n as u32;
        // SAFETY: tailroom that this holder has is within the capacity and no other holder's.
        Some(unsafe { self.place(old as usize, n) })
    }

    /// Appends as much of `bytes` as there is tailroom for; tells how much.
    #[inline]
    pub fn append(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.tailroom());
        if let Some(place) = self.extend(n) {
            super::copy::copy(place, &bytes[..n]);
        }
        n
    }

    /// As [`Buf::append`], and sums what it copies in the same pass, for [`Buf::sum`].
    #[inline]
    pub(super) fn append_summed(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.tailroom());
        let (old, known, before) = (self.len(), self.head().summed, self.head().sum);
        if let Some(place) = self.extend(n) {
            let sum = checksum::copy_and_sum(place, &bytes[..n]);
            if known as usize == old {
                let sum = if old % 2 == 1 { checksum::at_odd_offset(sum) } else { sum };
                let head = self.head_mut();
                (head.sum, head.summed) = (checksum::combine(before, sum), (old + n) as u32);
            }
        }
        n
    }

    /// The partial checksum of the live bytes; without looking at them where all came by [`Buf::append_summed`].
    #[inline]
    pub(super) fn sum(&self) -> u32 {
        let head = self.head();
        if head.summed as usize == self.len() { head.sum } else { checksum::sum(self.data()) }
    }

    /// Drops up to `n` bytes from the front.
    #[inline]
    pub fn trim_front(&mut self, n: usize) {
        let n = n.min(self.len()) as u32;
        let head = self.head_mut();
        head.start += n;
        head.trimmed = true;
        head.summed = UNKNOWN;
    }

    /// Drops bytes from the end until at most `len` are left.
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        let keep = self.len().min(len) as u32;
        let head = self.head_mut();
        head.end = head.start + keep;
        head.summed = UNKNOWN;
    }

    /// The offload metadata.
    #[inline]
    pub fn offload(&self) -> Offload {
        self.head().offload
    }

    /// Sets the offload metadata.
    #[inline]
    pub fn set_offload(&mut self, offload: Offload) {
        self.head_mut().offload = offload;
    }

    /// Whether no other holder shares its bytes.
    #[inline]
    pub(super) fn is_whole(&self) -> bool {
        self.others().load(Ordering::Acquire) == 0
    }

    #[inline]
    fn is_view(&self) -> bool {
        self.head().base != self.header.as_ptr()
    }

    #[inline]
    fn others(&self) -> &AtomicU32 {
        // SAFETY: the header is alive, and `others` is only ever accessed so.
        unsafe { &(*self.header.as_ptr()).others }
    }

    /// The count of the bytes' holders, which a view has elsewhere.
    #[inline]
    fn holders(&self) -> &AtomicU32 {
        // SAFETY: this `Buf` holds the allocation of `base`, so it is alive; `others` is only ever accessed so.
        unsafe { &(*self.head().base).others }
    }

    /// Makes `view`, a buffer without capacity, another holder of the live bytes: only to be read from now on, by both.
    pub(super) fn share(&mut self, mut view: Self) -> Self {
        debug_assert!(view.capacity() == 0 && view.is_whole(), "it has a header for nothing but this");
        self.holders().fetch_add(1, Ordering::Relaxed);
        view.others().store(1, Ordering::Relaxed);
        let head = self.head_mut();
        head.trimmed = false;
        let Own { base, start, end, capacity, sum, summed, offload, .. } = *head;
        *view.head_mut() =
            Own { base, start, end, capacity, sum, summed, offload, trimmed: false, borrowed: false };
        view
    }

    /// Lets go of bytes that may be shared: what is left is a buffer with bytes, where no other holder is left, and the header
    /// of a view, which holds nothing any more.
    pub(super) fn part(mut self) -> (Option<Self>, Option<Self>) {
        // Asked before: a frame's own header may be another holder's as soon as this one is not counted any more.
        let is_view = self.is_view();
        // Release: what this holder read is read before another one writes; and acquire, where that is this one.
        let last = self.holders().fetch_sub(1, Ordering::Release) == 0;
        if last {
            fence(Ordering::Acquire);
            self.holders().store(0, Ordering::Relaxed);
        }
        if !is_view {
            if last {
                return (Some(self), None);
            }
            core::mem::forget(self);
            return (None, None);
        }
        let base = self.head().base;
        let whole = NonNull::new(base).filter(|_| last).map(|header| {
            let mut whole = Self { header };
            // The frame itself is gone; its bytes are where they came from.
            whole.head_mut().borrowed = false;
            whole
        });
        self.others().store(0, Ordering::Relaxed);
        let header = self.header.as_ptr();
        let head = self.head_mut();
        (head.base, head.start, head.end, head.capacity) = (header, 0, 0, 0);
        (head.sum, head.summed) = (0, 0);
        (whole, Some(self))
    }

    /// Replaces it by a copy of its own.
    #[cold]
    fn make_own(&mut self) {
        let start = self.head().start as usize;
        let mut copy = Self::new(self.capacity(), start);
        copy.append(self.data());
        copy.set_offload(self.offload());
        *self = copy;
    }

    /// Notes that the other end of a link waits for one like it.
    #[inline]
    pub(super) fn set_borrowed(&mut self, borrowed: bool) {
        self.head_mut().borrowed = borrowed;
    }

    /// Whether the other end of a link waits for one like it.
    #[inline]
    pub(super) fn is_borrowed(&self) -> bool {
        self.head().borrowed
    }

    /// Gives up ownership, for the intrusive queues of `sync`.
    pub(crate) fn into_raw(self) -> NonNull<Header> {
        let header = self.header;
        core::mem::forget(self);
        header
    }

    /// Takes ownership back.
    ///
    /// # Safety
    /// `header` came from [`Buf::into_raw`] and no other `Buf` has been made from it since.
    pub(crate) unsafe fn from_raw(header: NonNull<Header>) -> Self {
        Self { header }
    }
}

/// Asks the processor to fetch all lines of `value`, which will be looked at soon: one wait instead of one for each line.
#[inline]
pub(crate) fn prefetch<T>(value: &T) {
    let place = core::ptr::from_ref(value).cast();
    match size_of::<T>() {
        0..=256 => prefetch_lines::<4>(place),
        257..=384 => prefetch_lines::<6>(place),
        _ => prefetch_lines::<8>(place),
    }
}

#[inline]
fn prefetch_lines<const LINES: usize>(place: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    for line in 0..LINES {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing that shows, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place.wrapping_add(line * 64).cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = place;
}

impl Drop for Buf {
    fn drop(&mut self) {
        if !self.is_whole() {
            // What is left of it is whole, and dropped as such.
            let (bytes, view) = Self { header: self.header }.part();
            drop((bytes, view));
            return;
        }
        let layout = Self::layout(self.capacity());
        // SAFETY: allocated in `new` with this layout; the header has nothing that needs dropping.
        unsafe { dealloc(self.header.as_ptr().cast(), layout) };
    }
}

impl core::fmt::Debug for Buf {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Buf({} of {} bytes)", self.len(), self.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Checksum;
    use super::*;

    #[test]
    fn headers_are_put_before_and_taken_off_without_a_copy() {
        let mut buf = Buf::new(64, 16);
        assert_eq!(buf.append(b"payload"), 7);
        buf.prepend(4).unwrap().copy_from_slice(b"head");
        assert_eq!(buf.data(), b"headpayload");
        assert_eq!(buf.headroom(), 12);
        assert!(buf.prepend(13).is_none());
        buf.trim_front(4);
        buf.truncate(3);
        assert_eq!(buf.data(), b"pay");
        assert_eq!(buf.append(&[0; 100]), 64 - 16 - 3);
        buf.reset(99);
        assert_eq!((buf.len(), buf.tailroom()), (0, 0));
    }

    #[test]
    fn metadata_goes_with_the_buffer_through_a_raw_pointer_and_other_threads() {
        let mut buf = Buf::new(100, 10);
        assert_eq!(buf.append(&[7; 90]), 90);
        let offload = Offload { checksum: Checksum::Partial { start: 34, offset: 16 }, segment_size: 1460 };
        buf.set_offload(offload);
        // SAFETY: just given up.
        let mut buf = unsafe { Buf::from_raw(buf.into_raw()) };
        buf = std::thread::spawn(move || {
            buf.data_mut()[0] = 8;
            buf
        })
        .join()
        .unwrap();
        assert_eq!((buf.data()[0], buf.data()[89], buf.offload()), (8, 7, offload));
        assert!(buf.extend(1).is_none());
        buf.reset(0);
        assert_eq!(buf.offload(), Offload::default());
        assert_eq!(buf.extend(100).map(|all| (all[10], all[99])), Some((8, 7)), "old bytes show");
    }

    /// A frame of `bytes` behind headroom, and a view of it.
    fn shared(bytes: &[u8]) -> (Buf, Buf) {
        let mut buf = Buf::new(bytes.len() + 32, 16);
        assert_eq!(buf.append(bytes), bytes.len());
        let view = buf.share(Buf::new(0, 0));
        (buf, view)
    }

    #[test]
    fn what_is_shared_is_one_memory_until_somebody_writes() {
        let (mut frame, mut view) = shared(b"segment");
        assert_eq!(frame.data().as_ptr(), view.data().as_ptr());
        assert_eq!((view.memory(), view.capacity()), (frame.memory(), frame.capacity()));
        // A header before what is shared is the frame's own; behind it, and anywhere for the view, there is no room.
        assert_eq!((frame.headroom(), frame.tailroom(), view.headroom(), view.tailroom()), (16, 0, 0, 0));
        frame.prepend(2).unwrap().copy_from_slice(b"h:");
        assert!(frame.extend(1).is_none() && view.prepend(1).is_none() && view.append(b"x") == 0);
        assert_eq!((frame.data(), view.data()), (&b"h:segment"[..], &b"segment"[..]));
        // Start and end are each holder's own, and what was dropped at the front is no headroom.
        frame.trim_front(5);
        view.trim_front(1);
        view.truncate(2);
        assert_eq!((frame.data(), view.data(), frame.headroom()), (&b"ment"[..], &b"eg"[..], 0));
        frame.data_mut().fill(b'!');
        assert_eq!((frame.data(), view.data()), (&b"!!!!"[..], &b"eg"[..]));
        assert!(frame.is_whole(), "it has a copy");
        drop(frame);
        view.data_mut().fill(b'?');
        assert_eq!(view.data(), b"??");
    }

    #[test]
    fn the_last_holder_has_the_bytes_whoever_it_is() {
        let (frame, view) = shared(b"first the frame");
        let (bytes, header) = frame.part();
        assert!(bytes.is_none() && header.is_none());
        let (bytes, header) = view.part();
        assert_eq!(bytes.as_ref().map(Buf::data), Some(&b"first the frame"[..]));
        let mut header = header.unwrap();
        assert_eq!((header.capacity(), header.is_whole()), (0, true));
        // The header serves the next one.
        let mut frame = bytes.unwrap();
        let view = frame.share(core::mem::replace(&mut header, Buf::new(0, 0)));
        let (bytes, header) = view.part();
        assert!(bytes.is_none() && header.is_some());
        assert!(frame.is_whole() && frame.headroom() == 16 && frame.tailroom() == 16);
        frame.reset(0);
        assert_eq!(frame.append(b"anew"), 4);
        let (mut frame, view) = shared(b"reset leaves the view alone");
        frame.reset(8);
        frame.append(b"other");
        assert_eq!((frame.data(), view.data()), (&b"other"[..], &b"reset leaves the view alone"[..]));
    }

    #[test]
    fn a_frame_and_its_view_end_on_two_threads() {
        for _ in 0..if cfg!(miri) { 4 } else { 100 } {
            let (mut frame, view) = shared(&[5; 200]);
            let other = std::thread::spawn(move || {
                let sum: usize = frame.data().iter().map(|byte| usize::from(*byte)).sum();
                frame.trim_front(100);
                frame.data_mut()[0] = 6;
                sum
            });
            assert_eq!(view.data().iter().map(|byte| usize::from(*byte)).sum::<usize>(), 1000);
            drop(view);
            assert_eq!(other.join().unwrap(), 1000);
        }
    }

    #[test]
    fn the_sum_is_known_only_for_what_was_summed() {
        let right = |buf: &Buf| checksum::finish(buf.sum()) == checksum::finish(checksum::sum(buf.data()));
        let mut buf = Buf::new(300, 10);
        for part in [&b"odd"[..], b"and", b"even", &[0x5a; 129]] {
            buf.append_summed(part);
            assert!(buf.head().summed as usize == buf.len() && right(&buf));
        }
        buf.append(b"not summed");
        assert!(right(&buf));
        buf.append_summed(b"behind it");
        assert!(right(&buf));
        buf.trim_front(3);
        assert!(right(&buf));
        buf.truncate(50);
        assert!(right(&buf));
        buf.data_mut().fill(1);
        assert!(right(&buf));
        buf.reset(4);
        buf.append_summed(b"afresh");
        buf.prepend(4).unwrap().fill(9);
        assert!(right(&buf));
        buf.trim_front(4);
        assert!(right(&buf));
    }

    #[test]
    fn a_buffer_for_nothing_is_a_buffer() {
        let mut buf = Buf::new(0, 5);
        assert_eq!((buf.append(b"x"), buf.capacity(), buf.data()), (0, 0, &[][..]));
        assert!(buf.prepend(1).is_none() && buf.prepend(0).is_some());
        buf.trim_front(9);
        buf.truncate(9);
        assert!(buf.is_empty());
    }
}
