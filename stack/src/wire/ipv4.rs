//! IPv4 headers (RFC 791).

use super::{Malformed, checksum};
use core::fmt;
use std::net::Ipv4Addr;

/// The protocol of an IP payload.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct IpProtocol(pub u8);

impl IpProtocol {
    /// ICMP for IPv4.
    pub const ICMP: Self = Self(1);
    /// IGMP: membership in groups.
    pub const IGMP: Self = Self(2);
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
}

impl fmt::Debug for IpProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IpProtocol({})", self.0)
    }
}

/// What a datagram's options say of its way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum SourceRoute {
    /// There is no source route.
    #[default]
    Absent,
    /// The datagram is at the end of its source route: its destination is the last address.
    Completed,
    /// It is to be forwarded further.
    Pending,
}

/// An IPv4 header without options, as a value. It does not keep the reserved flag, which is 0 when it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv4Header {
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
    /// Protocol of the payload.
    pub protocol: IpProtocol,
    /// Hops that it may still go.
    pub ttl: u8,
    /// The byte of DSCP (upper six bits) and ECN (lower two; RFC 3168, Section 5).
    pub traffic_class: u8,
    /// Identification. It means something only in datagrams that are or may become fragments; an atomic one (DF set, not
    /// a fragment) may carry any value, 0 too (RFC 6864, Section 4.1).
    pub identification: u16,
    /// DF.
    pub dont_fragment: bool,
    /// MF.
    pub more_fragments: bool,
    /// Fragment offset in units of 8 bytes, 0 to 8191.
    pub fragment_offset: u16,
    /// Bytes of payload; at most 65 515, and what is above is cut off when it is written.
    pub payload_len: u16,
}

const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const FRAGMENT_OFFSET: u16 = 0x1fff;

impl Ipv4Header {
    /// Bytes of a header without options.
    pub const LEN: usize = 20;

    /// An atomic datagram (RFC 6864): DF, identification 0, no fragment, traffic class 0.
    pub const fn atomic(
        src: Ipv4Addr,
        dst: Ipv4Addr,
        protocol: IpProtocol,
        ttl: u8,
        payload_len: u16,
    ) -> Self {
        Self {
            src,
            dst,
            protocol,
            ttl,
            traffic_class: 0,
            identification: 0,
            dont_fragment: true,
            more_fragments: false,
            fragment_offset: 0,
            payload_len,
        }
    }

    /// The header's bytes, with the checksum.
    #[inline]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let total_len = self.payload_len.saturating_add(Self::LEN as u16);
        let mut fragment = self.fragment_offset & FRAGMENT_OFFSET;
        if self.dont_fragment {
            fragment |= DONT_FRAGMENT;
        }
        if self.more_fragments {
            fragment |= MORE_FRAGMENTS;
        }
        let mut bytes = [0; Self::LEN];
        bytes[0] = 0x45;
        bytes[1] = self.traffic_class;
        bytes[2..4].copy_from_slice(&total_len.to_be_bytes());
        bytes[4..6].copy_from_slice(&self.identification.to_be_bytes());
        bytes[6..8].copy_from_slice(&fragment.to_be_bytes());
        bytes[8] = self.ttl;
        bytes[9] = self.protocol.0;
        bytes[12..16].copy_from_slice(&self.src.octets());
        bytes[16..20].copy_from_slice(&self.dst.octets());
        let checksum = checksum::finish(checksum::sum(&bytes));
        bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    /// Writes the header, with its checksum, to the start of `out` and gives its length; 0, and nothing is written, where
    /// `out` is shorter.
    #[inline]
    pub fn write(&self, out: &mut [u8]) -> usize {
        let Some(place) = out.first_chunk_mut() else { return 0 };
        *place = self.to_bytes();
        Self::LEN
    }
}

