//! Congestion control: how much may be in the network. The connection decides what is a loss and calls here once for each.

mod cubic;
mod reno;
mod window;

pub use cubic::Cubic;
pub use reno::Reno;

use crate::base::Instant;
use crate::settings;
use core::time::Duration;
use window::Window;

/// The congestion control of one connection. All windows are in bytes.
#[derive(Clone, Debug)]
pub enum Control {
    /// RFC 5681.
    Reno(Reno),
    /// RFC 9438.
    Cubic(Cubic),
}

const _: () = assert!(size_of::<Control>() <= 64);

impl Control {
    /// The control that the settings name, with the initial window of RFC 6928; with one segment where the handshake had to
    /// be retransmitted (RFC 5681, Section 3.1).
    pub fn new(settings: &settings::Tcp, mss: u32, handshake_retransmitted: bool) -> Self {
        match settings.congestion {
            settings::Congestion::Reno => Self::Reno(Reno::new(settings, mss, handshake_retransmitted)),
            settings::Congestion::Cubic => Self::Cubic(Cubic::new(settings, mss, handshake_retransmitted)),
        }
    }

    fn window(&self) -> &Window {
        match self {
            Self::Reno(reno) => &reno.window,
            Self::Cubic(cubic) => &cubic.window,
        }
    }

    fn window_mut(&mut self) -> &mut Window {
        match self {
            Self::Reno(reno) => &mut reno.window,
            Self::Cubic(cubic) => &mut cubic.window,
        }
    }

    /// Congestion window.
    #[inline]
    pub fn cwnd(&self) -> u32 {
        self.window().cwnd
    }

    /// Slow-start threshold; `u32::MAX` before the first loss.
    pub fn ssthresh(&self) -> u32 {
        self.window().ssthresh
    }

    /// Whether the window grows by slow start.
    pub fn in_slow_start(&self) -> bool {
        self.window().in_slow_start()
    }

    /// The most segments that were in flight in this round trip.
    #[inline]
    pub fn used(&self) -> u16 {
        self.window().used()
    }

    /// So many segments are in flight; `anew`: whatever was before. Tells whether they are the most of this round trip, or the
    /// first of a new one.
    #[inline]
    pub fn note_use(&mut self, segments: u16, anew: bool) -> bool {
        self.window_mut().note_use(segments, anew)
    }

    /// A round trip is over.
    #[inline]
    pub fn end_round(&mut self) {
        self.window_mut().end_round();
    }

    /// `acked` bytes of new data were acknowledged outside recovery. `cwnd_limited`: since the last acknowledgment the
    /// sender was limited by the window; a window that was not used does not grow (RFC 9438, Section 5.8; RFC 7661, Section 4.4).
    pub fn on_ack(&mut self, now: Instant, acked: u32, srtt: Option<Duration>, mss: u32, cwnd_limited: bool) {
        match self {
            Self::Reno(reno) if cwnd_limited => reno.on_ack(acked, mss),
            Self::Reno(_) => {}
            Self::Cubic(cubic) => cubic.on_ack(now, acked, srtt, mss, cwnd_limited),
        }
    }

    /// Recovery starts: once for each loss event, that is for each window of data (RFC 5681, Section 3.2; RFC 6675,
    /// Section 5). `in_flight` is FlightSize without what limited transmit sent. Sets `ssthresh`, and `cwnd` to it.
    pub fn on_loss(&mut self, _now: Instant, in_flight: u32, mss: u32) {
        match self {
            Self::Reno(reno) => reno.on_loss(in_flight, mss),
            Self::Cubic(cubic) => cubic.on_loss(in_flight, mss),
        }
    }

    /// Fast retransmit without SACK: three segments have left the network (RFC 5681, Section 3.2, step 3). Call it with the
    /// threshold after [`on_loss`](Self::on_loss).
    pub fn on_fast_retransmit(&mut self, dup_acks: u32, mss: u32) {
        self.window_mut().grow(dup_acks.saturating_mul(mss));
    }

    /// One more duplicate ACK in recovery without SACK: one more segment has left (RFC 5681, Section 3.2, step 4).
    pub fn on_recovery_dup_ack(&mut self, mss: u32) {
        self.window_mut().grow(mss);
    }

    /// A partial acknowledgment of `acked` bytes in recovery without SACK (RFC 6582, Section 3.2, step 3).
    pub fn on_partial_ack(&mut self, acked: u32, mss: u32) {
        self.window_mut().deflate(acked, mss);
    }

    /// Fast recovery is over: `cwnd` is at most `ssthresh` and at most one segment above what is in flight (RFC 6582,
    /// Section 3.2). Not for what a time-out ended: there slow start goes on.
    pub fn on_recovery_exit(&mut self, in_flight: u32, mss: u32) {
        self.window_mut().leave_recovery(in_flight, mss);
    }

    /// Recovery is given up and what is in flight goes again: the segments that left the network, by which fast recovery
    /// without SACK had raised the window, are no longer behind it.
    pub fn on_recovery_abandoned(&mut self) {
        let window = self.window_mut();
        window.cwnd = window.cwnd.min(window.ssthresh);
    }

    /// The retransmission timer expired. `first`: the segment was not retransmitted by the timer before; only then the
    /// threshold changes (RFC 5681, Section 3.1).
    pub fn on_timeout(&mut self, _now: Instant, in_flight: u32, mss: u32, first: bool) {
        match self {
            Self::Reno(reno) => reno.on_timeout(in_flight, mss, first),
            Self::Cubic(cubic) => cubic.on_timeout(in_flight, mss, first),
        }
    }

    /// Data is to be sent after nothing was for longer than the RTO (RFC 5681, Section 4.1).
    pub fn on_idle(&mut self, mss: u32, settings: &settings::Tcp) {
        self.window_mut().restart(settings, mss);
        match self {
            Self::Reno(_) => {}
            Self::Cubic(cubic) => cubic.on_idle(),
        }
    }

    /// The segment size changed from `old` to `new` (path MTU).
    pub fn on_mss_change(&mut self, old: u32, new: u32) {
        self.window_mut().rescale(old, new);
        match self {
            Self::Reno(_) => {}
            Self::Cubic(cubic) => cubic.on_mss_change(old, new),
        }
    }

    /// `"reno"` or `"cubic"`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reno(_) => "reno",
            Self::Cubic(_) => "cubic",
        }
    }
}

#[cfg(test)]
mod tests;
