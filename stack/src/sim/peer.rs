//! A peer without a stack, that does one bad thing well: it plays a script with raw segments.

use super::node::{Node, Outbox};
use crate::base::Instant;
use crate::buffer::Buf;
use crate::wire::{
    Addr, ArpOperation, ArpPacket, EtherType, EthernetHeader, IpProtocol, Ipv4Header, Ipv4View, Mac, SeqNum,
    TcpFlags, TcpHeader, TcpOptions, tcp_view,
};
use core::any::Any;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// What a [`ScriptedPeer`] does with whoever connects to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Script {
    /// It answers ARP and nothing else.
    Silent,
    /// It answers every SYN with RST.
    Refuses,
    /// It completes the handshake as far as its SYN-ACK, and then is dead: nothing is answered any more.
    DiesAfterSynAck,
    /// It takes this many bytes, then closes its window for good. It acknowledges every probe with a window of zero.
    ClosesWindow(u16),
}

/// Connections that a peer remembers at most; beyond them it is silent.
const REMEMBERED: usize = 65_536;

/// The window that a peer that dies announces first.
const WINDOW: u16 = 64_240;

/// One connection of a peer that closes its window.
#[derive(Clone, Copy, Debug)]
struct Taken {
    next: SeqNum,
    edge: SeqNum,
}

/// A station that plays a [`Script`].
#[derive(Debug)]
pub struct ScriptedPeer {
    mac: Mac,
    address: Ipv4Addr,
    script: Script,
    taken: BTreeMap<(Ipv4Addr, u16, u16), Taken>,
    /// SYNs that it received.
    pub syns: u64,
    /// Other segments that it received.
    pub segments: u64,
}

impl ScriptedPeer {
    /// A peer with an address on the LAN.
    pub fn new(mac: Mac, address: Ipv4Addr, script: Script) -> Self {
        Self { mac, address, script, taken: BTreeMap::new(), syns: 0, segments: 0 }
    }

    fn on_arp(&self, packet: &[u8], out: &mut Outbox) {
        let Ok(packet) = ArpPacket::parse(packet) else { return };
        if packet.operation != ArpOperation::Request || packet.target_ip != self.address {
            return;
        }
        let reply = ArpPacket {
            operation: ArpOperation::Reply,
            sender_mac: self.mac,
            sender_ip: self.address,
            target_mac: packet.sender_mac,
            target_ip: packet.sender_ip,
        };
        let mut frame = Buf::new(128, 32);
        if let Some(place) = frame.extend(ArpPacket::LEN) {
            reply.write(place);
        }
        self.send(frame, packet.sender_mac, EtherType::ARP, out);
    }

    fn send(&self, mut frame: Buf, to: Mac, ether_type: EtherType, out: &mut Outbox) {
        if let Some(place) = frame.prepend(EthernetHeader::LEN) {
            EthernetHeader { dst: to, src: self.mac, ether_type }.write(place);
            out.send(frame);
        }
    }

    fn on_ipv4(&mut self, packet: &[u8], station: Mac, out: &mut Outbox) {
        let Ok(view) = Ipv4View::parse(packet) else { return };
        if !view.checksum_ok() || view.dst() != self.address || view.protocol() != IpProtocol::TCP {
            return;
        }
        let (from, segment) = (view.src(), view.payload());
        if !tcp_view::checksum_ok(Addr::v4(from), Addr::v4(self.address), segment) {
            return;
        }
        let Ok((header, header_len)) = TcpHeader::parse(segment) else { return };
        let data = segment.len().saturating_sub(header_len) as u32;
        if let Some(answer) = self.answer(from, &header, data) {
            self.send_segment(from, station, &answer, out);
        }
    }

    fn answer(&mut self, from: Ipv4Addr, header: &TcpHeader, data: u32) -> Option<TcpHeader> {
        let back = TcpHeader { src_port: header.dst_port, dst_port: header.src_port, ..TcpHeader::default() };
        let key = (from, header.src_port, header.dst_port);
        if !header.flags.syn() || header.flags.ack() {
            self.segments += 1;
            return self.answer_data(key, header, data, back);
        }
        self.syns += 1;
        let window = match self.script {
            Script::Silent => return None,
            Script::Refuses => {
                let flags = TcpFlags::RST.with(TcpFlags::ACK);
                return Some(TcpHeader { ack: header.seq + 1, flags, ..back });
            }
            Script::DiesAfterSynAck => WINDOW,
            Script::ClosesWindow(bytes) => {
                if self.taken.len() >= REMEMBERED && !self.taken.contains_key(&key) {
                    return None;
                }
                let next = header.seq + 1;
                self.taken.insert(key, Taken { next, edge: next + u32::from(bytes) });
                bytes
            }
        };
        Some(TcpHeader {
            seq: first_number(&key),
            ack: header.seq + 1,
            flags: TcpFlags::SYN.with(TcpFlags::ACK),
            window,
            options: TcpOptions { mss: Some(1460), ..TcpOptions::default() },
            ..back
        })
    }

    fn answer_data(
        &mut self,
        key: (Ipv4Addr, u16, u16),
        header: &TcpHeader,
        data: u32,
        back: TcpHeader,
    ) -> Option<TcpHeader> {
        if header.flags.rst() {
            self.taken.remove(&key);
            return None;
        }
        let taken = self.taken.get_mut(&key)?;
        // A pure ACK needs no answer.
        if data == 0 && !header.flags.fin() && header.seq == taken.next {
            return None;
        }
        let end = header.seq + data;
        if header.seq.le(taken.next) && end.gt(taken.next) {
            taken.next = end.min(taken.edge);
        }
        let window = taken.edge.since(taken.next) as u16;
        Some(TcpHeader { seq: first_number(&key) + 1, ack: taken.next, flags: TcpFlags::ACK, window, ..back })
    }

    fn send_segment(&self, to: Ipv4Addr, station: Mac, header: &TcpHeader, out: &mut Outbox) {
        let mut frame = Buf::new(192, 96);
        let length = header.header_len();
        let Some(place) = frame.extend(length) else { return };
        header.write(place);
        tcp_view::store_checksum(place, Addr::v4(self.address), Addr::v4(to), 0, 0);
        let Some(place) = frame.prepend(Ipv4Header::LEN) else { return };
        Ipv4Header::atomic(self.address, to, IpProtocol::TCP, 64, length as u16).write(place);
        self.send(frame, station, EtherType::IPV4, out);
    }
}

/// The peer's initial sequence number: any will do that is the same each time.
fn first_number(key: &(Ipv4Addr, u16, u16)) -> SeqNum {
    SeqNum(u32::from(key.0) ^ (u32::from(key.1) << 16 | u32::from(key.2)))
}

impl Node for ScriptedPeer {
    fn mac(&self) -> Mac {
        self.mac
    }

    fn start(&mut self, _: Instant, _: &mut Outbox) {}

    fn receive(&mut self, _: Instant, frames: &mut dyn Iterator<Item = Buf>, out: &mut Outbox) {
        for mut frame in frames {
            let Ok((header, _)) = EthernetHeader::parse(frame.data()) else { continue };
            frame.trim_front(EthernetHeader::LEN);
            match header.ether_type {
                EtherType::ARP => self.on_arp(frame.data(), out),
                EtherType::IPV4 if header.dst == self.mac => self.on_ipv4(frame.data(), header.src, out),
                _ => {}
            }
        }
    }

    fn wake(&mut self, _: Instant, _: &mut Outbox) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
