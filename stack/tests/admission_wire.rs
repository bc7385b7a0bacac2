//! SYN-attack protection on the wire: backlog, thresholds, effects, and what a full queue does.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::bystander::Bystander;
use common::frames::{self, PEER_MAC, US, at};
use common::peer::{ACK, PSH, Peer, RST};
use common::wire::Wire;
use common::{ms, secs};
use std::net::Ipv4Addr;
use synward::admission::Reason;
use synward::settings::{AcceptQueueFull, Cookies, Settings, SynAttackProtect, Trigger};
use synward::shard::{Event, ListenerId};
use synward::tcp::Options;
use synward::telemetry::Discard;
use synward::wire::TcpOptions;

const ALL: [SynAttackProtect; 3] =
    [SynAttackProtect::Off, SynAttackProtect::WhileAttacked, SynAttackProtect::Strict];

fn listening(change: impl FnOnce(&mut Settings), backlog: u32) -> (Wire, ListenerId) {
    let mut settings = Settings::default();
    change(&mut settings);
    let mut wire = Wire::new(settings);
    let listener = wire.host.listen(at(US, 80).into(), backlog, &Options::default()).unwrap();
    (wire, listener)
}

fn syns(wire: &mut Wire, ports: std::ops::Range<u16>) -> usize {
    ports.filter(|port| !Peer::new(*port, 80).syn(wire, TcpOptions::default()).is_empty()).count()
}

fn open(wire: &mut Wire, port: u16) -> Peer {
    let mut peer = Peer::new(port, 80);
    let answer = peer.syn(wire, TcpOptions::default());
    peer.learn(&answer[0]);
    peer.send(wire, ACK, &[]);
    peer
}

fn protecting(wire: &Wire) -> bool {
    wire.host.snapshot().admission.protecting.is_some()
}

#[test]
fn half_open_connections_use_up_the_backlog_under_0_and_1_and_not_under_2() {
    for protect in ALL {
        let (mut wire, _) = listening(
            |s| (s.admission.syn_attack_protect, s.admission.cookies) = (protect, Cookies::Never),
            3,
        );
        let answered = syns(&mut wire, 100..110);
        let expected = if protect == SynAttackProtect::Strict { 10 } else { 3 };
        assert_eq!(answered, expected, "{protect:?}");
        // The places come back when half-open connections end, whatever their end.
        for port in 100..110 {
            let peer = Peer::new(port, 80);
            let header = synward::wire::TcpHeader { seq: peer.seq + 1, ..peer.header(RST) };
            wire.inject(&peer.frame(&header, &[]));
        }
        assert_eq!(syns(&mut wire, 200..203), 3, "{protect:?}");
        wire.run(secs(64));
        assert_eq!(syns(&mut wire, 300..303), 3, "{protect:?}: after their time");
    }
}

#[test]
fn completed_connections_use_up_the_backlog_under_all_three_until_they_are_accepted() {
    for protect in ALL {
        for full in [AcceptQueueFull::Silent, AcceptQueueFull::Reset] {
            let (mut wire, listener) = listening(
                |s| (s.admission.syn_attack_protect, s.admission.accept_queue_full) = (protect, full),
                2,
            );
            open(&mut wire, 100);
            open(&mut wire, 101);
            let mut late = Peer::new(102, 80);
            let answer = late.syn(&mut wire, TcpOptions::default());
            let flags: Vec<_> = answer.iter().map(|sent| sent.header.flags).collect();
            let expected = if full == AcceptQueueFull::Silent { vec![] } else { vec![RST.with(ACK)] };
            assert_eq!(flags, expected, "{protect:?}");
            assert_eq!(wire.discards(Discard::SynBacklogFull), 1);
            wire.host.accept(listener).unwrap();
            assert_eq!(syns(&mut wire, 103..104), 1, "{protect:?}: there is room again");
        }
    }
}

