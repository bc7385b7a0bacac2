//! Data between two ends.

use super::harness::{Link, Net, pattern};
use crate::settings;
use crate::tcp::{Options, TcpState};
use core::time::Duration;

const LIMIT: Duration = Duration::from_secs(600);

#[test]
fn a_megabyte_arrives_in_both_directions_and_the_clock_shows_that_windows_open() {
    let mut net = Net::new(settings::Tcp::default(), Link::default());
    let data = pattern(1 << 20);
    let start = net.now;
    assert_eq!(net.transfer(0, &data, LIMIT), data);
    let took = net.now.since(start);
    assert!(took < Duration::from_millis(600), "20 ms round trips with growing windows: {took:?}");
    assert_eq!(net.transfer(1, &data, LIMIT), data);
    let info = net.sides[0].connection.info().expect("established");
    assert_eq!((info.retransmitted, info.in_flight, info.unsent), (0, 0, 0));
    assert!(net.sides.iter().all(|side| side.discards.is_empty()));
    assert!(info.receive_buffer > 65536, "the receive window grew: {}", info.receive_buffer);
}

#[test]
fn super_segments_carry_the_same_bytes() {
    let mut net = Net::new(settings::Tcp::default(), Link::default());
    net.sides[0].max_super = 64_000;
    let data = pattern(3_000_000);
    assert_eq!(net.transfer(0, &data, LIMIT), data);
}

#[test]
fn without_any_option_data_arrives_too() {
    let settings =
        settings::Tcp { sack: false, timestamps: false, window_scaling: false, ..settings::Tcp::default() };
    let mut net = Net::new(settings, Link::default());
    let data = pattern(500_000);
    assert_eq!(net.transfer(0, &data, LIMIT), data);
    let info = net.sides[1].connection.info().expect("established");
    assert!(info.receive_window <= 65535);
}

#[test]
fn every_byte_arrives_over_a_grid_of_impairments_and_options() {
    for (sack, timestamps, congestion) in [
        (true, true, settings::Congestion::Cubic),
        (true, false, settings::Congestion::Reno),
        (false, true, settings::Congestion::Cubic),
        (false, false, settings::Congestion::Reno),
    ] {
        for (loss, reorder, duplicate) in
            [(0.01, 0.0, 0.0), (0.0, 0.1, 0.05), (0.05, 0.05, 0.02), (0.2, 0.1, 0.0)]
        {
            let settings = settings::Tcp { sack, timestamps, congestion, ..settings::Tcp::default() };
            let link = Link { loss, reorder, duplicate, ..Link::default() };
            let mut net = Net::new(settings, link);
            let data = pattern(300_000);
            assert_eq!(net.transfer(0, &data, LIMIT), data, "loss {loss}, sack {sack}");
        }
    }
}

#[test]
fn a_small_window_and_a_slow_reader_lose_nothing() {
    let settings =
        settings::Tcp { receive_window: 4000, receive_window_max: 4000, ..settings::Tcp::default() };
    let mut net = Net::new(settings, Link { loss: 0.02, ..Link::default() });
    let data = pattern(100_000);
    let mut sent = 0;
    let mut got = Vec::new();
    for _ in 0..4000 {
        sent += net.sides[0].write(net.now, &data[sent..]);
        net.run(Duration::from_millis(50));
        got.extend(net.sides[1].read(net.now, 500));
        if got.len() == data.len() {
            break;
        }
    }
    assert_eq!(got, data);
}

#[test]
fn both_sides_sending_at_once_share_segments_with_their_acknowledgments() {
    let mut net = Net::new(settings::Tcp::default(), Link::default());
    let data = pattern(200_000);
    let (mut sent, mut got) = ([0, 0], [Vec::new(), Vec::new()]);
    let until = net.now + LIMIT;
    while got[0].len() < data.len() || got[1].len() < data.len() {
        for side in 0..2 {
            sent[side] += net.sides[side].write(net.now, &data[sent[side]..]);
        }
        assert!(net.step(until));
        for (side, got) in net.sides.iter_mut().zip(&mut got) {
            got.extend(side.read(net.now, 1 << 20));
        }
    }
    assert!(got.iter().all(|got| *got == data));
    let with_data = net.log.iter().filter(|entry| !entry.2.data.is_empty()).count();
    let bare = net.log.iter().filter(|entry| entry.2.is_bare_ack()).count();
    assert!(bare * 2 < with_data, "{bare} bare ACKs beside {with_data} data segments");
}

#[test]
fn chunks_of_the_cells_count_against_the_window_until_they_are_consumed() {
    let mut net = Net::new(settings::Tcp::default(), Link::default());
    let data = pattern(200_000);
    net.sides[0].write(net.now, &data);
    net.run(Duration::from_secs(2));
    let mut popped = 0;
    let side = &mut net.sides[1];
    while let Some(chunk) = side.connection.pop(&mut side.pool) {
        popped += chunk.len();
    }
    assert!((60_000..=70_000).contains(&popped), "what the first window takes: {popped}");
    net.sides[0].write(net.now, &data);
    net.run(Duration::from_secs(2));
    assert!(net.sides[1].connection.readable() < 1000, "the peer may not send more than the window");
    net.sides[1].with(net.now, |c, ctx| c.consumed(ctx, popped));
    net.run(Duration::from_secs(2));
    assert!(net.sides[1].connection.readable() > 60_000, "the window opened");
}

#[test]
fn half_close_lets_the_other_direction_go_on() {
    let mut net = Net::new(settings::Tcp::default(), Link::default());
    net.sides[0].write(net.now, b"question");
    let now = net.now;
    net.sides[0].with(now, |c, ctx| c.shutdown(ctx));
    net.run(Duration::from_millis(100));
    assert_eq!((net.sides[0].state(), net.sides[1].state()), (TcpState::FinWait2, TcpState::CloseWait));
    assert_eq!(net.sides[1].read(net.now, 100), b"question");
    let data = pattern(100_000);
    assert_eq!(net.transfer(1, &data, LIMIT), data);
    let now = net.now;
    net.sides[1].with(now, |c, ctx| c.shutdown(ctx));
    net.run(Duration::from_millis(100));
    assert_eq!((net.sides[0].state(), net.sides[1].state()), (TcpState::TimeWait, TcpState::Closed));
}

/// RFC 9293, Section 3.7.4.
#[test]
fn nodelay_sends_at_once_and_nagle_waits_for_the_acknowledgment() {
    let nodelay = Options { nodelay: true, ..Options::default() };
    for (options, segments) in [(nodelay, 3), (Options::default(), 1)] {
        let settings = settings::Tcp::default();
        let mut net =
            Net::with_options(settings.clone(), settings, &options, &Options::default(), Link::default());
        for piece in [b"a", b"b", b"c"] {
            net.sides[0].write(net.now, piece);
            net.flush();
        }
        assert_eq!(net.sent_by(0).count(), segments);
        net.run(Duration::from_secs(1));
        assert_eq!(net.sides[1].read(net.now, 10), b"abc");
    }
}
