//! Round-trip time and retransmission time-out (RFC 6298), in 20 bytes.

use crate::settings;
use core::time::Duration;

/// Clock granularity G in microseconds (RFC 6298, Section 2): the timers' step.
const GRANULARITY: u32 = 1_000;
/// Least RTO for data after the SYN or SYN-ACK timed out (RFC 6298, Section 5.7).
const AFTER_SYN_TIMEOUT: u32 = 3_000_000;
/// Bits of the packed field that hold the number of back-offs.
const BACKOFF_BITS: u32 = 5;
/// Doubling more often than this exceeds every maximum.
const BACKOFF_MAX: u32 = (1 << BACKOFF_BITS) - 1;

/// Estimator of one connection. All times are kept in microseconds; what does not fit saturates (SRTT at 8.9 minutes).
#[derive(Clone, Debug)]
pub struct Rtt {
    /// 8 × SRTT; 0: no sample yet.
    srtt8: u32,
    /// 4 × RTTVAR.
    rttvar4: u32,
    /// Least sample; `u32::MAX`: none.
    min: u32,
    /// RTO before back-off.
    rto: u32,
    /// Largest RTO in milliseconds (27 bits) and the number of back-offs (5 bits).
    max_and_backoff: u32,
}

const _: () = assert!(size_of::<Rtt>() <= 20);

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

fn to_duration(micros: u32) -> Duration {
    Duration::from_micros(u64::from(micros))
}

/// `old` moved by 1/`weight` of the way to `target`, at least by one unit: rounding never holds an estimate still.
#[inline]
fn towards(old: u64, target: u64, weight: u64) -> u32 {
    let step = old.abs_diff(target).div_ceil(weight);
    let new = if target > old { old + step } else { old - step };
    u32::try_from(new).unwrap_or(u32::MAX)
}

impl Rtt {
    /// No sample yet: RTO is the setting's initial one (RFC 6298, Section 2.1).
    pub fn new(settings: &settings::Tcp) -> Self {
        let max = settings.max_rto.as_millis().clamp(1, u128::from(u32::MAX >> BACKOFF_BITS)) as u32;
        Self {
            srtt8: 0,
            rttvar4: 0,
            min: u32::MAX,
            rto: micros(settings.initial_rto.max(settings.min_rto).min(settings.max_rto)),
            max_and_backoff: max << BACKOFF_BITS,
        }
    }

    /// Takes the sample `rtt`, as if it were the only one of its round trip. The caller does not sample a segment that was
    /// retransmitted, unless by timestamps (Karn's algorithm: RFC 6298, Section 3).
    pub fn sample(&mut self, rtt: Duration, settings: &settings::Tcp) {
        self.sample_of_many(rtt, 1, settings);
    }

    /// Takes one of about `expected` samples of one round trip, as timestamps give them: each then counts so much less
    /// that together they weigh as one does (RFC 7323, Section 4.2 and Appendix G: `expected` is the flight's segments
    /// divided by two, rounded up).
    pub fn sample_of_many(&mut self, rtt: Duration, expected: u32, settings: &settings::Tcp) {
        let r = u64::from(micros(rtt).clamp(1, u32::MAX >> 3));
        let expected = u64::from(expected.max(1));
        self.min = self.min.min(r as u32);
        if self.srtt8 == 0 {
            // RFC 6298, Section 2.2.
            self.srtt8 = (r * 8) as u32;
            self.rttvar4 = (r * 2) as u32;
        } else {
            // RFC 6298, Section 2.3: RTTVAR first, with the old SRTT; alpha = 1/8, beta = 1/4, both over `expected`.
            let (srtt8, rttvar4) = (u64::from(self.srtt8), u64::from(self.rttvar4));
            let deviation = (srtt8 / 8).abs_diff(r);
            let (var, smooth) = if expected == 1 {
                // The rule where no train is in flight, and then without a division.
                (towards(rttvar4, deviation * 4, 4), towards(srtt8, r * 8, 8))
            } else {
                (towards(rttvar4, deviation * 4, 4 * expected), towards(srtt8, r * 8, 8 * expected))
            };
            (self.rttvar4, self.srtt8) = (var, smooth.max(1));
        }
        let rto = (self.srtt8 / 8).saturating_add(self.rttvar4.max(GRANULARITY));
        self.rto = rto.max(micros(settings.min_rto)).min(micros(settings.max_rto));
    }

