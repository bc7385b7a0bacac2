//! The active open, simultaneous open, and what ends an attempt.

use super::harness::{ACK, Link, MSS, Net, RST, SYN, Segment, Side, flow, mirrored, pattern};
use crate::base::Instant;
use crate::settings::{self, SynSentIcmp};
use crate::tcp::{
    CloseReason, ConnectError, Connection, End, Events, IcmpError, IcmpKind, Options, TcpState, connect_bound,
};
use crate::telemetry::Discard;
use crate::wire::{Addr, FlowKey, SeqNum, TcpFlags, TcpHeader, TcpOptions, Timestamps};
use core::time::Duration;
use std::net::Ipv4Addr;

const SYN_ACK: TcpFlags = SYN.with(ACK);
const NOW: Instant = Instant::from_secs(10);

fn opener(flow: FlowKey, iss: u32, settings: &settings::Tcp) -> Side {
    let options = Options::default();
    let connection = Connection::connect(flow, SeqNum(iss), 77, MSS, &options, settings, NOW);
    Side::new(connection, settings.clone())
}

fn started(settings: &settings::Tcp) -> Side {
    let mut side = opener(flow(), 1000, settings);
    side.with(NOW, |c, ctx| c.start(ctx));
    side
}

fn from_peer(flags: TcpFlags, seq: u32, ack: u32, data: &[u8]) -> Segment {
    let flow = mirrored(flow());
    let header = TcpHeader {
        src_port: flow.local.port,
        dst_port: flow.remote.port,
        seq: SeqNum(seq),
        ack: SeqNum(ack),
        flags,
        window: 8000,
        options: TcpOptions {
            mss: flags.syn().then_some(1400),
            window_scale: flags.syn().then_some(3),
            sack_permitted: flags.syn(),
            timestamps: Some(Timestamps { value: 5, echo: 0 }),
            ..TcpOptions::default()
        },
        ..TcpHeader::default()
    };
    Segment { header, data: data.to_vec() }
}

fn router() -> Addr {
    Addr::v4(Ipv4Addr::new(10, 0, 0, 254))
}

#[test]
fn nothing_is_sent_and_no_time_runs_before_the_neighbour_is_known() {
    let mut side = opener(flow(), 1000, &settings::Tcp::default());
    assert!(side.drain(NOW).is_empty());
    assert_eq!(side.connection.deadline(), None);
    side.with(NOW, |c, ctx| c.start(ctx));
    assert_eq!(side.connection.deadline(), Some(NOW + Duration::from_secs(1)));
    let sent = side.drain(NOW);
    assert_eq!(sent.len(), 1);
    let header = sent[0].header;
    assert_eq!((header.flags, header.seq, header.window), (SYN, SeqNum(1000), 65535));
    assert_eq!((header.options.mss, header.options.window_scale), (Some(MSS), Some(7)));
    assert!(header.options.sack_permitted && header.options.timestamps.is_some());
}

/// RFC 7323, Section 1.3; RFC 7323, Section 2.2: the window of a SYN-ACK is not scaled.
#[test]
fn a_syn_ack_establishes_and_what_it_offers_is_agreed() {
    let mut side = started(&settings::Tcp::default());
    assert_eq!(side.write(NOW, b"early"), 5, "data may be queued before");
    side.drain(NOW);
    let now = NOW + Duration::from_millis(30);
    assert!(side.input(now, &from_peer(SYN_ACK, 5000, 1001, b"")).is_none());
    assert_eq!((side.state(), side.events), (TcpState::Established, Events::OPEN));
    let sent = side.drain(now);
    assert_eq!((sent.len(), sent[0].data.as_slice()), (1, b"early".as_slice()), "the third ACK carries data");
    assert_eq!(
        (sent[0].header.ack, sent[0].header.options.timestamps.map(|t| t.echo)),
        (SeqNum(5001), Some(5))
    );
    let info = side.connection.info().expect("established");
    assert_eq!((info.send_mss, info.send_window, info.window_scale), (1388, 8000, (3, 7)));
    assert_eq!(info.rtt, Some(Duration::from_millis(30)));
}

#[test]
fn data_and_fin_on_a_syn_ack_are_taken() {
    let mut side = started(&settings::Tcp::default());
    side.drain(NOW);
    side.input(NOW, &from_peer(SYN_ACK.with(TcpFlags::FIN), 5000, 1001, b"banner"));
    assert_eq!(side.read(NOW, 10), b"banner");
    assert_eq!(side.state(), TcpState::CloseWait);
    assert_eq!(side.drain(NOW)[0].header.ack, SeqNum(5008));
}

