//! How losses are repaired.

use super::harness::{ACK, Link, MSS, Net, Segment, Solo, pattern};
use crate::settings;
use crate::tcp::{Options, PeerOptions};
use crate::wire::{SackBlocks, SeqNum};
use core::time::Duration;

const FULL: u32 = MSS as u32;

fn solo(sack: bool) -> Solo {
    let peer = PeerOptions { mss: MSS, sack, ..PeerOptions::default() };
    Solo::new(peer, &Options::default(), settings::Tcp::default())
}

fn dup_ack(solo: &Solo, blocks: &[(u32, u32)]) -> Segment {
    let mut segment = solo.segment(ACK, b"");
    let mut sack = SackBlocks::default();
    for (start, end) in blocks {
        sack.push(SeqNum(*start), SeqNum(*end));
    }
    segment.header.options.sack = sack;
    segment
}

fn seqs(sent: &[Segment]) -> Vec<u32> {
    sent.iter().map(|segment| (segment.header.seq.0 - 1001) / FULL).collect()
}

#[test]
fn the_initial_window_is_ten_segments() {
    let mut solo = solo(true);
    solo.side.write(solo.now, &pattern(60_000));
    assert_eq!(solo.drain().len(), 10);
}

/// RFC 5681, Section 3.2; RFC 6675, Section 2: a duplicate reports something new; RFC 6675, Section 5.
#[test]
fn two_duplicates_send_something_new_and_the_third_repairs_with_sack() {
    let mut solo = solo(true);
    solo.side.write(solo.now, &pattern(60_000));
    solo.drain();
    let block = |n: u32| [(1001 + FULL, 1001 + FULL * (n + 2))];
    let first = dup_ack(&solo, &block(0));
    let second = dup_ack(&solo, &block(1));
    let third = dup_ack(&solo, &block(2));
    assert_eq!(seqs(&solo.give(&first).sent), [10], "limited transmit (RFC 3042)");
    assert_eq!(seqs(&solo.give(&second).sent), [11]);
    assert!((0..3).all(|_| solo.give(&second).is_silent()), "it reports nothing new: no duplicate");
    let repaired = solo.give(&third).sent;
    assert_eq!(repaired[0].header.seq, SeqNum(1001), "fast retransmit");
    let info = solo.side.connection.info().expect("open");
    assert!(info.recovering && info.ssthresh < 10 * FULL && info.cwnd == info.ssthresh);
    solo.ack = 1001 + 12 * FULL;
    solo.give_next(ACK, b"");
    let info = solo.side.connection.info().expect("open");
    assert!(!info.recovering);
    assert_eq!(info.retransmitted, 1, "nothing else was lost");
}

/// RFC 6675, Section 5.
#[test]
fn several_holes_are_repaired_in_one_round_trip_with_sack() {
    let mut solo = solo(true);
    solo.side.write(solo.now, &pattern(14_600));
    assert_eq!(solo.drain().len(), 10);
    // Segments 0, 2 and 4 are lost.
    let at = |n: u32| 1001 + n * FULL;
    let mut again = Vec::new();
    for blocks in [
        vec![(at(1), at(2))],
        vec![(at(3), at(4)), (at(1), at(2))],
        vec![(at(5), at(6)), (at(3), at(4)), (at(1), at(2))],
        vec![(at(5), at(7)), (at(3), at(4)), (at(1), at(2))],
        vec![(at(5), at(8)), (at(3), at(4)), (at(1), at(2))],
        vec![(at(5), at(9)), (at(3), at(4)), (at(1), at(2))],
        vec![(at(5), at(10)), (at(3), at(4)), (at(1), at(2))],
    ] {
        let segment = dup_ack(&solo, &blocks);
        again.extend(seqs(&solo.give(&segment).sent));
    }
    assert_eq!(again, [0, 2, 4], "nothing is rescued before the first repair is acknowledged (step 4.3)");
}

/// RFC 5681, Section 3.2; RFC 6582, Section 3.2.
#[test]
fn without_sack_three_duplicates_repair_and_partial_acks_show_the_next_hole() {
    let mut solo = solo(false);
    solo.side.write(solo.now, &pattern(14_600));
    solo.drain();
    let dup = dup_ack(&solo, &[]);
    assert!(solo.give(&dup).sent.is_empty() && solo.give(&dup).sent.is_empty());
    assert_eq!(seqs(&solo.give(&dup).sent), [0]);
    solo.ack = 1001 + 4 * FULL;
    assert_eq!(seqs(&solo.give_next(ACK, b"").sent), [4], "NewReno (RFC 6582)");
    solo.ack = 1001 + 10 * FULL;
    assert!(solo.give_next(ACK, b"").sent.is_empty());
    assert!(!solo.side.connection.info().expect("open").recovering);
}

/// RFC 5681, Section 2.
#[test]
fn acks_with_data_or_another_window_are_no_duplicates() {
    let mut solo = solo(false);
    solo.side.write(solo.now, &pattern(14_600));
    solo.drain();
    for i in 0..6 {
        solo.window -= 1;
        assert!(solo.give_next(ACK, b"").sent.is_empty(), "window update {i}");
    }
    for _ in 0..6 {
        let reaction = solo.give_next(ACK, b"data");
        solo.seq += 4;
        assert!(reaction.sent.iter().all(Segment::is_bare_ack));
    }
}

