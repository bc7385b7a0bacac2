//! What is not acknowledged: the retransmission timer (RFC 6298), duplicate ACKs, and how far recovery is.

use super::CloseReason;
use super::connection::Context;
use super::outcome::Outcome;
use super::state::{Common, Flags, Mode, Snd, Synchronized, Timer};
use crate::wire::SeqNum;

impl Synchronized {
    /// Something is in flight (RFC 6298, Sections 5.1 and 5.3); at the latest at the user timeout the timer has to look.
    #[inline]
    pub(super) fn arm_retransmit(&mut self, common: &Common, ctx: &Context<'_>) {
        self.snd.timer = Timer::Retransmit;
        let give_up_at = self.snd.progress_at.instant(ctx.now) + common.user_timeout(ctx.settings);
        self.timer_at = (ctx.now + self.snd.rtt.rto()).min(give_up_at);
    }

    pub(super) fn on_retransmit_timer(&mut self, common: &mut Common, ctx: &mut Context<'_>) -> Outcome {
        let stalled = self.snd.progress_at.age(ctx.now);
        // RFC 9293, Section 3.8.3: R2, as a count and as a time.
        if u32::from(self.snd.retries) >= ctx.settings.data_retries
            || stalled >= common.user_timeout(ctx.settings)
        {
            let retries = u32::from(self.snd.retries);
            return self.abandon(
                CloseReason::TimedOut { retries, over: stalled, soft: common.soft() },
                common,
                ctx,
            );
        }
        let first = self.snd.retries == 0;
        self.snd.retries = self.snd.retries.saturating_add(1);
        let (mss, flight) = (u32::from(self.snd.mss), self.snd.flight());
        // A closed window is no congestion: the retransmission is its probe (RFC 9293, Section 3.8.6).
        if self.snd.wnd > 0 {
            self.snd.control.on_timeout(ctx.now, flight, mss, first);
        }
        if !first {
            // RFC 2018, Section 8: the peer may have dropped what it reported; twice in a row we believe so.
            if let Some(scoreboard) = common.rare.as_mut().and_then(|rare| rare.scoreboard.as_mut()) {
                scoreboard.clear();
            }
        }
        self.snd.rtt.back_off();
        self.enter_loss(common);
        self.arm_retransmit(common, ctx);
        Outcome::NONE
    }

    /// All that is in flight counts as lost and goes again from SND.UNA on, as the congestion window allows.
    pub(super) fn enter_loss(&mut self, common: &mut Common) {
        let (una, nxt) = (self.snd.una, self.snd.nxt);
        let rare = common.rare_mut();
        rare.recovery_point = Some(nxt);
        rare.high_rxt = una;
        rare.rescue_rxt = None;
        self.snd.mode = Mode::Loss;
        self.snd.flags.set(Flags::HEAD, true);
        self.snd.dup_acks = 0;
        // Karn's algorithm (RFC 6298, Section 3): an ACK of a retransmitted segment says nothing of the round trip.
        self.snd.flags.set(Flags::TIMING, false);
    }

    /// An ACK that moved nothing while something is in flight: `sacked` bytes are new in the scoreboard.
    pub(super) fn on_duplicate_ack(&mut self, common: &mut Common, ctx: &Context<'_>) {
        let mss = u32::from(self.snd.mss);
        match self.snd.mode {
            Mode::Loss => return,
            Mode::Fast => {
                if !self.snd.flags.has(Flags::SACK) {
                    self.snd.control.on_recovery_dup_ack(mss);
                }
                return;
            }
            Mode::Open => {}
        }
        self.snd.dup_acks = self.snd.dup_acks.saturating_add(1);
        let threshold = u32::from(self.snd.dup_threshold);
        let una = self.snd.una;
        let scoreboard = common.rare.as_ref().and_then(|rare| rare.scoreboard.as_ref());
        // RFC 6675, Section 5, step 2: enough above the first byte says the same as enough duplicates.
        let lost = scoreboard.is_some_and(|scoreboard| scoreboard.is_lost(una, mss, threshold));
        if u32::from(self.snd.dup_acks) < threshold && !lost {
            return;
        }
        // RFC 6582, Section 3.2, step 1: duplicates caused by the last recovery's retransmissions start no new one.
        let point = common.rare.as_ref().and_then(|rare| rare.recovery_point);
        if !self.snd.flags.has(Flags::SACK) && point.is_some_and(|point| !una.gt(point)) {
            return;
        }
        self.enter_fast(common, ctx);
    }

