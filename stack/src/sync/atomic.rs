//! The shim that lets every file of this folder run on the real machine and, under `--cfg loom`, in loom's model of it.
//! Nothing else in `sync/` names `core::sync::atomic` or `loom`.

#[cfg(loom)]
pub(crate) use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

/// The counted pointer of everything in `sync/`: std's, or loom's twin under `--cfg loom`.
#[cfg(loom)]
pub use loom::sync::Arc;
/// The counted pointer of everything in `sync/`: std's, or loom's twin under `--cfg loom`.
#[cfg(not(loom))]
pub use std::sync::Arc;

/// `core::cell::UnsafeCell` with loom's interface: access through closures, so that the model sees how long it lasts.
#[cfg(not(loom))]
#[repr(transparent)]
pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(core::cell::UnsafeCell::new(value))
    }

    /// A shared look. Whoever follows the pointer promises that nobody writes meanwhile.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Exclusive access. Whoever follows the pointer promises that nobody else looks meanwhile.
    #[inline]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// Told where a task wakes itself because another thread is at the same place in this moment: that thread should run.
#[inline]
pub(crate) fn spin_hint() {
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(not(loom))]
    core::hint::spin_loop();
}
