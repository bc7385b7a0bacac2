//! Two ends, a link between them with delay, loss and reordering, and a clock; or one end and segments made by hand.

use crate::base::{Instant, Rng, Secrets};
use crate::buffer::{Buf, Pool};
use crate::settings;
use crate::tcp::{
    Connection, Context, End, Events, Handshake, Options, Outcome, Outgoing, PeerOptions, Reset, TcpState,
};
use crate::telemetry::Discard;
use crate::wire::{Addr, Endpoint, FlowKey, SeqNum, TcpFlags, TcpHeader, TcpOptions, Timestamps, checksum};
use core::time::Duration;
use std::net::Ipv4Addr;

pub(super) const MSS: u16 = 1460;

pub(super) fn flow() -> FlowKey {
    let end = |last, port| Endpoint { addr: Addr::v4(Ipv4Addr::new(10, 0, 0, last)), port };
    FlowKey { local: end(1, 4000), remote: end(2, 80) }
}

pub(super) fn mirrored(flow: FlowKey) -> FlowKey {
    FlowKey { local: flow.remote, remote: flow.local }
}

/// A segment on the link.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) header: TcpHeader,
    pub(super) data: Vec<u8>,
}

impl Segment {
    pub(super) fn has(&self, flags: TcpFlags) -> bool {
        self.header.flags.contains(flags)
    }

    pub(super) fn is_bare_ack(&self) -> bool {
        self.data.is_empty() && self.header.flags == TcpFlags::ACK
    }
}

/// One end with all it needs.
pub(super) struct Side {
    pub(super) connection: Connection,
    pub(super) pool: Pool,
    pub(super) settings: settings::Tcp,
    pub(super) memory_low: bool,
    pub(super) events: Events,
    pub(super) discards: Vec<Discard>,
    pub(super) end: Option<End>,
    pub(super) max_super: usize,
}

impl Side {
    pub(super) fn new(connection: Connection, settings: settings::Tcp) -> Self {
        Self {
            connection,
            pool: Pool::new(1 << 20),
            settings,
            memory_low: false,
            events: Events::NONE,
            discards: Vec::new(),
            end: None,
            max_super: 0,
        }
    }

