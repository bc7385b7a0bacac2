//! How connections end.

use super::harness::{ACK, FIN, Link, Net, RST, Solo, pattern};
use crate::settings;
use crate::tcp::{CloseReason, End, Events, Options, PeerOptions, TcpState};
use crate::telemetry::Discard;
use crate::wire::{SeqNum, TcpFlags, Timestamps};
use core::time::Duration;

fn solo(options: &Options) -> Solo {
    Solo::new(PeerOptions { mss: 1460, ..PeerOptions::default() }, options, settings::Tcp::default())
}

fn close(solo: &mut Solo) -> bool {
    let now = solo.now;
    solo.side.outcome(now, |c, ctx| c.close(ctx)).is_some()
}

fn shutdown(solo: &mut Solo) {
    let now = solo.now;
    solo.side.with(now, |c, ctx| c.shutdown(ctx));
}

/// RFC 9293, Section 3.6, case 3.
#[test]
fn simultaneous_close_goes_through_closing_to_time_wait_on_both_sides() {
    let mut net = Net::new(settings::Tcp::default(), Link::default());
    let now = net.now;
    for side in &mut net.sides {
        side.with(now, |c, ctx| c.shutdown(ctx));
    }
    net.run(Duration::from_millis(15));
    assert_eq!((net.sides[0].state(), net.sides[1].state()), (TcpState::Closing, TcpState::Closing));
    net.run(Duration::from_secs(1));
    for side in &net.sides {
        assert!(matches!(side.end, Some(End::TimeWait(record)) if record.flow == *side.connection.flow()));
    }
}

/// RFC 9293, Section 3.6, cases 1 and 2.
#[test]
fn an_active_close_ends_in_time_wait_with_the_last_ack_and_a_passive_one_in_closed() {
    let mut net = Net::new(settings::Tcp::default(), Link { loss: 0.2, ..Link::default() });
    let data = pattern(20_000);
    assert_eq!(net.transfer(0, &data, Duration::from_secs(100)), data);
    let now = net.now;
    net.sides[0].with(now, |c, ctx| c.shutdown(ctx));
    net.run(Duration::from_secs(20));
    assert_eq!(net.sides[1].state(), TcpState::CloseWait);
    assert!(net.sides[1].events.contains(Events::END_OF_STREAM));
    net.link.loss = 0.0;
    let now = net.now;
    net.sides[1].with(now, |c, ctx| c.shutdown(ctx));
    net.run(Duration::from_secs(1));
    assert_eq!(net.sides[1].end, Some(End::Closed(CloseReason::Finished)));
    let Some(End::TimeWait(record)) = net.sides[0].end else { panic!("{:?}", net.sides[0].end) };
    let info = net.sides[0].connection.info().expect("still there");
    assert_eq!((info.state, info.in_flight, info.unsent), (TcpState::TimeWait, 0, 0));
    assert_eq!(record.ts_recent.is_some(), info.timestamps);
}

#[test]
fn fin_in_one_segment_with_data_ends_the_stream_after_it() {
    let mut solo = Solo::plain();
    let reaction = solo.give_next(FIN, b"last words");
    assert_eq!(reaction.sent[0].header.ack, SeqNum(5001 + 11));
    assert_eq!(solo.side.read(solo.now, 100), b"last words");
    let now = solo.now;
    assert_eq!(solo.side.with(now, |c, ctx| c.read(ctx, &mut [0; 8])), Ok(0));
}

#[test]
fn a_fin_before_the_data_that_precedes_it_waits_for_it() {
    let mut solo = Solo::plain();
    solo.seq = 5011;
    assert!(solo.give_next(FIN, b"second....").acks());
    assert_eq!(solo.side.state(), TcpState::Established);
    solo.seq = 5001;
    let reaction = solo.give_next(ACK, b"first.....");
    assert_eq!(reaction.sent[0].header.ack, SeqNum(5022));
    assert_eq!(solo.side.state(), TcpState::CloseWait);
    assert_eq!(solo.side.read(solo.now, 100), b"first.....second....");
}

#[test]
fn a_bare_fin_out_of_order_waits_for_the_data_too() {
    let mut solo = Solo::plain();
    solo.seq = 5004;
    assert!(solo.give_next(FIN, b"").acks());
    solo.seq = 5001;
    solo.give_next(ACK, b"abc");
    assert_eq!(solo.side.state(), TcpState::CloseWait);
}

/// RFC 9293, Section 3.10.4.
#[test]
fn closing_with_unread_data_resets_and_without_sends_fin() {
    let mut unread = solo(&Options::default());
    unread.give_next(ACK, b"never read");
    assert!(close(&mut unread), "RFC 2525, Section 2.17");
    assert_eq!(unread.side.end, Some(End::Closed(CloseReason::Aborted)));
    let mut read = solo(&Options::default());
    read.give_next(ACK, b"read");
    read.side.read(read.now, 10);
    assert!(!close(&mut read));
    assert_eq!((read.side.state(), read.drain()[0].header.flags), (TcpState::FinWait1, FIN));
    let mut popped = solo(&Options::default());
    popped.give_next(ACK, b"in the cell");
    assert!(popped.side.connection.pop(&mut popped.side.pool).is_some());
    assert!(close(&mut popped), "what the cell holds is unread as well");
}

