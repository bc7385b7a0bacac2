//! The frames of steps.

use super::device::US_MAC;
use super::peers::{GATEWAY, Peer, US, byte_of, station_of};
use super::steps::{Near, Segment};
use std::net::Ipv4Addr;
use synward::wire::{
    Addr, ArpOperation, ArpPacket, EtherType, EthernetHeader, Icmpv4, IpProtocol, Ipv4Header, Ipv4View, Mac,
    SeqNum, TcpFlags, TcpHeader, TcpOptions, Timestamps, Unreachable, checksum, tcp_view,
};

/// A frame to us.
pub(super) fn ethernet(src: Mac, ether_type: EtherType, payload: &[u8]) -> Vec<u8> {
    let header = EthernetHeader { dst: US_MAC, src, ether_type };
    [&header.to_bytes()[..], payload].concat()
}

fn packet(src: Ipv4Addr, dst: Ipv4Addr, protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
    [&Ipv4Header::atomic(src, dst, protocol, 64, payload.len() as u16).to_bytes()[..], payload].concat()
}

pub(super) fn near(expected: SeqNum, near: Near) -> SeqNum {
    match near {
        Near::Exact => expected,
        Near::By(by) => SeqNum(expected.0.wrapping_add_signed(by)),
        Near::At(at) => SeqNum(at),
    }
}

/// A segment of `peer`, which counts what it sent as expected.
pub(super) fn segment(peer: &mut Peer, step: &Segment, spoiled: bool) -> Vec<u8> {
    let seq = near(peer.seq, step.seq);
    let flags = step.flags;
    let has = |bit: u8| step.options & bit != 0;
    let mut options = TcpOptions::default();
    if flags.syn() {
        options.mss = has(1).then_some(if has(64) { 40 } else { 1460 });
        options.window_scale = has(2).then_some(if has(128) { 15 } else { 3 });
        options.sack_permitted = has(4);
        options.timestamps = has(8).then_some(Timestamps { value: peer.clock, echo: 0 });
    } else {
        // Options that were not agreed are there as well: with the highest bit the clock goes backwards.
        if has(8) {
            peer.clock = if has(128) { peer.clock.wrapping_sub(500) } else { peer.clock.wrapping_add(1) };
            options.timestamps = Some(Timestamps { value: peer.clock, echo: peer.echo });
        }
        if has(16) {
            let left = peer.last + 100 * u32::from(step.options & 7);
            options.sack.push(left, left + 1000);
        }
    }
    let header = TcpHeader {
        src_port: peer.me.port(),
        dst_port: peer.us.port(),
        seq,
        ack: if flags.ack() { near(peer.ack, step.ack) } else { SeqNum(0) },
        flags,
        window: step.window,
        urgent: step.urgent,
        options,
    };
    let first = seq + u32::from(flags.syn());
    let payload: Vec<u8> = (0..u32::from(step.len)).map(|n| byte_of(first + n)).collect();
    if matches!(step.seq, Near::Exact) && !flags.rst() && !spoiled {
        peer.seq = first + u32::from(step.len) + u32::from(flags.fin());
    }
    let mut bytes = vec![0; header.header_len()];
    header.write(&mut bytes);
    let (src, dst) = (*peer.me.ip(), *peer.us.ip());
    let sum = checksum::sum(&payload);
    tcp_view::store_checksum(&mut bytes, Addr::v4(src), Addr::v4(dst), sum, payload.len());
    bytes.extend_from_slice(&payload);
    if spoiled {
        bytes[16] ^= 1;
    }
    ethernet(station_of(*peer.me.ip()), EtherType::IPV4, &packet(src, dst, IpProtocol::TCP, &bytes))
}

