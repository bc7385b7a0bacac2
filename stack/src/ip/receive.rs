//! What becomes of a received IPv4 packet: it is for us and well formed, or it is one discard.

use super::interface::{Destination, Interface};
use crate::settings;
use crate::telemetry::Discard;
use crate::wire::{Addr, IpProtocol, Ipv4View, SourceRoute};
use core::ops::Range;

/// How a packet reached us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// In a frame to our own link-layer address.
    Unicast,
    /// In a frame to a group of stations or to all.
    Group,
    /// From ourselves through the loop queue.
    Loop,
}

/// A packet for us.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// The sender.
    pub src: Addr,
    /// Our address that it was sent to.
    pub dst: Addr,
    /// The protocol of the payload.
    pub protocol: IpProtocol,
    /// Hops that were left.
    pub ttl: u8,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// It is one fragment of a datagram: for `reassembly`, before anything else looks at its payload.
    pub fragment: bool,
    /// Where the payload stands in the packet; link padding is not in it.
    pub payload: Range<usize>,
}

/// Classifies the IPv4 packet at the start of `packet`. All discards are silent (RFC 1122, Section 3.2.1); the only ICMP
/// error that a delivery can still lead to is "protocol unreachable" (`icmp::generate`).
///
/// # Errors
/// The one reason of the discard, in the order of the checks: form, header checksum, destination, kind of frame, source,
/// options.
#[inline]
pub fn receive(
    interface: &Interface,
    settings: &settings::Ip,
    packet: &[u8],
    arrival: Arrival,
) -> Result<Delivery, Discard> {
    receive_known(interface, settings, packet, arrival, &mut None)
}

/// As [`receive`]. `known` is a pair of source and destination that the same interface, unchanged, found good in a frame to
/// our own address; packets come in trains, and of a train only the first is checked against all our networks.
///
/// # Errors
/// As [`receive`].
#[inline]
pub fn receive_known(
    interface: &Interface,
    settings: &settings::Ip,
    packet: &[u8],
    arrival: Arrival,
    known: &mut Option<(Addr, Addr)>,
) -> Result<Delivery, Discard> {
    // RFC 1122, Sections 3.2.1.1 and 3.2.1.2: another version or a wrong checksum is discarded silently.
    let view = Ipv4View::parse(packet).map_err(|_| Discard::IpMalformed)?;
    if !view.checksum_ok() {
        return Err(Discard::IpChecksum);
    }
    let (src, dst) = (Addr::v4(view.src()), Addr::v4(view.dst()));
    if !(arrival == Arrival::Unicast && *known == Some((src, dst))) {
        check_addresses(interface, src, dst, arrival)?;
        if arrival == Arrival::Unicast {
            *known = Some((src, dst));
        }
    }
    match view.source_route().map_err(|_| Discard::IpOptions)? {
        SourceRoute::Absent => {}
        SourceRoute::Completed if !settings.source_routing_refused => {}
        // One that is not at its end would have to be forwarded.
        SourceRoute::Completed | SourceRoute::Pending => return Err(Discard::IpOptions),
    }
    Ok(Delivery {
        src,
        dst,
        protocol: view.protocol(),
        ttl: view.ttl(),
        traffic_class: view.header().traffic_class,
        fragment: view.is_fragment(),
        payload: view.header_len()..view.total_len(),
    })
}

fn check_addresses(interface: &Interface, src: Addr, dst: Addr, arrival: Arrival) -> Result<(), Discard> {
    match (interface.destination(dst), arrival) {
        (Destination::Ours, Arrival::Unicast | Arrival::Loop) => {}
        // RFC 1122, Section 3.3.6: a frame to all stations must carry a broadcast or multicast packet.
        (Destination::Ours, Arrival::Group) => return Err(Discard::IpBroadcast),
        // Nothing here serves groups; echo to a group may be ignored (RFC 1122, Section 3.2.2.6).
        (Destination::Broadcast | Destination::Multicast, _) => return Err(Discard::IpBroadcast),
        // RFC 1122, Section 3.2.1.3; a host does not forward (Section 3.1).
        (Destination::Other, _) => return Err(Discard::IpNotForUs),
    }
    interface.check_source(src, arrival == Arrival::Loop)
}

#[cfg(test)]
mod tests {
    use super::super::interface::tests::server;
    use super::super::prefix::tests::a;
    use super::*;
    use crate::wire::{Ipv4Header, checksum};
    use std::net::Ipv4Addr;

    const US: Ipv4Addr = Ipv4Addr::new(129, 68, 72, 10);
    const PEER: Ipv4Addr = Ipv4Addr::new(129, 68, 72, 20);

    fn packet(change: impl FnOnce(&mut Ipv4Header)) -> Vec<u8> {
        let mut header = Ipv4Header::atomic(PEER, US, IpProtocol::TCP, 61, 7);
        header.traffic_class = 0xb8;
        change(&mut header);
        [&header.to_bytes()[..], b"payload"].concat()
    }

