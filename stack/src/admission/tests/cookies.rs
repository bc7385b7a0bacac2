//! SYN cookies as a listener uses them.

use super::*;
use crate::tcp::PeerOptions;
use crate::tcp::timestamps;
use proptest::prelude::*;

fn always(setup: &mut Setup) {
    setup.admission.cookies = Cookies::Always;
}

fn full() -> World {
    let mut world = Setup::with(|s| s.limits.half_open = 1);
    world.enter(1000);
    world
}

/// RFC 4987, Section 3.6.
#[test]
fn a_cookie_keeps_nothing_and_its_ack_completes_the_handshake() {
    let mut world = full();
    let reply = world.cookie(1);
    assert_eq!(world.len(), 1);
    world.wait(Duration::from_millis(35));
    let outcome = world.cookie_ack(1, &third_ack(&reply), 0);
    let CookieOutcome::Valid(handshake) = outcome else { panic!("{outcome:?}") };
    assert_eq!((handshake.flow, handshake.irs, handshake.iss), (flow(1), syn(1).seq, reply.header.seq));
    let peer = PeerOptions { mss: 1460, window_scale: Some(9), sack: true, ts_recent: Some(70_030) };
    assert_eq!(handshake.peer, peer, "as if there had been an entry");
    assert_eq!(
        (handshake.our_window_scale, handshake.our_window, handshake.peer_window),
        (7, 65_535, 500 << 9)
    );
    assert_eq!(handshake.rtt_us, Some(35_000));
    assert_eq!(
        timestamps::clock(world.now - Duration::from_millis(35), handshake.ts_offset),
        reply.header.options.timestamps.unwrap().value
    );
    let state = world.admission.state();
    assert_eq!((state.cookies_sent, state.cookies_valid, state.cookies_late), (1, 1, 0));
}

#[test]
fn a_syn_that_finds_room_gets_an_entry_unless_cookies_are_always_sent() {
    Setup::with(|_| {}).enter(1);
    Setup::with(always).cookie(1);
}

#[test]
fn a_first_ack_with_data_or_fin_opens_a_cookie_too_and_is_counted_apart() {
    let mut world = full();
    let ack = third_ack(&world.cookie(1));
    assert!(matches!(world.cookie_ack(1, &ack, 300), CookieOutcome::Valid(_)));
    let fin = TcpHeader { flags: TcpFlags::ACK.with(TcpFlags::FIN), ..ack };
    assert!(matches!(world.cookie_ack(1, &fin, 0), CookieOutcome::Valid(_)));
    assert_eq!(world.admission.state().cookies_late, 2);
}

#[test]
fn cookies_are_checked_up_to_two_epochs_after_this_listener_sent_one_and_then_are_stray_segments() {
    let mut world = full();
    let stray = TcpHeader { flags: TcpFlags::ACK, seq: SeqNum(5), ack: SeqNum(6), ..Default::default() };
    assert_eq!(world.cookie_ack(1, &stray, 0), CookieOutcome::NotExpected);
    let ack = third_ack(&world.cookie(1));
    // The epochs are 60 s long and the world began at 1000 s: the next ones begin at 1020 s and 1080 s.
    world.wait(Duration::from_secs(79));
    assert!(matches!(world.cookie_ack(1, &ack, 0), CookieOutcome::Valid(_)));
    assert!(matches!(world.cookie_ack(1, &stray, 0), CookieOutcome::Invalid { .. }));
    world.wait(Duration::from_secs(1));
    assert_eq!(world.cookie_ack(1, &ack, 0), CookieOutcome::NotExpected);
}

#[test]
fn another_listener_takes_no_cookie_before_it_sent_one() {
    let mut world = full();
    let ack = third_ack(&world.cookie(1));
    let mut other = Backlog::new(&settings::Admission::default(), 5);
    let outcome = world.admission.on_cookie_ack(world.now, 9, &mut other, &flow(1), &ack, 0);
    assert_eq!(outcome, CookieOutcome::NotExpected);
}

#[test]
fn answers_to_bad_cookies_are_limited_and_valid_ones_never_are() {
    let mut world = Setup::with(always);
    world.admission.limit_answers(20);
    let good = third_ack(&world.cookie(1));
    let bad = TcpHeader { ack: good.ack + 1, ..good };
    let mut answered = 0;
    for _ in 0..100 {
        match world.cookie_ack(1, &bad, 0) {
            CookieOutcome::Invalid { discard: Discard::CookieInvalid, answer: true } => answered += 1,
            CookieOutcome::Invalid { discard: Discard::CookieLimited, answer: false } => {}
            other => panic!("{other:?}"),
        }
        assert!(matches!(world.cookie_ack(1, &good, 0), CookieOutcome::Valid(_)));
    }
    assert!((10..=20).contains(&answered), "{answered}");
    assert_eq!(world.admission.state().cookies_invalid, 100);
}

