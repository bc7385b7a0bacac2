//! One segment at a time: every state against SYN, RST, FIN, ACK and data, in the window and out of it.

use super::harness::{ACK, FIN, MSS, RST, Reaction, SYN, Solo};
use crate::settings;
use crate::tcp::{CloseReason, End, Events, IcmpError, IcmpKind, Options, PeerOptions, TcpState};
use crate::telemetry::Discard;
use crate::wire::{SackBlocks, SeqNum, TcpFlags};
use core::time::Duration;

/// The synchronized states that a connection can rest in.
pub(super) const STATES: [TcpState; 6] = [
    TcpState::Established,
    TcpState::FinWait1,
    TcpState::FinWait2,
    TcpState::CloseWait,
    TcpState::Closing,
    TcpState::LastAck,
];

/// An end in `state`, with the peer's next numbers in `seq` and `ack`.
pub(super) fn in_state(state: TcpState) -> Solo {
    let mut solo = Solo::plain();
    let shutdown = |solo: &mut Solo| {
        let now = solo.now;
        solo.side.with(now, |c, ctx| c.shutdown(ctx));
        solo.drain();
    };
    let peer_fin = |solo: &mut Solo| {
        solo.give_next(FIN, b"");
        solo.seq += 1;
    };
    match state {
        TcpState::Established => {}
        TcpState::FinWait1 => shutdown(&mut solo),
        TcpState::FinWait2 => {
            shutdown(&mut solo);
            solo.ack = 1002;
            solo.give_next(ACK, b"");
        }
        TcpState::CloseWait => peer_fin(&mut solo),
        TcpState::Closing => {
            shutdown(&mut solo);
            peer_fin(&mut solo);
        }
        TcpState::LastAck => {
            peer_fin(&mut solo);
            shutdown(&mut solo);
        }
        other => panic!("{other} is no synchronized state that rests"),
    }
    assert_eq!(solo.side.state(), state);
    solo
}

fn at(state: TcpState, offset: i64, flags: TcpFlags, data: &[u8]) -> (Solo, Reaction) {
    let mut solo = in_state(state);
    solo.seq = (i64::from(solo.seq) + offset) as u32;
    let reaction = solo.give_next(flags, data);
    (solo, reaction)
}

/// RFC 5961, Section 3.2; RFC 9293, Section 3.10.7.4, second check.
#[test]
fn an_exact_rst_ends_every_state_and_an_inexact_one_is_challenged() {
    for state in STATES {
        let (solo, reaction) = at(state, 0, RST, b"");
        assert!(reaction.is_silent(), "an RST is never answered");
        assert_eq!(solo.side.end, Some(End::Closed(CloseReason::ResetByPeer)), "{state}");
        let (solo, reaction) = at(state, 1, RST, b"");
        assert_eq!((reaction.acks(), reaction.discard), (true, Some(Discard::TcpResetInexact)), "{state}");
        assert_eq!(solo.side.state(), state);
        for outside in [-1, 1 << 20] {
            let (solo, reaction) = at(state, outside, RST, b"");
            assert_eq!((reaction.is_silent(), reaction.discard), (true, Some(Discard::TcpOutOfWindow)));
            assert_eq!(solo.side.state(), state);
        }
    }
}

/// RFC 5961, Section 4.2.
#[test]
fn a_syn_is_challenged_in_every_state_wherever_it_stands() {
    for state in STATES {
        for (offset, flags) in [(0, SYN), (100, SYN), (1 << 20, SYN), (-1, SYN.with(ACK)), (0, SYN.with(FIN))]
        {
            let (solo, reaction) = at(state, offset, flags, b"");
            assert_eq!((reaction.acks(), reaction.discard), (true, Some(Discard::TcpSynInWindow)), "{state}");
            assert_eq!(solo.side.state(), state);
        }
    }
}

#[test]
fn a_segment_without_ack_goes_no_further() {
    for state in STATES {
        let (solo, reaction) = at(state, 0, TcpFlags::default(), b"data");
        assert_eq!((reaction.is_silent(), reaction.discard), (true, Some(Discard::TcpNoAck)), "{state}");
        assert_eq!(solo.side.connection.readable(), 0);
    }
}

