//! A segment in SYN-SENT (RFC 9293, Section 3.10.7.3).

use crate::buffer::Buf;
use crate::tcp::connection::{Connection, Context};
use crate::tcp::error::{CloseReason, ConnectError};
use crate::tcp::handshake::Handshake;
use crate::tcp::options;
use crate::tcp::outcome::{Events, Outcome, Reset};
use crate::tcp::state::{Phase, SynReceived};
use crate::telemetry::Discard;
use crate::wire::TcpHeader;

impl Connection {
    pub(in crate::tcp) fn on_segment_syn_sent(
        &mut self,
        ctx: &mut Context<'_>,
        header: &TcpHeader,
        payload: &mut Option<Buf>,
    ) -> Outcome {
        let Phase::SynSent(syn) = &mut self.phase else { return Outcome::NONE };
        let flags = header.flags;
        let sent = syn.tries > 0 && !(syn.tries == 1 && syn.pending);
        let acks_syn = flags.ack() && sent && header.ack == syn.iss + 1;
        if flags.ack() && !acks_syn {
            // First check: an ACK of something else gets an RST that its sender believes.
            let outcome = Outcome::discard(Discard::TcpAckUnacceptable);
            return if flags.rst() { outcome } else { outcome.with_reset(Reset::answer(header)) };
        }
        if flags.rst() {
            // Second check; without an ACK of our SYN anybody could have sent it.
            if !acks_syn {
                return Outcome::discard(Discard::TcpResetInexact);
            }
            let by = self.common.flow.remote;
            return Outcome::closed(CloseReason::Connect(ConnectError::Refused { by }));
        }
        if !flags.syn() {
            return Outcome::discard(Discard::TcpNoAck);
        }
        let peer = options::accept_offer(&header.options, ctx.settings);
        let queue = core::mem::take(&mut syn.queue);
        if !acks_syn {
            // A SYN of the peer's own: simultaneous open. Data on it is not taken; it will be sent again.
            self.phase = Phase::SynReceived(SynReceived {
                iss: syn.iss,
                irs: header.seq,
                peer,
                tries: syn.tries.max(1),
                pending: true,
                challenge: false,
                started_at: syn.started_at,
                retry_at: syn.retry_at.min(ctx.now + ctx.settings.initial_rto),
                queue,
                shutdown: syn.shutdown,
            });
            return Outcome::NONE;
        }
        let retransmitted = syn.tries > 1;
        let shutdown = syn.shutdown;
        let receive_max = self.common.receive_max(ctx.settings);
        let rtt = ctx.now.since(syn.sent_at).as_micros();
        let handshake = Handshake {
            flow: self.common.flow,
            iss: syn.iss,
            irs: header.seq,
            peer,
            our_window_scale: peer.window_scale.map_or(0, |_| options::window_scale_for(receive_max)),
            our_window: u32::from(options::syn_window(ctx.settings.receive_window.min(receive_max))),
            // RFC 7323, Section 2.2: the window of a SYN is never scaled.
            peer_window: u32::from(header.window),
            ts_offset: self.common.ts_offset,
            retransmitted,
            rtt_us: (!retransmitted).then(|| rtt.min(u128::from(u32::MAX)) as u32),
        };
        self.establish(ctx, &handshake, queue);
        let mut outcome = Outcome { events: Events::OPEN, ..Outcome::NONE };
        if let Phase::Synchronized(s) = &mut self.phase {
            s.rcv.ack_now = true;
            if header.flags.fin() || payload.as_ref().is_some_and(|buf| !buf.is_empty()) {
                s.on_text(&mut self.common, ctx, header, payload, &mut outcome);
            }
            s.update_timer(&self.common, ctx);
        }
        if shutdown {
            self.shutdown(ctx);
        }
        outcome
    }
}
