//! Fragments on the wire: what comes in several is one packet, what is too large goes in several, and what never becomes
//! whole costs a bounded sum for a bounded time.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::bystander::Bystander;
use common::frames::{self, OTHER, OTHER_MAC, PEER, PEER_MAC, Seen, US, at};
use common::peer::{Peer, SYN};
use common::wire::Wire;
use common::{ms, secs};
use synward::base::Secrets;
use synward::settings::Settings;
use synward::shard::Event;
use synward::tcp::Options;
use synward::telemetry::Discard;
use synward::wire::{Icmpv4, IpProtocol, Ipv4Header, Ipv4View, TimeExceeded, Unreachable};

fn wire() -> Wire {
    Wire::new(Settings::default())
}

/// An echo request from OTHER as an IP packet, and its data.
fn echo(len: usize) -> (Vec<u8>, Vec<u8>) {
    let data: Vec<u8> = (0..len).map(|i| (i ^ (i >> 8)) as u8).collect();
    let message = Icmpv4::EchoRequest { code: 0, identifier: 5, sequence: 6, data: &data };
    let mut bytes = vec![0; message.written_len()];
    message.write(&mut bytes);
    (frames::ipv4(OTHER, US, IpProtocol::ICMP, &bytes), data)
}

/// The payload of the one packet whose fragments these are; each says that it may be cut, and all but the last are full.
fn put_together(seen: &[Seen]) -> Vec<u8> {
    let mut payload = Vec::new();
    let mut identification = None;
    for (i, one) in seen.iter().enumerate() {
        let Seen::Fragment(packet) = one else { panic!("{one:?}") };
        assert!(packet.len() <= 1500);
        let view = Ipv4View::parse(packet).unwrap();
        let header = view.header();
        assert_eq!(usize::from(header.fragment_offset) * 8, payload.len());
        assert_eq!((header.more_fragments, header.dont_fragment), (i + 1 < seen.len(), false));
        assert_eq!(*identification.get_or_insert(header.identification), header.identification);
        payload.extend_from_slice(view.payload());
    }
    payload
}

/// RFC 1122, Section 3.2.2.6: all data of an echo request comes back; RFC 791, Section 3.2: in fragments where it must.
#[test]
fn a_ping_of_4000_bytes_is_answered_with_all_its_bytes() {
    let mut wire = wire();
    let (packet, data) = echo(4000);
    for frame in frames::fragments(OTHER_MAC, &packet, 77, 1480) {
        assert_eq!(wire.fate(&frame), None);
    }
    let seen = wire.take();
    assert_eq!(seen.len(), 3);
    let answer = put_together(&seen);
    assert_eq!(
        Icmpv4::parse(&answer),
        Ok(Icmpv4::EchoReply { code: 0, identifier: 5, sequence: 6, data: &data })
    );
    assert!(synward::wire::icmpv4::checksum_ok(&answer));
    assert_eq!(wire.host.snapshot().counters.reassembled, 1);
    assert_eq!(wire.host.memory().buffers, 0);
}

/// RFC 6864, Section 4.3: datagrams that are cut have identifications of their own.
#[test]
fn the_largest_echo_is_answered_and_identifications_differ() {
    let mut wire = wire();
    let (packet, data) = echo(65_507);
    let mut identifications = Vec::new();
    for round in 0..3 {
        frames::fragments(OTHER_MAC, &packet, round, 1480).iter().for_each(|frame| wire.inject(frame));
        let seen = wire.take();
        let Seen::Fragment(first) = &seen[0] else { panic!("{:?}", seen[0]) };
        identifications.push(Ipv4View::parse(first).unwrap().header().identification);
        assert_eq!(put_together(&seen)[8..], data);
    }
    identifications.dedup();
    assert_eq!(identifications.len(), 3);
}

#[test]
fn our_own_ping_beyond_the_mtu_goes_in_fragments_and_its_reply_is_understood() {
    let mut wire = wire();
    wire.host.ping(OTHER.into(), 1, 2, 4000, secs(5)).unwrap();
    wire.settle();
    let request = put_together(&wire.take());
    let Ok(Icmpv4::EchoRequest { code, identifier, sequence, data }) = Icmpv4::parse(&request) else {
        panic!()
    };
    assert_eq!(data.len(), 4000);
    let message = Icmpv4::EchoReply { code, identifier, sequence, data };
    let mut bytes = vec![0; message.written_len()];
    message.write(&mut bytes);
    let reply = frames::ipv4(OTHER, US, IpProtocol::ICMP, &bytes);
    frames::fragments(OTHER_MAC, &reply, 3, 1000).iter().rev().for_each(|frame| wire.inject(frame));
    assert!(wire.events().iter().any(|event| matches!(event, Event::Pong(pong) if pong.bytes == 4000)));
}

/// RFC 791, Section 3.2: eight bytes are a fragment, even if a TCP header does not fit into them.
#[test]
fn a_syn_in_tiny_fragments_is_a_syn() {
    let mut wire = wire();
    wire.host.listen(at(US, 80).into(), 4, &Options::default()).unwrap();
    let peer = Peer::new(40_000, 80);
    let packet = frames::tcp_packet(peer.me, at(US, 80), &peer.header(SYN), &[]);
    for frame in frames::fragments(PEER_MAC, &packet, 1, 8) {
        assert_eq!(wire.fate(&frame), None);
    }
    let sent = wire.segments();
    assert!(sent.len() == 1 && sent[0].header.flags.syn() && sent[0].header.flags.ack(), "{sent:?}");
}

