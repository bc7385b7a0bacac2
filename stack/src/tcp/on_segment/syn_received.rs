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
        if flags.rst() {
            // RFC 5961, Section 3.2: exactly at RCV.NXT. The active open is refused.
            if header.seq != syn.irs + 1 {
                return Outcome::discard(Discard::TcpResetInexact);
            }
            let by = self.common.flow.remote;
            return Outcome::closed(CloseReason::Connect(ConnectError::Refused { by }));
        }
        if again && !flags.ack() {
            // The peer's SYN again: our SYN-ACK was lost.
            syn.pending = true;
            return Outcome::discard(Discard::TcpDuplicate);
        }
        if flags.syn() && !again {
            return Outcome::discard(Discard::TcpSynInWindow);
        }
        if !flags.ack() {
            return Outcome::discard(Discard::TcpNoAck);
        }
        if header.ack != syn.iss + 1 {
            let outcome = Outcome::discard(Discard::TcpAckUnacceptable);
            return outcome.with_reset(Reset::answer(header));
        }
        if !again && !header.seq.in_window(syn.irs + 1, window.max(1)) {
            syn.pending = true;
            return Outcome::discard(Discard::TcpOutOfWindow);
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
}
