//! Ethernet II frames (RFC 894).

use super::{Mac, Malformed};
use core::fmt;

/// The EtherType field. A value below `0x0600` is the length of an IEEE 802.3 frame, which the stack does not speak.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EtherType(pub u16);

impl EtherType {
    /// IPv4.
    pub const IPV4: Self = Self(0x0800);
    /// ARP.
    pub const ARP: Self = Self(0x0806);
    /// IPv6.
    pub const IPV6: Self = Self(0x86dd);
}

impl fmt::Debug for EtherType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:04x}", self.0)
    }
}

/// An Ethernet II header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EthernetHeader {
    /// Destination station.
    pub dst: Mac,
    /// Source station.
    pub src: Mac,
    /// What the payload is.
    pub ether_type: EtherType,
}

impl EthernetHeader {
    /// Bytes of the header.
    pub const LEN: usize = 14;

    /// The header at the start of `frame`; the payload follows after [`EthernetHeader::LEN`] bytes, with padding where
    /// the frame would be below 60 bytes.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] for a frame shorter than the header.
    #[inline]
    pub fn parse(frame: &[u8]) -> Result<(Self, usize), Malformed> {
        let Some(&[d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1]) = frame.first_chunk::<14>()
        else {
            return Err(Malformed::Truncated);
        };
        let header = Self {
            dst: Mac([d0, d1, d2, d3, d4, d5]),
            src: Mac([s0, s1, s2, s3, s4, s5]),
            ether_type: EtherType(u16::from_be_bytes([t0, t1])),
        };
        Ok((header, Self::LEN))
    }

    /// The header's bytes.
    #[inline]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let [d0, d1, d2, d3, d4, d5] = self.dst.0;
        let [s0, s1, s2, s3, s4, s5] = self.src.0;
        let [t0, t1] = self.ether_type.0.to_be_bytes();
        [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1]
    }

    /// Writes the header to the start of `out` and gives its length; 0, and nothing is written, where `out` is shorter.
    #[inline]
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

    #[test]
    fn a_frame_below_the_header_is_truncated_and_a_place_below_it_stays_as_it_was() {
        assert_eq!(EthernetHeader::parse(&[0; 13]), Err(Malformed::Truncated));
        let mut short = [9; 13];
        assert_eq!(EthernetHeader::default().write(&mut short), 0);
        assert_eq!(short, [9; 13]);
    }

    proptest! {
        #[test]
        fn headers_round_trip_and_agree_with_the_oracle(dst: [u8; 6], src: [u8; 6], ether_type: u16) {
            let header = EthernetHeader { dst: Mac(dst), src: Mac(src), ether_type: EtherType(ether_type) };
            let mut bytes = [0; 20];
            prop_assert_eq!(header.write(&mut bytes), 14);
            prop_assert_eq!(EthernetHeader::parse(&bytes), Ok((header, 14)));
            let oracle = etherparse::Ethernet2Header { source: src, destination: dst, ether_type: etherparse::EtherType(ether_type) };
            prop_assert_eq!(&bytes[..14], &oracle.to_bytes()[..]);
        }

        #[test]
        fn any_bytes_are_read_as_the_oracle_reads_them(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            match (EthernetHeader::parse(&bytes), etherparse::Ethernet2Slice::from_slice_without_fcs(&bytes)) {
                (Ok((ours, _)), Ok(oracle)) => {
                    prop_assert_eq!(ours.dst.0, oracle.destination());
                    prop_assert_eq!(ours.src.0, oracle.source());
                    prop_assert_eq!(ours.ether_type.0, oracle.ether_type().0);
                }
                (Err(Malformed::Truncated), Err(_)) => {}
                (ours, oracle) => prop_assert!(false, "{ours:?} against {oracle:?}"),
            }
        }
    }
}
