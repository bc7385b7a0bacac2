//! Whether the congestion window is used: one that is not does not grow, because nothing shows that the network takes as much
//! (RFC 7661, Section 4.2; RFC 9438, Section 5.8).

use super::state::{Flags, Snd};

impl Snd {
    fn segments_in_flight(&self) -> u16 {
        u16::try_from(self.flight().div_ceil(u32::from(self.mss.max(1)))).unwrap_or(u16::MAX)
    }

    /// Something new was sent: remembers the most that was in flight in this round trip, and whether the window was what limited
    /// it.
    #[inline]
    pub(super) fn measure_use(&mut self) {
        let limited = self.flight() + u32::from(self.mss) > self.control.cwnd();
        if self.control.note_use(self.segments_in_flight(), limited) {
            self.flags.set(Flags::CWND_LIMITED, limited);
        }
    }

    /// Whether the window may grow. In slow start it may grow to twice what was used: it doubles in a round trip, so what was
    /// used is then the half of it that RFC 7661, Section 4.2 asks for.
    #[inline]
    pub(super) fn window_is_used(&self) -> bool {
        let used = u32::from(self.control.used()) * u32::from(self.mss);
        self.flags.has(Flags::CWND_LIMITED)
            || (self.control.in_slow_start() && self.control.cwnd() < used.saturating_mul(2))
    }
}
