//! The listener's backlog under the three values of `SynAttackProtect`, and the full accept queue.

use super::*;
use crate::settings::AcceptQueueFull;

#[test]
fn half_open_connections_consume_the_backlog_under_0_and_1_and_not_under_2() {
    for level in [0, 1, 2] {
        let mut world = Setup::with(|s| {
            never(s);
            protect(s, level);
            s.backlog = 3;
        });
        let answered = (0..5).filter(|n| matches!(world.on(&syn(*n)), Verdict::Answer { .. })).count();
        assert_eq!(answered, if level < 2 { 3 } else { 5 }, "SynAttackProtect {level}");
        assert_eq!(world.backlog.refused(), if level < 2 { 2 } else { 0 });
    }
}

#[test]
fn with_fewer_than_2_retransmissions_protection_2_consumes_the_backlog_as_0_does() {
    let mut world = Setup::with(|s| {
        never(s);
        s.backlog = 3;
        s.admission.synack_retries = 1;
    });
    assert_eq!((0..5).filter(|n| matches!(world.on(&syn(*n)), Verdict::Answer { .. })).count(), 3);
}

#[test]
fn every_way_out_gives_the_place_back() {
    let mut world = Setup::with(|s| {
        never(s);
        protect(s, 1);
        s.backlog = 4;
    });
    let [(a, _), (b, _), (c, reply), _] = [0, 1, 2, 3].map(|n| world.enter(n));
    assert_eq!(
        (world.admission.charged_to(LISTENER), world.on(&syn(9))),
        (4, Verdict::Drop(Discard::SynBacklogFull))
    );
    let rst = TcpHeader { seq: syn(0).seq + 1, flags: TcpFlags::RST, ..Default::default() };
    world.segment(a, &rst, 0);
    world.admission.remove(world.now, b);
    world.complete(c, &third_ack(&reply));
    assert_eq!(world.admission.charged_to(LISTENER), 1);
    world.run(Duration::from_secs(300));
    assert_eq!((world.len(), world.admission.charged_to(LISTENER)), (0, 0));
    world.enter(9);
}

#[test]
fn an_evicted_entry_gives_its_place_back() {
    let mut world = Setup::with(|s| {
        never(s);
        protect(s, 0);
        s.limits.half_open = 2;
    });
    for n in 0..10 {
        assert!(matches!(world.on(&syn(n)), Verdict::Answer { .. }));
    }
    assert_eq!((world.len(), world.admission.charged_to(LISTENER)), (2, 2));
}

#[test]
fn while_the_accept_queue_is_full_no_syn_is_answered_not_even_by_a_cookie() {
    for (setting, verdict) in [
        (AcceptQueueFull::Silent, Verdict::Drop(Discard::SynBacklogFull)),
        (AcceptQueueFull::Reset, Verdict::Reset(Discard::SynBacklogFull)),
    ] {
        for cookies in [Cookies::Never, Cookies::OnOverflow, Cookies::Always] {
            let mut world = Setup::with(|s| {
                s.backlog = 1;
                s.admission.accept_queue_full = setting;
                s.admission.cookies = cookies;
            });
            world.backlog.push(1).unwrap();
            assert_eq!(world.on(&syn(1)), verdict, "{cookies:?}");
            assert_eq!((world.backlog.refused(), world.admission.state().refused), (1, 1));
            world.backlog.pop();
            assert!(matches!(world.on(&syn(1)), Verdict::Answer { .. } | Verdict::Cookie(_)));
        }
    }
}

#[test]
fn a_repeated_syn_is_not_answered_either_and_keeps_its_entry() {
    let mut world = Setup::with(|s| s.backlog = 1);
    let (id, _) = world.enter(1);
    world.backlog.push(1).unwrap();
    assert_eq!(world.again(id, &syn(1)), Verdict::Drop(Discard::SynBacklogFull));
    assert_eq!(world.len(), 1);
}

#[test]
fn a_third_ack_that_finds_the_queue_full_keeps_its_entry_and_gets_in_when_there_is_room() {
    let mut world = Setup::with(|s| s.backlog = 1);
    let (id, reply) = world.enter(1);
    let ack = third_ack(&reply);
    world.backlog.push(1).unwrap();
    assert_eq!(world.segment(id, &ack, 0), HalfOpenOutcome::Drop(Discard::SynBacklogFull));
    let due = world.run(Duration::from_secs(1));
    let [(1000, Due::Retransmit(again))] = due[..] else { panic!("{due:?}") };
    world.backlog.pop();
    let handshake = world.complete(id, &third_ack(&again));
    assert!(handshake.retransmitted);
    assert_eq!(world.backlog.push(2), Ok(()));
}

#[test]
fn a_peer_that_acknowledged_and_never_got_in_is_told_by_rst() {
    let mut world = Setup::with(|s| s.backlog = 1);
    let (id, reply) = world.enter(1);
    world.enter(2);
    let ack = third_ack(&reply);
    world.backlog.push(1).unwrap();
    world.segment(id, &ack, 0);
    let due = world.run(Duration::from_secs(100));
    let ended: Vec<_> = due
        .iter()
        .filter_map(|(_, d)| if let Due::Expired { id, reset, .. } = d { Some((*id, *reset)) } else { None })
        .collect();
    let [(first, Some(reset)), (_, None)] = ended[..] else { panic!("{ended:?}") };
    assert_eq!((first, reset.header.seq, reset.reply_mac), (id, ack.ack, MAC));
    assert!(reset.header.flags.rst());
}

#[test]
fn an_entry_whose_peer_is_proven_is_not_evicted_for_an_unproven_one() {
    let mut world = Setup::with(|s| {
        never(s);
        s.backlog = 1;
        s.limits.half_open = 2;
    });
    let (proven, reply) = world.enter(1);
    let (other, _) = world.enter(2);
    world.backlog.push(1).unwrap();
    world.segment(proven, &third_ack(&reply), 0);
    world.backlog.pop();
    let Verdict::Answer { evicted: Some(evicted), .. } = world.on(&syn(3)) else { panic!() };
    assert_eq!(evicted.id, other);
    world.complete(proven, &third_ack(&reply));
}

#[test]
fn a_backlog_used_up_by_half_open_connections_gets_cookies_where_they_are_enabled() {
    let mut world = Setup::with(|s| {
        protect(s, 0);
        s.backlog = 2;
    });
    world.enter(1);
    world.enter(2);
    let reply = world.cookie(3);
    assert!(matches!(world.cookie_ack(3, &third_ack(&reply), 0), CookieOutcome::Valid(_)));
    assert_eq!(world.backlog.push(3), Ok(()), "the accept queue has room");
    assert_eq!(world.backlog.refused(), 0);
}

#[test]
fn the_dynamic_backlog_makes_room_for_half_open_connections_by_its_delta() {
    let mut world = Setup::with(|s| {
        never(s);
        protect(s, 0);
        s.limits.half_open = 1000;
        s.backlog = 25;
        s.admission.dynamic_backlog = true;
        s.admission.dynamic_backlog_min = 20;
        s.admission.dynamic_backlog_max = 60;
        s.admission.dynamic_backlog_delta = 10;
    });
    let mut capacities = Vec::new();
    let answered = (0..200)
        .filter(|n| {
            let answered = matches!(world.on(&syn(*n)), Verdict::Answer { .. });
            capacities.push(world.backlog.capacity());
            answered
        })
        .count();
    assert_eq!(answered, 60, "free and half-open ones together reach the maximum");
    capacities.dedup();
    assert_eq!(capacities, [25, 35, 45, 55, 60], "KB 951162: never by the maximum at once");
}
