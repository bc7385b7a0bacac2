//! Settings of what happens to a SYN.

use super::tcp::peer;
use crate::common::frames::{US, at};
use crate::common::peer::{ACK, Peer, RST};
use crate::common::secs;
use crate::common::wire::Wire;
use crate::{Case, case, nothing};
use std::time::Duration;
use synward::settings::{Cookies, Settings, SynAttackProtect};
use synward::shard::ListenerId;
use synward::tcp::Options;
use synward::wire::{TcpHeader, TcpOptions};

fn listening(settings: Settings, backlog: u32) -> (Wire, ListenerId) {
    let mut wire = Wire::new(settings);
    let listener = wire.host.listen(at(US, 80).into(), backlog, &Options::default()).unwrap();
    (wire, listener)
}

/// SYNs from ports `from` on; how many were answered by a SYN-ACK.
fn syns(wire: &mut Wire, from: u16, n: u16) -> usize {
    let one = |port| {
        let answer = peer(port).syn(wire, TcpOptions::default());
        answer.iter().filter(|sent| sent.header.flags.syn()).count()
    };
    (from..from + n).map(one).sum()
}

/// Half-open connections of these ports end by their peers' RST.
fn resets(wire: &mut Wire, from: u16, n: u16) {
    for port in from..from + n {
        let one = peer(port);
        let header = TcpHeader { seq: one.seq + 1, ..one.header(RST) };
        wire.inject(&one.frame(&header, &[]));
    }
}

fn protecting(wire: &Wire) -> bool {
    wire.host.snapshot().admission.protecting.is_some()
}

/// More than five half-open connections are an attack; calm is two, for five seconds.
fn sensitive(settings: &mut Settings) {
    let admission = &mut settings.admission;
    (admission.max_half_open, admission.max_half_open_retried) = (5, 4);
    admission.leave_percent = 50;
    (admission.hold_off, admission.hold_off_max) = (secs(5), secs(240));
    admission.synack_retries_protected = 5;
}

/// A backlog of one place, which half-open connections take.
fn narrow(settings: &mut Settings) {
    settings.admission.syn_attack_protect = SynAttackProtect::WhileAttacked;
    settings.admission.cookies = Cookies::Never;
    settings.admission.max_ports_exhausted = 2;
}

fn dynamic(settings: &mut Settings) {
    narrow(settings);
    let admission = &mut settings.admission;
    admission.dynamic_backlog = true;
    (admission.dynamic_backlog_min, admission.dynamic_backlog_max) = (2, 20);
    admission.dynamic_backlog_delta = 5;
}

/// Under attack.
fn attacked(settings: Settings) -> Wire {
    let (mut wire, _) = listening(settings, 64);
    syns(&mut wire, 100, 6);
    wire
}

/// SYN-ACKs for one SYN that is never acknowledged.
fn syn_acks(wire: &mut Wire, port: u16) -> Vec<Duration> {
    let mut one = peer(port);
    let start = wire.now;
    let first = one.syn(wire, TcpOptions::default());
    let again = {
        wire.run(secs(300));
        wire.timed_segments()
    };
    let mine = again.iter().filter(|(_, sent)| sent.to == one.me && sent.header.flags.syn());
    first.iter().map(|_| Duration::ZERO).chain(mine.map(|(at, _)| at.since(start))).collect()
}

fn leaves(settings: Settings, remain: u16, after: u64) -> String {
    let mut wire = attacked(settings);
    resets(&mut wire, 100 + remain, 6 - remain);
    wire.run(secs(after));
    protecting(&wire).to_string()
}

