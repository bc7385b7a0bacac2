//! SYN cookies on the wire and through a real client stack.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::frames::{US, at};
use common::pair::{Pair, Setup, Transfer, describe, exchange};
use common::peer::{ACK, FIN, PSH, Peer, RST};
use common::wire::Wire;
use common::{ms, secs};
use synward::settings::{Cookies, Settings};
use synward::shard::{AcceptError, ListenerId};
use synward::tcp::{Options, TcpState};
use synward::telemetry::Discard;
use synward::wire::TcpOptions;

fn listening(backlog: u32) -> (Wire, ListenerId) {
    let mut settings = Settings::default();
    settings.admission.cookies = Cookies::Always;
    let mut wire = Wire::new(settings);
    let listener = wire.host.listen(at(US, 80).into(), backlog, &Options::default()).unwrap();
    (wire, listener)
}

/// A peer that has a cookie.
fn invited(wire: &mut Wire, port: u16) -> Peer {
    let mut peer = Peer::new(port, 80);
    let answer = peer.syn(wire, TcpOptions::default());
    peer.learn(&answer[0]);
    peer
}

#[test]
fn with_every_combination_of_options_a_client_agrees_with_a_cookie_on_what_it_would_with_an_entry() {
    for cookies in [Cookies::Never, Cookies::Always] {
        for n in 0..16 {
            let mut setup = Setup { seed: n, ..Setup::default() };
            let client = &mut setup.settings[0].tcp;
            (client.window_scaling, client.timestamps, client.sack) = (n & 1 > 0, n & 2 > 0, n & 4 > 0);
            client.mss = if n & 8 > 0 { 1220 } else { 0 };
            setup.settings[1].admission.cookies = cookies;
            let mut pair = Pair::new(&setup);
            let (at_a, at_b) = pair.connected(&Options::default());
            assert_eq!(pair.b.snapshot().admission.cookies_valid, u64::from(cookies == Cookies::Always));
            let info = pair.b.info(at_b).unwrap();
            assert_eq!((info.sack, info.timestamps), (n & 4 > 0, n & 2 > 0), "{n}");
            let scales = if n & 1 > 0 { (7, 7) } else { (0, 0) };
            assert_eq!(info.window_scale, scales, "{n}");
            let full = if n & 8 > 0 { 1220 } else { 1460 };
            assert_eq!(info.send_mss, full - if n & 2 > 0 { 12 } else { 0 }, "{n} {cookies:?}");
            let (mut a, mut b) = (Transfer::new(at_a, 200_000), Transfer::new(at_b, 150_000));
            assert!(exchange(&mut pair, &mut a, &mut b, secs(30)), "{n} {}", describe(&pair, &a, &b));
            assert_eq!((a.got, b.got), (150_000, 200_000));
        }
    }
}

#[test]
fn a_cookie_is_accepted_on_a_first_ack_with_data_or_fin() {
    let (mut wire, listener) = listening(8);
    let mut with_data = invited(&mut wire, 100);
    with_data.send(&mut wire, ACK.with(PSH), b"hello");
    let (id, _) = wire.host.accept(listener).unwrap();
    let mut text = [0; 16];
    assert_eq!(wire.host.read(id, &mut text), Ok(5));
    let mut with_fin = invited(&mut wire, 101);
    with_fin.send(&mut wire, ACK.with(FIN), &[]);
    let (id, _) = wire.host.accept(listener).unwrap();
    assert_eq!((wire.host.state(id), wire.host.read(id, &mut text)), (TcpState::CloseWait, Ok(0)));
    let mut with_both = invited(&mut wire, 102);
    with_both.send(&mut wire, ACK.with(FIN).with(PSH), b"bye");
    let (id, _) = wire.host.accept(listener).unwrap();
    assert_eq!(wire.host.read(id, &mut text), Ok(3));
    assert_eq!(wire.host.read(id, &mut text), Ok(0));
    let state = wire.host.snapshot().admission;
    assert_eq!((state.cookies_valid, state.cookies_late), (3, 3));
}

#[test]
fn a_cookie_holds_for_one_epoch_at_least_and_for_two_at_most() {
    for (wait, valid) in [(0, true), (59, true), (121, false), (200, false)] {
        let (mut wire, listener) = listening(8);
        let mut peer = invited(&mut wire, 100);
        wire.run(secs(wait));
        // Another one keeps the listener expecting cookies.
        invited(&mut wire, 101);
        wire.take();
        peer.send(&mut wire, ACK, &[]);
        assert_eq!(wire.host.accept(listener).is_ok(), valid, "after {wait} s");
        if !valid {
            assert_eq!(wire.discards(Discard::CookieInvalid), 1);
            assert_eq!(wire.segments()[0].header.flags, RST, "it believes in a connection");
        }
    }
}

