//! Frames that no good peer sends: each ends in exactly one counted discard, a live connection beside it stays
//! byte-exact, and nothing of it is left.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::bystander::Bystander;
use common::frames::{self, OTHER, OTHER_MAC, PEER, PEER_MAC, US, US_MAC, at};
use common::peer::{ACK, FIN, PSH, Peer, RST, SYN, URG};
use common::wire::{Mode, Wire};
use common::{ms, secs};
use synward::settings::Settings;
use synward::shard::Event;
use synward::tcp::{ConnectError, Options, TcpState};
use synward::telemetry::Discard;
use synward::wire::{
    ArpOperation, EtherType, Icmpv4, IpProtocol, Mac, SeqNum, TcpFlags, TcpHeader, TcpOptions, Unreachable,
};

fn stand() -> (Wire, Bystander) {
    let mut wire = Wire::new(Settings::default());
    let mut bystander = Bystander::new(&mut wire);
    bystander.check(&mut wire);
    (wire, bystander)
}

/// The IP packet of an ordinary segment of a connection that does not exist.
fn stray(flags: TcpFlags) -> Vec<u8> {
    let peer = Peer::new(50_000, 80);
    frames::tcp_packet(peer.me, peer.us, &peer.header(flags), &[])
}

/// A change of the packet, with the IP checksum made right again.
fn ip_changed(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut packet = stray(ACK);
    change(&mut packet);
    frames::fix_ip_checksum(&mut packet);
    frames::to_us(PEER_MAC, &packet)
}

/// A change of the segment, with both checksums made right again.
fn tcp_changed(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut packet = stray(ACK);
    change(&mut packet[20..]);
    frames::fix_tcp_checksum(&mut packet);
    frames::to_us(PEER_MAC, &packet)
}

