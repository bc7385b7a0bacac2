//! Retransmission, expiry, and what protection does to them.

use super::*;

fn times(due: &[(u128, Due)]) -> (Vec<u128>, Vec<u128>) {
    let of = |want: bool| {
        let wanted = due.iter().filter(move |(_, d)| matches!(d, Due::Retransmit(_)) == want);
        wanted.map(|(at, _)| *at).collect()
    };
    (of(true), of(false))
}

/// RFC 6298, Section 5.5.
#[test]
fn the_syn_ack_is_retransmitted_with_doubling_waits_and_expires_exactly() {
    // KB 142641: N retransmissions after 3 s, doubling; given up at 3 × (2^(N+1) − 1) seconds.
    for (retries, sent, over) in [
        (0, vec![], 3_000),
        (1, vec![3_000], 9_000),
        (2, vec![3_000, 9_000], 21_000),
        (3, vec![3_000, 9_000, 21_000], 45_000),
        (5, vec![3_000, 9_000, 21_000, 45_000, 93_000], 189_000),
    ] {
        let mut world = Setup::with(|s| {
            s.admission.synack_retries = retries;
            s.admission.synack_rto = Duration::from_secs(3);
            s.tcp.max_rto = Duration::from_secs(240);
        });
        world.enter(1);
        assert_eq!(times(&world.run(Duration::from_secs(1000))), (sent, vec![over]), "{retries}");
        assert_eq!((world.len(), world.admission.state().expired), (0, 1));
    }
}

/// RFC 6298, Section 2.5.
#[test]
fn waits_grow_no_longer_than_the_largest_time_out() {
    let mut world = Setup::with(|s| {
        s.admission.synack_retries = 4;
        s.tcp.max_rto = Duration::from_secs(4);
    });
    world.enter(1);
    let due = world.run(Duration::from_secs(100));
    assert_eq!(times(&due), (vec![1_000, 3_000, 7_000, 11_000], vec![15_000]));
}

#[test]
fn a_late_poll_does_one_thing_a_call_and_sends_no_burst() {
    let mut world = Setup::with(|_| {});
    for n in 0..3 {
        world.enter(n);
    }
    world.wait(Duration::from_secs(50));
    assert_eq!(std::iter::from_fn(|| world.admission.poll(world.now)).count(), 3);
}

#[test]
fn entries_with_a_retransmitted_syn_ack_are_counted() {
    let mut world = Setup::with(|_| {});
    let (id, reply) = world.enter(1);
    world.run(Duration::from_millis(500));
    world.enter(2);
    world.run(Duration::from_millis(600));
    let counts = world.admission.state().counts;
    assert_eq!((counts.half_open, counts.retried), (2, 1));
    world.complete(id, &third_ack(&reply));
    assert_eq!(world.admission.state().counts.retried, 0);
}

fn attacked(level: u8) -> World {
    Setup::with(|s| {
        protect(s, level);
        s.limits.half_open = 100;
        s.admission.max_half_open = 10;
        s.admission.max_half_open_retried = 8;
        s.admission.window_scaling_protected = false;
    })
}

#[test]
fn while_protecting_new_and_waiting_entries_get_fewer_retransmissions() {
    let mut world = attacked(1);
    // Three old entries with two retransmissions each, at 3 s.
    for n in 0..3 {
        world.enter(n);
    }
    world.run(Duration::from_secs(4));
    for n in 3..10 {
        world.enter(n);
    }
    assert!(!world.admission.protecting(), "10 are not more than 10");
    world.enter(10);
    assert!(world.admission.protecting());
    // The old ones have had more than one already and end now; the others get one, at 1 s, and end at 3 s.
    let (sent, over) = times(&world.run(Duration::from_secs(10)));
    assert_eq!((sent, over), (vec![1_000; 8], [vec![0; 3], vec![3_000; 8]].concat()));
}

#[test]
fn under_0_nothing_changes_however_many_there_are() {
    let mut world = attacked(0);
    for n in 0..50 {
        let (_, reply) = world.enter(n);
        assert!(reply.header.options.window_scale.is_some());
    }
    let state = world.admission.state();
    assert_eq!((state.times_exceeded, state.protecting, state.counts.half_open), (1, None, 50));
    assert_eq!(times(&world.run(Duration::from_secs(100))).0.len(), 50 * 5);
    assert_eq!(world.admission.next_event(), None);
}

#[test]
fn while_protecting_window_scaling_goes_where_the_setting_says_so_and_the_rest_stays() {
    let mut world = attacked(2);
    for n in 0..11 {
        assert!(world.enter(n).1.header.options.window_scale.is_some());
    }
    let (id, reply) = world.enter(11);
    let options = reply.header.options;
    assert_eq!((options.window_scale, options.mss, options.sack_permitted), (None, Some(1460), true));
    assert!(options.timestamps.is_some());
    let handshake = world.complete(id, &third_ack(&reply));
    assert_eq!(
        (handshake.peer.window_scale, handshake.our_window_scale, handshake.peer_window),
        (None, 0, 500)
    );
    let mut modern = Setup::with(|s| {
        s.limits.half_open = 100;
        s.admission.max_half_open = 1;
    });
    for n in 0..5 {
        assert!(modern.enter(n).1.header.options.window_scale.is_some());
    }
    assert!(modern.admission.protecting());
}

#[test]
fn protection_is_entered_and_left_with_an_event_each_that_carries_reason_and_figures() {
    let mut world = attacked(2);
    for n in 0..11 {
        world.enter(n);
    }
    world.run(Duration::from_secs(100));
    let entered = world.admission.next_event().unwrap();
    assert_eq!((entered.protecting, entered.reason, entered.counts.half_open), (true, Reason::HalfOpen, 11));
    let left = world.admission.next_event().unwrap();
    assert_eq!((left.protecting, left.reason), (false, Reason::Calm));
    // All entries end 3 s after their SYN; the hold-off of 15 s follows.
    assert_eq!(left.at.since(entered.at), Duration::from_secs(18));
    assert_eq!((world.admission.next_event(), world.admission.state().protecting), (None, None));
}

#[test]
fn refused_requests_start_protection() {
    let mut world = Setup::with(|s| {
        s.backlog = 1;
        s.admission.max_ports_exhausted = 5;
    });
    world.backlog.push(1).unwrap();
    for n in 0..5 {
        world.on(&syn(n));
    }
    assert!(!world.admission.protecting());
    world.on(&syn(5));
    let event = world.admission.next_event().unwrap();
    assert_eq!((event.reason, event.counts.refused), (Reason::PortsExhausted, 6));
}

#[test]
fn every_entry_owns_a_deadline() {
    let mut world = Setup::with(|_| {});
    for n in 0..8 {
        world.enter(n);
        world.run(Duration::from_millis(700));
        assert!(world.admission.next_deadline().is_some_and(|deadline| deadline > world.now));
    }
    world.run(Duration::from_secs(200));
    assert_eq!((world.len(), world.admission.next_deadline()), (0, None));
}