    /// The packet with these options, whose bytes are a multiple of four.
    fn with_options(options: &[u8]) -> Vec<u8> {
        let mut bytes = packet(|header| header.payload_len += options.len() as u16);
        bytes.splice(20..20, options.iter().copied());
        bytes[0] += options.len() as u8 / 4;
        bytes[10..12].fill(0);
        let sum = checksum::finish(checksum::sum(&bytes[..20 + options.len()]));
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes
    }

    fn take(bytes: &[u8], arrival: Arrival) -> Result<Delivery, Discard> {
        receive(&server(), &settings::Ip::default(), bytes, arrival)
    }

    fn refused(arrival: Arrival, change: impl FnOnce(&mut Ipv4Header)) -> Discard {
        take(&packet(change), arrival).unwrap_err()
    }

    #[test]
    fn a_packet_for_us_is_delivered_without_header_and_padding() {
        let padded = [packet(|_| {}), vec![0; 19]].concat();
        let delivery = take(&padded, Arrival::Unicast).unwrap();
        assert_eq!((delivery.src, delivery.dst), (a("129.68.72.20"), a("129.68.72.10")));
        assert_eq!((delivery.protocol, delivery.ttl, delivery.traffic_class), (IpProtocol::TCP, 61, 0xb8));
        assert_eq!(&padded[delivery.payload], b"payload");
        let optioned = with_options(&[7, 7, 4, 0, 0, 0, 0, 0]);
        let delivery = take(&optioned, Arrival::Unicast).unwrap();
        assert_eq!(&optioned[delivery.payload], b"payload", "options are skipped");
    }

    /// RFC 1122, Sections 3.2.1.1 and 3.2.1.2: nothing but a discard comes of it.
    #[test]
    fn every_malformed_packet_is_one_silent_discard() {
        let good = packet(|_| {});
        for len in 0..good.len() {
            assert_eq!(take(&good[..len], Arrival::Unicast), Err(Discard::IpMalformed), "{len} bytes");
        }
        let mut version = good.clone();
        version[0] = 0x65;
        assert_eq!(take(&version, Arrival::Unicast), Err(Discard::IpMalformed));
        for at in [1, 4, 8, 9, 10, 12, 16] {
            let mut bytes = good.clone();
            bytes[at] ^= 0x10;
            assert_eq!(take(&bytes, Arrival::Unicast), Err(Discard::IpChecksum), "byte {at}");
        }
    }

    /// RFC 1122, Section 3.2.1.3: a host takes what is for itself.
    #[test]
    fn what_is_not_for_us_goes_no_further() {
        assert_eq!(refused(Arrival::Unicast, |h| h.dst = [129, 68, 72, 11].into()), Discard::IpNotForUs);
        for dst in [[129, 68, 72, 255], [129, 68, 72, 0], [255; 4], [224, 0, 0, 1]] {
            assert_eq!(refused(Arrival::Unicast, |h| h.dst = dst.into()), Discard::IpBroadcast, "{dst:?}");
            assert_eq!(refused(Arrival::Group, |h| h.dst = dst.into()), Discard::IpBroadcast, "{dst:?}");
        }
        assert_eq!(refused(Arrival::Group, |_| {}), Discard::IpBroadcast, "RFC 1122, Section 3.3.6");
    }

    #[test]
    fn a_source_that_no_host_may_have_is_refused() {
        for src in [[0; 4], [127, 0, 0, 1], [224, 0, 0, 1], [255; 4], [129, 68, 72, 255], [245, 1, 1, 1]] {
            assert_eq!(refused(Arrival::Unicast, |h| h.src = src.into()), Discard::IpSource, "{src:?}");
        }
        assert_eq!(refused(Arrival::Unicast, |h| h.src = US), Discard::IpSource, "a land packet");
        assert!(take(&packet(|h| h.src = US), Arrival::Loop).is_ok(), "ourselves, through the loop queue");
    }

    #[test]
    fn fragments_are_told_from_whole_packets() {
        let is_fragment =
            |change: fn(&mut Ipv4Header)| take(&packet(change), Arrival::Unicast).unwrap().fragment;
        assert!(is_fragment(|h| h.more_fragments = true) && is_fragment(|h| h.fragment_offset = 1));
        assert!(!is_fragment(|h| h.dont_fragment = false));
    }

    /// RFC 1122, Section 3.2.1.8: a host that does not forward takes a source route only at its end.
    #[test]
    fn source_routes_are_refused_by_default_and_a_finished_one_passes_by_setting() {
        let finished = with_options(&[131, 7, 8, 129, 68, 72, 1, 0]);
        let unfinished = with_options(&[137, 7, 4, 129, 68, 72, 1, 0]);
        let broken = with_options(&[7, 60, 4, 0]);
        for bytes in [&finished, &unfinished, &broken] {
            assert_eq!(take(bytes, Arrival::Unicast), Err(Discard::IpOptions));
        }
        let open = settings::Ip { source_routing_refused: false, ..Default::default() };
        let take = |bytes: &[u8]| receive(&server(), &open, bytes, Arrival::Unicast);
        assert!(take(&finished).is_ok());
        assert_eq!(take(&unfinished), Err(Discard::IpOptions), "a host does not forward");
        assert_eq!(take(&broken), Err(Discard::IpOptions));
    }
}
