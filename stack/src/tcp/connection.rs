//! One connection: how it begins, and where each input goes.

use super::congestion::Control;
use super::icmp::IcmpError;
use super::options::{MIN_MSS, Options, PacketOptions};
use super::outcome::{End, Events, Outcome, Reset};
use super::rtt::Rtt;
use super::stamp::{CoarseStamp, Stamp};
use super::state::{Common, Fin, Flags, Mode, Phase, Rcv, Snd, Synchronized, TcpState, Timer};
use super::transition::{self, Event};
use super::{CloseReason, ConnectError, Handshake, keepalive, timestamps, window};
use crate::base::Instant;
use crate::buffer::{Buf, Pool, ReceiveQueue, SendQueue};
use crate::settings;
use crate::telemetry::Discard;
use crate::wire::{FlowKey, TcpHeader, Timestamps};

/// Segments that are acknowledged at once when a connection begins, so that the peer's slow start is not slowed.
const QUICK_ACKS: u8 = 8;

/// What a connection needs of its shard for the time of one call.
#[derive(Debug)]
pub struct Context<'a> {
    /// Now.
    pub now: Instant,
    /// The settings of the stack.
    pub settings: &'a settings::Tcp,
    /// The shard's buffers.
    pub pool: &'a mut Pool,
    /// The memory budget is nearly used up: windows stop growing and data out of order is refused. A window's right edge
    /// stays where it was promised all the same.
    pub memory_low: bool,
}

/// One TCP connection (RFC 9293), without sockets, clock or randomness.
///
/// Whoever owns it calls an input (`on_segment`, `on_timer`, the application's calls), then [`poll_transmit`] until it
/// gives nothing, and arms a timer for [`deadline`]. An [`Outcome`] with an `end` is the last one that means anything.
///
/// [`poll_transmit`]: Connection::poll_transmit
/// [`deadline`]: Connection::deadline
#[derive(Debug)]
pub struct Connection {
    pub(super) common: Common,
    pub(super) phase: Phase,
}

// The share of an idle connection in "at most 1 KiB each" (`docs`): a million of them fit into memory.
const _: () = assert!(size_of::<Connection>() <= 320);

impl Common {
    pub(super) fn new(
        flow: FlowKey,
        our_mss: u16,
        ts_offset: u32,
        options: &Options,
        settings: &settings::Tcp,
        now: Instant,
    ) -> Self {
        let mut common = Self {
            flow,
            our_mss: our_mss.max(MIN_MSS),
            nodelay: options.nodelay || !settings.nagle,
            orphan: false,
            ts_offset,
            heard_at: Stamp::new(now),
            rare: None,
        };
        common.apply(options, settings, now);
        common
    }

    /// Takes over what the application chose.
    pub(super) fn apply(&mut self, options: &Options, settings: &settings::Tcp, now: Instant) {
        self.nodelay = options.nodelay || !settings.nagle;
        let ordinary = Options { nodelay: options.nodelay, ..Options::default() };
        if self.rare.is_none() && *options == ordinary {
            return;
        }
        let rare = self.rare_mut();
        rare.user_timeout = options.user_timeout;
        rare.linger = options.linger;
        rare.receive_window_max = options.receive_window_max;
        rare.send_buffer_max = options.send_buffer_max;
        rare.cork = options.cork;
        rare.max_segment = options.max_segment;
        rare.quickack = options.quickack;
        rare.packet = options.packet_options();
        if options.tally {
            rare.tally.get_or_insert_default();
        }
        rare.keepalive = options.keepalive.then(|| keepalive::start(options.keepalive_times, settings, now));
    }
}

/// What the beginning of a connection leaves, by either open.
pub(super) struct Begin<'a> {
    pub(super) handshake: &'a Handshake,
    pub(super) queue: SendQueue,
    pub(super) settings: &'a settings::Tcp,
    pub(super) now: Instant,
    pub(super) receive_max: u32,
}

