//! Initial sequence numbers (RFC 6528).

use crate::base::{Instant, Prf};
use crate::wire::{FlowKey, SeqNum};

/// Nanoseconds of one step of the ISN clock: 4 µs, so that it goes around in 4.77 hours (RFC 9293, Section 3.4.1).
const TICK_NANOS: u64 = 4_000;

/// The initial sequence number of `flow` at `now`: ISN = M + F(flow, secret) (RFC 6528, Section 3). M lets an incarnation
/// of the same flow start beyond the one before it; F keeps whoever is not on the path from learning anything.
pub fn isn(prf: &Prf, flow: &FlowKey, now: Instant) -> SeqNum {
    let hashed = flow.hashed(|words| prf.strong_words(words)) as u32;
    SeqNum(hashed) + (now.as_nanos() / TICK_NANOS) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secrets;
    use crate::wire::{Addr, Endpoint};
    use core::time::Duration;

    fn flow(port: u16) -> FlowKey {
        let end = |last, port| Endpoint { addr: Addr::v4(std::net::Ipv4Addr::new(10, 0, 0, last)), port };
        FlowKey { local: end(1, 80), remote: end(2, port) }
    }

    /// RFC 9293, Section 3.4.1: the clock; RFC 6528, Section 3: M.
    #[test]
    fn one_flow_advances_by_the_clock_of_4_microseconds_and_wraps() {
        let prf = Secrets::from_test_seed(1).prf("isn");
        let first = isn(&prf, &flow(1), Instant::ZERO);
        assert_eq!(isn(&prf, &flow(1), Instant::from_millis(4)).since(first), 1000);
        let around = Instant::ZERO + Duration::from_micros(4 << 32);
        assert_eq!(isn(&prf, &flow(1), around), first);
    }

    /// RFC 6528, Section 3: F.
    #[test]
    fn flows_and_secrets_do_not_show_each_other() {
        let prf = Secrets::from_test_seed(1).prf("isn");
        let other = Secrets::from_test_seed(2).prf("isn");
        let gaps: std::collections::BTreeSet<u32> = (0..1000)
            .map(|p| isn(&prf, &flow(p + 1), Instant::ZERO).since(isn(&prf, &flow(p), Instant::ZERO)))
            .collect();
        assert!(gaps.len() > 995, "neighbouring flows differ by nothing constant");
        assert_ne!(isn(&prf, &flow(1), Instant::ZERO), isn(&other, &flow(1), Instant::ZERO));
    }
}
