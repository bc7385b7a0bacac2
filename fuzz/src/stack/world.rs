//! The host, its peers and its applications.

use super::check::Streams;
use super::device::{Probe, US_MAC};
use super::frames;
use super::peers::{GATEWAY, PEERS, Peer, US, byte_of, peers, station};
use super::steps::{Call, Step};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use synward::base::{Instant, Secrets};
use synward::driver::Host;
use synward::settings::{Cookies, Settings, SynAttackProtect, SynSentIcmp};
use synward::shard::{ConnId, HostConfig, ListenerId};
use synward::tcp::Options;
use synward::wire::{EtherType, SeqNum};

/// Connections that an application holds at most.
const CONNS: usize = 16;
/// Turns of one moment at most.
const TURNS: usize = 20_000;

/// A connection as its application sees it.
pub(super) struct Conn {
    pub(super) id: ConnId,
    /// Bytes written so far.
    pub(super) written: usize,
    /// The number of the next byte that is read, once one was.
    pub(super) next: Option<SeqNum>,
}

pub(super) struct World {
    pub(super) host: Host<Probe>,
    pub(super) now: Instant,
    pub(super) peers: [Peer; PEERS],
    pub(super) conns: Vec<Conn>,
    pub(super) listeners: Vec<ListenerId>,
    pub(super) streams: Streams,
    /// Neighbours answer ARP.
    pub(super) stations: bool,
    pub(super) settings: Settings,
    pub(super) injected: u64,
    last: Vec<u8>,
}

fn settings(kind: u8) -> Settings {
    let mut settings = Settings::default();
    let limits = &mut settings.limits;
    limits.connections = 12;
    limits.half_open = 4;
    limits.time_wait = 3;
    limits.orphans = 4;
    limits.neighbors = 6;
    limits.neighbors_unresolved = 4;
    limits.reassembly_memory = 16 << 10;
    limits.transmit_queue = 8;
    limits.receive_budget = 4;
    limits.timer_budget = 4;
    limits.transmit_budget = 8;
    settings.tcp.timestamps = kind & 1 == 0;
    settings.tcp.sack = kind & 2 == 0;
    settings.admission.cookies = match kind >> 2 & 3 {
        0 | 1 => Cookies::OnOverflow,
        2 => Cookies::Always,
        _ => Cookies::Never,
    };
    settings.admission.syn_attack_protect = match kind >> 4 & 3 {
        0 | 1 => SynAttackProtect::Strict,
        2 => SynAttackProtect::WhileAttacked,
        _ => SynAttackProtect::Off,
    };
    settings.admission.max_half_open = 3;
    settings.ip.redirects = kind & 64 != 0;
    settings.tcp.syn_sent_icmp = if kind & 64 == 0 { SynSentIcmp::Abort } else { SynSentIcmp::Report };
    if kind & 128 != 0 {
        // So little that out-of-order data and windows have to give way.
        settings.limits.memory = 64 << 10;
        settings.tcp.receive_window = 16 << 10;
    }
    settings
}

impl World {
    pub(super) fn new(kind: u8) -> Self {
        let settings = settings(kind);
        let config = HostConfig::new(IpAddr::V4(US), 24).gateway(IpAddr::V4(GATEWAY));
        let config = config.settings(settings.clone());
        let secrets = Secrets::from_test_seed(11);
        let host = Host::with_secrets(config, Probe::default(), &secrets, Instant::ZERO);
        let mut world = Self {
            host: host.expect("a configuration that makes sense"),
            now: Instant::ZERO,
            peers: peers(),
            conns: Vec::new(),
            listeners: Vec::new(),
            streams: Streams::default(),
            stations: true,
            settings,
            injected: 0,
            last: Vec::new(),
        };
        for port in [80, 81] {
            world.listen(port, 3);
        }
        world.settle();
        world
    }

    fn listen(&mut self, port: u16, backlog: u32) {
        let local = SocketAddr::from((US, port));
        if let (true, Ok(id)) =
            (self.listeners.len() < 4, self.host.listen(local, backlog, &Options::default()))
        {
            self.listeners.push(id);
        }
    }

