//! A million hostile SYNs.

use super::*;

/// The SYNs come 10 µs apart, from as many addresses; every 1000th client is honest and acknowledges.
fn flood(cookies: Cookies) -> (World, usize, usize) {
    let mut world = Setup::with(|s| {
        s.admission.cookies = cookies;
        s.limits.half_open = 4096;
    });
    let (mut memory, mut most, mut honest) = (0, 0, 0);
    for n in 0..1_000_000u32 {
        world.now += Duration::from_micros(10);
        while world.admission.poll(world.now).is_some() {}
        let verdict = world.on(&syn(n));
        if n % 1000 == 0 {
            honest += match verdict {
                Verdict::Answer { reply, id, .. } => usize::from(matches!(
                    world.segment(id, &third_ack(&reply), 0),
                    HalfOpenOutcome::Complete(_)
                )),
                Verdict::Cookie(reply) => {
                    usize::from(matches!(world.cookie_ack(n, &third_ack(&reply), 0), CookieOutcome::Valid(_)))
                }
                Verdict::Challenge(..) | Verdict::Drop(_) | Verdict::Reset(_) => 0,
            };
        }
        most = most.max(world.len());
        // The store's pages are all there once it was full.
        if n == 10_000 {
            memory = world.admission.state().memory;
        }
    }
    assert_eq!(world.admission.state().memory, memory, "memory is flat");
    (world, most, honest)
}

#[test]
fn a_million_syns_leave_memory_flat_and_every_honest_client_gets_in() {
    for cookies in [Cookies::OnOverflow, Cookies::Always, Cookies::Never] {
        let (world, most, honest) = flood(cookies);
        let state = world.admission.state();
        assert!(most <= 4096 && state.memory <= 4096 * 96 + 8192, "{most} entries, {} bytes", state.memory);
        assert_eq!(honest, 1000, "{cookies:?}");
        assert_eq!(state.evicted > 0, cookies == Cookies::Never);
        assert_eq!(state.cookies_sent > 0, cookies != Cookies::Never);
        assert_eq!(state.syns, 1_000_000);
    }
}

#[test]
fn when_the_flood_ends_nothing_of_it_is_left() {
    let (mut world, ..) = flood(Cookies::OnOverflow);
    world.run(Duration::from_secs(600));
    assert_eq!(
        (world.len(), world.admission.next_deadline(), world.admission.protecting()),
        (0, None, false)
    );
}

#[test]
fn a_store_that_a_flood_filled_still_has_a_place_for_a_syn_that_no_cookie_can_answer() {
    let mut world = Setup::with(|setup| setup.limits.half_open = 64);
    let mut cookies = 0;
    for n in 0..1000 {
        cookies += u32::from(matches!(world.on(&syn(n)), Verdict::Cookie(_)));
    }
    assert_eq!((world.len(), cookies), (60, 940), "a sixteenth is kept");
    for n in 2000..2004 {
        let reuse = syn(n);
        let verdict =
            world.admission.on_syn(world.now, LISTENER, &mut world.backlog, &reuse, None, Some(SeqNum(9)));
        assert!(matches!(verdict, Verdict::Answer { new: true, evicted: None, .. }), "{verdict:?}");
    }
    let more = syn(3000);
    let verdict =
        world.admission.on_syn(world.now, LISTENER, &mut world.backlog, &more, None, Some(SeqNum(9)));
    assert_eq!(verdict, Verdict::Drop(Discard::SynStoreFull), "the limit is the limit");
    assert_eq!(world.len(), 64);
}