impl Ipv4Header {
    /// Makes the header of one fragment, with its options, that of the whole datagram with `payload_len` bytes.
    pub fn make_whole(header: &mut [u8], payload_len: usize) {
        let total_len = u16::try_from(header.len() + payload_len).unwrap_or(u16::MAX);
        for (at, value) in [(2, total_len), (6, 0), (10, 0)] {
            if let Some(place) = header.get_mut(at..at + 2) {
                place.copy_from_slice(&value.to_be_bytes());
            }
        }
        let checksum = checksum::finish(checksum::sum(header));
        if let Some(place) = header.get_mut(10..12) {
            place.copy_from_slice(&checksum.to_be_bytes());
        }
    }
}

/// A datagram whose lengths were checked. The checksum and the options were not: [`Ipv4View::checksum_ok`],
/// [`Ipv4View::source_route`].
#[derive(Clone, Copy, Debug)]
pub struct Ipv4View<'a> {
    fixed: &'a [u8; Ipv4Header::LEN],
    options: &'a [u8],
    payload: &'a [u8],
}

impl<'a> Ipv4View<'a> {
    /// The datagram at the start of `bytes`; what follows its total length is padding of the link.
    ///
    /// # Errors
    /// [`Malformed::Truncated`], [`Malformed::Version`], [`Malformed::HeaderLength`], [`Malformed::TotalLength`].
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (fixed, options, header_len) = split_header(bytes)?;
        let total_len = usize::from(total_len(fixed));
        if total_len < header_len {
            return Err(Malformed::TotalLength);
        }
        let payload = bytes.get(header_len..total_len).ok_or(Malformed::Truncated)?;
        Ok(Self { fixed, options, payload })
    }

    /// Whether the header checksum is right.
    #[inline]
    pub fn checksum_ok(&self) -> bool {
        let mut sum = checksum::sum(self.fixed);
        if !self.options.is_empty() {
            sum = checksum::combine(sum, checksum::sum(self.options));
        }
        checksum::finish(sum) == 0
    }

    /// Source address.
    #[inline]
    pub fn src(&self) -> Ipv4Addr {
        src(self.fixed)
    }

    /// Destination address.
    #[inline]
    pub fn dst(&self) -> Ipv4Addr {
        dst(self.fixed)
    }

    /// Protocol of the payload.
    #[inline]
    pub fn protocol(&self) -> IpProtocol {
        IpProtocol(self.fixed[9])
    }

    /// Hops left.
    #[inline]
    pub fn ttl(&self) -> u8 {
        self.fixed[8]
    }

    /// Whether it is one of several fragments.
    #[inline]
    pub fn is_fragment(&self) -> bool {
        fragment(self.fixed) & (MORE_FRAGMENTS | FRAGMENT_OFFSET) != 0
    }

    /// Bytes of the header with its options.
    #[inline]
    pub fn header_len(&self) -> usize {
        Ipv4Header::LEN + self.options.len()
    }

    /// Bytes of the datagram, without padding of the link.
    #[inline]
    pub fn total_len(&self) -> usize {
        self.header_len() + self.payload.len()
    }

    /// The bytes of the options, with their padding.
    #[inline]
    pub fn options(&self) -> &'a [u8] {
        self.options
    }

    /// What follows the header, without padding of the link.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The header as a value, without its options.
    #[inline]
    pub fn header(&self) -> Ipv4Header {
        header(self.fixed, self.payload.len() as u16)
    }

    /// Goes through the options for a source route; all others are skipped (RFC 1122, Section 3.2.1.8: those that a host
    /// does not know are ignored silently).
    ///
    /// # Errors
    /// [`Malformed::Options`] for an option that does not fit its space, and for a second source route (RFC 1122,
    /// Section 3.2.1.8 (e)).
    #[inline]
    pub fn source_route(&self) -> Result<SourceRoute, Malformed> {
        if self.options.is_empty() { Ok(SourceRoute::Absent) } else { find_source_route(self.options) }
    }
}

