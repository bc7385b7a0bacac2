//! What came twice is reported to the sender, once (RFC 2883).

use super::harness::{ACK, FIN, Link, MSS, Net, Reaction, Solo, pattern};
use crate::settings;
use crate::tcp::{Options, PeerOptions};
use crate::wire::SeqNum;
use core::time::Duration;

/// An end that has received the 4000 bytes from 5001 on, in segments of 500.
fn after_4000(sack: bool, ts_recent: Option<u32>) -> Solo {
    let peer = PeerOptions { mss: MSS, sack, ts_recent, ..PeerOptions::default() };
    let mut solo = Solo::new(peer, &Options::default(), settings::Tcp::default());
    for _ in 0..8 {
        solo.give_next(ACK, &[7; 500]);
        solo.seq += 500;
    }
    solo
}

/// Gives the bytes from `start` up to `end` of the stream.
fn give(solo: &mut Solo, start: u32, end: u32) -> Reaction {
    solo.seq = 5001 + start;
    solo.give_next(ACK, &vec![7; (end - start) as usize])
}

/// The acknowledgment and the blocks of the only ACK, as places in the stream.
fn report(reaction: &Reaction) -> (u32, Vec<(u32, u32)>) {
    assert_eq!(reaction.sent.len(), 1, "at once: {reaction:?}");
    let header = reaction.sent[0].header;
    let place = |seq: SeqNum| seq.0 - 5001;
    let blocks = header.options.sack;
    (place(header.ack), blocks.as_slice().iter().map(|block| (place(block.0), place(block.1))).collect())
}

/// RFC 2883, Sections 4.1.1 and 4.1.2.
#[test]
fn a_segment_that_was_acknowledged_is_the_first_block_and_held_data_follows() {
    let mut solo = after_4000(true, None);
    assert_eq!(report(&give(&mut solo, 3000, 3500)), (4000, vec![(3000, 3500)]));
    assert_eq!(report(&give(&mut solo, 4500, 5000)), (4000, vec![(4500, 5000)]), "told once only");
    assert_eq!(report(&give(&mut solo, 3000, 3500)), (4000, vec![(3000, 3500), (4500, 5000)]));
}

/// RFC 2883, Section 4.1.3.
#[test]
fn a_duplicate_of_held_data_is_followed_by_the_block_that_holds_it() {
    let mut solo = after_4000(true, None);
    give(&mut solo, 5000, 5500);
    give(&mut solo, 4500, 5000);
    assert_eq!(report(&give(&mut solo, 5000, 5500)), (4000, vec![(5000, 5500), (4500, 5500)]));
}

/// RFC 2883, Section 4.2: only the part that was there before.
#[test]
fn of_a_segment_that_is_partly_new_the_old_part_is_reported() {
    let mut solo = after_4000(true, None);
    assert_eq!(report(&give(&mut solo, 3500, 4500)), (4500, vec![(3500, 4000)]), "below what is expected");
    give(&mut solo, 5000, 5500);
    give(&mut solo, 6000, 6500);
    assert_eq!(
        report(&give(&mut solo, 4800, 5200)),
        (4500, vec![(5000, 5200), (4800, 5500), (6000, 6500)]),
        "among what is held"
    );
    assert_eq!(
        report(&give(&mut solo, 4500, 5000)),
        (5500, vec![(4800, 5000), (6000, 6500)]),
        "in order, over what is held"
    );
}

#[test]
fn a_late_duplicate_that_is_old_by_its_timestamp_is_reported_too() {
    let mut solo = after_4000(true, Some(1000));
    solo.tsval = Some(900);
    assert_eq!(report(&give(&mut solo, 3000, 3500)), (4000, vec![(3000, 3500)]));
}

#[test]
fn it_takes_the_place_of_a_block_where_timestamps_leave_room_for_three() {
    let mut solo = after_4000(true, Some(1000));
    for start in [5000, 6000, 7000, 8000] {
        give(&mut solo, start, start + 100);
    }
    let (_, blocks) = report(&give(&mut solo, 100, 200));
    assert_eq!(blocks, [(100, 200), (8000, 8100), (7000, 7100)]);
}

#[test]
fn nothing_is_reported_without_sack_or_without_data() {
    let mut solo = after_4000(false, None);
    assert_eq!(report(&give(&mut solo, 3000, 3500)), (4000, vec![]));
    let mut solo = after_4000(true, None);
    solo.seq = 5001 + 3999;
    assert_eq!(report(&solo.give_next(ACK, b"")), (4000, vec![]), "a keep-alive probe");
    solo.seq += 1;
    solo.give_next(FIN, b"");
    assert_eq!(report(&solo.give_next(FIN, b"")), (4001, vec![]), "the FIN again");
}

#[test]
fn data_that_carries_the_report_leaves_room_for_it() {
    let mut solo = after_4000(true, None);
    solo.side.write(solo.now, &pattern(2908));
    let sent = give(&mut solo, 0, 500).sent;
    let lens: Vec<_> =
        sent.iter().map(|segment| (segment.data.len(), segment.header.options.sack.len)).collect();
    assert_eq!(lens, [(1460 - 12, 1), (1460, 0)]);
}

#[test]
fn a_link_that_duplicates_slows_nobody_down() {
    let mut net = Net::new(settings::Tcp::default(), Link { duplicate: 0.3, ..Link::default() });
    let data = pattern(300_000);
    assert_eq!(net.transfer(0, &data, Duration::from_secs(60)), data);
    let info = net.sides[0].connection.info().expect("open");
    assert_eq!((info.retransmitted, info.ssthresh), (0, u32::MAX), "our sender takes no report for a loss");
    let reports =
        net.sent_by(1).filter(|s| s.header.options.sack.as_slice().iter().any(|b| b.1.le(s.header.ack)));
    // Segments that arrive at one moment share an ACK, which has room for one report.
    assert!(reports.count() >= 3);
}
