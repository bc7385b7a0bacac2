//! What goes out next: one function decides, without changing anything.

use super::connection::{Connection, Context};
use super::outcome::Outgoing;
use super::reassembly::sack_option;
use super::retransmit::Piece;
use super::state::{Common, Fin, Flags, Mode, Phase, Synchronized, TcpState, Timer};
use super::window;
use crate::buffer::{Buf, Pool};
use crate::wire::{SackBlocks, SeqNum, TcpFlags, TcpHeader, TcpOptions};

/// The next segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    /// A retransmission.
    Again(Piece, Again),
    /// New data of this length.
    Data(u32),
    /// FIN alone.
    Fin,
    /// A window probe.
    Probe,
    /// A keep-alive probe.
    KeepAlive,
    /// An acknowledgment alone.
    Ack,
    Nothing,
}

/// Why a piece goes again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Again {
    Head,
    Lost,
    Rescue,
}

impl Connection {
    /// Whether [`poll_transmit`](Self::poll_transmit) may have something to give: where this is false it has nothing. What
    /// windows and timers allow is decided there alone, once for each segment.
    #[inline]
    pub fn may_transmit(&self) -> bool {
        match &self.phase {
            Phase::SynSent(syn) => syn.pending,
            Phase::SynReceived(syn) => syn.pending || syn.challenge,
            Phase::Synchronized(s) => !s.is_quiet(&self.common),
            Phase::Closed => false,
        }
    }

    /// The next segment to send. `max_super`: 0 without segmentation offload, else the most payload bytes of a
    /// super-segment, of which a multiple of the segment size is used.
    pub fn poll_transmit(&mut self, ctx: &mut Context<'_>, max_super: usize) -> Option<Outgoing> {
        let mut out = Outgoing::default();
        self.poll_transmit_into(ctx, max_super, &mut out).then_some(out)
    }

    /// As [`poll_transmit`](Self::poll_transmit), into `out`, all of which is overwritten where it gives true.
    #[inline]
    pub fn poll_transmit_into(
        &mut self,
        ctx: &mut Context<'_>,
        max_super: usize,
        out: &mut Outgoing,
    ) -> bool {
        match &mut self.phase {
            Phase::Synchronized(s) => s.poll_transmit(&mut self.common, ctx, max_super, out),
            Phase::SynSent(_) | Phase::SynReceived(_) => match self.poll_syn(ctx) {
                Some(syn) => {
                    *out = syn;
                    true
                }
                None => false,
            },
            Phase::Closed => false,
        }
    }

    /// Payload bytes of a full segment; 0 before the connection is established.
    #[inline]
    pub fn segment_size(&self) -> usize {
        match &self.phase {
            Phase::Synchronized(s) => usize::from(s.snd.mss),
            Phase::SynSent(_) | Phase::SynReceived(_) | Phase::Closed => 0,
        }
    }

    /// The payload of `out` in a frame with headroom, and its partial checksum; where `share`, without a copy if that can be. It
    /// belongs to the moment right after [`poll_transmit`](Self::poll_transmit) gave `out`.
    #[inline]
    pub fn payload(&mut self, pool: &mut Pool, out: &Outgoing, share: bool) -> (Buf, u32) {
        match &mut self.phase {
            Phase::Synchronized(s) if out.len > 0 => s.snd.queue.frame(pool, out.offset, out.len, share),
            Phase::SynSent(_) | Phase::SynReceived(_) | Phase::Synchronized(_) | Phase::Closed => {
                (pool.take(0), 0)
            }
        }
    }
}

impl Synchronized {
    /// Payload of a full segment while SACK blocks have to be sent along.
    #[inline]
    fn segment_payload(&self, common: &Common) -> u32 {
        let mss = u32::from(self.snd.mss);
        if !(self.rcv.gap || self.rcv.duplicate) {
            return mss;
        }
        // RFC 6691: options come off the payload. The option's 2 bytes are padded to 4.
        let blocks = self.sack_blocks(common).as_slice().len() as u32;
        mss - if blocks == 0 { 0 } else { (4 + 8 * blocks).min(mss / 2) }
    }

