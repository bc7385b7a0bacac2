//! A segment arrives: the checks of RFC 9293, Section 3.10.7.4, in its order, one file for what is behind each group.

mod ack;
mod syn_received;
mod syn_sent;
mod text;

use super::connection::Context;
use super::outcome::Outcome;
use super::stamp::{CoarseStamp, Stamp};
use super::state::{Common, Flags, Synchronized};
use super::transition::Event;
use super::{CloseReason, timestamps};
use crate::buffer::Buf;
use crate::telemetry::Discard;
use crate::wire::TcpHeader;

impl Synchronized {
    /// A segment in ESTABLISHED or a later state.
    pub(super) fn on_segment(
        &mut self,
        common: &mut Common,
        ctx: &mut Context<'_>,
        header: &TcpHeader,
        payload: &mut Option<Buf>,
    ) -> Outcome {
        let len = payload.as_ref().map_or(0, Buf::len) as u32;
        let (expected, receiving) = (self.rcv.nxt, self.snd.state.may_receive());
        if let Some(tally) = common.tally() {
            tally.on_received(len);
        }
        if let Err(outcome) = self.check(common, ctx, header, len) {
            return outcome;
        }
        let mut outcome = Outcome::NONE;
        if let Err(refused) = self.on_ack(common, ctx, header, len, &mut outcome) {
            return refused;
        }
        common.heard_at = Stamp::new(ctx.now);
        if outcome.end.is_none() {
            if header.flags.urg() {
                outcome.events.insert(self.on_urgent(common, ctx, header));
            }
            if len > 0 || header.flags.fin() {
                self.on_text(common, ctx, header, payload, &mut outcome);
                if let Some(tally) = common.tally() {
                    let fin = receiving && !self.snd.state.may_receive();
                    let advanced = self.rcv.nxt.since(expected);
                    tally.bytes_received += u64::from(advanced.saturating_sub(u32::from(fin)));
                }
            }
            self.update_timer(common, ctx);
        }
        outcome
    }

    /// The checks before the acknowledgment counts: SYN, timestamps, sequence number, RST, ACK.
    #[inline]
    fn check(
        &mut self,
        common: &mut Common,
        ctx: &mut Context<'_>,
        header: &TcpHeader,
        len: u32,
    ) -> Result<(), Outcome> {
        let flags = header.flags;
        if flags.syn() && !flags.rst() {
            // RFC 5961, Section 4.2: whatever its sequence number, a SYN gets a challenge and nothing else.
            self.challenge(common, ctx);
            return Err(Outcome::discard(Discard::TcpSynInWindow));
        }
        if self.snd.flags.has(Flags::TIMESTAMPS) && !flags.rst() {
            self.check_timestamps(common, ctx, header, len)?;
        }
        let occupied = len + u32::from(flags.fin());
        // RFC 9293, Section 3.10.7.4, first check, in the form that also takes a bare ACK at the very edge: after a sender
        // has filled the window with data that got lost, its ACKs stand there, and refusing them would stop both ends.
        let begins = header.seq.le(self.rcv.edge);
        let ends = (header.seq + occupied).gt(self.rcv.nxt) || (occupied == 0 && header.seq == self.rcv.nxt);
        if !(begins && ends) {
            return Err(self.refuse(common, ctx, header, len));
        }
        if flags.rst() {
            return Err(self.on_reset(common, ctx, header));
        }
        if !flags.ack() {
            return Err(Outcome::discard(Discard::TcpNoAck));
        }
        Ok(())
    }

    /// Takes the value to echo (RFC 7323, Section 4.3, step 2): only a segment that spans the last ACK gives it. It comes after
    /// the check of the acknowledgment (RFC 5961, Section 5.2): a forged value would have PAWS drop whatever the peer sends.
    #[inline]
    fn take_timestamp(&mut self, ctx: &Context<'_>, header: &TcpHeader) {
        let Some(seen) = header.options.timestamps.filter(|_| self.snd.flags.has(Flags::TIMESTAMPS)) else {
            return;
        };
        let rcv = &mut self.rcv;
        let newer = (seen.value.wrapping_sub(rcv.ts_recent) as i32) >= 0;
        let old_recent = rcv.ts_recent_at.age(ctx.now) >= timestamps::PAWS_IDLE;
        if header.seq.le(rcv.last_ack_sent) && (newer || old_recent) {
            rcv.ts_recent = seen.value;
            rcv.ts_recent_at = CoarseStamp::new(ctx.now);
        }
    }

    #[inline]
    fn check_timestamps(
        &mut self,
        common: &mut Common,
        ctx: &mut Context<'_>,
        header: &TcpHeader,
        len: u32,
    ) -> Result<(), Outcome> {
        let Some(seen) = header.options.timestamps else {
            // RFC 7323, Section 3.2: agreed timestamps are in every segment but RST.
            return Err(Outcome::discard(Discard::TcpMissingTimestamp));
        };
        // The age of the value, not of the last segment: a keep-alive of the peer is heard and leaves the value as it is.
        let age = self.rcv.ts_recent_at.age(ctx.now);
        if timestamps::paws_reject(seen.value, self.rcv.ts_recent, age) {
            // RFC 7323, Section 5.3, R1: an ACK, and no further.
            self.answer_unacceptable(common, ctx, len);
            // What is sent twice and comes late is old by its timestamp first.
            self.report_known(common, header.seq, len);
            return Err(Outcome::discard(Discard::TcpPaws));
        }
        Ok(())
    }

    /// Not acceptable by its sequence number: an ACK says what would be (RFC 9293, Section 3.10.7.4).
    #[cold]
    fn refuse(
        &mut self,
        common: &mut Common,
        ctx: &mut Context<'_>,
        header: &TcpHeader,
        len: u32,
    ) -> Outcome {
        if header.flags.rst() {
            return Outcome::discard(Discard::TcpOutOfWindow);
        }
        let occupied = len + u32::from(header.flags.fin());
        self.answer_unacceptable(common, ctx, occupied);
        if header.seq.gt(self.rcv.edge) {
            return Outcome::discard(Discard::TcpOutOfWindow);
        }
        self.report_known(common, header.seq, len);
        // A keep-alive probe or a retransmission shows that the peer lives, if what it acknowledges can be.
        if header.flags.ack() && header.ack.ge(self.snd.una) && header.ack.le(self.snd.nxt) {
            common.heard_at = Stamp::new(ctx.now);
        }
        Outcome::discard(Discard::TcpDuplicate)
    }

    /// RST in the window (RFC 5961, Section 3.2; RFC 9293, Section 3.10.7.4, second check).
    #[cold]
    fn on_reset(&mut self, common: &mut Common, ctx: &mut Context<'_>, header: &TcpHeader) -> Outcome {
        if header.seq != self.rcv.nxt {
            // Right behind the window, where an ACK may stand, a RST is outside.
            if header.seq.ge(self.rcv.edge) {
                return Outcome::discard(Discard::TcpOutOfWindow);
            }
            self.challenge(common, ctx);
            return Outcome::discard(Discard::TcpResetInexact);
        }
        self.go(Event::Reset);
        Outcome::closed(CloseReason::ResetByPeer)
    }
}
