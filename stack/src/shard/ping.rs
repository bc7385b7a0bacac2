//! Echo requests of our own: bounded in number, each with its deadline.

use super::events::{Event, PingError, Pong};
use super::transmit::Via;
use super::{Shard, Token};
use crate::base::Instant;
use crate::ip::{IcmpErrorKind, Resolution};
use crate::sync::ReplySender;
use crate::tcp::ConnectError;
use crate::wire::{Addr, IpProtocol, Ipv4Header, checksum};
use core::time::Duration;
use std::collections::VecDeque;

/// Where a socket's application waits for the end of its request.
type PingReply = ReplySender<Result<Pong, PingError>>;

/// Bytes of an echo message before its payload (RFC 792).
const ECHO_HEADER: usize = 8;
/// Most echo requests that wait at once.
const LIMIT: usize = 256;

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
    /// Who waits for the end; `None`: an application that drives the shard by hand.
    reply: Option<PingReply>,
}

/// The requests that wait for their reply.
#[derive(Default)]
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
        self.start_ping(Addr::from(to), identifier, sequence, bytes, timeout)
    }

    /// Sends an echo request of a socket's application.
    pub(crate) fn ping_for(
        &mut self,
        to: std::net::IpAddr,
        bytes: usize,
        timeout: Duration,
    ) -> Result<(), PingError> {
        // Random, so that a stranger cannot forge the reply.
        let token = self.rng.next_u32();
        let (identifier, sequence) = ((token >> 16) as u16, token as u16);
        self.start_ping(Addr::from(to), identifier, sequence, bytes, timeout)
    }

    /// What comes of the ping that [`Shard::ping_for`] has just started goes to `reply`, and why none started, too.
    pub(crate) fn ping_started(&mut self, reply: PingReply, started: Result<(), PingError>) {
        match (started, self.pings.untimed().waiting.back_mut()) {
            (Ok(()), Some(ping)) => ping.reply = Some(reply),
            (Ok(()), None) => {}
            (Err(error), _) => reply.send(Err(error), &mut self.wakes),
        }
    }

    fn start_ping(
        &mut self,
        to: Addr,
        identifier: u16,
        sequence: u16,
        bytes: usize,
        timeout: Duration,
    ) -> Result<(), PingError> {
        let way = self.way_of_ping(to)?;
        let number = self.pings.next;
        if let Via::Pending(id) = way {
            if self.neighbors.wait(id, Token::Ping(number).pack()).is_err() {
                return Err(PingError::TooMany(LIMIT));
            }
        }
        self.pings.next = (number + 1) & (u32::MAX >> 1);
        let bytes = bytes.min(usize::from(u16::MAX) - Ipv4Header::LEN - ECHO_HEADER);
        let deadline = self.now + timeout;
        let ping =
            Ping { number, to, identifier, sequence, bytes, sent: None, deadline, timeout, reply: None };
        self.pings.waiting.push_back(ping);
        match way {
            Via::Loop | Via::Station(_) => self.send_ping(number, way),
            Via::Pending(_) => {}
        }
        Ok(())
    }

    /// How an echo request to `to` goes out.
    fn way_of_ping(&mut self, to: Addr) -> Result<Via, PingError> {
        if self.pings.waiting.len() >= LIMIT {
            return Err(PingError::TooMany(LIMIT));
        }
        self.interface.check_remote(to).map_err(|_| PingError::NotUnicast(to))?;
        if self.interface.is_ours(to) {
            return Ok(Via::Loop);
        }
        let hop = self.routes.lookup(to).ok_or(PingError::NoRoute(to))?;
        match self.neighbor(hop.next_hop) {
            Resolution::Ready { mac, .. } => Ok(Via::Station(mac)),
            Resolution::Pending(id) => Ok(Via::Pending(id)),
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
        let (to, identifier, sequence, bytes) = (ping.to, ping.identifier, ping.sequence, ping.bytes);
        let source = match via {
            Via::Loop => to,
            Via::Station(_) | Via::Pending(_) => match self.routes.lookup(to) {
                Some(hop) => hop.source,
                None => return,
            },
        };
        let (Some(source), Some(destination)) = (source.to_v4(), to.to_v4()) else { return };
        let length = ECHO_HEADER + bytes;
        let mut frame = self.pool.take(length);
        if let Some(place) = frame.extend(length) {
            for (i, byte) in place.iter_mut().enumerate() {
                *byte = i as u8;
            }
            write_echo_request(place, identifier, sequence);
        }
        if let Some(place) = frame.prepend(Ipv4Header::LEN) {
            Ipv4Header::atomic(source, destination, IpProtocol::ICMP, self.settings.ip.ttl, length as u16)
                .write(place);
        }
        self.emit_in_fragments(frame, via);
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
        self.end_ping(ping, Err(told));
    }

    /// Tells whoever waits.
    fn end_ping(&mut self, ping: Ping, result: Result<Pong, PingError>) {
        match (ping.reply, result) {
            (Some(reply), result) => reply.send(result, &mut self.wakes),
            (None, Ok(pong)) => self.report(Event::Pong(pong)),
            (None, Err(error)) => self.report(Event::PingFailed(ping.to, ping.sequence, error)),
        }
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
        self.end_ping(ping, Ok(Pong { from, sequence, round_trip, bytes, ttl }));
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
        let Some(ping) = self.pings.waiting.remove(at) else { return false };
        self.end_ping(ping, Err(PingError::Unreachable { from, what }));
        true
    }

    pub(crate) fn expire_pings(&mut self) {
        while let Some(at) = self.pings.waiting.iter().position(|ping| ping.deadline <= self.now) {
            let Some(ping) = self.pings.waiting.remove(at) else { return };
            let error = PingError::TimedOut(ping.timeout);
            self.end_ping(ping, Err(error));
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
