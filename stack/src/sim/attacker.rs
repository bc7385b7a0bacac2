//! A SYN flood from spoofed sources, on-link and off-link, at a steady rate for a bounded time.

use super::node::{Node, Outbox};
use crate::base::{Instant, Rng, Secrets};
use crate::buffer::Buf;
use crate::wire::{
    Addr, EtherType, EthernetHeader, IpProtocol, Ipv4Header, Mac, SeqNum, TcpFlags, TcpHeader, TcpOptions,
    Timestamps, tcp_view,
};
use core::any::Any;
use core::time::Duration;
use std::net::Ipv4Addr;

/// Where the spoofed sources lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spoof {
    /// A network whose every host is used as a source.
    pub network: Ipv4Addr,
    /// Its prefix length.
    pub prefix_len: u8,
    /// The station that the frames claim to come from: a router for off-link sources.
    pub station: Mac,
}

/// A flood of SYNs to one endpoint.
#[derive(Debug)]
pub struct SynFlood {
    mac: Mac,
    target: (Ipv4Addr, Mac),
    ports: Vec<u16>,
    spoofs: Vec<Spoof>,
    period: Duration,
    next: Option<Instant>,
    until: Instant,
    rng: Rng,
    /// SYNs sent.
    pub sent: u64,
    /// Frames that came back to the attacker's own station.
    pub answers: u64,
}

/// SYNs sent at one wake-up at most, so that the rate stays even.
const BURST: Duration = Duration::from_micros(100);

impl SynFlood {
    /// A flood of `rate` SYNs a second from `from` to `until`, to `ports` of the host `target`.
    pub fn new(mac: Mac, target: (Ipv4Addr, Mac), ports: Vec<u16>, spoofs: Vec<Spoof>, seed: u64) -> Self {
        Self {
            mac,
            target,
            ports,
            spoofs,
            period: Duration::from_secs(1),
            next: None,
            until: Instant::ZERO,
            rng: Secrets::from_test_seed(seed).rng("syn-flood"),
            sent: 0,
            answers: 0,
        }
    }

    /// At `rate` SYNs a second, from `from` until `until`; a rate of 0 sends nothing.
    #[must_use]
    pub fn rate(mut self, rate: u64, from: Instant, until: Instant) -> Self {
        if rate > 0 {
            self.period = Duration::from_nanos(1_000_000_000 / rate.min(1_000_000_000));
            self.next = Some(from);
            self.until = until;
        }
        self
    }

    fn syn(&mut self) -> Option<Buf> {
        let spoof = *self.spoofs.get(self.rng.below(self.spoofs.len() as u64) as usize)?;
        let port = *self.ports.get(self.rng.below(self.ports.len() as u64) as usize)?;
        let host_bits = 32 - u32::from(spoof.prefix_len.min(30));
        // Neither the network's own address nor its broadcast address.
        let host = 1 + self.rng.below((1u64 << host_bits) - 2) as u32;
        let mut source = Ipv4Addr::from(u32::from(spoof.network) | host);
        if source == self.target.0 {
            source = Ipv4Addr::from(u32::from(source) ^ 1);
        }
        let header = TcpHeader {
            src_port: 1024 + self.rng.below(64_512) as u16,
            dst_port: port,
            seq: SeqNum(self.rng.next_u32()),
            flags: TcpFlags::SYN,
            window: 64_240,
            options: TcpOptions {
                mss: Some(1460),
                window_scale: Some(7),
                sack_permitted: true,
                timestamps: Some(Timestamps { value: self.rng.next_u32(), echo: 0 }),
                ..TcpOptions::default()
            },
            ..TcpHeader::default()
        };
        let mut frame = Buf::new(192, 96);
        let length = header.header_len();
        let place = frame.extend(length)?;
        header.write(place);
        tcp_view::store_checksum(place, Addr::v4(source), Addr::v4(self.target.0), 0, 0);
        let place = frame.prepend(Ipv4Header::LEN)?;
        Ipv4Header::atomic(source, self.target.0, IpProtocol::TCP, 64, length as u16).write(place);
        let place = frame.prepend(EthernetHeader::LEN)?;
        EthernetHeader { dst: self.target.1, src: spoof.station, ether_type: EtherType::IPV4 }.write(place);
        Some(frame)
    }
}

impl Node for SynFlood {
    fn mac(&self) -> Mac {
        self.mac
    }

    fn start(&mut self, _: Instant, _: &mut Outbox) {}

    fn receive(&mut self, _: Instant, frames: &mut dyn Iterator<Item = Buf>, _: &mut Outbox) {
        self.answers += frames.count() as u64;
    }

    fn wake(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(next) = self.next.filter(|next| *next <= now) {
            if next >= self.until {
                self.next = None;
                return;
            }
            if let Some(frame) = self.syn() {
                self.sent += 1;
                out.send(frame);
            }
            self.next = Some(next + self.period);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        // A few at a time: an event for each SYN would cost more than the SYN.
        self.next.map(|next| next + BURST.min(self.period * 8))
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
