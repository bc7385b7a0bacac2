//! CUBIC (RFC 9438), in integers, so that every machine computes the same windows. Windows are in bytes, times in ticks of
//! 2⁻¹⁴ s (61 µs).

use super::window::{Window, scale};
use crate::base::Instant;
use crate::settings;
use core::time::Duration;

/// Bits of a tick's fraction: one second is 2¹⁴ ticks.
const TICK_BITS: u32 = 14;
/// Longest distance from K that the curve is followed over: 1024 s, where it has moved by 4 × 10⁸ segments.
const FAR: i64 = 1 << (TICK_BITS + 10);

/// CUBIC's state.
#[derive(Clone, Debug)]
pub struct Cubic {
    pub(super) window: Window,
    /// W_max: the saturation point, after fast convergence.
    w_max: u32,
    /// The window when `ssthresh` was set last.
    cwnd_prior: u32,
    /// W_est: what Reno would have.
    w_est: u32,
    /// K in ticks.
    k: u32,
    /// Fraction of a byte that `cwnd` is owed, in units of 1 / `cwnd`.
    credit: u32,
    /// The same for `w_est`.
    est_credit: u32,
    /// A congestion avoidance stage is running: `epoch` counts.
    in_epoch: bool,
    /// The next stage is the first after a time-out.
    timed_out: bool,
    /// Start of the stage, moved on by the periods that were limited by the application.
    epoch: Instant,
    /// The last acknowledgment in this stage.
    last_ack: Instant,
}

fn ticks(duration: Duration) -> i64 {
    // 2^14 / 10^9 = 2^5 / 5^9; what is beyond the curve's end is capped before.
    let nanos = duration.as_nanos().min(1 << 50) as i64;
    (nanos << 5) / 1_953_125
}

/// Cube root, rounded down.
fn cube_root(value: u128) -> u64 {
    let mut root = 0u128;
    for bit in (0..42).rev() {
        let next = root | 1 << bit;
        if next * next * next <= value {
            root = next;
        }
    }
    root as u64
}

impl Cubic {
    pub(super) fn new(settings: &settings::Tcp, mss: u32, handshake_retransmitted: bool) -> Self {
        Self {
            window: Window::new(settings, mss, handshake_retransmitted),
            w_max: 0,
            cwnd_prior: 0,
            w_est: 0,
            k: 0,
            credit: 0,
            est_credit: 0,
            in_epoch: false,
            timed_out: false,
            epoch: Instant::ZERO,
            last_ack: Instant::ZERO,
        }
    }

    /// W_cubic at `t` ticks after the start of the stage: C (t − K)³ + W_max with C = 0.4 (RFC 9438, Section 4.2).
    fn w_cubic(&self, t: i64, mss: u32) -> i64 {
        let d = t.saturating_sub(i64::from(self.k)).clamp(-FAR, FAR);
        // d² loses 14 of 28 fraction bits, d³ 14 more; with d below 2²⁴ and the segment below 2¹⁶ no product reaches 2⁶³.
        let cube = (((d * d) >> TICK_BITS) * d) >> TICK_BITS;
        i64::from(self.w_max) + ((cube * i64::from(2 * mss) / 5) >> TICK_BITS)
    }

    fn start_epoch(&mut self, now: Instant, mss: u32) {
        let cwnd = self.window.cwnd;
        self.in_epoch = true;
        self.epoch = now;
        self.last_ack = now;
        (self.w_est, self.credit, self.est_credit) = (cwnd, 0, 0);
        if self.timed_out || self.w_max <= cwnd {
            // RFC 9438, Section 4.8 after a time-out, and Section 4.10 where there is no saturation point ahead.
            self.w_max = cwnd;
            self.k = 0;
        } else {
            // K³ = (W_max − cwnd_epoch) / C (RFC 9438, Section 4.2), in ticks.
            let segments = (u128::from(self.w_max - cwnd) * 5) << (3 * TICK_BITS);
            self.k = cube_root(segments / (2 * u128::from(mss.max(1)))) as u32;
        }
        self.timed_out = false;
    }

