//! A segment for a half-open connection: RFC 9293, Section 3.10.7.4, for SYN-RECEIVED after a passive open, with RFC 5961's
//! checks.

use super::half_open::{HalfOpen, HalfOpenId};
use super::{Admission, Backlog, HalfOpenOutcome, Reply, Syn, Verdict};
use crate::base::Instant;
use crate::tcp::{Handshake, PeerOptions};
use crate::telemetry::Discard;
use crate::wire::{SeqNum, TcpHeader};

/// What the checks say, before anything is changed.
enum Check {
    /// The third ACK, or what counts as it.
    Acceptable,
    /// The SYN that made the entry.
    SynAgain,
    /// RST exactly at RCV.NXT.
    Reset,
    /// To be answered by an ACK that says where we are.
    Challenge(Discard),
    /// To be answered by RST.
    Wrong,
    Drop(Discard),
}

impl Admission {
    /// A segment for the half-open connection `id`, whose listener has `backlog`.
    pub fn on_segment(
        &mut self,
        now: Instant,
        id: HalfOpenId,
        backlog: &mut Backlog,
        header: &TcpHeader,
        payload_len: usize,
    ) -> HalfOpenOutcome {
        let Some(entry) = self.store.get(id) else {
            return HalfOpenOutcome::Drop(Discard::SynAckMismatch);
        };
        match check(entry, u32::from(self.offer.window), header, payload_len) {
            Check::Acceptable => self.complete(now, id, backlog, header),
            Check::SynAgain if backlog.is_full() => HalfOpenOutcome::Drop(Discard::SynBacklogFull),
            Check::SynAgain => self.answer_again(now, id, header.options.timestamps.map(|ts| ts.value)),
            Check::Reset => {
                self.counters.reset += 1;
                self.take(id);
                self.update(now);
                HalfOpenOutcome::Gone(Discard::SynResetHalfOpen)
            }
            Check::Challenge(discard) => self.challenge(now, id, discard),
            Check::Wrong => HalfOpenOutcome::Reset(Discard::SynAckMismatch),
            Check::Drop(discard) => HalfOpenOutcome::Drop(discard),
        }
    }

    /// A SYN for a flow that is half-open.
    pub(super) fn on_repeated_syn(
        &mut self,
        now: Instant,
        id: HalfOpenId,
        backlog: &Backlog,
        syn: &Syn,
    ) -> Verdict {
        let same = self.store.get(id).is_some_and(|entry| entry.irs == syn.seq);
        let outcome = if !same {
            self.challenge(now, id, Discard::TcpSynInWindow)
        } else if backlog.is_full() {
            HalfOpenOutcome::Drop(Discard::SynBacklogFull)
        } else {
            if let Some(entry) = self.store.get_mut(id) {
                entry.reply_mac = syn.reply_mac;
            }
            self.answer_again(now, id, syn.options.timestamps.map(|ts| ts.value))
        };
        match outcome {
            HalfOpenOutcome::Answer(reply) => Verdict::Answer { reply, id, new: false, evicted: None },
            // Back the way this SYN came: the entry may be a spoofed one, and this the peer whose address was used. Its
            // RST removes the entry, and its next SYN gets in.
            HalfOpenOutcome::Challenge(reply, discard) => {
                Verdict::Challenge(Reply { reply_mac: syn.reply_mac, ..reply }, discard)
            }
            HalfOpenOutcome::Drop(discard)
            | HalfOpenOutcome::Gone(discard)
            | HalfOpenOutcome::Reset(discard) => Verdict::Drop(discard),
            HalfOpenOutcome::Complete(_) => Verdict::Drop(Discard::SynDuplicate),
        }
    }

    /// The SYN-ACK again, one for each repeated SYN: no amplification. Its timer keeps its time.
    fn answer_again(&mut self, now: Instant, id: HalfOpenId, tsval: Option<u32>) -> HalfOpenOutcome {
        let Some(entry) = self.store.get_mut(id) else {
            return HalfOpenOutcome::Drop(Discard::SynDuplicate);
        };
        entry.answered_again(tsval);
        HalfOpenOutcome::Answer(self.offer.syn_ack_of(now, entry))
    }

    /// A challenge ACK, limited for this entry alone (RFC 5961, Section 7), so that nobody else can count them.
    fn challenge(&mut self, now: Instant, id: HalfOpenId, discard: Discard) -> HalfOpenOutcome {
        let limit = self.challenges_max;
        let Some(entry) = self.store.get_mut(id).filter(|entry| entry.challenges < limit) else {
            return HalfOpenOutcome::Drop(discard);
        };
        entry.challenges += 1;
        HalfOpenOutcome::Challenge(self.offer.challenge(now, entry), discard)
    }

