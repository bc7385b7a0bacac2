//! Echo requests of our own: bounded in number, each with its deadline.

use super::events::{Event, PingError, Pong};
use super::transmit::Via;
use super::{Shard, Token};
use crate::base::Instant;
use crate::ip::{IcmpErrorKind, Resolution};
use crate::tcp::ConnectError;
use crate::wire::{Addr, IpProtocol, Ipv4Header, checksum};
use core::time::Duration;
use std::collections::VecDeque;

/// Bytes of an echo message before its payload (RFC 792).
const ECHO_HEADER: usize = 8;
/// Most echo requests that wait at once.
const LIMIT: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Ping {
    number: u32,
    to: Addr,
    identifier: u16,
    sequence: u16,
    bytes: usize,
    /// When it left; `None` while its neighbour is being resolved.
    sent: Option<Instant>,
    deadline: Instant,
    timeout: Duration,
}

/// The requests that wait for their reply.
#[derive(Debug, Default)]
pub(crate) struct Pings {
    waiting: VecDeque<Ping>,
    next: u32,
}

impl Pings {
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.waiting.iter().map(|ping| ping.deadline).min()
    }
}

impl Shard {
    /// Sends an echo request with `bytes` of payload. Its end is [`Event::Pong`] or [`Event::PingFailed`] within
    /// `timeout`.
    ///
    /// # Errors
    /// What is known at once: not a unicast address, no route, too many requests.
    pub fn ping(
        &mut self,
        to: std::net::IpAddr,
        identifier: u16,
        sequence: u16,
        bytes: usize,
        timeout: Duration,
    ) -> Result<(), PingError> {
        let to = Addr::from(to);
        if self.pings.waiting.len() >= LIMIT {
            return Err(PingError::TooMany(LIMIT));
        }
        self.interface.check_remote(to).map_err(|_| PingError::NotUnicast(to))?;
        let bytes = bytes.min(self.capabilities.mtu.saturating_sub(Ipv4Header::LEN + ECHO_HEADER));
        let number = self.pings.next;
        self.pings.next = (number + 1) & (u32::MAX >> 1);
        let deadline = self.now + timeout;
        let ping = Ping { number, to, identifier, sequence, bytes, sent: None, deadline, timeout };
        if self.interface.is_ours(to) {
            self.pings.waiting.push_back(ping);
            self.send_ping(number, Via::Loop);
            return Ok(());
        }
        let hop = self.routes.lookup(to).ok_or(PingError::NoRoute(to))?;
        match self.neighbors.resolve(self.now, hop.next_hop) {
            Resolution::Ready { mac, .. } => {
                self.pings.waiting.push_back(ping);
                self.send_ping(number, Via::Station(mac));
                Ok(())
            }
            Resolution::Pending(id) => {
                self.neighbors.wait(id, Token::Ping(number).pack()).map_err(|_| PingError::TooMany(LIMIT))?;
                self.pings.waiting.push_back(ping);
                Ok(())
            }
            Resolution::Failed(failure) => Err(PingError::NeighborSilent {
                addr: hop.next_hop,
                requests: failure.requests,
                over: failure.over,
            }),
            Resolution::Full => Err(PingError::TooMany(self.settings.limits.neighbors_unresolved as usize)),
        }
    }

    fn send_ping(&mut self, number: u32, via: Via) {
        let now = self.now;
        let Some(ping) = self.pings.waiting.iter_mut().find(|ping| ping.number == number) else { return };
        ping.sent = Some(now);
        let ping = *ping;
        let source = match via {
            Via::Loop => ping.to,
            Via::Station(_) | Via::Pending(_) => match self.routes.lookup(ping.to) {
                Some(hop) => hop.source,
                None => return,
            },
        };
        let (Some(source), Some(destination)) = (source.to_v4(), ping.to.to_v4()) else { return };
        let length = ECHO_HEADER + ping.bytes;
        let mut frame = self.pool.take(length);
        if let Some(place) = frame.extend(length) {
            for (i, byte) in place.iter_mut().enumerate() {
                *byte = i as u8;
            }
            write_echo_request(place, ping.identifier, ping.sequence);
        }
        if let Some(place) = frame.prepend(Ipv4Header::LEN) {
            Ipv4Header::atomic(source, destination, IpProtocol::ICMP, self.settings.ip.ttl, length as u16)
                .write(place);
        }
        self.emit(frame, via);
    }

    pub(crate) fn ping_resolved(&mut self, number: u32) {
        let Some(to) = self.pings.waiting.iter().find(|ping| ping.number == number).map(|ping| ping.to)
        else {
            return;
        };
        if let Some((via, _)) = self.resolve(to) {
            self.send_ping(number, via);
        }
    }

    pub(crate) fn ping_neighbor_failed(&mut self, number: u32, error: &ConnectError) {
        let Some(at) = self.pings.waiting.iter().position(|ping| ping.number == number) else { return };
        let Some(ping) = self.pings.waiting.remove(at) else { return };
        let told = match error {
            ConnectError::NeighborSilent { neighbor, requests, over } => {
                PingError::NeighborSilent { addr: *neighbor, requests: *requests, over: *over }
            }
            _ => PingError::TimedOut(ping.timeout),
        };
        self.report(Event::PingFailed(ping.to, ping.sequence, told));
    }

    /// An echo reply arrived; whether it was ours.
    pub(crate) fn pong(&mut self, from: Addr, identifier: u16, sequence: u16, bytes: usize, ttl: u8) -> bool {
        let is_it = |ping: &Ping| {
            ping.to == from
                && ping.identifier == identifier
                && ping.sequence == sequence
                && ping.sent.is_some()
        };
        let Some(at) = self.pings.waiting.iter().position(is_it) else { return false };
        let Some(ping) = self.pings.waiting.remove(at) else { return false };
        let round_trip = self.now.since(ping.sent.unwrap_or(self.now));
        self.report(Event::Pong(Pong { from, sequence, round_trip, bytes, ttl }));
        true
    }

    /// A router says that an echo request of ours cannot be delivered; whether it was ours.
    pub(crate) fn ping_unreachable(
        &mut self,
        from: Addr,
        to: Addr,
        identifier: u16,
        sequence: u16,
        what: IcmpErrorKind,
    ) -> bool {
        let is_it = |ping: &Ping| ping.to == to && ping.identifier == identifier && ping.sequence == sequence;
        let Some(at) = self.pings.waiting.iter().position(is_it) else { return false };
        self.pings.waiting.remove(at);
        self.report(Event::PingFailed(to, sequence, PingError::Unreachable { from, what }));
        true
    }

    pub(crate) fn expire_pings(&mut self) {
        while let Some(at) = self.pings.waiting.iter().position(|ping| ping.deadline <= self.now) {
            let Some(ping) = self.pings.waiting.remove(at) else { return };
            self.report(Event::PingFailed(ping.to, ping.sequence, PingError::TimedOut(ping.timeout)));
        }
    }
}

fn write_echo_request(message: &mut [u8], identifier: u16, sequence: u16) {
    let Some(header) = message.first_chunk_mut::<ECHO_HEADER>() else { return };
    let ([i, d], [s, q]) = (identifier.to_be_bytes(), sequence.to_be_bytes());
    *header = [8, 0, 0, 0, i, d, s, q];
    let value = checksum::finish(checksum::sum(message));
    message[2..4].copy_from_slice(&value.to_be_bytes());
}
