//! The parsers of `synward::wire`: nothing panics, and what a view reads is what its value writes.

use crate::Reached;
use synward::wire::{
    Addr, ArpPacket, EtherType, EthernetHeader, Icmpv4, IpProtocol, Ipv4Header, Ipv4View, Mac,
    QuotedDatagram, SeqNum, TcpFlags, TcpHeader, TcpOptions, Timestamps, checksum, icmpv4 as icmp, tcp_view,
};

/// An Ethernet header.
pub fn ethernet(data: &[u8]) -> Reached {
    let Ok((header, len)) = EthernetHeader::parse(data) else {
        assert!(data.len() < EthernetHeader::LEN);
        return 1;
    };
    assert_eq!(header.to_bytes(), data[..len]);
    let _ = (header.dst.is_group(), header.src.is_station());
    2 << u32::from(header.src.is_station())
}

/// An ARP packet.
pub fn arp(data: &[u8]) -> Reached {
    let Ok(packet) = ArpPacket::parse(data) else { return 1 };
    let bytes = packet.to_bytes();
    assert_eq!(bytes, data[..ArpPacket::LEN]);
    assert_eq!(ArpPacket::parse(&bytes), Ok(packet));
    2 << packet.operation.to_wire().min(20)
}

/// An IPv4 packet with its options.
pub fn ipv4(data: &[u8]) -> Reached {
    let Ok(view) = Ipv4View::parse(data) else { return 1 };
    let (header_len, total_len) = (view.header_len(), view.total_len());
    assert!((Ipv4Header::LEN..=60).contains(&header_len));
    assert!(header_len <= total_len && total_len <= data.len());
    assert_eq!(view.payload(), &data[header_len..total_len]);
    assert_eq!(view.options(), &data[Ipv4Header::LEN..header_len]);
    assert_eq!(view.checksum_ok(), slow_sum(&data[..header_len]) == 0xffff);
    let header = view.header();
    assert_eq!((header.src, header.dst, header.protocol), (view.src(), view.dst(), view.protocol()));
    // What is written again has no options and a right sum, and reads back equal.
    let again = [&header.to_bytes()[..], view.payload()].concat();
    let read = Ipv4View::parse(&again).expect("a header of ours");
    assert!(read.checksum_ok());
    assert_eq!(read.header(), header);
    let route = view.source_route();
    2 << match route {
        Err(_) => 0,
        Ok(route) => 1 + route as u32,
    } << (8 * u32::from(view.is_fragment()) + 16 * u32::from(view.checksum_ok()))
}

/// An ICMP message, and what it quotes.
pub fn icmpv4(data: &[u8]) -> Reached {
    let sum_ok = icmp::checksum_ok(data);
    assert_eq!(sum_ok, data.len() >= 2 && slow_sum(data) == 0xffff || data.is_empty() && sum_ok);
    let _ = icmp::quote(data);
    let mut reached = quoted(data);
    let Ok(message) = Icmpv4::parse(data) else { return reached | 1 };
    let mut bytes = vec![0; message.written_len()];
    assert_eq!(message.write(&mut bytes), bytes.len());
    assert!(icmp::checksum_ok(&bytes), "our own sum");
    let again = Icmpv4::parse(&bytes).expect("a message of ours");
    assert_eq!(again, message);
    reached |= 2 << u32::from(data[0]).min(40);
    match message {
        Icmpv4::Unreachable { quoted: bytes, .. }
        | Icmpv4::TimeExceeded { quoted: bytes, .. }
        | Icmpv4::ParameterProblem { quoted: bytes, .. }
        | Icmpv4::Redirect { quoted: bytes, .. } => {
            assert!(message.is_error() || matches!(message, Icmpv4::Redirect { .. }));
            reached | quoted(bytes) << 3
        }
        Icmpv4::EchoRequest { data: bytes, .. } | Icmpv4::EchoReply { data: bytes, .. } => {
            assert_eq!(bytes, &data[Icmpv4::HEADER_LEN..]);
            reached
        }
        Icmpv4::Other { .. } => reached,
    }
}

