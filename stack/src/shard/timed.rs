//! A part of the shard that time acts on. Most turns find nothing due in most parts: each is asked for its next deadline only
//! after somebody had a mutable reference to it, and polled only when that deadline has come.

use crate::base::Instant;
use core::ops::{Deref, DerefMut};

/// What has deadlines of its own.
pub(crate) trait Deadlines {
    /// When it next has something to do; in the past where it has already.
    fn next(&self) -> Option<Instant>;
}

/// A part, and what is known of its next deadline.
#[derive(Debug)]
pub(crate) struct Timed<T> {
    part: T,
    /// Somebody may have changed it since its deadline was asked for.
    touched: bool,
    /// Its next deadline, unless it was touched; the far future where there is none.
    deadline: Instant,
}

impl<T> Timed<T> {
    pub(crate) fn new(part: T) -> Self {
        Self { part, touched: true, deadline: Instant::FAR_FUTURE }
    }

    /// Whether it may have something to do at `now`.
    #[inline]
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.touched || self.deadline <= now
    }

    /// Whether somebody may have changed it since its deadline was asked for.
    #[inline]
    pub(crate) fn is_touched(&self) -> bool {
        self.touched
    }

    /// The part, for a change that moves no deadline.
    #[inline]
    pub(crate) fn untimed(&mut self) -> &mut T {
        &mut self.part
    }
}

impl<T: Deadlines> Timed<T> {
    /// Its next deadline, asked for again only where it was touched; the far future where there is none.
    #[inline]
    pub(crate) fn refresh(&mut self) -> Instant {
        if core::mem::replace(&mut self.touched, false) {
            self.deadline = self.part.next().unwrap_or(Instant::FAR_FUTURE);
        }
        self.deadline
    }

    /// As [`Timed::refresh`], and remembers nothing.
    pub(crate) fn peek(&self) -> Instant {
        if self.touched { self.part.next().unwrap_or(Instant::FAR_FUTURE) } else { self.deadline }
    }
}

impl<T> Deref for Timed<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.part
    }
}

impl<T> DerefMut for Timed<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.touched = true;
        &mut self.part
    }
}

macro_rules! deadlines {
    ($($part:ty),*) => {
        $(impl Deadlines for $part {
            fn next(&self) -> Option<Instant> {
                self.next_deadline()
            }
        })*
    };
}

deadlines!(
    crate::ip::Neighbors,
    crate::ip::PathMtus,
    crate::ip::Routes,
    crate::ip::Reassembly,
    crate::admission::Admission,
    crate::tcp::time_wait::TimeWaitStore,
    super::ping::Pings
);

#[cfg(test)]
mod tests {
    use super::*;

    struct Alarm(Option<u64>);

    impl Deadlines for Alarm {
        fn next(&self) -> Option<Instant> {
            self.0.map(Instant::from_millis)
        }
    }

    #[test]
    fn a_part_is_due_after_a_touch_and_at_its_deadline_and_not_between() {
        let mut alarm = Timed::new(Alarm(Some(5)));
        assert!(alarm.is_due(Instant::ZERO), "nobody has asked it yet");
        assert_eq!(alarm.refresh(), Instant::from_millis(5));
        assert!(!alarm.is_due(Instant::from_millis(4)));
        assert!(alarm.is_due(Instant::from_millis(5)));
        assert_eq!(alarm.0, Some(5));
        assert!(!alarm.is_due(Instant::ZERO), "reading is no touch");
        alarm.0 = None;
        assert!(alarm.is_due(Instant::ZERO));
        assert_eq!((alarm.peek(), alarm.refresh()), (Instant::FAR_FUTURE, Instant::FAR_FUTURE));
        assert!(!alarm.is_due(Instant::from_secs(1)));
    }
}
