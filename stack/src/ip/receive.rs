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
    /// Where the payload stands in the packet; link padding is not in it.
    pub payload: Range<usize>,
}

/// Classifies the IPv4 packet at the start of `packet`. All discards are silent (RFC 1122, Section 3.2.1); the only ICMP
/// error that a delivery can still lead to is "protocol unreachable" (`icmp::generate`).
///
/// # Errors
/// The one reason of the discard, in the order of the checks: form, header checksum, destination, kind of frame, source,
/// options, fragment.
#[inline]
pub fn receive(
    interface: &Interface,
    settings: &settings::Ip,
    packet: &[u8],
    arrival: Arrival,
) -> Result<Delivery, Discard> {
    // RFC 1122, Sections 3.2.1.1 and 3.2.1.2: another version or a wrong checksum is discarded silently.
    let view = Ipv4View::parse(packet).map_err(|_| Discard::IpMalformed)?;
    if !view.checksum_ok() {
        return Err(Discard::IpChecksum);
    }
    let (src, dst) = (Addr::v4(view.src()), Addr::v4(view.dst()));
    match (interface.destination(dst), arrival) {
        (Destination::Ours, Arrival::Unicast | Arrival::Loop) => {}
        // RFC 1122, Section 3.3.6: a frame to all stations must carry a broadcast or multicast packet.
        (Destination::Ours, Arrival::Group) => return Err(Discard::IpBroadcast),
        // Nothing here serves groups; echo to a group may be ignored (RFC 1122, Section 3.2.2.6).
        (Destination::Broadcast | Destination::Multicast, _) => return Err(Discard::IpBroadcast),
        // RFC 1122, Section 3.2.1.3; a host does not forward (Section 3.1).
        (Destination::Other, _) => return Err(Discard::IpNotForUs),
    }
    interface.check_source(src, arrival == Arrival::Loop)?;
    match view.source_route().map_err(|_| Discard::IpOptions)? {
        SourceRoute::Absent => {}
        SourceRoute::Completed if !settings.source_routing_refused => {}
        // One that is not at its end would have to be forwarded.
        SourceRoute::Completed | SourceRoute::Pending => return Err(Discard::IpOptions),
    }
    if view.is_fragment() {
        return Err(Discard::IpFragment);
    }
    Ok(Delivery {
        src,
        dst,
        protocol: view.protocol(),
        ttl: view.ttl(),
        traffic_class: view.header().traffic_class,
        payload: view.header_len()..view.total_len(),
    })
}
