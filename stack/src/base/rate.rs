//! A limit on answers that several peers share.

use super::{Instant, Rng};
use core::time::Duration;

const PERIOD: Duration = Duration::from_secs(1);

/// A number of answers for each second, shared by everybody who asks, whose exact size nobody knows.
///
/// A shared limit of a known size is a side channel: a peer that counts its own answers learns how many the others got,
/// and from that whether a segment that it forged was answered (CVE-2016-5696 found whole connections that way). So each
/// second's size is drawn anew, between half of the limit and all of it, and seconds start at the first answer after the
/// last one ended and not at a time that a peer could align itself to. What one peer counts then differs by others' `k`
/// answers with an advantage of at most `k / (limit / 2 + 1)` over a guess.
///
/// It hides few answers, not a flood: whoever uses up a whole second is noticed by all. So it is for answers whose
/// existence is no secret of a connection (to strangers, to bad cookies, echo and errors); what depends on the state of
/// a connection is limited by that connection alone (RFC 5961, Section 7).
#[derive(Clone, Debug)]
pub struct SharedBudget {
    limit: u32,
    left: u32,
    ends_at: Instant,
    rng: Rng,
}

impl SharedBudget {
    /// At most `limit` answers a second; 0: none at all.
    pub fn per_second(limit: u32, rng: Rng, now: Instant) -> Self {
        Self { limit, left: 0, ends_at: now, rng }
    }

    /// The most answers of one second.
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// Changes the limit, from the next second on.
    pub fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// Whether one more answer may be given now; counts it.
    #[must_use]
    #[inline]
    pub fn take(&mut self, now: Instant) -> bool {
        if now >= self.ends_at {
            self.ends_at = now + PERIOD;
            let least = self.limit.div_ceil(2);
            // Below 2³²: `below` returns less than its bound, which is at most `limit / 2 + 1`.
            self.left = least + self.rng.below(u64::from(self.limit - least) + 1) as u32;
        }
        let granted = self.left > 0;
        self.left = self.left.saturating_sub(1);
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secrets;

    fn budget(limit: u32, seed: u64) -> SharedBudget {
        SharedBudget::per_second(limit, Secrets::from_test_seed(seed).rng("test"), Instant::ZERO)
    }

    /// What a peer that asks until it is refused counts, second by second, while another one takes `others` before it.
    fn view(limit: u32, seed: u64, seconds: u64, others: u32) -> Vec<u32> {
        let mut budget = budget(limit, seed);
        let mut counted = Vec::new();
        for second in 0..seconds {
            let now = Instant::from_secs(second);
            for _ in 0..others {
                let _ = budget.take(now);
            }
            counted.push((0..2 * limit).map(|_| u32::from(budget.take(now))).sum());
        }
        counted
    }

    #[test]
    fn a_second_never_exceeds_the_limit_and_gives_at_least_half() {
        for limit in [0, 1, 2, 7, 1000] {
            let seconds = view(limit, 1, 200, 0);
            assert!(
                seconds.iter().all(|n| (limit.div_ceil(2)..=limit).contains(n)),
                "limit {limit}: {seconds:?}"
            );
        }
        let sizes = view(1000, 1, 200, 0);
        let distinct: std::collections::BTreeSet<_> = sizes.iter().collect();
        assert!(distinct.len() > 100, "sizes vary: {}", distinct.len());
    }

    #[test]
    fn nothing_is_carried_over_from_a_quiet_time() {
        let mut budget = budget(10, 3);
        let late = Instant::from_secs(1000);
        assert!((0..100).filter(|_| budget.take(late)).count() <= 10);
    }

    /// The attack on the challenge ACK limit: does the count of my answers tell whether somebody else got one? The best
    /// rule on one observation ("fewer than t means yes") may be right only a little more often than a coin.
    #[test]
    fn a_probing_peer_cannot_tell_from_its_count_whether_another_peer_was_answered() {
        const SECONDS: u64 = 40_000;
        let quiet = view(100, 11, SECONDS, 0);
        let used = view(100, 12, SECONDS, 1);
        let below = |counts: &[u32], t| counts.iter().filter(|n| **n < t).count() as f64 / SECONDS as f64;
        let advantage = (0..=101).map(|t| (below(&used, t) - below(&quiet, t)).abs()).fold(0.0, f64::max);
        assert!(advantage < 1.0 / 51.0 + 0.02, "advantage {advantage}");
        // Every count that the quiet view can show, but the largest, the other can show too.
        let seen: std::collections::BTreeSet<_> = used.iter().collect();
        let missing = quiet.iter().filter(|n| !seen.contains(n)).count();
        assert!((missing as f64) < 0.03 * SECONDS as f64, "{missing} seconds identify the quiet case");
    }
}
