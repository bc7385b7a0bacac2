//! Which deadline is next, and what happens when it has come. Arming a timer only stores a time.

use super::connection::{Connection, Context};
use super::outcome::Outcome;
use super::state::{Common, Fin, Phase, Synchronized, Timer};
use super::{CloseReason, TcpState};
use crate::base::Instant;
use core::time::Duration;

impl Connection {
    /// The earliest time at which [`on_timer`](Self::on_timer) has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let mut at = match &self.phase {
            Phase::SynSent(syn) => syn.retry_at,
            Phase::SynReceived(syn) => syn.retry_at,
            Phase::Synchronized(s) => s.timer_at.min(s.ack_at),
            Phase::Closed => Instant::FAR_FUTURE,
        };
        if let (Some(rare), Phase::Synchronized(_)) = (&self.common.rare, &self.phase) {
            at = rare.keepalive.as_ref().map_or(at, |keepalive| at.min(keepalive.at));
            at = rare.linger_at.map_or(at, |linger_at| at.min(linger_at));
        }
        (at < Instant::FAR_FUTURE).then_some(at)
    }
}

impl Synchronized {
    pub(super) fn on_timer(&mut self, common: &mut Common, ctx: &mut Context<'_>) -> Outcome {
        if ctx.now >= self.ack_at {
            self.ack_at = Instant::FAR_FUTURE;
            self.rcv.ack_now = true;
        }
        if ctx.now >= self.timer_at {
            let outcome = match self.snd.timer {
                Timer::Off => Outcome::NONE,
                Timer::Retransmit => self.on_retransmit_timer(common, ctx),
                Timer::Persist => self.on_persist_timer(common, ctx),
                Timer::FinWait2 => self.abandon(CloseReason::OrphanTimedOut, common, ctx),
            };
            if outcome.end.is_some() {
                return outcome;
            }
        }
        if common.rare.is_some() {
            return self.on_rare_timer(common, ctx);
        }
        Outcome::NONE
    }

    fn on_rare_timer(&mut self, common: &mut Common, ctx: &mut Context<'_>) -> Outcome {
        let Some(rare) = &mut common.rare else { return Outcome::NONE };
        if rare.linger_at.is_some_and(|at| ctx.now >= at) {
            return self.abandon(CloseReason::OrphanTimedOut, common, ctx);
        }
        match &mut rare.keepalive {
            Some(keepalive) if ctx.now >= keepalive.at => {
                let busy = self.snd.flight() > 0 || self.snd.timer == Timer::Persist;
                match keepalive.on_timer(ctx.now, common.heard_at.instant(ctx.now), busy) {
                    Ok(()) => Outcome::NONE,
                    Err(reason) => self.abandon(reason, common, ctx),
                }
            }
            Some(_) | None => Outcome::NONE,
        }
    }

    /// Ends the connection and tells the peer.
    pub(super) fn abandon(&self, reason: CloseReason, common: &Common, ctx: &Context<'_>) -> Outcome {
        Outcome::closed(reason).with_reset(self.reset(common, ctx))
    }

    pub(super) fn stop_timer(&mut self) {
        self.snd.timer = Timer::Off;
        self.timer_at = Instant::FAR_FUTURE;
    }

    /// The application changed its user timeout, which was `before`: a stall that is going on ends by the new one (RFC 9293,
    /// Section 3.8.3), at once where its time is over.
    pub(super) fn on_user_timeout_changed(&mut self, common: &Common, ctx: &Context<'_>, before: Duration) {
        let now = common.user_timeout(ctx.settings);
        let since = self.snd.progress_at.instant(ctx.now);
        // What was armed for the old limit, and not for the next attempt, must not come as an early attempt.
        let was_limit = self.timer_at >= since + before;
        match self.snd.timer {
            Timer::Retransmit | Timer::Persist if now < before => {
                self.timer_at = self.timer_at.min(since + now)
            }
            Timer::Retransmit if now > before && was_limit => self.arm_retransmit(common, ctx),
            Timer::Persist if now > before && was_limit => self.arm_persist(common, ctx),
            Timer::Off | Timer::Retransmit | Timer::Persist | Timer::FinWait2 => {}
        }
    }

    /// Sees to it that what is owed has its deadline: an acknowledgment of what is in flight, a chance to send what is
    /// queued, the peer's FIN where nobody waits for it any more.
    #[inline]
    pub(super) fn update_timer(&mut self, common: &Common, ctx: &Context<'_>) {
        if self.snd.flight() > 0 {
            if self.snd.timer == Timer::Off {
                self.arm_retransmit(common, ctx);
            }
        } else if self.snd.unsent() > 0 || self.snd.fin == Fin::Queued {
            if self.snd.timer != Timer::Persist {
                self.arm_persist(common, ctx);
            }
        } else if self.snd.state == TcpState::FinWait2 && common.orphan {
            if self.snd.timer != Timer::FinWait2 {
                self.snd.timer = Timer::FinWait2;
                self.timer_at = ctx.now + ctx.settings.fin_wait2;
            }
        } else if self.snd.timer != Timer::Off {
            self.stop_timer();
        }
    }
}
