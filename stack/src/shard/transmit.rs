//! The last step of a turn: segments become frames, and frames go to the device. Bounded by frames.

use super::{Shard, Token, train};
use crate::admission::Reply;
use crate::buffer::{Buf, Checksum, Device, Offload};
use crate::ip::Resolution;
use crate::tcp::{Context, Outgoing, PacketOptions};
use crate::telemetry::Discard;
use crate::wire::{
    Addr, EtherType, EthernetHeader, FlowKey, IpProtocol, Ipv4Header, Ipv4View, Mac, TcpHeader, checksum,
    tcp_view,
};
use std::io;

/// Where a frame goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Via {
    /// To a station that is known.
    Station(Mac),
    /// To a neighbour that is being resolved.
    Pending(crate::ip::NeighborId),
    /// To ourselves.
    Loop,
}

impl Shard {
    /// Lets ready connections send, then gives the frames to the device.
    pub(crate) fn transmit<D: Device>(&mut self, device: &mut D) -> io::Result<()> {
        if !self.ready.is_empty() {
            self.send_ready();
        }
        device.transmit(&mut self.queues.transmit, &mut self.pool)
    }

    fn send_ready(&mut self) {
        let budget = self.settings.limits.transmit_budget as usize;
        let room = (self.settings.limits.transmit_queue as usize).saturating_sub(self.queues.transmit.len());
        let mut left = budget.min(room);
        // Each ready connection sends a share, so that one with much to send cannot hold up the others.
        let share = match self.ready.len() {
            0 | 1 => left,
            ready => (left / ready).max(4),
        };
        while left > 0 {
            let Some(index) = self.ready.pop_front() else { break };
            let sent = self.send_from(index, share.min(left));
            // What comes next is often the answer.
            self.last = index;
            left = left.saturating_sub(sent.max(1));
        }
    }

    /// Lets a connection that has ended send what it still owes, a bounded number of segments.
    pub(crate) fn send_last(&mut self, index: u32) {
        const MOST: usize = 4;
        self.send_from(index, MOST);
    }

    /// Puts up to `most` segments of one connection into the transmit queue; it stays ready where it has more.
    pub(crate) fn send_from(&mut self, index: u32, most: usize) -> usize {
        let Some(slot) = self.connections.at_mut(index) else { return 0 };
        slot.queued = false;
        let (flow, hop) = (*slot.connection.flow(), slot.hop);
        let PacketOptions { traffic_class, ttl, may_fragment } = slot.connection.packet_options();
        let Some(via) = self.via(flow.remote.addr, hop, index) else {
            self.unroutable(index);
            return 0;
        };
        if let Via::Pending(neighbor) = via {
            // One that has ended has nothing left to wait with: its last segment is held.
            if self.connections.at(index).is_some_and(|slot| slot.in_table) {
                return self.wait_to_send(index, neighbor);
            }
        }
        // RFC 1191, Section 3: DF, unless paths are not discovered or this one takes too little.
        let ttl = ttl.unwrap_or(self.settings.ip.ttl);
        let whole = !may_fragment && self.path_mtus.dont_fragment(self.now, flow.remote.addr);
        let mut sent = 0;
        let mut outgoing = Outgoing::default();
        while sent < most {
            let Some(slot) = self.connections.at_mut(index) else { break };
            let mut context = Context {
                now: self.now,
                settings: &self.settings.tcp,
                pool: &mut self.pool,
                memory_low: self.memory_low,
            };
            let super_segment = match (self.capabilities.segmentation, via) {
                // Cut here, as far as the budget goes. A packet that routers may cut needs an identification of its own.
                (0, Via::Station(_)) if whole && traffic_class == 0 => {
                    slot.connection.segment_size() * (most - sent).min(train::SEGMENTS)
                }
                (0, _) => 0,
                (most, _) => most.saturating_sub(120),
            };
            if !slot.connection.poll_transmit_into(&mut context, super_segment, &mut outgoing) {
                self.arm(index);
                return sent;
            }
            if let (0, 1.., Via::Station(mac)) = (self.capabilities.segmentation, outgoing.segment_size, via)
            {
                sent += self.send_train(index, &flow, &outgoing, mac, ttl).max(1);
                continue;
            }
            // What gets another IP header below is written once more.
            let share = whole && traffic_class == 0;
            let mut frame = segment_frame(
                slot.connection.payload(&mut self.pool, &outgoing, share),
                &flow,
                &outgoing.header,
                outgoing.len,
                self.capabilities.checksum_offload,
                outgoing.segment_size,
                ttl,
            );
            // Most have one segment to send; behind a super-segment the connection is asked once more.
            let quiet = outgoing.segment_size == 0 && !slot.connection.may_transmit();
            if traffic_class != 0 {
                mark(&mut frame, traffic_class);
            }
            if !whole {
                let identification = self.identifications.next(flow.local.addr, flow.remote.addr);
                let_be_cut(&mut frame, identification);
            }
            self.counters.segments_sent += 1;
            self.emit(frame, via);
            sent += 1;
            if quiet {
                self.arm(index);
                return sent;
            }
        }
        self.touch(index);
        sent
    }