impl Synchronized {
    /// ESTABLISHED, from a completed handshake.
    pub(super) fn new(our_mss: u16, begin: Begin<'_>) -> Self {
        let Begin { handshake, queue, settings, now, receive_max } = begin;
        let Handshake { peer, iss, irs, .. } = *handshake;
        let mut rtt = Rtt::new(settings);
        if handshake.retransmitted {
            rtt.on_handshake_timeout(settings);
        } else if let Some(micros) = handshake.rtt_us {
            rtt.sample(core::time::Duration::from_micros(u64::from(micros)), settings);
        }
        let mut flags = Flags::default();
        flags.set(Flags::SACK, peer.sack);
        flags.set(Flags::TIMESTAMPS, peer.ts_recent.is_some());
        // RFC 6691: what options take comes off the payload, never off the MSS that is announced.
        let mss = peer.mss.min(our_mss).max(MIN_MSS) - flags.option_bytes();
        let snd = Snd {
            una: iss + 1,
            nxt: iss + 1,
            wnd: handshake.peer_window,
            max_wnd: handshake.peer_window,
            wl1: irs,
            timed_seq: iss + 1,
            timed_at: 0,
            queue,
            rtt,
            control: Control::new(settings, u32::from(mss), handshake.retransmitted),
            mss,
            scale: peer.window_scale.unwrap_or(0),
            dup_acks: 0,
            dup_threshold: settings.dup_ack_threshold.clamp(1, 255) as u8,
            retries: 0,
            mode: Mode::Open,
            fin: Fin::No,
            flags,
            progress_at: Stamp::new(now),
            timer: Timer::Off,
            state: TcpState::Established,
        };
        let scale = if peer.window_scale.is_some() { handshake.our_window_scale.min(14) } else { 0 };
        let rcv = Rcv {
            nxt: irs + 1,
            edge: irs + 1 + handshake.our_window,
            ts_recent: peer.ts_recent.unwrap_or(0),
            last_ack_sent: irs + 1,
            buffer: settings.receive_window.min(receive_max).max(handshake.our_window).min(0xffff << scale),
            popped: 0,
            tuned: 0,
            tuned_at: window::micros(now),
            queue: ReceiveQueue::new(),
            mss: 0,
            scale,
            quick: QUICK_ACKS,
            ack_now: false,
            gap: false,
            duplicate: false,
            ts_recent_at: CoarseStamp::new(now),
        };
        Self { timer_at: Instant::FAR_FUTURE, ack_at: Instant::FAR_FUTURE, snd, rcv }
    }

    /// The connection has left for TIME-WAIT or for good; only its owner does not know yet.
    #[inline]
    fn is_over(&self) -> bool {
        matches!(self.snd.state, TcpState::TimeWait | TcpState::Closed)
    }

    /// Closed for good: nothing is in flight, queued, owed or waited for any more.
    fn fall_silent(&mut self) {
        self.snd.state = TcpState::Closed;
        self.stop_timer();
        self.ack_at = Instant::FAR_FUTURE;
        self.rcv.ack_now = false;
        let snd = &mut self.snd;
        snd.nxt = snd.una;
        snd.fin = Fin::No;
        snd.mode = Mode::Open;
        snd.flags.set(Flags::HEAD.with(Flags::PROBE).with(Flags::PROBING), false);
    }

    /// Moves to the state after `event`.
    pub(super) fn go(&mut self, event: Event) {
        if let Some(state) = transition::next(self.snd.state, event) {
            self.snd.state = state;
        }
    }
}

impl Connection {
    /// ESTABLISHED, from a passive handshake that admission completed. `our_mss`: the largest segment that we announced.
    pub fn from_handshake(
        handshake: &Handshake,
        our_mss: u16,
        options: &Options,
        settings: &settings::Tcp,
        now: Instant,
    ) -> Self {
        let common = Common::new(handshake.flow, our_mss, handshake.ts_offset, options, settings, now);
        let receive_max = options.receive_window_max(settings);
        let begin = Begin { handshake, queue: SendQueue::new(), settings, now, receive_max };
        let mut synchronized = Synchronized::new(common.our_mss, begin);
        synchronized.set_quickack(options.quickack);
        Self { common, phase: Phase::Synchronized(synchronized) }
    }

    /// A segment of this flow. `payload` holds the TCP payload alone; it is taken where its bytes are queued and left
    /// otherwise.
    pub fn on_segment(
        &mut self,
        ctx: &mut Context<'_>,
        header: &TcpHeader,
        payload: &mut Option<Buf>,
    ) -> Outcome {
        let outcome = match &mut self.phase {
            Phase::Synchronized(s) if s.is_over() => Outcome::discard(Discard::TcpNoConnection),
            Phase::Synchronized(s) => s.on_segment(&mut self.common, ctx, header, payload),
            Phase::SynSent(_) => self.on_segment_syn_sent(ctx, header, payload),
            Phase::SynReceived(_) => self.on_segment_syn_received(ctx, header, payload),
            Phase::Closed => Outcome::discard(Discard::TcpNoConnection),
        };
        self.finish(ctx, outcome)
    }

