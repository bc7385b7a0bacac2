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

/// A point of time in one byte, for what ages by weeks: in steps of 2²⁴ ms (4.66 h), with the same period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct CoarseStamp(u8);

impl CoarseStamp {
    const STEP_BITS: u32 = 24;

    #[inline]
    pub(super) const fn new(now: Instant) -> Self {
        Self((now.as_millis() >> Self::STEP_BITS) as u8)
    }

    /// How long ago it was, at most one step more or less.
    #[inline]
    pub(super) fn age(self, now: Instant) -> Duration {
        let steps = Self::new(now).0.wrapping_sub(self.0);
        Duration::from_millis(u64::from(steps) << Self::STEP_BITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coarse_stamp_is_right_to_one_step_also_across_its_period() {
        let step = Duration::from_millis(1 << 24);
        for start in [0, 1, 0xff_ffff, 0xffff_fffe, 1 << 40] {
            let then = Instant::from_millis(start);
            for hours in (0..49 * 24).step_by(7) {
                let real = Duration::from_secs(hours * 3600);
                let age = CoarseStamp::new(then).age(then + real);
                assert!(age <= real + step && age + step >= real, "{start} {real:?} {age:?}");
            }
        }
    }

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
