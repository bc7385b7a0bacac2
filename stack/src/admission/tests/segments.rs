//! Segments for a half-open connection.

use super::*;
use crate::tcp::PeerOptions;

fn entered() -> (World, HalfOpenId, TcpHeader) {
    let mut world = Setup::with(|_| {});
    let (id, reply) = world.enter(1);
    world.wait(Duration::from_millis(20));
    (world, id, third_ack(&reply))
}

#[test]
fn the_third_ack_completes_the_handshake_with_all_that_was_agreed() {
    let (mut world, id, ack) = entered();
    let handshake = world.complete(id, &ack);
    assert_eq!((handshake.flow, handshake.irs, handshake.iss), (flow(1), syn(1).seq, ack.ack - 1));
    let peer = PeerOptions { mss: 1460, window_scale: Some(9), sack: true, ts_recent: Some(70_030) };
    assert_eq!(handshake.peer, peer);
    assert_eq!((handshake.our_window_scale, handshake.our_window), (7, 65_535));
    assert_eq!(handshake.peer_window, 500 << 9);
    assert_eq!((handshake.retransmitted, handshake.rtt_us), (false, Some(20_000)));
    assert_eq!((world.len(), world.admission.state().completed), (0, 1));
    assert_eq!(world.admission.next_deadline(), None, "an entry that is gone owes nothing");
}

#[test]
fn a_first_ack_with_data_or_fin_completes_it_too() {
    for (flags, payload) in [(TcpFlags::ACK.with(TcpFlags::PSH), 100), (TcpFlags::ACK.with(TcpFlags::FIN), 0)]
    {
        let (mut world, id, ack) = entered();
        let outcome = world.segment(id, &TcpHeader { flags, ..ack }, payload);
        assert!(matches!(outcome, HalfOpenOutcome::Complete(_)), "{outcome:?}");
    }
}

#[test]
fn data_that_overtook_the_third_ack_completes_it() {
    let (mut world, id, ack) = entered();
    let outcome = world.segment(id, &TcpHeader { seq: ack.seq + 1448, ..ack }, 1448);
    let HalfOpenOutcome::Complete(handshake) = outcome else { panic!("{outcome:?}") };
    assert_eq!(
        handshake.peer.ts_recent,
        Some(70_000),
        "its TSval does not count: it is not at the left edge"
    );
}

/// RFC 9293, Section 3.10.7.4, fifth step.
#[test]
fn an_ack_of_something_else_gets_rst_and_the_entry_stays() {
    let (mut world, id, ack) = entered();
    for wrong in [ack.ack - 1, ack.ack + 1, ack.ack + 0x8000_0000] {
        let outcome = world.segment(id, &TcpHeader { ack: wrong, ..ack }, 0);
        assert_eq!(outcome, HalfOpenOutcome::Reset(Discard::SynAckMismatch));
    }
    world.complete(id, &ack);
}

#[test]
fn a_segment_without_ack_is_dropped() {
    let (mut world, id, ack) = entered();
    let outcome = world.segment(id, &TcpHeader { flags: TcpFlags::PSH, ..ack }, 10);
    assert_eq!(outcome, HalfOpenOutcome::Drop(Discard::TcpNoAck));
    assert_eq!(world.len(), 1);
}

/// RFC 5961, Section 3.2.
#[test]
fn only_the_exact_rst_ends_it() {
    let (mut world, id, ack) = entered();
    let rst = |seq| TcpHeader { seq, flags: TcpFlags::RST, ..Default::default() };
    for far in [ack.seq - 1, ack.seq + 65_535, ack.seq + 0x7000_0000] {
        assert_eq!(world.segment(id, &rst(far), 0), HalfOpenOutcome::Drop(Discard::TcpOutOfWindow));
    }
    for near in [ack.seq + 1, ack.seq + 65_534] {
        let outcome = world.segment(id, &rst(near), 0);
        let HalfOpenOutcome::Challenge(reply, Discard::TcpResetInexact) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!((reply.header.seq, reply.header.ack), (ack.ack, ack.seq));
    }
    assert_eq!(world.segment(id, &rst(ack.seq), 0), HalfOpenOutcome::Gone(Discard::SynResetHalfOpen));
    assert_eq!((world.len(), world.admission.state().reset), (0, 1));
}

/// RFC 9293, Section 3.10.7.4, first step. RFC 7323, Section 2.2: only the window of a SYN is not scaled.
#[test]
fn a_segment_outside_the_window_gets_an_ack_that_says_where_we_are() {
    let (mut world, id, ack) = entered();
    for (seq, payload) in [(ack.seq + 65_535, 0), (ack.seq - 10, 10), (ack.seq - 1, 0)] {
        let outcome = world.segment(id, &TcpHeader { seq, ..ack }, payload);
        let HalfOpenOutcome::Challenge(reply, Discard::TcpOutOfWindow) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(reply.header.window, 65_535 >> 7, "only a SYN-ACK's window is not scaled");
    }
    let straddling = world.segment(id, &TcpHeader { seq: ack.seq - 10, ..ack }, 11);
    assert!(matches!(straddling, HalfOpenOutcome::Complete(_)), "its last byte is new: {straddling:?}");
}

/// RFC 5961, Section 4.2.
#[test]
fn the_syn_again_is_answered_from_the_entry_and_any_other_syn_is_challenged() {
    let (mut world, id, ack) = entered();
    let again =
        TcpHeader { seq: ack.seq - 1, flags: TcpFlags::SYN, options: options(), ..Default::default() };
    let HalfOpenOutcome::Answer(reply) = world.segment(id, &again, 0) else { panic!() };
    assert_eq!(third_ack(&reply).ack, ack.ack);
    for other in [
        TcpHeader { seq: ack.seq, ..again },
        TcpHeader { seq: ack.seq + 1_000_000, ..again },
        TcpHeader { flags: TcpFlags::SYN.with(TcpFlags::ACK), ..again },
    ] {
        let outcome = world.segment(id, &other, 0);
        assert!(matches!(outcome, HalfOpenOutcome::Challenge(_, Discard::TcpSynInWindow)), "{outcome:?}");
    }
    assert_eq!(world.len(), 1);
}

/// RFC 7323, Section 3.2, RFC 7323, Section 5.3, R1.
#[test]
fn agreed_timestamps_must_be_there_and_not_old() {
    let (mut world, id, ack) = entered();
    let with = |timestamps| TcpHeader { options: TcpOptions { timestamps, ..Default::default() }, ..ack };
    assert_eq!(world.segment(id, &with(None), 0), HalfOpenOutcome::Drop(Discard::TcpMissingTimestamp));
    let old = with(Some(Timestamps { value: 69_999, echo: 0 }));
    assert!(matches!(world.segment(id, &old, 0), HalfOpenOutcome::Challenge(_, Discard::TcpPaws)));
    world.complete(id, &with(Some(Timestamps { value: 70_000, echo: 0 })));
}

#[test]
fn a_stale_name_changes_nothing() {
    let (mut world, id, ack) = entered();
    world.complete(id, &ack);
    world.enter(2);
    assert_eq!(world.segment(id, &ack, 0), HalfOpenOutcome::Drop(Discard::SynAckMismatch));
    assert!(world.admission.remove(world.now, id).is_none());
    assert!(
        matches!(world.again(id, &syn(1)), Verdict::Answer { new: true, .. }),
        "a stale name is no entry"
    );
}
