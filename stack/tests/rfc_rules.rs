//! Rules of the RFCs that show only on the wire of a whole host.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::frames::{self, PEER, PEER_MAC, Seen, US, US_MAC, at};
use common::peer::{ACK, Peer, RST, SYN};
use common::secs;
use common::wire::Wire;
use synward::settings::Settings;
use synward::tcp::Options;
use synward::wire::{ArpOperation, Icmpv4, IpProtocol, SeqNum, TcpFlags, TcpOptions, Timestamps};

fn listening(settings: Settings) -> Wire {
    let mut wire = Wire::new(settings);
    wire.host.listen(at(US, 80).into(), 16, &Options::default()).unwrap();
    wire
}

/// RFC 1122, Section 3.2.1.7: the time to live of what a host sends is a setting.
#[test]
fn what_we_send_has_the_time_to_live_of_the_setting() {
    for ttl in [1, 64, 255] {
        let mut settings = Settings::default();
        settings.ip.ttl = ttl;
        let mut wire = listening(settings);
        let echo = Icmpv4::EchoRequest { code: 0, identifier: 1, sequence: 1, data: b"ping" };
        wire.inject(&frames::icmp(PEER_MAC, PEER, &echo));
        assert!(matches!(wire.take()[..], [Seen::Icmp(_, PEER, seen, _)] if seen == ttl));
        let answer = Peer::new(50_000, 80).syn(&mut wire, TcpOptions::default());
        assert_eq!((answer.len(), answer[0].ttl), (1, ttl));
    }
}

/// RFC 9293, Section 3.10.7.1: what comes for no connection gets an RST that its sender believes.
#[test]
fn a_segment_for_nobody_gets_an_rst_with_the_numbers_that_its_sender_expects() {
    let mut wire = listening(Settings::default());
    let mut peer = Peer::new(50_000, 81);
    (peer.seq, peer.ack) = (SeqNum(7000), SeqNum(9000));
    let mut answer = |flags, payload: &[u8]| {
        wire.inject(&peer.frame(&peer.header(flags), payload));
        wire.segments().first().map(|sent| (sent.header.flags, sent.header.seq, sent.header.ack))
    };
    assert_eq!(answer(ACK, b"abc"), Some((RST, SeqNum(9000), SeqNum(0))));
    assert_eq!(answer(SYN, b"abc"), Some((RST.with(ACK), SeqNum(0), SeqNum(7004))));
    assert_eq!(answer(RST, b""), None, "an RST is never answered");
}

/// RFC 9293, Section 3.10.7.2: in LISTEN any acknowledgment is of something that was never sent.
#[test]
fn an_ack_for_a_listener_gets_rst() {
    let mut wire = listening(Settings::default());
    let mut peer = Peer::new(50_000, 80);
    peer.ack = SeqNum(9000);
    wire.inject(&peer.frame(&peer.header(ACK), b""));
    let sent = wire.segments();
    assert_eq!((sent.len(), sent[0].header.flags, sent[0].header.seq), (1, RST, SeqNum(9000)));
}

/// RFC 7323, Section 5.2: the echo of the segment that caused it, and a value of zero.
#[test]
fn an_rst_for_a_segment_with_timestamps_echoes_them() {
    let mut wire = listening(Settings::default());
    let mut peer = Peer::new(50_000, 81);
    for timestamps in [None, Some((77, 5))] {
        peer.timestamps = timestamps;
        wire.inject(&peer.frame(&peer.header(ACK), b""));
        let sent = wire.segments();
        let expected = timestamps.map(|(value, _)| Timestamps { value: 0, echo: value });
        assert_eq!((sent[0].header.flags, sent[0].header.options.timestamps), (RST, expected));
    }
}

/// RFC 3168, Section 6.1.1: a SYN-ACK without ECE declines ECN. RFC 4987, Section 3.5: the data of a SYN is not kept.
#[test]
fn a_syn_that_asks_for_ecn_and_brings_data_gets_a_plain_syn_ack_for_the_syn_alone() {
    let mut wire = listening(Settings::default());
    let peer = Peer::new(50_000, 80);
    let (ece, cwr) = (TcpFlags(0x40), TcpFlags(0x80));
    wire.inject(&peer.frame(&peer.header(SYN.with(ece).with(cwr)), b"early"));
    let sent = wire.segments();
    assert_eq!((sent.len(), sent[0].header.flags, sent[0].header.ack), (1, SYN.with(ACK), peer.seq + 1));
}

/// RFC 1812, Section 4.3.2.8: errors are limited, and with the next second they come back.
#[test]
fn icmp_errors_are_limited_by_the_setting() {
    let mut settings = Settings::default();
    settings.ip.answers_per_second = 10;
    let mut wire = listening(settings);
    let strange = frames::to_us(PEER_MAC, &frames::ipv4(PEER, US, IpProtocol(99), b"hello"));
    for _ in 0..2 {
        (0..100).for_each(|_| wire.inject(&strange));
        let answers = wire.take().len();
        assert!((5..=10).contains(&answers), "{answers}");
        wire.run(secs(1));
    }
}

/// RFC 5227, Section 2.3: broadcast requests whose sender and target are both the address announced.
#[test]
fn an_announcement_is_a_request_about_ourselves() {
    let mut settings = Settings::default();
    settings.ip.arp_announcements = 2;
    let mut wire = Wire::new(settings);
    wire.run(secs(60));
    let seen = wire.take();
    // The first went out when the host came up.
    let [Seen::Arp(packet)] = seen[..] else { panic!("{seen:?}") };
    assert_eq!((packet.operation, packet.sender_mac), (ArpOperation::Request, US_MAC));
    assert_eq!((packet.sender_ip, packet.target_ip), (US, US));
}
