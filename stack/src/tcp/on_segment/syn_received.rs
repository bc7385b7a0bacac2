//! A segment in the SYN-RECEIVED of a simultaneous open (RFC 9293, Section 3.10.7.4).

use crate::buffer::Buf;
use crate::tcp::connection::{Connection, Context};
use crate::tcp::error::{CloseReason, ConnectError};
use crate::tcp::handshake::Handshake;
use crate::tcp::outcome::{Events, Outcome, Reset};
use crate::tcp::state::{Phase, SynReceived};
use crate::tcp::{options, timestamps};
use crate::telemetry::Discard;
use crate::wire::TcpHeader;

impl Connection {
    pub(in crate::tcp) fn on_segment_syn_received(
        &mut self,
        ctx: &mut Context<'_>,
        header: &TcpHeader,
        payload: &mut Option<Buf>,
    ) -> Outcome {
        if let Err(outcome) = self.check_syn_received(ctx, header) {
            return outcome;
        }
        let Phase::SynReceived(syn) = &mut self.phase else { return Outcome::NONE };
        let again = header.flags.syn();
        let peer = syn.peer;
        // RFC 7323, Section 2.2: the window of a SYN or SYN-ACK is never scaled.
        let scale = if again { 0 } else { peer.window_scale.unwrap_or(0) };
        let (queue, shutdown) = (core::mem::take(&mut syn.queue), syn.shutdown);
        let receive_max = self.common.receive_max(ctx.settings);
        let handshake = Handshake {
            flow: self.common.flow,
            iss: syn.iss,
            irs: syn.irs,
            peer,
            our_window_scale: peer.window_scale.map_or(0, |_| options::window_scale_for(receive_max)),
            our_window: u32::from(options::syn_window(ctx.settings.receive_window.min(receive_max))),
            peer_window: u32::from(header.window) << scale,
            ts_offset: self.common.ts_offset,
            retransmitted: syn.tries > 1,
            rtt_us: None,
        };
        self.establish(ctx, &handshake, queue);
        let mut outcome = Outcome { events: Events::OPEN, ..Outcome::NONE };
        if let Phase::Synchronized(s) = &mut self.phase {
            if again {
                s.rcv.ack_now = true;
                s.update_timer(&self.common, ctx);
            } else {
                // The rest of the segment counts as in ESTABLISHED.
                let rest = s.on_segment(&mut self.common, ctx, header, payload);
                outcome = Outcome { events: outcome.events.with(rest.events), ..rest };
            }
        }
        if shutdown {
            self.shutdown(ctx);
        }
        outcome
    }

    /// The checks up to the acknowledgment, in the order of RFC 9293, Section 3.10.7.4. What passes completes the handshake: a
    /// segment behind the peer's SYN, or that SYN again with our acknowledgment.
    fn check_syn_received(&mut self, ctx: &Context<'_>, header: &TcpHeader) -> Result<(), Outcome> {
        let receive_max = self.common.receive_max(ctx.settings);
        let Phase::SynReceived(syn) = &mut self.phase else { return Err(Outcome::NONE) };
        let flags = header.flags;
        let (rcv_nxt, acks) = (syn.irs + 1, flags.ack() && header.ack == syn.iss + 1);
        let window = u32::from(options::syn_window(ctx.settings.receive_window.min(receive_max)));
        let in_window = header.seq.in_window(rcv_nxt, window.max(1));
        let again = flags.syn() && header.seq == syn.irs;
        let age = ctx.now.since(syn.started_at);
        let stamps = (syn.peer.ts_recent, header.options.timestamps);
        let challenged = match (flags.rst(), stamps) {
            // RFC 5961, Section 3.2: exactly at RCV.NXT. The active open is refused.
            (true, _) if header.seq == rcv_nxt => {
                let by = self.common.flow.remote;
                return Err(Outcome::closed(CloseReason::Connect(ConnectError::Refused { by })));
            }
            (true, _) if in_window => Discard::TcpResetInexact,
            (true, _) => return Err(Outcome::discard(Discard::TcpOutOfWindow)),
            // The peer's SYN again: our SYN-ACK was lost, or crossed it.
            (false, _) if again && !flags.ack() => {
                syn.take_timestamp(header);
                syn.pending = true;
                return Err(Outcome::discard(Discard::TcpDuplicate));
            }
            (false, _) if again && acks => {
                syn.take_timestamp(header);
                return Ok(());
            }
            // Fourth check: after an active open as in synchronized states (RFC 5961, Section 4.2).
            (false, _) if flags.syn() => Discard::TcpSynInWindow,
            // RFC 7323, Sections 3.2 and 5.3, R1.
            (false, (Some(_), None)) => return Err(Outcome::discard(Discard::TcpMissingTimestamp)),
            (false, (Some(recent), Some(seen))) if timestamps::paws_reject(seen.value, recent, age) => {
                Discard::TcpPaws
            }
            // First check: before the acknowledgment is looked at, so that an old duplicate gets an ACK and not an RST.
            (false, _) if !in_window => Discard::TcpOutOfWindow,
            (false, _) if !flags.ack() => return Err(Outcome::discard(Discard::TcpNoAck)),
            (false, _) if !acks => {
                // Fifth check.
                let outcome = Outcome::discard(Discard::TcpAckUnacceptable);
                return Err(outcome.with_reset(Reset::answer(header)));
            }
            (false, _) => return Ok(()),
        };
        // RFC 5961, Section 7: within the limit of this connection.
        if self.common.rare_mut().may_challenge(ctx) {
            syn.challenge = true;
        }
        Err(Outcome::discard(challenged))
    }
}

impl SynReceived {
    /// The peer's SYN came again: what it was stamped with then is what the SYN-ACK echoes (RFC 7323, Section 4.3, step 2).
    /// An old duplicate of it leaves the newer value.
    fn take_timestamp(&mut self, header: &TcpHeader) {
        if let (Some(recent), Some(seen)) = (&mut self.peer.ts_recent, header.options.timestamps) {
            if (seen.value.wrapping_sub(*recent) as i32) > 0 {
                *recent = seen.value;
            }
        }
    }
}
