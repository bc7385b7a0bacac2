//! Closed windows, silent peers and idle connections: every wait has its bound.

use super::harness::{ACK, MSS, RST, Solo};
use crate::settings;
use crate::tcp::{CloseReason, End, KeepaliveTimes, Options, PeerOptions};
use crate::wire::SeqNum;
use core::time::Duration;

fn with(options: &Options, settings: settings::Tcp) -> Solo {
    Solo::new(PeerOptions { mss: MSS, ..PeerOptions::default() }, options, settings)
}

/// RFC 9293, Section 3.8.6.1.
#[test]
fn a_closed_window_is_probed_at_growing_intervals_and_opens_without_loss() {
    let mut solo = Solo::plain();
    solo.window = 0;
    solo.give_next(ACK, b"");
    assert!(solo.write(b"waiting").is_empty());
    let mut waits = Vec::new();
    for _ in 0..5 {
        let before = solo.now;
        let sent = solo.fire();
        waits.push(solo.now.since(before).as_millis());
        assert_eq!(
            (sent.len(), sent[0].data.as_slice(), sent[0].header.seq),
            (1, b"w".as_slice(), SeqNum(1001))
        );
        assert!(solo.give_next(ACK, b"").is_silent(), "the peer lives and stays closed");
    }
    assert_eq!(waits, [200, 400, 800, 1600, 3200]);
    solo.window = 5000;
    let reaction = solo.give_next(ACK, b"");
    assert_eq!(reaction.sent[0].data, b"waiting", "the probe's byte goes again with the rest");
    solo.ack += 7;
    solo.give_next(ACK, b"");
    assert_eq!(solo.side.connection.deadline(), None);
}

#[test]
fn a_probe_that_the_peer_takes_counts() {
    let mut solo = Solo::plain();
    solo.window = 0;
    solo.give_next(ACK, b"");
    solo.write(b"waiting");
    solo.fire();
    solo.ack += 1;
    assert!(solo.give_next(ACK, b"").is_silent());
    assert!(solo.side.connection.deadline().is_some());
    solo.window = 100;
    assert_eq!(solo.give_next(ACK, b"").sent[0].data, b"aiting");
}

/// RFC 9293, Section 3.8.6.1: the intervals grow between probes of a closed window. The window update was lost, and a probe finds
/// it open: what is sent then has the time-out of the path.
#[test]
fn a_probe_that_finds_the_window_open_ends_the_back_off() {
    let mut solo = Solo::plain();
    solo.window = 0;
    solo.give_next(ACK, b"");
    assert!(solo.write(&[1; 4000]).is_empty());
    for _ in 0..6 {
        assert_eq!(solo.fire()[0].data.len(), 1);
        solo.give_next(ACK, b"");
    }
    solo.fire();
    (solo.window, solo.ack) = (60_000, solo.ack + 1);
    assert_eq!(solo.give_next(ACK, b"").sent.len(), 2, "two full segments");
    let deadline = solo.side.connection.deadline().expect("something is in flight");
    assert_eq!(deadline.since(solo.now), Duration::from_millis(200));
}

#[test]
fn a_fin_behind_a_closed_window_is_probed_too() {
    let mut solo = Solo::plain();
    solo.window = 0;
    solo.give_next(ACK, b"");
    let now = solo.now;
    solo.side.with(now, |c, ctx| c.shutdown(ctx));
    assert!(solo.drain().is_empty());
    let sent = solo.fire();
    assert!(sent[0].has(super::harness::FIN));
    solo.ack += 1;
    solo.give_next(ACK, b"");
    assert_eq!(solo.side.state(), crate::tcp::TcpState::FinWait2);
}

