//! The IP header of a random packet.

use super::{Carries, Isic};
use crate::wire::{EthernetHeader, IpProtocol, Ipv4Header, checksum};
use std::net::Ipv4Addr;

/// Fragments take their identification from a few, so that some of them meet.
const IDENTIFICATIONS: u64 = 4;

impl Isic {
    /// Appends the header, whose lengths and sum are still open; gives the bytes of its options.
    pub(super) fn ip_header(&mut self, frame: &mut Vec<u8>, source: Ipv4Addr, carries: Carries) -> usize {
        let protocol = match carries {
            Carries::Tcp => IpProtocol::TCP,
            Carries::Udp => IpProtocol::UDP,
            Carries::Icmp => IpProtocol::ICMP,
            Carries::Other => IpProtocol(self.byte()),
        };
        let ttl = self.byte();
        let mut header = Ipv4Header::atomic(source, self.target.0, protocol, ttl, 0);
        header.traffic_class = self.byte();
        if self.chance(self.shares.fragments) {
            header.dont_fragment = self.below(8) == 0;
            header.identification = self.below(IDENTIFICATIONS) as u16;
            header.more_fragments = self.below(2) == 0;
            header.fragment_offset = match self.below(4) {
                0 => 0,
                1 => self.below(8) as u16,
                2 => self.below(190) as u16,
                // Up to the very end, where the length of what is put together overflows.
                _ => self.below(8192) as u16,
            };
        }
        frame.extend_from_slice(&header.to_bytes());
        if !self.chance(self.shares.ip_options) {
            return 0;
        }
        let start = frame.len();
        self.ip_options(frame);
        let words = (frame.len() - start).div_ceil(4).min(10);
        // End of options, and what stands behind it.
        frame.resize(start + 4 * words, 0);
        4 * words
    }

    fn ip_options(&mut self, frame: &mut Vec<u8>) {
        match self.below(6) {
            0 => self.append_noise(frame, 41),
            1 => {
                let end = frame.len() + self.below(41);
                frame.resize(end, 1);
            }
            // A length of its own, right or wrong, for each kind that a receiver looks into: record route, time stamp,
            // security, loose and strict source route, router alert.
            which => {
                for _ in 1..which {
                    let at = self.below(6);
                    let kind = [7, 68, 130, 131, 137, 148].get(at).copied().unwrap_or(7);
                    let len = self.below(16) as u8;
                    let pointer = if self.below(2) == 0 { len.wrapping_add(1) } else { self.byte() };
                    frame.extend_from_slice(&[kind, len, pointer]);
                    let body = usize::from(len.saturating_sub(3));
                    let noise = self.noise.get(..body).unwrap_or_default();
                    frame.extend_from_slice(noise);
                }
            }
        }
    }

    /// Lengths, version and sum, wrong as often as the shares say.
    pub(super) fn finish_ip(&mut self, frame: &mut [u8], options: usize, payload: usize) {
        let Some(packet) = frame.get_mut(EthernetHeader::LEN..) else { return };
        let header_len = payload - EthernetHeader::LEN;
        let mut total = packet.len() as u16;
        let mut words = (Ipv4Header::LEN + options) as u8 / 4;
        if self.chance(self.shares.bad_length) {
            match self.below(3) {
                0 => total = self.rng.next_u32() as u16,
                1 => total = total.wrapping_add(self.below(64) as u16).wrapping_sub(32),
                _ => words = self.byte() & 15,
            }
        }
        let version = if self.chance(self.shares.bad_version) { self.byte() & 15 } else { 4 };
        let [first, _, high, low, ..] = packet else { return };
        *first = version << 4 | words;
        [*high, *low] = total.to_be_bytes();
        let covered = (4 * usize::from(words)).clamp(Ipv4Header::LEN, header_len.max(Ipv4Header::LEN));
        put_sum(packet.get_mut(..covered).unwrap_or_default(), 10, 0);
        if self.chance(self.shares.bad_ip_sum) {
            self.spoil(packet.get_mut(..header_len).unwrap_or_default());
        }
    }

    /// Changes one bit.
    pub(super) fn spoil(&mut self, bytes: &mut [u8]) {
        let at = self.below(bytes.len() as u64);
        let bit = 1 << self.below(8);
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= bit;
        }
    }
}

/// Puts the sum of `bytes` and of `pseudo` at the place `at` in them.
pub(super) fn put_sum(bytes: &mut [u8], at: usize, pseudo: u32) {
    let Some(place) = bytes.get_mut(at..at + 2) else { return };
    place.fill(0);
    let sum = checksum::finish(checksum::combine(pseudo, checksum::sum(bytes)));
    if let Some(place) = bytes.get_mut(at..at + 2) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
}
