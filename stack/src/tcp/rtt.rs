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

impl Rtt {
    /// No sample yet: RTO is the setting's initial one (RFC 6298, Section 2.1).
    pub fn new(settings: &settings::Tcp) -> Self {
        let max = settings.max_rto.as_millis().min(u128::from(u32::MAX >> BACKOFF_BITS)) as u32;
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
            let weight = 4 * expected;
            let rttvar4 = (rttvar4 * (weight - 1) + deviation * 4) / weight;
            let weight = 8 * expected;
            let srtt8 = (srtt8 * (weight - 1) + r * 8) / weight;
            self.rttvar4 = u32::try_from(rttvar4).unwrap_or(u32::MAX);
            self.srtt8 = u32::try_from(srtt8).unwrap_or(u32::MAX).max(1);
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

    /// Smoothed round-trip time; `None` before the first sample.
    pub fn srtt(&self) -> Option<Duration> {
        (self.srtt8 != 0).then(|| to_duration((self.srtt8 / 8).max(1)))
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