/// RFC 6429, Section 4.
#[test]
fn a_window_that_stays_closed_ends_at_the_user_timeout_though_the_peer_answers() {
    let options = Options { user_timeout: Some(Duration::from_secs(100)), ..Options::default() };
    let mut solo = with(&options, settings::Tcp::default());
    solo.window = 0;
    solo.give_next(ACK, b"");
    let began = solo.now;
    solo.write(b"waiting");
    while solo.side.end.is_none() {
        let sent = solo.fire();
        if solo.side.end.is_none() {
            assert_eq!(sent.len(), 1);
            solo.give_next(ACK, b"");
        } else {
            assert!(sent[0].has(RST));
            // RFC 5961, Section 3.2: only there does the peer believe it.
            assert_eq!(sent[0].header.seq, SeqNum(1001), "within the closed window, before the probe's byte");
        }
    }
    assert_eq!(solo.now.since(began), Duration::from_secs(100));
    let expected = CloseReason::WindowClosed { over: Duration::from_secs(100) };
    assert_eq!(solo.side.end, Some(End::Closed(expected)), "the peer answered every probe");
}

/// RFC 9293, Section 3.8.3: R2, as a count and as a time.
#[test]
fn silence_ends_by_retries_or_by_the_user_timeout_whichever_is_first() {
    let mut solo = with(&Options::default(), settings::Tcp { data_retries: 3, ..settings::Tcp::default() });
    solo.write(b"x");
    let began = solo.now;
    while solo.side.end.is_none() {
        solo.fire();
    }
    assert_eq!(solo.now.since(began), Duration::from_millis(200 + 400 + 800 + 1600));
    let expected = CloseReason::TimedOut { retries: 3, over: Duration::from_secs(3), soft: None };
    assert_eq!(solo.side.end, Some(End::Closed(expected)));
    let options = Options { user_timeout: Some(Duration::from_secs(5)), ..Options::default() };
    let mut solo = with(&options, settings::Tcp::default());
    solo.write(b"x");
    while solo.side.end.is_none() {
        solo.fire();
    }
    assert_eq!(solo.now.since(began), Duration::from_secs(5));
}

#[test]
fn a_window_smaller_than_a_segment_does_not_make_silly_segments() {
    let mut solo = Solo::plain();
    solo.side.write(solo.now, &[1; 2920]);
    assert_eq!(solo.drain().len(), 2);
    solo.window = 1000;
    solo.ack += 2920;
    solo.give_next(ACK, b"");
    solo.side.write(solo.now, &[1; 4000]);
    assert!(solo.drain().is_empty(), "less than a segment and less than half the largest window");
    let sent = solo.fire();
    assert_eq!(sent[0].data.len(), 1000, "but not for ever (RFC 9293, Section 3.8.6.2.1)");
}

#[test]
fn a_chatty_peer_does_not_put_off_what_a_small_window_takes() {
    let mut solo = Solo::plain();
    solo.window = 1000;
    solo.give_next(ACK, b"");
    solo.side.write(solo.now, &[1; 4000]);
    assert!(solo.drain().is_empty());
    let began = solo.now;
    let mut data = 0;
    while data == 0 {
        assert!(solo.now.since(began) < Duration::from_secs(2));
        solo.wait(Duration::from_millis(50));
        solo.give_next(ACK, b"chat");
        solo.seq += 4;
        let now = solo.now;
        solo.side.timer(now);
        data = solo.drain().iter().map(|segment| segment.data.len()).sum();
    }
    assert_eq!(data, 1000);
}

#[test]
fn a_shrunk_window_stops_new_data_and_keeps_repairing() {
    let mut solo = Solo::plain();
    solo.side.write(solo.now, &[1; 20_000]);
    assert_eq!(solo.drain().len(), 10);
    solo.window = 0;
    solo.ack += u32::from(MSS);
    assert!(solo.give_next(ACK, b"").is_silent());
    let sent = solo.fire();
    assert_eq!((sent.len(), sent[0].header.seq), (1, SeqNum(1001 + u32::from(MSS))));
}

