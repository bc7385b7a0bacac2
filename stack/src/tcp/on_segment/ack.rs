//! The acknowledgment of a segment in a synchronized state (RFC 9293, Section 3.10.7.4, fifth check; RFC 5961, Section 5).

use crate::tcp::connection::Context;
use crate::tcp::error::CloseReason;
use crate::tcp::outcome::{End, Events, Outcome};
use crate::tcp::stamp::Stamp;
use crate::tcp::state::{Common, Fin, Flags, Synchronized, TcpState, Timer};
use crate::tcp::transition::Event;
use crate::tcp::{timestamps, window};
use crate::telemetry::Discard;
use crate::wire::TcpHeader;
use core::time::Duration;

impl Synchronized {
    /// Takes the acknowledgment and the window of a segment.
    ///
    /// # Errors
    /// The outcome, where the whole segment is refused for its acknowledgment.
    #[inline]
    pub(super) fn on_ack(
        &mut self,
        common: &mut Common,
        ctx: &mut Context<'_>,
        header: &TcpHeader,
        len: u32,
        outcome: &mut Outcome,
    ) -> Result<(), Outcome> {
        let ack = header.ack;
        let acceptable = ack.le(self.snd.nxt) && ack.ge(self.snd.una - self.snd.max_wnd);
        if !acceptable {
            // RFC 5961, Section 5.2: neither what was never sent nor what is older than any window is believed.
            self.challenge(common, ctx);
            return Err(Outcome::discard(Discard::TcpAckUnacceptable));
        }
        self.take_timestamp(ctx, header);
        if ack.lt(self.snd.una) {
            // An old acknowledgment; the data of the segment counts all the same.
            if len == 0 && !header.flags.fin() {
                outcome.discard = Some(Discard::TcpDuplicate);
            }
            return Ok(());
        }
        let known = if ack == self.snd.una { 0 } else { self.known_before(common, ack) };
        let sacked =
            if header.options.sack.len > 0 && self.snd.flags.has(Flags::SACK) && self.snd.flight() > 0 {
                let scoreboard = common.rare_mut().scoreboard.get_or_insert_default();
                scoreboard.update(ack, self.snd.nxt, &header.options.sack)
            } else {
                0
            };
        if let Some(tally) = common.tally().filter(|_| sacked > 0) {
            tally.on_acked(0, sacked, u32::from(self.snd.mss));
        }
        let old_window = self.snd.wnd;
        self.update_window(header);
        if ack != self.snd.una {
            self.on_new_ack(common, ctx, header, known, outcome);
            if sacked > 0 && self.snd.flight() > 0 {
                // RFC 6675, Section 5: an ACK with new SACK blocks tells of losses whether it moves SND.UNA or not.
                self.on_duplicate_ack(common, ctx);
            }
        } else if self.snd.flight() > 0 && self.snd.timer == Timer::Retransmit {
            // RFC 5681, Section 2: a duplicate has no data, no FIN and the old window. With SACK it is one that reports
            // something new (RFC 6675, Section 2).
            let plain = len == 0 && !header.flags.fin() && self.snd.wnd == old_window;
            if sacked > 0 || (plain && !self.snd.flags.has(Flags::SACK)) {
                self.on_duplicate_ack(common, ctx);
            }
            if self.snd.wnd == 0 {
                // The retransmission serves as the window's probe, and the peer answers it.
                self.snd.retries = 0;
            }
        }
        if self.snd.timer == Timer::Persist {
            self.on_ack_in_persist(common, ctx);
        }
        Ok(())
    }

    /// SND.WND (RFC 9293, Section 3.10.7.4): from segments that are newer, or as new with an acknowledgment that
    /// is not older. SND.WL2 is not kept: no acknowledgment before SND.UNA comes here, and SND.WL2 never is after it.
    #[inline]
    fn update_window(&mut self, header: &TcpHeader) {
        let snd = &mut self.snd;
        if snd.wl1.lt(header.seq) || (snd.wl1 == header.seq) {
            snd.wnd = u32::from(header.window) << snd.scale;
            snd.max_wnd = snd.max_wnd.max(snd.wnd);
            snd.wl1 = header.seq;
        }
    }

