//! The peer's window is closed or too small: probes that find out when it opens (RFC 9293, Section 3.8.6.1; RFC 6429).

use super::CloseReason;
use super::connection::Context;
use super::outcome::Outcome;
use super::state::{Common, Fin, Flags, Synchronized, Timer};

impl Synchronized {
    /// Nothing is in flight and something is queued. The first probe comes after one RTO, the next ones at doubled intervals
    /// (RFC 9293, Section 3.8.6.1).
    pub(super) fn arm_persist(&mut self, common: &Common, ctx: &Context<'_>) {
        self.snd.timer = Timer::Persist;
        let give_up_at = self.snd.progress_at.instant(ctx.now) + common.user_timeout(ctx.settings);
        self.timer_at = (ctx.now + self.snd.rtt.rto()).min(give_up_at);
    }

    pub(super) fn on_persist_timer(&mut self, common: &mut Common, ctx: &mut Context<'_>) -> Outcome {
        let stalled = self.snd.progress_at.age(ctx.now);
        // RFC 6429, Section 4: a window that stays closed may be given up on even though the peer answers; a peer that
        // answers nothing is given up on as for data.
        if stalled >= common.user_timeout(ctx.settings)
            || u32::from(self.snd.retries) >= ctx.settings.data_retries
        {
            let reason = match u32::from(self.snd.retries) {
                // An answer clears the count: each probe had one.
                0 if stalled >= common.user_timeout(ctx.settings) => {
                    CloseReason::WindowClosed { over: stalled }
                }
                retries => CloseReason::TimedOut { retries, over: stalled, soft: common.soft() },
            };
            return self.abandon(reason, common, ctx);
        }
        if self.release_on_timer(common, ctx) {
            return Outcome::NONE;
        }
        self.snd.retries = self.snd.retries.saturating_add(1);
        self.snd.flags.set(Flags::PROBE, true);
        self.snd.rtt.back_off();
        self.arm_persist(common, ctx);
        Outcome::NONE
    }

    /// An acknowledgment came while a probe was in flight or due.
    pub(super) fn on_ack_in_persist(&mut self, common: &Common, ctx: &Context<'_>) {
        // The peer lives: only probes without any answer count.
        self.snd.retries = 0;
        if self.snd.wnd == 0 {
            return;
        }
        self.snd.rtt.reset_backoff();
        if self.snd.flags.has(Flags::PROBING) && self.snd.flight() > 0 {
            // The peer had no room for the probe's byte: it goes again as the first of a full segment.
            self.snd.nxt = self.snd.una;
            if self.snd.fin == Fin::Sent {
                self.snd.fin = Fin::Queued;
            }
        }
        self.snd.flags.set(Flags::PROBING, false);
        // A window that opened too little to be used keeps its timer, or a chatty peer would put the override off for ever.
        let at = self.timer_at;
        self.arm_persist(common, ctx);
        if self.can_send_new(common) {
            self.snd.flags.set(Flags::PROBE, false);
        } else {
            self.timer_at = self.timer_at.min(at);
        }
    }
}
