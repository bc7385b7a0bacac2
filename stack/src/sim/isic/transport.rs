//! What a random packet carries.

use super::ip::put_sum;
use super::{Flow, Isic};
use crate::wire::{Addr, IpProtocol, Ipv4Header, SeqNum, TcpFlags, TcpHeader, checksum};
use std::net::Ipv4Addr;

impl Isic {
    /// A port of the target: one that packets prefer, or any.
    fn port(&mut self) -> u16 {
        let at = self.below(2 * self.ports.len() as u64);
        self.ports.get(at).copied().unwrap_or(self.rng.next_u32() as u16)
    }

    /// A number: the one that was seen, one near it, or any.
    fn number(&mut self, seen: Option<SeqNum>) -> SeqNum {
        let random = SeqNum(self.rng.next_u32());
        let Some(seen) = seen else { return random };
        match self.below(8) {
            0..3 => seen,
            3 => seen + self.below(3000) as u32,
            4 => seen - self.below(3000) as u32,
            5 => seen + self.below(100_000) as u32,
            6 => seen + (1 << 31),
            _ => random,
        }
    }

    fn flags(&mut self) -> TcpFlags {
        match self.below(8) {
            0 => TcpFlags(self.byte()),
            1 => TcpFlags::SYN,
            2 => TcpFlags::SYN.with(TcpFlags::ACK),
            3 => TcpFlags::RST,
            4 => TcpFlags::FIN.with(TcpFlags::ACK),
            5 => TcpFlags::URG.with(TcpFlags::ACK).with(TcpFlags::PSH),
            _ => TcpFlags::ACK,
        }
    }

    pub(super) fn tcp(&mut self, frame: &mut Vec<u8>, source: Ipv4Addr, flow: Option<Flow>) {
        let numbers = flow.and_then(|flow| flow.numbers);
        let mut header = TcpHeader {
            src_port: flow.map_or_else(|| self.rng.next_u32() as u16, |flow| flow.source.port()),
            dst_port: flow.map_or_else(|| self.port(), |flow| flow.target.port()),
            seq: self.number(numbers.map(|(seq, _)| seq)),
            ack: self.number(numbers.map(|(_, ack)| ack)),
            flags: self.flags(),
            ..TcpHeader::default()
        };
        header.window = if self.below(8) == 0 { 0 } else { self.rng.next_u32() as u16 };
        header.urgent = self.rng.next_u32() as u16;
        let start = frame.len();
        frame.resize(start + header.header_len(), 0);
        header.write(frame.get_mut(start..).unwrap_or_default());
        if self.chance(self.shares.tcp_options) {
            self.tcp_options(frame, numbers);
            let words = (frame.len() - start).div_ceil(4).min(15);
            frame.resize(start + 4 * words, 0);
        }
        let words = (frame.len() - start) as u8 / 4;
        let wrong = self.chance(self.shares.bad_length);
        let offset = if wrong { self.byte() } else { words << 4 };
        if let Some(place) = frame.get_mut(start + 12) {
            *place = offset;
        }
        if self.below(2) == 0 {
            self.append_noise(frame, 1400);
        }
        self.sum(frame, start, source, IpProtocol::TCP, 16);
    }

    /// Right options with random contents, and noise.
    fn tcp_options(&mut self, frame: &mut Vec<u8>, numbers: Option<(SeqNum, SeqNum)>) {
        for _ in 0..1 + self.below(4) {
            let random = self.rng.next_u32().to_be_bytes();
            let [a, b, ..] = random;
            match self.below(9) {
                0 => frame.extend_from_slice(&[2, 4, a, b]),
                1 => frame.extend_from_slice(&[3, 3, a]),
                2 => frame.extend_from_slice(&[4, 2]),
                3 => {
                    let echo = self.rng.next_u32().to_be_bytes();
                    frame.extend_from_slice(&[8, 10]);
                    frame.extend_from_slice(&random);
                    frame.extend_from_slice(&echo);
                }
                4 => {
                    let left = self.number(numbers.map(|(_, ack)| ack));
                    let right = left + self.below(3000) as u32;
                    frame.extend_from_slice(&[5, 10]);
                    frame.extend_from_slice(&left.0.to_be_bytes());
                    frame.extend_from_slice(&right.0.to_be_bytes());
                }
                5 => frame.push(1),
                // A kind and a length that mean nothing, or too much.
                6 => frame.extend_from_slice(&[a, b]),
                7 => frame.push(0),
                _ => self.append_noise(frame, 12),
            }
        }
    }