    pub(super) fn with<R>(
        &mut self,
        now: Instant,
        f: impl FnOnce(&mut Connection, &mut Context<'_>) -> R,
    ) -> R {
        let mut ctx =
            Context { now, settings: &self.settings, pool: &mut self.pool, memory_low: self.memory_low };
        f(&mut self.connection, &mut ctx)
    }

    /// Notes what an input did; gives the RST it asks for.
    fn note(&mut self, outcome: Outcome) -> Option<Segment> {
        self.events.insert(outcome.events);
        self.discards.extend(outcome.discard);
        if outcome.end.is_some() {
            self.end = outcome.end;
        }
        outcome.reset.map(|reset| self.rst(reset))
    }

    fn rst(&self, Reset { seq, ack, timestamps }: Reset) -> Segment {
        let flow = self.connection.flow();
        let flags = if ack.is_some() { TcpFlags::RST.with(TcpFlags::ACK) } else { TcpFlags::RST };
        let header = TcpHeader {
            src_port: flow.local.port,
            dst_port: flow.remote.port,
            seq,
            ack: ack.unwrap_or_default(),
            flags,
            options: TcpOptions { timestamps, ..TcpOptions::default() },
            ..TcpHeader::default()
        };
        Segment { header, data: Vec::new() }
    }

    /// The bytes of `outgoing`, from a frame that may be a chunk of the send queue.
    fn payload(&mut self, outgoing: &Outgoing) -> Vec<u8> {
        let (frame, sum) = self.connection.payload(&mut self.pool, outgoing, true);
        let data = frame.data().to_vec();
        assert_eq!(checksum::finish(sum), checksum::finish(checksum::sum(&data)));
        self.pool.put(frame);
        data
    }

    /// Everything that it wants to send now, super-segments cut as a device would.
    pub(super) fn drain(&mut self, now: Instant) -> Vec<Segment> {
        let mut out = Vec::new();
        for _ in 0..100_000 {
            let wanted = self.connection.may_transmit();
            let max_super = self.max_super;
            let polled = self.with(now, |c, ctx| c.poll_transmit(ctx, max_super));
            assert!(wanted || polled.is_none(), "may_transmit promises silence, and there was a segment");
            let Some(outgoing) = polled else { return out };
            let data = self.payload(&outgoing);
            let size = if outgoing.segment_size == 0 { usize::MAX } else { outgoing.segment_size.into() };
            if data.len() <= size {
                out.push(Segment { header: outgoing.header, data });
                continue;
            }
            assert!(
                outgoing.len <= max_super && outgoing.len % size == 0,
                "a super-segment is whole segments"
            );
            for (i, piece) in data.chunks(size).enumerate() {
                let mut header = outgoing.header;
                header.seq += (i * size) as u32;
                if (i + 1) * size < data.len() {
                    header.flags = header.flags.without(TcpFlags::PSH.with(TcpFlags::FIN));
                }
                out.push(Segment { header, data: piece.to_vec() });
            }
        }
        panic!("it never stops sending: {:?} {:?}", &out[out.len() - 3..], self.connection);
    }

    pub(super) fn input(&mut self, now: Instant, segment: &Segment) -> Option<Segment> {
        let mut payload = (!segment.data.is_empty()).then(|| -> Buf {
            let mut buf = self.pool.take(segment.data.len());
            buf.append(&segment.data);
            buf
        });
        let outcome = self.with(now, |c, ctx| c.on_segment(ctx, &segment.header, &mut payload));
        if let Some(left) = payload {
            self.pool.put(left);
        }
        self.note(outcome)
    }

    pub(super) fn timer(&mut self, now: Instant) -> Option<Segment> {
        let outcome = self.with(now, |c, ctx| c.on_timer(ctx));
        self.note(outcome)
    }

    pub(super) fn outcome(
        &mut self,
        now: Instant,
        f: impl FnOnce(&mut Connection, &mut Context<'_>) -> Outcome,
    ) -> Option<Segment> {
        let outcome = self.with(now, f);
        self.note(outcome)
    }

    pub(super) fn write(&mut self, now: Instant, bytes: &[u8]) -> usize {
        self.with(now, |c, ctx| c.write(ctx, bytes)).unwrap_or(0)
    }

    pub(super) fn read(&mut self, now: Instant, most: usize) -> Vec<u8> {
        let mut out = vec![0; most];
        let n = self.with(now, |c, ctx| c.read(ctx, &mut out)).unwrap_or(0);
        out.truncate(n);
        out
    }

    pub(super) fn state(&self) -> TcpState {
        self.connection.state()
    }
}

/// What the link does.
#[derive(Clone, Copy)]
pub(super) struct Link {
    pub(super) delay: Duration,
    pub(super) loss: f64,
    pub(super) reorder: f64,
    pub(super) duplicate: f64,
}

impl Default for Link {
    fn default() -> Self {
        Self { delay: Duration::from_millis(10), loss: 0.0, reorder: 0.0, duplicate: 0.0 }
    }
}

/// Two ends and a link.
pub(super) struct Net {
    pub(super) now: Instant,
    pub(super) sides: [Side; 2],
    pub(super) link: Link,
    pub(super) rng: Rng,
    /// Arrival, order, destination, segment.
    flying: Vec<(Instant, u64, usize, Segment)>,
    order: u64,
    /// All that was put on the link, with time and sender.
    pub(super) log: Vec<(Instant, usize, Segment)>,
    /// Decides by hand what is lost: sender and segment.
    pub(super) drop: fn(usize, &Segment, u64) -> bool,
}

impl Net {
    /// Two ends that connect: side 0 actively, side 1 as admission would have it.
    pub(super) fn new(settings: settings::Tcp, link: Link) -> Self {
        let options = Options::default();
        Self::with_options(settings.clone(), settings, &options, &options, link)
    }

    pub(super) fn with_options(
        first: settings::Tcp,
        second: settings::Tcp,
        first_options: &Options,
        second_options: &Options,
        link: Link,
    ) -> Self {
        let now = Instant::from_secs(100);
        let peer = |settings: &settings::Tcp, ts| PeerOptions {
            mss: MSS,
            window_scale: settings.window_scaling.then_some(7),
            sack: settings.sack,
            ts_recent: settings.timestamps.then_some(ts),
        };
        let tsval = |offset| crate::tcp::timestamps::clock(now, offset);
        let handshake = |flow, iss, irs, from: &settings::Tcp, offset, other| Handshake {
            flow,
            iss: SeqNum(iss),
            irs: SeqNum(irs),
            peer: peer(from, tsval(other)),
            our_window_scale: 7,
            our_window: 65535,
            peer_window: 65535,
            ts_offset: offset,
            retransmitted: false,
            rtt_us: Some(link.delay.as_micros() as u32 * 2),
        };
        // Sequence numbers wrap early on both sides.
        let (iss, irs) = (u32::MAX - 5_000, u32::MAX - 90_000);
        let a = handshake(flow(), iss, irs, &second, 11, 22);
        let b = handshake(mirrored(flow()), irs, iss, &first, 22, 11);
        let a = Connection::from_handshake(&a, MSS, first_options, &first, now);
        let b = Connection::from_handshake(&b, MSS, second_options, &second, now);
        Self::of(Side::new(a, first), Side::new(b, second), link, now)
    }

    pub(super) fn of(a: Side, b: Side, link: Link, now: Instant) -> Self {
        Self {
            now,
            sides: [a, b],
            link,
            rng: Secrets::from_test_seed(7).rng("harness"),
            flying: Vec::new(),
            order: 0,
            log: Vec::new(),
            drop: |_, _, _| false,
        }
    }

    fn launch(&mut self, from: usize, segment: Segment) {
        self.order += 1;
        self.log.push((self.now, from, segment.clone()));
        if (self.drop)(from, &segment, self.order) || self.rng.chance(self.link.loss) {
            return;
        }
        let mut at = self.now + self.link.delay;
        if self.rng.chance(self.link.reorder) {
            at += self.link.delay.mul_f64(0.5);
        }
        if self.rng.chance(self.link.duplicate) {
            self.flying.push((at + self.link.delay, self.order, 1 - from, segment.clone()));
        }
        self.flying.push((at, self.order, 1 - from, segment));
    }

    /// Sends what both ends want to send now.
    pub(super) fn flush(&mut self) {
        for from in 0..2 {
            for segment in self.sides[from].drain(self.now) {
                self.launch(from, segment);
            }
        }
    }

    fn next_time(&self) -> Option<Instant> {
        let arrivals = self.flying.iter().map(|flying| flying.0);
        let deadlines = self.sides.iter().filter(|s| s.end.is_none()).filter_map(|s| s.connection.deadline());
        arrivals.chain(deadlines).min()
    }

    /// One step: to the next arrival or deadline. False: nothing will ever happen again (or not before `until`).
    pub(super) fn step(&mut self, until: Instant) -> bool {
        self.flush();
        let Some(at) = self.next_time().filter(|at| *at <= until) else { return false };
        self.now = self.now.max(at);
        self.flying.sort_by_key(|flying| (flying.0, flying.1));
        while self.flying.first().is_some_and(|flying| flying.0 <= self.now) {
            let (_, _, to, segment) = self.flying.remove(0);
            if self.sides[to].end.is_none() || self.sides[to].state() == TcpState::TimeWait {
                if let Some(rst) = self.sides[to].input(self.now, &segment) {
                    self.launch(to, rst);
                }
            }
        }
        for side in 0..2 {
            if self.sides[side].end.is_none()
                && self.sides[side].connection.deadline().is_some_and(|at| at <= self.now)
            {
                if let Some(rst) = self.sides[side].timer(self.now) {
                    self.launch(side, rst);
                }
            }
        }
        self.flush();
        true
    }

    /// Runs for `time`.
    pub(super) fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
        self.now = until;
        self.flush();
    }

    /// Moves `data` from one side to the other, reading all the time; panics where it takes longer than `limit`.
    pub(super) fn transfer(&mut self, from: usize, data: &[u8], limit: Duration) -> Vec<u8> {
        let until = self.now + limit;
        let mut sent = 0;
        let mut got = Vec::new();
        while got.len() < data.len() {
            sent += self.sides[from].write(self.now, &data[sent..]);
            let more = self.step(until);
            loop {
                let piece = self.sides[1 - from].read(self.now, 65536);
                if piece.is_empty() {
                    break;
                }
                got.extend(piece);
            }
            assert!(
                more || got.len() == data.len(),
                "stalled after {} of {}: {:?}\n{:?}",
                got.len(),
                data.len(),
                self.sides[0].connection,
                self.sides[1].connection
            );
        }
        got
    }

    pub(super) fn sent_by(&self, side: usize) -> impl Iterator<Item = &Segment> {
        self.log.iter().filter(move |entry| entry.1 == side).map(|entry| &entry.2)
    }
}

pub(super) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 251) as u8).collect()
}