#[test]
fn every_malformed_frame_is_one_discard_with_its_reason() {
    use Discard as D;
    let (mut wire, mut bystander) = stand();
    let good = frames::to_us(PEER_MAC, &stray(ACK));
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut frame = good.clone();
        change(&mut frame);
        frame
    };
    let group = Mac([0x33, 0, 0, 0, 0, 1]);
    let ipv4_from = |src: [u8; 4], dst: [u8; 4]| {
        let segment = frames::tcp(at(src.into(), 5), at(dst.into(), 80), &Peer::new(5, 80).header(SYN), &[]);
        frames::to_us(PEER_MAC, &frames::ipv4(src.into(), dst.into(), IpProtocol::TCP, &segment))
    };
    let cases: Vec<(&str, Vec<u8>, Discard)> = vec![
        ("nothing at all", vec![], D::EthernetShort),
        ("half an Ethernet header", good[..13].to_vec(), D::EthernetShort),
        ("for another station", with(&|f| f[5] ^= 9), D::EthernetNotForUs),
        ("from a group", with(&|f| f[6] |= 1), D::EthernetSource),
        (
            "another protocol",
            frames::ethernet(US_MAC, PEER_MAC, EtherType(0x86dd), &[0; 60]),
            D::EtherTypeUnknown,
        ),
        ("IP without a header", frames::to_us(PEER_MAC, &[]), D::IpMalformed),
        ("half an IP header", good[..14 + 19].to_vec(), D::IpMalformed),
        ("IP version 6 in an IPv4 frame", ip_changed(|p| p[0] = 0x65), D::IpMalformed),
        ("a header length below 20", with(&|f| f[14] = 0x44), D::IpMalformed),
        ("a header longer than the packet", ip_changed(|p| p.truncate(20)), D::IpMalformed),
        ("a total length beyond the frame", ip_changed(|p| p[3] = 200), D::IpMalformed),
        ("a total length below the header", ip_changed(|p| (p[2], p[3]) = (0, 19)), D::IpMalformed),
        ("a wrong IP checksum", with(&|f| f[24] ^= 1), D::IpChecksum),
        (
            "a fragment that ends beyond the largest packet",
            ip_changed(|p| (p[6], p[7]) = (0x1f, 0xff)),
            D::IpFragmentLength,
        ),
        ("a fragment between units", ip_changed(|p| (p[3], p[6]) = (39, 0x20)), D::IpFragmentLength),
        ("a fragment of nothing", ip_changed(|p| (p[3], p[6]) = (20, 0x20)), D::IpFragmentLength),
        ("a protocol that we do not speak", ip_changed(|p| p[9] = 132), D::IpProtocol),
        (
            "a UDP header that is half there",
            frames::to_us(PEER_MAC, &frames::ipv4(PEER, US, IpProtocol::UDP, &[0; 7])),
            D::UdpMalformed,
        ),
        (
            "a wrong UDP checksum",
            frames::to_us(PEER_MAC, &frames::ipv4(PEER, US, IpProtocol::UDP, &[0, 7, 0, 9, 0, 8, 1, 1])),
            D::UdpChecksum,
        ),
        (
            "UDP to a port, none of which is open",
            frames::to_us(PEER_MAC, &frames::ipv4(PEER, US, IpProtocol::UDP, &[0, 7, 0, 9, 0, 8, 0, 0])),
            D::UdpNoPort,
        ),
        ("a packet for somebody else", ipv4_from([192, 0, 2, 2], [192, 0, 2, 77]), D::IpNotForUs),
        ("a packet to the subnet's broadcast", ipv4_from([192, 0, 2, 2], [192, 0, 2, 255]), D::IpBroadcast),
        ("a packet to a group", ipv4_from([192, 0, 2, 2], [224, 0, 0, 1]), D::IpBroadcast),
        ("a source of zero", ipv4_from([0; 4], [192, 0, 2, 1]), D::IpSource),
        ("a loopback source", ipv4_from([127, 0, 0, 1], [192, 0, 2, 1]), D::IpSource),
        ("a broadcast source", ipv4_from([255; 4], [192, 0, 2, 1]), D::IpSource),
        ("the subnet's broadcast as source", ipv4_from([192, 0, 2, 255], [192, 0, 2, 1]), D::IpSource),
        ("a group as source", ipv4_from([239, 1, 1, 1], [192, 0, 2, 1]), D::IpSource),
        ("our own address as source (land)", ipv4_from([192, 0, 2, 1], [192, 0, 2, 1]), D::IpSource),
        ("unicast IP in a group frame", with(&|f| f[..6].copy_from_slice(&group.0)), D::IpBroadcast),
        ("unicast IP in a broadcast frame", with(&|f| f[..6].fill(0xff)), D::IpBroadcast),
        (
            "a segment without a header",
            frames::to_us(PEER_MAC, &frames::ipv4(PEER, US, IpProtocol::TCP, &[])),
            D::TcpMalformed,
        ),
        (
            "half a TCP header",
            frames::to_us(PEER_MAC, &frames::ipv4(PEER, US, IpProtocol::TCP, &[0; 19])),
            D::TcpMalformed,
        ),
        ("a wrong TCP checksum", with(&|f| f[50] ^= 1), D::TcpChecksum),
        ("a changed byte under a TCP checksum", with(&|f| f[40] ^= 1), D::TcpChecksum),
        ("a TCP header below 20", tcp_changed(|s| s[12] = 0x40), D::TcpMalformed),
        ("a TCP header beyond the segment", tcp_changed(|s| s[12] = 0xf0), D::TcpMalformed),
        ("source port 0", tcp_changed(|s| (s[0], s[1]) = (0, 0)), D::TcpPortZero),
        ("destination port 0", tcp_changed(|s| (s[2], s[3]) = (0, 0)), D::TcpPortZero),
        (
            "ICMP without a header",
            frames::to_us(PEER_MAC, &frames::ipv4(PEER, US, IpProtocol::ICMP, &[8, 0])),
            D::IcmpMalformed,
        ),
        (
            "a wrong ICMP checksum",
            frames::to_us(PEER_MAC, &frames::ipv4(PEER, US, IpProtocol::ICMP, &[8, 0, 1, 1, 0, 0, 0, 0])),
            D::IcmpChecksum,
        ),
        ("half an ARP packet", frames::ethernet(US_MAC, PEER_MAC, EtherType::ARP, &[0; 27]), D::ArpMalformed),
        (
            "ARP for another link",
            frames::ethernet(US_MAC, PEER_MAC, EtherType::ARP, &[9; 28]),
            D::ArpMalformed,
        ),
    ];
    for (what, frame, reason) in &cases {
        assert_eq!(wire.fate(frame), Some(*reason), "{what}");
        assert_eq!(wire.segments(), [], "{what}: nothing is answered by TCP");
    }
    bystander.check(&mut wire);
    let snapshot = wire.host.snapshot();
    assert_eq!((snapshot.connections, snapshot.admission.counts.half_open), (1, 0));
    assert_eq!(snapshot.memory.buffers, 0, "no frame is kept");
}

