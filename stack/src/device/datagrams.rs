//! A link of bare IP datagrams: what a TUN interface or a test harness carries. The stack speaks Ethernet to it; the device
//! adds and takes off the link header, and answers each ARP request itself: whatever the address, its station is the link.
//!
//! Nothing is behind it but the one who calls [`Datagrams::inject`] and [`Datagrams::take`].

use super::ETHERNET;
use crate::base::Instant;
use crate::buffer::{Buf, Capabilities, Device, Pool, Readiness, Received, Simulated};
use crate::sync::Signal;
use crate::wire::{ArpOperation, ArpPacket, EtherType, EthernetHeader, Mac};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// The stack's end.
const STACK: Mac = Mac([2, 0, 0, 0, 0, 1]);
/// The end that stands for everybody else.
const OTHERS: Mac = Mac([2, 0, 0, 0, 0, 2]);

/// Largest IP packet that can be injected, in bytes.
const LARGEST: usize = 65_535;

/// Options of a link of datagrams.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DatagramOptions {
    /// Largest IP packet that the stack sends, in bytes. What is injected may be larger.
    pub mtu: usize,
    /// Datagrams that wait in each direction at most (at least 1).
    pub queue: usize,
}

impl Default for DatagramOptions {
    /// MTU 1500, 4096 datagrams each way.
    fn default() -> Self {
        Self { mtu: 1500, queue: 4096 }
    }
}

/// A datagram that the stack sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SentDatagram {
    /// When, by the time that the stack was given.
    pub at: Instant,
    /// The IP packet.
    pub packet: Vec<u8>,
}

/// Why a datagram was not injected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InjectError {
    /// So many wait already.
    #[error("{0} datagrams wait for the stack already, which is the limit; let it take a turn")]
    Full(usize),
    /// It is no IP packet, or larger than one can be.
    #[error("{0} bytes that are no IPv4 or IPv6 packet of at most 65535 bytes")]
    NotIp(usize),
}

/// What the device did with what it could not pass on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DatagramCounters {
    /// Datagrams of the stack that nobody took in time: the queue was full.
    pub overflowed: u64,
    /// Frames of the stack that carry no IP (ARP that is no request for another's address).
    pub link_only: u64,
    /// ARP requests answered.
    pub arp_answered: u64,
}

/// A link of bare IP datagrams; see the module.
#[derive(Debug)]
pub struct Datagrams {
    options: DatagramOptions,
    now: Instant,
    /// Whole frames for the stack.
    inbound: VecDeque<Vec<u8>>,
    outbound: VecDeque<SentDatagram>,
    counters: DatagramCounters,
    signal: Arc<Signal>,
}

impl Datagrams {
    /// A link on which nothing waits.
    pub fn new(options: DatagramOptions) -> Self {
        let options = DatagramOptions { queue: options.queue.max(1), ..options };
        Self {
            options,
            now: Instant::ZERO,
            inbound: VecDeque::new(),
            outbound: VecDeque::new(),
            counters: DatagramCounters::default(),
            signal: Arc::new(Signal::default()),
        }
    }

    /// Puts an IP packet on the link, for the stack's next turn.
    ///
    /// # Errors
    /// The queue is full, or the bytes are no IP packet by their first four bits.
    pub fn inject(&mut self, packet: &[u8]) -> Result<(), InjectError> {
        if self.inbound.len() >= self.options.queue {
            return Err(InjectError::Full(self.options.queue));
        }
        let ether_type = match packet.first().map(|first| first >> 4) {
            Some(4) if packet.len() <= LARGEST => EtherType::IPV4,
            Some(6) if packet.len() <= LARGEST => EtherType::IPV6,
            Some(_) | None => return Err(InjectError::NotIp(packet.len())),
        };
        self.deliver(ether_type, packet);
        Ok(())
    }

    /// The oldest datagram that the stack sent and nobody took yet.
    pub fn take(&mut self) -> Option<SentDatagram> {
        self.outbound.pop_front()
    }

    /// Datagrams that [`Datagrams::take`] would give.
    pub fn waiting(&self) -> usize {
        self.outbound.len()
    }

    /// What was not passed on.
    pub fn counters(&self) -> DatagramCounters {
        self.counters
    }

    fn deliver(&mut self, ether_type: EtherType, payload: &[u8]) {
        let header = EthernetHeader { dst: STACK, src: OTHERS, ether_type };
        let mut frame = Vec::with_capacity(ETHERNET + payload.len());
        frame.extend_from_slice(&header.to_bytes());
        frame.extend_from_slice(payload);
        self.inbound.push_back(frame);
        self.signal.raise();
    }

    /// A frame of the stack.
    fn accept(&mut self, frame: &[u8]) {
        let Ok((header, at)) = EthernetHeader::parse(frame) else { return };
        let payload = frame.get(at..).unwrap_or_default();
        match header.ether_type {
            EtherType::IPV4 | EtherType::IPV6 if self.outbound.len() >= self.options.queue => {
                self.counters.overflowed += 1;
            }
            EtherType::IPV4 | EtherType::IPV6 => {
                self.outbound.push_back(SentDatagram { at: self.now, packet: payload.to_vec() });
            }
            _ => self.answer_arp(payload),
        }
    }