/// RFC 9293, Section 3.10.7.4, first check.
#[test]
fn out_of_window_segments_with_data_are_answered_and_dropped() {
    for state in STATES {
        for offset in [-100, 1 << 20] {
            let (solo, reaction) = at(state, offset, ACK, b"data");
            assert!(reaction.acks() && reaction.discard.is_some(), "{state} {offset}");
            assert_eq!(solo.side.connection.readable(), 0);
        }
    }
}

/// RFC 9293, Section 3.10.7.4, seventh check.
#[test]
fn data_is_taken_where_the_peer_may_send_and_ignored_elsewhere() {
    for state in STATES {
        let (solo, reaction) = at(state, 0, ACK, b"data");
        let takes = matches!(state, TcpState::Established | TcpState::FinWait1 | TcpState::FinWait2);
        assert_eq!(solo.side.connection.readable(), if takes { 4 } else { 0 }, "{state}");
        assert_eq!(solo.side.events.contains(Events::READABLE), takes);
        assert!(reaction.acks(), "the first segments are acknowledged at once");
    }
}

/// RFC 9293, Section 3.10.7.4, eighth check.
#[test]
fn a_fin_moves_every_state_that_expects_one() {
    use TcpState as S;
    let after = [S::CloseWait, S::Closing, S::TimeWait, S::CloseWait, S::Closing, S::LastAck];
    for (state, after) in STATES.into_iter().zip(after) {
        let (solo, reaction) = at(state, 0, FIN, b"");
        assert_eq!(solo.side.state(), after, "{state}");
        assert!(reaction.acks());
    }
}

#[test]
fn the_acknowledgment_of_our_fin_moves_on() {
    use TcpState as S;
    for (state, after) in [(S::FinWait1, S::FinWait2), (S::Closing, S::TimeWait), (S::LastAck, S::Closed)] {
        let mut solo = in_state(state);
        solo.ack = 1002;
        solo.give_next(ACK, b"");
        assert_eq!(solo.side.state(), after);
    }
    let mut solo = in_state(S::FinWait1);
    solo.ack = 1002;
    solo.give_next(FIN, b"");
    assert_eq!(solo.side.state(), S::TimeWait, "FIN and the ACK of ours in one segment");
}

/// RFC 5961, Section 5.2.
#[test]
fn acknowledgments_of_what_was_never_sent_or_is_too_old_are_challenged() {
    for state in STATES {
        for offset in [2_i64, 1 << 20, -70_000] {
            let mut solo = in_state(state);
            solo.ack = (i64::from(solo.ack) + offset + 1) as u32;
            let reaction = solo.give_next(ACK, b"payload");
            assert_eq!(
                (reaction.acks(), reaction.discard),
                (true, Some(Discard::TcpAckUnacceptable)),
                "{state}"
            );
            assert_eq!(solo.side.connection.readable(), 0, "blind data injection (RFC 5961, Section 5)");
        }
        let mut solo = in_state(state);
        solo.ack -= 100;
        assert_eq!(solo.give_next(ACK, b"").discard, Some(Discard::TcpDuplicate), "old, but within a window");
    }
}

/// RFC 5961, Section 7.
#[test]
fn challenges_are_limited_per_second_and_come_back() {
    let mut solo = Solo::plain();
    let limit = settings::Tcp::default().challenge_acks as usize;
    solo.seq += 5;
    let answered = (0..100).filter(|_| solo.give_next(RST, b"").acks()).count();
    assert_eq!(answered, limit);
    solo.wait(Duration::from_secs(1));
    assert!(solo.give_next(RST, b"").acks());
}

#[test]
fn two_ends_that_disagree_do_not_acknowledge_each_other_without_end() {
    let mut solo = Solo::plain();
    solo.seq -= 1;
    assert!(solo.give_next(ACK, b"").acks(), "a keep-alive probe is answered");
    let answers = (0..100).filter(|_| solo.give_next(ACK, b"").acks()).count();
    assert_eq!(answers, 0, "at once a second time it is not");
    solo.wait(Duration::from_millis(500));
    assert!(solo.give_next(ACK, b"").acks());
}

