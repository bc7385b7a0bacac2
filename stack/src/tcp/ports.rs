//! Ephemeral ports (RFC 6056): a random start, then at most one pass over the range.

use crate::base::{Prf, Rng};
use crate::wire::{Addr, Endpoint, FlowKey};

/// Every port of the range was in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no local port is free for {remote}: {tries} ports of {low} to {high} tried")]
pub struct PortsExhausted {
    /// The endpoint that was to be reached.
    pub remote: Endpoint,
    /// Lowest port of the range.
    pub low: u16,
    /// Highest port of the range.
    pub high: u16,
    /// Ports that were asked for: each port of the range once.
    pub tries: u32,
}

/// A free port of `low..=high` for a connection from `local` to `remote`: what `free` gives of the first one for which it
/// gives anything.
///
/// # Errors
/// [`PortsExhausted`] after each port of the range was asked for once (at once, where the range is empty).
pub fn search<T>(
    prf: &Prf,
    rng: &mut Rng,
    local: Addr,
    remote: Endpoint,
    low: u16,
    high: u16,
    mut free: impl FnMut(u16) -> Option<T>,
) -> Result<T, PortsExhausted> {
    let count = (u32::from(high) + 1).saturating_sub(u32::from(low));
    // RFC 6056, Section 3.3.3: the keyed hash gives every destination its own start, so that one destination learns
    // nothing of the ports used towards another. The place of the algorithm's counter is taken by a random number
    // (Section 3.3.1), which needs no state that a destination could make grow or read.
    let towards = FlowKey { local: Endpoint { addr: local, port: 0 }, remote };
    let hashed = towards.hashed(|words| prf.strong_words(words));
    let start = hashed.wrapping_add(rng.next_u64()) % u64::from(count.max(1));
    for step in 0..count {
        let port = u32::from(low) + (start as u32 + step) % count;
        let Ok(port) = u16::try_from(port) else { continue };
        if let Some(found) = free(port) {
            return Ok(found);
        }
    }
    Err(PortsExhausted { remote, low, high, tries: count })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secrets;
    use std::collections::{BTreeMap, BTreeSet};
    use std::net::Ipv4Addr;

    fn remote() -> Endpoint {
        Endpoint { addr: Addr::v4(Ipv4Addr::new(10, 0, 0, 2)), port: 80 }
    }

    fn run(
        seed: u64,
        low: u16,
        high: u16,
        mut is_free: impl FnMut(u16) -> bool,
    ) -> Result<u16, PortsExhausted> {
        let secrets = Secrets::from_test_seed(seed);
        let local = Addr::v4(Ipv4Addr::new(10, 0, 0, 1));
        let free = |port| is_free(port).then_some(port);
        search(&secrets.prf("ports"), &mut secrets.rng("ports"), local, remote(), low, high, free)
    }

    #[test]
    fn the_only_free_port_is_found_wherever_it_is_and_each_is_asked_for_at_most_once() {
        for free in [1000, 1001, 1057, 1099] {
            let mut asked = BTreeMap::new();
            let found = run(u64::from(free), 1000, 1099, |port| {
                *asked.entry(port).or_insert(0) += 1;
                port == free
            });
            assert_eq!(found, Ok(free));
            assert!(asked.iter().all(|(port, n)| (1000..=1099).contains(port) && *n == 1));
        }
    }

    #[test]
    fn exhaustion_names_the_range_and_comes_after_one_whole_pass() {
        let mut asked = 0;
        let error = run(1, 65_500, 65_535, |_| {
            asked += 1;
            false
        });
        let error = error.unwrap_err();
        assert_eq!((asked, error.tries, error.low, error.high), (36, 36, 65_500, 65_535));
        assert_eq!(
            error.to_string(),
            "no local port is free for 10.0.0.2:80: 36 ports of 65500 to 65535 tried"
        );
        assert_eq!(run(1, 2, 1, |_| true).unwrap_err().tries, 0, "an empty range");
        assert_eq!(run(1, 7, 7, |_| true), Ok(7));
    }

    #[test]
    fn starts_are_spread_over_the_range_and_differ_from_call_to_call() {
        let secrets = Secrets::from_test_seed(3);
        let (prf, mut rng) = (secrets.prf("ports"), secrets.rng("ports"));
        let local = Addr::v4(Ipv4Addr::new(10, 0, 0, 1));
        let mut draw = || search(&prf, &mut rng, local, remote(), 32_768, 60_999, Some);
        let ports: BTreeSet<u16> = (0..200).map(|_| draw().unwrap()).collect();
        assert!(ports.len() > 190);
        let quarter = |n: u16| ports.iter().filter(|port| (**port - 32_768) / 7058 == n).count();
        assert!((0..4).all(|n| quarter(n) > 25), "{ports:?}");
    }

    /// RFC 6056, Section 3.3.3: each destination has its own start.
    #[test]
    fn another_destination_or_secret_has_another_start_and_the_same_one_the_same() {
        let start = |seed, remote| {
            // The same random numbers for all: what differs is the hash.
            let mut rng = Secrets::from_test_seed(5).rng("ports");
            let local = Addr::v4(Ipv4Addr::new(10, 0, 0, 1));
            search(&Secrets::from_test_seed(seed).prf("ports"), &mut rng, local, remote, 1024, 65_535, Some)
        };
        assert_eq!(start(1, remote()), start(1, remote()));
        assert_ne!(start(1, remote()), start(2, remote()));
        let starts: BTreeSet<_> =
            (0..200).map(|port| start(1, Endpoint { port, ..remote() }).unwrap() / 16).collect();
        assert!(starts.len() > 180, "spread over the range: {}", starts.len());
    }
}