    /// The time of [`deadline`](Self::deadline) has come; harmless before.
    pub fn on_timer(&mut self, ctx: &mut Context<'_>) -> Outcome {
        let outcome = match &mut self.phase {
            Phase::Synchronized(s) => s.on_timer(&mut self.common, ctx),
            Phase::SynSent(_) | Phase::SynReceived(_) => self.on_syn_timer(ctx),
            Phase::Closed => Outcome::NONE,
        };
        self.finish(ctx, outcome)
    }

    /// Routing or the neighbour failed for good, as `error` says. It ends SYN-SENT; an established connection goes on and
    /// has its own time-outs (RFC 1122, Section 4.2.3.9).
    pub fn on_neighbor_failed(&mut self, ctx: &mut Context<'_>, error: ConnectError) -> Outcome {
        match self.phase {
            Phase::SynSent(_) => self.finish(ctx, Outcome::closed(CloseReason::Connect(error))),
            Phase::SynReceived(_) | Phase::Synchronized(_) | Phase::Closed => Outcome::NONE,
        }
    }

    /// Gives back what nobody needs any more, once there is an end.
    #[inline]
    pub(super) fn finish(&mut self, ctx: &mut Context<'_>, outcome: Outcome) -> Outcome {
        if let Some(end) = &outcome.end {
            self.give_back(ctx, end);
        }
        outcome
    }

    fn give_back(&mut self, ctx: &mut Context<'_>, end: &End) {
        match end {
            End::TimeWait(_) => self.release_sending(ctx),
            End::Closed(_) => {
                self.release_sending(ctx);
                match &mut self.phase {
                    Phase::Synchronized(s) => s.fall_silent(),
                    Phase::SynSent(_) | Phase::SynReceived(_) => self.phase = Phase::Closed,
                    Phase::Closed => {}
                }
            }
        }
    }

    fn release_sending(&mut self, ctx: &mut Context<'_>) {
        match &mut self.phase {
            Phase::SynSent(syn) => syn.queue.clear(ctx.pool),
            Phase::SynReceived(syn) => syn.queue.clear(ctx.pool),
            Phase::Synchronized(s) => s.snd.queue.clear(ctx.pool),
            Phase::Closed => {}
        }
        if let Some(rare) = &mut self.common.rare {
            if let Some(reassembly) = &mut rare.reassembly {
                reassembly.clear(ctx.pool);
            }
            rare.keepalive = None;
            rare.linger_at = None;
        }
    }

    /// Gives all buffers back to the pool; what is unread is lost. For the moment before the connection is dropped.
    pub fn release(&mut self, ctx: &mut Context<'_>) {
        self.release_sending(ctx);
        if let Phase::Synchronized(s) = &mut self.phase {
            s.rcv.queue.clear(ctx.pool);
        }
    }

    /// The state, by its RFC name.
    pub fn state(&self) -> TcpState {
        match &self.phase {
            Phase::SynSent(_) => TcpState::SynSent,
            Phase::SynReceived(_) => TcpState::SynReceived,
            Phase::Synchronized(s) => s.snd.state,
            Phase::Closed => TcpState::Closed,
        }
    }

    /// The connection's name.
    pub fn flow(&self) -> &FlowKey {
        &self.common.flow
    }

    /// Whether the application is gone.
    pub fn is_orphan(&self) -> bool {
        self.common.orphan
    }

    /// The last ICMP error that concerned the connection and did not end it.
    pub fn soft_error(&self) -> Option<IcmpError> {
        self.common.rare.as_ref().and_then(|rare| rare.soft_error)
    }

    /// Changes what the application chose, at any time.
    pub fn set_options(&mut self, ctx: &mut Context<'_>, options: &Options) {
        if matches!(self.state(), TcpState::TimeWait | TcpState::Closed) {
            return;
        }
        let was_corked = self.common.is_corked();
        let before = self.common.user_timeout(ctx.settings);
        self.common.apply(options, ctx.settings, ctx.now);
        if was_corked && !self.common.is_corked() {
            self.flush();
        }
        if let Phase::Synchronized(s) = &mut self.phase {
            s.set_quickack(options.quickack);
            s.on_user_timeout_changed(&self.common, ctx, before);
        }
    }