    /// The neighbour is being asked for and holds one packet (RFC 1122, Section 2.3.2.2): the connection waits with its
    /// segments, or all but one of a window's worth would be lost.
    #[cold]
    fn wait_to_send(&mut self, index: u32, neighbor: crate::ip::NeighborId) -> usize {
        let token = self.connections.id_at(index).map(|id| Token::Connection(id).pack());
        let waits = token.is_some_and(|token| self.neighbors.wait(neighbor, token).is_ok());
        match self.connections.at_mut(index) {
            Some(slot) if waits => slot.waits_for_neighbor = true,
            Some(_) | None => self.unroutable(index),
        }
        0
    }

    /// How frames to `remote` go out; remembers the neighbour in the connection at `index`.
    fn via(&mut self, remote: Addr, hop: Option<crate::ip::NeighborId>, index: u32) -> Option<Via> {
        if let Some(mac) = hop.and_then(|id| self.neighbors.untimed().mac(self.now, id)) {
            return Some(Via::Station(mac));
        }
        let (via, id) = self.resolve(remote)?;
        if let Some(slot) = self.connections.at_mut(index) {
            slot.hop = id;
        }
        Some(via)
    }

    /// How frames to `remote` go out now, by routes and neighbours.
    pub(crate) fn resolve(&mut self, remote: Addr) -> Option<(Via, Option<crate::ip::NeighborId>)> {
        if self.interface.is_ours(remote) {
            return Some((Via::Loop, None));
        }
        let hop = self.routes.lookup(remote)?;
        match self.neighbor(hop.next_hop) {
            Resolution::Ready { id, mac } => Some((Via::Station(mac), Some(id))),
            Resolution::Pending(id) => Some((Via::Pending(id), Some(id))),
            Resolution::Failed(_) | Resolution::Full => None,
        }
    }

    /// A connection had something to send and nowhere to send it: the segments count as sent and lost, so that its own
    /// retransmission goes on and ends within its own bound.
    pub(crate) fn unroutable(&mut self, index: u32) {
        while let Some(slot) = self.connections.at_mut(index) {
            let mut context = Context {
                now: self.now,
                settings: &self.settings.tcp,
                pool: &mut self.pool,
                memory_low: self.memory_low,
            };
            let Some(_) = slot.connection.poll_transmit(&mut context, 0) else { break };
            self.discards.count(Discard::NeighborUnreachable);
        }
        self.arm(index);
    }

    /// Puts a frame that starts at the IP header on its way.
    pub(crate) fn emit(&mut self, mut frame: Buf, via: Via) {
        let (mac, own) = match via {
            Via::Station(mac) => (mac, self.capabilities.mac),
            Via::Loop => (self.capabilities.mac, self.capabilities.mac),
            Via::Pending(_) => (Mac::default(), self.capabilities.mac),
        };
        let Some(header) = frame.prepend(EthernetHeader::LEN) else {
            self.pool.put(frame);
            return;
        };
        EthernetHeader { dst: mac, src: own, ether_type: EtherType::IPV4 }.write(header);
        if let Checksum::Partial { start, offset } = frame.offload().checksum {
            let start = start + EthernetHeader::LEN as u16;
            let segment_size = frame.offload().segment_size;
            frame.set_offload(Offload { checksum: Checksum::Partial { start, offset }, segment_size });
        }
        match via {
            Via::Station(_) => self.queue_frame(frame),
            Via::Loop if self.queues.looped.len() >= self.settings.limits.transmit_queue as usize => {
                self.discards.count(Discard::LoopQueueFull);
                self.pool.put(frame);
            }
            Via::Loop => {
                frame.set_offload(Offload { checksum: Checksum::Verified, ..frame.offload() });
                self.queues.looped.push_back(frame);
            }
            Via::Pending(id) => {
                if let Some(replaced) = self.neighbors.hold(id, frame) {
                    self.discards.count(Discard::NeighborPending);
                    self.pool.put(replaced);
                }
            }
        }
    }

