//! The first step of a turn: frames from the device, bounded by `limits.receive_budget`. Every frame ends in exactly one
//! place, which its [`Fate`] names: taken for something, or one discard. Lengths and checksums come before anything else.

use super::Shard;
use super::demux::Arrived;
use crate::buffer::{Buf, Checksum, Device};
use crate::ip::icmp::Complaint;
use crate::ip::{self, ArpOutcome, Arrival};
use crate::telemetry::{Discard, Taken};
use crate::wire::{
    ArpPacket, Endpoint, EtherType, EthernetHeader, FlowKey, IpProtocol, Mac, TcpHeader, tcp_view, udp,
};
use std::io;

/// What became of a received frame. Whoever is given a frame gives its fate back, and it is counted in one place.
pub(crate) type Fate = Result<Taken, Discard>;

impl Shard {
    /// Whether the device may have more.
    pub(crate) fn receive<D: Device>(&mut self, device: &mut D) -> io::Result<bool> {
        // What we sent to ourselves in earlier turns; what this turn adds waits for the next one.
        for _ in 0..self.queues.looped.len() {
            let Some(frame) = self.queues.looped.pop_front() else { break };
            self.receive_frame(frame, true);
        }
        let budget = self.settings.limits.receive_budget as usize;
        let received = device.receive(&mut self.pool, &mut self.queues.received, budget);
        while let Some(frame) = self.queues.received.pop_front() {
            // Another processor or the other host of a link in memory wrote it: its headers are far away.
            if let Some(later) = self.queues.received.get(2) {
                later.prefetch();
            }
            self.receive_frame(frame, false);
        }
        received.map(|received| received.more)
    }

    fn receive_frame(&mut self, frame: Buf, looped: bool) {
        self.counters.frames_received += 1;
        match self.receive_ethernet(frame, looped) {
            Ok(kind) => self.taken.count(kind),
            Err(reason) => self.discards.count(reason),
        }
    }

    /// The end of a frame that is discarded for `reason`.
    pub(crate) fn give_up(&mut self, frame: Buf, reason: Discard) -> Fate {
        self.pool.put(frame);
        Err(reason)
    }

    fn receive_ethernet(&mut self, mut frame: Buf, looped: bool) -> Fate {
        let Ok((header, _)) = EthernetHeader::parse(frame.data()) else {
            return self.give_up(frame, Discard::EthernetShort);
        };
        let arrival = match header.dst {
            _ if looped => Arrival::Loop,
            own if own == self.capabilities.mac => Arrival::Unicast,
            group if group.is_group() => Arrival::Group,
            _ => return self.give_up(frame, Discard::EthernetNotForUs),
        };
        if !header.src.is_station() {
            return self.give_up(frame, Discard::EthernetSource);
        }
        frame.trim_front(EthernetHeader::LEN);
        match header.ether_type {
            EtherType::IPV4 => self.receive_ipv4(frame, header.src, arrival),
            EtherType::ARP => self.receive_arp(frame, header.src),
            _ => self.give_up(frame, Discard::EtherTypeUnknown),
        }
    }

    fn receive_arp(&mut self, frame: Buf, station: Mac) -> Fate {
        let Ok(packet) = ArpPacket::parse(frame.data()) else {
            return self.give_up(frame, Discard::ArpMalformed);
        };
        // An answer goes to the station that asked, so the two must agree.
        if packet.sender_mac != station {
            return self.give_up(frame, Discard::ArpSpoofed);
        }
        self.pool.put(frame);
        match self.neighbors.on_arp(self.now, &packet, &self.interface) {
            ArpOutcome::Reply(reply) => {
                self.send_arp(&reply, reply.target_mac);
                Ok(Taken::ArpAnswered)
            }
            ArpOutcome::Learned { .. } => Ok(Taken::ArpLearned),
            ArpOutcome::Ignored(reason) => Err(reason),
        }
    }

    pub(crate) fn receive_ipv4(&mut self, mut frame: Buf, station: Mac, arrival: Arrival) -> Fate {
        let delivery = match ip::receive_known(
            &self.interface,
            &self.settings.ip,
            frame.data(),
            arrival,
            &mut self.known_pair,
        ) {
            Ok(delivery) => delivery,
            Err(reason) => return self.give_up(frame, reason),
        };
        if delivery.fragment {
            return self.receive_fragment(frame, station, arrival);
        }
        match delivery.protocol {
            IpProtocol::TCP => {
                frame.truncate(delivery.payload.end);
                frame.trim_front(delivery.payload.start);
                self.receive_tcp(frame, &delivery, station)
            }
            IpProtocol::ICMP => self.receive_icmp(frame, &delivery, station, arrival),
            IpProtocol::UDP => self.receive_udp(frame, &delivery, station, arrival),
            // A member of no group has nothing to report to whoever asks; and IGMP, a part of IP, is none of the transports
            // that RFC 1122, Section 3.2.2.1, speaks of.
            IpProtocol::IGMP => self.give_up(frame, Discard::IpProtocol),
            _ => {
                // RFC 1122, Section 3.2.2.1: a host that lacks the protocol says so.
                self.complain(frame.data(), station, arrival, Complaint::ProtocolUnreachable);
                self.give_up(frame, Discard::IpProtocol)
            }
        }
    }

    /// No port of UDP is open here.
    #[cold]
    fn receive_udp(&mut self, frame: Buf, delivery: &ip::Delivery, station: Mac, arrival: Arrival) -> Fate {
        let datagram = frame.data().get(delivery.payload.clone()).unwrap_or_default();
        let complete = frame.offload().checksum == Checksum::Complete;
        let Ok(datagram) = udp::datagram(datagram) else {
            return self.give_up(frame, Discard::UdpMalformed);
        };
        // RFC 1122, Section 4.1.3.4: what has a wrong checksum is discarded silently.
        if complete && !udp::checksum_ok(delivery.src, delivery.dst, datagram) {
            return self.give_up(frame, Discard::UdpChecksum);
        }
        // RFC 1122, Section 4.1.3.1: nobody listens at the port.
        self.complain(frame.data(), station, arrival, Complaint::PortUnreachable);
        self.give_up(frame, Discard::UdpNoPort)
    }

    fn receive_tcp(&mut self, mut frame: Buf, delivery: &ip::Delivery, station: Mac) -> Fate {
        let complete = frame.offload().checksum == Checksum::Complete;
        if complete && !tcp_view::checksum_ok(delivery.src, delivery.dst, frame.data()) {
            let short = frame.len() < tcp_view::MIN_HEADER_LEN;
            return self.give_up(frame, if short { Discard::TcpMalformed } else { Discard::TcpChecksum });
        }
        let mut header = TcpHeader::default();
        let Ok(header_len) = header.read_from(frame.data()) else {
            return self.give_up(frame, Discard::TcpMalformed);
        };
        if header.src_port == 0 || header.dst_port == 0 {
            return self.give_up(frame, Discard::TcpPortZero);
        }
        if header.flags.is_impossible() {
            return self.give_up(frame, Discard::TcpFlags);
        }
        let flow = FlowKey {
            local: Endpoint { addr: delivery.dst, port: header.dst_port },
            remote: Endpoint { addr: delivery.src, port: header.src_port },
        };
        // A host may talk to itself, but never from an endpoint to the same endpoint: that is the land attack.
        if flow.local == flow.remote {
            return self.give_up(frame, Discard::TcpLand);
        }
        self.counters.segments_received += 1;
        frame.trim_front(header_len);
        self.demultiplex(Arrived { flow, header: &header, payload: frame, station })
    }
}
