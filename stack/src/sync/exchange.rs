//! Free buffers on their way between applications and the shard: in steady state neither side allocates.

use super::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::buffer::buf::Header;
use crate::buffer::pool::HEADROOM;
use crate::buffer::{Buf, SizeClass};
use core::ptr::{self, NonNull};

/// How many places one call looks at before it gives up: no call searches until it finds.
const PROBES: usize = 8;

/// A bounded set of free buffers in each size class, for any number of threads. What finds no place goes back to the
/// allocator; who finds no buffer allocates one.
pub struct Exchange {
    classes: [Shelf; SizeClass::ALL.len()],
}

impl Exchange {
    /// An exchange that holds at most `bytes` of buffers in each size class.
    pub fn new(bytes: usize) -> Self {
        Self { classes: SizeClass::ALL.map(|class| Shelf::new(bytes / class.capacity())) }
    }

    /// An empty buffer that holds `len` bytes after [`HEADROOM`]; fresh from the allocator where none is free.
    pub fn take(&self, len: usize) -> Buf {
        let class = SizeClass::for_len(len);
        let need = len.saturating_add(HEADROOM);
        // What is larger than the largest class never comes from the free ones.
        let free = if need <= class.capacity() { self.take_class(class) } else { None };
        free.unwrap_or_else(|| Buf::new(class.capacity().max(need), HEADROOM))
    }

    /// A free buffer of `class`, emptied, with [`HEADROOM`], if there is one.
    pub fn take_class(&self, class: SizeClass) -> Option<Buf> {
        let mut buf = self.classes[class as usize].take()?;
        buf.reset(HEADROOM);
        Some(buf)
    }

    /// Gives a buffer back.
    pub fn give(&self, buf: Buf) {
        drop(self.try_give(buf));
    }

    /// Gives a buffer back; returns it where there is no place, for the pool of a shard.
    pub fn try_give(&self, buf: Buf) -> Option<Buf> {
        match SizeClass::ALL.into_iter().find(|class| class.capacity() == buf.capacity()) {
            Some(class) => self.classes[class as usize].give(buf),
            None => Some(buf),
        }
    }
}

/// Places that hold a buffer or nothing. A buffer is put in by exchanging a null, and taken by exchanging it for a
/// null, so it has one owner at any time, whatever the hint says.
struct Shelf {
    places: Box<[AtomicPtr<Header>]>,
    /// About how many places from the start are taken. Only a hint: a wrong one costs a probe or an allocation.
    level: AtomicUsize,
}

impl Shelf {
    fn new(places: usize) -> Self {
        let places = (0..places).map(|_| AtomicPtr::new(ptr::null_mut())).collect();
        Self { places, level: AtomicUsize::new(0) }
    }

    fn give(&self, buf: Buf) -> Option<Buf> {
        let level = self.level.load(Ordering::Relaxed);
        let raw = buf.into_raw();
        for (i, place) in self.places.iter().enumerate().skip(level).take(PROBES) {
            // The look first keeps a full place's cache line shared. Release: the taker sees the content.
            if place.load(Ordering::Relaxed).is_null()
                && place
                    .compare_exchange(ptr::null_mut(), raw.as_ptr(), Ordering::Release, Ordering::Relaxed)
                    .is_ok()
            {
                self.level.store(i + 1, Ordering::Relaxed);
                return None;
            }
        }
        // SAFETY: no exchange succeeded, so it is still ours.
        Some(unsafe { Buf::from_raw(raw) })
    }

    fn take(&self) -> Option<Buf> {
        let level = self.level.load(Ordering::Relaxed).min(self.places.len());
        for i in (level.saturating_sub(PROBES)..level).rev() {
            let place = &self.places[i];
            if place.load(Ordering::Relaxed).is_null() {
                continue;
            }
            if let Some(raw) = NonNull::new(place.swap(ptr::null_mut(), Ordering::Acquire)) {
                self.level.store(i, Ordering::Relaxed);
                // SAFETY: the place owned it, and the swap gave it to us alone.
                return Some(unsafe { Buf::from_raw(raw) });
            }
        }
        // Nothing near: look further down next time, so that a hole does not hide what lies below it.
        self.level.store(level.saturating_sub(PROBES), Ordering::Relaxed);
        None
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        for place in &self.places {
            if let Some(raw) = NonNull::new(place.swap(ptr::null_mut(), Ordering::Acquire)) {
                // SAFETY: as `take`.
                drop(unsafe { Buf::from_raw(raw) });
            }
        }
    }
}
