//! ICMP messages of our own.

use crate::buffer::Buf;
use crate::ip::interface::{Destination, Interface};
use crate::ip::receive::Arrival;
use crate::wire::{
    Addr, Icmpv4, IpProtocol, Ipv4Header, Ipv4View, ParameterProblem, TimeExceeded, Unreachable, icmpv4,
};

/// Errors that a host sends (RFC 1122, Sections 3.2.2.1, 3.2.2.4 and 3.2.2.5). TCP answers a closed port by RST.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Complaint {
    /// We do not speak the packet's protocol.
    ProtocolUnreachable,
    /// Nobody takes packets for this port.
    PortUnreachable,
    /// Not all fragments of its datagram came in time; the packet is fragment zero (RFC 1122, Section 3.3.2).
    ReassemblyTime,
    /// This byte of the header is wrong.
    ParameterProblem {
        /// Its offset.
        pointer: u8,
    },
}

/// About what no ICMP error is ever sent (RFC 1122, Section 3.2.2), so that no storm begins with us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NeverAbout {
    /// An ICMP error, or an ICMP message of which we do not know that it is none.
    IcmpError,
    /// A packet to a broadcast or multicast address.
    GroupDestination,
    /// A packet in a frame to several stations.
    GroupFrame,
    /// A fragment that is not the first.
    LaterFragment,
    /// A packet whose source is no single host.
    Source,
    /// A packet whose header cannot be trusted (RFC 1122, Sections 3.2.1.1 and 3.2.1.2: discarded silently).
    Malformed,
}

/// Why an error was not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Withheld {
    /// It must not be.
    Never(NeverAbout),
    /// The rate limit is used up.
    Limited,
    /// The buffer is too small.
    NoRoom,
}

/// Whether `packet`, an IPv4 packet, is one about which no ICMP error may be sent.
pub fn never_about(interface: &Interface, packet: &[u8], arrival: Arrival) -> Option<NeverAbout> {
    let Ok(view) = Ipv4View::parse(packet) else { return Some(NeverAbout::Malformed) };
    if !view.checksum_ok() {
        return Some(NeverAbout::Malformed);
    }
    match interface.destination(Addr::v4(view.dst())) {
        Destination::Broadcast | Destination::Multicast => return Some(NeverAbout::GroupDestination),
        Destination::Ours | Destination::Other => {}
    }
    if arrival == Arrival::Group {
        return Some(NeverAbout::GroupFrame);
    }
    if view.header().fragment_offset != 0 {
        return Some(NeverAbout::LaterFragment);
    }
    if interface.check_source(Addr::v4(view.src()), arrival == Arrival::Loop).is_err() {
        return Some(NeverAbout::Source);
    }
    if view.protocol() == IpProtocol::ICMP && !view.payload().first().is_some_and(|kind| is_query(*kind)) {
        return Some(NeverAbout::IcmpError);
    }
    None
}

/// Types that are known to be no errors: echo, timestamp, information, address mask (RFC 1122, Section 3.2.2).
const fn is_query(kind: u8) -> bool {
    matches!(kind, 0 | 8 | 13..=18)
}

/// Appends to `buf` the packet of an ICMP error about `packet`, and gives the address that it goes to. `allow` is asked
/// last, and only where the error would be sent: for a limiter that counts.
///
/// # Errors
/// [`Withheld`]; `buf` is unchanged.
pub fn generate(
    buf: &mut Buf,
    interface: &Interface,
    ttl: u8,
    packet: &[u8],
    arrival: Arrival,
    complaint: Complaint,
    allow: impl FnOnce() -> bool,
) -> Result<Addr, Withheld> {
    if let Some(reason) = never_about(interface, packet, arrival) {
        return Err(Withheld::Never(reason));
    }
    let Ok(view) = Ipv4View::parse(packet) else { return Err(Withheld::Never(NeverAbout::Malformed)) };
    let (src, dst) = (Addr::v4(view.dst()), Addr::v4(view.src()));
    // Without padding of the link, and unchanged (RFC 1122, Section 3.2.2).
    let quoted = icmpv4::quote(packet.get(..view.total_len()).unwrap_or(packet));
    let message = match complaint {
        Complaint::ProtocolUnreachable => Icmpv4::Unreachable { reason: Unreachable::Protocol, quoted },
        Complaint::PortUnreachable => Icmpv4::Unreachable { reason: Unreachable::Port, quoted },
        Complaint::ReassemblyTime => Icmpv4::TimeExceeded { code: TimeExceeded::Reassembly, quoted },
        Complaint::ParameterProblem { pointer } => {
            Icmpv4::ParameterProblem { code: ParameterProblem::Pointer, pointer, quoted }
        }
    };
    if buf.tailroom() < Ipv4Header::LEN + message.written_len() {
        return Err(Withheld::NoRoom);
    }
    if !allow() {
        return Err(Withheld::Limited);
    }
    // RFC 1122, Section 3.2.2: TOS 0.
    if write(buf, src, dst, ttl, 0, &message) { Ok(dst) } else { Err(Withheld::NoRoom) }
}

