//! Queues of byte chunks and of boxed items.

use super::atomic::UnsafeCell;
use super::stack::{Fifo, Node};
use crate::buffer::Buf;
use crate::buffer::buf::Header;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

// SAFETY: the link is a field of the header, used by queues alone.
unsafe impl Node for Header {
    unsafe fn link<'a>(this: NonNull<Self>) -> &'a UnsafeCell<*mut Self> {
        // SAFETY: the caller keeps the header alive.
        unsafe { &(*this.as_ptr()).next }
    }
}

/// Chunks in the order in which they were pushed, linked through their own headers: 16 bytes, and nothing more while
/// it is empty. How much it may hold is for the byte accounts of the cell to say.
pub(crate) struct ChunkQueue(Fifo<Header>);

// SAFETY: chunks are `Send`; pushing is lock-free, and the outbox belongs to one consumer by the contract of `pop`.
unsafe impl Send for ChunkQueue {}
// SAFETY: as above.
unsafe impl Sync for ChunkQueue {}

impl ChunkQueue {
    pub(crate) fn new() -> Self {
        Self(Fifo::new())
    }

    /// Appends a chunk; any thread.
    pub(crate) fn push(&self, chunk: Buf) {
        // SAFETY: `into_raw` gives up the ownership. A chunk queue is never closed, so the push cannot be refused.
        let pushed = unsafe { self.0.push(chunk.into_raw()) };
        debug_assert!(pushed, "chunk queues stay open");
    }

    /// Takes the oldest chunk.
    ///
    /// # Safety
    /// The caller is the only consumer at this moment.
    pub(crate) unsafe fn pop(&self) -> Option<Buf> {
        // SAFETY: the queue owned the chunk, and `pop` hands that on once.
        unsafe { self.0.pop().map(|raw| Buf::from_raw(raw)) }
    }

    /// Lets `f` work on the oldest chunk, which stays in the queue.
    ///
    /// # Safety
    /// The caller is the only consumer at this moment, and stays so during `f`.
    pub(crate) unsafe fn with_front<R>(&self, f: impl FnOnce(&mut Buf) -> R) -> Option<R> {
        // SAFETY: the caller is the only consumer.
        let raw = unsafe { self.0.front() }?;
        // SAFETY: the queue owns the chunk and lends it to the only consumer; the `Buf` made here is not dropped, also
        // where `f` panics, so the queue stays the owner.
        let mut chunk = ManuallyDrop::new(unsafe { Buf::from_raw(raw) });
        Some(f(&mut chunk))
    }
}

impl Drop for ChunkQueue {
    fn drop(&mut self) {
        // SAFETY: `&mut self`: there is no other consumer.
        while let Some(chunk) = unsafe { self.pop() } {
            drop(chunk);
        }
    }
}

pub(crate) struct Entry<T> {
    next: UnsafeCell<*mut Entry<T>>,
    value: T,
}

// SAFETY: the link is a field of the entry, used by queues alone.
unsafe impl<T> Node for Entry<T> {
    unsafe fn link<'a>(this: NonNull<Self>) -> &'a UnsafeCell<*mut Self> {
        // SAFETY: the caller keeps the entry alive.
        unsafe { &(*this.as_ptr()).next }
    }
}

/// Items in the order in which they were pushed, each in a box of its own: for commands and accepted connections, which
/// are rare beside bytes.
pub(crate) struct Queue<T>(Fifo<Entry<T>>);

// SAFETY: items cross threads with the queue; pushing is lock-free, and the outbox belongs to one consumer.
unsafe impl<T: Send> Send for Queue<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Queue<T> {}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self(Fifo::new())
    }

    /// Appends an item; any thread.
    ///
    /// # Errors
    /// The item, where the queue is closed.
    pub(crate) fn push(&self, value: T) -> Result<(), T> {
        let entry = Box::new(Entry { next: UnsafeCell::new(core::ptr::null_mut()), value });
        let raw = NonNull::from(Box::leak(entry));
        // SAFETY: the box was leaked, so the queue owns it, unless it refuses.
        if unsafe { self.0.push(raw) } {
            return Ok(());
        }
        // SAFETY: refused, so it is still ours.
        Err(unsafe { Box::from_raw(raw.as_ptr()) }.value)
    }

    /// Takes the oldest item.
    ///
    /// # Safety
    /// The caller is the only consumer at this moment.
    pub(crate) unsafe fn pop(&self) -> Option<T> {
        // SAFETY: every entry came from a box, and `pop` hands it on once.
        unsafe { self.0.pop().map(|raw| Box::from_raw(raw.as_ptr()).value) }
    }

    /// Refuses every push from now on; what is there can still be popped.
    ///
    /// # Safety
    /// The caller is the only consumer at this moment.
    pub(crate) unsafe fn close(&self) {
        // SAFETY: passed on.
        unsafe { self.0.close() }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        // SAFETY: `&mut self`: there is no other consumer.
        while let Some(item) = unsafe { self.pop() } {
            drop(item);
        }
    }
}