#[test]
fn segments_in_syn_sent_get_what_the_rfc_prescribes() {
    let cases: [(TcpFlags, u32, Option<Discard>, bool, TcpState); 8] = [
        (ACK, 1001, Some(Discard::TcpNoAck), false, TcpState::SynSent),
        (ACK, 1000, Some(Discard::TcpAckUnacceptable), true, TcpState::SynSent),
        (SYN_ACK, 1002, Some(Discard::TcpAckUnacceptable), true, TcpState::SynSent),
        (RST, 0, Some(Discard::TcpResetInexact), false, TcpState::SynSent),
        (RST.with(ACK), 1000, Some(Discard::TcpAckUnacceptable), false, TcpState::SynSent),
        (RST.with(ACK), 1001, None, false, TcpState::Closed),
        (TcpFlags::FIN, 0, Some(Discard::TcpNoAck), false, TcpState::SynSent),
        (SYN, 0, None, false, TcpState::SynReceived),
    ];
    for (flags, ack, discard, reset, state) in cases {
        let mut side = started(&settings::Tcp::default());
        side.drain(NOW);
        let rst = side.input(NOW, &from_peer(flags, 5000, ack, b""));
        assert_eq!(side.discards.first().copied(), discard, "{flags:?} {ack}");
        assert_eq!(rst.as_ref().map(|r| (r.header.seq, r.header.flags)), reset.then_some((SeqNum(ack), RST)));
        let echo = reset.then_some(Timestamps { value: 0, echo: 5 });
        assert_eq!(rst.and_then(|r| r.header.options.timestamps), echo, "RFC 7323, Section 5.2");
        assert_eq!(side.state(), state, "{flags:?} {ack}");
    }
    let mut side = started(&settings::Tcp::default());
    side.drain(NOW);
    side.input(NOW, &from_peer(RST.with(ACK), 0, 1001, b""));
    let by = flow().remote;
    assert_eq!(side.end, Some(End::Closed(CloseReason::Connect(ConnectError::Refused { by }))));
}

/// RFC 6298, Section 5.5.
#[test]
fn a_silent_peer_gets_every_syn_of_the_schedule_and_the_error_tells() {
    let settings = settings::Tcp { syn_retries: 3, ..settings::Tcp::default() };
    let mut side = started(&settings);
    let mut times = Vec::new();
    let mut now = NOW;
    while side.end.is_none() {
        times.extend(side.drain(now).iter().map(|syn| {
            assert_eq!((syn.header.flags, syn.header.seq), (SYN, SeqNum(1000)));
            now.since(NOW).as_secs()
        }));
        now = side.connection.deadline().expect("SYN-SENT has a deadline");
        side.timer(now);
    }
    assert_eq!(times, [0, 1, 3, 7]);
    let over = connect_bound(&settings);
    let error = ConnectError::TimedOut { to: flow().remote, syns: 4, over, soft: None };
    assert_eq!(side.end, Some(End::Closed(CloseReason::Connect(error))));
    assert_eq!(now, NOW + over);
    assert_eq!(side.connection.deadline(), None);
}

/// RFC 5461, Section 4.1; RFC 5927, Section 4.1.
#[test]
fn an_unreachable_ends_the_attempt_only_where_it_quotes_our_syn() {
    let error = IcmpError { kind: IcmpKind::HostUnreachable, from: router() };
    let mut side = started(&settings::Tcp::default());
    side.drain(NOW);
    side.outcome(NOW, |c, ctx| c.on_icmp(ctx, &error, SeqNum(999)));
    assert_eq!(
        (side.state(), side.discards.as_slice()),
        (TcpState::SynSent, [Discard::IcmpSequence].as_slice())
    );
    side.outcome(NOW, |c, ctx| c.on_icmp(ctx, &error, SeqNum(1000)));
    let to = flow().remote;
    assert_eq!(side.end, Some(End::Closed(CloseReason::Connect(ConnectError::Unreachable { to, error }))));
}

#[test]
fn by_setting_an_unreachable_is_only_told_at_the_end() {
    let settings =
        settings::Tcp { syn_sent_icmp: SynSentIcmp::Report, syn_retries: 0, ..settings::Tcp::default() };
    let error = IcmpError { kind: IcmpKind::NetworkUnreachable, from: router() };
    let mut side = started(&settings);
    side.drain(NOW);
    side.outcome(NOW, |c, ctx| c.on_icmp(ctx, &error, SeqNum(1000)));
    assert_eq!((side.end, side.connection.soft_error()), (None, Some(error)));
    let at = side.connection.deadline().expect("the SYN's time-out");
    side.timer(at);
    let soft = Some(error);
    let over = Duration::from_secs(1);
    let error = ConnectError::TimedOut { to: flow().remote, syns: 1, over, soft };
    assert_eq!(side.end, Some(End::Closed(CloseReason::Connect(error))));
}