    fn enter_fast(&mut self, common: &mut Common, ctx: &Context<'_>) {
        let mss = u32::from(self.snd.mss);
        let (una, nxt) = (self.snd.una, self.snd.nxt);
        // RFC 5681, Section 3.2, step 2: what limited transmit sent beyond the window does not count.
        let flight = self.snd.flight().min(self.snd.control.cwnd());
        self.snd.control.on_loss(ctx.now, flight, mss);
        if !self.snd.flags.has(Flags::SACK) {
            self.snd.control.on_fast_retransmit(u32::from(self.snd.dup_threshold), mss);
        }
        let rare = common.rare_mut();
        rare.recovery_point = Some(nxt);
        rare.high_rxt = una;
        rare.rescue_rxt = None;
        self.snd.mode = Mode::Fast;
        self.snd.flags.set(Flags::HEAD, true);
        self.snd.flags.set(Flags::TIMING, false);
        // RFC 6675, Section 5, step 4.3 leaves the timer; starting it gives the retransmission its full time.
        self.arm_retransmit(common, ctx);
    }

    /// What of the sequence numbers before `ack` the peer has told of already: by SACK, or by duplicate ACKs, one segment each.
    pub(super) fn known_before(&self, common: &Common, ack: SeqNum) -> u32 {
        let scoreboard = common.rare.as_ref().and_then(|rare| rare.scoreboard.as_ref());
        match scoreboard.filter(|_| self.snd.flags.has(Flags::SACK)) {
            Some(scoreboard) if scoreboard.is_empty() => 0,
            Some(scoreboard) => {
                ack.since(self.snd.una).saturating_sub(scoreboard.unsacked(self.snd.una, ack))
            }
            // More duplicates than limited transmit answers may be the network's own copies.
            None => u32::from(self.snd.dup_acks.min(2)) * u32::from(self.snd.mss),
        }
    }

    /// `acked` sequence numbers are newly acknowledged, of which `known` were told of before: what that means for congestion
    /// control and recovery.
    pub(super) fn on_progress(&mut self, common: &mut Common, ctx: &Context<'_>, acked: u32, known: u32) {
        let snd = &mut self.snd;
        let mss = u32::from(snd.mss);
        snd.dup_acks = 0;
        if snd.mode == Mode::Open {
            let srtt = snd.rtt.srtt();
            // For what was known before limited transmit has sent already; one segment is what RFC 5681, Section 3.1 gives every ACK
            // of something new.
            let fresh = acked.saturating_sub(known).max(acked.min(mss));
            snd.control.on_ack(ctx.now, fresh, srtt, mss, snd.window_is_used());
            if let Some(rare) = common.rare.as_mut() {
                // An old point would seem to lie ahead once sequence numbers have wrapped.
                rare.recovery_point = rare.recovery_point.filter(|point| !snd.una.gt(*point));
            }
            return;
        }
        let point = common.rare.as_ref().and_then(|rare| rare.recovery_point);
        let done = point.is_none_or(|point| snd.una.ge(point));
        let flight = snd.flight();
        match (snd.mode, done) {
            (Mode::Fast, true) => {
                snd.control.on_recovery_exit(flight, mss);
                snd.mode = Mode::Open;
                snd.flags.set(Flags::HEAD, false);
            }
            (Mode::Fast, false) => {
                if !snd.flags.has(Flags::SACK) {
                    // RFC 6582, Section 3.2, step 3: a partial ACK shows the next loss.
                    snd.control.on_partial_ack(acked, mss);
                    snd.flags.set(Flags::HEAD, true);
                }
            }
            (Mode::Loss, _) => {
                let srtt = snd.rtt.srtt();
                snd.control.on_ack(ctx.now, acked, srtt, mss, true);
                snd.flags.set(Flags::HEAD, false);
                if done {
                    snd.mode = Mode::Open;
                }
            }
            (Mode::Open, _) => {}
        }
    }
}

/// A piece to send again.
pub(super) type Piece = (SeqNum, u32);

impl Snd {
    /// What is taken for in the network.
    #[inline]
    pub(super) fn pipe(&self, common: &Common) -> u32 {
        match (self.mode, common.rare.as_ref()) {
            (Mode::Open, _) | (_, None) => self.flight(),
            (Mode::Fast, Some(rare)) => {
                match rare.scoreboard.as_ref().filter(|_| self.flags.has(Flags::SACK)) {
                    Some(scoreboard) => {
                        let (mss, threshold) = (u32::from(self.mss), u32::from(self.dup_threshold));
                        scoreboard.pipe(self.una, self.nxt, rare.high_rxt, mss, threshold)
                    }
                    None => self.flight(),
                }
            }
            (Mode::Loss, Some(rare)) => {
                let again = rare.high_rxt.max(self.una);
                let fresh = rare.recovery_point.unwrap_or(self.nxt).min(self.nxt).max(again);
                match rare.scoreboard.as_ref() {
                    Some(scoreboard) => {
                        scoreboard.unsacked(self.una, again) + scoreboard.unsacked(fresh, self.nxt)
                    }
                    None => again.since(self.una) + self.nxt.since(fresh),
                }
            }
        }
    }

