use super::*;
use crate::ip::interface::Interface;
use crate::ip::interface::tests::server;
use crate::ip::prefix::tests::a;
use crate::telemetry::Discard;
use crate::wire::{ArpOperation, ArpPacket};
use std::net::Ipv4Addr;

const PEER: Mac = Mac([2, 0, 0, 0, 0, 20]);
const OTHER: Mac = Mac([2, 0, 0, 0, 0, 21]);

fn ms(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn table() -> Neighbors {
    Neighbors::new(&settings::Ip::default(), &settings::Limits::default())
}

fn limited(neighbors: u32, unresolved: u32) -> Neighbors {
    let limits =
        settings::Limits { neighbors, neighbors_unresolved: unresolved, ..settings::Limits::default() };
    Neighbors::new(&settings::Ip::default(), &limits)
}

fn arp(operation: ArpOperation, sender: &str, mac: Mac, target: &str) -> ArpPacket {
    ArpPacket {
        operation,
        sender_mac: mac,
        sender_ip: sender.parse().unwrap(),
        target_mac: Mac::default(),
        target_ip: target.parse().unwrap(),
    }
}

fn reply_from(sender: &str, mac: Mac) -> ArpPacket {
    arp(ArpOperation::Reply, sender, mac, "129.68.72.10")
}

fn pending(table: &mut Neighbors, now: Instant, addr: &str) -> NeighborId {
    match table.resolve(now, a(addr)) {
        Resolution::Pending(id) => id,
        other => panic!("{other:?}"),
    }
}

/// Resolves `addr` and has it answer at once.
fn ready(table: &mut Neighbors, now: Instant, addr: &str, mac: Mac) -> NeighborId {
    let id = pending(table, now, addr);
    let _request = table.poll(now);
    let _learned = table.on_arp(now, &reply_from(addr, mac), &server());
    assert!(matches!(table.poll(now), Some(NeighborAction::Resolved { .. })));
    assert!(table.poll(now).is_none());
    id
}

/// Runs to `until` from deadline to deadline, and gives what happened and when.
fn run(table: &mut Neighbors, until: Instant) -> Vec<(Instant, NeighborAction)> {
    let mut actions = Vec::new();
    let mut now = Instant::ZERO;
    while let Some(deadline) = table.next_deadline().filter(|deadline| *deadline <= until) {
        now = now.max(deadline);
        while let Some(action) = table.poll(now) {
            if let NeighborAction::Resolved { id, .. } | NeighborAction::Failed { id, .. } = action {
                while table.next_waiter(id).is_some() {}
            }
            actions.push((now, action));
        }
    }
    actions
}

fn requests(actions: &[(Instant, NeighborAction)]) -> Vec<(u64, Option<Mac>)> {
    let request = |(at, action): &(Instant, NeighborAction)| match action {
        NeighborAction::SendRequest { unicast, .. } => Some((at.as_millis(), *unicast)),
        _ => None,
    };
    actions.iter().filter_map(request).collect()
}

/// RFC 1122, Section 2.3.2.1: at most one request a second for one address.
#[test]
fn a_silent_neighbour_gets_three_requests_one_second_apart_and_fails_at_three_seconds() {
    let mut table = table();
    let id = pending(&mut table, ms(0), "129.68.72.40");
    table.wait(id, 7).unwrap();
    let mut seen = Vec::new();
    for (at, unicast) in [(0, None), (1000, None), (2000, None)] {
        assert_eq!(table.next_deadline(), Some(ms(at)));
        let Some(NeighborAction::SendRequest { addr, unicast: to }) = table.poll(ms(at)) else { panic!() };
        assert_eq!((addr, to), (a("129.68.72.40"), unicast));
        assert!(table.poll(ms(at)).is_none() && table.poll(ms(at + 999)).is_none(), "at most one a second");
        seen.push(at);
    }
    assert_eq!((seen.len(), table.next_deadline()), (3, Some(ms(3000))));
    let Some(NeighborAction::Failed { id: failed, addr, failure, held: None }) = table.poll(ms(3000)) else {
        panic!()
    };
    assert_eq!((failed, addr), (id, a("129.68.72.40")));
    assert_eq!(failure, NeighborFailure { requests: 3, over: Duration::from_secs(3), at: ms(3000) });
    assert_eq!(failure.to_string(), "no host answered ARP (3 requests in 3.0 s)");
    assert_eq!((table.next_waiter(id), table.next_waiter(id)), (Some(7), None));
    assert!(table.poll(ms(3000)).is_none());
}

#[test]
fn a_failure_is_remembered_for_a_second_and_then_the_neighbour_is_asked_again() {
    let mut table = table();
    let first = pending(&mut table, ms(0), "129.68.72.40");
    run(&mut table, ms(3000));
    let Resolution::Failed(failure) = table.resolve(ms(3999), a("129.68.72.40")) else { panic!() };
    assert_eq!((failure.requests, failure.at), (3, ms(3000)));
    assert_eq!(table.wait(first, 1), Err(WaitError::NotPending));
    let second = pending(&mut table, ms(4000), "129.68.72.40");
    assert_ne!(first, second);
    assert_eq!((table.mac(ms(4000), first), table.len()), (None, 1));
    run(&mut table, ms(8000));
    assert!(table.is_empty(), "forgotten without being asked for");
}

#[test]
fn any_arp_from_the_address_ends_the_memory_of_its_failure() {
    for operation in [ArpOperation::Reply, ArpOperation::Request, ArpOperation::Other(9)] {
        let mut table = table();
        pending(&mut table, ms(0), "129.68.72.40");
        run(&mut table, ms(3000));
        // Not even about us: it asks for a third host.
        let packet = arp(operation, "129.68.72.40", PEER, "129.68.72.99");
        let outcome = table.on_arp(ms(3100), &packet, &server());
        assert!(matches!(outcome, ArpOutcome::Learned { changed: false, .. }), "{outcome:?}");
        let now = table.resolve(ms(3100), a("129.68.72.40"));
        assert!(matches!(now, Resolution::Ready { mac: PEER, .. }), "{now:?}");
    }
}

#[test]
fn waiters_of_a_failure_are_told_of_it_even_if_the_neighbour_speaks_before_they_are_drained() {
    let mut table = table();
    let id = pending(&mut table, ms(0), "129.68.72.40");
    for token in 0..3 {
        table.wait(id, token).unwrap();
    }
    for at in [0, 1000, 2000] {
        let _request = table.poll(ms(at));
    }
    assert!(matches!(table.poll(ms(3000)), Some(NeighborAction::Failed { .. })));
    assert_eq!(table.next_waiter(id), Some(0));
    let _learned = table.on_arp(ms(3000), &reply_from("129.68.72.40", PEER), &server());
    assert!(matches!(table.poll(ms(3000)), Some(NeighborAction::Failed { .. })), "the same action again");
    assert_eq!(
        (table.next_waiter(id), table.next_waiter(id), table.next_waiter(id)),
        (Some(1), Some(2), None)
    );
    assert!(table.poll(ms(3000)).is_none());
}

#[test]
fn an_answer_tells_every_waiter_and_gives_the_held_packet() {
    let mut table = table();
    let id = pending(&mut table, ms(0), "129.68.72.20");
    for token in [5, 6, 7] {
        table.wait(id, token).unwrap();
    }
    table.wait(id, 5).unwrap();
    table.cancel(id, 6);
    assert_eq!((table.waiting(), table.next_waiter(id)), (2, None), "nobody is told before the end");
    let mut first = Buf::new(64, 0);
    first.append(b"first");
    let mut latest = Buf::new(64, 0);
    latest.append(b"latest");
    assert!(table.hold(id, first).is_none());
    assert_eq!(table.hold(id, latest).unwrap().data(), b"first", "RFC 1122, Section 2.3.2.2");
    assert!(table.mac(ms(0), id).is_none());
    let outcome = table.on_arp(ms(500), &reply_from("129.68.72.20", PEER), &server());
    assert_eq!(outcome, ArpOutcome::Learned { id, changed: false });
    let Some(NeighborAction::Resolved { id: done, mac, held, .. }) = table.poll(ms(500)) else { panic!() };
    assert_eq!((done, mac, held.unwrap().data()), (id, PEER, &b"latest"[..]));
    assert_eq!(
        (table.next_waiter(id), table.next_waiter(id), table.next_waiter(id)),
        (Some(5), Some(7), None)
    );
    assert_eq!(table.mac(ms(500), id), Some(PEER));
    assert_eq!(table.resolve(ms(500), a("129.68.72.20")), Resolution::Ready { id, mac: PEER });
    assert!(table.hold(id, Buf::new(8, 0)).is_some(), "nothing is held for a resolved neighbour");
}

#[test]
fn held_packets_are_bounded_in_bytes_and_come_back_on_failure() {
    let mut table = table();
    let size = 64 * 1024;
    let mut refused = 0;
    for host in 1..=100_u8 {
        let id = pending(&mut table, ms(0), &format!("129.68.72.{}", host + 100));
        refused += u64::from(table.hold(id, Buf::new(size, 0)).is_some());
    }
    assert!(refused > 0 && table.held_bytes <= HELD_MAX);
    assert_eq!(table.counters().held_refused, refused);
    let failed = run(&mut table, ms(3000));
    let back =
        failed.iter().filter(|(_, action)| matches!(action, NeighborAction::Failed { held: Some(_), .. }));
    assert_eq!((back.count() as u64, table.held_bytes), (100 - refused, 0));
}

/// RFC 1122, Section 2.3.2.1, however many are asked for.
#[test]
fn ten_thousand_silent_neighbours_all_fail_at_three_seconds_and_each_is_asked_at_most_once_a_second() {
    let mut table = table();
    let mut interface = Interface::new(Mac([2, 0, 0, 0, 0, 10]), 1500);
    interface.add(a("10.0.0.1"), 8).unwrap();
    let addrs: Vec<Addr> = (0..10_000_u32).map(|n| Addr::v4(Ipv4Addr::from(0x0a01_0000 + n))).collect();
    for (token, addr) in (0..).zip(&addrs) {
        let Resolution::Pending(id) = table.resolve(ms(0), *addr) else { panic!() };
        table.wait(id, token).unwrap();
    }
    let mut asked: BTreeMap<Addr, Vec<Instant>> = BTreeMap::new();
    let mut told = BTreeSet::new();
    let mut now = ms(0);
    while now < ms(3000) || table.next_deadline().is_some_and(|deadline| deadline <= ms(3000)) {
        now = now.max(table.next_deadline().unwrap());
        // One turn with its budget.
        for _ in 0..256 {
            match table.poll(now) {
                Some(NeighborAction::SendRequest { addr, unicast: None }) => {
                    asked.entry(addr).or_default().push(now)
                }
                Some(NeighborAction::Failed { id, failure, .. }) => {
                    assert_eq!((now, failure.requests, failure.over), (ms(3000), 3, Duration::from_secs(3)));
                    told.extend(core::iter::from_fn(|| table.next_waiter(id)));
                }
                None => break,
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!((told.len(), table.waiting()), (10_000, 0), "every waiter");
    assert_eq!(asked.values().map(Vec::len).sum::<usize>(), 30_000);
    assert!(
        asked.values().all(|at| at.windows(2).all(|pair| pair[1].since(pair[0]) >= Duration::from_secs(1)))
    );
    assert_eq!(table.counters().failed, 10_000);
}

#[test]
fn ten_thousand_waiters_of_one_neighbour_are_told_over_several_turns() {
    let mut table = table();
    let id = pending(&mut table, ms(0), "129.68.72.40");
    for token in 0..10_000 {
        table.wait(id, token).unwrap();
    }
    for at in [0, 1000, 2000] {
        let _request = table.poll(ms(at));
    }
    let (mut told, mut turns) = (0, 0);
    while let Some(action) = table.poll(ms(3000)) {
        let NeighborAction::Failed { id, .. } = action else { panic!() };
        told += (0..256).filter(|_| table.next_waiter(id).is_some()).count();
        turns += 1;
    }
    assert_eq!((told, turns), (10_000, 40));
}

#[test]
fn waiters_are_limited_by_the_limit_of_connections() {
    let limits = settings::Limits { connections: 2, ..Default::default() };
    let mut table = Neighbors::new(&settings::Ip::default(), &limits);
    let id = pending(&mut table, ms(0), "129.68.72.40");
    assert_eq!((table.wait(id, 1), table.wait(id, 2)), (Ok(()), Ok(())));
    assert_eq!(table.wait(id, 3), Err(WaitError::Full));
    table.cancel(id, 1);
    assert_eq!(table.wait(id, 3), Ok(()));
}

#[test]
fn at_the_limit_of_unresolved_neighbours_the_next_is_refused_and_failures_count_until_forgotten() {
    let mut table = limited(100, 2);
    pending(&mut table, ms(0), "129.68.72.40");
    pending(&mut table, ms(0), "129.68.72.41");
    assert_eq!(table.resolve(ms(0), a("129.68.72.42")), Resolution::Full);
    pending(&mut table, ms(0), "129.68.72.41");
    run(&mut table, ms(3000));
    assert_eq!(table.resolve(ms(3500), a("129.68.72.42")), Resolution::Full);
    run(&mut table, ms(4000));
    pending(&mut table, ms(4000), "129.68.72.42");
    assert_eq!(table.counters().refused, 2);
}

#[test]
fn at_the_limit_of_resolved_neighbours_an_unused_one_goes_and_one_in_use_stays() {
    let mut table = limited(2, 100);
    let used = ready(&mut table, ms(0), "129.68.72.20", PEER);
    ready(&mut table, ms(0), "129.68.72.21", OTHER);
    let _used = table.mac(ms(0), used);
    assert_eq!(table.resolve(ms(500), a("129.68.72.22")), Resolution::Full, "too fresh to go");
    pending(&mut table, ms(1000), "129.68.72.22");
    assert_eq!(table.mac(ms(1000), used), Some(PEER));
    assert!(table.peek(a("129.68.72.21")).is_none());
    assert_eq!(table.counters().evicted, 1);
    let _request = table.poll(ms(1000));
    let _learned = table.on_arp(ms(1000), &reply_from("129.68.72.22", OTHER), &server());
    let _used = table.resolve(ms(1000), a("129.68.72.22"));
    assert_eq!(table.resolve(ms(60_000), a("129.68.72.23")), Resolution::Full, "all are in use");
}

#[test]
fn an_unused_entry_lives_arp_life_and_a_used_one_arp_life_referenced() {
    let mut table = table();
    ready(&mut table, ms(0), "129.68.72.20", PEER);
    let used = ready(&mut table, ms(0), "129.68.72.21", OTHER);
    let _used = table.mac(ms(60_000), used);
    assert!(table.poll(ms(119_999)).is_none());
    assert_eq!(table.len(), 2);
    assert!(requests(&run(&mut table, ms(120_000))).is_empty());
    assert_eq!((table.len(), table.peek(a("129.68.72.20"))), (1, None));
    assert!(requests(&run(&mut table, ms(599_999))).is_empty());
    assert_eq!(table.mac(ms(599_999), used), Some(OTHER));
    // Used until the end: asked again by unicast, while traffic goes on.
    let Some(NeighborAction::SendRequest { unicast: Some(OTHER), .. }) = table.poll(ms(600_000)) else {
        panic!()
    };
    assert_eq!(table.mac(ms(600_000), used), Some(OTHER));
    let _learned = table.on_arp(ms(600_500), &reply_from("129.68.72.21", OTHER), &server());
    assert!(table.poll(ms(700_000)).is_none());
    assert_eq!(table.mac(ms(700_000), used), Some(OTHER), "the answer began a new life");
}

#[test]
fn an_entry_that_was_used_only_in_its_first_life_ends_without_a_request() {
    let mut table = table();
    let id = ready(&mut table, ms(0), "129.68.72.20", PEER);
    let _used = table.mac(ms(1000), id);
    assert!(run(&mut table, ms(600_000)).is_empty());
    assert!(table.is_empty());
}

#[test]
fn where_the_life_of_unused_entries_is_the_longer_one_it_holds_for_all() {
    let settings = settings::Ip {
        arp_life: Duration::from_secs(900),
        arp_life_referenced: Duration::from_secs(600),
        ..Default::default()
    };
    let mut table = Neighbors::new(&settings, &settings::Limits::default());
    let id = ready(&mut table, ms(0), "129.68.72.20", PEER);
    let _used = table.mac(ms(1), id);
    assert!(table.poll(ms(899_999)).is_none());
    assert!(matches!(table.poll(ms(900_000)), Some(NeighborAction::SendRequest { unicast: Some(PEER), .. })));
}

#[test]
fn a_used_neighbour_that_does_not_answer_again_is_removed_and_nobody_is_told() {
    let mut table = table();
    let id = ready(&mut table, ms(0), "129.68.72.20", PEER);
    let _used = table.mac(ms(60_000), id);
    run(&mut table, ms(120_000));
    let _used = table.mac(ms(599_000), id);
    let actions = run(&mut table, ms(700_000));
    let gone = [600_000, 601_000, 602_000].map(|at| (at, Some(PEER)));
    assert_eq!(requests(&actions), gone);
    assert_eq!(actions.len(), 3, "no failure is told");
    assert_eq!((table.mac(ms(603_000), id), table.len()), (None, 0));
    pending(&mut table, ms(603_000), "129.68.72.20");
}

#[test]
fn a_request_for_us_is_answered_and_its_sender_learned() {
    let mut table = table();
    let request = arp(ArpOperation::Request, "129.68.72.20", PEER, "129.68.72.10");
    let ArpOutcome::Reply(reply) = table.on_arp(ms(0), &request, &server()) else { panic!() };
    assert_eq!((reply.operation, reply.sender_mac), (ArpOperation::Reply, server().mac()));
    assert_eq!((reply.sender_ip, reply.target_mac), (request.target_ip, PEER));
    assert_eq!(reply.target_ip, request.sender_ip);
    assert_eq!(table.iter().next().unwrap().state, NeighborState::Learned);
    let Resolution::Ready { mac: PEER, .. } = table.resolve(ms(0), a("129.68.72.20")) else { panic!() };
    assert_eq!(table.iter().next().unwrap().state, NeighborState::Reachable, "it is wanted now");
    assert!(run(&mut table, ms(119_999)).is_empty() && table.len() == 1);
}

#[test]
fn packets_that_are_not_about_us_make_no_entry_but_update_one() {
    let mut table = table();
    let gratuitous = arp(ArpOperation::Request, "129.68.72.20", PEER, "129.68.72.20");
    let others = arp(ArpOperation::Request, "129.68.72.20", PEER, "129.68.72.30");
    for packet in [gratuitous, others, reply_from("129.68.72.20", PEER)] {
        assert_eq!(table.on_arp(ms(0), &packet, &server()), ArpOutcome::Ignored(Discard::ArpNotForUs));
    }
    assert!(table.is_empty());
    let id = ready(&mut table, ms(0), "129.68.72.20", PEER);
    let moved = arp(ArpOperation::Request, "129.68.72.20", OTHER, "129.68.72.20");
    assert_eq!(table.on_arp(ms(100), &moved, &server()), ArpOutcome::Learned { id, changed: true });
    assert_eq!(
        (table.mac(ms(100), id), table.counters().changed),
        (Some(OTHER), 1),
        "the new address supersedes"
    );
}

/// RFC 5227, Section 2.1.1: the sender address of a probe is 0.
#[test]
fn a_probe_is_answered_and_teaches_nothing() {
    let mut table = table();
    let probe = arp(ArpOperation::Request, "0.0.0.0", PEER, "129.68.72.10");
    assert!(matches!(table.on_arp(ms(0), &probe, &server()), ArpOutcome::Reply(_)));
    let other = arp(ArpOperation::Request, "0.0.0.0", PEER, "129.68.72.30");
    assert_eq!(table.on_arp(ms(0), &other, &server()), ArpOutcome::Ignored(Discard::ArpNotForUs));
    assert!(table.is_empty());
}

#[test]
fn forged_senders_are_refused() {
    let mut table = table();
    let us = "129.68.72.10";
    for (sender, mac) in [
        ("8.8.8.8", PEER),
        ("224.0.0.1", PEER),
        ("129.68.72.255", PEER),
        ("129.68.72.0", PEER),
        ("255.255.255.255", PEER),
        ("129.68.72.20", Mac::BROADCAST),
        ("129.68.72.20", Mac::default()),
        ("129.68.72.20", Mac([1, 0, 0x5e, 0, 0, 1])),
        (us, PEER),
    ] {
        let packet = arp(ArpOperation::Request, sender, mac, us);
        let outcome = table.on_arp(ms(0), &packet, &server());
        assert_eq!(outcome, ArpOutcome::Ignored(Discard::ArpSpoofed), "{sender} {mac}");
    }
    let own = arp(ArpOperation::Request, us, server().mac(), us);
    assert_eq!(table.on_arp(ms(0), &own, &server()), ArpOutcome::Ignored(Discard::ArpNotForUs));
    assert!(table.is_empty());
    assert_eq!(table.counters().conflicts, 1, "our own packet come back is no conflict");
}

/// RFC 5227, Section 2.4 (b), with the DEFEND_INTERVAL of Section 1.1.
#[test]
fn a_conflict_is_counted_and_answered_by_one_announcement_in_ten_seconds() {
    let mut table = table();
    let conflict = reply_from("129.68.72.10", PEER);
    let mut announced = Vec::new();
    for at in (0..25_000).step_by(500) {
        let _ignored = table.on_arp(ms(at), &conflict, &server());
        while let Some(action) = table.poll(ms(at)) {
            assert!(matches!(action, NeighborAction::Announce { addr } if addr == a("129.68.72.10")));
            announced.push(at);
        }
    }
    assert_eq!((announced, table.counters().conflicts), (vec![0, 10_000, 20_000], 50));
}

/// RFC 5227, Section 2.3, RFC 5227, Section 1.1: ANNOUNCE_INTERVAL is two seconds.
#[test]
fn our_addresses_are_announced_as_often_as_the_setting_says_two_seconds_apart() {
    for (count, expected) in [(0, vec![]), (1, vec![0]), (3, vec![0, 2000, 4000])] {
        let settings = settings::Ip { arp_announcements: count, ..Default::default() };
        let mut table = Neighbors::new(&settings, &settings::Limits::default());
        table.announce(ms(0), a("129.68.72.10"));
        let at: Vec<u64> = run(&mut table, ms(60_000)).iter().map(|(at, _)| at.as_millis()).collect();
        assert_eq!(at, expected);
    }
}

#[test]
fn an_arp_storm_of_forged_senders_keeps_memory_bounded_and_live_entries_alive() {
    let mut interface = Interface::new(Mac([2, 0, 0, 0, 0, 10]), 1500);
    interface.add(a("129.68.72.10"), 8).unwrap();
    let mut table = table();
    let live = ready(&mut table, ms(0), "129.68.72.20", PEER);
    let waiting = pending(&mut table, ms(0), "129.68.72.40");
    table.wait(waiting, 1).unwrap();
    let mut most = 0;
    for n in 0..100_000_u32 {
        let packet = ArpPacket {
            sender_ip: Ipv4Addr::from(0x8100_0001 + n * 7),
            ..arp(
                ArpOperation::Request,
                "0.0.0.0",
                Mac([2, 1, (n >> 24) as u8, (n >> 16) as u8, (n >> 8) as u8, n as u8]),
                "129.68.72.10",
            )
        };
        let now = Instant::from_nanos(u64::from(n) * 10_000);
        assert!(matches!(table.on_arp(now, &packet, &interface), ArpOutcome::Reply(_)));
        most = most.max(table.len());
    }
    assert_eq!(most, LEARNED_MAX + 2);
    assert!(table.memory() < 256 * 1024, "{} bytes", table.memory());
    assert_eq!(table.mac(ms(1000), live), Some(PEER));
    assert_eq!(table.waiting(), 1);
    assert!(matches!(table.resolve(ms(1000), a("129.68.72.40")), Resolution::Pending(id) if id == waiting));
    // A storm about entries that exist changes them (RFC 826) and makes none.
    for n in 0..1000_u32 {
        let packet = reply_from("129.68.72.20", Mac([2, 1, 0, 0, (n >> 8) as u8, n as u8]));
        let _learned = table.on_arp(ms(1000), &packet, &interface);
    }
    assert_eq!((table.len(), table.counters().changed), (LEARNED_MAX + 2, 1000));
}

#[test]
fn silent_work_is_bounded_in_one_call_and_goes_on_in_the_next() {
    let mut table = limited(100_000, 100_000);
    for n in 0..1000_u32 {
        let _pending = table.resolve(ms(0), Addr::v4(Ipv4Addr::from(0x0a00_0001 + n)));
    }
    run(&mut table, ms(3000));
    assert_eq!(table.len(), 1000);
    let mut calls = 0;
    while table.next_deadline().is_some_and(|deadline| deadline <= ms(4000)) {
        assert!(table.poll(ms(4000)).is_none());
        calls += 1;
    }
    assert!(table.is_empty() && calls >= 1000 / 64, "{calls} calls");
}

#[test]
fn peeking_makes_and_marks_nothing() {
    let mut table = table();
    assert_eq!((table.peek(a("129.68.72.20")), table.len()), (None, 0));
    ready(&mut table, ms(0), "129.68.72.20", PEER);
    assert_eq!(table.peek(a("129.68.72.20")), Some(PEER));
    assert_eq!(table.iter().next().unwrap().used_at, None);
}
