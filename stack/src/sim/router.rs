//! A router of the embedded network: it answers ARP for its address, and behind it lie networks that answer (through
//! stations of the same world), that are black holes, and that it declares unreachable by ICMP (RFC 1812, Section 5.2.7).

use super::node::{Node, Outbox};
use crate::base::Instant;
use crate::buffer::Buf;
use crate::wire::tcp_view::{checksum_ok, store_checksum};
use crate::wire::{
    Addr, ArpOperation, ArpPacket, EtherType, EthernetHeader, IpProtocol, Ipv4Header, Ipv4View, Mac, SeqNum,
    TcpFlags, TcpHeader, checksum,
};
use core::any::Any;
use std::net::Ipv4Addr;

/// What a router does with a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RouteAction {
    /// Hands it to a station of the world.
    Deliver(Mac),
    /// Lets it vanish.
    BlackHole,
    /// Answers with destination unreachable of this code.
    Unreachable(u8),
    /// Answers "fragmentation needed" with this MTU where the datagram is larger, and lets it vanish otherwise.
    FragmentationNeeded(u16, Mac),
}

/// A router.
#[derive(Debug)]
pub struct Router {
    mac: Mac,
    address: Ipv4Addr,
    others: Vec<Ipv4Addr>,
    routes: Vec<(Ipv4Addr, u8, RouteAction)>,
    /// Datagrams forwarded.
    pub forwarded: u64,
    /// Datagrams that vanished.
    pub swallowed: u64,
    /// ICMP errors sent.
    pub errors_sent: u64,
}

impl Router {
    /// A router with an address on the LAN and no routes.
    pub fn new(mac: Mac, address: Ipv4Addr) -> Self {
        Self {
            mac,
            address,
            others: Vec::new(),
            routes: Vec::new(),
            forwarded: 0,
            swallowed: 0,
            errors_sent: 0,
        }
    }

    /// Gives it an address on another network, as the gateway of the hosts there. All its networks share the one LAN of the
    /// world: what makes a host off-link is its address.
    #[must_use]
    pub fn also(mut self, address: Ipv4Addr) -> Self {
        self.others.push(address);
        self
    }

    fn is_own(&self, address: Ipv4Addr) -> bool {
        address == self.address || self.others.contains(&address)
    }

    /// Adds a route; the longest prefix wins.
    #[must_use]
    pub fn route(mut self, network: Ipv4Addr, prefix_len: u8, action: RouteAction) -> Self {
        self.routes.push((network, prefix_len.min(32), action));
        self.routes.sort_by_key(|(_, prefix_len, _)| core::cmp::Reverse(*prefix_len));
        self
    }

