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
