//! A number that one thread writes and a watchdog reads.

use core::sync::atomic::{AtomicU64, Ordering};

/// Written by the shard at each step, read by a watchdog; neither ever waits.
#[derive(Debug, Default)]
pub struct Marker(AtomicU64);

impl Marker {
    /// Leaves a mark.
    #[inline]
    pub fn write(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The last mark.
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
