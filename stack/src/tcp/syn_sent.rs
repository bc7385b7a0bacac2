//! The active open: SYNs, their schedule, and what ends it.

use super::connection::{Connection, Context};
use super::error::{CloseReason, ConnectError};
use super::options::{self, Options};
use super::outcome::{Outcome, Outgoing};
use super::state::{Common, Phase, SynSent};
use super::timestamps;
use crate::base::Instant;
use crate::buffer::SendQueue;
use crate::settings;
use crate::wire::{FlowKey, SeqNum, TcpFlags, TcpHeader, TcpOptions, Timestamps};
use core::time::Duration;

/// How long the answer to SYN number `n` (from 1) is waited for: the first time-out doubled for each one before (RFC 6298,
/// Section 5.5), at most the largest.
fn syn_wait(settings: &settings::Tcp, n: u32) -> Duration {
    let doubled =
        1_u32.checked_shl(n.saturating_sub(1)).map(|times| settings.initial_rto.saturating_mul(times));
    doubled.unwrap_or(settings.max_rto).min(settings.max_rto)
}

/// The longest that a connect can take once the neighbour is known: the sum of the schedule of the SYNs.
pub fn connect_bound(settings: &settings::Tcp) -> Duration {
    // Beyond the 32nd every wait is the largest.
    let each = (1..=settings.syn_retries.min(32) + 1).map(|n| syn_wait(settings, n));
    let rest = settings.max_rto.saturating_mul(settings.syn_retries.saturating_sub(32));
    each.fold(rest, Duration::saturating_add)
}

impl Connection {
    /// SYN-SENT. Nothing is sent and no time runs before [`start`](Self::start): the neighbour may have to be found first.
    /// `our_mss`: the largest segment that we announce.
    #[allow(clippy::too_many_arguments, reason = "all that an active open is made of")]
    pub fn connect(
        flow: FlowKey,
        iss: SeqNum,
        ts_offset: u32,
        our_mss: u16,
        options: &Options,
        settings: &settings::Tcp,
        now: Instant,
    ) -> Self {
        let phase = Phase::SynSent(SynSent {
            iss,
            tries: 0,
            pending: false,
            started_at: now,
            sent_at: now,
            retry_at: Instant::FAR_FUTURE,
            queue: SendQueue::new(),
            shutdown: false,
        });
        Self { common: Common::new(flow, our_mss, ts_offset, options, settings, now), phase }
    }

    /// The neighbour is known: the SYN goes out and its time-out runs.
    pub fn start(&mut self, ctx: &mut Context<'_>) {
        let Phase::SynSent(syn) = &mut self.phase else { return };
        if syn.tries > 0 {
            return;
        }
        syn.started_at = ctx.now;
        syn.tries = 1;
        syn.pending = true;
        let give_up_at = ctx.now + self.common.user_timeout(ctx.settings);
        syn.retry_at = (ctx.now + syn_wait(ctx.settings, 1)).min(give_up_at);
    }

    /// The time-out of a SYN, or of a SYN-ACK in a simultaneous open.
    pub(super) fn on_syn_timer(&mut self, ctx: &mut Context<'_>) -> Outcome {
        let (tries, pending, started_at, retry_at) = match &mut self.phase {
            Phase::SynSent(syn) => (&mut syn.tries, &mut syn.pending, syn.started_at, &mut syn.retry_at),
            Phase::SynReceived(syn) => (&mut syn.tries, &mut syn.pending, syn.started_at, &mut syn.retry_at),
            Phase::Synchronized(_) | Phase::Closed => return Outcome::NONE,
        };
        if ctx.now < *retry_at {
            return Outcome::NONE;
        }
        let over = ctx.now.since(started_at);
        let user_timeout = self.common.user_timeout(ctx.settings);
        if *tries > ctx.settings.syn_retries || over >= user_timeout {
            let (to, soft) = (self.common.flow.remote, self.common.soft());
            let error = ConnectError::TimedOut { to, syns: *tries, over, soft };
            return Outcome::closed(CloseReason::Connect(error));
        }
        *tries += 1;
        *pending = true;
        *retry_at = (ctx.now + syn_wait(ctx.settings, *tries)).min(started_at + user_timeout);
        Outcome::NONE
    }

    /// The SYN, or the SYN-ACK of a simultaneous open, where one waits.
    pub(super) fn poll_syn(&mut self, ctx: &mut Context<'_>) -> Option<Outgoing> {
        let receive_max = self.common.receive_max(ctx.settings);
        let (ts_offset, our_mss) = (self.common.ts_offset, self.common.our_mss);
        let mut header = TcpHeader {
            src_port: self.common.flow.local.port,
            dst_port: self.common.flow.remote.port,
            flags: TcpFlags::SYN,
            window: options::syn_window(ctx.settings.receive_window.min(receive_max)),
            options: options::syn_offer(our_mss, receive_max, ts_offset, ctx.settings, ctx.now),
            ..TcpHeader::default()
        };
        match &mut self.phase {
            Phase::SynSent(syn) if syn.pending => {
                syn.pending = false;
                syn.sent_at = ctx.now;
                header.seq = syn.iss;
            }
            Phase::SynReceived(syn) if syn.pending => {
                syn.pending = false;
                // It says all that a challenge ACK would.
                syn.challenge = false;
                header.seq = syn.iss;
                header.ack = syn.irs + 1;
                header.flags = TcpFlags::SYN.with(TcpFlags::ACK);
                // RFC 7323, Section 1.3; RFC 2018, Section 2: our SYN offered them; the SYN-ACK says what is agreed.
                header.options.window_scale = header
                    .options
                    .window_scale
                    .and(syn.peer.window_scale.map(|_| options::window_scale_for(receive_max)));
                header.options.sack_permitted &= syn.peer.sack;
                header.options.timestamps = header
                    .options
                    .timestamps
                    .and_then(|own| syn.peer.ts_recent.map(|echo| Timestamps { echo, ..own }));
            }
            Phase::SynReceived(syn) if syn.challenge => {
                syn.challenge = false;
                // RFC 5961, Section 4.2: <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>. Only the window of a SYN is not scaled (RFC 7323,
                // Section 2.2).
                header.seq = syn.iss + 1;
                header.ack = syn.irs + 1;
                header.flags = TcpFlags::ACK;
                let scale = syn.peer.window_scale.map_or(0, |_| options::window_scale_for(receive_max));
                header.window >>= scale;
                let stamps = syn
                    .peer
                    .ts_recent
                    .map(|echo| Timestamps { value: timestamps::clock(ctx.now, ts_offset), echo });
                header.options = TcpOptions { timestamps: stamps, ..TcpOptions::default() };
            }
            Phase::SynSent(_) | Phase::SynReceived(_) | Phase::Synchronized(_) | Phase::Closed => {
                return None;
            }
        }
        Some(Outgoing { header, offset: 0, len: 0, segment_size: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_of_a_connect_is_the_sum_of_its_schedule() {
        let settings = settings::Tcp::default();
        assert_eq!(connect_bound(&settings), Duration::from_secs(1 + 2 + 4 + 8 + 16 + 32 + 60));
        let two = settings::Tcp { syn_retries: 2, initial_rto: Duration::from_secs(3), ..settings.clone() };
        assert_eq!(connect_bound(&two), Duration::from_secs(3 + 6 + 12));
        let endless = settings::Tcp { syn_retries: 255, ..settings };
        assert_eq!(connect_bound(&endless), Duration::from_secs(63 + 250 * 60));
    }
}
