//! Random packets with set shares of defects, as the IP stack integrity checker sends them: bad versions, options,
//! fragments, sums and lengths, over TCP, UDP, ICMP and protocols that nobody knows. One seed gives one sequence of frames.
//!
//! A part of them is aimed: at ports, and at [`Flow`]s whose numbers the attacker has seen or only guesses.

mod ip;
mod transport;

use crate::base::{Rng, Secrets};
use crate::wire::{EtherType, EthernetHeader, Mac, SeqNum};
use std::net::{Ipv4Addr, SocketAddrV4};

/// How many of the packets have what, each from 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Shares {
    /// Packets with TCP, UDP and ICMP; what is left of 1 has random protocols.
    pub tcp: f64,
    /// See `tcp`.
    pub udp: f64,
    /// See `tcp`.
    pub icmp: f64,
    /// A version other than 4.
    pub bad_version: f64,
    /// IP options, right ones and random ones.
    pub ip_options: f64,
    /// Fragments, first ones, later ones, overlapping ones and too long ones.
    pub fragments: f64,
    /// A wrong sum of the IP header.
    pub bad_ip_sum: f64,
    /// A wrong sum of TCP, UDP or ICMP.
    pub bad_sum: f64,
    /// Length fields that say something else than the frame.
    pub bad_length: f64,
    /// TCP options.
    pub tcp_options: f64,
    /// Frames that end before the packet does.
    pub cut: f64,
    /// Packets for a flow, where there are flows.
    pub aimed: f64,
    /// Frames to a group or to another station.
    pub astray: f64,
}

impl Default for Shares {
    /// A little of everything; about half of the packets are well-formed.
    fn default() -> Self {
        Self {
            tcp: 0.6,
            udp: 0.1,
            icmp: 0.2,
            bad_version: 0.03,
            ip_options: 0.1,
            fragments: 0.1,
            bad_ip_sum: 0.05,
            bad_sum: 0.1,
            bad_length: 0.05,
            tcp_options: 0.5,
            cut: 0.05,
            aimed: 0.5,
            astray: 0.02,
        }
    }
}

/// A TCP connection, or what was one, that packets are aimed at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flow {
    /// The endpoint of the host under test.
    pub target: SocketAddrV4,
    /// The endpoint that the packets claim to come from.
    pub source: SocketAddrV4,
    /// The station that they come from.
    pub station: Mac,
    /// The next number of the source and the next number of the target, where the attacker has seen them; otherwise every
    /// number is a guess.
    pub numbers: Option<(SeqNum, SeqNum)>,
}

/// What a packet of the generator carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carries {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP.
    Icmp,
    /// A random protocol.
    Other,
}

/// Bytes of noise that payloads are taken from.
const NOISE: usize = 8192;

/// The generator.
#[derive(Debug)]
pub struct Isic {
    rng: Rng,
    shares: Shares,
    target: (Ipv4Addr, Mac),
    ports: Vec<u16>,
    flows: Vec<Flow>,
    station: Mac,
    noise: Vec<u8>,
}

impl Isic {
    /// Packets for the host `target` from the station `station`. `ports` are the target's that packets prefer.
    pub fn new(target: (Ipv4Addr, Mac), station: Mac, ports: Vec<u16>, shares: Shares, seed: u64) -> Self {
        let mut rng = Secrets::from_test_seed(seed).rng("isic");
        let noise = (0..NOISE).map(|_| rng.next_u32() as u8).collect();
        Self { rng, shares, target, ports, flows: Vec::new(), station, noise }
    }

    /// Aims at these flows from now on.
    pub fn aim(&mut self, flows: impl IntoIterator<Item = Flow>) {
        self.flows.clear();
        self.flows.extend(flows);
    }

    /// Writes the next frame into `frame`, which is emptied first.
    pub fn next_frame(&mut self, frame: &mut Vec<u8>) -> Carries {
        let flow = match self.flows.len() as u64 {
            0 => None,
            flows => {
                let at = self.below(flows);
                self.rng.chance(self.shares.aimed).then(|| self.flows.get(at).copied()).flatten()
            }
        };
        let source = flow.map_or_else(|| self.source(), |flow| *flow.source.ip());
        let carries = self.kind();
        frame.clear();
        frame.resize(EthernetHeader::LEN, 0);
        let options = self.ip_header(frame, source, carries);
        let start = frame.len();
        match carries {
            Carries::Tcp => self.tcp(frame, source, flow),
            Carries::Udp => self.udp(frame, source),
            Carries::Icmp => self.icmp(frame, flow),
            Carries::Other => self.append_noise(frame, 1400),
        }
        self.finish_ip(frame, options, start);
        let station = flow.map_or(self.station, |flow| flow.station);
        let dst = if self.chance(self.shares.astray) { self.astray() } else { self.target.1 };
        let ether_type = EtherType::IPV4;
        EthernetHeader { dst, src: station, ether_type }.write(frame);
        if self.chance(self.shares.cut) {
            let len = self.below(frame.len() as u64);
            frame.truncate(len);
        }
        carries
    }

    fn kind(&mut self) -> Carries {
        let Shares { tcp, udp, icmp, .. } = self.shares;
        // 53 bits of a random number, from 0 to 1.
        let at = (self.rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        match at {
            _ if at < tcp => Carries::Tcp,
            _ if at < tcp + udp => Carries::Udp,
            _ if at < tcp + udp + icmp => Carries::Icmp,
            _ => Carries::Other,
        }
    }

    /// Half of the sources are on the target's own link, as far as a /24 goes.
    fn source(&mut self) -> Ipv4Addr {
        let random = self.rng.next_u32();
        let on_link = u32::from(self.target.0) & 0xffff_ff00 | (random & 0xff);
        Ipv4Addr::from(if random & 0x100 == 0 { random.rotate_left(8) } else { on_link })
    }

    fn astray(&mut self) -> Mac {
        match self.below(3) {
            0 => Mac::BROADCAST,
            1 => Mac([0x01, 0x00, 0x5e, 0, 0, self.byte()]),
            _ => Mac([0x02, 0x99, 0, 0, 0, self.byte()]),
        }
    }

    fn chance(&mut self, share: f64) -> bool {
        self.rng.chance(share)
    }

    fn below(&mut self, bound: u64) -> usize {
        self.rng.below(bound) as usize
    }

    fn byte(&mut self) -> u8 {
        self.rng.next_u32() as u8
    }

    fn append_noise(&mut self, frame: &mut Vec<u8>, below: u64) {
        let len = self.below(below);
        let at = self.below((NOISE - len) as u64);
        frame.extend_from_slice(self.noise.get(at..at + len).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests;
