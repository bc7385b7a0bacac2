//! Who is to be woken: a slot that tasks register in and that the other side takes from, and the list that carries
//! wakers from a turn to the moment after it.

use super::atomic::{AtomicU8, Ordering, UnsafeCell, spin_hint};
use core::task::{RawWaker, RawWakerVTable, Waker};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Nobody is at the slot.
const IDLE: u8 = 0;
/// A task is putting its waker in.
const REGISTERING: u8 = 1;
/// Somebody is taking the wakers out, or asked the registering task to wake itself.
const WAKING: u8 = 2;

/// Wakers of the tasks that wait for one thing. Neither side ever waits for the other.
///
/// The order of use that loses no wake-up: a task registers and *then* looks at the condition; the other side changes the
/// condition and *then* takes. Both are read-modify-writes of one atomic, so the later one of the two sees what the
/// other did before it.
///
/// Several tasks may wait at once (`&self` methods of a socket allow it); all are woken together, and the same task
/// registered twice is kept once, so the slot grows with the tasks that wait and not with their polls.
pub struct WakerSlot {
    state: AtomicU8,
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: wakers are `Send` and `Sync`, and the cell is touched only by the one party that moved `state` from `IDLE`.
unsafe impl Send for WakerSlot {}
// SAFETY: as above.
unsafe impl Sync for WakerSlot {}

impl WakerSlot {
    /// An empty slot.
    pub fn new() -> Self {
        Self { state: AtomicU8::new(IDLE), waker: UnsafeCell::new(None) }
    }

    /// Registers a task. Where another thread is at the slot in this very moment, the task is woken at once instead and
    /// looks again.
    pub fn register(&self, waker: &Waker) {
        // Cloning is foreign code, so it happens before the slot is held.
        let fresh = waker.clone();
        if self.state.compare_exchange(IDLE, REGISTERING, Ordering::Acquire, Ordering::Acquire).is_err() {
            fresh.wake();
            return spin_hint();
        }
        // SAFETY: the state says that the cell is ours.
        let surplus = self.waker.with_mut(|slot| unsafe {
            let (merged, surplus) = merge((*slot).take(), fresh);
            *slot = Some(merged);
            surplus
        });
        let done = self.state.compare_exchange(REGISTERING, IDLE, Ordering::AcqRel, Ordering::Acquire);
        if done.is_err() {
            // A taker came by and left the waking to us. SAFETY: the cell is ours until the swap.
            let waiting = self.waker.with_mut(|slot| unsafe { (*slot).take() });
            self.state.swap(IDLE, Ordering::AcqRel);
            if let Some(waiting) = waiting {
                waiting.wake();
            }
        }
        // A foreign drop, also only now.
        drop(surplus);
    }

    /// Takes the waker of all that wait. `None`: nobody does, or the one that registers just now will wake itself.
    #[must_use = "who waits must be woken"]
    pub fn take(&self) -> Option<Waker> {
        if self.state.fetch_or(WAKING, Ordering::AcqRel) != IDLE {
            return None;
        }
        // SAFETY: the state says that the cell is ours.
        let waker = self.waker.with_mut(|slot| unsafe { (*slot).take() });
        self.state.fetch_and(!WAKING, Ordering::Release);
        waker
    }

    /// Wakes all that wait, here and now: for a thread that is not in a turn.
    pub fn wake(&self) {
        if let Some(waker) = self.take() {
            waker.wake();
        }
    }
}

impl Default for WakerSlot {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for WakerSlot {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("WakerSlot")
    }
}

/// A waker that stands for several: its data is a boxed list. It keeps the slot of the usual case, one waiter, small.
static SEVERAL: RawWakerVTable =
    RawWakerVTable::new(several_clone, several_wake, several_wake_by_ref, several_drop);

/// Adds `fresh` to what waits already; also gives the waker that is not needed.
fn merge(waiting: Option<Waker>, fresh: Waker) -> (Waker, Option<Waker>) {
    let Some(old) = waiting else { return (fresh, None) };
    if core::ptr::eq(old.vtable(), &SEVERAL) {
        let list = old.data().cast_mut().cast::<Vec<Waker>>();
        // SAFETY: the table says that the data is a list, and `old` is owned here, so the list is reached from nowhere
        // else.
        let list = unsafe { &mut *list };
        if list.iter().any(|w| w.will_wake(&fresh)) {
            return (old, Some(fresh));
        }
        list.push(fresh);
        return (old, None);
    }
    if old.will_wake(&fresh) {
        return (old, Some(fresh));
    }
    (several(vec![old, fresh]), None)
}

fn several(list: Vec<Waker>) -> Waker {
    let data = Box::into_raw(Box::new(list)).cast_const().cast::<()>();
    // SAFETY: the functions of the table treat the data as what it is, a boxed list that the waker owns. The list is
    // `Send` and `Sync`.
    unsafe { Waker::new(data, &SEVERAL) }
}

unsafe fn several_clone(data: *const ()) -> RawWaker {
    // SAFETY: the data of this table is a boxed list that lives as long as the waker.
    let list = unsafe { &*data.cast::<Vec<Waker>>() };
    let copy = Box::into_raw(Box::new(list.clone()));
    RawWaker::new(copy.cast_const().cast(), &SEVERAL)
}

unsafe fn several_wake(data: *const ()) {
    // SAFETY: waking by value gives up the boxed list.
    let list = unsafe { Box::from_raw(data.cast_mut().cast::<Vec<Waker>>()) };
    for waker in *list {
        wake_guarded(waker);
    }
}

unsafe fn several_wake_by_ref(data: *const ()) {
    // SAFETY: as `several_clone`.
    let list = unsafe { &*data.cast::<Vec<Waker>>() };
    for waker in list {
        wake_guarded(waker.clone());
    }
}

unsafe fn several_drop(data: *const ()) {
    // SAFETY: the waker is going, and the boxed list with it.
    drop(unsafe { Box::from_raw(data.cast_mut().cast::<Vec<Waker>>()) });
}

/// Wakes; a panic of the foreign code goes no further, so that it takes neither the shard nor the other waiters along.
pub(crate) fn wake_guarded(waker: Waker) {
    // In loom's model a panic is a finding and goes on.
    if cfg!(loom) {
        return waker.wake();
    }
    let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) else { return };
    // What it panicked with has a drop, which is foreign code too.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        core::mem::forget(again);
    }
}

/// Wakers that a turn collected, to be woken after it, when no `&mut Shard` exists (`design.md` rule 2).
#[derive(Debug, Default)]
pub struct WakeList(Vec<Waker>);

impl WakeList {
    /// An empty list.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds those that wait at `slot`.
    #[inline]
    pub fn take_from(&mut self, slot: &WakerSlot) {
        self.0.extend(slot.take());
    }

    /// Adds one.
    pub fn push(&mut self, waker: Waker) {
        self.0.push(waker);
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nobody to wake.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Wakes all, in the order in which they were taken, and keeps the memory for the next turn. The driver calls it
    /// between turns. A waker that panics is contained.
    pub fn wake_all(&mut self) {
        for waker in self.0.drain(..) {
            wake_guarded(waker);
        }
    }
}

impl Drop for WakeList {
    /// Whoever was taken is woken, also where a turn ended by a panic.
    fn drop(&mut self) {
        self.wake_all();
    }
}
