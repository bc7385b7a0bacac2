//! Somebody off the path forges segments of a live connection (RFC 5961): outside the window, inside it, and exact.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::bystander::Bystander;
use common::frames;
use common::peer::{ACK, PSH, Peer, RST, SYN};
use common::wire::Wire;
use common::{ms, secs};
use synward::settings::Settings;
use synward::shard::Event;
use synward::tcp::{CloseReason, TcpState};
use synward::telemetry::Discard;
use synward::wire::{TcpFlags, TcpHeader};

fn stand() -> (Wire, Bystander) {
    let mut wire = Wire::new(Settings::default());
    let mut bystander = Bystander::new(&mut wire);
    bystander.check(&mut wire);
    wire.events();
    // Beyond the first acknowledgments, which are at once.
    for _ in 0..10 {
        bystander.check(&mut wire);
    }
    wire.run(secs(2));
    wire.take();
    (wire, bystander)
}

/// A forged segment `offset` away from what the peer would send next.
fn forged(peer: &Peer, offset: i64, flags: TcpFlags, payload: &[u8]) -> Vec<u8> {
    let header = TcpHeader { seq: peer.seq + offset as u32, ..peer.header(flags) };
    peer.frame(&header, payload)
}

fn window(wire: &Wire, bystander: &Bystander) -> i64 {
    i64::from(wire.host.info(bystander.id).unwrap().receive_window)
}

#[test]
fn a_blind_reset_outside_the_window_does_nothing_inside_it_is_challenged_and_exact_it_resets() {
    let (mut wire, mut bystander) = stand();
    let size = window(&wire, &bystander);
    for offset in [-1, -40_000, size + 1, size + 40_000, 1 << 31] {
        for flags in [RST, RST.with(ACK)] {
            let frame = forged(&bystander.peer, offset, flags, &[]);
            assert_eq!(wire.fate(&frame), Some(Discard::TcpOutOfWindow), "{offset}");
            assert_eq!(wire.segments(), [], "{offset}: nothing tells the forger");
        }
    }
    for offset in [1, 1000, size - 1] {
        let frame = forged(&bystander.peer, offset, RST, &[]);
        assert_eq!(wire.fate(&frame), Some(Discard::TcpResetInexact), "{offset}");
        let challenge = wire.segments();
        assert_eq!(challenge.len(), 1, "RFC 5961, Section 3.2");
        let header = challenge[0].header;
        assert_eq!((header.flags, header.ack), (ACK, bystander.peer.seq));
    }
    bystander.check(&mut wire);
    assert_eq!(wire.fate(&forged(&bystander.peer, 0, RST, &[])), None);
    assert_eq!(wire.host.state(bystander.id), TcpState::Closed);
    let closed = Event::Closed(bystander.id, CloseReason::ResetByPeer);
    assert!(wire.events().contains(&closed));
    wire.host.close(bystander.id);
    wire.run(secs(70));
    assert_eq!((wire.host.idle_state(), wire.host.snapshot().connections), ((0, 0), 0));
}

#[test]
fn a_blind_syn_is_challenged_wherever_it_falls() {
    let (mut wire, mut bystander) = stand();
    let size = window(&wire, &bystander);
    for offset in [-1, 0, 1, size - 1, size + 1, 1 << 31] {
        for flags in [SYN, SYN.with(ACK)] {
            wire.run(secs(1));
            let frame = forged(&bystander.peer, offset, flags, &[]);
            assert_eq!(wire.fate(&frame), Some(Discard::TcpSynInWindow), "{offset}");
            let challenge = wire.segments();
            assert_eq!(challenge.len(), 1, "{offset}: RFC 5961, Section 4.2");
            assert_eq!((challenge[0].header.flags, challenge[0].header.ack), (ACK, bystander.peer.seq));
        }
    }
    bystander.check(&mut wire);
}

