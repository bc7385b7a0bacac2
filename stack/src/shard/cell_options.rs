//! The options that a socket may change while it is connected, in the 32 bits that its cell has for them: bit 0 `nodelay`,
//! bit 1 linger is on, bits 16 to 31 its seconds.

use crate::tcp::Options;
use core::time::Duration;

const NODELAY: u32 = 1;
const LINGER: u32 = 2;
const SECONDS: u32 = 16;

/// The bits of `options`.
pub fn pack(options: &Options) -> u32 {
    with_linger(with_nodelay(0, options.nodelay), options.linger)
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

/// Takes what `bits` say over into `options`.
pub(super) fn apply(bits: u32, options: &mut Options) {
    options.nodelay = nodelay(bits);
    options.linger = linger(bits);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        for (on, seconds) in [(false, None), (true, Some(0)), (false, Some(65_535)), (true, Some(7))] {
            let time = seconds.map(Duration::from_secs);
            let options = Options { nodelay: on, linger: time, ..Options::default() };
            let mut out = Options::default();
            apply(pack(&options), &mut out);
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
