//! A segment in the SYN-RECEIVED of a simultaneous open (RFC 9293, Section 3.10.7.4).

use crate::buffer::Buf;
use crate::tcp::connection::{Connection, Context};
use crate::tcp::error::{CloseReason, ConnectError};
use crate::tcp::handshake::Handshake;
use crate::tcp::options;
use crate::tcp::outcome::{Events, Outcome, Reset};
use crate::tcp::state::Phase;
use crate::telemetry::Discard;
use crate::wire::TcpHeader;

impl Connection {
    pub(in crate::tcp) fn on_segment_syn_received(
        &mut self,
        ctx: &mut Context<'_>,
        header: &TcpHeader,
        payload: &mut Option<Buf>,
    ) -> Outcome {
        let Phase::SynReceived(syn) = &mut self.phase else { return Outcome::NONE };
        let flags = header.flags;
        let window = u32::from(options::syn_window(ctx.settings.receive_window));
        let again = flags.syn() && header.seq == syn.irs;
        let rcv_nxt = syn.irs + 1;
        if flags.rst() {
            // RFC 5961, Section 3.2: exactly at RCV.NXT it counts, and the active open is refused; elsewhere in the window it is
            // challenged.
            return if header.seq == rcv_nxt {
                let by = self.common.flow.remote;
                Outcome::closed(CloseReason::Connect(ConnectError::Refused { by }))
            } else if header.seq.in_window(rcv_nxt, window) {
                self.challenge_syn_received(ctx, Discard::TcpResetInexact)
            } else {
                Outcome::discard(Discard::TcpOutOfWindow)
            };
        }
        if again && !flags.ack() {
            // The peer's SYN again: our SYN-ACK was lost.
            syn.pending = true;
            return Outcome::discard(Discard::TcpDuplicate);
        }
        if flags.syn() && !again {
            // After an active open as in a synchronized state (RFC 9293, Section 3.10.7.4, fourth check; RFC 5961, Section 4.2).
            return self.challenge_syn_received(ctx, Discard::TcpSynInWindow);
        }
        let occupied = payload.as_ref().map_or(0, Buf::len) as u32 + u32::from(flags.fin());
        let ends = header.seq + occupied.saturating_sub(1);
        if !again && !header.seq.in_window(rcv_nxt, window.max(1)) && !ends.in_window(rcv_nxt, window.max(1))
        {
            // RFC 9293, Section 3.10.7.4, first check.
            return self.challenge_syn_received(ctx, Discard::TcpOutOfWindow);
        }
        if !flags.ack() {
            return Outcome::discard(Discard::TcpNoAck);
        }
        if header.ack != syn.iss + 1 {
            let outcome = Outcome::discard(Discard::TcpAckUnacceptable);
            return outcome.with_reset(Reset::answer(header));
        }
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

    /// An ACK that says where we are, for a segment that goes no further (RFC 5961, Section 7, limits them).
    #[cold]
    fn challenge_syn_received(&mut self, ctx: &Context<'_>, discard: Discard) -> Outcome {
        if self.common.rare_mut().may_challenge(ctx) {
            if let Phase::SynReceived(syn) = &mut self.phase {
                syn.ack_pending = true;
            }
        }
        Outcome::discard(discard)
    }
}