/// An ICMP error of a router about our last segment to `peer`.
pub(super) fn icmp_error(peer: &Peer, kind: u8, code: u8, mtu: u16, seq: Near) -> Vec<u8> {
    let header = TcpHeader {
        src_port: peer.us.port(),
        dst_port: peer.me.port(),
        seq: near(peer.last, seq),
        ack: peer.seq,
        flags: TcpFlags::ACK,
        ..TcpHeader::default()
    };
    let mut bytes = [0; 20];
    header.write(&mut bytes);
    let mut quoted = packet(US, *peer.me.ip(), IpProtocol::TCP, &bytes);
    if kind & 0x80 != 0 {
        quoted.truncate(28);
    }
    let message = match kind % 6 {
        4 => Icmpv4::Other { kind: 11, code, word: [0; 4], body: &quoted },
        // A redirect, which only the router may send.
        5 => {
            let body = &quoted[..];
            let redirect = Icmpv4::Other { kind: 5, code, word: [192, 0, 2, 253], body };
            return icmp(GATEWAY, &redirect);
        }
        2 => Icmpv4::Other { kind: 12, code, word: [code, 0, 0, 0], body: &quoted },
        _ => Icmpv4::Unreachable { reason: Unreachable::from_wire(code % 18, mtu), quoted: &quoted },
    };
    icmp(*peer.me.ip(), &message)
}

/// An echo request, or an answer to one of ours.
pub(super) fn echo(peer: &Peer, reply: bool, sequence: u8, len: u8) -> Vec<u8> {
    let data = vec![sequence; usize::from(len) * 5];
    let (identifier, sequence) = (1, u16::from(sequence));
    icmp(
        *peer.me.ip(),
        &match reply {
            true => Icmpv4::EchoReply { code: 0, identifier, sequence, data: &data },
            false => Icmpv4::EchoRequest { code: 0, identifier, sequence, data: &data },
        },
    )
}

fn icmp(from: Ipv4Addr, message: &Icmpv4<'_>) -> Vec<u8> {
    let mut bytes = vec![0; message.written_len()];
    message.write(&mut bytes);
    ethernet(station_of(from), EtherType::IPV4, &packet(from, US, IpProtocol::ICMP, &bytes))
}

/// An ARP packet from a station to us.
pub(super) fn arp(operation: u16, sender: (Mac, Ipv4Addr), target: Ipv4Addr) -> Vec<u8> {
    let packet = ArpPacket {
        operation: ArpOperation::from_wire(operation),
        sender_mac: sender.0,
        sender_ip: sender.1,
        target_mac: US_MAC,
        target_ip: target,
    };
    ethernet(sender.0, EtherType::ARP, &packet.to_bytes())
}

/// A packet with any protocol, options and fragment word, whose header is right.
pub(super) fn noise(peer: &Peer, protocol: u8, fragment: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut options = options.to_vec();
    options.resize(options.len().div_ceil(4) * 4, 0);
    let mut bytes = packet(*peer.me.ip(), US, IpProtocol(protocol), payload);
    bytes.splice(20..20, options.iter().copied());
    let (header_len, total) = (20 + options.len(), bytes.len() as u16);
    bytes[0] = 0x40 | (header_len / 4) as u8;
    bytes[2..4].copy_from_slice(&total.to_be_bytes());
    bytes[4] = 7;
    bytes[6..8].copy_from_slice(&fragment.to_be_bytes());
    bytes[10..12].fill(0);
    let sum = checksum::finish(checksum::sum(&bytes[..header_len]));
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    ethernet(station_of(*peer.me.ip()), EtherType::IPV4, &bytes)
}

/// An IP packet without options in two fragments, cut behind `at` times eight bytes.
pub(super) fn in_fragments(frame: &[u8], at: u8, identification: u16) -> Option<[Vec<u8>; 2]> {
    let view = Ipv4View::parse(frame.get(EthernetHeader::LEN..)?).ok()?;
    let cut = 8 * usize::from(at);
    if view.is_fragment() || view.header_len() != Ipv4Header::LEN || !(1..view.payload().len()).contains(&cut)
    {
        return None;
    }
    let (first, second) = view.payload().split_at(cut);
    let fragment = |payload: &[u8], offset: usize, more_fragments| {
        let header = Ipv4Header {
            identification,
            dont_fragment: false,
            more_fragments,
            fragment_offset: offset as u16 / 8,
            payload_len: payload.len() as u16,
            ..view.header()
        };
        let packet = [&header.to_bytes()[..], payload].concat();
        ethernet(station_of(view.src()), EtherType::IPV4, &packet)
    };
    Some([fragment(first, 0, true), fragment(second, cut, false)])
}