    /// The retransmission time-out with its back-off, at most the setting's maximum.
    pub fn rto(&self) -> Duration {
        let backoff = self.max_and_backoff & BACKOFF_MAX;
        let max = u64::from(self.max_and_backoff >> BACKOFF_BITS) * 1_000;
        Duration::from_micros((u64::from(self.rto) << backoff).min(max))
    }

    /// The timer expired: doubles the time-out (RFC 6298, Section 5.5).
    pub fn back_off(&mut self) {
        if self.max_and_backoff & BACKOFF_MAX < BACKOFF_MAX {
            self.max_and_backoff += 1;
        }
    }

    /// New data was acknowledged: the time-out is the estimate's again (RFC 6298, Section 5.3 and the note to 5.7).
    pub fn reset_backoff(&mut self) {
        self.max_and_backoff &= !BACKOFF_MAX;
    }

    /// How often the time-out is doubled at present.
    pub fn backoffs(&self) -> u32 {
        self.max_and_backoff & BACKOFF_MAX
    }

    /// The handshake's timer had expired: data starts with at least 3 s and no back-off, until a sample says otherwise
    /// (RFC 6298, Section 5.7).
    pub fn on_handshake_timeout(&mut self, settings: &settings::Tcp) {
        self.reset_backoff();
        if self.srtt8 == 0 {
            self.rto = self.rto.max(AFTER_SYN_TIMEOUT).min(micros(settings.max_rto));
        }
    }

    /// Smoothed round-trip time in microseconds; `None` before the first sample.
    #[inline]
    pub(super) fn srtt_micros(&self) -> Option<u32> {
        (self.srtt8 != 0).then(|| (self.srtt8 / 8).max(1))
    }

    /// Smoothed round-trip time; `None` before the first sample.
    pub fn srtt(&self) -> Option<Duration> {
        self.srtt_micros().map(to_duration)
    }

    /// Round-trip time variation; `None` before the first sample.
    pub fn rttvar(&self) -> Option<Duration> {
        (self.srtt8 != 0).then(|| to_duration(self.rttvar4 / 4))
    }