#[test]
fn a_guess_is_refused_whatever_part_of_a_cookie_it_has_right() {
    let (mut wire, listener) = listening(8);
    let good = invited(&mut wire, 100);
    for n in 0..64 {
        let mut forged = good;
        match n {
            0..32 => forged.ack += 1 << n,
            32..63 => forged.seq += 1 << (n - 32),
            _ => forged.me.set_port(101),
        }
        wire.inject(&forged.frame(&forged.header(ACK), &[]));
    }
    assert_eq!(wire.host.accept(listener), Err(AcceptError::WouldBlock));
    assert_eq!(wire.discards(Discard::CookieInvalid), 64);
    assert_eq!((wire.host.idle_state(), wire.host.snapshot().connections), ((0, 0), 0));
    wire.inject(&good.frame(&good.header(ACK), &[]));
    assert!(wire.host.accept(listener).is_ok());
}

#[test]
fn no_limiter_refuses_a_valid_cookie() {
    let (mut wire, listener) = listening(8);
    let mut good = invited(&mut wire, 100);
    for n in 0..3000 {
        let mut forged = Peer { ack: good.ack + 7, ..Peer::new(1000 + n, 80) };
        forged.seq += 1;
        wire.inject(&forged.frame(&forged.header(ACK), &[]));
    }
    assert!(wire.discards(Discard::CookieLimited) > 1000);
    good.send(&mut wire, ACK, &[]);
    assert!(wire.host.accept(listener).is_ok());
}

#[test]
fn a_valid_cookie_that_finds_the_queue_full_is_dropped_in_silence_and_gets_in_with_its_data() {
    let (mut wire, listener) = listening(1);
    let (mut first, mut second) = (invited(&mut wire, 100), invited(&mut wire, 101));
    first.send(&mut wire, ACK, &[]);
    wire.take();
    second.send(&mut wire, ACK, &[]);
    assert_eq!((wire.segments().len(), wire.discards(Discard::SynBacklogFull)), (0, 1));
    wire.host.accept(listener).unwrap();
    second.send(&mut wire, ACK.with(PSH), b"again");
    let (id, _) = wire.host.accept(listener).unwrap();
    let mut text = [0; 16];
    assert_eq!(wire.host.read(id, &mut text), Ok(5));
}

#[test]
fn a_syn_that_reuses_a_time_wait_gets_an_entry_whose_number_exceeds_the_old_one() {
    let (mut wire, listener) = listening(8);
    let mut peer = invited(&mut wire, 100);
    peer.send(&mut wire, ACK, &[]);
    let (id, _) = wire.host.accept(listener).unwrap();
    wire.host.close(id);
    wire.settle();
    peer.ack += 1;
    peer.send(&mut wire, FIN.with(ACK), &[]);
    assert_eq!(wire.host.snapshot().time_wait, 1);
    let old = peer.ack;
    let before = wire.host.snapshot().admission;
    peer.seq += 100;
    let answer = peer.syn(&mut wire, TcpOptions::default());
    let after = wire.host.snapshot();
    assert_eq!(after.admission.cookies_sent, before.cookies_sent, "no cookie");
    assert_eq!((after.admission.counts.half_open, after.time_wait), (1, 0));
    assert!(answer[0].header.seq.gt(old), "{:?} after {old:?}", answer[0].header.seq);
    peer.learn(&answer[0]);
    peer.send(&mut wire, ACK, &[]);
    assert!(wire.host.accept(listener).is_ok());
}

#[test]
fn a_lost_third_ack_is_made_good_by_an_entry_and_by_the_clients_own_data() {
    // With an entry, also where the server speaks first.
    let mut wire = Wire::new(Settings::default());
    let listener = wire.host.listen(at(US, 80).into(), 8, &Options::default()).unwrap();
    let mut peer = invited(&mut wire, 100);
    wire.run(ms(1100));
    assert!(wire.segments().iter().any(|sent| sent.header.flags.syn()), "asked again");
    peer.send(&mut wire, ACK, &[]);
    assert!(wire.host.accept(listener).is_ok());
    // With a cookie, where the client speaks.
    let (mut wire, listener) = listening(8);
    let mut peer = invited(&mut wire, 100);
    wire.run(secs(2));
    peer.send(&mut wire, ACK.with(PSH), b"GET /");
    assert!(wire.host.accept(listener).is_ok());
    assert_eq!(wire.host.snapshot().admission.cookies_late, 1);
}

#[test]
fn a_lost_third_ack_of_a_cookie_leaves_a_silent_client_waiting_until_it_asks() {
    let (mut wire, listener) = listening(8);
    let mut peer = invited(&mut wire, 100);
    wire.take();
    wire.run(secs(200));
    assert_eq!(wire.segments(), [], "nothing of ours knows that the handshake happened");
    assert_eq!(wire.host.accept(listener), Err(AcceptError::WouldBlock));
    // Its keep-alive probe finds out: a reset ends its wait.
    peer.seq = peer.seq - 1;
    let frame = peer.frame(&peer.header(ACK), &[]);
    wire.inject(&frame);
    assert_eq!(wire.segments()[0].header.flags, RST);
}