#[test]
fn challenges_are_limited_for_each_connection_alone() {
    let (mut wire, mut bystander) = stand();
    let mut other = Peer::new(40_001, 80);
    other.open(&mut wire, bystander.listener);
    wire.take();
    for _ in 0..1000 {
        wire.inject(&forged(&bystander.peer, 5, SYN, &[]));
    }
    let limit = wire.host.settings().tcp.challenge_acks as usize;
    assert_eq!(wire.segments().len(), limit, "of a thousand in one second");
    wire.inject(&forged(&other, 5, SYN, &[]));
    assert_eq!(wire.segments().len(), 1, "another connection has its own limit");
    wire.run(secs(1));
    wire.inject(&forged(&bystander.peer, 5, SYN, &[]));
    assert_eq!(wire.segments().len(), 1, "a new second");
    bystander.check(&mut wire);
}

#[test]
fn blind_data_counts_only_with_an_acknowledgment_that_can_be() {
    let (mut wire, mut bystander) = stand();
    let peer = bystander.peer;
    let with_ack = |offset: i64, ack: i64, payload: &[u8]| {
        let header = peer.header(ACK.with(PSH));
        peer.frame(
            &TcpHeader { seq: header.seq + offset as u32, ack: header.ack + ack as u32, ..header },
            payload,
        )
    };
    let size = window(&wire, &bystander);
    // Acknowledging what was never sent, or something older than any window.
    for ack in [1, 70_000, 1 << 31, -200_000] {
        wire.run(secs(1));
        assert_eq!(wire.fate(&with_ack(0, ack, b"evil")), Some(Discard::TcpAckUnacceptable), "{ack}");
    }
    for offset in [size + 1, size + 100_000, 1 << 30] {
        assert_eq!(wire.fate(&with_ack(offset, 0, b"evil")), Some(Discard::TcpOutOfWindow), "{offset}");
    }
    // All of it is known already.
    assert_eq!(wire.fate(&with_ack(-4, 0, b"evil")), Some(Discard::TcpDuplicate));
    assert_eq!(wire.fate(&with_ack(-700, 0, b"evil")), Some(Discard::TcpDuplicate));
    wire.run(secs(2));
    bystander.check(&mut wire);
}

#[test]
fn segments_of_an_earlier_time_change_nothing() {
    let (mut wire, mut bystander) = stand();
    let old = bystander.peer;
    for _ in 0..5 {
        bystander.check(&mut wire);
    }
    for payload in [&[0xaa; 700][..], &[0xbb; 64], &[0xcc; 1]] {
        let frame = old.frame(&old.header(ACK.with(PSH)), payload);
        assert_eq!(wire.fate(&frame), Some(Discard::TcpDuplicate));
    }
    let fin = old.frame(&old.header(ACK.with(TcpFlags::FIN)), &[]);
    assert_eq!(wire.fate(&fin), Some(Discard::TcpDuplicate));
    assert_eq!(wire.host.state(bystander.id), TcpState::Established);
    bystander.check(&mut wire);
}

#[test]
fn two_hosts_that_disagree_do_not_answer_each_other_without_end() {
    let (mut wire, bystander) = stand();
    // A peer that answers each of our bare ACKs with a bare ACK out of window.
    wire.inject(&forged(&bystander.peer, -5, ACK, &[]));
    for n in 0..10_000 {
        let answers = wire.segments();
        if answers.is_empty() {
            assert!(n < 3, "the war ended after {n}");
            return;
        }
        for _ in answers {
            wire.inject(&forged(&bystander.peer, -5, ACK, &[]));
        }
        wire.run(ms(1));
    }
    panic!("an ACK war");
}

#[test]
fn a_forger_on_the_link_does_not_move_the_station_that_segments_go_to() {
    let (mut wire, mut bystander) = stand();
    let mut forged = bystander.peer.frame(&bystander.peer.header(ACK), &[]);
    forged[6..12].copy_from_slice(&frames::OTHER_MAC.0);
    wire.inject(&forged);
    wire.host.write(bystander.id, b"to whom?").unwrap();
    wire.settle();
    let sent = wire.segments();
    assert!(sent.iter().all(|segment| segment.station == frames::PEER_MAC), "{sent:?}");
    bystander.peer.take(&sent);
}