#[test]
fn a_failed_neighbour_ends_syn_sent_only() {
    let error =
        ConnectError::NeighborSilent { neighbor: router(), requests: 3, over: Duration::from_secs(3) };
    let mut side = opener(flow(), 1000, &settings::Tcp::default());
    side.outcome(NOW, |c, ctx| c.on_neighbor_failed(ctx, error));
    assert_eq!(side.end, Some(End::Closed(CloseReason::Connect(error))));
    let mut net = Net::new(settings::Tcp::default(), Link::default());
    let now = net.now;
    net.sides[0].outcome(now, |c, ctx| c.on_neighbor_failed(ctx, error));
    assert_eq!((net.sides[0].state(), net.sides[0].end), (TcpState::Established, None));
}

#[test]
fn simultaneous_opens_meet_and_data_flows() {
    for drop_first in [false, true] {
        let settings = settings::Tcp::default();
        let a = opener(flow(), u32::MAX, &settings);
        let b = opener(mirrored(flow()), 9000, &settings);
        let mut net = Net::of(a, b, Link::default(), NOW);
        if drop_first {
            // The first SYN-ACK of one side is lost.
            net.drop = |from, segment, n| from == 0 && segment.has(SYN_ACK) && n < 6;
        }
        for side in &mut net.sides {
            side.with(NOW, |c, ctx| c.start(ctx));
        }
        net.run(Duration::from_secs(3));
        assert_eq!(
            (net.sides[0].state(), net.sides[1].state()),
            (TcpState::Established, TcpState::Established)
        );
        assert!(net.sides.iter().all(|side| side.events.contains(Events::ESTABLISHED)));
        let data = pattern(50_000);
        assert_eq!(net.transfer(0, &data, Duration::from_secs(20)), data);
        assert_eq!(net.transfer(1, &data, Duration::from_secs(20)), data);
    }
}

/// RFC 9293, Section 3.10.7.4, for SYN-RECEIVED after an active open: the first check comes before the fifth, and the fourth is
/// that of synchronized states (RFC 5961, Section 4.2). RFC 5961, Section 3.2: an RST that is in the window and inexact is
/// challenged. RFC 7323, Section 5.3, R1: an old duplicate by its timestamp completes nothing.
#[test]
fn segments_in_the_syn_received_of_a_simultaneous_open_get_what_the_rfc_prescribes() {
    let challenge = Some((ACK, 1001, 5001));
    let again = Some((SYN_ACK, 1000, 5001));
    let cases = [
        (RST, 5001, 0, 5, None, None, TcpState::Closed),
        (RST, 5002, 0, 5, Some(Discard::TcpResetInexact), challenge, TcpState::SynReceived),
        (RST, 5000, 0, 5, Some(Discard::TcpOutOfWindow), None, TcpState::SynReceived),
        (SYN, 5000, 0, 5, Some(Discard::TcpDuplicate), again, TcpState::SynReceived),
        (SYN, 7000, 0, 5, Some(Discard::TcpSynInWindow), challenge, TcpState::SynReceived),
        (SYN_ACK, 5000, 1002, 5, Some(Discard::TcpSynInWindow), challenge, TcpState::SynReceived),
        (ACK, 900_000, 1001, 5, Some(Discard::TcpOutOfWindow), challenge, TcpState::SynReceived),
        (ACK, 900_000, 1002, 5, Some(Discard::TcpOutOfWindow), challenge, TcpState::SynReceived),
        (ACK, 5001, 1001, 4, Some(Discard::TcpPaws), challenge, TcpState::SynReceived),
        (TcpFlags::FIN, 5001, 0, 5, Some(Discard::TcpNoAck), None, TcpState::SynReceived),
        (SYN_ACK, 5000, 1001, 5, None, Some((ACK, 1001, 5001)), TcpState::Established),
        (ACK, 5001, 1001, 5, None, None, TcpState::Established),
    ];
    let meet = || {
        let mut side = started(&settings::Tcp::default());
        side.drain(NOW);
        side.input(NOW, &from_peer(SYN, 5000, 0, b""));
        assert_eq!(side.drain(NOW)[0].header.flags, SYN_ACK);
        side
    };
    for (flags, seq, ack, tsval, discard, sent, state) in cases {
        let mut side = meet();
        let mut segment = from_peer(flags, seq, ack, b"");
        segment.header.options.timestamps = Some(Timestamps { value: tsval, echo: 0 });
        assert!(side.input(NOW, &segment).is_none(), "{flags:?} {seq}");
        let answers: Vec<_> =
            side.drain(NOW).iter().map(|s| (s.header.flags, s.header.seq.0, s.header.ack.0)).collect();
        assert_eq!(answers, Vec::from_iter(sent), "{flags:?} {seq} {ack}");
        assert_eq!((side.discards.first().copied(), side.state()), (discard, state), "{flags:?} {seq} {ack}");
    }
    let mut side = meet();
    let rst = side.input(NOW, &from_peer(ACK, 5001, 1002, b"")).expect("an RST");
    assert_eq!((rst.header.flags, rst.header.seq, side.state()), (RST, SeqNum(1002), TcpState::SynReceived));
    let mut silent = from_peer(ACK, 5001, 1001, b"");
    silent.header.options.timestamps = None;
    assert!(side.input(NOW, &silent).is_none() && side.drain(NOW).is_empty());
    assert_eq!(side.discards.last(), Some(&Discard::TcpMissingTimestamp), "RFC 7323, Section 3.2");
    // RFC 5961, Section 7.
    let limit = settings::Tcp::default().challenge_acks as usize;
    let forged = from_peer(RST, 5002, 0, b"");
    let mut answered = 0;
    for _ in 0..100 {
        side.input(NOW, &forged);
        answered += side.drain(NOW).len();
    }
    assert_eq!(answered, limit);
}

