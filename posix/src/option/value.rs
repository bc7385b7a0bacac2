//! Values of options in C's layout.

use crate::errno::Errno;
use crate::stop::fail;
use core::time::Duration;

/// What `getsockopt` gives.
pub(super) enum Reply {
    /// An `int`.
    Int(i32),
    /// Anything else.
    Bytes(Vec<u8>),
}

impl Reply {
    pub(super) fn bytes(self) -> Vec<u8> {
        match self {
            Self::Int(value) => value.to_ne_bytes().to_vec(),
            Self::Bytes(bytes) => bytes,
        }
    }

    pub(super) fn flag(on: bool) -> Self {
        Self::Int(i32::from(on))
    }

    /// A number that may be larger than an `int`.
    pub(super) fn count(value: u64) -> Self {
        Self::Int(i32::try_from(value).unwrap_or(i32::MAX))
    }

    /// `struct timeval`; `None` is 0: no time-out.
    pub(super) fn timeval(value: Option<Duration>) -> Self {
        let value = value.unwrap_or_default();
        let mut bytes = (value.as_secs() as i64).to_ne_bytes().to_vec();
        bytes.extend_from_slice(&i64::from(value.subsec_micros()).to_ne_bytes());
        Self::Bytes(bytes)
    }

    /// `struct linger`.
    pub(super) fn linger(value: Option<Duration>) -> Self {
        let mut bytes = i32::from(value.is_some()).to_ne_bytes().to_vec();
        let seconds = value.map_or(0, |value| value.as_secs());
        bytes.extend_from_slice(&i32::try_from(seconds).unwrap_or(i32::MAX).to_ne_bytes());
        Self::Bytes(bytes)
    }
}

/// An `int`.
pub(super) fn int(value: &[u8]) -> Result<i32, Errno> {
    match value.first_chunk::<4>() {
        Some(bytes) => Ok(i32::from_ne_bytes(*bytes)),
        None => fail(libc::EINVAL),
    }
}

/// An `int` that is on or off.
pub(super) fn flag(value: &[u8]) -> Result<bool, Errno> {
    Ok(int(value)? != 0)
}

/// An `int` within `range`.
pub(super) fn within(value: &[u8], range: core::ops::RangeInclusive<i32>) -> Result<i32, Errno> {
    let value = int(value)?;
    if range.contains(&value) { Ok(value) } else { fail(libc::EINVAL) }
}

/// `struct timeval`; 0 is no time-out.
pub(super) fn timeval(value: &[u8]) -> Result<Option<Duration>, Errno> {
    let (Some(seconds), Some(micros)) =
        (value.first_chunk::<8>(), value.get(8..).and_then(|rest| rest.first_chunk::<8>()))
    else {
        return fail(libc::EINVAL);
    };
    let (seconds, micros) = (i64::from_ne_bytes(*seconds), i64::from_ne_bytes(*micros));
    let Ok(micros) = u32::try_from(micros) else { return fail(libc::EDOM) };
    if micros >= 1_000_000 {
        return fail(libc::EDOM);
    }
    // A negative time is over at once.
    let seconds = u64::try_from(seconds).unwrap_or(0);
    let value = Duration::new(seconds, micros.saturating_mul(1000));
    Ok((value > Duration::ZERO).then_some(value))
}

/// `struct linger`.
pub(super) fn linger(value: &[u8]) -> Result<Option<Duration>, Errno> {
    let (on, seconds) = (int(value)?, int(value.get(4..).unwrap_or_default())?);
    let seconds = u64::try_from(seconds).unwrap_or(0);
    Ok((on != 0).then(|| Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_round_trip_and_short_ones_are_refused() {
        for value in [None, Some(Duration::from_micros(1_500_000)), Some(Duration::from_secs(7))] {
            assert_eq!(timeval(&Reply::timeval(value).bytes()), Ok(value));
        }
        for value in [None, Some(Duration::ZERO), Some(Duration::from_secs(3))] {
            assert_eq!(linger(&Reply::linger(value).bytes()), Ok(value));
        }
        assert_eq!(int(&[1, 2, 3]), Err(Errno(libc::EINVAL)));
        assert_eq!(timeval(&[0; 15]), Err(Errno(libc::EINVAL)));
        assert_eq!(linger(&[0; 7]), Err(Errno(libc::EINVAL)));
        assert_eq!(within(&300_i32.to_ne_bytes(), 0..=255), Err(Errno(libc::EINVAL)));
    }
}