/// RFC 6298, Sections 5.1 and 5.5.
#[test]
fn the_timer_backs_off_and_slow_start_repairs_the_rest() {
    let mut solo = solo(true);
    solo.side.write(solo.now, &pattern(14_600));
    solo.drain();
    let began = solo.now;
    let mut waits = Vec::new();
    for _ in 0..4 {
        let before = solo.now;
        let sent = solo.fire();
        assert_eq!(seqs(&sent), [0], "one segment (RFC 6298, Section 5.4)");
        waits.push(solo.now.since(before).as_millis());
    }
    assert_eq!(waits, [200, 400, 800, 1600]);
    assert_eq!(solo.side.connection.info().expect("open").cwnd, FULL);
    solo.ack = 1001 + FULL;
    assert_eq!(seqs(&solo.give_next(ACK, b"").sent), [1, 2], "slow start");
    solo.ack = 1001 + 3 * FULL;
    assert!(!solo.give_next(ACK, b"").sent.is_empty());
    solo.ack = 1001 + 10 * FULL;
    solo.give_next(ACK, b"");
    assert_eq!(solo.side.connection.deadline(), None);
    assert!(began < solo.now);
}

/// RFC 6298, Section 5.3: what is still in flight gets its whole time-out again.
#[test]
fn an_acknowledgment_of_a_part_restarts_the_timer_and_one_of_all_stops_it() {
    let mut solo = solo(true);
    solo.side.write(solo.now, &pattern(2 * MSS as usize));
    solo.drain();
    assert_eq!(solo.side.connection.deadline(), Some(solo.now + Duration::from_millis(200)));
    solo.wait(Duration::from_millis(150));
    solo.ack += FULL;
    solo.give_next(ACK, b"");
    let rto = solo.side.connection.info().expect("open").rto;
    assert_eq!(solo.side.connection.deadline(), Some(solo.now + rto));
    solo.ack += FULL;
    solo.give_next(ACK, b"");
    assert_eq!(solo.side.connection.deadline(), None);
}

/// RFC 6298, Section 3.
#[test]
fn a_retransmitted_segment_gives_no_round_trip_time() {
    let mut solo = solo(true);
    solo.write(b"x");
    let before = solo.side.connection.info().expect("open").rtt;
    solo.fire();
    solo.wait(Duration::from_millis(90));
    solo.ack += 1;
    solo.give_next(ACK, b"");
    let info = solo.side.connection.info().expect("open");
    assert_eq!(info.rtt, before, "Karn's algorithm");
    assert!(
        info.rto > Duration::from_millis(200),
        "the time-out stays backed off until a fresh segment is timed"
    );
    solo.write(b"y");
    solo.wait(Duration::from_millis(20));
    solo.ack += 1;
    solo.give_next(ACK, b"");
    assert_eq!(solo.side.connection.info().expect("open").rto, Duration::from_millis(200));
}

#[test]
fn a_lost_fin_and_lost_acks_are_repaired() {
    for lost in 0..12_u64 {
        let mut net = Net::new(settings::Tcp::default(), Link::default());
        LOST.with(|cell| cell.set(lost));
        net.drop = |_, _, n| LOST.with(core::cell::Cell::get) + 1 == n;
        net.sides[0].write(net.now, &pattern(4000));
        let now = net.now;
        net.sides[0].with(now, |c, ctx| c.shutdown(ctx));
        net.run(Duration::from_secs(2));
        assert_eq!(net.sides[1].read(net.now, 10_000), pattern(4000), "segment {lost} lost");
        let now = net.now;
        net.sides[1].with(now, |c, ctx| c.shutdown(ctx));
        net.run(Duration::from_secs(5));
        assert!(net.sides[0].end.is_some(), "segment {lost} lost");
    }
}

std::thread_local! {
    static LOST: core::cell::Cell<u64> = const { core::cell::Cell::new(0) };
}

#[test]
fn a_window_after_an_idle_time_starts_small_again() {
    let mut net = Net::new(settings::Tcp::default(), Link::default());
    let data = pattern(1_000_000);
    assert_eq!(net.transfer(0, &data, Duration::from_secs(60)), data);
    net.run(Duration::from_secs(10));
    assert!(net.sides[0].connection.info().expect("open").cwnd > 10 * FULL);
    net.sides[0].write(net.now, &data);
    assert!(net.sides[0].connection.info().expect("open").cwnd <= 10 * FULL, "RFC 5681, Section 4.1");
}

/// RFC 1191, Section 6.4; RFC 5681, Section 3.2, step 4: the inflation belongs to fast recovery and ends with it.
#[test]
fn a_smaller_path_mtu_in_fast_recovery_leaves_no_inflated_window() {
    for sack in [false, true] {
        let mut solo = solo(sack);
        solo.side.write(solo.now, &pattern(200_000));
        solo.drain();
        for n in 1..=9 {
            let block = if sack { vec![(1001 + FULL, 1001 + FULL * (n + 1))] } else { vec![] };
            let duplicate = dup_ack(&solo, &block);
            solo.give(&duplicate);
        }
        let before = solo.side.connection.info().expect("open");
        assert!(before.recovering && (sack || before.cwnd > before.ssthresh), "{before:?}");
        solo.side.with(solo.now, |c, ctx| c.on_path_mtu(ctx, MSS / 2));
        let after = solo.side.connection.info().expect("open");
        assert_eq!((after.cwnd, after.ssthresh), (before.ssthresh / 2, before.ssthresh), "sack {sack}");
        let sent: usize = solo.drain().iter().map(|segment| segment.data.len()).sum();
        assert!(sent as u32 <= after.cwnd, "{sent} bytes at once with a window of {}", after.cwnd);
        // Everything arrives, and recovery is over.
        solo.ack = 1001 + solo.side.connection.info().expect("open").in_flight;
        solo.give_next(ACK, b"");
        assert!(!solo.side.connection.info().expect("open").recovering);
    }
}