    /// SND.UNA < SEG.ACK =< SND.NXT.
    #[inline]
    fn on_new_ack(
        &mut self,
        common: &mut Common,
        ctx: &mut Context<'_>,
        header: &TcpHeader,
        known: u32,
        outcome: &mut Outcome,
    ) {
        let snd = &mut self.snd;
        let ack = header.ack;
        let acked = ack.since(snd.una);
        let data = (acked as usize).min(snd.queue.len());
        let fin_acked = snd.fin == Fin::Sent && ack == snd.nxt;
        snd.queue.ack(ctx.pool, data);
        snd.una = ack;
        snd.retries = 0;
        if snd.flags.has(Flags::PROBING) && snd.wnd > 0 {
            // The probe found the window open: what its intervals had grown to says nothing of the path (RFC 9293,
            // Section 3.8.6.1), and a loss right after must not wait as long.
            snd.rtt.reset_backoff();
        }
        snd.flags.set(Flags::PROBING, false);
        snd.progress_at = Stamp::new(ctx.now);
        let round = snd.flags.has(Flags::TIMING) && ack.ge(snd.timed_seq);
        if round {
            let micros = window::micros(ctx.now).wrapping_sub(snd.timed_at);
            snd.flags.set(Flags::TIMING, false);
            snd.rtt.sample(Duration::from_micros(u64::from(micros)), ctx.settings);
            snd.rtt.reset_backoff();
        } else if snd.rtt.backoffs() > 0 {
            self.sample_echo(common, ctx, header);
        }
        if let Some(rare) = common.rare.as_mut() {
            // The path works again: an error from before is no evidence for an end that comes later (RFC 5461, Section 2.2).
            rare.soft_error = None;
            if let Some(scoreboard) = rare.scoreboard.as_mut() {
                scoreboard.advance(ack);
            }
        }
        if let Some(tally) = common.tally() {
            tally.on_acked(data, acked.saturating_sub(known), u32::from(self.snd.mss));
        }
        self.on_progress(common, ctx, acked, known);
        if round {
            self.snd.control.end_round();
        }
        self.release_on_ack(common);
        if self.snd.flight() == 0 {
            self.stop_timer();
            self.snd.flags.set(Flags::HEAD, false);
        } else {
            // RFC 6298, Section 5.3.
            self.arm_retransmit(common, ctx);
        }
        if data > 0 && !common.orphan {
            outcome.events.insert(Events::WRITABLE);
        }
        if fin_acked {
            self.on_fin_acked(common, outcome);
        }
    }

    /// After a time-out the echo can tell that the retransmission is what is acknowledged: Karn's algorithm then does not have
    /// to wait for a fresh segment (RFC 7323, Section 4.1; RFC 6298, Section 3). An older echo is ambiguous: the first
    /// transmission may have been slow, or its acknowledgment lost.
    #[cold]
    fn sample_echo(&mut self, common: &Common, ctx: &Context<'_>, header: &TcpHeader) {
        let echo =
            header.options.timestamps.filter(|_| self.snd.flags.has(Flags::TIMESTAMPS)).map(|ts| ts.echo);
        let again = common.rare.as_ref().and_then(|rare| rare.retransmitted_at);
        let (Some(echo), Some(again)) = (echo, again) else { return };
        let rtt = timestamps::rtt_from_echo(ctx.now, common.ts_offset, echo);
        if let Some(rtt) = rtt.filter(|rtt| *rtt <= ctx.now.since(again)) {
            self.snd.rtt.sample(rtt, ctx.settings);
            self.snd.rtt.reset_backoff();
        }
    }

    #[cold]
    fn on_fin_acked(&mut self, common: &Common, outcome: &mut Outcome) {
        self.go(Event::AckOfFin);
        match self.snd.state {
            TcpState::TimeWait => outcome.end = Some(End::TimeWait(self.time_wait(common))),
            TcpState::Closed => outcome.end = Some(End::Closed(CloseReason::Finished)),
            TcpState::FinWait2 | TcpState::FinWait1 | TcpState::Closing | TcpState::LastAck => {}
            TcpState::Established | TcpState::CloseWait | TcpState::SynSent => {}
            TcpState::SynReceived | TcpState::Listen => {}
        }
    }
}