/// Appends the IPv4 packet of an ICMP message to `buf`. False, and nothing is appended, where `buf` has no room or the
/// addresses are not IPv4.
pub fn write(buf: &mut Buf, src: Addr, dst: Addr, ttl: u8, traffic_class: u8, message: &Icmpv4<'_>) -> bool {
    let (Some(src), Some(dst)) = (src.to_v4(), dst.to_v4()) else { return false };
    let Ok(payload_len) = u16::try_from(message.written_len()) else { return false };
    let header =
        Ipv4Header { traffic_class, ..Ipv4Header::atomic(src, dst, IpProtocol::ICMP, ttl, payload_len) };
    let Some(place) = buf.extend(Ipv4Header::LEN + usize::from(payload_len)) else { return false };
    let Some((head, body)) = place.split_at_mut_checked(Ipv4Header::LEN) else { return false };
    header.write(head);
    message.write(body);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ip::interface::tests::server;
    use std::net::Ipv4Addr;

    const US: Ipv4Addr = Ipv4Addr::new(129, 68, 72, 10);
    const PEER: Ipv4Addr = Ipv4Addr::new(129, 68, 72, 20);

    /// A packet of protocol 99 from a neighbour to us, changed by `change`.
    fn packet(change: impl FnOnce(&mut Ipv4Header)) -> Vec<u8> {
        let mut header = Ipv4Header::atomic(PEER, US, IpProtocol(99), 64, 16);
        change(&mut header);
        [&header.to_bytes()[..], &[8; 16]].concat()
    }

    fn never(arrival: Arrival, change: impl FnOnce(&mut Ipv4Header)) -> Option<NeverAbout> {
        never_about(&server(), &packet(change), arrival)
    }

    /// RFC 1122, Section 3.2.2.1: code 2.
    #[test]
    fn a_host_is_told_of_a_protocol_that_we_do_not_speak() {
        let about = packet(|_| {});
        let padded = [&about[..], &[0; 10]].concat();
        let mut buf = Buf::new(600, 0);
        let to = generate(
            &mut buf,
            &server(),
            64,
            &padded,
            Arrival::Unicast,
            Complaint::ProtocolUnreachable,
            || true,
        );
        assert_eq!(to, Ok(Addr::v4(PEER)));
        let view = Ipv4View::parse(buf.data()).unwrap();
        assert!(view.checksum_ok() && icmpv4::checksum_ok(view.payload()));
        assert_eq!((view.src(), view.dst(), view.protocol()), (US, PEER, IpProtocol::ICMP));
        assert_eq!(view.header().traffic_class, 0);
        let expected = Icmpv4::Unreachable { reason: Unreachable::Protocol, quoted: &about };
        assert_eq!(
            Icmpv4::parse(view.payload()),
            Ok(expected),
            "quoted unchanged, without padding of the link"
        );
    }

    /// RFC 1122, Section 3.2.2.1: code 3; RFC 1122, Section 3.2.2.4: code 1; RFC 1122, Section 3.2.2.5: the pointer names
    /// the byte.
    #[test]
    fn the_other_errors_are_written_with_their_fields() {
        for (complaint, kind, code, byte4) in [
            (Complaint::PortUnreachable, 3, 3, 0),
            (Complaint::ReassemblyTime, 11, 1, 0),
            (Complaint::ParameterProblem { pointer: 20 }, 12, 0, 20),
        ] {
            let mut buf = Buf::new(600, 0);
            let done =
                generate(&mut buf, &server(), 64, &packet(|_| {}), Arrival::Unicast, complaint, || true);
            assert!(done.is_ok());
            assert_eq!((buf.data()[20], buf.data()[21], buf.data()[24]), (kind, code, byte4));
        }
    }

    /// RFC 1812, Section 4.3.2.3.
    #[test]
    fn a_large_packet_is_quoted_so_that_the_error_stays_within_576_bytes() {
        let header = Ipv4Header::atomic(PEER, US, IpProtocol(99), 64, 1400);
        let about = [&header.to_bytes()[..], &[7; 1400]].concat();
        let mut buf = Buf::new(2000, 0);
        assert!(
            generate(
                &mut buf,
                &server(),
                64,
                &about,
                Arrival::Unicast,
                Complaint::ProtocolUnreachable,
                || true
            )
            .is_ok()
        );
        assert_eq!(buf.len(), 576);
    }

    #[test]
    fn never_about_an_icmp_error_or_an_unknown_icmp_message() {
        for kind in [3, 4, 5, 11, 12, 1, 2, 30, 255] {
            let mut about = packet(|header| header.protocol = IpProtocol::ICMP);
            about[20] = kind;
            assert_eq!(
                never_about(&server(), &about, Arrival::Unicast),
                Some(NeverAbout::IcmpError),
                "{kind}"
            );
        }
        assert_eq!(
            never(Arrival::Unicast, |header| header.protocol = IpProtocol::ICMP),
            None,
            "an echo is none"
        );
        let empty = Ipv4Header::atomic(PEER, US, IpProtocol::ICMP, 64, 0).to_bytes();
        assert_eq!(never_about(&server(), &empty, Arrival::Unicast), Some(NeverAbout::IcmpError));
    }

    #[test]
    fn never_about_a_packet_to_a_broadcast_or_multicast_address() {
        for dst in [[255, 255, 255, 255], [129, 68, 72, 255], [129, 68, 72, 0], [224, 0, 0, 1]] {
            let reason = never(Arrival::Unicast, |header| header.dst = dst.into());
            assert_eq!(reason, Some(NeverAbout::GroupDestination), "{dst:?}");
        }
    }

    #[test]
    fn never_about_a_packet_in_a_frame_to_several_stations() {
        assert_eq!(never(Arrival::Group, |_| {}), Some(NeverAbout::GroupFrame));
    }

    #[test]
    fn never_about_a_later_fragment_but_about_the_first() {
        assert_eq!(
            never(Arrival::Unicast, |header| header.fragment_offset = 1),
            Some(NeverAbout::LaterFragment)
        );
        assert_eq!(never(Arrival::Unicast, |header| header.more_fragments = true), None);
    }

    #[test]
    fn never_about_a_source_that_is_no_single_host() {
        for src in [
            [0, 0, 0, 0],
            [0, 0, 0, 9],
            [127, 0, 0, 1],
            [255, 255, 255, 255],
            [129, 68, 72, 255],
            [224, 0, 0, 1],
            [245, 0, 0, 1],
            [129, 68, 72, 10],
        ] {
            assert_eq!(
                never(Arrival::Unicast, |header| header.src = src.into()),
                Some(NeverAbout::Source),
                "{src:?}"
            );
        }
        assert_eq!(never(Arrival::Loop, |header| header.src = US), None, "ourselves, through the loop queue");
    }

    /// RFC 1122, Section 3.2.1.2: it is discarded silently.
    #[test]
    fn never_about_a_header_that_is_broken() {
        let mut about = packet(|_| {});
        about[8] ^= 1;
        assert_eq!(never_about(&server(), &about, Arrival::Unicast), Some(NeverAbout::Malformed));
        assert_eq!(never_about(&server(), &about[..10], Arrival::Unicast), Some(NeverAbout::Malformed));
    }

    #[test]
    fn the_limiter_is_asked_only_for_what_would_be_sent_and_a_refusal_leaves_the_buffer_alone() {
        let mut buf = Buf::new(600, 0);
        let mut asked = 0;
        let mut send = |buf: &mut Buf, arrival, about: &[u8], answer: bool| {
            generate(buf, &server(), 64, about, arrival, Complaint::ProtocolUnreachable, || {
                asked += 1;
                answer
            })
        };
        let about = packet(|_| {});
        assert_eq!(
            send(&mut buf, Arrival::Group, &about, true),
            Err(Withheld::Never(NeverAbout::GroupFrame))
        );
        assert_eq!(send(&mut Buf::new(40, 0), Arrival::Unicast, &about, true), Err(Withheld::NoRoom));
        assert_eq!(send(&mut buf, Arrival::Unicast, &about, false), Err(Withheld::Limited));
        assert_eq!((asked, buf.len()), (1, 0));
    }
}
