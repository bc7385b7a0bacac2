//! The second step of a turn: everything whose time has come. Bounded by `limits.timer_budget`.

use super::connect::neighbor_silent;
use super::table::Entry;
use super::turn::planted;
use super::{Defect, Shard, Step, Token};
use crate::admission::{Due, Removed};
use crate::base::Id;
use crate::ip::NeighborAction;
use crate::tcp::{Context, TcpState};
use crate::telemetry::Discard;
use crate::wire::{Addr, ArpOperation, ArpPacket, EtherType, EthernetHeader, Mac};

impl Shard {
    /// Whether more is due than the budget allowed.
    pub(crate) fn expire(&mut self) -> bool {
        let mut budget = self.settings.limits.timer_budget;
        if self.defect == Some(Defect::Panic(Step::Expire)) {
            planted();
        }
        // Most turns find nothing due in any part.
        if self.is_a_part_touched() {
            self.refresh_parts();
        }
        let parts = self.now >= self.parts_due_at;
        if parts {
            self.expire_first_parts(&mut budget);
        }
        self.expire_connections(&mut budget);
        if parts {
            self.expire_other_parts(&mut budget);
        }
        budget == 0
    }

    fn expire_first_parts(&mut self, budget: &mut u32) {
        if self.neighbors.is_due(self.now) {
            self.expire_neighbors(budget);
        }
        if self.admission.is_due(self.now) {
            self.expire_half_open(budget);
        }
    }

    fn expire_other_parts(&mut self, budget: &mut u32) {
        let now = self.now;
        if self.time_wait.is_due(now) {
            self.expire_time_wait();
        }
        if self.pings.is_due(now) {
            self.expire_pings();
        }
        if self.path_mtus.is_due(now) {
            self.path_mtus.expire(now);
        }
        if self.routes.is_due(now) {
            self.routes.expire(now);
        }
        if self.reassembly.is_due(now) {
            self.expire_fragments(budget);
        }
    }

    fn expire_connections(&mut self, budget: &mut u32) {
        while let Some(index) = self.next_timer(budget) {
            let Some(slot) = self.connections.at_mut(index) else { continue };
            let mut context = Context {
                now: self.now,
                settings: &self.settings.tcp,
                pool: &mut self.pool,
                memory_low: self.memory_low,
            };
            let outcome = slot.connection.on_timer(&mut context);
            self.settle(index, &outcome);
        }
    }

    fn expire_neighbors(&mut self, budget: &mut u32) {
        while *budget > 0 {
            let Some(action) = self.neighbors.poll(self.now) else { return };
            *budget -= 1;
            match action {
                NeighborAction::SendRequest { addr, unicast } => {
                    self.ask_for(addr, unicast.unwrap_or(Mac::BROADCAST))
                }
                NeighborAction::Announce { addr } => {
                    let packet = self.arp_request(addr, addr);
                    self.send_arp_packet(packet, Mac::BROADCAST);
                }
                NeighborAction::Resolved { id, addr: _, mac, held } => {
                    if let Some(frame) = held {
                        self.send_held(frame, mac);
                    }
                    // `poll` gives the same neighbour again until all its waiters are told: a budget may end in between.
                    // One at least, or a budget of one would never come to the second.
                    while let Some(token) = self.neighbors.next_waiter(id) {
                        self.neighbor_resolved(Token::unpack(token), id);
                        if *budget == 0 {
                            break;
                        }
                        *budget -= 1;
                    }
                }
                NeighborAction::Failed { id, addr, failure, held } => {
                    if self.defect == Some(Defect::StuckTurn) {
                        loop {
                            core::hint::spin_loop();
                        }
                    }
                    if let Some(frame) = held {
                        self.discards.count(Discard::NeighborUnreachable);
                        self.pool.put(frame);
                    }
                    while let Some(token) = self.neighbors.next_waiter(id) {
                        self.neighbor_failed(Token::unpack(token), neighbor_silent(addr, &failure));
                        if *budget == 0 {
                            break;
                        }
                        *budget -= 1;
                    }
                }
            }
        }
    }

