//! Reno (RFC 5681).

use super::window::Window;
use crate::settings;

/// Reno's state.
#[derive(Clone, Debug)]
pub struct Reno {
    pub(super) window: Window,
    /// Bytes acknowledged in congestion avoidance since the window last grew.
    credit: u32,
}

impl Reno {
    pub(super) fn new(settings: &settings::Tcp, mss: u32, handshake_retransmitted: bool) -> Self {
        Self { window: Window::new(settings, mss, handshake_retransmitted), credit: 0 }
    }

    pub(super) fn on_ack(&mut self, acked: u32, mss: u32) {
        let mut acked = acked;
        if self.window.in_slow_start() {
            acked = self.window.slow_start(acked, mss);
        }
        if acked == 0 {
            return;
        }
        // RFC 5681, Section 3.1: one segment for each window that was acknowledged.
        self.credit = self.credit.saturating_add(acked);
        if self.credit >= self.window.cwnd {
            self.credit = (self.credit - self.window.cwnd).min(self.window.cwnd);
            self.window.grow(mss);
        }
    }

    pub(super) fn on_loss(&mut self, in_flight: u32, mss: u32) {
        self.credit = 0;
        // RFC 5681, Section 3.1, equation 4.
        self.window.reduce_to(in_flight / 2, mss);
    }

    pub(super) fn on_timeout(&mut self, in_flight: u32, mss: u32, first: bool) {
        self.credit = 0;
        self.window.collapse(first.then_some(in_flight / 2), mss);
    }
}
