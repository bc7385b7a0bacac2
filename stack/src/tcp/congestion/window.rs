//! What Reno and CUBIC share: slow start, the reactions to a time-out and to idleness, and NewReno's inflation.

use crate::settings;

/// Largest window kept: no scaled window is larger (RFC 7323, Section 2.3), and sums stay far from 2³².
const MAX_WINDOW: u32 = 1 << 30;

/// Of [`Window::used`]: the round trip is over, and the next segment begins a new one.
const ROUND_OVER: u16 = 1 << 15;

/// Congestion window and slow-start threshold, in bytes.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) cwnd: u32,
    pub(super) ssthresh: u32,
    /// A time-out happened and slow start has not reached the threshold since.
    pub(super) after_timeout: bool,
    /// Most segments that one ACK adds in slow start (L of RFC 3465 and RFC 9406, Section 4.3); 0: as many as it acknowledges.
    pub(super) limit: u8,
    /// The most segments that were in flight in this round trip, and [`ROUND_OVER`].
    used: u16,
}

/// The initial window (RFC 6928, Section 2, with `initial_window` segments in place of 10).
pub(super) fn initial_window(settings: &settings::Tcp, mss: u32) -> u32 {
    let segments = settings.initial_window.max(1);
    let most = (2 * mss).max(segments.saturating_mul(1460));
    segments.saturating_mul(mss).min(most).min(MAX_WINDOW)
}

impl Window {
    pub(super) fn new(settings: &settings::Tcp, mss: u32, handshake_retransmitted: bool) -> Self {
        // RFC 5681, Section 3.1: after a lost SYN or SYN-ACK one segment.
        let cwnd = if handshake_retransmitted { mss } else { initial_window(settings, mss) };
        let limit = settings.slow_start_limit.min(255) as u8;
        Self { cwnd: cwnd.max(1), ssthresh: u32::MAX, after_timeout: false, limit, used: 0 }
    }

    pub(super) fn in_slow_start(&self) -> bool {
        self.cwnd < self.ssthresh
    }

    /// The most segments that were in flight in this round trip.
    pub(super) fn used(&self) -> u16 {
        self.used & !ROUND_OVER
    }

    /// Takes note of what is in flight; `anew`: whatever was before. Tells whether it was taken.
    pub(super) fn note_use(&mut self, segments: u16, anew: bool) -> bool {
        let taken = anew || self.used & ROUND_OVER != 0 || segments > self.used;
        if taken {
            self.used = segments.min(ROUND_OVER - 1);
        }
        taken
    }

    pub(super) fn end_round(&mut self) {
        self.used |= ROUND_OVER;
    }

    /// Slow start counts the acknowledged bytes: at most `limit` segments an ACK, and one after a time-out, where
    /// an ACK says little about what left the network (RFC 5681, Section 3.1; RFC 3465, Section 2.3). Gives the
    /// acknowledged bytes that were left when the threshold was reached.
    pub(super) fn slow_start(&mut self, acked: u32, mss: u32) -> u32 {
        let most = match (self.after_timeout, self.limit) {
            (true, _) => mss,
            (false, 0) => u32::MAX,
            (false, limit) => u32::from(limit) * mss,
        };
        let room = self.ssthresh - self.cwnd;
        let step = acked.min(most);
        self.grow(step.min(room));
        if step < room {
            return 0;
        }
        self.after_timeout = false;
        step - room
    }

    pub(super) fn grow(&mut self, bytes: u32) {
        self.cwnd = self.cwnd.saturating_add(bytes).min(MAX_WINDOW);
    }

    /// A loss: the threshold is `ssthresh` but at least two segments, and the window goes down to it.
    pub(super) fn reduce_to(&mut self, ssthresh: u32, mss: u32) {
        self.ssthresh = ssthresh.max(2 * mss);
        self.cwnd = self.ssthresh;
    }

    /// A time-out: one segment (RFC 5681, Section 3.1, loss window), and a new threshold where the segment was not
    /// retransmitted by time-out before.
    pub(super) fn collapse(&mut self, ssthresh: Option<u32>, mss: u32) {
        if let Some(ssthresh) = ssthresh {
            self.ssthresh = ssthresh.max(2 * mss);
        }
        self.cwnd = mss;
        self.after_timeout = true;
    }

    /// A partial acknowledgment without SACK (RFC 6582, Section 3.2, step 3).
    pub(super) fn deflate(&mut self, acked: u32, mss: u32) {
        let back = if acked >= mss { mss } else { 0 };
        self.cwnd = self.cwnd.saturating_sub(acked).max(mss);
        self.grow(back);
    }

    /// Recovery is over (RFC 6582, Section 3.2, step 3, full acknowledgment, option 1): no burst into an empty network.
    pub(super) fn leave_recovery(&mut self, in_flight: u32, mss: u32) {
        self.cwnd = in_flight.max(mss).saturating_add(mss).min(self.ssthresh).min(MAX_WINDOW);
    }

    /// After an idle RTO: at most the restart window (RFC 5681, Section 4.1).
    pub(super) fn restart(&mut self, settings: &settings::Tcp, mss: u32) {
        self.cwnd = self.cwnd.min(initial_window(settings, mss));
    }

    /// The path takes another segment size: a smaller one lowers the window by the ratio, so that it is no burst of more
    /// segments (RFC 5681, Section 3.1).
    pub(super) fn rescale(&mut self, old: u32, new: u32) {
        if new < old {
            self.cwnd = scale(self.cwnd, old, new);
        }
        self.cwnd = self.cwnd.max(new);
        self.ssthresh = self.ssthresh.max(2 * new);
    }
}

/// `value` × `new` / `old`.
pub(super) fn scale(value: u32, old: u32, new: u32) -> u32 {
    (u64::from(value) * u64::from(new) / u64::from(old.max(1))).min(u64::from(u32::MAX)) as u32
}