#[test]
fn a_datagram_that_is_put_together_wrong_is_one_discard() {
    let mut wire = wire();
    let (mut packet, _) = echo(100);
    packet[60] ^= 1;
    let fates: Vec<_> =
        frames::fragments(OTHER_MAC, &packet, 1, 56).iter().map(|frame| wire.fate(frame)).collect();
    assert_eq!(fates, [None, Some(Discard::IcmpChecksum)]);
    assert_eq!(wire.take(), []);
}

/// RFC 1122, Section 3.3.2: a time exceeded, code 1, where fragment zero was received.
#[test]
fn the_sender_is_told_of_what_never_became_whole() {
    let mut wire = wire();
    let (packet, _) = echo(4000);
    let frames = frames::fragments(OTHER_MAC, &packet, 1, 1480);
    wire.inject(&frames[0]);
    wire.run(secs(59));
    assert_eq!(wire.take(), []);
    wire.run(secs(2));
    let seen = wire.take();
    let [Seen::Icmp(station, to, _, message)] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((*station, *to), (OTHER_MAC, OTHER));
    let quoted = &frames[0][14..][..548];
    assert_eq!(Icmpv4::parse(message), Ok(Icmpv4::TimeExceeded { code: TimeExceeded::Reassembly, quoted }));
    let snapshot = wire.host.snapshot();
    assert_eq!((snapshot.fragmented, snapshot.memory.fragments), (0, 0));
    assert_eq!(snapshot.counters.reassembly_timeouts, 1);
    // Without fragment zero nobody is told.
    wire.inject(&frames[1]);
    wire.run(secs(61));
    assert_eq!(wire.take(), []);
    assert_eq!(wire.host.snapshot().counters.reassembly_timeouts, 2);
}

/// RFC 1122, Section 3.2.2: no error about an error.
#[test]
fn nobody_is_told_of_an_icmp_error_that_never_became_whole() {
    let mut wire = wire();
    let message = Icmpv4::Unreachable { reason: Unreachable::Host, quoted: &[0x45; 400] };
    let mut bytes = vec![0; message.written_len()];
    message.write(&mut bytes);
    let packet = frames::ipv4(OTHER, US, IpProtocol::ICMP, &bytes);
    wire.inject(&frames::fragments(OTHER_MAC, &packet, 1, 200)[0]);
    wire.run(secs(61));
    assert_eq!(wire.take(), []);
    assert_eq!(wire.host.snapshot().counters.reassembly_timeouts, 1);
}

/// RFC 5722, Section 3.
#[test]
fn overlapping_fragments_are_never_answered() {
    let mut wire = wire();
    let (packet, _) = echo(400);
    let good = frames::fragments(OTHER_MAC, &packet, 1, 200);
    let header = Ipv4View::parse(&packet).unwrap().header();
    let teardrop =
        Ipv4Header { identification: 1, fragment_offset: 3, dont_fragment: false, payload_len: 4, ..header };
    wire.inject(&good[0]);
    let overlap = frames::to_us(OTHER_MAC, &[&teardrop.to_bytes()[..], &[0; 4]].concat());
    assert_eq!(wire.fate(&overlap), Some(Discard::IpFragmentOverlap));
    for frame in &good {
        assert_eq!(wire.fate(frame), Some(Discard::IpFragmentGivenUp));
    }
    wire.run(secs(61));
    assert_eq!(wire.take(), [], "no answer and no complaint");
    good.iter().for_each(|frame| wire.inject(frame));
    assert_eq!(wire.take().len(), 1, "afterwards the name is as good as another");
}

/// Fragments of a million different datagrams that never become whole, beside a connection that goes on.
#[test]
fn a_flood_of_fragments_costs_its_limit_for_its_time() {
    let mut wire = wire();
    let mut bystander = Bystander::new(&mut wire);
    let mut rng = Secrets::from_test_seed(9).rng("fragments");
    let limit = usize::try_from(Settings::default().limits.reassembly_memory).unwrap();
    for i in 0..100_000_u32 {
        let word = rng.next_u32();
        let header = Ipv4Header {
            identification: word as u16,
            dont_fragment: false,
            more_fragments: word & 1 << 16 != 0,
            fragment_offset: (rng.next_u32() % 8192) as u16,
            ..Ipv4Header::atomic(
                PEER,
                US,
                IpProtocol((word >> 24) as u8),
                64,
                8 * ((word >> 17) as u16 % 128),
            )
        };
        let payload = vec![word as u8; usize::from(header.payload_len)];
        wire.host
            .device_mut()
            .inbox
            .push_back(frames::to_us(PEER_MAC, &[&header.to_bytes()[..], &payload].concat()));
        if i % 1000 == 0 {
            wire.run(ms(1));
            assert!(wire.host.memory().fragments <= limit);
        }
    }
    wire.settle();
    assert!(wire.host.snapshot().reassembly_evicted > 0, "the limit was reached");
    wire.run(secs(61));
    let snapshot = wire.host.snapshot();
    assert_eq!((snapshot.fragmented, snapshot.memory.fragments, snapshot.memory.buffers), (0, 0, 0));
    wire.take();
    bystander.check(&mut wire);
}

/// RFC 1122, Section 4.1.3.1: a datagram for a port that nobody has open is answered by "port unreachable".
#[test]
fn udp_finds_every_port_closed() {
    let mut wire = wire();
    let packet = frames::ipv4(OTHER, US, IpProtocol::UDP, &[0x80, 0, 0x82, 0x9a, 0, 12, 0, 0, 1, 2, 3, 4]);
    assert_eq!(wire.fate(&frames::to_us(OTHER_MAC, &packet)), Some(Discard::UdpNoPort));
    let seen = wire.take();
    let [Seen::Icmp(_, to, _, message)] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(*to, OTHER);
    assert_eq!(
        Icmpv4::parse(message),
        Ok(Icmpv4::Unreachable { reason: Unreachable::Port, quoted: &packet })
    );
}