/// RFC 9293, Section 3.10.7.4: only the new part within the window counts.
#[test]
fn segments_are_trimmed_to_what_is_new_and_to_the_window() {
    let mut solo = Solo::plain();
    solo.give_next(ACK, b"0123456789");
    solo.seq += 5;
    solo.give_next(ACK, b"56789abcde");
    assert_eq!(solo.side.read(solo.now, 100), b"0123456789abcde");
    let mut tight = Solo::new(
        PeerOptions { mss: MSS, ..PeerOptions::default() },
        &Options::default(),
        settings::Tcp::default(),
    );
    let window = tight.side.connection.info().expect("open").receive_window;
    tight.seq += window - 3;
    tight.give_next(ACK, b"abcdef");
    assert_eq!(
        tight.side.connection.info().expect("open").out_of_order,
        3,
        "beyond the right edge nothing is kept"
    );
}

/// RFC 5681, Section 4.2: at once, and so is what fills the gap.
#[test]
fn data_out_of_order_is_acknowledged_at_once_with_sack_and_delivered_in_order() {
    let peer = PeerOptions { mss: MSS, sack: true, ..PeerOptions::default() };
    let mut solo = Solo::new(peer, &Options::default(), settings::Tcp::default());
    solo.seq = 5011;
    let reaction = solo.give_next(ACK, b"bbbbbbbbbb");
    assert_eq!(reaction.sent[0].header.ack, SeqNum(5001));
    assert_eq!(reaction.sent[0].header.options.sack.as_slice(), [(SeqNum(5011), SeqNum(5021))]);
    solo.seq = 5001;
    let reaction = solo.give_next(ACK, b"aaaaaaaaaa");
    assert_eq!((reaction.sent[0].header.ack, reaction.sent[0].header.options.sack.len), (SeqNum(5021), 0));
    assert_eq!(solo.side.read(solo.now, 100), b"aaaaaaaaaabbbbbbbbbb");
}

#[test]
fn near_the_memory_budget_only_data_in_order_is_taken() {
    let mut solo = Solo::plain();
    solo.side.memory_low = true;
    solo.seq = 5011;
    assert_eq!(solo.give_next(ACK, b"later").discard, Some(Discard::TcpReassemblyFull));
    solo.seq = 5001;
    solo.give_next(ACK, b"now");
    assert_eq!(solo.side.connection.readable(), 3);
}

/// RFC 7323, Section 3.2; RFC 7323, Section 5.3, R1.
#[test]
fn old_timestamps_and_missing_ones_go_no_further() {
    let peer = PeerOptions { mss: MSS, ts_recent: Some(1000), ..PeerOptions::default() };
    let new = || Solo::new(peer, &Options::default(), settings::Tcp::default());
    let mut solo = new();
    solo.tsval = Some(999);
    let reaction = solo.give_next(ACK, b"old");
    assert_eq!((reaction.acks(), reaction.discard), (true, Some(Discard::TcpPaws)));
    solo.tsval = None;
    let reaction = solo.give_next(ACK, b"none");
    assert_eq!((reaction.is_silent(), reaction.discard), (true, Some(Discard::TcpMissingTimestamp)));
    solo.give_next(RST, b"");
    assert_eq!(solo.side.end, Some(End::Closed(CloseReason::ResetByPeer)), "RST needs none");
    let mut solo = new();
    solo.tsval = Some(2000);
    let reaction = solo.give_next(ACK, b"new");
    assert_eq!(reaction.sent[0].header.options.timestamps.map(|t| t.echo), Some(2000));
    let mut solo = new();
    solo.wait(Duration::from_secs(25 * 24 * 3600));
    solo.tsval = Some(500);
    solo.give_next(ACK, b"after weeks");
    assert_eq!(
        solo.side.connection.readable(),
        11,
        "RFC 7323, Section 5.5: an idle connection outlives the clock"
    );
}