    fn sack_blocks(&self, common: &Common) -> SackBlocks {
        let any = self.rcv.gap || self.rcv.duplicate;
        let Some(rare) = common.rare.as_ref().filter(|_| any && self.snd.flags.has(Flags::SACK)) else {
            return SackBlocks::default();
        };
        let duplicate = rare.duplicate.filter(|_| self.rcv.duplicate);
        sack_option(
            duplicate,
            rare.reassembly.as_ref(),
            if self.snd.flags.has(Flags::TIMESTAMPS) { 3 } else { 4 },
        )
    }

    /// Whether there is nothing to send for a reason that is seen at a glance: what most calls find.
    #[inline]
    fn is_quiet(&self, common: &Common) -> bool {
        let snd = &self.snd;
        let unusual = snd.mode != Mode::Open || snd.flags.has(Flags::HEAD) || snd.flags.has(Flags::PROBE);
        let to_send = snd.unsent() > 0 || snd.fin == Fin::Queued || self.rcv.ack_now;
        !unusual && !to_send && common.rare.is_none()
    }

    #[inline]
    fn next(&self, common: &Common, max_super: u32) -> Next {
        let snd = &self.snd;
        if snd.mode != Mode::Open || snd.flags.has(Flags::HEAD) {
            let mss = self.segment_payload(common);
            if snd.flags.has(Flags::HEAD) {
                if let Some(piece) = snd.head_piece(common, mss) {
                    return Next::Again(piece, Again::Head);
                }
            }
            let pipe = snd.pipe(common);
            if snd.control.cwnd().saturating_sub(pipe) >= mss {
                // RFC 9293, Section 3.8.6: what a shrunk window left outside is not sent again.
                let piece = snd.next_lost(common, mss).filter(|piece| piece.0.since(snd.una) < snd.wnd);
                if let Some(piece) = piece {
                    return Next::Again(piece, Again::Lost);
                }
            }
        }
        if snd.unsent() > 0 || snd.fin == Fin::Queued {
            let new = self.next_new(common, max_super);
            if new != Next::Nothing {
                return new;
            }
            if snd.flags.has(Flags::PROBE) && snd.flight() <= 1 {
                return Next::Probe;
            }
        }
        if snd.flags.has(Flags::PROBE) && snd.flags.has(Flags::PROBING) {
            return Next::Probe;
        }
        if snd.mode == Mode::Fast {
            let mss = self.segment_payload(common);
            if snd.control.cwnd().saturating_sub(snd.pipe(common)) >= mss {
                if let Some((piece, rescue)) = snd.next_suspect(common, mss) {
                    return Next::Again(piece, if rescue { Again::Rescue } else { Again::Lost });
                }
            }
        }
        if self.rcv.ack_now {
            return Next::Ack;
        }
        let keepalive = common.rare.as_ref().and_then(|rare| rare.keepalive.as_ref());
        if keepalive.is_some_and(|keepalive| keepalive.pending) && snd.flight() == 0 {
            return Next::KeepAlive;
        }
        Next::Nothing
    }

    /// New data or the FIN, where both windows, Nagle's algorithm and the avoidance of silly windows allow it.
    #[inline]
    fn next_new(&self, common: &Common, max_super: u32) -> Next {
        let snd = &self.snd;
        let unsent = snd.unsent();
        // Negative where the peer took back a promise (RFC 9293, Section 3.8.6): nothing new then.
        let usable = snd.wnd.saturating_sub(snd.flight());
        if unsent == 0 {
            return if usable > 0 { Next::Fin } else { Next::Nothing };
        }
        let mut len = unsent.min(usable);
        if len == 0 {
            return Next::Nothing;
        }
        let mss = self.segment_payload(common);
        let pipe = snd.pipe(common);
        let mut room = snd.control.cwnd().saturating_sub(pipe);
        if snd.mode == Mode::Open && snd.dup_acks > 0 {
            // Limited transmit (RFC 3042): one segment beyond the window for each of the first two duplicate ACKs.
            room = (snd.control.cwnd() + u32::from(snd.dup_acks.min(2)) * mss).saturating_sub(pipe);
        }
        if len >= mss {
            if room < mss {
                return if pipe == 0 { Next::Data(mss) } else { Next::Nothing };
            }
            // At least two trains make up a window: while the second one is on its way the first is acknowledged.
            len = len.min(room).min(max_super.min(snd.control.cwnd() / 2).max(mss));
            return Next::Data(len - len % mss);
        }
        if room < len && pipe > 0 {
            return Next::Nothing;
        }
        let idle = snd.flight() == 0;
        let send = if len == unsent {
            // Nagle (RFC 9293, Section 3.7.4); the last bytes before a FIN wait for nothing.
            let free = snd.fin == Fin::Queued || common.flushes();
            free || (!common.holds_back() && (idle || common.nodelay))
        } else {
            // RFC 9293, Section 3.8.6.2.1: a window that holds less than a segment is used only from half its largest on.
            idle && len >= snd.max_wnd / 2
        };
        if send { Next::Data(len) } else { Next::Nothing }
    }