    /// What is in flight and taken for lost, whether it was sent again or not.
    pub(super) fn lost(&self, common: &Common) -> u32 {
        let Some(rare) = common.rare.as_ref() else { return 0 };
        match (self.mode, rare.scoreboard.as_ref()) {
            (Mode::Open, _) => 0,
            (Mode::Fast, Some(scoreboard)) if self.flags.has(Flags::SACK) => {
                let (mss, threshold) = (u32::from(self.mss), u32::from(self.dup_threshold));
                let found = scoreboard.lost(self.una, mss, threshold);
                // Enough duplicates say it of the first segment, whatever the blocks say.
                found.max(self.flight().min(mss))
            }
            (Mode::Fast, _) => self.flight().min(u32::from(self.mss)),
            (Mode::Loss, scoreboard) => {
                let to = rare.recovery_point.unwrap_or(self.nxt).min(self.nxt);
                match scoreboard {
                    Some(scoreboard) => scoreboard.unsacked(self.una, to),
                    None => to.since(self.una),
                }
            }
        }
    }

    /// What is in flight and was sent again in this recovery.
    pub(super) fn sent_again(&self, common: &Common) -> u32 {
        let Some(rare) = common.rare.as_ref().filter(|_| self.mode != Mode::Open) else { return 0 };
        let to = rare.high_rxt.max(self.una).min(self.nxt);
        match rare.scoreboard.as_ref() {
            Some(scoreboard) => scoreboard.unsacked(self.una, to),
            None => to.since(self.una),
        }
    }

    /// What is lost and goes before anything new.
    pub(super) fn next_lost(&self, common: &Common, mss: u32) -> Option<Piece> {
        let rare = common.rare.as_ref()?;
        let threshold = u32::from(self.dup_threshold);
        match self.mode {
            Mode::Open => None,
            Mode::Fast => {
                let scoreboard = rare.scoreboard.as_ref().filter(|_| self.flags.has(Flags::SACK))?;
                scoreboard.next_lost(self.una, self.nxt, rare.high_rxt, mss, threshold)
            }
            Mode::Loss => {
                let from = rare.high_rxt.max(self.una);
                let to = rare.recovery_point?.min(self.nxt);
                match rare.scoreboard.as_ref() {
                    Some(scoreboard) => scoreboard.piece(from, to, mss),
                    None => from.lt(to).then(|| (from, to.since(from).min(mss))),
                }
            }
        }
    }

    /// What may be lost, where there is nothing new to send (RFC 6675, Section 4, NextSeg, rules 3 and 4); the flag: it is the
    /// rescue of rule 4.
    pub(super) fn next_suspect(&self, common: &Common, mss: u32) -> Option<(Piece, bool)> {
        if self.mode != Mode::Fast || !self.flags.has(Flags::SACK) {
            return None;
        }
        let rare = common.rare.as_ref()?;
        let scoreboard = rare.scoreboard.as_ref()?;
        let threshold = u32::from(self.dup_threshold);
        let below = scoreboard.next_seg(self.una, self.nxt, rare.high_rxt, mss, threshold);
        below.map(|piece| (piece, false)).or_else(|| {
            let rescue = scoreboard.rescue(self.una, self.nxt, rare.rescue_rxt, mss);
            // What this recovery has sent again already is on its way: a second copy at once would rescue nothing.
            rescue.filter(|piece| piece.0.ge(rare.high_rxt)).map(|piece| (piece, true))
        })
    }

    /// The first piece in flight.
    pub(super) fn head_piece(&self, common: &Common, mss: u32) -> Option<Piece> {
        let scoreboard = common.rare.as_ref().and_then(|rare| rare.scoreboard.as_ref());
        let flight = self.flight();
        if flight == 0 {
            return None;
        }
        let whole = (self.una, flight.min(mss));
        match scoreboard.filter(|scoreboard| !scoreboard.is_sacked(self.una)) {
            Some(scoreboard) => scoreboard.piece(self.una, self.nxt, mss),
            // A peer that reports the first byte as held and does not acknowledge it has lost it.
            None => Some(whole),
        }
    }
}