    /// Least sample over the life of the connection; `None` before the first.
    pub fn min_rtt(&self) -> Option<Duration> {
        (self.min != u32::MAX).then(|| to_duration(self.min))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn settings(min: u64, max: u64) -> settings::Tcp {
        settings::Tcp {
            min_rto: Duration::from_millis(min),
            max_rto: Duration::from_millis(max),
            ..settings::Tcp::default()
        }
    }

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// RFC 6298, Sections 2.1, 2.2 and 2.3.
    #[test]
    fn the_first_sample_sets_both_and_the_time_out_follows_the_formula() {
        let settings = settings(1, 60_000);
        let mut rtt = Rtt::new(&settings);
        assert_eq!((rtt.rto(), rtt.srtt(), rtt.rttvar(), rtt.min_rtt()), (ms(1000), None, None, None));
        rtt.sample(ms(100), &settings);
        assert_eq!((rtt.srtt(), rtt.rttvar(), rtt.rto()), (Some(ms(100)), Some(ms(50)), ms(300)));
        // RTTVAR = 3/4 × 50 + 1/4 × |100 − 180| = 57.5; SRTT = 7/8 × 100 + 1/8 × 180 = 110.
        rtt.sample(ms(180), &settings);
        let us = Duration::from_micros;
        assert_eq!((rtt.srtt(), rtt.rttvar(), rtt.rto()), (Some(ms(110)), Some(us(57_500)), ms(340)));
        assert_eq!(rtt.min_rtt(), Some(ms(100)));
    }

    proptest! {
        /// RFC 6298, Sections 2.2 and 2.3.
        #[test]
        fn any_samples_follow_the_formula_in_real_numbers(samples in prop::collection::vec(1u64..3_000_000, 1..200)) {
            let settings = settings(1, 600_000);
            let mut rtt = Rtt::new(&settings);
            let mut model: Option<(f64, f64)> = None;
            for sample in samples {
                rtt.sample(Duration::from_micros(sample), &settings);
                let r = sample as f64;
                model = Some(match model {
                    None => (r, r / 2.0),
                    Some((srtt, var)) => (0.875 * srtt + 0.125 * r, 0.75 * var + 0.25 * (srtt - r).abs()),
                });
                let (srtt, var) = model.unwrap();
                prop_assert!((rtt.srtt().unwrap().as_micros() as f64 - srtt).abs() < 4.0);
                prop_assert!((rtt.rttvar().unwrap().as_micros() as f64 - var).abs() < 8.0);
            }
        }
    }

    /// RFC 6298, Sections 2.4, 2.5 and 5.5.
    #[test]
    fn the_time_out_stays_within_its_limits_and_doubles_up_to_the_maximum() {
        let settings = settings(200, 60_000);
        let mut rtt = Rtt::new(&settings);
        for _ in 0..50 {
            rtt.sample(ms(1), &settings);
        }
        assert_eq!(rtt.rto(), ms(200));
        let mut seen = Vec::new();
        for _ in 0..40 {
            rtt.back_off();
            seen.push(rtt.rto().as_millis());
        }
        assert_eq!(seen[..9], [400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000]);
        assert!(seen[8..].iter().all(|rto| *rto == 60_000));
        rtt.reset_backoff();
        assert_eq!((rtt.rto(), rtt.backoffs()), (ms(200), 0));
        rtt.sample(Duration::from_secs(100_000), &settings);
        assert_eq!(rtt.rto(), ms(60_000), "a sample beyond all measure");
    }

    #[test]
    fn a_steady_round_trip_converges_and_the_clock_granularity_stays() {
        let settings = settings(1, 60_000);
        let mut rtt = Rtt::new(&settings);
        rtt.sample(ms(500), &settings);
        for _ in 0..400 {
            rtt.sample_of_many(Duration::from_micros(50_000), 1, &settings);
        }
        assert_eq!(rtt.srtt(), Some(ms(50)));
        assert!(rtt.rto() >= ms(51) && rtt.rto() < ms(52), "{:?}", rtt.rto());
    }

    /// RFC 7323, Section 4.2.
    #[test]
    fn many_samples_of_one_round_trip_weigh_together_as_one() {
        let settings = settings(1, 60_000);
        let (mut one, mut many) = (Rtt::new(&settings), Rtt::new(&settings));
        one.sample(ms(100), &settings);
        many.sample(ms(100), &settings);
        for _ in 0..20 {
            one.sample(ms(200), &settings);
            (0..50).for_each(|_| many.sample_of_many(ms(200), 50, &settings));
            let (a, b) = (one.srtt().unwrap().as_micros() as i64, many.srtt().unwrap().as_micros() as i64);
            assert!((a - b).abs() < 3000, "{a} {b}");
        }
    }

    /// RFC 6298, Section 5.7.
    #[test]
    fn after_a_lost_handshake_segment_data_starts_with_three_seconds() {
        let settings = settings(200, 60_000);
        let mut rtt = Rtt::new(&settings);
        rtt.back_off();
        rtt.on_handshake_timeout(&settings);
        assert_eq!(rtt.rto(), ms(3000));
        rtt.sample(ms(10), &settings);
        assert_eq!(rtt.rto(), ms(200));
    }
}