    fn action(&self, to: Ipv4Addr) -> RouteAction {
        let matches = |network: Ipv4Addr, prefix_len: u8| {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix_len)).unwrap_or(0);
            (u32::from(network) ^ u32::from(to)) & mask == 0
        };
        let found = self.routes.iter().find(|(network, prefix_len, _)| matches(*network, *prefix_len));
        // RFC 1812, Section 5.2.7.1: no route is "network unreachable".
        found.map_or(RouteAction::Unreachable(0), |(_, _, action)| *action)
    }

    fn on_arp(&self, frame: &[u8], out: &mut Outbox) {
        let Ok(packet) = ArpPacket::parse(frame) else { return };
        if packet.operation != ArpOperation::Request || !self.is_own(packet.target_ip) {
            return;
        }
        let reply = ArpPacket {
            operation: ArpOperation::Reply,
            sender_mac: self.mac,
            sender_ip: packet.target_ip,
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

    fn on_ipv4(&mut self, mut frame: Buf, from: Mac, out: &mut Outbox) {
        let Ok(view) = Ipv4View::parse(frame.data()) else { return };
        if !view.checksum_ok() {
            return;
        }
        let (source, destination, total) = (view.src(), view.dst(), view.total_len());
        if self.is_own(destination) {
            let (start, protocol) = (view.header_len(), view.protocol());
            frame.truncate(total);
            frame.trim_front(start);
            return self.on_own(&frame, protocol, (destination, source), from, out);
        }
        let action = self.action(destination);
        frame.truncate(total);
        match action {
            RouteAction::Deliver(mac) => self.forward(frame, mac, out),
            RouteAction::BlackHole => self.swallowed += 1,
            RouteAction::Unreachable(code) => self.error(&frame, source, from, code, 0, out),
            RouteAction::FragmentationNeeded(mtu, mac) if total <= usize::from(mtu) => {
                self.forward(frame, mac, out)
            }
            RouteAction::FragmentationNeeded(mtu, _) => self.error(&frame, source, from, 4, mtu, out),
        }
    }

    /// Something for the router itself: it answers echo requests (RFC 1812), refuses TCP, and does nothing else.
    fn on_own(
        &mut self,
        message: &Buf,
        protocol: IpProtocol,
        (own, peer): (Ipv4Addr, Ipv4Addr),
        station: Mac,
        out: &mut Outbox,
    ) {
        let message = message.data();
        if protocol == IpProtocol::TCP {
            return self.refuse(message, (own, peer), station, out);
        }
        if protocol != IpProtocol::ICMP || message.len() < 8 || message.first() != Some(&8) {
            self.swallowed += 1;
            return;
        }
        let mut reply = Buf::new(message.len() + 64, 64);
        let Some(place) = reply.extend(message.len()) else { return };
        place.copy_from_slice(message);
        place[0] = 0;
        place[2..4].fill(0);
        let value = checksum::finish(checksum::sum(place));
        place[2..4].copy_from_slice(&value.to_be_bytes());
        let Some(place) = reply.prepend(Ipv4Header::LEN) else { return };
        Ipv4Header::atomic(own, peer, IpProtocol::ICMP, 64, message.len() as u16).write(place);
        self.send(reply, station, EtherType::IPV4, out);
    }

    /// Nobody listens on a router: its own host side answers as RFC 9293, Section 3.10.7.1 has it, by RST.
    fn refuse(&mut self, segment: &[u8], (own, peer): (Ipv4Addr, Ipv4Addr), station: Mac, out: &mut Outbox) {
        let (source, destination) = (Addr::v4(own), Addr::v4(peer));
        let parsed = TcpHeader::parse(segment).ok().filter(|_| checksum_ok(destination, source, segment));
        let Some((seen, start)) = parsed.filter(|(seen, _)| !seen.flags.rst()) else {
            self.swallowed += 1;
            return;
        };
        let occupied =
            (segment.len() - start) as u32 + u32::from(seen.flags.syn()) + u32::from(seen.flags.fin());
        let (seq, ack, flags) = match seen.flags.ack() {
            true => (seen.ack, SeqNum(0), TcpFlags::RST),
            false => (SeqNum(0), seen.seq + occupied, TcpFlags::RST.with(TcpFlags::ACK)),
        };
        let (src_port, dst_port) = (seen.dst_port, seen.src_port);
        let header = TcpHeader { src_port, dst_port, seq, ack, flags, ..TcpHeader::default() };
        let length = header.header_len();
        let mut reply = Buf::new(length + 64, 64);
        let Some(place) = reply.extend(length) else { return };
        header.write(place);
        store_checksum(place, source, destination, 0, 0);
        let Some(place) = reply.prepend(Ipv4Header::LEN) else { return };
        Ipv4Header::atomic(own, peer, IpProtocol::TCP, 64, length as u16).write(place);
        self.send(reply, station, EtherType::IPV4, out);
    }

    fn forward(&mut self, mut frame: Buf, mac: Mac, out: &mut Outbox) {
        let Some(header) = frame.data_mut().get_mut(..Ipv4Header::LEN) else { return };
        if header[8] <= 1 {
            self.swallowed += 1;
            return;
        }
        header[8] -= 1;
        header[10..12].fill(0);
        let header_len = usize::from(header[0] & 0x0f) * 4;
        let sum = frame.data().get(..header_len).map_or(0, checksum::sum);
        frame.data_mut()[10..12].copy_from_slice(&checksum::finish(sum).to_be_bytes());
        self.forwarded += 1;
        self.send(frame, mac, EtherType::IPV4, out);
    }

    fn error(&mut self, datagram: &Buf, to: Ipv4Addr, station: Mac, code: u8, mtu: u16, out: &mut Outbox) {
        // RFC 792: the header and the first eight bytes; RFC 1812 allows more.
        let quote = &datagram.data()[..datagram.len().min(28)];
        let length = 8 + quote.len();
        let mut frame = Buf::new(192, 64);
        let Some(place) = frame.extend(length) else { return };
        place.fill(0);
        place[0] = 3;
        place[1] = code;
        place[6..8].copy_from_slice(&mtu.to_be_bytes());
        place[8..].copy_from_slice(quote);
        let value = checksum::finish(checksum::sum(place));
        place[2..4].copy_from_slice(&value.to_be_bytes());
        let Some(place) = frame.prepend(Ipv4Header::LEN) else { return };
        Ipv4Header::atomic(self.address, to, IpProtocol::ICMP, 64, length as u16).write(place);
        self.errors_sent += 1;
        self.send(frame, station, EtherType::IPV4, out);
    }

    /// Its address, as the hosts know it.
    pub fn address(&self) -> Addr {
        Addr::v4(self.address)
    }
}

impl Node for Router {
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
                EtherType::IPV4 if header.dst == self.mac => self.on_ipv4(frame, header.src, out),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Icmpv4, Unreachable};

    const LAN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const FAR_SIDE: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 1);
    const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
    const MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const HOST_MAC: Mac = Mac([2, 0, 0, 0, 0, 9]);

    /// What the router sends to the host that sends it `message` for `to`: source, ICMP message.
    fn answer(router: &mut Router, to: Ipv4Addr, message: &Icmpv4<'_>) -> Vec<(Ipv4Addr, Vec<u8>)> {
        let mut frame = Buf::new(256, 64);
        message.write(frame.extend(message.written_len()).unwrap());
        let header = Ipv4Header::atomic(HOST, to, IpProtocol::ICMP, 64, message.written_len() as u16);
        header.write(frame.prepend(Ipv4Header::LEN).unwrap());
        EthernetHeader { dst: MAC, src: HOST_MAC, ether_type: EtherType::IPV4 }
            .write(frame.prepend(EthernetHeader::LEN).unwrap());
        let mut out = Outbox::default();
        router.receive(Instant::ZERO, &mut core::iter::once(frame), &mut out);
        let read = |frame: &Buf| {
            let (link, _) = EthernetHeader::parse(frame.data()).unwrap();
            let view = Ipv4View::parse(&frame.data()[EthernetHeader::LEN..]).unwrap();
            assert_eq!((link.dst, view.dst(), view.checksum_ok()), (HOST_MAC, HOST, true));
            (view.src(), view.payload().to_vec())
        };
        out.frames.iter().map(read).collect()
    }

    /// RFC 1812, Section 4.3.3.6: from the address that was asked, with the data of the request.
    #[test]
    fn an_echo_request_to_any_of_its_addresses_is_answered_from_that_address() {
        let mut router = Router::new(MAC, LAN).also(FAR_SIDE);
        for own in [LAN, FAR_SIDE] {
            let request =
                Icmpv4::EchoRequest { code: 0, identifier: 7, sequence: 3, data: b"anybody there?" };
            let sent = answer(&mut router, own, &request);
            let reply = Icmpv4::EchoReply { code: 0, identifier: 7, sequence: 3, data: b"anybody there?" };
            assert_eq!((sent.len(), sent[0].0, Icmpv4::parse(&sent[0].1)), (1, own, Ok(reply)));
            assert!(crate::wire::icmpv4::checksum_ok(&sent[0].1));
        }
        let reply = Icmpv4::EchoReply { code: 0, identifier: 7, sequence: 3, data: b"" };
        assert_eq!(answer(&mut router, LAN, &reply), [], "it answers nothing else");
    }

    /// RFC 1812, Section 5.2.7.1: network unreachable.
    #[test]
    fn a_datagram_without_a_route_is_answered_by_network_unreachable() {
        let mut router = Router::new(MAC, LAN);
        let request = Icmpv4::EchoRequest { code: 0, identifier: 7, sequence: 3, data: b"" };
        let sent = answer(&mut router, Ipv4Addr::new(8, 8, 8, 8), &request);
        let message = Icmpv4::parse(&sent[0].1);
        assert!(
            matches!(message, Ok(Icmpv4::Unreachable { reason: Unreachable::Network, .. })),
            "{message:?}"
        );
    }
}
