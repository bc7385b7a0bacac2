//! The timestamps option (RFC 7323): our clock, protection against wrapped sequence numbers, round-trip times.

use crate::base::{Instant, Prf};
use crate::wire::Addr;
use core::time::Duration;

/// A `ts_recent` older than this proves nothing: a 1 ms clock turns its sign bit after 24.8 days (RFC 7323, Section 5.5).
pub const PAWS_IDLE: Duration = Duration::from_secs(24 * 24 * 3600);

/// The offset that is added to the clock for the pair `local`, `remote`: a keyed hash (RFC 7323, Section 5.4 and 7.1), so
/// that our uptime does not show. It belongs to the pair and not to the connection, because the clock of a pair must
/// not go backwards from one connection to the next (RFC 6191 reads it so).
pub fn offset(prf: &Prf, local: Addr, remote: Addr) -> u32 {
    if let (Some(local), Some(remote)) = (local.to_v4(), remote.to_v4()) {
        return prf.strong_words(&[u64::from(local.to_bits()) << 32 | u64::from(remote.to_bits())]) as u32;
    }
    let mut input = [0; 32];
    input[..16].copy_from_slice(local.octets());
    input[16..].copy_from_slice(remote.octets());
    prf.strong(&input) as u32
}

/// TSval at `now`: a clock of 1 ms (RFC 7323, Section 5.4: between 1 ms and 1 s).
#[inline]
pub fn clock(now: Instant, offset: u32) -> u32 {
    (now.as_millis() as u32).wrapping_add(offset)
}

/// Whether a segment with `seg_tsval` is an old duplicate beside `ts_recent`, which was set `ts_recent_age` ago
/// (RFC 7323, Section 5.3, R1). RST segments are exempt: the caller does not ask for them.
#[inline]
pub fn paws_reject(seg_tsval: u32, ts_recent: u32, ts_recent_age: Duration) -> bool {
    (seg_tsval.wrapping_sub(ts_recent) as i32) < 0 && ts_recent_age < PAWS_IDLE
}

/// The round-trip time that an echo `tsecr` shows, in steps of 1 ms; `None` where it is later than our clock (RFC 7323,
/// Section 4.1). A peer can put anything there: it bounds a lie from above only by 24.8 days, and the RTO has its own
/// maximum.
pub fn rtt_from_echo(now: Instant, offset: u32, tsecr: u32) -> Option<Duration> {
    let ticks = clock(now, offset).wrapping_sub(tsecr) as i32;
    u64::try_from(ticks).ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secrets;
    use std::net::Ipv4Addr;

    /// RFC 7323, Section 5.4: each pair of hosts may have its own clock, as long as it never goes back.
    #[test]
    fn the_offset_belongs_to_the_address_pair_and_its_direction() {
        let prf = Secrets::from_test_seed(1).prf("timestamps");
        let addr = |last| Addr::v4(Ipv4Addr::new(10, 0, 0, last));
        assert_eq!(offset(&prf, addr(1), addr(2)), offset(&prf, addr(1), addr(2)));
        assert_ne!(offset(&prf, addr(1), addr(2)), offset(&prf, addr(1), addr(3)));
        assert_ne!(offset(&prf, addr(1), addr(2)), offset(&prf, addr(2), addr(1)));
    }

    /// RFC 7323, Section 5.4: between a tick a millisecond and one a second.
    #[test]
    fn the_clock_ticks_by_the_millisecond_and_wraps() {
        assert_eq!(clock(Instant::from_millis(5), 10), 15);
        assert_eq!(clock(Instant::from_millis(5), u32::MAX), 4);
    }

    /// RFC 7323, Section 5.3, R1.
    #[test]
    fn an_older_timestamp_is_rejected_unless_the_recent_one_is_24_days_old() {
        let fresh = Duration::from_secs(1);
        assert!(paws_reject(99, 100, fresh));
        assert!(!paws_reject(100, 100, fresh) && !paws_reject(101, 100, fresh));
        assert!(!paws_reject(3, u32::MAX - 3, fresh), "wrapped: newer");
        assert!(paws_reject(u32::MAX - 3, 3, fresh), "before the wrap: older");
        assert!(!paws_reject(99, 100, PAWS_IDLE));
    }

    /// RFC 7323, Section 4.1.
    #[test]
    fn an_echo_gives_the_round_trip_and_one_from_the_future_gives_none() {
        let now = Instant::from_millis(1000);
        let sent = clock(Instant::from_millis(958), 0xffff_fff0);
        assert_eq!(rtt_from_echo(now, 0xffff_fff0, sent), Some(Duration::from_millis(42)));
        assert_eq!(rtt_from_echo(now, 0, clock(now, 0)), Some(Duration::ZERO));
        assert_eq!(rtt_from_echo(now, 0, 1001), None);
    }
}
