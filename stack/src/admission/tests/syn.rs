//! What a SYN gets: options, repeats, the store's limit.

use super::*;

/// RFC 7323, Section 2.2: a SYN-ACK has its window unscaled.
#[test]
fn the_syn_ack_goes_back_the_way_the_syn_came_with_the_options_that_were_offered() {
    let mut world = Setup::with(|_| {});
    let (_, reply) = world.enter(1);
    let header = reply.header;
    assert_eq!((reply.flow, reply.reply_mac), (flow(1), MAC));
    assert_eq!((header.src_port, header.dst_port, header.ack), (80, 5000, syn(1).seq + 1));
    assert_eq!(header.options.mss, Some(1460));
    assert_eq!(header.options.window_scale, Some(7), "65 535 << 7 is the first to reach 4 MiB");
    assert!(header.options.sack_permitted);
    assert_eq!(header.options.timestamps.map(|ts| ts.echo), Some(70_000));
    assert_eq!(header.window, u16::MAX, "64 KiB in a window that is never scaled");
}

/// RFC 7323, Section 1.3, RFC 2018, Section 2: both ends have to offer. RFC 9293, Section 3.7.1: without the MSS
/// option, 536.
#[test]
fn nothing_is_agreed_that_the_peer_did_not_offer_or_that_a_setting_forbids() {
    let bare = Syn { options: TcpOptions::default(), ..syn(1) };
    let mut worlds = [
        (Setup::with(|_| {}), bare),
        (
            Setup::with(|s| (s.tcp.window_scaling, s.tcp.timestamps, s.tcp.sack) = (false, false, false)),
            syn(1),
        ),
    ];
    for (world, syn) in &mut worlds {
        let Verdict::Answer { reply, id, .. } = world.on(syn) else { panic!("no entry") };
        let options = reply.header.options;
        assert_eq!(options, TcpOptions { mss: Some(1460), ..Default::default() });
        let handshake = world.complete(id, &third_ack(&reply));
        assert_eq!(
            (handshake.peer.window_scale, handshake.our_window_scale, handshake.peer_window),
            (None, 0, 500)
        );
        assert_eq!((handshake.peer.sack, handshake.peer.ts_recent), (false, None));
        assert_eq!(handshake.peer.mss, syn.options.mss.unwrap_or(536));
    }
}

/// RFC 7323, Section 2.3.
#[test]
fn a_window_scale_beyond_14_counts_as_14() {
    let mut world = Setup::with(|_| {});
    let huge = Syn { options: TcpOptions { window_scale: Some(255), ..options() }, ..syn(1) };
    let Verdict::Answer { reply, id, .. } = world.on(&huge) else { panic!("no entry") };
    assert_eq!(world.complete(id, &third_ack(&reply)).peer.window_scale, Some(14));
}

/// RFC 7323, Section 4.3, step 2: the echo is the newest TSval of the SYN.
#[test]
fn a_syn_that_comes_again_has_its_newer_timestamp_echoed() {
    let mut world = Setup::with(|_| {});
    let (id, _) = world.enter(1);
    for (value, echoed) in [(71_000, 71_000), (70_500, 71_000), (73_000, 73_000)] {
        let timestamps = Some(Timestamps { value, echo: 0 });
        let again = Syn { options: TcpOptions { timestamps, ..options() }, ..syn(1) };
        let Verdict::Answer { reply, new: false, .. } = world.again(id, &again) else { panic!("no answer") };
        assert_eq!(reply.header.options.timestamps.map(|ts| ts.echo), Some(echoed));
    }
}

/// RFC 6298, Section 3: no round-trip time after a retransmission.
#[test]
fn the_same_syn_is_answered_again_with_the_same_numbers_and_takes_no_second_entry() {
    let mut world = Setup::with(|_| {});
    let (id, first) = world.enter(1);
    world.wait(Duration::from_millis(500));
    let other_way = Syn { reply_mac: Mac([2, 0, 0, 0, 0, 77]), ..syn(1) };
    let Verdict::Answer { reply, id: same, new, evicted } = world.again(id, &other_way) else { panic!() };
    assert_eq!((same, new, evicted, world.len()), (id, false, None, 1));
    assert_eq!((reply.header.seq, reply.header.ack), (first.header.seq, first.header.ack));
    assert_eq!(reply.reply_mac, other_way.reply_mac);
    let clock = |reply: &Reply| reply.header.options.timestamps.unwrap().value;
    assert_eq!(clock(&reply).wrapping_sub(clock(&first)), 500);
    let handshake = world.complete(id, &third_ack(&reply));
    assert!(
        handshake.retransmitted && handshake.rtt_us.is_none(),
        "two SYN-ACKs: which one was acknowledged?"
    );
}

/// RFC 5961, Section 4.
#[test]
fn another_syn_for_a_half_open_flow_gets_a_challenge_ack_and_the_exact_rst_makes_room() {
    let mut world = Setup::with(|_| {});
    let (id, first) = world.enter(1);
    let restarted = Syn { seq: SeqNum(0xdead_0000), ..syn(1) };
    let Verdict::Challenge(challenge, Discard::TcpSynInWindow) = world.again(id, &restarted) else {
        panic!()
    };
    let header = challenge.header;
    assert_eq!((header.flags, header.seq, header.ack), (TcpFlags::ACK, first.header.seq + 1, syn(1).seq + 1));
    assert_eq!(world.len(), 1, "a forged SYN ends nothing");
    // RFC 9293, Section 3.10.7.3: the peer in SYN-SENT answers an ACK that it cannot use.
    let rst = TcpHeader { seq: header.ack, flags: TcpFlags::RST, ..Default::default() };
    assert_eq!(world.segment(id, &rst, 0), HalfOpenOutcome::Gone(Discard::SynResetHalfOpen));
    assert!(matches!(world.on(&restarted), Verdict::Answer { new: true, .. }));
}