    /// Whether something new could go out now.
    pub(super) fn can_send_new(&self, common: &Common) -> bool {
        (self.snd.unsent() > 0 || self.snd.fin == Fin::Queued) && self.next_new(common, 0) != Next::Nothing
    }

    pub(super) fn poll_transmit(
        &mut self,
        common: &mut Common,
        ctx: &mut Context<'_>,
        max_super: usize,
        out: &mut Outgoing,
    ) -> bool {
        if self.is_quiet(common) {
            self.snd.flags.set(Flags::BURST, false);
            return false;
        }
        let mut max_super = u32::try_from(max_super).unwrap_or(u32::MAX);
        if self.urgent_ahead(common) {
            // The pointer counts from each segment's own sequence number: a device cannot cut what carries one.
            max_super = 0;
        }
        let next = self.next(common, max_super);
        let (seq, len) = match next {
            Next::Nothing => {
                self.snd.flags.set(Flags::BURST, false);
                return false;
            }
            Next::Again((seq, len), again) => {
                self.on_again((seq, len), again, common, ctx);
                (seq, self.data_part(seq, len))
            }
            Next::Data(len) => (self.snd.nxt, len),
            Next::Fin => (self.snd.nxt, 0),
            Next::Probe => self.probe_piece(common),
            // RFC 9293, Section 3.8.4: a sequence number that the peer has makes it answer.
            Next::KeepAlive => (self.snd.nxt - 1, 0),
            Next::Ack => (self.snd.nxt, 0),
        };
        if let Some(keepalive) = common.rare.as_mut().and_then(|rare| rare.keepalive.as_mut()) {
            keepalive.pending = false;
        }
        self.emit(common, ctx, (seq, len), next, out);
        self.flushed(common);
        if let Some(tally) = common.tally() {
            tally.on_sent(out, matches!(next, Next::Again(..)));
        }
        true
    }

    /// Bytes of data in a piece that may reach over the FIN.
    fn data_part(&self, seq: SeqNum, len: u32) -> u32 {
        let data_end = self.snd.una + self.snd.queue.len() as u32;
        if seq.lt(data_end) { data_end.since(seq).min(len) } else { 0 }
    }

    /// One byte, or what a window smaller than a segment takes (RFC 9293, Section 3.8.6.1; 3.8.6.2.1, the override).
    fn probe_piece(&self, common: &Common) -> (SeqNum, u32) {
        let queued = self.snd.queue.len() as u32;
        let most = self.snd.wnd.clamp(1, self.segment_payload(common));
        (self.snd.una, queued.min(most))
    }

    fn on_again(&mut self, piece: Piece, again: Again, common: &mut Common, ctx: &Context<'_>) {
        let end = piece.0 + piece.1;
        let rare = common.rare_mut();
        rare.retransmitted_segments += 1;
        match again {
            Again::Head => {
                self.snd.flags.set(Flags::HEAD, false);
                rare.retransmitted_at = Some(ctx.now);
                rare.high_rxt = rare.high_rxt.max(end);
                // RFC 6675, Section 5, step 4.3: no rescue before this one is acknowledged.
                rare.rescue_rxt = rare.rescue_rxt.or(Some(end));
            }
            Again::Lost => rare.high_rxt = rare.high_rxt.max(end),
            Again::Rescue => rare.rescue_rxt = rare.recovery_point,
        }
        self.snd.flags.set(Flags::TIMING, false);
        if self.snd.timer != Timer::Retransmit {
            self.arm_retransmit(common, ctx);
        }
    }