/// One end in ESTABLISHED against a peer made by hand: ISS 1000, IRS 5000, no options, windows of 64 KiB.
pub(super) struct Solo {
    pub(super) side: Side,
    pub(super) now: Instant,
    /// What the peer puts into its segments by default.
    pub(super) seq: u32,
    pub(super) ack: u32,
    pub(super) window: u16,
    pub(super) tsval: Option<u32>,
}

impl Solo {
    pub(super) fn plain() -> Self {
        Self::new(
            PeerOptions { mss: MSS, ..PeerOptions::default() },
            &Options::default(),
            settings::Tcp::default(),
        )
    }

    pub(super) fn new(peer: PeerOptions, options: &Options, settings: settings::Tcp) -> Self {
        let now = Instant::from_secs(50);
        let handshake = Handshake {
            flow: flow(),
            iss: SeqNum(1000),
            irs: SeqNum(5000),
            peer,
            our_window_scale: 7,
            our_window: 65535,
            peer_window: 65535,
            ts_offset: 0,
            retransmitted: false,
            rtt_us: Some(10_000),
        };
        let connection = Connection::from_handshake(&handshake, MSS, options, &settings, now);
        let side = Side::new(connection, settings);
        Self { side, now, seq: 5001, ack: 1001, window: 65535, tsval: peer.ts_recent }
    }