/// RFC 5961, Section 7.
#[test]
fn challenge_acks_are_limited_for_each_entry_alone() {
    let mut world = Setup::with(|s| s.tcp.challenge_acks = 3);
    let (a, _) = world.enter(1);
    let (b, _) = world.enter(2);
    let forged = |n| Syn { seq: SeqNum(0xdead_0000), ..syn(n) };
    let mut challenges =
        |id, n| (0..10).filter(|_| matches!(world.again(id, &forged(n)), Verdict::Challenge(..))).count();
    assert_eq!((challenges(a, 1), challenges(b, 2)), (3, 3));
}

/// RFC 6528, Section 3.
#[test]
fn sequence_numbers_differ_by_flow_and_advance_with_time() {
    let mut world = Setup::with(|_| {});
    let (a, first) = world.enter(1);
    let (_, other) = world.enter(2);
    assert_ne!(first.header.seq, other.header.seq);
    world.admission.remove(world.now, a);
    world.wait(Duration::from_millis(4));
    let (_, later) = world.enter(1);
    assert_eq!(later.header.seq.since(first.header.seq), 1000, "RFC 6528: 4 µs a step");
}

#[test]
fn a_syn_that_reuses_a_time_wait_gets_a_number_above_the_old_one_and_never_a_cookie() {
    for cookies in [Cookies::Never, Cookies::OnOverflow, Cookies::Always] {
        let mut world = Setup::with(|s| s.admission.cookies = cookies);
        let plain = crate::tcp::isn::isn(&Secrets::from_test_seed(7).prf("isn"), &flow(1), world.now);
        for (n, min) in [plain - 1, plain, plain + 1, plain + 1_000_000].into_iter().enumerate() {
            let syn = Syn { flow: flow(1), ..syn(n as u32) };
            let verdict =
                world.admission.on_syn(world.now, LISTENER, &mut world.backlog, &syn, None, Some(min));
            let Verdict::Answer { reply, id, .. } = verdict else { panic!("{cookies:?}: {verdict:?}") };
            assert!(reply.header.seq.gt(min), "{cookies:?}");
            world.admission.remove(world.now, id);
        }
    }
}

#[test]
fn with_cookies_a_full_store_evicts_nothing_even_for_a_time_wait() {
    let mut world = Setup::with(|_| {});
    let ids: Vec<_> = (0..8).map(|n| world.enter(n).0).collect();
    world.cookie(100);
    let min = Some(SeqNum(1));
    let verdict = world.admission.on_syn(world.now, LISTENER, &mut world.backlog, &syn(101), None, min);
    assert_eq!(verdict, Verdict::Drop(Discard::SynStoreFull));
    assert!(ids.iter().all(|id| world.admission.iss(*id).is_some()));
}

#[test]
fn without_cookies_a_full_store_evicts_its_oldest_and_says_which() {
    let mut world = Setup::with(never);
    let ids: Vec<_> = (0..8).map(|n| world.enter(n).0).collect();
    let Verdict::Answer { evicted: Some(evicted), id, new: true, .. } = world.on(&syn(100)) else { panic!() };
    assert_eq!(evicted, Removed { id: ids[0], flow: flow(0), listener: LISTENER });
    assert_eq!((world.len(), world.admission.iss(ids[0])), (8, None));
    assert_eq!((id.index(), world.admission.flow_at(id.index())), (ids[0].index(), Some(&flow(100))));
    assert_eq!(world.admission.state().evicted, 1);
}

#[test]
fn a_store_without_places_refuses_where_it_cannot_send_a_cookie() {
    let mut world = Setup::with(|s| {
        never(s);
        s.limits.half_open = 0;
    });
    assert_eq!(world.on(&syn(1)), Verdict::Drop(Discard::SynStoreFull));
    let mut world = Setup::with(|s| s.limits.half_open = 0);
    world.cookie(1);
}

#[test]
fn a_closed_listener_takes_its_entries_and_no_others_along() {
    let mut world = Setup::with(|s| protect(s, 0));
    let (mine, _) = world.enter(1);
    let mut other = Backlog::new(&settings::Admission::default(), 5);
    let _ = world.admission.on_syn(world.now, 9, &mut other, &syn(2), None, None);
    assert_eq!((world.admission.charged_to(LISTENER), world.admission.charged_to(9)), (1, 1));
    let removed = world.admission.close_listener(world.now, LISTENER);
    assert_eq!(removed, [Removed { id: mine, flow: flow(1), listener: LISTENER }]);
    assert_eq!((world.len(), world.admission.charged_to(LISTENER), world.admission.charged_to(9)), (1, 0, 1));
}

#[test]
fn a_challenge_goes_back_the_way_the_other_syn_came_and_not_to_who_spoofed_its_address() {
    let mut world = Setup::with(|_| ());
    let (id, _) = world.enter(1);
    let real = Syn { seq: SeqNum(123_456), reply_mac: Mac([2, 0, 0, 0, 0, 77]), ..syn(1) };
    let Verdict::Challenge(reply, _) = world.again(id, &real) else { panic!("another SYN of the flow") };
    assert_eq!(reply.reply_mac, real.reply_mac);
}
