//! ARP for IPv4 over Ethernet (RFC 826).

use super::{EtherType, Mac, Malformed};
use std::net::Ipv4Addr;

/// What an ARP packet is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ArpOperation {
    /// Who has the target address?
    Request,
    /// The sender has its address.
    Reply,
    /// Something else. RFC 826 ("Packet Reception") looks at the operation last: the sender still counts.
    Other(u16),
}

impl ArpOperation {
    /// From the wire.
    #[inline]
    pub const fn from_wire(value: u16) -> Self {
        match value {
            1 => Self::Request,
            2 => Self::Reply,
            other => Self::Other(other),
        }
    }

    /// To the wire.
    #[inline]
    pub const fn to_wire(self) -> u16 {
        match self {
            Self::Request => 1,
            Self::Reply => 2,
            Self::Other(other) => other,
        }
    }
}

/// An ARP packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArpPacket {
    /// Request or reply.
    pub operation: ArpOperation,
    /// The sender's link-layer address.
    pub sender_mac: Mac,
    /// The sender's address; 0.0.0.0 in a probe (RFC 5227, Section 1.1).
    pub sender_ip: Ipv4Addr,
    /// The target's link-layer address; without meaning in a request.
    pub target_mac: Mac,
    /// The target's address.
    pub target_ip: Ipv4Addr,
}

/// Hardware type Ethernet, protocol type IPv4, and the lengths of their addresses.
const IPV4_OVER_ETHERNET: [u8; 6] = {
    let [high, low] = EtherType::IPV4.0.to_be_bytes();
    [0, 1, high, low, 6, 4]
};

impl ArpPacket {
    /// Bytes of a packet.
    pub const LEN: usize = 28;

    /// The packet at the start of `bytes` (the payload of a frame); what follows is padding.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below 28 bytes; [`Malformed::AddressKind`] where it is not about IPv4 over Ethernet.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let Some(&packet) = bytes.first_chunk::<28>() else { return Err(Malformed::Truncated) };
        let [h0, h1, p0, p1, hlen, plen, o0, o1, rest @ ..] = packet;
        if [h0, h1, p0, p1, hlen, plen] != IPV4_OVER_ETHERNET {
            return Err(Malformed::AddressKind);
        }
        let [s0, s1, s2, s3, s4, s5, sa, sb, sc, sd, t0, t1, t2, t3, t4, t5, ta, tb, tc, td] = rest;
        Ok(Self {
            operation: ArpOperation::from_wire(u16::from_be_bytes([o0, o1])),
            sender_mac: Mac([s0, s1, s2, s3, s4, s5]),
            sender_ip: Ipv4Addr::new(sa, sb, sc, sd),
            target_mac: Mac([t0, t1, t2, t3, t4, t5]),
            target_ip: Ipv4Addr::new(ta, tb, tc, td),
        })
    }

    /// The packet's bytes.
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..6].copy_from_slice(&IPV4_OVER_ETHERNET);
        bytes[6..8].copy_from_slice(&self.operation.to_wire().to_be_bytes());
        bytes[8..14].copy_from_slice(&self.sender_mac.0);
        bytes[14..18].copy_from_slice(&self.sender_ip.octets());
        bytes[18..24].copy_from_slice(&self.target_mac.0);
        bytes[24..].copy_from_slice(&self.target_ip.octets());
        bytes
    }

    /// Writes the packet to the start of `out` and gives its length; 0, and nothing is written, where `out` is shorter.
    pub fn write(&self, out: &mut [u8]) -> usize {
        let Some(place) = out.first_chunk_mut() else { return 0 };
        *place = self.to_bytes();
        Self::LEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn arb_packet() -> impl Strategy<Value = ArpPacket> {
        (any::<u16>(), any::<[u8; 6]>(), any::<[u8; 4]>(), any::<[u8; 6]>(), any::<[u8; 4]>()).prop_map(
            |(operation, sender_mac, sender_ip, target_mac, target_ip)| ArpPacket {
                operation: ArpOperation::from_wire(operation),
                sender_mac: Mac(sender_mac),
                sender_ip: sender_ip.into(),
                target_mac: Mac(target_mac),
                target_ip: target_ip.into(),
            },
        )
    }

    /// Ours is the oracle's packet, narrowed to IPv4 over Ethernet.
    fn agree(bytes: &[u8]) {
        let oracle = etherparse::ArpPacketSlice::from_slice(bytes);
        match ArpPacket::parse(bytes) {
            Ok(ours) => {
                let oracle = oracle.unwrap();
                assert_eq!(ours.operation.to_wire(), oracle.operation().0);
                assert_eq!(&ours.sender_mac.0[..], oracle.sender_hw_addr());
                assert_eq!(&ours.sender_ip.octets()[..], oracle.sender_protocol_addr());
                assert_eq!(&ours.target_mac.0[..], oracle.target_hw_addr());
                assert_eq!(&ours.target_ip.octets()[..], oracle.target_protocol_addr());
            }
            // The oracle also takes other address kinds, and shorter packets where those are shorter.
            Err(Malformed::AddressKind) => assert_ne!(bytes[..6], IPV4_OVER_ETHERNET),
            Err(error) => {
                assert_eq!(error, Malformed::Truncated);
                assert!(bytes.len() < 28);
                assert!(oracle.is_err() || bytes[..6] != IPV4_OVER_ETHERNET);
            }
        }
    }

    proptest! {
        #[test]
        fn packets_round_trip_with_and_without_padding(packet in arb_packet(), padding in 0_usize..20) {
            let mut bytes = vec![0xee; 28 + padding];
            prop_assert_eq!(packet.write(&mut bytes), 28);
            prop_assert_eq!(ArpPacket::parse(&bytes), Ok(packet));
            prop_assert!(bytes[28..].iter().all(|byte| *byte == 0xee));
            prop_assert_eq!(packet.write(&mut bytes[..27]), 0);
        }

        #[test]
        fn mutated_packets_are_read_as_the_oracle_reads_them(packet in arb_packet(), at in 0_usize..28, byte: u8, len in 0_usize..=28) {
            let mut bytes = packet.to_bytes();
            bytes[at] = byte;
            agree(&bytes);
            agree(&bytes[..len]);
        }

        #[test]
        fn any_bytes_are_read_as_the_oracle_reads_them(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            agree(&bytes);
        }
    }
}
