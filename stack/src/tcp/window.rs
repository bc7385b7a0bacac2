//! The receive window: what is offered, when it is worth telling, and how it grows.

use super::connection::{Connection, Context};
use super::state::{Common, Phase, Rcv, Synchronized};
use crate::base::Instant;

/// How far rounding up to the scale's unit may push the edge beyond the buffer in all.
const ROUNDING_SLACK: u32 = 4096;
/// The period of measurement in microseconds where no round-trip time is known.
const DEFAULT_RTT: u32 = 100_000;

/// Microseconds modulo 2³².
#[inline]
pub(super) fn micros(now: Instant) -> u32 {
    (now.as_nanos() / 1000) as u32
}

impl Rcv {
    /// RCV.WND: what the peer may send at most.
    #[inline]
    pub(super) fn window(&self) -> u32 {
        self.edge.since(self.nxt)
    }

    /// Bytes of the buffer in use: what is unread, or half its real memory where frames are mostly empty.
    #[inline]
    fn used(&self) -> u32 {
        self.queue.len().max(self.queue.memory() / 2) as u32 + self.popped
    }

    /// How far the right edge could move right now.
    #[inline]
    fn opening(&self) -> u32 {
        self.buffer.saturating_sub(self.used()).saturating_sub(self.window())
    }

    /// The window field of the next segment, and the edge that it promises.
    ///
    /// The edge never moves left. It moves right only by a worthwhile step (RFC 9293, Section 3.8.6.2.2): half the buffer or
    /// a full segment.
    #[inline]
    pub(super) fn advertise(&mut self, our_mss: u16) -> u16 {
        let opening = self.opening();
        if opening >= (self.buffer / 2).min(u32::from(our_mss)) {
            self.edge += opening;
        }
        let window = self.window();
        let unit = 1_u32 << self.scale;
        let up = window.saturating_add(unit - 1) >> self.scale;
        // Rounding down would take back a promise (RFC 7323, Section 2.4), rounding up again and again would let the
        // peer's small segments push the edge on for ever: up, until the slack is used.
        let promised = (up << self.scale).saturating_add(self.used());
        let field =
            if promised > self.buffer.saturating_add(ROUNDING_SLACK) { window >> self.scale } else { up };
        let field = field.min(0xffff);
        self.edge = self.edge.max(self.nxt + (field << self.scale));
        field as u16
    }
}

impl Connection {
    /// How many bytes more the application has to consume before the peer is told of the room at once; `None` where no
    /// consumption makes it so. Whoever holds popped bytes needs to report no sooner.
    pub fn window_due_after(&self) -> Option<u32> {
        let Phase::Synchronized(s) = &self.phase else { return None };
        if !s.snd.state.may_receive() {
            return None;
        }
        let (half, segment) = (s.rcv.buffer / 2, u32::from(self.common.our_mss));
        // The same two cases as in `on_consumed`.
        let worth = if s.rcv.window() < 2 * segment { half.min(segment) } else { half };
        // Before the window itself shrinks nothing can open.
        let used = s.rcv.used().saturating_add(s.rcv.window());
        let needed = used.saturating_add(worth).saturating_sub(s.rcv.buffer).max(1);
        (needed <= s.rcv.popped).then_some(needed)
    }
}

impl Synchronized {
    /// The application consumed `bytes`. Perhaps the buffer grows; perhaps the peer hears of the room at once.
    pub(super) fn on_consumed(&mut self, common: &Common, ctx: &Context<'_>, bytes: usize) {
        self.tune(common, ctx, bytes as u32);
        if !self.snd.state.may_receive() {
            return;
        }
        let opening = self.rcv.opening();
        let segment = u32::from(common.our_mss);
        let worth = (self.rcv.buffer / 2).min(segment);
        // An ACK of data carries small steps along; alone it goes out for a large one, or where the peer is (nearly) stopped.
        let stopped = self.rcv.window() < 2 * segment;
        if opening >= self.rcv.buffer / 2 || (stopped && opening >= worth && opening > 0) {
            self.rcv.ack_now = true;
        }
    }

    /// The window grows to twice what the application took in a round trip, so that it never is what limits the peer, and
    /// only as far as data really is read.
    fn tune(&mut self, common: &Common, ctx: &Context<'_>, bytes: u32) {
        let rcv = &mut self.rcv;
        rcv.tuned = rcv.tuned.saturating_add(bytes);
        let now = micros(ctx.now);
        let rtt = self.snd.rtt.srtt_micros().unwrap_or(DEFAULT_RTT);
        if now.wrapping_sub(rcv.tuned_at) < rtt {
            return;
        }
        let most = common.receive_max(ctx.settings).min(0xffff << rcv.scale);
        let wanted = rcv.tuned.saturating_mul(2).min(most);
        if wanted > rcv.buffer && !ctx.memory_low {
            rcv.buffer = wanted;
        }
        rcv.tuned = 0;
        rcv.tuned_at = now;
    }
}