/// Splits the header off: its fixed part, its options, the length of both. The total length is not looked at.
#[inline]
pub(super) fn split_header(bytes: &[u8]) -> Result<(&[u8; Ipv4Header::LEN], &[u8], usize), Malformed> {
    let Some(fixed) = bytes.first_chunk::<{ Ipv4Header::LEN }>() else { return Err(Malformed::Truncated) };
    if fixed[0] >> 4 != 4 {
        return Err(Malformed::Version);
    }
    let header_len = usize::from(fixed[0] & 0x0f) * 4;
    if header_len < Ipv4Header::LEN {
        return Err(Malformed::HeaderLength);
    }
    let options = bytes.get(Ipv4Header::LEN..header_len).ok_or(Malformed::Truncated)?;
    Ok((fixed, options, header_len))
}

/// The value of the fixed part.
#[inline]
pub(super) fn header(fixed: &[u8; Ipv4Header::LEN], payload_len: u16) -> Ipv4Header {
    let fragment = fragment(fixed);
    Ipv4Header {
        src: src(fixed),
        dst: dst(fixed),
        protocol: IpProtocol(fixed[9]),
        ttl: fixed[8],
        traffic_class: fixed[1],
        identification: u16::from_be_bytes([fixed[4], fixed[5]]),
        dont_fragment: fragment & DONT_FRAGMENT != 0,
        more_fragments: fragment & MORE_FRAGMENTS != 0,
        fragment_offset: fragment & FRAGMENT_OFFSET,
        payload_len,
    }
}

#[inline]
pub(super) fn total_len(fixed: &[u8; Ipv4Header::LEN]) -> u16 {
    u16::from_be_bytes([fixed[2], fixed[3]])
}

#[inline]
fn fragment(fixed: &[u8; Ipv4Header::LEN]) -> u16 {
    u16::from_be_bytes([fixed[6], fixed[7]])
}

#[inline]
fn src(fixed: &[u8; Ipv4Header::LEN]) -> Ipv4Addr {
    Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15])
}

#[inline]
fn dst(fixed: &[u8; Ipv4Header::LEN]) -> Ipv4Addr {
    Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19])
}

/// RFC 791, Section 3.1, "Specific Option Definitions".
const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const LOOSE_SOURCE_ROUTE: u8 = 131;
const STRICT_SOURCE_ROUTE: u8 = 137;