    fn neighbor_resolved(&mut self, token: Token, neighbor: crate::ip::NeighborId) {
        match token {
            Token::Connection(id) => {
                let Some(index) = self.waiter(id) else { return };
                if let Some(slot) = self.connections.at_mut(index) {
                    slot.hop = Some(neighbor);
                }
                self.start_handshake(index);
            }
            Token::Ping(index) => self.ping_resolved(index),
        }
    }

    /// The place of the connection that a token names, while it still waits. A token drops a bit of the generation, so that
    /// what it is compared with has to drop it too.
    fn waiter(&self, id: Id) -> Option<u32> {
        let same = self.connections.id_at(id.index).map(Token::Connection).map(Token::pack)
            == Some(Token::Connection(id).pack());
        self.connections.at(id.index).filter(|slot| same && slot.waits_for_neighbor).map(|_| id.index)
    }

    fn neighbor_failed(&mut self, token: Token, error: crate::tcp::ConnectError) {
        match token {
            Token::Connection(id) => {
                let Some(index) = self.waiter(id) else { return };
                let Some(slot) = self.connections.at_mut(index) else { return };
                slot.waits_for_neighbor = false;
                match slot.connection.state() {
                    TcpState::SynSent => self.fail_connect(index, error),
                    // RFC 1122, Section 4.2.3.9: it never ends what is established; retransmission goes on and has its own end.
                    _ => self.unroutable(index),
                }
            }
            Token::Ping(index) => self.ping_neighbor_failed(index, &error),
        }
    }

    fn expire_half_open(&mut self, budget: &mut u32) {
        while *budget > 0 {
            let Some(due) = self.admission.poll(self.now) else { break };
            *budget -= 1;
            match due {
                Due::Retransmit(reply) => {
                    let listener = self.listeners.find(reply.flow.local);
                    let owner = listener.and_then(|id| self.listeners.get(id));
                    let chosen = owner.map(|owner| owner.options.packet_options()).unwrap_or_default();
                    let window =
                        owner.map_or(u16::MAX, |owner| owner.options.announced_window(&self.settings.tcp));
                    self.send_reply(&reply, chosen, window);
                }
                Due::Expired { id, flow, listener, reset } => {
                    self.forget_half_open(&Removed { id, flow, listener }, Discard::SynTimeout);
                    if let Some(reply) = reset {
                        self.send_bare(&reply.flow, &reply.header, reply.reply_mac);
                    }
                }
            }
        }
    }

    fn expire_time_wait(&mut self) {
        for _ in 0..self.settings.limits.timer_budget {
            let Some((index, flow)) = self.time_wait.poll_expired(self.now) else { return };
            self.table.remove(self.table.hash(&flow), Entry::TimeWait(index));
        }
    }

    /// Asks for the link-layer address of a neighbour.
    fn ask_for(&mut self, addr: Addr, station: Mac) {
        let source = self.interface.source_for(addr);
        let packet = source.and_then(|source| self.arp_request(source, addr));
        self.send_arp_packet(packet, station);
    }

    fn arp_request(&self, sender: Addr, target: Addr) -> Option<ArpPacket> {
        Some(ArpPacket {
            operation: ArpOperation::Request,
            sender_mac: self.capabilities.mac,
            sender_ip: sender.to_v4()?,
            target_mac: Mac::default(),
            target_ip: target.to_v4()?,
        })
    }

    fn send_arp_packet(&mut self, packet: Option<ArpPacket>, station: Mac) {
        if let Some(packet) = packet {
            self.send_arp(&packet, station);
        }
    }

    /// Sends an ARP packet to a station.
    pub(crate) fn send_arp(&mut self, packet: &ArpPacket, station: Mac) {
        let mut frame = self.pool.take(EthernetHeader::LEN + ArpPacket::LEN);
        if let Some(place) = frame.extend(ArpPacket::LEN) {
            packet.write(place);
        }
        if let Some(place) = frame.prepend(EthernetHeader::LEN) {
            EthernetHeader { dst: station, src: self.capabilities.mac, ether_type: EtherType::ARP }
                .write(place);
        }
        self.queue_frame(frame);
    }

    /// Sends a frame that waited for its neighbour.
    fn send_held(&mut self, mut frame: crate::buffer::Buf, mac: Mac) {
        if let Some(place) = frame.data_mut().get_mut(..6) {
            place.copy_from_slice(&mac.0);
        }
        self.queue_frame(frame);
    }
}
