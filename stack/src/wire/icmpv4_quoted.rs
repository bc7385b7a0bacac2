//! The datagram that an ICMP error quotes: what we sent, cut short, and perhaps changed on its way. Anybody can make one
//! up, so that what it says is only a hint until the connection it names has judged its sequence number (RFC 5927).

use super::ipv4::{self, Ipv4Header};
use super::{Addr, Endpoint, FlowKey, IpProtocol, Malformed, SeqNum};

/// The start of a datagram that we sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuotedDatagram<'a> {
    /// Its header as it came back. The time to live is what was left of it; the payload length is what the header says,
    /// of which only the start is quoted.
    pub header: Ipv4Header,
    /// Its total length as it came back, for RFC 1191, Section 5, where a router tells no MTU.
    pub total_len: u16,
    /// What is quoted behind the header: at least 8 bytes if the router keeps RFC 792, and behind the datagram perhaps
    /// an extension (RFC 4884).
    pub payload: &'a [u8],
}

/// The start of a TCP segment that we sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuotedTcp {
    /// The connection, seen from us: the quoted source is local.
    pub flow: FlowKey,
    /// The segment's sequence number.
    pub seq: SeqNum,
}

impl<'a> QuotedDatagram<'a> {
    /// The datagram quoted in `bytes`, its options skipped. Neither its checksum nor its total length is checked: routers
    /// have sent back both changed (RFC 1191, Section 5), and the quotation ends before the datagram does.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] where the header is not whole, [`Malformed::Version`], [`Malformed::HeaderLength`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (fixed, _, header_len) = ipv4::split_header(bytes)?;
        let total_len = ipv4::total_len(fixed);
        let payload_len = total_len.saturating_sub(header_len as u16);
        let payload = bytes.get(header_len..).unwrap_or_default();
        Ok(Self { header: ipv4::header(fixed, payload_len), total_len, payload })
    }

    /// The TCP segment in it, where it is one: protocol TCP, first fragment, ports and sequence number quoted.
    pub fn tcp(&self) -> Option<QuotedTcp> {
        let [s0, s1, d0, d1, q0, q1, q2, q3] = self.transport(IpProtocol::TCP)?;
        let local = Endpoint { addr: Addr::v4(self.header.src), port: u16::from_be_bytes([s0, s1]) };
        let remote = Endpoint { addr: Addr::v4(self.header.dst), port: u16::from_be_bytes([d0, d1]) };
        let seq = SeqNum(u32::from_be_bytes([q0, q1, q2, q3]));
        Some(QuotedTcp { flow: FlowKey { local, remote }, seq })
    }

    /// Identifier and sequence number of the echo request in it, where it is one.
    pub fn echo_request(&self) -> Option<(u16, u16)> {
        match self.transport(IpProtocol::ICMP)? {
            [8, 0, _, _, i0, i1, s0, s1] => {
                Some((u16::from_be_bytes([i0, i1]), u16::from_be_bytes([s0, s1])))
            }
            _ => None,
        }
    }

    /// The 8 bytes of the transport header that every error quotes (RFC 792).
    fn transport(&self, protocol: IpProtocol) -> Option<[u8; 8]> {
        let first = self.header.protocol == protocol && self.header.fragment_offset == 0;
        first.then_some(self.payload)?.first_chunk().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::TcpHeader;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    const US: Ipv4Addr = Ipv4Addr::new(129, 68, 72, 10);
    const PEER: Ipv4Addr = Ipv4Addr::new(129, 68, 72, 40);

    fn sent_segment() -> Vec<u8> {
        let header = Ipv4Header::atomic(US, PEER, IpProtocol::TCP, 64, 20);
        let segment = TcpHeader { src_port: 32_768, dst_port: 23, seq: SeqNum(7), ..TcpHeader::default() };
        let mut bytes = vec![0; 40];
        header.write(&mut bytes);
        segment.write(&mut bytes[20..]);
        bytes
    }

    fn flow() -> FlowKey {
        FlowKey {
            local: Endpoint { addr: US.into(), port: 32_768 },
            remote: Endpoint { addr: PEER.into(), port: 23 },
        }
    }

    #[test]
    fn a_quoted_segment_names_our_connection_with_our_side_local() {
        let sent = sent_segment();
        for len in 28..=40 {
            let quoted = QuotedDatagram::parse(&sent[..len]).unwrap();
            assert_eq!(quoted.tcp(), Some(QuotedTcp { flow: flow(), seq: SeqNum(7) }), "{len} bytes quoted");
            assert_eq!((quoted.total_len, quoted.header.payload_len), (40, 20));
        }
        for len in 20..28 {
            assert_eq!(QuotedDatagram::parse(&sent[..len]).unwrap().tcp(), None, "{len} bytes quoted");
        }
        for len in 0..20 {
            assert_eq!(QuotedDatagram::parse(&sent[..len]), Err(Malformed::Truncated));
        }
    }

    #[test]
    fn options_in_the_quoted_header_are_skipped() {
        let mut sent = sent_segment();
        sent[0] = 0x47;
        sent.splice(20..20, [148, 4, 0, 0, 1, 1, 1, 0]);
        let quoted = QuotedDatagram::parse(&sent).unwrap();
        assert_eq!(quoted.tcp().map(|tcp| tcp.flow), Some(flow()));
        sent.truncate(27);
        assert_eq!(QuotedDatagram::parse(&sent), Err(Malformed::Truncated));
    }

    #[test]
    fn a_later_fragment_or_another_protocol_names_no_connection() {
        let mut sent = sent_segment();
        sent[7] = 1;
        assert_eq!(QuotedDatagram::parse(&sent).unwrap().tcp(), None);
        let mut sent = sent_segment();
        sent[9] = IpProtocol::UDP.0;
        assert_eq!(QuotedDatagram::parse(&sent).unwrap().tcp(), None);
    }

    /// RFC 1191, Section 5: some routers send the length back changed.
    #[test]
    fn a_quoted_total_length_that_is_wrong_does_not_hide_the_connection() {
        let mut sent = sent_segment();
        for wrong in [0, 19, 20, 60, 0xffff_u16] {
            sent[2..4].copy_from_slice(&wrong.to_be_bytes());
            let quoted = QuotedDatagram::parse(&sent).unwrap();
            assert_eq!((quoted.total_len, quoted.header.payload_len), (wrong, wrong.saturating_sub(20)));
            assert_eq!(quoted.tcp().map(|tcp| tcp.flow), Some(flow()));
        }
    }

    #[test]
    fn a_quoted_echo_request_gives_its_numbers_and_an_echo_reply_does_not() {
        let mut bytes = vec![0; 28];
        Ipv4Header::atomic(US, PEER, IpProtocol::ICMP, 64, 8).write(&mut bytes);
        bytes[20..].copy_from_slice(&[8, 0, 0, 0, 0x12, 0x34, 0, 9]);
        assert_eq!(QuotedDatagram::parse(&bytes).unwrap().echo_request(), Some((0x1234, 9)));
        bytes[20] = 0;
        assert_eq!(QuotedDatagram::parse(&bytes).unwrap().echo_request(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_quoted_as_the_oracle_reads_them(mut bytes in proptest::collection::vec(any::<u8>(), 0..100), force: bool) {
            if force && !bytes.is_empty() {
                bytes[0] = 0x40 | (bytes[0] & 0x0f);
            }
            match (QuotedDatagram::parse(&bytes), etherparse::Ipv4HeaderSlice::from_slice(&bytes)) {
                (Ok(ours), Ok(oracle)) => {
                    prop_assert_eq!((ours.header.src, ours.header.dst), (oracle.source_addr(), oracle.destination_addr()));
                    prop_assert_eq!(ours.total_len, oracle.total_len());
                    prop_assert_eq!(ours.payload, &bytes[oracle.slice().len()..]);
                    let is_tcp = oracle.protocol() == etherparse::IpNumber::TCP
                        && oracle.fragments_offset().value() == 0
                        && ours.payload.len() >= 8;
                    prop_assert_eq!(ours.tcp().is_some(), is_tcp);
                }
                (Err(_), Err(_)) => {}
                (ours, oracle) => prop_assert!(false, "{ours:?} against {oracle:?}"),
            }
        }
    }
}