#[test]
fn the_third_ack_that_finds_the_queue_full_is_remembered_and_gets_in_when_there_is_room() {
    let (mut wire, listener) = listening(|_| (), 1);
    let mut first = Peer::new(100, 80);
    let mut second = Peer::new(101, 80);
    for peer in [&mut first, &mut second] {
        let answer = peer.syn(&mut wire, TcpOptions::default());
        peer.learn(&answer[0]);
    }
    first.send(&mut wire, ACK, &[]);
    second.send(&mut wire, ACK, &[]);
    assert_eq!(wire.discards(Discard::SynBacklogFull), 1);
    wire.host.accept(listener).unwrap();
    // Our SYN-ACK comes again, and the client answers it.
    wire.run(ms(1100));
    assert!(wire.segments().iter().any(|sent| sent.to == second.me && sent.header.flags.syn()));
    second.send(&mut wire, ACK, &[]);
    assert!(wire.host.accept(listener).is_ok());
    // One that never finds room is told: it believes in a connection.
    let (mut third, mut fourth) = (Peer::new(102, 80), Peer::new(103, 80));
    for peer in [&mut fourth, &mut third] {
        let answer = peer.syn(&mut wire, TcpOptions::default());
        peer.learn(&answer[0]);
    }
    fourth.send(&mut wire, ACK, &[]);
    third.send(&mut wire, ACK, &[]);
    wire.run(secs(70));
    let told = wire.segments().into_iter().filter(|sent| sent.to == third.me && sent.header.flags.rst());
    assert_eq!(told.count(), 1);
}

#[test]
fn a_threshold_starts_protection_only_where_it_has_an_effect() {
    for protect in ALL {
        for retries in [1, 2, 5] {
            let (mut wire, _) = listening(
                |s| {
                    (s.admission.syn_attack_protect, s.admission.synack_retries) = (protect, retries);
                    (s.admission.max_half_open, s.admission.max_half_open_retried) = (5, 4);
                },
                100,
            );
            syns(&mut wire, 100..105);
            assert!(!protecting(&wire), "five is not more than five");
            syns(&mut wire, 105..106);
            let effective = protect != SynAttackProtect::Off && retries >= 2;
            assert_eq!(protecting(&wire), effective, "{protect:?} {retries}");
            assert_eq!(wire.host.snapshot().admission.times_exceeded, 1, "counted in any case");
        }
    }
}

#[test]
fn any_one_threshold_triggers_or_both_together_where_the_article_is_read_literally() {
    for (trigger, expected) in [(Trigger::Any, Reason::HalfOpen), (Trigger::Both, Reason::HalfOpenAndRetried)]
    {
        let (mut wire, _) = listening(
            |s| {
                s.admission.trigger = trigger;
                (s.admission.max_half_open, s.admission.max_half_open_retried) = (5, 4);
            },
            100,
        );
        syns(&mut wire, 100..110);
        assert_eq!(protecting(&wire), trigger == Trigger::Any);
        // Their SYN-ACKs go out again: now the other threshold is exceeded, too.
        wire.run(ms(1100));
        let state = wire.host.snapshot().admission;
        assert_eq!(state.protecting.map(|(_, reason)| reason), Some(expected));
    }
    let (mut wire, _) =
        listening(|s| (s.admission.max_half_open, s.admission.max_half_open_retried) = (50, 4), 100);
    syns(&mut wire, 100..105);
    assert!(!protecting(&wire));
    wire.run(ms(1100));
    let state = wire.host.snapshot().admission;
    assert_eq!(state.protecting.map(|(_, reason)| reason), Some(Reason::Retried));
}

#[test]
fn while_protecting_fewer_syn_acks_are_sent_again_and_entries_end_sooner() {
    let (mut wire, _) =
        listening(|s| (s.admission.max_half_open, s.admission.max_half_open_retried) = (5, 4), 100);
    syns(&mut wire, 100..106);
    assert!(protecting(&wire));
    wire.take();
    wire.run(secs(60));
    let again = wire.segments().iter().filter(|sent| sent.header.flags.syn()).count();
    assert_eq!(again, 6, "one retransmission each");
    assert_eq!(wire.host.snapshot().admission.counts.half_open, 0);
    assert_eq!(wire.host.idle_state().1, 0);
}

#[test]
fn protection_ends_after_the_hold_off_which_doubles_on_a_renewed_attack_and_each_change_is_told() {
    let (mut wire, _) = listening(
        |s| {
            (s.admission.max_half_open, s.admission.max_half_open_retried) = (5, 4);
            (s.admission.hold_off, s.admission.hold_off_max) = (secs(10), secs(40));
        },
        100,
    );
    let mut hold_offs = Vec::new();
    for round in 0..4 {
        syns(&mut wire, 100 + 10 * round..106 + 10 * round);
        assert!(protecting(&wire));
        let start = wire.now;
        while protecting(&wire) {
            wire.run(ms(500));
            assert!(wire.now.since(start) < secs(60));
        }
        hold_offs.push(wire.host.snapshot().admission.hold_off.as_secs());
    }
    assert_eq!(hold_offs, [10, 20, 40, 40]);
    let told: Vec<_> = wire
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Protection(change) => Some((change.protecting, change.reason)),
            _ => None,
        })
        .collect();
    let round = [(true, Reason::HalfOpen), (false, Reason::Calm)];
    assert_eq!(told, round.repeat(4));
}

