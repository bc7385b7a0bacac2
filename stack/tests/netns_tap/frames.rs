//! The other host, played by hand: a TAP interface with frames made and read by an independent library.

use crate::support::{netns, wait_for};
use etherparse::{
    ArpEthIpv4Packet, ArpOperation, ArpPacketSlice, EtherType, NetSlice, PacketBuilder, PacketBuilderStep,
    SlicedPacket, TcpHeader, TcpHeaderSlice, UdpHeader,
};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use synward::buffer::{Buf, Checksum, Device, Offload, Pool};
use synward::device::{Tap, TapOptions};
use synward::wire::Mac;

pub const OURS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
pub const KERNELS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
pub const MAC: Mac = Mac([2, 0x53, 0, 0, 0, 2]);

/// Our end of the link.
pub struct Host {
    pub tap: Tap,
    pub pool: Pool,
    received: VecDeque<Buf>,
    kernel_mac: [u8; 6],
}

/// A received TCP segment: header, payload, metadata.
pub struct Segment {
    pub header: TcpHeader,
    pub payload: Vec<u8>,
    pub offload: Offload,
    pub checksum_is_right: bool,
}

/// The interface `syn0` with the kernel's side configured and up.
pub fn host(change: impl FnOnce(&mut TapOptions)) -> Host {
    let mut options = TapOptions::new("syn0");
    options.mac = Some(MAC);
    change(&mut options);
    let tap = netns::tap(&options);
    let side = tap.host_side();
    side.set_address(IpAddr::V4(KERNELS), 24).unwrap();
    side.set_up(true).unwrap();
    let kernel_mac = side.mac().unwrap().0;
    Host { tap, pool: Pool::new(1 << 22), received: VecDeque::new(), kernel_mac }
}

impl Host {
    /// Sends one frame; it must be taken.
    pub fn send(&mut self, bytes: &[u8], offload: Offload) {
        let mut frame = self.pool.take(bytes.len());
        frame.append(bytes);
        frame.set_offload(offload);
        let mut queue = VecDeque::from([frame]);
        self.tap.transmit(&mut queue, &mut self.pool).unwrap();
        assert!(queue.is_empty(), "the interface had no room");
    }

    /// The next frame, if one is there. ARP requests for our address are answered on the way.
    pub fn poll(&mut self) -> Option<Buf> {
        if self.received.is_empty() {
            self.tap.receive(&mut self.pool, &mut self.received, 16).unwrap();
        }
        let frame = self.received.pop_front()?;
        self.answer_arp(frame.data());
        Some(frame)
    }

    fn answer_arp(&mut self, frame: &[u8]) {
        let packet = SlicedPacket::from_ethernet(frame).unwrap();
        let Some(NetSlice::Arp(arp)) = packet.net else { return };
        if let Some(answer) = arp_answer(&arp) {
            let mut bytes = Vec::new();
            PacketBuilder::ethernet2(MAC.0, answer.target_mac).arp(answer.into()).write(&mut bytes).unwrap();
            self.send(&bytes, Offload::default());
        }
    }

    /// Waits for the first frame for which `read` gives something.
    pub fn expect<T>(&mut self, what: &str, mut read: impl FnMut(&Buf) -> Option<T>) -> T {
        wait_for(what, || {
            let frame = self.poll()?;
            read(&frame)
        })
    }

    /// Ethernet and IP from us to the kernel.
    pub fn ip(&self) -> PacketBuilderStep<etherparse::IpHeaders> {
        PacketBuilder::ethernet2(MAC.0, self.kernel_mac).ipv4(OURS.octets(), KERNELS.octets(), 64)
    }

    /// Waits for a TCP segment of port `local` of ours.
    pub fn expect_segment(&mut self, what: &str, local: u16) -> Segment {
        self.expect(what, |frame| segment(frame).filter(|segment| segment.header.destination_port == local))
    }
}

/// The answer to an ARP request for our address.
fn arp_answer(arp: &ArpPacketSlice<'_>) -> Option<ArpEthIpv4Packet> {
    let asks = arp.operation() == ArpOperation::REQUEST && arp.target_protocol_addr() == OURS.octets();
    asks.then(|| ArpEthIpv4Packet {
        operation: ArpOperation::REPLY,
        sender_mac: MAC.0,
        sender_ipv4: OURS.octets(),
        target_mac: arp.sender_hw_addr().try_into().unwrap(),
        target_ipv4: arp.sender_protocol_addr().try_into().unwrap(),
    })
}

/// Reads a frame as TCP over IPv4.
pub fn segment(frame: &Buf) -> Option<Segment> {
    let data = frame.data();
    if data.len() < 54 || data[12..14] != EtherType::IPV4.0.to_be_bytes() || data[23] != 6 {
        return None;
    }
    let total = 14 + usize::from(u16::from_be_bytes([data[16], data[17]]));
    assert_eq!(total, data.len(), "the IP length covers the whole frame");
    let tcp = TcpHeaderSlice::from_slice(&data[34..]).unwrap();
    let payload = data[34 + tcp.slice().len()..].to_vec();
    let header = tcp.to_header();
    let (source, destination) = (data[26..30].try_into().unwrap(), data[30..34].try_into().unwrap());
    let sum = header.calc_checksum_ipv4_raw(source, destination, &payload).unwrap();
    Some(Segment { checksum_is_right: sum == header.checksum, header, payload, offload: frame.offload() })
}

/// Reads a frame as UDP over IPv4: header, payload.
pub fn datagram(frame: &Buf) -> Option<(UdpHeader, Vec<u8>)> {
    let data = frame.data();
    if data.len() < 42 || data[12..14] != EtherType::IPV4.0.to_be_bytes() || data[23] != 17 {
        return None;
    }
    let (header, payload) = UdpHeader::from_slice(&data[34..]).unwrap();
    Some((header, payload.to_vec()))
}

/// Puts the sum of the pseudo-header into the checksum field at `field` of an IPv4 frame, as for a partial checksum.
pub fn seed(frame: &mut [u8], field: usize) {
    let len = (frame.len() - 34) as u32;
    let words = frame[26..34].chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
    let mut sum: u32 = words.sum::<u32>() + u32::from(frame[23]) + len;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    frame[field..field + 2].copy_from_slice(&(sum as u16).to_be_bytes());
}

/// Metadata for a frame whose TCP (`offset` 16) or UDP (6) checksum is partial.
pub fn partial(offset: u16, segment_size: u16) -> Offload {
    Offload { checksum: Checksum::Partial { start: 34, offset }, segment_size }
}