/// RFC 7323, Section 5.5: what grows old is the value. A peer that only keeps the connection alive is heard all the time and never
/// sends a segment that gives a new one.
#[test]
fn keep_alives_of_the_peer_do_not_keep_an_old_timestamp_young() {
    let day = Duration::from_secs(24 * 3600);
    let peer = PeerOptions { mss: MSS, ts_recent: Some(1000), ..PeerOptions::default() };
    let mut solo = Solo::new(peer, &Options::default(), settings::Tcp::default());
    for n in 1..=30_u32 {
        solo.wait(day);
        solo.tsval = Some((1000 + u64::from(n) * day.as_millis() as u64) as u32);
        solo.seq -= 1;
        let reaction = solo.give_next(ACK, b"");
        assert_eq!((reaction.acks(), reaction.discard), (true, Some(Discard::TcpDuplicate)), "day {n}");
        solo.seq += 1;
    }
    solo.give_next(ACK, b"after weeks");
    assert_eq!(solo.side.connection.readable(), 11);
}

/// RFC 5961, Section 5.2: a segment whose acknowledgment cannot be changes nothing, not the value to echo either: PAWS would drop
/// everything that the peer itself sends then.
#[test]
fn a_forged_acknowledgment_moves_no_timestamp() {
    let peer = PeerOptions { mss: MSS, ts_recent: Some(1000), ..PeerOptions::default() };
    let mut solo = Solo::new(peer, &Options::default(), settings::Tcp::default());
    solo.tsval = Some(1000 + (1 << 30));
    let mut forged = solo.segment(ACK, b"forged");
    forged.header.ack = SeqNum(1 << 24);
    let reaction = solo.give(&forged);
    assert_eq!((reaction.acks(), reaction.discard), (true, Some(Discard::TcpAckUnacceptable)));
    assert_eq!(reaction.sent[0].header.options.timestamps.map(|t| t.echo), Some(1000));
    solo.tsval = Some(1001);
    assert_eq!(solo.give_next(ACK, b"real").discard, None);
    assert_eq!(solo.side.read(solo.now, 10), b"real");
}

#[test]
fn a_gap_keeps_the_echo_at_the_last_segment_in_order() {
    let peer = PeerOptions { mss: MSS, ts_recent: Some(1000), ..PeerOptions::default() };
    let mut solo = Solo::new(peer, &Options::default(), settings::Tcp::default());
    solo.seq += 100;
    solo.tsval = Some(1500);
    let reaction = solo.give_next(ACK, b"out of order");
    assert_eq!(
        reaction.sent[0].header.options.timestamps.map(|t| t.echo),
        Some(1000),
        "RFC 7323, Section 4.3"
    );
}

/// RFC 9293, Section 3.8.6.3; RFC 5681, Section 4.2.
#[test]
fn every_second_full_segment_is_acknowledged_at_once_and_one_alone_after_the_delay() {
    let mut solo = Solo::plain();
    let full = [0; MSS as usize];
    let next = |solo: &mut Solo, data: &[u8]| {
        let reaction = solo.give_next(ACK, data);
        solo.seq += data.len() as u32;
        solo.side.read(solo.now, 1 << 16);
        reaction.sent.len()
    };
    let quick: usize = (0..8).map(|_| next(&mut solo, &full)).sum();
    assert_eq!(quick, 8, "at the beginning each");
    assert_eq!([next(&mut solo, &full), next(&mut solo, &full), next(&mut solo, &full)], [0, 1, 0]);
    let began = solo.now;
    assert!(solo.fire()[0].is_bare_ack());
    assert_eq!(solo.now.since(began), settings::Tcp::default().delayed_ack);
    assert_eq!(solo.side.connection.deadline(), None);
    assert_eq!(next(&mut solo, b"request"), 0);
    assert_eq!(solo.write(b"answer").len(), 1, "the answer carries the acknowledgment");
    assert!(solo.drain().is_empty());
}