#[test]
fn an_unproven_peer_gets_no_neighbour_entry_and_its_answer_goes_back_the_way_it_came() {
    let (mut wire, _) = listening(|_| (), 100);
    let before = (wire.host.snapshot().neighbors, wire.arp_requests.len());
    for n in 0..2000_u16 {
        let mut peer = Peer::new(1000 + n, 80);
        // On the link and off it, all from one station.
        let spoofed = if n % 2 == 0 { [192, 0, 2, 10 + (n % 200) as u8] } else { [203, 0, 113, n as u8] };
        peer.me.set_ip(Ipv4Addr::from(spoofed));
        let answer = peer.syn(&mut wire, TcpOptions::default());
        assert!(answer.iter().all(|sent| sent.station == PEER_MAC));
    }
    wire.run(secs(70));
    assert_eq!((wire.host.snapshot().neighbors, wire.arp_requests.len()), before);
    assert_eq!((wire.host.idle_state().1, wire.host.snapshot().admission.counts.half_open), (0, 0));
}

#[test]
fn during_a_flood_clients_get_in_half_open_memory_is_bounded_and_a_live_connection_is_not_disturbed() {
    for cookies in [Cookies::OnOverflow, Cookies::Always] {
        let mut settings = Settings::default();
        settings.admission.cookies = cookies;
        settings.limits.half_open = 512;
        let mut wire = Wire::new(settings);
        let mut bystander = Bystander::new(&mut wire);
        bystander.check(&mut wire);
        let (mut accepted, mut memory) = (0, 0);
        for n in 0..50_000_u32 {
            let mut attacker = Peer::new(1 + (n % 60_000) as u16, 80);
            attacker.me.set_ip(Ipv4Addr::from(0xcb00_7100 + n / 256));
            let frame = attacker.frame(&attacker.header(common::peer::SYN), &[]);
            wire.host.device_mut().inbox.push_back(frame);
            if n % 500 == 0 {
                wire.settle();
                wire.take();
                let mut client = open(&mut wire, 30_000 + (n / 500) as u16);
                client.send(&mut wire, ACK.with(PSH), b"let me in");
                let (id, from) = wire.host.accept(bystander.listener).unwrap();
                assert_eq!(from, client.me.into());
                let mut text = [0; 16];
                assert_eq!(wire.host.read(id, &mut text), Ok(9));
                wire.host.abort(id);
                accepted += 1;
                let state = wire.host.snapshot().admission;
                assert!(state.counts.half_open <= 512);
                memory = memory.max(state.memory);
                wire.run(ms(5));
            }
        }
        bystander.check(&mut wire);
        assert_eq!(accepted, 100, "{cookies:?}");
        assert!(memory < 512 * 128, "{memory} bytes");
        assert_eq!(wire.host.snapshot().admission.evicted, 0, "with cookies nothing is evicted");
    }
}

#[test]
fn icmp_about_a_syn_ack_ends_it_only_where_it_quotes_our_number_and_says_port_or_protocol() {
    let (mut wire, _) = listening(|_| (), 10);
    let mut peer = Peer::new(100, 80);
    let syn_ack = peer.syn(&mut wire, TcpOptions::default()).remove(0);
    let message = |reason, quoted: &[u8]| {
        let unreachable = synward::wire::Icmpv4::Unreachable { reason, quoted };
        frames::icmp(frames::GATEWAY_MAC, frames::GATEWAY, &unreachable)
    };
    let reason = synward::wire::Unreachable::from_wire;
    let mut wrong = syn_ack.packet.clone();
    wrong[24] ^= 1;
    assert_eq!(wire.fate(&message(reason(3, 0), &wrong)), Some(Discard::IcmpSequence));
    assert_eq!(wire.fate(&message(reason(1, 0), &syn_ack.packet)), Some(Discard::IcmpUnused));
    assert_eq!(wire.host.snapshot().admission.counts.half_open, 1);
    wire.inject(&message(reason(3, 0), &syn_ack.packet));
    assert_eq!((wire.host.snapshot().admission.counts.half_open, wire.host.idle_state().1), (0, 0));
}
