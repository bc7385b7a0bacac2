//! What an application chooses before there is a connection or a listener: the one lock here, held for a copy, never by a shard.

use std::sync::{Mutex, PoisonError};

/// A value that several threads may look at and change.
#[derive(Debug, Default)]
pub struct Choice<T>(Mutex<T>);

impl<T: Copy> Choice<T> {
    /// Starts with `value`.
    pub const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// The value now.
    pub fn get(&self) -> T {
        self.change(|value| *value)
    }

    /// Looks at the value and changes it in one.
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        // A panic within `change` leaves a value that is as good as any: it is copied whole.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