    pub(super) fn play(&mut self, step: &Step) {
        let (now, peer) = (self.now, |n: &u8| usize::from(*n) % PEERS);
        match step {
            Step::Segment(segment, spoiled) => {
                let frame = frames::segment(&mut self.peers[peer(&segment.peer)], segment, *spoiled);
                self.inject(frame);
            }
            Step::IcmpError { peer: n, kind, code, mtu, seq } => {
                self.inject(frames::icmp_error(&self.peers[peer(n)], *kind, *code, *mtu, *seq));
            }
            Step::Echo { peer: n, reply, sequence, len } => {
                self.inject(frames::echo(&self.peers[peer(n)], *reply, *sequence, *len));
            }
            Step::Arp { operation, sender, target, station: from } => {
                let address = |low: u8| Ipv4Addr::new(192, 0, 2, low);
                let sender = (station(address(*from)), address(*sender));
                self.inject(frames::arp(u16::from(operation % 4), sender, address(*target)));
            }
            Step::Packet { peer: n, protocol, fragment, options, bytes } => {
                let frame = frames::noise(&self.peers[peer(n)], *protocol, *fragment, options, bytes);
                self.inject(frame);
            }
            Step::Raw { ours: false, bytes } => self.inject(bytes.clone()),
            Step::Raw { ours: true, bytes } => {
                self.inject(frames::ethernet(station(GATEWAY), EtherType::IPV4, bytes));
            }
            Step::Again { at, change, share } => {
                let mut frame = self.last.clone();
                let len = frame.len();
                if let Some(byte) = frame.get_mut(usize::from(*at) % len.max(1)) {
                    *byte ^= change;
                }
                frame.truncate(len - len * usize::from(share % 16) / 16);
                self.inject(frame);
            }
            Step::InFragments { at, last_first } => {
                if let Some(mut pair) = frames::in_fragments(&self.last, *at, self.injected as u16) {
                    if *last_first {
                        pair.reverse();
                    }
                    let whole = self.last.clone();
                    pair.into_iter().for_each(|fragment| self.inject(fragment));
                    self.last = whole;
                }
            }
            Step::Wait(ms) => self.run_until(now + Duration::from_millis(u64::from(*ms))),
            Step::Next => {
                if let Some(next) = self.host.next_deadline().filter(|next| *next > now) {
                    self.run_until(next);
                }
            }
            Step::Call(call) => self.call(*call),
            Step::Stations(answer) => self.stations = *answer,
            Step::Full(full) => self.host.device_mut().full = *full,
        }
        self.settle();
    }

    fn inject(&mut self, frame: Vec<u8>) {
        self.injected += 1;
        self.last.clone_from(&frame);
        self.host.device_mut().inbox.push_back(frame);
    }

    fn conn(&self, which: u8) -> Option<usize> {
        (!self.conns.is_empty()).then(|| usize::from(which) % self.conns.len())
    }

    fn hold(&mut self, id: ConnId) {
        if self.conns.len() < CONNS {
            self.conns.push(Conn { id, written: 0, next: None });
        } else {
            self.host.close(id);
        }
    }

    fn call(&mut self, call: Call) {
        match call {
            Call::Listen { port, backlog } => {
                self.listen(80 + u16::from(port % 4), 1 + u32::from(backlog % 8));
            }
            Call::CloseListener(which) => {
                if !self.listeners.is_empty() {
                    let at = usize::from(which) % self.listeners.len();
                    self.host.close_listener(self.listeners.remove(at));
                }
            }
            Call::Accept(which) => {
                let listener = self.listeners.get(usize::from(which) % self.listeners.len().max(1));
                if let Some(Ok((id, _))) = listener.map(|listener| self.host.accept(*listener)) {
                    self.hold(id);
                }
            }
            Call::Connect { peer, options } => {
                let to = self.peers[usize::from(peer) % PEERS].me;
                // A port that nobody has, now and then, and an address of our own.
                let to = match options >> 6 {
                    3 => SocketAddr::from((US, 80)),
                    2 => SocketAddr::from((Ipv4Addr::new(192, 0, 2, peer), 9)),
                    _ => to.into(),
                };
                if let Ok(id) = self.host.connect(to, &options_of(options)) {
                    self.hold(id);
                }
            }
            Call::Write { conn, len, urgent } => self.write(conn, usize::from(len), urgent),
            Call::Read { conn, len } => self.read(conn, usize::from(len), true),
            Call::Peek { conn, len } => self.read(conn, usize::from(len), false),
            Call::Shutdown(conn) => {
                if let Some(at) = self.conn(conn) {
                    let _ = self.host.shutdown(self.conns[at].id);
                }
            }
            Call::Close(conn) => {
                if let Some(at) = self.conn(conn) {
                    self.host.close(self.conns.remove(at).id);
                }
            }
            Call::Abort(conn) => {
                if let Some(at) = self.conn(conn) {
                    self.host.abort(self.conns.remove(at).id);
                }
            }
            Call::Options { conn, options } => {
                if let Some(at) = self.conn(conn) {
                    let _ = self.host.set_options(self.conns[at].id, &options_of(options));
                }
            }
            Call::Ping(peer) => {
                let to = IpAddr::V4(*self.peers[usize::from(peer) % PEERS].me.ip());
                let _ = self.host.ping(to, 1, u16::from(peer >> 4), 56, Duration::from_secs(2));
            }
            Call::ResetAll => {
                self.host.reset_all();
                self.listeners.clear();
            }
        }
    }