    fn complete(
        &mut self,
        now: Instant,
        id: HalfOpenId,
        backlog: &mut Backlog,
        header: &TcpHeader,
    ) -> HalfOpenOutcome {
        let Some(entry) = self.store.get_mut(id) else {
            return HalfOpenOutcome::Drop(Discard::SynAckMismatch);
        };
        if backlog.is_full() {
            // The peer is real: its entry stays until there is room, or until its time is over.
            entry.proven = true;
            return HalfOpenOutcome::Drop(Discard::SynBacklogFull);
        }
        let retransmitted = entry.retransmitted();
        let (flow, iss, irs, ts_offset) = (entry.flow, entry.iss, entry.irs, entry.ts_offset);
        let (agreed, proven) = (entry.agreed(), entry.proven);
        let sent_at = self.store.get(id).and_then(|entry| self.store.sent_at(entry));
        // RFC 7323, Section 4.3: the TSval counts where the segment begins at the left edge; `check` saw that it is not old.
        let tsval = header.options.timestamps.map(|ts| ts.value).filter(|_| header.seq == irs + 1);
        // A SYN-ACK that was sent more than once, or an ACK that was not the first, measures nothing (RFC 6298, Section 3).
        let measured = sent_at.filter(|_| !retransmitted && !proven);
        let handshake = Handshake {
            flow,
            iss,
            irs,
            peer: PeerOptions {
                mss: agreed.peer_mss,
                window_scale: agreed.scale,
                sack: agreed.sack,
                ts_recent: agreed.ts_recent.map(|recent| tsval.unwrap_or(recent)),
            },
            our_window_scale: self.offer.our_scale(agreed.scale),
            our_window: u32::from(self.offer.window),
            peer_window: u32::from(header.window) << agreed.scale.unwrap_or(0),
            ts_offset,
            retransmitted,
            rtt_us: measured.map(|sent| u32::try_from(now.since(sent).as_micros()).unwrap_or(u32::MAX)),
        };
        self.counters.completed += 1;
        self.take(id);
        self.update(now);
        HalfOpenOutcome::Complete(handshake)
    }
}

/// The steps of RFC 9293, Section 3.10.7.4, in their order.
fn check(entry: &HalfOpen, window: u32, header: &TcpHeader, payload_len: usize) -> Check {
    let (flags, rcv_nxt) = (header.flags, entry.irs + 1);
    // Second step, for RST, with RFC 5961, Section 3.2. Its sequence number is checked here and not by the first step, which
    // would answer some of them.
    if flags.rst() {
        return if header.seq == rcv_nxt {
            Check::Reset
        } else if header.seq.in_window(rcv_nxt, window) {
            Check::Challenge(Discard::TcpResetInexact)
        } else {
            Check::Drop(Discard::TcpOutOfWindow)
        };
    }
    // Fourth step. The SYN that made the entry, again: the first step would call it unacceptable and answer with an ACK; the
    // SYN-ACK is that, and tells the peer what it waits for. RFC 9293 lets any other SYN return the entry to LISTEN; a challenge
    // ACK instead keeps a forged one from doing so, and a peer that restarted answers it with the exact RST.
    if flags.syn() {
        let again = header.seq == entry.irs && !flags.ack();
        return if again { Check::SynAgain } else { Check::Challenge(Discard::TcpSynInWindow) };
    }
    // RFC 7323, Sections 3.2 and 5.3, R1. The entry lives for minutes at most: `ts_recent` cannot be too old to count.
    if let Some(recent) = entry.agreed().ts_recent {
        let Some(ts) = header.options.timestamps else { return Check::Drop(Discard::TcpMissingTimestamp) };
        if (ts.value.wrapping_sub(recent) as i32) < 0 {
            return Check::Challenge(Discard::TcpPaws);
        }
    }
    // First step.
    if !acceptable(header.seq, rcv_nxt, window, payload_len, flags.fin()) {
        return Check::Challenge(Discard::TcpOutOfWindow);
    }
    // Fifth step: SND.UNA < SEG.ACK =< SND.NXT leaves one number.
    if !flags.ack() {
        Check::Drop(Discard::TcpNoAck)
    } else if header.ack == entry.iss + 1 {
        Check::Acceptable
    } else {
        Check::Wrong
    }
}

/// RFC 9293, Table 6.
fn acceptable(seq: SeqNum, rcv_nxt: SeqNum, window: u32, payload_len: usize, fin: bool) -> bool {
    // A segment is shorter than 2¹⁶ bytes, whatever the caller says.
    let len = u32::try_from(payload_len).unwrap_or(u32::MAX).min(0xffff) + u32::from(fin);
    if window == 0 {
        // Special allowance for valid ACKs: its data is trimmed by the connection, which knows the window.
        return seq == rcv_nxt;
    }
    seq.in_window(rcv_nxt, window) || (len > 0 && (seq + (len - 1)).in_window(rcv_nxt, window))
}