/// RFC 9293, Section 3.8.4.
#[test]
fn keep_alive_probes_an_idle_peer_and_gives_up_on_a_silent_one() {
    let times =
        KeepaliveTimes { time: Duration::from_secs(60), interval: Duration::from_secs(10), probes: 3 };
    let options = Options { keepalive: true, keepalive_times: Some(times), ..Options::default() };
    let mut solo = with(&options, settings::Tcp::default());
    let began = solo.now;
    solo.wait(Duration::from_secs(30));
    solo.give_next(ACK, b"");
    assert!(solo.fire().is_empty(), "something was heard meanwhile");
    let probe = solo.fire();
    assert_eq!(solo.now.since(began), Duration::from_secs(90));
    assert_eq!((probe.len(), probe[0].header.seq, probe[0].data.len()), (1, SeqNum(1000), 0));
    solo.give_next(ACK, b"");
    let heard = solo.now;
    let mut probes = 0;
    while solo.side.end.is_none() {
        let sent = solo.fire();
        probes += sent.iter().filter(|segment| segment.is_bare_ack()).count();
    }
    assert_eq!(probes, 3);
    let over = Duration::from_secs(60 + 30);
    assert_eq!(solo.now.since(heard), over);
    assert_eq!(solo.side.end, Some(End::Closed(CloseReason::KeepAlive { probes: 3, over })));
}

#[test]
fn keep_alive_is_off_unless_asked_for_and_can_be_switched() {
    let mut solo = Solo::plain();
    assert_eq!(solo.side.connection.deadline(), None);
    let now = solo.now;
    let on = Options { keepalive: true, ..Options::default() };
    solo.side.with(now, |c, ctx| c.set_options(ctx, &on));
    let at = now + settings::Tcp::default().keepalive_time;
    assert_eq!(solo.side.connection.deadline(), Some(at));
    solo.side.with(now, |c, ctx| c.set_options(ctx, &Options::default()));
    assert_eq!(solo.side.connection.deadline(), None);
}

/// RFC 9293, Section 3.8.3: the application may change R2 at any time.
#[test]
fn a_user_timeout_that_is_lowered_in_a_stall_ends_it_by_the_new_time() {
    let timeout = |secs| Options { user_timeout: Some(Duration::from_secs(secs)), ..Options::default() };
    for closed_window in [false, true] {
        for (lowered_after, new, ends_after) in
            [(Duration::from_secs(10), 20, 20), (Duration::from_secs(30), 20, 30)]
        {
            let mut solo = with(&timeout(600), settings::Tcp::default());
            if closed_window {
                solo.window = 0;
                solo.give_next(ACK, b"");
            }
            solo.write(b"x");
            let began = solo.now;
            while solo.side.connection.deadline().is_some_and(|at| at.since(began) <= lowered_after) {
                solo.fire();
            }
            solo.now = began + lowered_after;
            solo.side.with(solo.now, |c, ctx| c.set_options(ctx, &timeout(new)));
            while solo.side.end.is_none() {
                solo.fire();
            }
            assert_eq!(solo.now.since(began), Duration::from_secs(ends_after), "closed: {closed_window}");
        }
    }
}

#[test]
fn a_user_timeout_that_is_raised_in_a_stall_makes_no_early_attempt() {
    let timeout = |secs| Options { user_timeout: Some(Duration::from_secs(secs)), ..Options::default() };
    let mut solo = with(&timeout(4), settings::Tcp::default());
    solo.write(b"x");
    let began = solo.now;
    // At 0.2, 0.6, 1.4 and 3.0 s; then the limit is nearer than the next one.
    for _ in 0..4 {
        solo.fire();
    }
    assert_eq!(solo.side.connection.deadline(), Some(began + Duration::from_secs(4)));
    solo.side.with(solo.now, |c, ctx| c.set_options(ctx, &timeout(60)));
    assert_eq!(solo.side.connection.deadline(), Some(solo.now + Duration::from_millis(3200)));
    while solo.side.end.is_none() {
        solo.fire();
    }
    assert_eq!(solo.now.since(began), Duration::from_secs(60));
}
