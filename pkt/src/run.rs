//! The events of a script, one after the other.

use crate::backend::{Backend, Sent};
use crate::call::{Defaults, Sockets};
use crate::error::{Error, Pos};
use crate::expect::{self, Window};
use crate::flow::Flow;
use crate::packet::{self, Endpoint, IpFields, Opt, Packet, Tcp};
use crate::pattern;
use crate::script::{self, Body, Call, Event, Micros, OptionWord, Script, Segment, Time, What};
use crate::settings::Config;
use crate::show;
use std::collections::{BTreeMap, VecDeque};
use std::io;

/// Runs a script.
///
/// # Errors
/// What happened is not what the script says: where, and everything that was seen before it.
pub fn run(script: &Script, config: &Config, backend: &mut dyn Backend) -> Result<(), Error> {
    let mut run = Run {
        script,
        config,
        tolerance: config.tolerance.unwrap_or(backend.tolerance()).max(backend.tolerance()),
        backend,
        sockets: Sockets::default(),
        flows: BTreeMap::new(),
        waiting: VecDeque::new(),
        blocked: None,
        trace: Vec::new(),
        base: 0,
        next_port: FIRST_PORT,
    };
    run.events().map_err(|mut error| {
        if !run.trace.is_empty() {
            error.message.push_str("\n  what was seen:");
            run.trace.iter().for_each(|line| {
                error.message.push_str("\n    ");
                error.message.push_str(line);
            });
        }
        error.in_file(&script.file)
    })
}

/// The peer's port in its first connection; each further one has the next.
const FIRST_PORT: u16 = 40000;

/// A packet that was sent and that no event has taken yet.
struct Pending {
    at: Micros,
    packet: Packet,
}

struct Blocked<'a> {
    call: &'a Call,
    pos: Pos,
    window: Window,
}

struct Run<'a> {
    script: &'a Script,
    config: &'a Config,
    tolerance: Micros,
    backend: &'a mut dyn Backend,
    sockets: Sockets,
    flows: BTreeMap<String, Flow>,
    waiting: VecDeque<Pending>,
    blocked: Option<Blocked<'a>>,
    trace: Vec<String>,
    /// What relative times count from.
    base: Micros,
    next_port: u16,
}

impl<'a> Run<'a> {
    fn events(&mut self) -> Result<(), Error> {
        let script = self.script;
        for event in &script.events {
            let window = Window::of(event.time, self.base);
            let took_place = match &event.what {
                What::Expect(packet) => self.expect(event, packet, window)?,
                _ => {
                    self.go_to(event.pos, window.from)?;
                    self.act(event, window)?;
                    window.from
                }
            };
            // After a range the script counts from what happened.
            self.base = match event.time {
                Time::Absolute(_) | Time::Relative(_) => window.from,
                Time::AbsoluteRange(..) | Time::RelativeRange(..) | Time::Any => took_place,
            };
        }
        self.finish()
    }

    /// Nothing may be left: no call that still waits, no packet that the script does not know.
    fn finish(&mut self) -> Result<(), Error> {
        let end = self.script.events.last().map_or(Pos::default(), |event| event.pos);
        if let Some(Blocked { window, pos, .. }) = &self.blocked {
            let (until, pos) = (window.to + self.tolerance, *pos);
            self.go_to(pos, until)?;
            if self.blocked.is_some() {
                return Err(Error::new(pos, "the call still waits"));
            }
        }
        let now = self.backend.now();
        self.collect(end, now)?;
        match self.waiting.pop_front() {
            Some(left) => Err(self.unexpected(end, &left)),
            None => Ok(()),
        }
    }

    fn unexpected(&self, pos: Pos, left: &Pending) -> Error {
        let sent = self.describe(&left.packet);
        Error::new(
            pos,
            format!("the stack sent a packet at {} that no event expects: {sent}", show::time(left.at)),
        )
    }

    fn io(&self, pos: Pos, error: &io::Error) -> Error {
        Error::new(pos, format!("the runner failed: {error}"))
    }

    /// A packet in the script's numbers where its connection is known.
    fn describe(&self, packet: &Packet) -> String {
        if let Packet::Tcp(tcp) = packet {
            if let Some((name, flow)) = self.flows.iter().find(|(_, flow)| flow.owns(tcp)) {
                let name = if name.is_empty() { String::new() } else { format!("{{{name}}} ") };
                return format!("{name}{}", show::segment(&flow.to_script(tcp)));
            }
        }
        show::packet(packet)
    }

    fn note(&mut self, at: Micros, text: &str) {
        self.trace.push(format!("{} {text}", show::time(at)));
    }