    #[inline]
    fn emit(&mut self, common: &Common, ctx: &Context<'_>, piece: Piece, next: Next, out: &mut Outgoing) {
        let (seq, len) = piece;
        let mut flags = TcpFlags::ACK;
        let data_end = self.snd.una + self.snd.queue.len() as u32;
        let end = seq + len;
        // RFC 9293, Section 3.9.1.2: the last segment that is queued has PSH. So has the last one of a train, and of what follows
        // it at once: the receiver need not wait for more before it delivers. Not while the application says that more follows.
        let train = len > self.segment_payload(common);
        let pushes = len > 0 && !common.expects_more();
        if pushes && (end == data_end || train) {
            flags = flags.with(TcpFlags::PSH);
        }
        // The FIN goes with the last bytes where the window has room for it, and always with their retransmission.
        let fits = end.since(self.snd.una) < self.snd.wnd || matches!(next, Next::Fin | Next::Probe);
        let sends = !matches!(next, Next::Ack | Next::KeepAlive);
        let fin = sends && end == data_end && self.snd.fin != Fin::No && (self.snd.fin == Fin::Sent || fits);
        if fin && (len == 0 || next != Next::Probe) {
            flags = flags.with(TcpFlags::FIN);
            self.snd.fin = Fin::Sent;
        }
        let past = end + u32::from(flags.fin());
        if past.gt(self.snd.nxt) {
            self.on_new(common, ctx, past, next);
        } else if next == Next::Probe {
            self.snd.flags.set(Flags::PROBE, false);
        }
        if self.snd.flags.has(Flags::BURST) && pushes && !train && self.next_new(common, 0) == Next::Nothing {
            flags = flags.with(TcpFlags::PSH);
        }
        self.snd.flags.set(Flags::BURST, train);
        let window = self.rcv.advertise(common.our_mss);
        // Built in its final place: copying a header that was just written costs more than writing it.
        out.header = TcpHeader {
            src_port: common.flow.local.port,
            dst_port: common.flow.remote.port,
            seq,
            ack: self.rcv.nxt,
            flags,
            window,
            urgent: 0,
            options: TcpOptions::default(),
        };
        out.offset = if len == 0 { 0 } else { seq.since(self.snd.una) as usize };
        out.len = len as usize;
        out.segment_size = 0;
        out.header.options.timestamps = self.timestamps(common, ctx);
        if self.rcv.gap || self.rcv.duplicate {
            out.header.options.sack = self.sack_blocks(common);
        }
        let full = self.segment_payload(common);
        if len > full {
            out.segment_size = full as u16;
        }
        if let Some(pointer) = self.urgent_pointer(common, ctx.settings, seq) {
            out.header.flags = out.header.flags.with(TcpFlags::URG);
            out.header.urgent = pointer;
        }
        self.on_ack_sent();
    }

    /// Sequence numbers up to `past` are in flight for the first time.
    #[inline]
    fn on_new(&mut self, common: &Common, ctx: &Context<'_>, past: SeqNum, next: Next) {
        let snd = &mut self.snd;
        let first = snd.nxt;
        snd.nxt = past;
        snd.flags.set(Flags::PROBE, false);
        if next == Next::Probe && past.since(snd.una) > snd.wnd {
            // Beyond the window: the persist timer stays in charge, and nothing is timed.
            snd.flags.set(Flags::PROBING, true);
            return;
        }
        if !snd.flags.has(Flags::TIMING) && snd.mode == Mode::Open {
            snd.flags.set(Flags::TIMING, true);
            // Of a train the first segment: the last of many is more often lost or retransmitted, and then nothing is measured.
            snd.timed_seq = past.min(first + u32::from(snd.mss));
            snd.timed_at = window::micros(ctx.now);
        }
        snd.measure_use();
        if self.snd.timer != Timer::Retransmit {
            self.arm_retransmit(common, ctx);
        }
    }

    /// The record that takes over in TIME-WAIT.
    pub(super) fn time_wait(&self, common: &Common) -> super::time_wait::TimeWaitRecord {
        debug_assert_eq!(self.snd.state, TcpState::TimeWait);
        super::time_wait::TimeWaitRecord {
            flow: common.flow,
            rcv_nxt: self.rcv.nxt,
            snd_nxt: self.snd.nxt,
            ts_recent: self.snd.flags.has(Flags::TIMESTAMPS).then_some(self.rcv.ts_recent),
            ts_offset: common.ts_offset,
            window: (self.rcv.window() >> self.rcv.scale).min(0xffff) as u16,
        }
    }
}
