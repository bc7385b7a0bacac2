//! The options that a socket may change while it is connected, in the 32 bits that its cell has for them: bit 0 `nodelay`,
//! bit 1 linger is on, bit 2 `quickack`, bits 8 to 15 the time to live, bits 16 to 31 the seconds of linger.

use crate::tcp::Options;
use core::time::Duration;

const NODELAY: u32 = 1;
const LINGER: u32 = 2;
const QUICKACK: u32 = 4;
const TTL: u32 = 8;
const SECONDS: u32 = 16;

/// The bits of `options`, on a stack whose packets have the time to live `ttl` where nobody says otherwise.
pub fn pack(options: &Options, ttl: u8) -> u32 {
    let bits = with_quickack(with_nodelay(0, options.nodelay), options.quickack);
    with_ttl(with_linger(bits, options.linger), options.ttl.unwrap_or(ttl))
}

/// `bits` with another `quickack`.
pub const fn with_quickack(bits: u32, on: bool) -> u32 {
    if on { bits | QUICKACK } else { bits & !QUICKACK }
}

/// Whether every segment is acknowledged at once.
pub const fn quickack(bits: u32) -> bool {
    bits & QUICKACK != 0
}

/// `bits` with another time to live.
pub const fn with_ttl(bits: u32, ttl: u8) -> u32 {
    bits & !(0xff << TTL) | (ttl as u32) << TTL
}

/// The time to live.
pub const fn ttl(bits: u32) -> u8 {
    (bits >> TTL) as u8
}

/// `bits` with another `nodelay`.
pub const fn with_nodelay(bits: u32, on: bool) -> u32 {
    if on { bits | NODELAY } else { bits & !NODELAY }
}

/// Whether Nagle's algorithm is off.
pub const fn nodelay(bits: u32) -> bool {
    bits & NODELAY != 0
}

/// `bits` with another linger time: whole seconds, at most 65 535, as systems keep it.
pub fn with_linger(bits: u32, linger: Option<Duration>) -> u32 {
    let bits = bits & !(LINGER | u32::MAX << SECONDS);
    linger.map_or(bits, |time| {
        // A part of a second must not become zero, which means RST at once.
        let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
        bits | LINGER | (seconds.min(0xffff) as u32) << SECONDS
    })
}

/// The linger time.
pub fn linger(bits: u32) -> Option<Duration> {
    (bits & LINGER != 0).then(|| Duration::from_secs(u64::from(bits >> SECONDS)))
}

/// Takes what `bits` say over into `options`; `default_ttl` is the stack's own, which needs no memory in a connection.
pub(super) fn apply(bits: u32, options: &mut Options, default_ttl: u8) {
    options.nodelay = nodelay(bits);
    options.linger = linger(bits);
    options.quickack = quickack(bits);
    options.ttl = Some(ttl(bits)).filter(|ttl| *ttl != default_ttl);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        for (on, seconds, ttl) in [
            (false, None, None),
            (true, Some(0), Some(1)),
            (false, Some(65_535), Some(255)),
            (true, Some(7), None),
        ] {
            let linger = seconds.map(Duration::from_secs);
            let options = Options { nodelay: on, quickack: !on, linger, ttl, ..Options::default() };
            let mut out = Options::default();
            apply(pack(&options, 64), &mut out, 64);
            assert_eq!(out, options);
        }
    }

    #[test]
    fn a_linger_time_is_rounded_up_and_limited() {
        assert_eq!(linger(with_linger(0, Some(Duration::from_millis(1)))), Some(Duration::from_secs(1)));
        assert_eq!(linger(with_linger(1, Some(Duration::MAX))), Some(Duration::from_secs(65_535)));
        assert_eq!(with_linger(with_linger(1, Some(Duration::MAX)), None), 1);
    }
}