    /// Takes in what was sent until `until`, letting time pass.
    fn collect(&mut self, pos: Pos, until: Micros) -> Result<(), Error> {
        while let Some(sent) = self.backend.next_sent(until).map_err(|error| self.io(pos, &error))? {
            self.keep(pos, sent)?;
            self.poll_blocked()?;
        }
        self.poll_blocked()
    }

    fn keep(&mut self, pos: Pos, sent: Sent) -> Result<(), Error> {
        let parsed = packet::parse(&sent.bytes).map_err(|what| {
            let bytes: String = sent.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Error::new(
                pos,
                format!("the stack sent a wrong packet at {}: {what}: {bytes}", show::time(sent.at)),
            )
        })?;
        if let Some(packet) = parsed {
            let text = format!("> {}", self.describe(&packet));
            self.note(sent.at, &text);
            self.waiting.push_back(Pending { at: sent.at, packet });
        }
        Ok(())
    }

    /// Lets time pass until an event that is none of the stack's; what was sent meanwhile must have been expected before.
    fn go_to(&mut self, pos: Pos, at: Micros) -> Result<(), Error> {
        self.collect(pos, at)?;
        let late = self.waiting.iter().position(|left| left.at + self.tolerance < at);
        match late.and_then(|index| self.waiting.remove(index)) {
            Some(left) => Err(self.unexpected(pos, &left)),
            None => Ok(()),
        }
    }

    /// Whether the call that waits has ended, and rightly.
    fn poll_blocked(&mut self) -> Result<(), Error> {
        let Some(Blocked { call, pos, window }) = &self.blocked else { return Ok(()) };
        let (call, pos, window) = (*call, *pos, *window);
        let Some((at, reply)) = self.backend.finished() else {
            return match self.backend.now() > window.to + self.tolerance {
                true => Err(Error::new(
                    pos,
                    format!("the call still waits at {}", show::time(self.backend.now())),
                )),
                false => Ok(()),
            };
        };
        self.blocked = None;
        self.note(at, &format!("{} returned {}", call.name, reply.result));
        let verify = !self.flows.values().any(|flow| flow.urgent);
        self.sockets.settle(call, pos, &reply, verify)?;
        let end = Window { from: window.to, to: window.to };
        if end.holds(at, self.tolerance) {
            return Ok(());
        }
        let message = format!("{} ended at {}, expected {}", call.name, show::time(at), end.text());
        Err(Error::new(pos, message))
    }

    fn act(&mut self, event: &'a Event, window: Window) -> Result<(), Error> {
        match &event.what {
            What::Inject(packet) => self.inject(event.pos, packet),
            What::Call(call) => self.call(event, call, window),
            What::Check(checks) => {
                let info = self.info(event.pos)?;
                checks.iter().try_for_each(|check| check.hold(&info))
            }
            What::Quiet | What::Expect(_) => Ok(()),
        }
    }

    fn info(&mut self, pos: Pos) -> Result<Vec<u8>, Error> {
        let Some(fd) = self.sockets.live_connection() else {
            return Err(Error::new(pos, "no connection is there that TCP_INFO could be asked of"));
        };
        let call =
            crate::backend::Call::GetSockOpt { fd, level: libc::SOL_TCP, name: libc::TCP_INFO, room: 280 };
        let reply = self.backend.call(call).map_err(|error| self.io(pos, &error))?;
        if reply.result < 0 {
            return Err(Error::new(pos, format!("TCP_INFO: {}", crate::constants::errno_name(reply.errno))));
        }
        Ok(reply.data)
    }

    fn call(&mut self, event: &'a Event, call: &'a Call, window: Window) -> Result<(), Error> {
        let defaults = Defaults {
            bind: Endpoint::new(self.config.local, self.config.bind_port),
            connect: Endpoint::new(self.config.remote, self.config.connect_port),
        };
        let prepared = self.sockets.prepare(call, event.pos, defaults)?;
        if let crate::backend::Call::Connect { to, .. } = &prepared {
            // Its SYN is that of a new connection, whatever was there before.
            let old = self.flows.get_mut("").filter(|flow| flow.remote == *to);
            old.into_iter().for_each(Flow::forget_local);
        }
        if let Some(end) = event.end {
            if self.blocked.is_some() {
                return Err(Error::new(event.pos, "another call is still waiting: one at a time"));
            }
            self.backend.start(prepared).map_err(|error| self.io(event.pos, &error))?;
            let end = match event.time {
                Time::Absolute(_) => end,
                _ => self.base + end,
            };
            self.blocked =
                Some(Blocked { call, pos: event.pos, window: Window { from: window.from, to: end } });
            self.note(window.from, &format!("{}(…) begins", call.name));
            return self.poll_blocked();
        }
        let reply = self.backend.call(prepared).map_err(|error| self.io(event.pos, &error))?;
        self.note(window.from, &format!("{}(…) = {}", call.name, reply.result));
        self.sockets.on_connecting(call);
        let verify = !self.flows.values().any(|flow| flow.urgent);
        self.sockets.settle(call, event.pos, &reply, verify)
    }