    pub(super) fn on_ack(
        &mut self,
        now: Instant,
        acked: u32,
        srtt: Option<Duration>,
        mss: u32,
        cwnd_limited: bool,
    ) {
        if !cwnd_limited {
            // RFC 9438, Section 5.8: the time that the application limits is not the curve's.
            if self.in_epoch {
                self.epoch += now.since(self.last_ack);
                self.last_ack = now;
            }
            return;
        }
        let mut acked = acked;
        if self.window.in_slow_start() {
            // The next stage of congestion avoidance starts where slow start ends.
            self.in_epoch = false;
            acked = self.window.slow_start(acked, mss);
        }
        if acked == 0 {
            return;
        }
        if !self.in_epoch {
            self.start_epoch(now, mss);
        }
        self.last_ack = now;
        let t = ticks(now.since(self.epoch));
        self.grow_estimate(acked, mss);
        if self.w_cubic(t, mss) < i64::from(self.w_est) {
            // RFC 9438, Section 4.3: the Reno-friendly region.
            let missing = self.w_est.saturating_sub(self.window.cwnd);
            self.window.grow(missing);
            return;
        }
        // RFC 9438, Section 4.4 and 4.5: in one round trip the window goes to the target, by (target − cwnd) / cwnd for
        // each acknowledged byte; the target is at most 1.5 windows (Section 4.2).
        let cwnd = u64::from(self.window.cwnd.max(1));
        let ahead = self.w_cubic(t + ticks(srtt.unwrap_or_default()), mss);
        let target = u64::try_from(ahead).unwrap_or(0).clamp(cwnd, cwnd + cwnd / 2);
        let owed = (target - cwnd) * u64::from(acked).min(cwnd) + u64::from(self.credit);
        self.credit = (owed % cwnd) as u32;
        self.window.grow((owed / cwnd) as u32);
    }

    /// W_est grows by alpha segments for each window acknowledged (RFC 9438, Section 4.3, Figure 4): alpha = 3 (1 − β) /
    /// (1 + β) = 9/17 up to the window before the loss, 1 from there.
    fn grow_estimate(&mut self, acked: u32, mss: u32) {
        let cwnd = u64::from(self.window.cwnd.max(1));
        // An ACK of more than a window (after a time-out) counts as one window.
        let gained = u64::from(acked).min(cwnd) * u64::from(mss);
        let gained = if self.w_est >= self.cwnd_prior { gained } else { gained * 9 / 17 };
        let owed = gained + u64::from(self.est_credit);
        self.est_credit = (owed % cwnd) as u32;
        self.w_est = self.w_est.saturating_add((owed / cwnd).min(u64::from(u32::MAX)) as u32);
    }

    pub(super) fn on_loss(&mut self, in_flight: u32, mss: u32) {
        let cwnd = self.window.cwnd;
        // RFC 9438, Section 4.7: fast convergence, (1 + β) / 2 = 17/20.
        self.w_max = if cwnd < self.w_max { scale(cwnd, 20, 17) } else { cwnd };
        self.cwnd_prior = cwnd;
        self.in_epoch = false;
        self.timed_out = false;
        // RFC 9438, Section 4.6: β = 0.7.
        self.window.reduce_to(scale(in_flight, 10, 7), mss);
    }

    pub(super) fn on_timeout(&mut self, in_flight: u32, mss: u32, first: bool) {
        if first {
            self.cwnd_prior = self.window.cwnd;
        }
        self.in_epoch = false;
        self.timed_out = true;
        // RFC 9438, Section 4.8: the window as Reno's, the threshold by β.
        self.window.collapse(first.then(|| scale(in_flight, 10, 7)), mss);
    }

    pub(super) fn on_idle(&mut self) {
        // The next stage starts when data flows again: idle time is not the curve's (RFC 9438, Section 5.8).
        self.in_epoch = false;
    }

    pub(super) fn on_mss_change(&mut self, old: u32, new: u32) {
        if new < old {
            self.w_max = scale(self.w_max, old, new);
            self.cwnd_prior = scale(self.cwnd_prior, old, new);
        }
        self.in_epoch = false;
    }
}
