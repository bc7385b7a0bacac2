//! A point of time in four bytes, for what every connection remembers.

use crate::base::Instant;
use core::time::Duration;

/// A time in whole milliseconds modulo 2³² (49.7 days), rounded down; it is read back relative to a later time. What it
/// is used for is shorter by far or (PAWS) turns with the same period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stamp(u32);

impl Stamp {
    #[inline]
    pub(super) const fn new(now: Instant) -> Self {
        Self(now.as_millis() as u32)
    }

    /// The time itself, seen from `now`.
    #[inline]
    pub(super) fn instant(self, now: Instant) -> Instant {
        let age = (now.as_millis() as u32).wrapping_sub(self.0);
        Instant::from_millis(now.as_millis().saturating_sub(u64::from(age)))
    }

    /// How long ago it was.
    #[inline]
    pub(super) fn age(self, now: Instant) -> Duration {
        now.since(self.instant(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_back_to_the_millisecond_also_across_its_period() {
        for then in [0, 999_999, 1_500_000, 4_294_967_295_000_000, 4_294_967_296_000_001] {
            let then = Instant::from_nanos(then);
            let now = then + Duration::from_secs(20 * 86_400);
            assert_eq!(Stamp::new(then).instant(now), Instant::from_millis(then.as_millis()));
            assert!(Stamp::new(then).age(now) >= Duration::from_secs(20 * 86_400));
        }
    }
}