fn complete(wire: &mut Wire, port: u16) -> Option<Peer> {
    let mut one = peer(port);
    let answer = one.syn(wire, TcpOptions::default());
    one.learn(answer.iter().find(|sent| sent.header.flags.syn())?);
    one.send(wire, ACK, &[]);
    Some(one)
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("admission.syn-attack-protect", sensitive, [("0", "false"), ("2", "true")], |s| {
            protecting(&attacked(s)).to_string()
        }),
        case("admission.max-half-open", sensitive, [("5", "true"), ("500", "false")], |s| {
            protecting(&attacked(s)).to_string()
        }),
        case(
            "admission.max-half-open-retried",
            |s| s.admission.max_half_open = 50,
            [("4", "true"), ("40", "false")],
            |s| {
                let mut wire = attacked(s);
                wire.run(secs(2));
                protecting(&wire).to_string()
            },
        ),
        case("admission.max-ports-exhausted", narrow, [("2", "true"), ("5", "false")], |s| {
            let (mut wire, _) = listening(s, 1);
            syns(&mut wire, 100, 4);
            protecting(&wire).to_string()
        }),
        case("admission.ports-exhausted-period", narrow, [("60s", "true"), ("1s", "false")], |s| {
            let (mut wire, _) = listening(s, 1);
            for n in 0..4 {
                syns(&mut wire, 100 + n, 1);
                wire.run(secs(2));
            }
            protecting(&wire).to_string()
        }),
        case("admission.trigger", sensitive, [("any", "true"), ("both", "false")], |s| {
            protecting(&attacked(s)).to_string()
        }),
        case("admission.synack-retries", nothing, [("5", "6"), ("1", "2")], |s| {
            syn_acks(&mut listening(s, 8).0, 100).len().to_string()
        }),
        case("admission.synack-retries-protected", sensitive, [("1", "2"), ("3", "4")], |s| {
            syn_acks(&mut attacked(s), 200).len().to_string()
        }),
        case("admission.synack-rto", nothing, [("1000", "1s"), ("3000", "3s")], |s| {
            format!("{:?}", syn_acks(&mut listening(s, 8).0, 100)[1])
        }),
        case("admission.window-scaling-protected", sensitive, [("true", "true"), ("false", "false")], |s| {
            let offer = TcpOptions { window_scale: Some(3), ..TcpOptions::default() };
            let answer = peer(200).syn(&mut attacked(s), offer);
            answer[0].header.options.window_scale.is_some().to_string()
        }),
        // Two of the five are half: calm with 50 percent, none is calm with 0.
        case("admission.leave-percent", sensitive, [("50", "false"), ("0", "true")], |s| leaves(s, 2, 10)),
        case("admission.hold-off", sensitive, [("5s", "false"), ("60s", "true")], |s| leaves(s, 0, 10)),
        case("admission.hold-off-max", sensitive, [("240s", "10s"), ("7s", "7s")], |s| {
            let mut wire = attacked(s);
            resets(&mut wire, 100, 6);
            wire.run(secs(6));
            assert!(!protecting(&wire));
            syns(&mut wire, 200, 6);
            format!("{:?}", wire.host.snapshot().admission.hold_off)
        }),
        case("admission.cookies", nothing, [("on-overflow", "3 0"), ("always", "0 3")], |s| {
            let (mut wire, _) = listening(s, 8);
            syns(&mut wire, 100, 3);
            let state = wire.host.snapshot().admission;
            format!("{} {}", state.counts.half_open, state.cookies_sent)
        }),
        case(
            "admission.cookie-epoch",
            |s| s.admission.cookies = Cookies::Always,
            [("60s", "true"), ("5s", "false")],
            |s| {
                let (mut wire, listener) = listening(s, 8);
                let mut one = peer(100);
                let answer = one.syn(&mut wire, TcpOptions::default());
                one.learn(&answer[0]);
                wire.run(secs(30));
                one.send(&mut wire, ACK, &[]);
                wire.host.accept(listener).is_ok().to_string()
            },
        ),
        case("admission.accept-queue-full", nothing, [("silent", "[]"), ("reset", "[R.]")], |s| {
            let (mut wire, _) = listening(s, 1);
            complete(&mut wire, 100).unwrap();
            let answer = peer(101).syn(&mut wire, TcpOptions::default());
            let flags: Vec<_> = answer.iter().map(|sent| sent.header.flags).collect();
            format!("{flags:?}")
        }),
        case("admission.backlog-max", nothing, [("4096", "3"), ("1", "1")], |s| {
            let (mut wire, _) = listening(s, 100);
            (100..103).filter(|port| complete(&mut wire, *port).is_some()).count().to_string()
        }),
        case("admission.dynamic-backlog", dynamic, [("false", "3"), ("true", "10")], |s| {
            syns(&mut listening(s, 3).0, 100, 10).to_string()
        }),
        case("admission.dynamic-backlog-min", dynamic, [("0", "3"), ("2", "10")], |s| {
            syns(&mut listening(s, 3).0, 100, 10).to_string()
        }),
        case("admission.dynamic-backlog-max", dynamic, [("6", "6"), ("20", "10")], |s| {
            syns(&mut listening(s, 3).0, 100, 10).to_string()
        }),
        case("admission.dynamic-backlog-delta", dynamic, [("0", "3"), ("5", "10")], |s| {
            syns(&mut listening(s, 3).0, 100, 10).to_string()
        }),
    ]
}
