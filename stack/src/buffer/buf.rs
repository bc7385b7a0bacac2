//! One packet buffer: a thin owning pointer to a header and its bytes in one allocation, so that moving a frame moves
//! eight bytes. The live bytes are `start..end`; before them is headroom, after them tailroom.

use crate::sync::atomic::UnsafeCell;
use core::ptr::NonNull;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};

/// What is known of a frame's transport checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Checksum {
    /// It stands in the frame and nobody has verified it.
    #[default]
    Complete,
    /// Received: the device or the local kernel vouches for it.
    Verified,
    /// The field holds the sum of the pseudo-header; whoever puts the frame on a wire finishes it over the bytes from
    /// `start` and stores it at `start + offset`. Received so, it is a local frame and counts as verified.
    Partial {
        /// Offset of the transport header from the start of the frame.
        start: u16,
        /// Offset of the checksum field in the transport header.
        offset: u16,
    },
}

/// Offload metadata of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Offload {
    /// State of the transport checksum.
    pub checksum: Checksum,
    /// Payload bytes of each segment that this super-segment stands for; 0 where the frame is one segment.
    pub segment_size: u16,
}

#[repr(C, align(64))]
pub(crate) struct Header {
    /// Link for the intrusive queues of `sync`. Only a queue that owns the buffer touches it, never a `Buf`.
    pub(crate) next: UnsafeCell<*mut Header>,
    start: u32,
    end: u32,
    capacity: u32,
    offload: Offload,
}

const HEADER: usize = size_of::<Header>();

/// An owned packet buffer.
pub struct Buf {
    header: NonNull<Header>,
}

// SAFETY: a `Buf` owns its allocation alone, and nothing in it is tied to a thread.
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
            start,
            end: start,
            capacity: capacity as u32,
            offload: Offload::default(),
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
    fn head(&self) -> &Header {
        // SAFETY: `header` points to a live header that this `Buf` owns.
        unsafe { self.header.as_ref() }
    }

    #[inline]
    fn head_mut(&mut self) -> &mut Header {
        // SAFETY: as `head`, and `&mut self` makes it unique.
        unsafe { self.header.as_mut() }
    }

    #[inline]
    fn bytes(&self) -> *mut u8 {
        // SAFETY: the allocation goes on for `capacity` bytes after the header.
        unsafe { self.header.as_ptr().cast::<u8>().add(HEADER) }
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

    /// The live bytes.
    #[inline]
    pub fn data_mut(&mut self) -> &mut [u8] {
        let (start, end) = (self.head().start as usize, self.head().end as usize);
        // SAFETY: as `data`, and `&mut self` makes it unique.
        unsafe { core::slice::from_raw_parts_mut(self.bytes().add(start), end - start) }
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
        self.head().start as usize
    }

    /// Bytes free after the live ones.
    #[inline]
    pub fn tailroom(&self) -> usize {
        self.capacity() - self.head().end as usize
    }

    /// Empties it, with `headroom` bytes (at most the capacity) before the start, and forgets the offload metadata.
    #[inline]
    pub fn reset(&mut self, headroom: usize) {
        let start = headroom.min(self.capacity()) as u32;
        let head = self.head_mut();
        head.start = start;
        head.end = start;
        head.offload = Offload::default();
    }

    /// Makes `n` bytes of headroom live and gives them; `None` where there are fewer.
    #[inline]
    pub fn prepend(&mut self, n: usize) -> Option<&mut [u8]> {
        let start = (self.head().start as usize).checked_sub(n)?;
        self.head_mut().start = start as u32;
        Some(&mut self.data_mut()[..n])
    }

    /// Makes `n` bytes of tailroom live and gives them (their old content shows); `None` where there are fewer.
    #[inline]
    pub fn extend(&mut self, n: usize) -> Option<&mut [u8]> {
        if n > self.tailroom() {
            return None;
        }
        let old = self.len();
        self.head_mut().end += n as u32;
        Some(&mut self.data_mut()[old..])
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

    /// Drops up to `n` bytes from the front.
    #[inline]
    pub fn trim_front(&mut self, n: usize) {
        let n = n.min(self.len()) as u32;
        self.head_mut().start += n;
    }

    /// Drops bytes from the end until at most `len` are left.
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        let keep = self.len().min(len) as u32;
        let head = self.head_mut();
        head.end = head.start + keep;
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