fn quoted(data: &[u8]) -> Reached {
    let Ok(quoted) = QuotedDatagram::parse(data) else { return 0 };
    assert!(quoted.payload.len() <= data.len());
    let mut reached = 1 << 50;
    if let Some(tcp) = quoted.tcp() {
        assert_eq!(tcp.flow.local.addr, Addr::v4(quoted.header.src), "it quotes what the local end sent");
        reached |= 1 << 54;
    }
    if quoted.echo_request().is_some() {
        reached |= 1 << 58;
    }
    reached
}

/// A TCP segment with its options. The first eight bytes are the addresses of the pseudo-header.
pub fn tcp(data: &[u8]) -> Reached {
    let Some((addresses, segment)) = data.split_at_checked(8) else { return 1 };
    let addr =
        |at: usize| Addr::v4([addresses[at], addresses[at + 1], addresses[at + 2], addresses[at + 3]].into());
    let (src, dst) = (addr(0), addr(4));
    let sum_ok = tcp_view::checksum_ok(src, dst, segment);
    let Ok((header, len)) = TcpHeader::parse(segment) else { return 2 };
    assert!((tcp_view::MIN_HEADER_LEN..=tcp_view::MAX_HEADER_LEN).contains(&len) && len <= segment.len());
    let pseudo = checksum::pseudo_header(src, dst, IpProtocol::TCP.0, segment.len() as u32);
    let whole = checksum::combine(pseudo, checksum::sum(segment));
    assert_eq!(sum_ok, checksum::finish(whole) == 0, "with and without the pseudo-header apart");
    // What is written again reads back equal, once it is in our own form.
    let write = |header: &TcpHeader| {
        let mut bytes = vec![0; header.header_len()];
        assert_eq!(header.write(&mut bytes), bytes.len());
        bytes
    };
    let mut bytes = write(&header);
    let (again, again_len) = TcpHeader::parse(&bytes).expect("a header of ours");
    assert_eq!(again_len, bytes.len());
    assert_eq!(write(&again), bytes, "what we write, we read and write alike");
    let payload = &segment[len..];
    assert_eq!(checksum::finish(header.partial_sum(&bytes)), checksum::finish(checksum::sum(&bytes)));
    tcp_view::store_checksum(&mut bytes, src, dst, checksum::sum(payload), payload.len());
    bytes.extend_from_slice(payload);
    assert!(tcp_view::checksum_ok(src, dst, &bytes), "our own sum");
    let options = &header.options;
    let bits = [
        options.mss.is_some(),
        options.window_scale.is_some(),
        options.sack_permitted,
        options.timestamps.is_some(),
        sum_ok,
        header.flags.is_impossible(),
    ];
    let set = bits.iter().zip(0..).map(|(bit, at)| u32::from(*bit) << at).sum::<u32>();
    4 << set
}