    /// A segment of the peer as it would come next.
    pub(super) fn segment(&self, flags: TcpFlags, data: &[u8]) -> Segment {
        let flow = mirrored(flow());
        let mut header = TcpHeader {
            src_port: flow.local.port,
            dst_port: flow.remote.port,
            seq: SeqNum(self.seq),
            ack: SeqNum(self.ack),
            flags,
            window: self.window,
            ..TcpHeader::default()
        };
        header.options.timestamps = self.tsval.map(|value| Timestamps { value, echo: 0 });
        Segment { header, data: data.to_vec() }
    }

    /// Gives `segment` to the end; the discard, the RST and what it sends at once.
    pub(super) fn give(&mut self, segment: &Segment) -> Reaction {
        self.side.discards.clear();
        let rst = self.side.input(self.now, segment);
        Reaction { rst, sent: self.side.drain(self.now), discard: self.side.discards.first().copied() }
    }

    pub(super) fn give_next(&mut self, flags: TcpFlags, data: &[u8]) -> Reaction {
        let segment = self.segment(flags, data);
        self.give(&segment)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Vec<Segment> {
        assert_eq!(self.side.write(self.now, bytes), bytes.len());
        self.side.drain(self.now)
    }

    pub(super) fn drain(&mut self) -> Vec<Segment> {
        self.side.drain(self.now)
    }

    /// Lets time pass up to the next deadline and fires it.
    pub(super) fn fire(&mut self) -> Vec<Segment> {
        let at = self.side.connection.deadline().expect("a deadline");
        self.now = self.now.max(at);
        let rst = self.side.timer(self.now);
        rst.into_iter().chain(self.side.drain(self.now)).collect()
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.now += time;
    }
}

/// What one segment caused.
#[derive(Debug)]
pub(super) struct Reaction {
    pub(super) rst: Option<Segment>,
    pub(super) sent: Vec<Segment>,
    pub(super) discard: Option<Discard>,
}

impl Reaction {
    pub(super) fn is_silent(&self) -> bool {
        self.rst.is_none() && self.sent.is_empty()
    }

    pub(super) fn acks(&self) -> bool {
        self.rst.is_none() && self.sent.len() == 1 && self.sent[0].is_bare_ack()
    }
}

pub(super) const ACK: TcpFlags = TcpFlags::ACK;
pub(super) const FIN: TcpFlags = TcpFlags::FIN.with(ACK);
pub(super) const SYN: TcpFlags = TcpFlags::SYN;
pub(super) const RST: TcpFlags = TcpFlags::RST;
