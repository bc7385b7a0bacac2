//! Headers of outgoing IPv4 packets.

use crate::base::Prf;
use crate::wire::{Addr, IpProtocol, Ipv4Header};
use std::net::Ipv4Addr;

/// A header of which only the length is open: a connection makes it once, and each packet costs one addition and one
/// folding of the checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv4Template {
    /// Total length, identification and checksum are zero.
    bytes: [u8; Ipv4Header::LEN],
    /// Sum of `bytes` in words.
    sum: u32,
}

impl Ipv4Template {
    /// A template. Without `dont_fragment` each packet needs an identification ([`Ipv4Template::header_with_id`]).
    pub fn new(src: Ipv4Addr, dst: Ipv4Addr, protocol: IpProtocol, ttl: u8, dont_fragment: bool) -> Self {
        let header = Ipv4Header { dont_fragment, ..Ipv4Header::atomic(src, dst, protocol, ttl, 0) };
        let mut bytes = header.to_bytes();
        // The total length and the checksum over it come with each packet.
        for at in [2, 3, 10, 11] {
            bytes[at] = 0;
        }
        let sum = bytes.chunks_exact(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1])).sum();
        Self { bytes, sum }
    }

    /// The template for a path between two IPv4 addresses; `None` for other versions.
    pub fn between(src: Addr, dst: Addr, protocol: IpProtocol, ttl: u8, dont_fragment: bool) -> Option<Self> {
        Some(Self::new(src.to_v4()?, dst.to_v4()?, protocol, ttl, dont_fragment))
    }

    /// The header of an atomic packet with `payload_len` bytes (at most 65 515): its identification is 0 and means nothing
    /// (RFC 6864, Section 4.1).
    #[inline]
    pub fn header(&self, payload_len: u16) -> [u8; Ipv4Header::LEN] {
        self.header_with_id(payload_len, 0)
    }

    /// The header of a packet that a router may cut.
    #[inline]
    pub fn header_with_id(&self, payload_len: u16, identification: u16) -> [u8; Ipv4Header::LEN] {
        let total_len = payload_len.saturating_add(Ipv4Header::LEN as u16);
        let sum = self.sum + u32::from(total_len) + u32::from(identification);
        let sum = (sum & 0xffff) + (sum >> 16);
        let sum = (sum & 0xffff) + (sum >> 16);
        let mut bytes = self.bytes;
        bytes[2..4].copy_from_slice(&total_len.to_be_bytes());
        bytes[4..6].copy_from_slice(&identification.to_be_bytes());
        bytes[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
        bytes
    }
}

const COUNTERS: usize = 256;

/// Identifications of packets that may be cut: unique for long enough between two hosts (RFC 6864, Section 4.3), and of
/// no use to a third that wants to count our packets to somebody else: a counter is shared only by a hash's accident.
#[derive(Clone, Debug)]
pub struct Identifications {
    prf: Prf,
    counters: [u16; COUNTERS],
}

impl Identifications {
    /// Counters in places that only `prf` knows.
    pub fn new(prf: Prf) -> Self {
        Self { prf, counters: [0; COUNTERS] }
    }

    /// The next identification between two hosts.
    pub fn next(&mut self, src: Addr, dst: Addr) -> u16 {
        let mut pair = [0; 32];
        pair[..16].copy_from_slice(src.octets());
        pair[16..].copy_from_slice(dst.octets());
        let hash = self.prf.strong(&pair);
        let counter = &mut self.counters[hash as usize % COUNTERS];
        *counter = counter.wrapping_add(1);
        counter.wrapping_add((hash >> 48) as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::super::prefix::tests::a;
    use super::*;
    use crate::base::Secrets;

    /// RFC 6864, Section 4.1: 0 is as good an identification as any where DF is set.
    #[test]
    fn the_template_gives_the_bytes_of_a_header_built_from_scratch() {
        let (src, dst) = (Ipv4Addr::new(129, 68, 72, 10), Ipv4Addr::new(129, 68, 72, 40));
        for (df, id) in [(true, 0), (false, 0xfedc)] {
            let template = Ipv4Template::new(src, dst, IpProtocol::TCP, 64, df);
            for len in [0, 1, 20, 1480, 0x7fff, 0xfeff, 65_515, u16::MAX] {
                let whole = Ipv4Header {
                    dont_fragment: df,
                    identification: id,
                    ..Ipv4Header::atomic(src, dst, IpProtocol::TCP, 64, len)
                };
                assert_eq!(template.header_with_id(len, id), whole.to_bytes(), "{len}");
            }
        }
        assert!(Ipv4Template::between(a("10.0.0.1"), a("2001:db8::1"), IpProtocol::TCP, 64, true).is_none());
    }

    /// RFC 6864, Section 4.2: unique where the packet may be cut.
    #[test]
    fn identifications_between_two_hosts_do_not_repeat_and_differ_by_pair() {
        let mut ids = Identifications::new(Secrets::from_test_seed(1).prf("ip-id"));
        let first: Vec<u16> = (0..1000).map(|_| ids.next(a("10.0.0.1"), a("10.0.0.2"))).collect();
        let mut unique = first.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), 1000);
        assert_ne!(ids.next(a("10.0.0.1"), a("10.0.0.3")), ids.next(a("10.0.0.1"), a("10.0.0.2")));
    }
}