    /// The connection of that name; a new one of the peer where there is none.
    fn flow(&mut self, name: &str) -> &mut Flow {
        let config = self.config;
        let local = Endpoint::new(config.local, config.bind_port);
        let next_port = &mut self.next_port;
        self.flows.entry(name.to_owned()).or_insert_with(|| {
            let remote = Endpoint::new(config.remote, *next_port);
            *next_port = next_port.wrapping_add(1);
            Flow::new(local, remote, config.remote_shift)
        })
    }

    fn inject(&mut self, pos: Pos, packet: &script::Packet) -> Result<(), Error> {
        let mut bytes = match &packet.body {
            Body::Tcp(segment) => self.segment(packet, segment).to_bytes(),
            Body::Icmp(icmp) => self.icmp(packet, *icmp).to_bytes(),
        };
        // After the sums: a wrong one is what the script wants. Which bit is wrong does not matter.
        if packet.ip.bad_sum {
            let place = match packet.body {
                Body::Tcp(_) => 20 + 16,
                Body::Icmp(_) => 20 + 2,
            };
            bytes[place] ^= 0x55;
        }
        if packet.ip.bad_ip_sum {
            bytes[10] ^= 0x55;
        }
        let line = self.script.line(pos).to_owned();
        self.note(self.backend.now(), &line);
        self.backend.inject(&bytes).map_err(|error| self.io(pos, &error))
    }

    fn segment(&mut self, packet: &script::Packet, segment: &Segment) -> Tcp {
        let flow = self.flow(&packet.flow);
        let syn = segment.flags & 0x02 != 0;
        if syn {
            flow.on_syn_in(segment.seq);
        }
        flow.urgent |= segment.flags & 0x20 != 0;
        let place = if syn { 0 } else { flow.remote_place(segment.seq) };
        let options = segment.options.iter().filter_map(|word| match word {
            OptionWord::Is(option) => Some(flow.option_in(option)),
            OptionWord::Some(_) | OptionWord::None(_) => None,
        });
        Tcp {
            ip: ip_fields(packet.ip),
            src: flow.remote,
            dst: flow.local,
            seq: flow.remote_to_wire(segment.seq),
            ack: segment.ack.map_or(0, |ack| flow.local_to_wire(ack)),
            flags: segment.flags,
            window: segment.window.unwrap_or(0),
            urgent: segment.urgent.unwrap_or(0),
            options: options.collect(),
            payload: pattern::bytes(place, segment.len as usize),
        }
    }

    /// An ICMP message about a segment of the stack.
    fn icmp(&mut self, packet: &script::Packet, icmp: script::Icmp) -> packet::Icmp {
        let flow = self.flow(&packet.flow);
        let (seq, len) = icmp.quoted.unwrap_or_default();
        let quoted = Tcp {
            ip: IpFields { ttl: 64, ..IpFields::default() },
            src: flow.local,
            dst: flow.remote,
            seq: flow.local_to_wire(seq),
            ack: 0,
            flags: 0x10,
            window: 0,
            urgent: 0,
            options: Vec::new(),
            payload: pattern::bytes(flow.local_place(seq), len as usize),
        };
        // RFC 792: the header and eight bytes; RFC 1812 lets routers quote more, which the whole TCP header is here.
        let body = if icmp.kind == 8 { Vec::new() } else { quoted.to_bytes().into_iter().take(40).collect() };
        packet::Icmp {
            ip: ip_fields(packet.ip),
            src: *flow.remote.ip(),
            dst: *flow.local.ip(),
            kind: icmp.kind,
            code: icmp.code,
            rest: icmp.mtu.map_or(0, u32::from),
            body,
        }
    }