#[test]
fn data_that_overtook_the_segment_that_its_cookie_fits_is_not_reset() {
    let mut world = Setup::with(always);
    let first = third_ack(&world.cookie(1));
    let second = TcpHeader { seq: first.seq + 1448, ..first };
    let outcome = world.cookie_ack(1, &second, 1448);
    assert_eq!(outcome, CookieOutcome::Invalid { discard: Discard::CookieInvalid, answer: false });
    assert!(matches!(world.cookie_ack(1, &first, 1448), CookieOutcome::Valid(_)), "its retransmission");
}

#[test]
fn a_valid_cookie_that_finds_the_queue_full_is_not_answered_and_works_later() {
    let mut world = Setup::with(|s| {
        always(s);
        s.backlog = 1;
    });
    let ack = third_ack(&world.cookie(1));
    world.backlog.push(1).unwrap();
    assert_eq!(world.cookie_ack(1, &ack, 10), CookieOutcome::Full(Discard::SynBacklogFull));
    world.backlog.pop();
    assert!(matches!(world.cookie_ack(1, &ack, 10), CookieOutcome::Valid(_)));
}

#[test]
fn syn_and_rst_are_never_taken_for_an_answer_to_a_cookie() {
    let mut world = Setup::with(always);
    let ack = third_ack(&world.cookie(1));
    for flags in [TcpFlags::ACK.with(TcpFlags::RST), TcpFlags::ACK.with(TcpFlags::SYN), TcpFlags::PSH] {
        assert_eq!(world.cookie_ack(1, &TcpHeader { flags, ..ack }, 0), CookieOutcome::NotExpected);
    }
}

#[test]
fn a_repeated_syn_gets_the_same_cookie_within_an_epoch() {
    let mut world = Setup::with(always);
    let first = world.cookie(1);
    world.wait(Duration::from_secs(3));
    assert_eq!(world.cookie(1).header.seq, first.header.seq);
}

proptest! {
    #[test]
    fn an_entry_and_a_cookie_agree_to_the_same_with_and_without_timestamps(
        mss in proptest::option::of(64..=u16::MAX),
        window_scale in proptest::option::of(any::<u8>()),
        sack_permitted in any::<bool>(),
        stamp in proptest::option::of(any::<u32>()),
        n in any::<u16>(),
    ) {
        let timestamps = stamp.map(|value| Timestamps { value, echo: 0 });
        let options = TcpOptions { mss, window_scale, sack_permitted, timestamps, ..Default::default() };
        let syn = Syn { options, ..syn(u32::from(n)) };
        let mut stored = Setup::with(|_| {});
        let Verdict::Answer { reply, id, .. } = stored.on(&syn) else { panic!("no entry") };
        let mut ack = third_ack_wrapping(&reply);
        let HalfOpenOutcome::Complete(from_entry) = stored.segment(id, &ack, 0) else { panic!("not complete") };

        let mut stateless = Setup::with(always);
        let Verdict::Cookie(reply) = stateless.on(&syn) else { panic!("no cookie") };
        ack.ack = reply.header.seq + 1;
        let CookieOutcome::Valid(from_cookie) = stateless.cookie_ack(u32::from(n), &ack, 0) else { panic!("invalid") };

        let rounded = *COOKIE_MSS.iter().rev().find(|m| **m <= from_entry.peer.mss).unwrap();
        let peer = PeerOptions { mss: rounded, ..from_entry.peer };
        let rtt_us = stamp.map(|_| 0);
        prop_assert_eq!(Handshake { iss: reply.header.seq, peer, rtt_us, ..from_entry }, from_cookie);
    }
}

fn third_ack_wrapping(reply: &Reply) -> TcpHeader {
    let mut ack =
        third_ack(&Reply { header: TcpHeader { options: TcpOptions::default(), ..reply.header }, ..*reply });
    ack.options.timestamps = reply
        .header
        .options
        .timestamps
        .map(|ts| Timestamps { value: ts.echo.wrapping_add(30), echo: ts.value });
    ack
}