    /// Sends what is queued now, also what was held back; `nodelay` alone is for what comes later.
    pub fn flush(&mut self) {
        if let Phase::Synchronized(s) = &self.phase {
            s.flush(&mut self.common);
        }
    }

    /// What the application chose for the IP header of every packet.
    #[inline]
    pub fn packet_options(&self) -> PacketOptions {
        self.common.rare.as_ref().map_or_else(PacketOptions::default, |rare| rare.packet)
    }

    /// What the application chose, as far as it is kept: the times of keep-alive only while it is on, and `nodelay` also
    /// where the settings turn Nagle's algorithm off.
    pub fn options(&self) -> Options {
        let rare = self.common.rare.as_deref();
        let keepalive = rare.and_then(|rare| rare.keepalive.as_ref());
        let packet = self.packet_options();
        Options {
            nodelay: self.common.nodelay,
            keepalive: keepalive.is_some(),
            keepalive_times: keepalive.map(|keepalive| keepalive.times),
            user_timeout: rare.and_then(|rare| rare.user_timeout),
            linger: rare.and_then(|rare| rare.linger),
            receive_window_max: rare.and_then(|rare| rare.receive_window_max),
            send_buffer_max: rare.and_then(|rare| rare.send_buffer_max),
            cork: self.common.is_corked(),
            max_segment: rare.and_then(|rare| rare.max_segment),
            quickack: rare.is_some_and(|rare| rare.quickack),
            traffic_class: packet.traffic_class,
            ttl: packet.ttl,
            may_fragment: packet.may_fragment,
            tally: rare.is_some_and(|rare| rare.tally.is_some()),
        }
    }

    /// Becomes ESTABLISHED.
    pub(super) fn establish(&mut self, ctx: &mut Context<'_>, handshake: &Handshake, queue: SendQueue) {
        let receive_max = self.common.receive_max(ctx.settings);
        let begin = Begin { handshake, queue, settings: ctx.settings, now: ctx.now, receive_max };
        let mut synchronized = Synchronized::new(self.common.our_mss, begin);
        synchronized.set_quickack(self.common.rare.as_ref().is_some_and(|rare| rare.quickack));
        self.phase = Phase::Synchronized(synchronized);
    }
}

impl Common {
    /// The largest receive window.
    pub(super) fn receive_max(&self, settings: &settings::Tcp) -> u32 {
        let own = self.rare.as_ref().and_then(|rare| rare.receive_window_max);
        own.unwrap_or(settings.receive_window_max)
    }

    /// The longest time without progress.
    pub(super) fn user_timeout(&self, settings: &settings::Tcp) -> core::time::Duration {
        let own = self.rare.as_ref().and_then(|rare| rare.user_timeout);
        own.unwrap_or(settings.user_timeout)
    }

    pub(super) fn soft(&self) -> Option<IcmpError> {
        self.rare.as_ref().and_then(|rare| rare.soft_error)
    }
}

impl Events {
    /// What an application hears when the handshake is complete.
    pub(super) const OPEN: Self = Self::ESTABLISHED.with(Self::WRITABLE);
}

impl Synchronized {
    /// Our RST: RFC 9293, Section 3.10.5.
    pub(super) fn reset(&self, common: &Common, ctx: &Context<'_>) -> Reset {
        // A probe's byte lies beyond the peer's window, and so would an RST after it: RFC 5961, Section 3.2 has it dropped.
        let seq = if self.snd.flags.has(Flags::PROBING) { self.snd.una } else { self.snd.nxt };
        Reset { seq, ack: Some(self.rcv.nxt), timestamps: self.timestamps(common, ctx) }
    }

    /// The timestamps of a segment of ours, where they are agreed.
    #[inline]
    pub(super) fn timestamps(&self, common: &Common, ctx: &Context<'_>) -> Option<Timestamps> {
        let agreed = self.snd.flags.has(Flags::TIMESTAMPS);
        agreed.then(|| Timestamps {
            value: timestamps::clock(ctx.now, common.ts_offset),
            echo: self.rcv.ts_recent,
        })
    }
}
