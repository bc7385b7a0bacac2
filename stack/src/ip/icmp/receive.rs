//! What to do with a received ICMP message.

use super::generate::write;
use super::{IcmpError, IcmpErrorKind};
use crate::buffer::Buf;
use crate::ip::interface::Interface;
use crate::ip::pmtu::TooBig;
use crate::ip::receive::Delivery;
use crate::settings;
use crate::telemetry::Discard;
use crate::wire::{Addr, Icmpv4, Ipv4Header, QuotedDatagram, Unreachable, icmpv4};

/// The answer to an echo request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EchoReply<'a> {
    /// Our address that was asked (RFC 1122, Section 3.2.2.6: the reply comes from there).
    pub src: Addr,
    /// Who asked.
    pub dst: Addr,
    /// DSCP of the request, with ECN cleared.
    pub traffic_class: u8,
    /// From the request.
    pub code: u8,
    /// From the request.
    pub identifier: u16,
    /// From the request.
    pub sequence: u16,
    /// All that the request carried.
    pub data: &'a [u8],
}

impl EchoReply<'_> {
    /// Appends the reply's packet to `buf`, with all the data (RFC 1122, Section 3.2.2.6): it may be larger than the link
    /// takes. False, and nothing is appended, where `buf` has no room.
    pub fn write(&self, buf: &mut Buf, ttl: u8) -> bool {
        let Self { code, identifier, sequence, data, .. } = *self;
        let message = Icmpv4::EchoReply { code, identifier, sequence, data };
        write(buf, self.src, self.dst, ttl, self.traffic_class, &message)
    }
}

/// What an ICMP message asks of us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum IcmpInput<'a> {
    /// Answer an echo request.
    Echo(EchoReply<'a>),
    /// Somebody answered an echo request of ours.
    EchoReply {
        /// Who.
        from: Addr,
        /// Which of our pings.
        identifier: u16,
        /// Which request.
        sequence: u16,
        /// What came back.
        data: &'a [u8],
    },
    /// An error about a TCP segment.
    Error(IcmpError),
    /// An error about an echo request of ours.
    EchoError {
        /// What went wrong.
        kind: IcmpErrorKind,
        /// Who says so.
        from: Addr,
        /// Who was asked.
        target: Addr,
        /// Which of our pings.
        identifier: u16,
        /// Which request.
        sequence: u16,
    },
    /// A redirect, for `Routes::on_redirect`, which checks it.
    Redirect {
        /// Who says so.
        from: Addr,
        /// For which destination.
        destination: Addr,
        /// Which gateway is better.
        gateway: Addr,
    },
    /// Nothing, for this reason.
    Discard(Discard),
}

/// Takes the ICMP message in `message`, the payload of the packet that `delivery` describes.
pub fn receive<'a>(
    interface: &Interface,
    settings: &settings::Ip,
    delivery: &Delivery,
    message: &'a [u8],
) -> IcmpInput<'a> {
    if message.len() < Icmpv4::HEADER_LEN {
        return IcmpInput::Discard(Discard::IcmpMalformed);
    }
    if !icmpv4::checksum_ok(message) {
        return IcmpInput::Discard(Discard::IcmpChecksum);
    }
    let Ok(parsed) = Icmpv4::parse(message) else { return IcmpInput::Discard(Discard::IcmpMalformed) };
    let from = delivery.src;
    match parsed {
        // RFC 1122, Section 3.2.2.6: every echo request is answered. RFC 792 names code 0 alone and makes the answer by
        // another type and sum, so that a code that somebody set goes back with the rest; so do Linux and the BSDs.
        Icmpv4::EchoRequest { code, identifier, sequence, data } if settings.echo_reply => {
            IcmpInput::Echo(EchoReply {
                src: delivery.dst,
                dst: from,
                traffic_class: delivery.traffic_class & !0b11,
                code,
                identifier,
                sequence,
                data,
            })
        }
        // Our requests have code 0, and so have their answers.
        Icmpv4::EchoReply { code: 0, identifier, sequence, data } => {
            IcmpInput::EchoReply { from, identifier, sequence, data }
        }
        Icmpv4::EchoRequest { .. } | Icmpv4::EchoReply { .. } => IcmpInput::Discard(Discard::IcmpUnused),
        Icmpv4::Unreachable { reason, quoted } => {
            let mtu = match reason {
                Unreachable::FragmentationNeeded { next_hop_mtu } => Some(next_hop_mtu),
                _ => None,
            };
            about(interface, from, IcmpErrorKind::of_unreachable(reason), quoted, mtu)
        }
        Icmpv4::TimeExceeded { code, quoted } => {
            about(interface, from, IcmpErrorKind::of_time_exceeded(code), quoted, None)
        }
        Icmpv4::ParameterProblem { code, pointer: _, quoted } => {
            about(interface, from, IcmpErrorKind::of_parameter_problem(code), quoted, None)
        }
        Icmpv4::Redirect { code: _, gateway, quoted } => {
            // RFC 1122, Section 3.2.2.2 asks a host to follow; the setting says whether, and by default it is no.
            let Some(ours) = quoted_by_us(interface, quoted).filter(|_| settings.redirects) else {
                return IcmpInput::Discard(Discard::IcmpRedirect);
            };
            let destination = Addr::v4(ours.header.dst);
            IcmpInput::Redirect { from, destination, gateway: Addr::v4(gateway) }
        }
        // RFC 1122, Section 3.2.2: an unknown type is discarded silently. RFC 6633: so is source quench.
        Icmpv4::Other { .. } => IcmpInput::Discard(Discard::IcmpUnused),
    }
}

/// The quoted packet, if it says that we sent it.
fn quoted_by_us<'a>(interface: &Interface, quoted: &'a [u8]) -> Option<QuotedDatagram<'a>> {
    QuotedDatagram::parse(quoted).ok().filter(|quoted| interface.is_ours(Addr::v4(quoted.header.src)))
}

/// An error about `quoted`: RFC 1122, Section 3.2.2 gives it to the transport that the quoted header names.
fn about<'a>(
    interface: &Interface,
    from: Addr,
    kind: Option<IcmpErrorKind>,
    quoted: &[u8],
    mtu: Option<u16>,
) -> IcmpInput<'a> {
    let Some(kind) = kind else { return IcmpInput::Discard(Discard::IcmpUnused) };
    let quoted = match QuotedDatagram::parse(quoted) {
        Ok(quoted) => quoted,
        Err(_) => return IcmpInput::Discard(Discard::IcmpMalformed),
    };
    if !interface.is_ours(Addr::v4(quoted.header.src)) {
        return IcmpInput::Discard(Discard::IcmpNotOurs);
    }
    if let Some(tcp) = quoted.tcp() {
        let too_big = mtu.map(|mtu| TooBig {
            mtu,
            quoted_total_len: quoted.total_len,
            // The header that we send has no options; what a router made of it does not count.
            quoted_header_len: Ipv4Header::LEN as u16,
        });
        return IcmpInput::Error(IcmpError { kind, from, flow: tcp.flow, seq: tcp.seq, too_big });
    }
    match quoted.echo_request() {
        Some((identifier, sequence)) => {
            let target = Addr::v4(quoted.header.dst);
            IcmpInput::EchoError { kind, from, target, identifier, sequence }
        }
        None => IcmpInput::Discard(Discard::IcmpNotOurs),
    }
}

#[cfg(test)]
mod tests;
