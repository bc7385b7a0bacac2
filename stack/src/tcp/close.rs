//! The ways an application ends a connection (RFC 9293, Section 3.6, 3.10.4 and 3.10.5).

use super::connection::{Connection, Context};
use super::error::CloseReason;
use super::outcome::{Outcome, Reset};
use super::stamp::Stamp;
use super::state::{Fin, Phase, TcpState};
use super::timestamps;
use super::transition::Event;
use crate::wire::Timestamps;
use core::time::Duration;

impl Connection {
    /// The application has nothing more to send: FIN after what is queued. Reading goes on.
    pub fn shutdown(&mut self, ctx: &mut Context<'_>) {
        match &mut self.phase {
            // RFC 9293, Section 3.10.4 lets a CLOSE here delete the connection; `close` does. A half-close keeps what is queued.
            Phase::SynSent(syn) => syn.shutdown = true,
            Phase::SynReceived(syn) => syn.shutdown = true,
            Phase::Synchronized(s) if s.snd.state.may_send() => {
                s.go(Event::Close);
                s.snd.fin = Fin::Queued;
                if s.snd.flight() == 0 && s.snd.queue.is_empty() {
                    s.snd.progress_at = Stamp::new(ctx.now);
                }
                s.update_timer(&self.common, ctx);
            }
            Phase::Synchronized(_) | Phase::Closed => {}
        }
    }

    /// The application is gone.
    ///
    /// Data that it has not read makes it an RST, so that the peer learns that its data is lost (RFC 9293, Section 3.10.4;
    /// RFC 2525, Section 2.17), and so does a linger time of zero. Otherwise what is queued and the FIN are delivered in the
    /// background: the connection is an orphan, bounded by the user timeout, the FIN-WAIT-2 time and the linger time.
    pub fn close(&mut self, ctx: &mut Context<'_>) -> Outcome {
        let linger = self.common.rare.as_ref().and_then(|rare| rare.linger);
        let unread = match &self.phase {
            Phase::Synchronized(s) => s.rcv.queue.len() + s.rcv.popped as usize > 0,
            Phase::SynReceived(_) => false,
            // RFC 9293, Section 3.10.4, SYN-SENT: the connection is deleted.
            Phase::SynSent(_) => return self.finish(ctx, Outcome::closed(CloseReason::Aborted)),
            Phase::Closed => return Outcome::NONE,
        };
        if self.common.orphan || self.state() == TcpState::Closed {
            return Outcome::NONE;
        }
        if unread || linger == Some(Duration::ZERO) {
            return self.abort(ctx);
        }
        self.common.orphan = true;
        if let Some(linger) = linger {
            self.common.rare_mut().linger_at = Some(ctx.now + linger);
        }
        self.shutdown(ctx);
        if let Phase::Synchronized(s) = &mut self.phase {
            s.update_timer(&self.common, ctx);
        }
        Outcome::NONE
    }

    /// Ends it at once: the peer gets RST where it may not know yet that both sides are done (RFC 9293, Section 3.10.5).
    pub fn abort(&mut self, ctx: &mut Context<'_>) -> Outcome {
        let outcome = match &self.phase {
            Phase::SynSent(_) => Outcome::closed(CloseReason::Aborted),
            Phase::SynReceived(syn) => {
                let timestamps = syn.peer.ts_recent.map(|echo| {
                    let value = timestamps::clock(ctx.now, self.common.ts_offset);
                    Timestamps { value, echo }
                });
                let reset = Reset { seq: syn.iss + 1, ack: Some(syn.irs + 1), timestamps };
                Outcome::closed(CloseReason::Aborted).with_reset(reset)
            }
            Phase::Synchronized(s) => {
                let reset = s.reset(&self.common, ctx);
                let closed = Outcome::closed(CloseReason::Aborted);
                match s.snd.state {
                    TcpState::Established | TcpState::FinWait1 | TcpState::FinWait2 => {
                        closed.with_reset(reset)
                    }
                    TcpState::CloseWait | TcpState::SynReceived => closed.with_reset(reset),
                    TcpState::Closing | TcpState::LastAck | TcpState::SynSent | TcpState::Listen => closed,
                    TcpState::TimeWait | TcpState::Closed => return Outcome::NONE,
                }
            }
            Phase::Closed => return Outcome::NONE,
        };
        self.finish(ctx, outcome)
    }
}
