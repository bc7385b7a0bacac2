//! The data and the FIN of a segment (RFC 9293, Section 3.10.7.4, seventh and eighth check).

use crate::buffer::Buf;
use crate::tcp::connection::Context;
use crate::tcp::error::CloseReason;
use crate::tcp::outcome::{End, Events, Outcome};
use crate::tcp::state::{Common, Synchronized, TcpState};
use crate::tcp::transition::Event;
use crate::telemetry::Discard;
use crate::wire::{SeqNum, TcpHeader};

/// Memory that data out of order may hold, as a multiple of the window: small segments in large frames cost more than
/// their bytes.
const REASSEMBLY_FACTOR: usize = 2;
/// The least such limit.
const REASSEMBLY_LEAST: usize = 64 * 1024;

impl Synchronized {
    /// The payload and the FIN of an acceptable segment.
    pub(in crate::tcp) fn on_text(
        &mut self,
        common: &mut Common,
        ctx: &mut Context<'_>,
        header: &TcpHeader,
        payload: &mut Option<Buf>,
        outcome: &mut Outcome,
    ) {
        if !self.snd.state.may_receive() {
            // After the peer's FIN nothing can follow (RFC 9293, Section 3.10.7.4): it is ignored, and answered because its
            // sender may have missed our ACK of the FIN.
            self.rcv.ack_now = true;
            outcome.discard = Some(Discard::TcpDuplicate);
            return;
        }
        let len = payload.as_ref().map_or(0, Buf::len) as u32;
        let mut seq = header.seq + u32::from(header.flags.syn());
        let fin_seq = header.flags.fin().then_some(seq + len);
        if len > 0 {
            if common.orphan && (seq + len).gt(self.rcv.nxt) {
                // RFC 9293, Section 3.6.1: nobody will ever read it, so the peer must learn that it is lost.
                *outcome = self.abandon(CloseReason::DataAfterClose, common, ctx);
                outcome.discard = Some(Discard::TcpAfterClose);
                return;
            }
            self.report_known(common, seq, len);
            if !self.trim(&mut seq, payload) {
                self.rcv.ack_now = true;
                outcome.discard = Some(Discard::TcpWindowOverrun);
                return;
            }
            self.take(common, ctx, seq, payload, outcome);
        }
        if let Some(fin_seq) = fin_seq.filter(|fin_seq| fin_seq.le(self.rcv.edge)) {
            if fin_seq == self.rcv.nxt {
                self.on_fin(common, outcome);
            } else if fin_seq.gt(self.rcv.nxt) {
                // It comes true when the data before it is there.
                common.rare_mut().fin_at = Some(fin_seq);
                self.rcv.gap = true;
                self.rcv.ack_now = true;
            }
        }
    }

    /// Cuts off what was received already and what is beyond the window; tells whether something is left (or was never
    /// there).
    #[inline]
    fn trim(&mut self, seq: &mut SeqNum, payload: &mut Option<Buf>) -> bool {
        let Some(buf) = payload else { return true };
        if seq.lt(self.rcv.nxt) {
            let known = self.rcv.nxt.since(*seq);
            buf.trim_front(known as usize);
            *seq += known;
            if buf.is_empty() {
                // All known: only a FIN behind it was new.
                return true;
            }
        }
        let room = self.rcv.edge.since(*seq) as usize;
        if room == 0 {
            return false;
        }
        buf.truncate(room);
        true
    }

    /// Queues trimmed data, in order or not.
    #[inline]
    fn take(
        &mut self,
        common: &mut Common,
        ctx: &mut Context<'_>,
        seq: SeqNum,
        payload: &mut Option<Buf>,
        outcome: &mut Outcome,
    ) {
        let Some(buf) = payload.take() else { return };
        let len = buf.len() as u32;
        if len == 0 {
            *payload = Some(buf);
            return;
        }
        if seq != self.rcv.nxt {
            self.hold(common, ctx, seq, buf, payload, outcome);
            return;
        }
        self.rcv.queue.push(ctx.pool, buf);
        self.rcv.nxt += len;
        outcome.events.insert(Events::READABLE);
        if self.rcv.gap {
            self.close_gap(common, ctx, outcome);
        } else {
            self.on_data_in_order(ctx, common.our_mss, len);
        }
    }

    /// Data out of order: held, and acknowledged at once so that the sender learns of the gap (RFC 5681, Section 4.2).
    #[cold]
    fn hold(
        &mut self,
        common: &mut Common,
        ctx: &mut Context<'_>,
        seq: SeqNum,
        buf: Buf,
        payload: &mut Option<Buf>,
        outcome: &mut Outcome,
    ) {
        self.rcv.ack_now = true;
        if ctx.memory_low {
            *payload = Some(buf);
            outcome.discard = Some(Discard::TcpReassemblyFull);
            return;
        }
        let limit = (self.rcv.buffer as usize * REASSEMBLY_FACTOR).max(REASSEMBLY_LEAST);
        let reassembly = common.rare_mut().reassembly.get_or_insert_default();
        match reassembly.insert(ctx.pool, seq, buf, limit) {
            Ok(()) => {
                self.rcv.gap = true;
                if let Some((start, end)) = reassembly.take_duplicate() {
                    self.report_duplicate(common, start, end);
                }
            }
            Err(buf) => {
                *payload = Some(buf);
                outcome.discard = Some(Discard::TcpReassemblyFull);
            }
        }
    }

    /// In-order data came while something was held: what follows it is delivered, and the FIN if it was waiting.
    #[cold]
    fn close_gap(&mut self, common: &mut Common, ctx: &mut Context<'_>, outcome: &mut Outcome) {
        // RFC 5681, Section 4.2: a segment that fills a gap is acknowledged at once.
        self.rcv.ack_now = true;
        let Some(rare) = common.rare.as_mut() else { return };
        let mut empty = true;
        let mut duplicate = None;
        if let Some(reassembly) = rare.reassembly.as_mut() {
            duplicate = reassembly.overlap(self.rcv.nxt);
            while let Some(buf) = reassembly.pop_ready(ctx.pool, self.rcv.nxt) {
                self.rcv.nxt += buf.len() as u32;
                self.rcv.queue.push(ctx.pool, buf);
            }
            empty = reassembly.is_empty();
        }
        let fin_at = rare.fin_at;
        if empty {
            rare.reassembly = None;
            self.rcv.gap = fin_at.is_some();
        }
        if let Some((start, end)) = duplicate {
            self.report_duplicate(common, start, end);
        }
        if fin_at.is_some_and(|fin_at| fin_at.le(self.rcv.nxt)) {
            self.on_fin(common, outcome);
        }
    }

    /// The peer's FIN, with everything before it received.
    fn on_fin(&mut self, common: &mut Common, outcome: &mut Outcome) {
        self.rcv.nxt += 1;
        self.rcv.edge = self.rcv.edge.max(self.rcv.nxt);
        self.rcv.gap = false;
        // RFC 9293, Section 3.10.7.4, eighth check: the FIN is acknowledged; it is the last, so at once.
        self.rcv.ack_now = true;
        if let Some(rare) = common.rare.as_mut() {
            rare.fin_at = None;
        }
        outcome.events.insert(Events::END_OF_STREAM);
        self.go(Event::Fin);
        if self.snd.state == TcpState::TimeWait {
            outcome.end = Some(End::TimeWait(self.time_wait(common)));
        }
    }
}