    /// Appends a complete frame for the device.
    pub(crate) fn queue_frame(&mut self, frame: Buf) {
        // Answers to peers share the queue with connections; twice its length is the bound for both together.
        if self.queues.transmit.len() >= 2 * self.settings.limits.transmit_queue as usize {
            self.discards.count(Discard::TransmitQueueFull);
            self.pool.put(frame);
            return;
        }
        self.counters.frames_sent += 1;
        self.queues.transmit.push_back(frame);
    }

    /// Sends a segment that belongs to no connection (RST, SYN-ACK) back to the station that its cause came from, so that
    /// an unproven peer gets no neighbour entry.
    pub(crate) fn send_bare(&mut self, flow: &FlowKey, header: &TcpHeader, station: Mac) {
        self.send_answer(flow, header, station, PacketOptions::default());
    }

    /// As [`Shard::send_bare`], with what the application chose for the packets of its listener.
    pub(crate) fn send_answer(
        &mut self,
        flow: &FlowKey,
        header: &TcpHeader,
        station: Mac,
        chosen: PacketOptions,
    ) {
        let via = if self.interface.is_ours(flow.remote.addr) { Via::Loop } else { Via::Station(station) };
        self.send_bare_via(flow, header, via, chosen);
    }

    /// Sends an answer of admission, which knows the window of the settings alone: in a SYN-ACK the listener's own choice,
    /// `window`, counts where it is less.
    pub(crate) fn send_reply(&mut self, reply: &Reply, chosen: PacketOptions, window: u16) {
        let mut header = reply.header;
        if header.flags.syn() {
            header.window = header.window.min(window);
        }
        self.send_answer(&reply.flow, &header, reply.reply_mac, chosen);
    }

    /// Sends a segment without data on a known way.
    pub(crate) fn send_bare_via(
        &mut self,
        flow: &FlowKey,
        header: &TcpHeader,
        via: Via,
        chosen: PacketOptions,
    ) {
        let offload = self.capabilities.checksum_offload;
        let ttl = chosen.ttl.unwrap_or(self.settings.ip.ttl);
        let mut frame = segment_frame((self.pool.take(0), 0), flow, header, 0, offload, 0, ttl);
        if chosen.traffic_class != 0 {
            mark(&mut frame, chosen.traffic_class);
        }
        self.counters.segments_sent += 1;
        self.emit(frame, via);
    }
}

/// Makes the IPv4 packet in `frame` one that routers may cut: without DF and with an identification (RFC 6864, Section 4.2).
#[cold]
fn let_be_cut(frame: &mut Buf, identification: u16) {
    let Ok(view) = Ipv4View::parse(frame.data()) else { return };
    let header = Ipv4Header { dont_fragment: false, identification, ..view.header() };
    header.write(frame.data_mut());
}

/// Gives the IPv4 packet in `frame` its traffic class (RFC 2474, Section 3).
#[cold]
fn mark(frame: &mut Buf, traffic_class: u8) {
    let Ok(view) = Ipv4View::parse(frame.data()) else { return };
    let header = Ipv4Header { traffic_class, ..view.header() };
    header.write(frame.data_mut());
}

/// One TCP segment as an IPv4 packet, around a payload of `len` bytes in its frame with its partial checksum.
fn segment_frame(
    (mut frame, payload_sum): (Buf, u32),
    flow: &FlowKey,
    header: &TcpHeader,
    len: usize,
    offload: bool,
    segment_size: u16,
    ttl: u8,
) -> Buf {
    let header_len = header.header_len();
    let tcp_len = header_len + len;
    let pseudo =
        checksum::pseudo_header(flow.local.addr, flow.remote.addr, IpProtocol::TCP.0, tcp_len as u32);
    if let Some(place) = frame.prepend(header_len) {
        header.write(place);
        let value = if offload {
            // The device finishes it: the field holds the sum of the pseudo-header, not inverted.
            !checksum::finish(pseudo)
        } else {
            checksum::finish(checksum::combine(
                checksum::combine(pseudo, header.partial_sum(place)),
                payload_sum,
            ))
        };
        tcp_view::store_checksum_field(place, value);
    }
    let (Some(source), Some(destination)) = (flow.local.addr.to_v4(), flow.remote.addr.to_v4()) else {
        return frame;
    };
    if let Some(place) = frame.prepend(Ipv4Header::LEN) {
        Ipv4Header::atomic(source, destination, IpProtocol::TCP, ttl, tcp_len as u16).write(place);
    }
    let checksum = if offload {
        Checksum::Partial { start: Ipv4Header::LEN as u16, offset: tcp_view::CHECKSUM_OFFSET as u16 }
    } else {
        Checksum::Complete
    };
    frame.set_offload(Offload { checksum, segment_size });
    frame
}