/// RFC 7323, Section 4.3, step 2: the echo is the newest TSval of the SYN.
#[test]
fn a_syn_that_comes_again_has_its_newer_timestamp_echoed() {
    let stamped = |flags, tsval| {
        let mut segment = from_peer(flags, 5000, if flags == SYN_ACK { 1001 } else { 0 }, b"");
        segment.header.options.timestamps = Some(Timestamps { value: tsval, echo: 0 });
        segment
    };
    let echo = |side: &mut Side| {
        let sent = side.drain(NOW);
        assert_eq!(sent.len(), 1);
        sent[0].header.options.timestamps.map(|ts| ts.echo)
    };
    let mut side = started(&settings::Tcp::default());
    side.drain(NOW);
    for (tsval, echoed) in [(70, 70), (1070, 1070), (900, 1070), (3070, 3070)] {
        side.input(NOW, &stamped(SYN, tsval));
        assert_eq!((side.state(), echo(&mut side)), (TcpState::SynReceived, Some(echoed)));
    }
    side.input(NOW, &stamped(SYN_ACK, 7070));
    assert_eq!((side.state(), echo(&mut side)), (TcpState::Established, Some(7070)));
}

#[test]
fn a_simultaneous_open_that_is_not_completed_times_out() {
    let settings = settings::Tcp { syn_retries: 2, ..settings::Tcp::default() };
    let mut side = started(&settings);
    side.drain(NOW);
    side.input(NOW, &from_peer(SYN, 5000, 0, b""));
    assert_eq!(side.drain(NOW)[0].header.flags, SYN_ACK);
    while side.end.is_none() {
        let now = side.connection.deadline().expect("SYN-RECEIVED has a deadline");
        side.timer(now);
        side.drain(now);
    }
    assert!(matches!(
        side.end,
        Some(End::Closed(CloseReason::Connect(ConnectError::TimedOut { syns: 3, .. })))
    ));
}

/// RFC 9293, Section 3.10.4, SYN-SENT.
#[test]
fn closing_in_syn_sent_forgets_the_attempt_and_a_shutdown_sends_fin_after_it() {
    let mut side = started(&settings::Tcp::default());
    side.drain(NOW);
    assert!(side.outcome(NOW, |c, ctx| c.close(ctx)).is_none());
    assert_eq!((side.end, side.state()), (Some(End::Closed(CloseReason::Aborted)), TcpState::Closed));
    let mut side = started(&settings::Tcp::default());
    side.write(NOW, b"all");
    side.with(NOW, |c, ctx| c.shutdown(ctx));
    assert_eq!(side.write(NOW, b"more"), 0);
    side.drain(NOW);
    side.input(NOW, &from_peer(SYN_ACK, 5000, 1001, b""));
    let sent = side.drain(NOW);
    assert_eq!((sent.len(), sent[0].has(TcpFlags::FIN)), (1, true));
    assert_eq!(side.state(), TcpState::FinWait1);
}