    /// RFC 826: the reply has the roles of sender and target exchanged. An announcement asks for the sender's own address
    /// and gets none (RFC 5227, Section 3).
    fn answer_arp(&mut self, payload: &[u8]) {
        let asked = ArpPacket::parse(payload).ok().filter(|packet| {
            packet.operation == ArpOperation::Request && packet.target_ip != packet.sender_ip
        });
        let Some(request) = asked.filter(|_| self.inbound.len() < self.options.queue) else {
            self.counters.link_only += 1;
            return;
        };
        let reply = ArpPacket {
            operation: ArpOperation::Reply,
            sender_mac: OTHERS,
            sender_ip: request.target_ip,
            target_mac: request.sender_mac,
            target_ip: request.sender_ip,
        };
        self.counters.arp_answered += 1;
        self.deliver(EtherType::ARP, &reply.to_bytes());
    }
}

impl Simulated for Datagrams {}

impl Device for Datagrams {
    fn capabilities(&self) -> Capabilities {
        Capabilities { mac: STACK, mtu: self.options.mtu, checksum_offload: false, segmentation: 0 }
    }

    fn receive(&mut self, pool: &mut Pool, into: &mut VecDeque<Buf>, budget: usize) -> io::Result<Received> {
        let frames = self.inbound.len().min(budget);
        for bytes in self.inbound.drain(..frames) {
            let mut buf = pool.take(bytes.len());
            buf.append(&bytes);
            into.push_back(buf);
        }
        Ok(Received { frames, more: !self.inbound.is_empty() })
    }

    fn transmit(&mut self, from: &mut VecDeque<Buf>, pool: &mut Pool) -> io::Result<()> {
        for buf in from.drain(..) {
            self.accept(buf.data());
            pool.put(buf);
        }
        Ok(())
    }

    fn readiness(&self) -> Readiness {
        Readiness::Signal(self.signal.clone())
    }

    fn set_now(&mut self, now: Instant) {
        self.now = now;
    }

    fn next_deadline(&self) -> Option<Instant> {
        // An answer that was put in while the stack transmitted is due at once.
        (!self.inbound.is_empty()).then_some(self.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transmit(device: &mut Datagrams, pool: &mut Pool, ether_type: EtherType, payload: &[u8]) {
        let header = EthernetHeader { dst: Mac::BROADCAST, src: STACK, ether_type };
        let mut buf = pool.take(ETHERNET + payload.len());
        buf.append(&header.to_bytes());
        buf.append(payload);
        device.transmit(&mut VecDeque::from([buf]), pool).unwrap();
    }

    fn request(target: [u8; 4]) -> ArpPacket {
        ArpPacket {
            operation: ArpOperation::Request,
            sender_mac: STACK,
            sender_ip: [192, 0, 2, 1].into(),
            target_mac: Mac::default(),
            target_ip: target.into(),
        }
    }

    #[test]
    fn datagrams_cross_with_their_time_and_without_the_link_header() {
        let (mut device, mut pool) = (Datagrams::new(DatagramOptions::default()), Pool::new(1 << 20));
        device.set_now(Instant::from_millis(7));
        transmit(&mut device, &mut pool, EtherType::IPV4, &[0x45, 1, 2]);
        let sent = device.take().unwrap();
        assert_eq!((sent.at, &sent.packet[..]), (Instant::from_millis(7), &[0x45, 1, 2][..]));
        assert_eq!(device.take(), None);
        device.inject(&[0x45, 9]).unwrap();
        let mut into = VecDeque::new();
        let received = device.receive(&mut pool, &mut into, 8).unwrap();
        assert_eq!(received, Received { frames: 1, more: false });
        assert_eq!(&into[0].data()[ETHERNET..], [0x45, 9]);
        assert_eq!(into[0].data()[12..14], [8, 0]);
    }

    /// RFC 5227, Section 3: an announcement asks for the sender's own address.
    #[test]
    fn each_request_is_answered_and_an_announcement_is_not() {
        let (mut device, mut pool) = (Datagrams::new(DatagramOptions::default()), Pool::new(1 << 20));
        transmit(&mut device, &mut pool, EtherType::ARP, &request([192, 0, 2, 1]).to_bytes());
        assert_eq!(device.next_deadline(), None);
        transmit(&mut device, &mut pool, EtherType::ARP, &request([192, 0, 2, 77]).to_bytes());
        assert_eq!(device.next_deadline(), Some(Instant::ZERO));
        let mut into = VecDeque::new();
        device.receive(&mut pool, &mut into, 8).unwrap();
        let reply = ArpPacket::parse(&into[0].data()[ETHERNET..]).unwrap();
        assert_eq!((reply.operation, reply.sender_mac), (ArpOperation::Reply, OTHERS));
        assert_eq!(reply.sender_ip.octets(), [192, 0, 2, 77]);
        let counters = DatagramCounters { arp_answered: 1, link_only: 1, overflowed: 0 };
        assert_eq!(device.counters(), counters);
    }

    #[test]
    fn both_queues_have_a_limit_and_what_is_no_ip_is_refused() {
        let options = DatagramOptions { queue: 2, ..DatagramOptions::default() };
        let (mut device, mut pool) = (Datagrams::new(options), Pool::new(1 << 20));
        for _ in 0..3 {
            transmit(&mut device, &mut pool, EtherType::IPV4, &[0x45]);
        }
        assert_eq!((device.waiting(), device.counters().overflowed), (2, 1));
        assert_eq!(device.inject(&[]), Err(InjectError::NotIp(0)));
        assert_eq!(device.inject(&[0x55]), Err(InjectError::NotIp(1)));
        assert_eq!(device.inject(&[0x60]), Ok(()));
        assert_eq!(device.inject(&[0x45]), Ok(()));
        assert_eq!(device.inject(&[0x45]), Err(InjectError::Full(2)));
    }
}