    /// Waits for the packet; gives its time.
    fn expect(&mut self, event: &Event, want: &script::Packet, window: Window) -> Result<Micros, Error> {
        let until = window.to + self.tolerance;
        loop {
            if let Some(index) = self.waiting.iter().position(|left| self.belongs(want, &left.packet)) {
                let Some(found) = self.waiting.remove(index) else { continue };
                return self.compare(event, want, window, &found);
            }
            let next = self.backend.next_sent(until).map_err(|error| self.io(event.pos, &error))?;
            let Some(sent) = next else {
                self.poll_blocked()?;
                let others = self.waiting.front().map(|left| {
                    format!(
                        "; another one was sent at {}: {}",
                        show::time(left.at),
                        self.describe(&left.packet)
                    )
                });
                let message =
                    format!("expected a packet {}, none came{}", window.text(), others.unwrap_or_default());
                return Err(Error::new(event.pos, message));
            };
            self.keep(event.pos, sent)?;
            self.poll_blocked()?;
        }
    }

    /// Whether a packet is of the connection (or of the protocol) that is expected.
    fn belongs(&self, want: &script::Packet, sent: &Packet) -> bool {
        match (&want.body, sent) {
            (Body::Icmp(_), Packet::Icmp(icmp)) => icmp.dst == self.config.remote,
            (Body::Tcp(segment), Packet::Tcp(tcp)) => {
                let flow = self.flows.get(&want.flow);
                // A SYN of a new connection of the application: to the peer's port, of nobody known.
                let fresh = segment.flags & 0x12 == 0x02
                    && tcp.flags & 0x12 == 0x02
                    && *tcp.dst.ip() == self.config.remote
                    && !self.flows.values().any(|flow| flow.owns(tcp));
                flow.is_some_and(|flow| flow.owns(tcp)) || fresh
            }
            _ => false,
        }
    }

    fn compare(
        &mut self,
        event: &Event,
        want: &script::Packet,
        window: Window,
        found: &Pending,
    ) -> Result<Micros, Error> {
        let differences = match (&want.body, &found.packet) {
            (Body::Tcp(segment), Packet::Tcp(tcp)) => self.compare_segment(want, segment, tcp),
            (Body::Icmp(icmp), Packet::Icmp(sent)) => expect::icmp(*icmp, want.ip, sent),
            _ => vec!["another protocol".to_owned()],
        };
        let mut differences = differences;
        if !window.holds(found.at, self.tolerance) {
            let seconds = show::time(found.at);
            differences.insert(0, format!("time: expected {}, sent at {seconds}", window.text()));
        }
        if differences.is_empty() {
            return Ok(found.at);
        }
        let message = format!(
            "another packet was sent\n  expected: {}\n  sent:     {} > {}\n  {}",
            self.script.line(event.pos),
            show::time(found.at),
            self.describe(&found.packet),
            differences.join("\n  ")
        );
        Err(Error::new(event.pos, message))
    }

    fn compare_segment(&mut self, want: &script::Packet, segment: &Segment, tcp: &Tcp) -> Vec<String> {
        let syn = tcp.flags & 0x02 != 0;
        if !self.flows.get(&want.flow).is_some_and(|flow| flow.owns(tcp)) {
            let flow = Flow::new(tcp.src, tcp.dst, self.config.remote_shift);
            self.flows.insert(want.flow.clone(), flow);
        }
        let rules = self.config.rules;
        let flow = self.flow(&want.flow);
        if syn && segment.flags & 0x02 != 0 {
            flow.on_syn_out(segment.seq, tcp.seq);
        }
        let mut differences = Vec::new();
        let stamp = tcp.options.iter().find_map(|option| match option {
            Opt::Timestamps(value, _) => Some(*value),
            _ => None,
        });
        let wanted_stamp = segment.options.iter().find_map(|word| match word {
            OptionWord::Is(Opt::Timestamps(value, _)) => Some(*value),
            _ => None,
        });
        if let (Some(value), Some(wire)) = (wanted_stamp, stamp) {
            if let Some(known) = flow.on_stamp_out(value, wire) {
                let is = flow.stamp_to_script(wire);
                differences.push(format!(
                    "TS val {value} was {known} on the wire before; now it is as {is} would be"
                ));
            }
        }
        flow.urgent |= tcp.flags & 0x20 != 0;
        let sent = flow.to_script(tcp);
        if sent.flags & 0x14 == 0x10 {
            flow.on_ack_out(sent.ack, syn);
        }
        let place = flow.local_place(sent.seq).wrapping_add(u32::from(syn));
        differences.extend(expect::segment(segment, want.ip, &sent, place, rules));
        differences
    }
}

/// What the peer's packets have where the script says nothing.
fn ip_fields(ip: script::Ip) -> IpFields {
    let usual = IpFields::default();
    IpFields {
        tos: ip.tos.unwrap_or(usual.tos) | ip.ecn.unwrap_or(0),
        ttl: ip.ttl.unwrap_or(usual.ttl),
        df: ip.df.unwrap_or(usual.df),
    }
}
