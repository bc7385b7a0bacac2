//! A flag that any thread raises and one driver sleeps on.

use super::atomic::{AtomicBool, Ordering};
use super::waker::WakerSlot;
use core::task::{Poll, Waker};

/// Raised by any thread; taken by one waiter. It wakes the waiter's task or thread once for many raises.
///
/// A driver sleeps so: [`Signal::poll_raised`] (register, then take), or by hand [`Signal::take`] before each turn. A
/// driver must not sleep after a [`Signal::take`] that came *before* its [`Signal::register`].
#[derive(Debug)]
pub struct Signal {
    raised: AtomicBool,
    waiter: WakerSlot,
}

impl Default for Signal {
    fn default() -> Self {
        Self { raised: AtomicBool::new(false), waiter: WakerSlot::new() }
    }
}

impl Signal {
    /// Raises it and wakes the waiter, where it is not raised already.
    pub fn raise(&self) {
        if !self.raised.swap(true, Ordering::AcqRel) {
            self.waiter.wake();
        }
    }

    /// Takes it: whether it was raised since the last take.
    pub fn take(&self) -> bool {
        self.raised.swap(false, Ordering::AcqRel)
    }

    /// Names who is woken by the next raise.
    pub fn register(&self, waker: &Waker) {
        self.waiter.register(waker);
    }

    /// Takes it, or registers `waker` for the moment it is raised.
    pub fn poll_raised(&self, waker: &Waker) -> Poll<()> {
        if self.take() {
            return Poll::Ready(());
        }
        self.register(waker);
        if self.take() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Blocks this thread until it is raised or `timeout` has passed; `None`: until it is raised. Tells whether it was
    /// raised, and takes it; may return early with `false`, so the caller looks at its clock.
    #[cfg(not(loom))]
    pub fn wait(&self, timeout: Option<core::time::Duration>) -> bool {
        struct Unpark(std::thread::Thread);
        impl std::task::Wake for Unpark {
            fn wake(self: std::sync::Arc<Self>) {
                self.0.unpark();
            }
        }
        std::thread_local! {
            /// One for the life of the thread: sleeping allocates nothing.
            static WAKER: Waker = Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
        }
        if WAKER.with(|waker| self.poll_raised(waker)).is_ready() {
            return true;
        }
        match timeout {
            Some(timeout) => std::thread::park_timeout(timeout),
            None => std::thread::park(),
        }
        self.take()
    }
}