#[test]
fn linger_zero_resets_and_a_linger_time_bounds_the_orphan() {
    let mut zero = solo(&Options { linger: Some(Duration::ZERO), ..Options::default() });
    assert!(close(&mut zero));
    let mut some = solo(&Options { linger: Some(Duration::from_secs(5)), ..Options::default() });
    let began = some.now;
    some.write(b"never acknowledged");
    assert!(!close(&mut some));
    while some.side.end.is_none() {
        some.fire();
    }
    assert_eq!(some.now.since(began), Duration::from_secs(5));
    assert_eq!(some.side.end, Some(End::Closed(CloseReason::OrphanTimedOut)));
}

#[test]
fn an_orphan_in_fin_wait_2_times_out_and_an_owned_one_does_not() {
    let mut owned = solo(&Options::default());
    shutdown(&mut owned);
    owned.drain();
    owned.ack = 1002;
    owned.give_next(ACK, b"");
    assert_eq!((owned.side.state(), owned.side.connection.deadline()), (TcpState::FinWait2, None));
    assert!(!close(&mut owned));
    let began = owned.now;
    let sent = owned.fire();
    assert_eq!(owned.now.since(began), settings::Tcp::default().fin_wait2);
    assert!(sent[0].has(RST));
    assert_eq!(owned.side.end, Some(End::Closed(CloseReason::OrphanTimedOut)));
}

/// RFC 9293, Section 3.6.1: what nobody will read is reported as lost.
#[test]
fn data_for_an_orphan_is_answered_by_rst() {
    let mut solo = solo(&Options::default());
    assert!(!close(&mut solo));
    solo.drain();
    let reaction = solo.give_next(ACK, b"nobody is here");
    assert_eq!(reaction.discard, Some(Discard::TcpAfterClose));
    assert!(reaction.rst.expect("an RST").has(RST));
    assert_eq!(solo.side.end, Some(End::Closed(CloseReason::DataAfterClose)));
}

#[test]
fn an_orphan_takes_the_peers_fin_and_ends_well() {
    let mut solo = solo(&Options::default());
    solo.write(b"bye");
    assert!(!close(&mut solo));
    assert_eq!(solo.drain()[0].header.flags, FIN, "FIN waits for no acknowledgment");
    solo.ack = 1005;
    let reaction = solo.give_next(FIN, b"");
    assert_eq!(reaction.sent[0].header.ack, SeqNum(5002), "the last ACK is still owed and sent");
    assert!(matches!(solo.side.end, Some(End::TimeWait(_))));
}

#[test]
fn abort_resets_where_the_peer_may_not_know() {
    for close_first in [false, true] {
        let mut solo = solo(&Options::default());
        solo.give_next(FIN, b"");
        if close_first {
            shutdown(&mut solo);
            solo.drain();
            assert_eq!(solo.side.state(), TcpState::LastAck);
        }
        let now = solo.now;
        let rst = solo.side.outcome(now, |c, ctx| c.abort(ctx));
        assert_eq!(rst.is_some(), !close_first, "RFC 9293, Section 3.10.5");
        assert_eq!(solo.side.state(), TcpState::Closed);
        assert_eq!((solo.side.connection.deadline(), solo.side.connection.may_transmit()), (None, false));
        let reaction = solo.give_next(ACK, b"");
        assert!(reaction.discard.is_some() || reaction.is_silent());
    }
}

/// RFC 7323, Section 5.2: with the timestamps that were agreed, on an abort and on giving up alike.
#[test]
fn our_rst_carries_timestamps_where_they_are_agreed() {
    for ts_recent in [None, Some(1000)] {
        let peer = PeerOptions { mss: 1460, ts_recent, ..PeerOptions::default() };
        let mut aborted = Solo::new(peer, &Options::default(), settings::Tcp::default());
        let now = aborted.now;
        let expected = ts_recent.map(|echo| Timestamps { value: now.as_millis() as u32, echo });
        let rst = aborted.side.outcome(now, |c, ctx| c.abort(ctx)).expect("an RST");
        assert_eq!(rst.header.options.timestamps, expected);
        let mut orphan = Solo::new(peer, &Options::default(), settings::Tcp::default());
        assert!(!close(&mut orphan));
        let rst = orphan.give_next(ACK, b"nobody reads it").rst.expect("an RST");
        assert_eq!(rst.header.options.timestamps, expected);
    }
}

#[test]
fn writing_after_shutdown_fails_and_what_was_queued_goes_first() {
    let mut solo = Solo::plain();
    solo.window = 0;
    solo.give_next(ACK, b"");
    assert!(solo.write(b"waits for the window").is_empty());
    shutdown(&mut solo);
    assert_eq!(solo.side.write(solo.now, b"x"), 0);
    assert!(solo.drain().is_empty());
    solo.window = 1000;
    let reaction = solo.give_next(ACK, b"");
    assert_eq!(reaction.sent[0].data, b"waits for the window");
    assert!(reaction.sent[0].has(FIN.with(TcpFlags::PSH)));
}