/// RFC 7323, Section 2.4: not by rounding to the scale either.
#[test]
fn the_right_edge_never_moves_left() {
    let peer = PeerOptions { mss: MSS, window_scale: Some(7), ..PeerOptions::default() };
    let mut solo = Solo::new(peer, &Options::default(), settings::Tcp::default());
    let mut edge = 5001 + 65535;
    for i in 0..3000_u32 {
        let data = vec![0; (i * 37 % 100) as usize + 1];
        if solo.side.connection.info().expect("open").receive_window < 128 {
            break;
        }
        let reaction = solo.give_next(ACK, &data);
        solo.seq += data.len() as u32;
        for sent in reaction.sent {
            let promised = sent.header.ack.0 + (u32::from(sent.header.window) << 7);
            assert!(promised + 127 >= edge, "rounding apart, {promised} is not before {edge}");
            edge = edge.max(promised);
        }
    }
    let unread = solo.side.connection.readable();
    assert!(edge - 5001 <= 65535 + 4096 + 128, "nothing was read, so the edge is near where it began");
    assert!(unread > 60_000 && unread <= 65535 + 4096 + 128);
}

/// RFC 9293, Section 3.8.6.2.2: the window opens by a full segment or half the buffer, not by what a slow reader takes.
#[test]
fn small_reads_do_not_open_the_window_in_small_steps() {
    let settings =
        settings::Tcp { receive_window: 20_000, receive_window_max: 20_000, ..settings::Tcp::default() };
    let mut solo =
        Solo::new(PeerOptions { mss: MSS, ..PeerOptions::default() }, &Options::default(), settings);
    let mut edges = Vec::new();
    let mut advance = |solo: &mut Solo, data: &[u8]| {
        for sent in solo.give_next(ACK, data).sent {
            edges.push(sent.header.ack.0 + u32::from(sent.header.window));
        }
        solo.seq += data.len() as u32;
    };
    while solo.side.connection.info().expect("open").receive_window > 10 {
        let len = solo.side.connection.info().expect("open").receive_window.saturating_sub(10).min(1460);
        advance(&mut solo, &vec![7; len as usize]);
    }
    for _ in 0..200 {
        solo.side.read(solo.now, 100);
        // A keep-alive of the peer has the window told again.
        solo.wait(Duration::from_secs(1));
        solo.seq -= 1;
        advance(&mut solo, b"");
        solo.seq += 1;
    }
    edges.dedup();
    assert!(edges.len() > 5, "it opens: {edges:?}");
    assert!(edges.windows(2).all(|pair| pair[1] - pair[0] >= u32::from(MSS)), "{edges:?}");
}

/// RFC 9293, Section 3.10.7.4, sixth check; RFC 6093, Section 4: the pointer stands behind the last urgent byte.
#[test]
fn the_urgent_pointer_is_a_mark_in_the_stream() {
    let mut solo = Solo::plain();
    let mut segment = solo.segment(ACK.with(TcpFlags::URG), b"abcdef");
    segment.header.urgent = 3;
    solo.give(&segment);
    assert!(solo.side.events.contains(Events::URGENT));
    assert_eq!(solo.side.connection.urgent_mark(), Some(3));
    assert_eq!(solo.side.read(solo.now, 2), b"ab");
    assert_eq!(solo.side.connection.urgent_mark(), Some(1));
    assert_eq!(solo.side.read(solo.now, 10), b"cdef", "urgent data is in-line (RFC 6093)");
    assert_eq!(solo.side.connection.urgent_mark(), None);
    let now = solo.now;
    assert_eq!(solo.side.with(now, |c, ctx| c.write_urgent(ctx, b"xyz")), Ok(3));
    let sent = solo.drain();
    assert!(sent[0].has(TcpFlags::URG));
    assert_eq!(sent[0].header.urgent, 3, "it points behind the last urgent byte");
}

/// RFC 9293, Section 3.10.7.4, first check: with a window of zero no data is taken, and acknowledgments, URG and RST count.
#[test]
fn a_closed_window_of_ours_takes_acknowledgments_urgent_marks_and_resets() {
    let mut solo = Solo::plain();
    for len in core::iter::repeat_n(1460, 44).chain([1295]) {
        solo.give_next(ACK, &vec![0; len]);
        solo.seq += len as u32;
    }
    assert_eq!(solo.side.connection.info().expect("open").receive_window, 0);
    solo.write(b"hello");
    solo.ack += 5;
    let mut probe = solo.segment(ACK.with(TcpFlags::URG), b"!");
    probe.header.urgent = 1;
    let reaction = solo.give(&probe);
    assert_eq!((reaction.acks(), reaction.discard), (true, Some(Discard::TcpWindowOverrun)));
    assert_eq!((reaction.sent[0].header.window, solo.side.connection.readable()), (0, 65535));
    assert_eq!((solo.side.connection.send_queued(), solo.side.connection.urgent_mark()), (0, Some(65536)));
    assert!(solo.side.events.contains(Events::URGENT));
    solo.give_next(RST, b"");
    assert_eq!(solo.side.end, Some(End::Closed(CloseReason::ResetByPeer)));
}