    pub(super) fn udp(&mut self, frame: &mut Vec<u8>, source: Ipv4Addr) {
        let start = frame.len();
        let (from, to) = (self.rng.next_u32() as u16, self.port());
        frame.extend_from_slice(&from.to_be_bytes());
        frame.extend_from_slice(&to.to_be_bytes());
        frame.extend_from_slice(&[0; 4]);
        self.append_noise(frame, 1400);
        let right = (frame.len() - start) as u16;
        let wrong = self.chance(self.shares.bad_length);
        let length = if wrong { self.rng.next_u32() as u16 } else { right };
        if let Some(place) = frame.get_mut(start + 4..start + 6) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        // No sum at all is allowed (RFC 768).
        if self.below(8) != 0 {
            self.sum(frame, start, source, IpProtocol::UDP, 6);
        }
    }

    pub(super) fn icmp(&mut self, frame: &mut Vec<u8>, flow: Option<Flow>) {
        let start = frame.len();
        let at = self.below(10);
        let any = self.byte();
        let kind = [0, 3, 3, 3, 4, 5, 8, 11, 12].get(at).copied().unwrap_or(any);
        let code = match self.below(8) {
            0 => self.byte(),
            1..4 => self.below(16) as u8,
            _ => 0,
        };
        let word = match self.below(4) {
            // A next-hop MTU, from none to one that is plausible.
            0 => [0, 0, self.byte() % 6, self.byte()],
            _ => self.rng.next_u32().to_be_bytes(),
        };
        frame.extend_from_slice(&[kind, code, 0, 0]);
        frame.extend_from_slice(&word);
        let error = matches!(kind, 3 | 4 | 5 | 11 | 12);
        match flow {
            Some(flow) if error => self.quote(frame, &flow),
            Some(_) | None => self.append_noise(frame, 600),
        }
        if let Some(message) = frame.get_mut(start..) {
            put_sum(message, 2, 0);
        }
        if self.chance(self.shares.bad_sum) {
            self.spoil(frame.get_mut(start..).unwrap_or_default());
        }
    }

    /// The start of a packet that the target may have sent on the flow.
    fn quote(&mut self, frame: &mut Vec<u8>, flow: &Flow) {
        let (from, to) = (*flow.target.ip(), *flow.source.ip());
        let total = self.below(1480) as u16;
        let start = frame.len();
        frame.extend_from_slice(&Ipv4Header::atomic(from, to, IpProtocol::TCP, 1, total).to_bytes());
        frame.extend_from_slice(&flow.target.port().to_be_bytes());
        frame.extend_from_slice(&flow.source.port().to_be_bytes());
        let seq = self.number(flow.numbers.map(|(_, ack)| ack));
        frame.extend_from_slice(&seq.0.to_be_bytes());
        self.append_noise(frame, 40);
        if self.below(8) == 0 {
            let len = start + self.below((frame.len() - start) as u64);
            frame.truncate(len);
        }
    }

    fn sum(&mut self, frame: &mut [u8], start: usize, source: Ipv4Addr, protocol: IpProtocol, at: usize) {
        let Some(segment) = frame.get_mut(start..) else { return };
        let len = segment.len() as u32;
        let pseudo = checksum::pseudo_header(Addr::v4(source), Addr::v4(self.target.0), protocol.0, len);
        put_sum(segment, at, pseudo);
        if self.chance(self.shares.bad_sum) {
            self.spoil(segment);
        }
    }
}