#[inline(never)]
fn find_source_route(options: &[u8]) -> Result<SourceRoute, Malformed> {
    let mut found = SourceRoute::Absent;
    let mut rest = options;
    // Every turn takes at least one byte away, so at most 40 turns.
    while let [kind, after @ ..] = rest {
        match *kind {
            END => break,
            NO_OPERATION => rest = after,
            kind => {
                // The length counts kind and length bytes too (RFC 791, Section 3.1).
                let Some(len) = after.first() else { return Err(Malformed::Options) };
                let len = usize::from(*len);
                let Some((option, behind)) = (len >= 2).then(|| rest.split_at_checked(len)).flatten() else {
                    return Err(Malformed::Options);
                };
                if kind == LOOSE_SOURCE_ROUTE || kind == STRICT_SOURCE_ROUTE {
                    // The pointer counts from 1 and is at least 4, the first address.
                    let pointer = option.get(2).copied().map_or(0, usize::from);
                    if found != SourceRoute::Absent || pointer < 4 {
                        return Err(Malformed::Options);
                    }
                    found = if pointer > len { SourceRoute::Completed } else { SourceRoute::Pending };
                }
                rest = behind;
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(super) fn arb_header() -> impl Strategy<Value = Ipv4Header> {
        let fragment = (any::<bool>(), any::<bool>(), 0_u16..8192);
        (any::<([u8; 4], [u8; 4], u8, u8, u8, u16)>(), fragment, 0_u16..=65_515).prop_map(
            |((src, dst, protocol, ttl, traffic_class, identification), fragment, payload_len)| Ipv4Header {
                src: src.into(),
                dst: dst.into(),
                protocol: IpProtocol(protocol),
                ttl,
                traffic_class,
                identification,
                dont_fragment: fragment.0,
                more_fragments: fragment.1,
                fragment_offset: fragment.2,
                payload_len,
            },
        )
    }

    /// A datagram with options: header length, total length and checksum are right.
    fn with_options(options: &[u8], payload: &[u8]) -> Vec<u8> {
        assert_eq!(options.len() % 4, 0);
        let src = Ipv4Addr::new(129, 68, 72, 10);
        let header =
            Ipv4Header::atomic(src, src, IpProtocol::TCP, 64, (options.len() + payload.len()) as u16);
        let mut bytes = [&header.to_bytes()[..], options, payload].concat();
        bytes[0] += options.len() as u8 / 4;
        bytes[10..12].fill(0);
        let checksum = checksum::finish(checksum::sum(&bytes[..20 + options.len()]));
        bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    #[test]
    fn lengths_that_contradict_each_other_are_refused() {
        let good = with_options(&[1, 1, 1, 0], b"payload");
        assert!(Ipv4View::parse(&good).is_ok());
        for len in 0..good.len() {
            assert_eq!(Ipv4View::parse(&good[..len]).err(), Some(Malformed::Truncated), "{len} bytes");
        }
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            Ipv4View::parse(&bytes).err()
        };
        assert_eq!(with(0, 0x66), Some(Malformed::Version));
        assert_eq!(with(0, 0x44), Some(Malformed::HeaderLength));
        assert_eq!(with(0, 0x4f), Some(Malformed::Truncated));
        assert_eq!(with(3, 23), Some(Malformed::TotalLength));
        assert_eq!(with(3, 24), None);
        assert_eq!(with(3, 32), Some(Malformed::Truncated));
    }

    #[test]
    fn the_payload_excludes_options_and_link_padding() {
        let mut bytes = with_options(&[7, 7, 4, 0, 0, 0, 0, 0], b"payload");
        bytes.extend([0xee; 11]);
        let view = Ipv4View::parse(&bytes).unwrap();
        assert_eq!((view.header_len(), view.total_len(), view.payload()), (28, 35, &b"payload"[..]));
        assert!(view.checksum_ok());
        assert_eq!(view.source_route(), Ok(SourceRoute::Absent));
    }

    /// RFC 791, Section 3.1: the length of an option counts its kind and length bytes. RFC 1122, Section 3.2.1.8: a
    /// second source route is an error, and what means nothing to a host is skipped.
    #[test]
    fn a_source_route_is_found_behind_other_options_and_refused_twice() {
        let route = |options: &[u8]| {
            let bytes = with_options(options, b"");
            Ipv4View::parse(&bytes).unwrap().source_route()
        };
        assert_eq!(route(&[1, 131, 7, 4, 10, 0, 0, 1]), Ok(SourceRoute::Pending));
        assert_eq!(route(&[148, 4, 0, 0, 137, 7, 8, 10, 0, 0, 1, 0]), Ok(SourceRoute::Completed));
        assert_eq!(route(&[131, 3, 4, 137, 3, 4, 0, 0]), Err(Malformed::Options));
        assert_eq!(route(&[0, 131, 7, 4]), Ok(SourceRoute::Absent));
        for bad in [[7, 0, 0, 0], [7, 1, 0, 0], [7, 5, 0, 0], [1, 1, 1, 7], [131, 3, 3, 0], [131, 2, 1, 1]] {
            assert_eq!(route(&bad), Err(Malformed::Options), "{bad:?}");
        }
    }

    #[test]
    fn a_payload_beyond_the_length_field_is_cut_and_not_wrapped() {
        let any = Ipv4Addr::UNSPECIFIED;
        let header = Ipv4Header::atomic(any, any, IpProtocol::TCP, 64, 65_530);
        assert_eq!(header.to_bytes()[2..4], [0xff, 0xff]);
    }

    /// Same verdict and same fields as the oracle.
    fn agree(bytes: &[u8]) {
        let oracle = etherparse::Ipv4HeaderSlice::from_slice(bytes);
        let ours = Ipv4View::parse(bytes);
        let view = match (ours, oracle) {
            (Ok(view), Ok(oracle)) => {
                assert_eq!(view.header_len(), oracle.slice().len());
                assert_eq!(view.options(), oracle.options());
                assert_eq!(Some(view.payload().len() as u16), oracle.payload_len().ok());
                let header = view.header();
                assert_eq!((header.src, header.dst), (oracle.source_addr(), oracle.destination_addr()));
                assert_eq!((view.src(), view.dst()), (header.src, header.dst));
                assert_eq!((header.protocol.0, header.ttl), (oracle.protocol().0, oracle.ttl()));
                assert_eq!((view.protocol(), view.ttl()), (header.protocol, header.ttl));
                assert_eq!(header.traffic_class, oracle.dcp().value() << 2 | oracle.ecn().value());
                assert_eq!(header.identification, oracle.identification());
                assert_eq!(header.dont_fragment, oracle.dont_fragment());
                assert_eq!(header.more_fragments, oracle.more_fragments());
                assert_eq!(header.fragment_offset, oracle.fragments_offset().value());
                assert_eq!(view.is_fragment(), oracle.is_fragmenting_payload());
                let right = oracle.to_header().calc_header_checksum() == oracle.header_checksum();
                // Verifying by recomputation (the oracle) and by summing with the field in place (RFC 1071, ours)
                // differ for the field 0xffff alone (RFC 1624, Section 5); the oracle also drops the reserved flag.
                if oracle.header_checksum() != 0xffff && bytes[6] & 0x80 == 0 {
                    assert_eq!(view.checksum_ok(), right);
                }
                view
            }
            (Err(error), Err(_)) => {
                assert!(matches!(error, Malformed::Truncated | Malformed::Version | Malformed::HeaderLength));
                return;
            }
            // The oracle's header slice leaves the total length for later.
            (Err(error), Ok(oracle)) => {
                let total_len = usize::from(oracle.total_len());
                match error {
                    Malformed::TotalLength => assert!(total_len < oracle.slice().len()),
                    Malformed::Truncated => assert!(total_len > bytes.len()),
                    other => panic!("{other:?} for what the oracle accepts"),
                }
                return;
            }
            (Ok(_), Err(error)) => panic!("accepted, but not by the oracle: {error:?}"),
        };
        let _ = view.source_route();
        assert_eq!(view.total_len(), view.header_len() + view.payload().len());
    }

    proptest! {
        #[test]
        fn headers_round_trip_and_are_the_oracles_bytes(header in arb_header()) {
            let mut bytes = vec![0xee; 20 + usize::from(header.payload_len)];
            prop_assert_eq!(header.write(&mut bytes), 20);
            let view = Ipv4View::parse(&bytes).unwrap();
            prop_assert_eq!(view.header(), header);
            prop_assert!(view.checksum_ok());
            prop_assert_eq!(header.write(&mut [0; 19]), 0);
            let oracle = etherparse::Ipv4HeaderSlice::from_slice(&bytes).unwrap().to_header();
            prop_assert_eq!(&oracle.to_bytes()[..], &bytes[..20]);
        }

        /// RFC 3168, Section 5: ECN is the lower two bits of the byte; the oracle reads them apart.
        #[test]
        fn mutated_datagrams_are_read_as_the_oracle_reads_them(
            options in proptest::collection::vec(any::<u8>(), 0..=10),
            payload in proptest::collection::vec(any::<u8>(), 0..40),
            mutations in proptest::collection::vec((0_usize..60, any::<u8>()), 0..4),
            cut in 0_usize..100,
        ) {
            let options: Vec<u8> = options.iter().flat_map(|kind| [*kind, 4, 4, 0]).collect();
            let mut bytes = with_options(&options, &payload);
            agree(&bytes);
            for (at, byte) in mutations {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            agree(&bytes);
            agree(&bytes[..cut.min(bytes.len())]);
        }

        #[test]
        fn any_bytes_are_read_as_the_oracle_reads_them(mut bytes in proptest::collection::vec(any::<u8>(), 0..80), force: bool) {
            if force && bytes.len() > 3 {
                bytes[0] = 0x40 | (bytes[0] & 0x0f);
                bytes[2] = 0;
            }
            agree(&bytes);
        }
    }
}