#[test]
fn a_frame_cut_at_any_length_is_one_discard() {
    let (mut wire, mut bystander) = stand();
    let header = TcpHeader {
        options: TcpOptions {
            mss: Some(1460),
            sack_permitted: true,
            window_scale: Some(7),
            ..Default::default()
        },
        ..Peer::new(50_000, 80).header(SYN)
    };
    let good = Peer::new(50_000, 80).frame(&header, b"data on a SYN");
    for len in 0..good.len() {
        assert!(wire.fate(&good[..len]).is_some(), "{len} bytes of it");
    }
    assert_eq!(wire.host.snapshot().admission.syns, 1, "only the bystander's");
    bystander.check(&mut wire);
}

#[test]
fn link_padding_behind_the_packet_is_no_data() {
    let (mut wire, mut bystander) = stand();
    let mut frame = bystander.peer.frame(&bystander.peer.header(ACK.with(PSH)), b"abc");
    frame.resize(1500, 0xee);
    assert_eq!(wire.fate(&frame), None);
    bystander.peer.seq += 3;
    let mut text = [0; 64];
    assert_eq!(wire.host.read(bystander.id, &mut text), Ok(3));
    assert_eq!(&text[..3], b"abc");
}

#[test]
fn flags_that_no_segment_may_have_together_are_one_discard_with_and_without_a_connection() {
    let (mut wire, mut bystander) = stand();
    let live = bystander.peer;
    let combinations = [
        SYN.with(FIN),
        SYN.with(RST),
        SYN.with(RST).with(ACK),
        SYN.with(FIN).with(PSH).with(URG),
        TcpFlags(0xff),
        TcpFlags(0x3f),
    ];
    for flags in combinations {
        for peer in [live, Peer::new(50_001, 80), Peer::new(50_002, 81)] {
            assert_eq!(
                wire.fate(&peer.frame(&peer.header(flags), &[])),
                Some(Discard::TcpFlags),
                "{flags:?}"
            );
        }
    }
    assert_eq!(wire.segments(), []);
    bystander.check(&mut wire);
}

/// RFC 9293, Sections 3.10.7.1 and 3.10.7.2: null and Xmas scans, a FIN alone: a connection and a listener drop them, and where
/// nobody listens they are answered as any segment is.
#[test]
fn without_syn_rst_and_ack_only_a_closed_port_answers() {
    let (mut wire, mut bystander) = stand();
    let live = bystander.peer;
    for flags in [TcpFlags(0), FIN, PSH, URG, FIN.with(PSH).with(URG)] {
        for peer in [live, Peer::new(50_001, 80)] {
            let fate = wire.fate(&peer.frame(&peer.header(flags), &[]));
            assert_eq!(fate, Some(Discard::TcpNoAck), "{flags:?}");
            assert_eq!(wire.segments(), [], "{flags:?}");
        }
        let peer = Peer::new(50_002, 81);
        let fate = wire.fate(&peer.frame(&peer.header(flags), b"data"));
        assert_eq!(fate, Some(Discard::TcpNoConnection), "{flags:?}");
        let answer: Vec<_> =
            wire.segments().iter().map(|sent| (sent.header.flags, sent.header.ack)).collect();
        assert_eq!(answer, [(RST.with(ACK), peer.seq + 4 + u32::from(flags.fin()))], "{flags:?}");
    }
    bystander.check(&mut wire);
}

