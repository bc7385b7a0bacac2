//! A flag that one side raises and the other sleeps on.

use core::sync::atomic::{AtomicBool, Ordering};

/// Raised by any thread; taken by one waiter.
#[derive(Debug, Default)]
pub struct Signal {
    raised: AtomicBool,
}

impl Signal {
    /// Raises it.
    pub fn raise(&self) {
        self.raised.store(true, Ordering::Release);
    }

    /// Takes it: whether it was raised since the last take.
    pub fn take(&self) -> bool {
        self.raised.swap(false, Ordering::Acquire)
    }
}
