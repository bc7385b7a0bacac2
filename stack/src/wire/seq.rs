//! Sequence numbers: arithmetic modulo 2³² (RFC 9293, Section 3.4).

use core::fmt;
use core::ops::{Add, AddAssign, Sub};

/// A TCP sequence number. It has no `Ord`: the comparison wraps and is not transitive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SeqNum(pub u32);

impl SeqNum {
    /// Before `other` in the half of the circle that ends there.
    #[inline]
    pub const fn lt(self, other: Self) -> bool {
        (self.0.wrapping_sub(other.0) as i32) < 0
    }

    /// Before or at `other`.
    #[inline]
    pub const fn le(self, other: Self) -> bool {
        (self.0.wrapping_sub(other.0) as i32) <= 0
    }

    /// After `other`.
    #[inline]
    pub const fn gt(self, other: Self) -> bool {
        other.lt(self)
    }

    /// After or at `other`.
    #[inline]
    pub const fn ge(self, other: Self) -> bool {
        other.le(self)
    }

    /// How far `self` is after `earlier`, modulo 2³².
    #[inline]
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }

    /// Whether `start <= self < start + len`.
    #[inline]
    pub const fn in_window(self, start: Self, len: u32) -> bool {
        self.since(start) < len
    }

    /// The later of the two.
    pub const fn max(self, other: Self) -> Self {
        if self.lt(other) { other } else { self }
    }

    /// The earlier of the two.
    pub const fn min(self, other: Self) -> Self {
        if self.lt(other) { self } else { other }
    }
}

impl Add<u32> for SeqNum {
    type Output = Self;
    #[inline]
    fn add(self, n: u32) -> Self {
        Self(self.0.wrapping_add(n))
    }
}

impl AddAssign<u32> for SeqNum {
    #[inline]
    fn add_assign(&mut self, n: u32) {
        *self = *self + n;
    }
}

impl Sub<u32> for SeqNum {
    type Output = Self;
    #[inline]
    fn sub(self, n: u32) -> Self {
        Self(self.0.wrapping_sub(n))
    }
}

impl fmt::Debug for SeqNum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9293, Section 3.4: all arithmetic is modulo 2³².
    #[test]
    fn numbers_compare_and_count_around_the_wrap() {
        for base in [0, 1, 77, 0x7fff_ffff, 0x8000_0000, u32::MAX - 1, u32::MAX] {
            let a = SeqNum(base);
            for step in [1, 2, 1000, 0x7fff_ffff] {
                let b = a + step;
                assert!(a.lt(b) && a.le(b) && b.gt(a) && b.ge(a) && !b.lt(a) && !b.le(a), "{a:?} {step}");
                assert_eq!((b.since(a), b - step, a.max(b), a.min(b)), (step, a, b, a));
                assert!(a.in_window(a, step) && (a + (step - 1)).in_window(a, step) && !b.in_window(a, step));
            }
            assert!(a.le(a) && a.ge(a) && !a.lt(a) && !a.gt(a) && !a.in_window(a, 0));
        }
    }
}