#[test]
fn a_syn_with_data_gets_in_and_its_data_is_taken_when_it_comes_again() {
    let (mut wire, mut bystander) = stand();
    let mut peer = Peer::new(50_003, 80);
    let frame = peer.frame(&peer.header(SYN), b"early");
    assert_eq!(wire.fate(&frame), None);
    let answer = wire.segments();
    assert_eq!(answer.len(), 1);
    // RFC 9293, Section 3.10.7.2 lets the data be dropped: only the SYN is acknowledged.
    peer.seq += 1;
    peer.learn(&answer[0]);
    peer.send(&mut wire, ACK.with(PSH), b"early");
    let (id, _) = wire.host.accept(bystander.listener).unwrap();
    let mut text = [0; 16];
    assert_eq!(wire.host.read(id, &mut text), Ok(5));
    bystander.check(&mut wire);
}

#[test]
fn source_routes_are_refused_and_other_options_are_skipped() {
    let (mut wire, mut bystander) = stand();
    let with_options = |options: &[u8]| {
        let mut packet = stray(ACK);
        packet.splice(20..20, options.iter().copied());
        packet[0] += options.len() as u8 / 4;
        let len = packet.len() as u16;
        packet[2..4].copy_from_slice(&len.to_be_bytes());
        frames::fix_ip_checksum(&mut packet);
        frames::to_us(PEER_MAC, &packet)
    };
    for options in [
        &[131, 7, 4, 192, 0, 2, 9, 0][..],
        &[137, 7, 4, 192, 0, 2, 9, 0],
        &[131, 7, 8, 192, 0, 2, 1, 0],
        &[7, 60, 4, 0],
        &[7, 1, 4, 0],
    ] {
        assert_eq!(wire.fate(&with_options(options)), Some(Discard::IpOptions), "{options:?}");
    }
    // Record route, router alert, no operation: the segment is looked at.
    for options in [&[7, 7, 4, 0, 0, 0, 0, 0][..], &[148, 4, 0, 0], &[1, 1, 1, 0]] {
        assert_eq!(wire.fate(&with_options(options)), Some(Discard::TcpNoConnection), "{options:?}");
        assert_eq!(wire.segments().len(), 1, "and its RST");
    }
    bystander.check(&mut wire);
}

#[test]
fn strays_for_no_connection_get_the_answer_of_the_rfc() {
    let (mut wire, mut bystander) = stand();
    let mut peer = Peer::new(50_004, 80);
    (peer.seq, peer.ack) = (SeqNum(7000), SeqNum(9000));
    let mut fate = |wire: &mut Wire, flags, port, payload: &[u8]| {
        peer.us.set_port(port);
        let frame = peer.frame(&peer.header(flags), payload);
        (wire.fate(&frame), wire.segments())
    };
    let (why, answer) = fate(&mut wire, ACK, 80, b"xyz");
    assert_eq!(why, Some(Discard::TcpNoConnection));
    assert_eq!((answer[0].header.flags, answer[0].header.seq), (RST, SeqNum(9000)));
    let (why, answer) = fate(&mut wire, SYN, 81, b"xyz");
    assert_eq!(why, Some(Discard::TcpNoConnection));
    let header = answer[0].header;
    assert_eq!((header.flags, header.seq, header.ack), (RST.with(ACK), SeqNum(0), SeqNum(7004)));
    let (why, answer) = fate(&mut wire, SYN.with(ACK), 80, &[]);
    assert_eq!((why, answer[0].header.flags), (Some(Discard::TcpNoConnection), RST));
    for flags in [RST, RST.with(ACK), RST.with(FIN)] {
        let (why, answer) = fate(&mut wire, flags, 80, &[]);
        assert_eq!((why, answer.len()), (Some(Discard::TcpResetStray), 0), "a RST is never answered");
    }
    bystander.check(&mut wire);
}