/// RFC 5927, Section 4.1; RFC 1122, Section 4.2.3.9.
#[test]
fn icmp_is_soft_once_established_and_counts_only_for_what_is_in_flight() {
    let mut solo = Solo::plain();
    solo.write(b"in flight");
    let error = IcmpError { kind: IcmpKind::PortUnreachable, from: super::harness::flow().remote.addr };
    let now = solo.now;
    for (seq, counts) in [(1000, false), (1001, true), (1009, true), (1010, false)] {
        solo.side.discards.clear();
        solo.side.outcome(now, |c, ctx| c.on_icmp(ctx, &error, SeqNum(seq)));
        assert_eq!(solo.side.discards.is_empty(), counts, "{seq}");
        assert_eq!(solo.side.end, None);
    }
    assert_eq!(solo.side.connection.soft_error(), Some(error));
    // RFC 5461, Section 2.2: it tells more of a time-out. Once the path has worked again it tells nothing.
    solo.ack += 9;
    solo.give_next(ACK, b"");
    assert_eq!(solo.side.connection.soft_error(), None);
}

/// RFC 5927, Section 7.2: only where it quotes what is in flight. RFC 1191, Section 6.4: it is no congestion. RFC
/// 1191, Section 3: no MTU is below 68.
#[test]
fn packet_too_big_lowers_the_segment_size_and_sends_again_at_once() {
    let mut solo = Solo::plain();
    let sent = solo.write(&[7; 5000]);
    assert_eq!(sent[0].data.len(), 1460);
    let error =
        IcmpError { kind: IcmpKind::PacketTooBig { mtu: 1000 }, from: super::harness::flow().remote.addr };
    let now = solo.now;
    for seq in [1000, 6001] {
        solo.side.outcome(now, |c, ctx| c.on_icmp(ctx, &error, SeqNum(seq)));
        assert_eq!(solo.side.connection.info().expect("open").send_mss, 1460, "nothing in flight has {seq}");
    }
    let before = solo.side.connection.info().expect("open");
    solo.side.outcome(now, |c, ctx| c.on_icmp(ctx, &error, SeqNum(1001)));
    let after = solo.side.connection.info().expect("open");
    assert_eq!((after.ssthresh, after.cwnd), (before.ssthresh, before.cwnd / 1460 * 960));
    let again = solo.drain();
    assert!(again.len() >= 5 && again.iter().all(|s| s.data.len() <= 960));
    assert_eq!((again[0].header.seq, again[0].data.len()), (SeqNum(1001), 960));
    let nonsense = IcmpError { kind: IcmpKind::PacketTooBig { mtu: 5 }, ..error };
    solo.side.outcome(now, |c, ctx| c.on_icmp(ctx, &nonsense, SeqNum(1001)));
    assert_eq!(solo.side.connection.info().expect("open").send_mss, 960);
}

#[test]
fn sack_blocks_that_cannot_be_are_ignored() {
    let peer = PeerOptions { mss: MSS, sack: true, ..PeerOptions::default() };
    let mut solo = Solo::new(peer, &Options::default(), settings::Tcp::default());
    solo.write(&[1; 10_000]);
    for (start, end) in [(900, 950), (20_000, 30_000), (3000, 2000), (1001, 1 << 31)] {
        let mut segment = solo.segment(ACK, b"");
        let mut blocks = SackBlocks::default();
        blocks.push(SeqNum(start), SeqNum(end));
        segment.header.options.sack = blocks;
        for _ in 0..5 {
            assert!(solo.give(&segment).is_silent(), "no retransmission for {start}..{end}");
        }
    }
}
