//! Frames as bytes: made from values, and read back.

use std::net::{Ipv4Addr, SocketAddrV4};
use synward::wire::{
    Addr, ArpOperation, ArpPacket, EtherType, EthernetHeader, Icmpv4, IpProtocol, Ipv4Header, Ipv4View, Mac,
    TcpHeader, checksum, tcp_view,
};

/// The host under test.
pub(crate) const US: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(crate) const US_MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);
/// A station on the same link, played by the test.
pub(crate) const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
pub(crate) const PEER_MAC: Mac = Mac([2, 0, 0, 0, 0, 2]);
/// Another one.
pub(crate) const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 3);
pub(crate) const OTHER_MAC: Mac = Mac([2, 0, 0, 0, 0, 3]);
/// The router.
pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);
pub(crate) const GATEWAY_MAC: Mac = Mac([2, 0, 0, 0, 0, 254]);

pub(crate) fn at(addr: Ipv4Addr, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(addr, port)
}

pub(crate) fn ethernet(dst: Mac, src: Mac, ether_type: EtherType, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; EthernetHeader::LEN];
    EthernetHeader { dst, src, ether_type }.write(&mut bytes);
    bytes.extend_from_slice(payload);
    bytes
}

/// A frame to us from the station `src`.
pub(crate) fn to_us(src: Mac, packet: &[u8]) -> Vec<u8> {
    ethernet(US_MAC, src, EtherType::IPV4, packet)
}

/// A packet to us in frames from the station `src`, none of which carries more than `unit` bytes of its payload.
pub(crate) fn fragments(src: Mac, packet: &[u8], identification: u16, unit: usize) -> Vec<Vec<u8>> {
    let header = Ipv4View::parse(packet).unwrap().header();
    let mtu = (Ipv4Header::LEN + unit) as u16;
    let cut = synward::ip::fragment::Cut::new(header, mtu, identification);
    let frame = |(header, range): (Ipv4Header, core::ops::Range<usize>)| {
        to_us(src, &[&header.to_bytes()[..], &packet[Ipv4Header::LEN..][range]].concat())
    };
    cut.fragments().map(frame).collect()
}

pub(crate) fn ipv4(src: Ipv4Addr, dst: Ipv4Addr, protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let header = Ipv4Header::atomic(src, dst, protocol, 64, payload.len() as u16);
    [&header.to_bytes()[..], payload].concat()
}

/// Makes the sum of the IP header right after a test changed it.
pub(crate) fn fix_ip_checksum(packet: &mut [u8]) {
    let len = usize::from(packet[0] & 15) * 4;
    packet[10..12].fill(0);
    let sum = checksum::finish(checksum::sum(&packet[..len]));
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// Makes the sum of the TCP segment in an IP packet without options right after a test changed it.
pub(crate) fn fix_tcp_checksum(packet: &mut [u8]) {
    let (src, dst) = (Ipv4View::parse(packet).unwrap().src(), Ipv4View::parse(packet).unwrap().dst());
    let segment = &mut packet[20..];
    segment[16..18].fill(0);
    let pseudo = checksum::pseudo_header(Addr::v4(src), Addr::v4(dst), 6, segment.len() as u32);
    let sum = checksum::finish(checksum::combine(pseudo, checksum::sum(segment)));
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
}

/// A TCP segment; the ports of `header` are replaced by those of the endpoints.
pub(crate) fn tcp(src: SocketAddrV4, dst: SocketAddrV4, header: &TcpHeader, payload: &[u8]) -> Vec<u8> {
    let header = TcpHeader { src_port: src.port(), dst_port: dst.port(), ..*header };
    let len = header.header_len();
    let mut bytes = vec![0; len];
    header.write(&mut bytes);
    let sum = checksum::sum(payload);
    tcp_view::store_checksum(&mut bytes, Addr::v4(*src.ip()), Addr::v4(*dst.ip()), sum, payload.len());
    bytes.extend_from_slice(payload);
    bytes
}

/// An IP packet with a TCP segment.
pub(crate) fn tcp_packet(
    src: SocketAddrV4,
    dst: SocketAddrV4,
    header: &TcpHeader,
    payload: &[u8],
) -> Vec<u8> {
    ipv4(*src.ip(), *dst.ip(), IpProtocol::TCP, &tcp(src, dst, header, payload))
}

/// A frame from the station `mac` to us with an ICMP message.
pub(crate) fn icmp(mac: Mac, src: Ipv4Addr, message: &Icmpv4<'_>) -> Vec<u8> {
    let mut bytes = vec![0; message.written_len()];
    message.write(&mut bytes);
    to_us(mac, &ipv4(src, US, IpProtocol::ICMP, &bytes))
}

/// An ARP packet from `sender`, in a frame to `dst`.
pub(crate) fn arp(
    operation: ArpOperation,
    sender: (Mac, Ipv4Addr),
    target: (Mac, Ipv4Addr),
    dst: Mac,
) -> Vec<u8> {
    let packet = ArpPacket {
        operation,
        sender_mac: sender.0,
        sender_ip: sender.1,
        target_mac: target.0,
        target_ip: target.1,
    };
    ethernet(dst, sender.0, EtherType::ARP, &packet.to_bytes())
}

/// A TCP segment that we sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Sent {
    pub(crate) station: Mac,
    pub(crate) from: SocketAddrV4,
    pub(crate) to: SocketAddrV4,
    pub(crate) ttl: u8,
    pub(crate) header: TcpHeader,
    pub(crate) payload: Vec<u8>,
    /// The whole IP packet, for ICMP errors that quote it.
    pub(crate) packet: Vec<u8>,
}

/// A frame that we sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    Arp(ArpPacket),
    Tcp(Sent),
    /// Station, destination, TTL, message.
    Icmp(Mac, Ipv4Addr, u8, Vec<u8>),
    /// One fragment, as an IP packet.
    Fragment(Vec<u8>),
}

/// Reads a frame of ours; a frame that makes no sense is the test's failure.
pub(crate) fn look(frame: &[u8]) -> Seen {
    let (header, _) = EthernetHeader::parse(frame).unwrap();
    assert_eq!(header.src, US_MAC, "our frames have our source");
    let payload = &frame[EthernetHeader::LEN..];
    if header.ether_type == EtherType::ARP {
        return Seen::Arp(ArpPacket::parse(payload).unwrap());
    }
    assert_eq!(header.ether_type, EtherType::IPV4);
    let view = Ipv4View::parse(payload).unwrap();
    assert!(view.checksum_ok(), "our IP checksum");
    assert_eq!(view.total_len(), payload.len(), "nothing behind the packet");
    let segment = view.payload();
    if view.is_fragment() {
        return Seen::Fragment(payload.to_vec());
    }
    if view.protocol() == IpProtocol::ICMP {
        assert!(synward::wire::icmpv4::checksum_ok(segment), "our ICMP checksum");
        return Seen::Icmp(header.dst, view.dst(), view.ttl(), segment.to_vec());
    }
    assert_eq!(view.protocol(), IpProtocol::TCP);
    let (src, dst) = (view.src(), view.dst());
    assert!(tcp_view::checksum_ok(Addr::v4(src), Addr::v4(dst), segment), "our TCP checksum");
    let (tcp, len) = TcpHeader::parse(segment).unwrap();
    Seen::Tcp(Sent {
        station: header.dst,
        from: at(src, tcp.src_port),
        to: at(dst, tcp.dst_port),
        ttl: view.ttl(),
        header: tcp,
        payload: segment[len..].to_vec(),
        packet: payload.to_vec(),
    })
}