#[test]
fn arp_for_our_own_address_is_refused_and_defended_and_poisons_nothing() {
    let (mut wire, mut bystander) = stand();
    for operation in [ArpOperation::Request, ArpOperation::Reply] {
        for (target, dst) in [((Mac::default(), US), Mac::BROADCAST), ((US_MAC, PEER), US_MAC)] {
            let spoof = frames::arp(operation, (OTHER_MAC, US), target, dst);
            assert_eq!(wire.fate(&spoof), Some(Discard::ArpSpoofed));
        }
    }
    // A frame whose ARP names another station than the frame's source.
    let mut contradiction = frames::arp(ArpOperation::Reply, (OTHER_MAC, PEER), (US_MAC, US), US_MAC);
    contradiction[6..12].copy_from_slice(&PEER_MAC.0);
    assert_eq!(wire.fate(&contradiction), Some(Discard::ArpSpoofed));
    for sender in [[192, 0, 2, 255], [192, 0, 2, 0], [224, 0, 0, 1], [10, 9, 8, 7], [255; 4]] {
        let spoof = frames::arp(ArpOperation::Request, (OTHER_MAC, sender.into()), (US_MAC, US), US_MAC);
        assert_eq!(wire.fate(&spoof), Some(Discard::ArpSpoofed), "{sender:?}");
    }
    // Replies that nobody asked for.
    let before = wire.host.snapshot().neighbors;
    for n in 100..200 {
        let unasked =
            frames::arp(ArpOperation::Reply, (OTHER_MAC, [192, 0, 2, n].into()), (US_MAC, US), US_MAC);
        assert_eq!(wire.fate(&unasked), Some(Discard::ArpNotForUs));
    }
    assert_eq!(wire.host.snapshot().neighbors, before);
    bystander.check(&mut wire);
}

#[test]
fn an_arp_flood_is_bounded_and_a_live_connection_does_not_notice() {
    let (mut wire, mut bystander) = stand();
    for n in 0..5000_u32 {
        let mac = Mac([2, 9, 0, 0, (n >> 8) as u8, n as u8]);
        let sender = [192, 0, 2, 10 + (n % 200) as u8];
        wire.inject(&frames::arp(ArpOperation::Request, (mac, sender.into()), (Mac::default(), US), US_MAC));
    }
    assert!(wire.host.snapshot().neighbors <= 512, "{}", wire.host.snapshot().neighbors);
    bystander.check(&mut wire);
}

