//! ICMP: echo answered, errors about our segments and pings passed on, the rest counted.

use super::Shard;
use super::receive::Fate;
use super::table::Entry;
use super::transmit::Via;
use crate::buffer::Buf;
use crate::ip::icmp::{self, Complaint, IcmpInput, Withheld};
use crate::ip::{Arrival, Delivery, IcmpErrorKind};
use crate::tcp::{Context, IcmpError, IcmpKind};
use crate::telemetry::{Discard, Taken};
use crate::wire::Mac;

impl Shard {
    pub(crate) fn receive_icmp(
        &mut self,
        frame: Buf,
        delivery: &Delivery,
        station: Mac,
        arrival: Arrival,
    ) -> Fate {
        let message = frame.data().get(delivery.payload.clone()).unwrap_or_default();
        let fate = match icmp::receive(&self.interface, &self.settings.ip, delivery, message) {
            IcmpInput::Echo(reply) => {
                if self.icmp_budget.take(self.now) {
                    let mut answer = self.pool.take(message.len() + 20);
                    let written = reply.write(&mut answer, self.settings.ip.ttl);
                    // The reply goes back the way the request came: a ping makes no neighbour entry.
                    let via = if arrival == Arrival::Loop { Via::Loop } else { Via::Station(station) };
                    if written {
                        self.counters.echoes_answered += 1;
                        self.emit_in_fragments(answer, via);
                        Ok(Taken::EchoAnswered)
                    } else {
                        self.pool.put(answer);
                        Err(Discard::MemoryFull)
                    }
                } else {
                    Err(Discard::IcmpLimited)
                }
            }
            IcmpInput::EchoReply { from, identifier, sequence, data } => {
                let ours = self.pong(from, identifier, sequence, data.len(), delivery.ttl);
                if ours { Ok(Taken::EchoReply) } else { Err(Discard::IcmpUnused) }
            }
            IcmpInput::Error(error) => self.icmp_error(&error).map(|()| Taken::IcmpError),
            IcmpInput::EchoError { kind, from, target, identifier, sequence } => {
                let ours = self.ping_unreachable(from, target, identifier, sequence, kind);
                if ours { Ok(Taken::IcmpError) } else { Err(Discard::IcmpNotOurs) }
            }
            IcmpInput::Redirect { from, destination, gateway } => self
                .routes
                .on_redirect(self.now, &self.interface, from, destination, gateway)
                .map(|()| Taken::IcmpRedirect),
            IcmpInput::Discard(reason) => Err(reason),
        };
        self.pool.put(frame);
        fate
    }

    /// An error about a segment of ours: only the connection that sent it can tell whether it is true (RFC 5927, Section 4).
    fn icmp_error(&mut self, error: &crate::ip::IcmpError) -> Result<(), Discard> {
        let hash = self.table.hash(&error.flow);
        match self.find(hash, &error.flow) {
            Some(Entry::Connection(index)) => self.icmp_for_connection(index, error),
            Some(Entry::HalfOpen(index)) => self.icmp_for_half_open(index, error),
            // The record waits for nothing that ICMP could tell.
            Some(Entry::TimeWait(_)) => Err(Discard::IcmpUnused),
            None => Err(Discard::IcmpNotOurs),
        }
    }

    fn icmp_for_connection(&mut self, index: u32, error: &crate::ip::IcmpError) -> Result<(), Discard> {
        let Some(kind) = self.kind_for_tcp(error) else { return Err(Discard::IcmpUnused) };
        let Some(slot) = self.connections.at_mut(index) else { return Err(Discard::IcmpNotOurs) };
        let mut context = Context {
            now: self.now,
            settings: &self.settings.tcp,
            pool: &mut self.pool,
            memory_low: self.memory_low,
        };
        let told = IcmpError { kind, from: error.from };
        let outcome = slot.connection.on_icmp(&mut context, &told, error.seq);
        let discard = outcome.discard;
        // RFC 5927, Section 7: the path MTU is believed only once the connection knew the quoted segment as its own.
        if let (None, Some(too_big)) = (discard, error.too_big) {
            let to = error.flow.remote.addr;
            let hop = self.routes.lookup(to);
            if let Some(path) = hop.and_then(|hop| self.path_mtus.on_too_big(self.now, to, &hop, too_big)) {
                slot.connection.on_path_mtu(&mut context, path.mtu.saturating_sub(40));
            }
        }
        self.settle(index, &outcome);
        discard.map_or(Ok(()), Err)
    }

    fn icmp_for_half_open(&mut self, index: u32, error: &crate::ip::IcmpError) -> Result<(), Discard> {
        let Some(id) = self.admission.id_at(index) else { return Err(Discard::IcmpNotOurs) };
        if self.admission.iss(id) != Some(error.seq) {
            return Err(Discard::IcmpSequence);
        }
        match error.kind {
            // A forged message must not cost a client its handshake: only the hard ones end it (RFC 1122, Section 4.2.3.9).
            IcmpErrorKind::Protocol | IcmpErrorKind::Port => {
                if let Some(removed) = self.admission.remove(self.now, id) {
                    self.forget_half_open(&removed, Discard::SynUnreachable);
                }
                Ok(())
            }
            IcmpErrorKind::Network
            | IcmpErrorKind::Host
            | IcmpErrorKind::FragmentationNeeded
            | IcmpErrorKind::SourceRouteFailed
            | IcmpErrorKind::Prohibited
            | IcmpErrorKind::HopLimit
            | IcmpErrorKind::ReassemblyTime
            | IcmpErrorKind::ParameterProblem => Err(Discard::IcmpUnused),
        }
    }

    fn kind_for_tcp(&self, error: &crate::ip::IcmpError) -> Option<IcmpKind> {
        Some(match error.kind {
            IcmpErrorKind::Network => IcmpKind::NetworkUnreachable,
            IcmpErrorKind::Host => IcmpKind::HostUnreachable,
            IcmpErrorKind::Protocol => IcmpKind::ProtocolUnreachable,
            IcmpErrorKind::Port => IcmpKind::PortUnreachable,
            IcmpErrorKind::FragmentationNeeded if !self.settings.ip.pmtu_discovery => return None,
            // The estimate is made only once the connection knew the segment: see `icmp_for_connection`.
            IcmpErrorKind::FragmentationNeeded => IcmpKind::PacketTooBig { mtu: 0 },
            IcmpErrorKind::SourceRouteFailed => IcmpKind::SourceRouteFailed,
            IcmpErrorKind::Prohibited => IcmpKind::Prohibited,
            IcmpErrorKind::HopLimit | IcmpErrorKind::ReassemblyTime => IcmpKind::TimeExceeded,
            IcmpErrorKind::ParameterProblem => IcmpKind::ParameterProblem,
        })
    }

    /// Tells the sender of `packet`, an IPv4 packet, what is wrong with it, where that is allowed.
    pub(crate) fn complain(&mut self, packet: &[u8], station: Mac, arrival: Arrival, complaint: Complaint) {
        let mut answer = self.pool.take(600);
        let ttl = self.settings.ip.ttl;
        let (budget, now) = (&mut self.icmp_budget, self.now);
        match icmp::generate(&mut answer, &self.interface, ttl, packet, arrival, complaint, || {
            budget.take(now)
        }) {
            Ok(_) => {
                let via = if arrival == Arrival::Loop { Via::Loop } else { Via::Station(station) };
                self.emit(answer, via);
            }
            // The packet itself is counted by its own reason; a withheld answer adds none.
            Err(Withheld::Never(_) | Withheld::Limited | Withheld::NoRoom) => self.pool.put(answer),
        }
    }
}
