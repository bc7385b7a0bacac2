//! Behaviour of admission as a whole, seen from the shard.

mod backlog;
mod cookies;
mod flood;
mod segments;
mod syn;
mod time;

use super::*;
use crate::base::{Instant, Secrets};
use crate::settings::{self, Cookies, SynAttackProtect};
use crate::wire::{Addr, Endpoint, TcpFlags, Timestamps};
use core::time::Duration;
use std::net::Ipv4Addr;

const LISTENER: u32 = 3;
const MAC: Mac = Mac([2, 0, 0, 0, 0, 9]);

/// Settings under test, and one listener.
struct Setup {
    admission: settings::Admission,
    tcp: settings::Tcp,
    limits: settings::Limits,
    backlog: u32,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            admission: settings::Admission::default(),
            tcp: settings::Tcp::default(),
            limits: settings::Limits { half_open: 8, ..Default::default() },
            backlog: 128,
        }
    }
}

impl Setup {
    fn with(change: impl FnOnce(&mut Self)) -> World {
        let mut setup = Self::default();
        change(&mut setup);
        let Self { admission, tcp, limits, backlog } = setup;
        World {
            now: Instant::from_secs(1000),
            backlog: Backlog::new(&admission, backlog),
            admission: Admission::new(
                &admission,
                &tcp,
                &limits,
                &Secrets::from_test_seed(7),
                Instant::from_secs(1000),
            ),
        }
    }
}

struct World {
    now: Instant,
    admission: Admission,
    backlog: Backlog,
}

fn flow(n: u32) -> FlowKey {
    let end = |addr: u32, port| Endpoint { addr: Addr::v4(Ipv4Addr::from(addr)), port };
    FlowKey { local: end(0x0a00_0001, 80), remote: end(0x0b00_0000 + n, 5000) }
}

fn options() -> TcpOptions {
    TcpOptions {
        mss: Some(1460),
        window_scale: Some(9),
        sack_permitted: true,
        timestamps: Some(Timestamps { value: 70_000, echo: 0 }),
        ..Default::default()
    }
}

fn syn(n: u32) -> Syn {
    Syn { flow: flow(n), seq: SeqNum(n.wrapping_mul(77)), options: options(), reply_mac: MAC, our_mss: 1460 }
}

/// What the client answers to a SYN-ACK.
fn third_ack(reply: &Reply) -> TcpHeader {
    let ours = &reply.header;
    assert_eq!(ours.flags, TcpFlags::SYN.with(TcpFlags::ACK));
    TcpHeader {
        src_port: ours.dst_port,
        dst_port: ours.src_port,
        seq: ours.ack,
        ack: ours.seq + 1,
        flags: TcpFlags::ACK,
        window: 500,
        options: TcpOptions {
            timestamps: ours.options.timestamps.map(|ts| Timestamps { value: ts.echo + 30, echo: ts.value }),
            ..Default::default()
        },
        ..Default::default()
    }
}

impl World {
    fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    fn on(&mut self, syn: &Syn) -> Verdict {
        self.admission.on_syn(self.now, LISTENER, &mut self.backlog, syn, None, None)
    }

    /// A SYN that gets an entry.
    fn enter(&mut self, n: u32) -> (HalfOpenId, Reply) {
        match self.on(&syn(n)) {
            Verdict::Answer { reply, id, new: true, evicted: None } => (id, reply),
            other => panic!("{other:?}"),
        }
    }

    /// A SYN that gets a cookie.
    fn cookie(&mut self, n: u32) -> Reply {
        match self.on(&syn(n)) {
            Verdict::Cookie(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    fn again(&mut self, id: HalfOpenId, syn: &Syn) -> Verdict {
        self.admission.on_syn(self.now, LISTENER, &mut self.backlog, syn, Some(id), None)
    }

    fn segment(&mut self, id: HalfOpenId, header: &TcpHeader, payload: usize) -> HalfOpenOutcome {
        self.admission.on_segment(self.now, id, &mut self.backlog, header, payload)
    }

    fn cookie_ack(&mut self, n: u32, header: &TcpHeader, payload: usize) -> CookieOutcome {
        self.admission.on_cookie_ack(self.now, LISTENER, &mut self.backlog, &flow(n), header, payload)
    }

    fn complete(&mut self, id: HalfOpenId, header: &TcpHeader) -> Handshake {
        match self.segment(id, header, 0) {
            HalfOpenOutcome::Complete(handshake) => handshake,
            other => panic!("{other:?}"),
        }
    }

    /// Advances to each deadline up to `until`; what was due, and when, in milliseconds from the start of the call.
    fn run(&mut self, until: Duration) -> Vec<(u128, Due)> {
        let start = self.now;
        let mut all = Vec::new();
        while let Some(deadline) = self.admission.next_deadline().filter(|d| *d <= start + until) {
            self.now = deadline.max(self.now);
            while let Some(due) = self.admission.poll(self.now) {
                all.push((self.now.since(start).as_millis(), due));
            }
        }
        self.now = start + until;
        all
    }

    fn len(&self) -> usize {
        self.admission.half_open_len()
    }
}

fn never(setup: &mut Setup) {
    setup.admission.cookies = Cookies::Never;
}

fn protect(setup: &mut Setup, level: u8) {
    setup.admission.syn_attack_protect = match level {
        0 => SynAttackProtect::Off,
        1 => SynAttackProtect::WhileAttacked,
        _ => SynAttackProtect::Strict,
    };
}