#[test]
fn icmp_for_what_is_not_ours_is_one_discard() {
    let (mut wire, mut bystander) = stand();
    let live = bystander.peer;
    // A byte in flight, so that there is something to quote.
    wire.host.write(bystander.id, b"x").unwrap();
    wire.settle();
    let sent = wire.segments().remove(0);
    let about = |packet: &[u8], reason| {
        frames::icmp(frames::GATEWAY_MAC, frames::GATEWAY, &Icmpv4::Unreachable { reason, quoted: packet })
    };
    let quoted = |seq: SeqNum, from: u16, to: u16| {
        let header = TcpHeader { seq, ..sent.header };
        frames::tcp_packet(at(US, from), at(PEER, to), &header, b"x")
    };
    let seq = sent.header.seq;
    let cases = [
        (quoted(seq, 81, 40_000), Discard::IcmpNotOurs),
        (quoted(seq, 80, 40_001), Discard::IcmpNotOurs),
        (quoted(seq - 1, 80, 40_000), Discard::IcmpSequence),
        (quoted(seq + 1, 80, 40_000), Discard::IcmpSequence),
        (quoted(seq + 0x8000_0000, 80, 40_000), Discard::IcmpSequence),
        (frames::tcp_packet(at(OTHER, 80), at(PEER, 40_000), &sent.header, b"x"), Discard::IcmpNotOurs),
    ];
    let reasons = [
        Unreachable::from_wire(0, 0),
        Unreachable::from_wire(1, 0),
        Unreachable::from_wire(2, 0),
        Unreachable::from_wire(3, 0),
        Unreachable::FragmentationNeeded { next_hop_mtu: 68 },
        Unreachable::from_wire(13, 0),
    ];
    let mss = wire.host.info(bystander.id).unwrap().send_mss;
    for reason in reasons {
        for (packet, discard) in &cases {
            assert_eq!(wire.fate(&about(packet, reason)), Some(*discard), "{reason:?}");
        }
        for len in 0..28 {
            assert!(wire.fate(&about(&sent.packet[..len], reason)).is_some(), "a quote of {len} bytes");
        }
    }
    assert_eq!(wire.host.info(bystander.id).unwrap().send_mss, mss, "no path MTU was believed");
    // True ones end no established connection (RFC 5927, Section 4).
    for reason in reasons {
        let fate = wire.fate(&about(&sent.packet, reason));
        assert!(matches!(fate, None | Some(Discard::IcmpUnused)), "{reason:?} {fate:?}");
    }
    assert_eq!(wire.host.state(bystander.id), TcpState::Established);
    bystander.peer.ack = live.ack + 1;
    bystander.peer.send(&mut wire, ACK, &[]);
    wire.segments();
    let mut probe = bystander.peer;
    probe.send(&mut wire, ACK.with(PSH), b"still here");
    let mut text = [0; 32];
    assert_eq!(wire.host.read(bystander.id, &mut text), Ok(10));
}

#[test]
fn a_redirect_from_anybody_is_one_discard() {
    let (mut wire, mut bystander) = stand();
    let packet = stray(ACK);
    for code in 0..5 {
        let code = synward::wire::Redirect::from_wire(code);
        let message = Icmpv4::Redirect { code, gateway: OTHER, quoted: &packet };
        let frame = frames::icmp(frames::GATEWAY_MAC, frames::GATEWAY, &message);
        assert_eq!(wire.fate(&frame), Some(Discard::IcmpRedirect));
    }
    bystander.check(&mut wire);
}

#[test]
fn a_device_that_vanishes_ends_every_wait_within_its_bound_and_the_stack_can_still_be_asked() {
    for mode in [Mode::Gone, Mode::TakesNothing] {
        let (mut wire, bystander) = stand();
        let bound = wire.host.connect_bound();
        wire.host.write(bystander.id, &[1; 30_000]).unwrap();
        wire.host.device_mut().mode = mode;
        let on_link = wire.host.connect("192.0.2.3:9".parse().unwrap(), &Options::default()).unwrap();
        let known = wire.host.connect("192.0.2.2:9".parse().unwrap(), &Options::default()).unwrap();
        wire.run(bound + ms(10));
        let failed: Vec<_> = wire
            .events()
            .into_iter()
            .filter_map(|event| match event {
                Event::ConnectFailed(id, error) => Some((id, error)),
                _ => None,
            })
            .collect();
        assert_eq!(failed.len(), 2, "{mode:?} {failed:?}");
        for (id, error) in failed {
            let right = match error {
                ConnectError::NeighborSilent { .. } => id == on_link || id == known,
                ConnectError::TimedOut { .. } => id == known,
                _ => false,
            };
            assert!(right, "{mode:?} {error}");
        }
        wire.run(secs(900));
        assert_eq!(wire.host.state(bystander.id), TcpState::Closed, "{mode:?}");
        wire.host.close(bystander.id);
        wire.host.close_listener(bystander.listener);
        wire.run(secs(200));
        assert_eq!(wire.host.idle_state(), (0, 0), "{mode:?}");
        let snapshot = wire.host.snapshot();
        assert_eq!(snapshot.connections, 0, "{mode:?}");
        assert!(snapshot.memory.buffers < 3 << 20, "{mode:?}: a bounded queue waits for the device");
        // It comes back.
        wire.host.device_mut().mode = Mode::Works;
        wire.run(secs(5));
        let _ = Bystander::new(&mut wire);
    }
}