/// The sum word by word, as RFC 1071 defines it.
fn slow_sum(bytes: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// Headers that are right.
pub fn seeds_ethernet() -> Vec<Vec<u8>> {
    let header = |ether_type| EthernetHeader { dst: Mac::BROADCAST, src: Mac([2; 6]), ether_type };
    [EtherType::IPV4, EtherType::ARP].map(|kind| [&header(kind).to_bytes()[..], &[0; 20]].concat()).into()
}

/// Packets that are right.
pub fn seeds_arp() -> Vec<Vec<u8>> {
    use synward::wire::ArpOperation::{Reply, Request};
    let packet = |operation| ArpPacket {
        operation,
        sender_mac: Mac([2; 6]),
        sender_ip: [192, 0, 2, 2].into(),
        target_mac: Mac([3; 6]),
        target_ip: [192, 0, 2, 1].into(),
    };
    [Request, Reply].map(|operation| packet(operation).to_bytes().to_vec()).into()
}

fn packet(protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let (src, dst) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
    [&Ipv4Header::atomic(src, dst, protocol, 64, payload.len() as u16).to_bytes()[..], payload].concat()
}

/// Packets that are right, without options and with them.
pub fn seeds_ipv4() -> Vec<Vec<u8>> {
    let plain = packet(IpProtocol::TCP, b"payload");
    let with = |options: &[u8]| {
        let mut bytes = plain.clone();
        bytes.splice(20..20, options.iter().copied());
        bytes[0] += options.len() as u8 / 4;
        bytes[3] += options.len() as u8;
        bytes[10..12].fill(0);
        let sum = checksum::finish(checksum::sum(&bytes[..20 + options.len()]));
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes
    };
    vec![
        with(&[]),
        with(&[7, 7, 4, 0, 0, 0, 0, 0]),
        with(&[131, 7, 4, 192, 0, 2, 9, 0]),
        with(&[137, 7, 8, 192, 0, 2, 9, 1]),
        with(&[68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        with(&[148, 4, 0, 0]),
    ]
}

/// Messages that are right.
pub fn seeds_icmpv4() -> Vec<Vec<u8>> {
    use synward::wire::Unreachable;
    let segment = seeds_tcp().concat();
    let tcp = packet(IpProtocol::TCP, &segment[8..28]);
    let echo = packet(IpProtocol::ICMP, &[8, 0, 0, 0, 1, 2, 3, 4]);
    let mut all = vec![tcp.clone()];
    for quoted in [&tcp[..], &tcp[..28], &echo[..]] {
        for code in [0, 1, 3, 4, 13] {
            let reason = Unreachable::from_wire(code, 576);
            all.push(written(&Icmpv4::Unreachable { reason, quoted }));
        }
    }
    all.push(written(&Icmpv4::EchoRequest { code: 0, identifier: 1, sequence: 2, data: b"data" }));
    all.push(written(&Icmpv4::EchoReply { code: 0, identifier: 1, sequence: 2, data: b"data" }));
    for kind in [5, 11, 12, 13] {
        all.push(written(&Icmpv4::Other { kind, code: 0, word: [192, 0, 2, 254], body: &tcp }));
    }
    all
}

fn written(message: &Icmpv4<'_>) -> Vec<u8> {
    let mut bytes = vec![0; message.written_len()];
    message.write(&mut bytes);
    bytes
}

/// Segments that are right, behind their addresses.
pub fn seeds_tcp() -> Vec<Vec<u8>> {
    let addresses = [192, 0, 2, 1, 192, 0, 2, 2];
    let (src, dst) = (Addr::v4([192, 0, 2, 1].into()), Addr::v4([192, 0, 2, 2].into()));
    let segment = |flags, options| {
        let header = TcpHeader {
            src_port: 4000,
            dst_port: 80,
            seq: SeqNum(7),
            ack: SeqNum(9),
            flags,
            window: 1000,
            urgent: 0,
            options,
        };
        let mut bytes = vec![0; header.header_len()];
        header.write(&mut bytes);
        tcp_view::store_checksum(&mut bytes, src, dst, checksum::sum(b"data"), 4);
        [&addresses[..], &bytes, b"data"].concat()
    };
    let timestamps = Some(Timestamps { value: 1, echo: 2 });
    let syn = TcpOptions {
        mss: Some(1460),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps,
        ..TcpOptions::default()
    };
    let mut sack = TcpOptions { timestamps, ..TcpOptions::default() };
    sack.sack.push(SeqNum(20), SeqNum(30));
    sack.sack.push(SeqNum(40), SeqNum(50));
    vec![
        segment(TcpFlags::ACK, TcpOptions::default()),
        segment(TcpFlags::SYN, syn),
        segment(TcpFlags::ACK, TcpOptions { timestamps, ..TcpOptions::default() }),
        segment(TcpFlags::ACK, sack),
    ]
}