    fn write(&mut self, conn: u8, len: usize, urgent: bool) {
        let Some(at) = self.conn(conn) else { return };
        let conn = &mut self.conns[at];
        let bytes: Vec<u8> = (conn.written..conn.written + len).map(|n| n as u8).collect();
        let result = match urgent {
            true => self.host.write_urgent(conn.id, &bytes),
            false => self.host.write(conn.id, &bytes),
        };
        if let Ok(n) = result {
            assert!(n <= len);
            conn.written += n;
        }
    }

    /// What is read is the peer's stream without a gap.
    fn read(&mut self, conn: u8, len: usize, take: bool) {
        let Some(at) = self.conn(conn) else { return };
        let conn = &mut self.conns[at];
        let mut bytes = vec![0; len];
        let result =
            if take { self.host.read(conn.id, &mut bytes) } else { self.host.peek(conn.id, &mut bytes) };
        let Ok(n) = result else { return };
        assert!(n <= len);
        let Some(first) = bytes[..n].first() else { return };
        let start = conn.next.unwrap_or(SeqNum(u32::from(*first)));
        for (byte, at) in bytes[..n].iter().zip(0..) {
            assert_eq!(*byte, byte_of(start + at), "byte {at} of {n} that were read");
        }
        if take {
            conn.next = Some(start + n as u32);
        }
    }

    pub(super) fn run_until(&mut self, until: Instant) {
        while let Some(next) = self.settle().filter(|next| *next <= until) {
            assert!(
                next > self.now,
                "a deadline in the past that no turn serves: {next:?} at {:?}",
                self.now
            );
            self.now = next;
        }
        self.now = until;
        self.settle();
    }

    /// Takes turns at the present time until nothing moves; the next deadline.
    pub(super) fn settle(&mut self) -> Option<Instant> {
        for _ in 0..TURNS {
            let turn = self.host.poll(self.now).expect("the device is there");
            let moved = self.collect();
            while self.host.poll_event().is_some() {}
            let due = turn.deadline.is_some_and(|at| at <= self.now);
            if !moved && !turn.again && !due && self.host.device_mut().inbox.is_empty() {
                return turn.deadline;
            }
        }
        panic!("the turns of one moment do not end");
    }

    /// Takes what the stack sent; neighbours answer.
    fn collect(&mut self) -> bool {
        let mut moved = false;
        while let Some(frame) = self.host.device_mut().sent.pop_front() {
            moved = true;
            if let Some((sender, asked)) = self.streams.on_sent(&frame, &mut self.peers) {
                if self.stations && asked != US && asked.octets()[3] % 8 != 7 {
                    let answer = frames::arp(2, (station(asked), asked), sender);
                    self.inject(answer);
                }
            }
        }
        moved
    }
}

fn options_of(bits: u8) -> Options {
    Options {
        nodelay: bits & 1 != 0,
        keepalive: bits & 2 != 0,
        user_timeout: (bits & 4 != 0).then_some(Duration::from_secs(30)),
        linger: (bits & 8 != 0).then(|| Duration::from_secs(u64::from(bits & 16))),
        ..Options::default()
    }
}

const _: () = assert!(US_MAC.0[5] == 1);
