//! Fragments of what is larger than the link's MTU (RFC 791, Section 3.2; RFC 1122, Section 3.3.3). TCP never comes here: its
//! segments are made to fit.

use crate::wire::Ipv4Header;

/// How a packet is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut {
    header: Ipv4Header,
    /// Payload bytes of every fragment but the last.
    unit: usize,
    len: usize,
}

impl Cut {
    /// The packet with this `header`, for a link of `mtu` bytes. It carries `identification`, which no other packet between
    /// the two hosts may have for a while (RFC 6864, Section 4.3), and no DF.
    pub fn new(header: Ipv4Header, mtu: u16, identification: u16) -> Self {
        let room = usize::from(mtu).saturating_sub(Ipv4Header::LEN);
        // RFC 791, Section 3.2: in units of eight bytes. No link takes fewer than 68 bytes (Section 3.2).
        let unit = (room & !7).max(8);
        let header = Ipv4Header { identification, dont_fragment: false, ..header };
        Self { header, unit, len: usize::from(header.payload_len) }
    }

    /// Its fragments in order: the header of each, and where its payload is in the packet's.
    pub fn fragments(self) -> impl Iterator<Item = (Ipv4Header, core::ops::Range<usize>)> {
        (0..self.len).step_by(self.unit).map(move |start| {
            let end = self.len.min(start + self.unit);
            let header = Ipv4Header {
                more_fragments: end < self.len,
                fragment_offset: (start / 8) as u16,
                payload_len: (end - start) as u16,
                ..self.header
            };
            (header, start..end)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::IpProtocol;

    fn cut(len: u16, mtu: u16) -> Vec<(u16, bool, core::ops::Range<usize>)> {
        let any = std::net::Ipv4Addr::LOCALHOST;
        let header = Ipv4Header::atomic(any, any, IpProtocol::ICMP, 64, len);
        let fragments = Cut::new(header, mtu, 7).fragments().inspect(|(header, range)| {
            assert_eq!((header.identification, header.dont_fragment), (7, false));
            assert_eq!(usize::from(header.payload_len), range.len());
            assert!(20 + range.len() <= usize::from(mtu));
        });
        fragments.map(|(header, range)| (header.fragment_offset, header.more_fragments, range)).collect()
    }

    /// RFC 791, Section 3.2: all but the last carry a multiple of eight bytes and say that more follow.
    #[test]
    fn a_packet_is_cut_in_units_of_eight_bytes() {
        assert_eq!(cut(4008, 1500), [(0, true, 0..1480), (185, true, 1480..2960), (370, false, 2960..4008)]);
        assert_eq!(cut(1480, 1500), [(0, false, 0..1480)]);
        assert_eq!(cut(1481, 1500), [(0, true, 0..1480), (185, false, 1480..1481)]);
        let small = cut(65_515, 68);
        assert_eq!((small.len(), small.last().unwrap().2.end), (1365, 65_515));
    }
}
