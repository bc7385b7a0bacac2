//! ICMP for IPv4 (RFC 792; RFC 1122, Section 3.2.2; RFC 1191; RFC 1812, Section 5.2.7).

use super::{Malformed, checksum};
use std::net::Ipv4Addr;

/// Why a destination is unreachable: the code of type 3.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Unreachable {
    /// 0: no route to the network.
    Network,
    /// 1: the host does not answer its last router.
    Host,
    /// 2: the host does not speak the protocol.
    Protocol,
    /// 3: nothing listens at the port.
    Port,
    /// 4: the datagram is too big for the next link and has DF.
    FragmentationNeeded {
        /// MTU of that link in bytes (RFC 1191, Section 4); 0 from a router that does not know RFC 1191.
        next_hop_mtu: u16,
    },
    /// 5: a source route failed.
    SourceRouteFailed,
    /// 6: the network is unknown.
    NetworkUnknown,
    /// 7: the host is unknown.
    HostUnknown,
    /// 8: the source is isolated (obsolete).
    SourceIsolated,
    /// 9: the network is administratively prohibited.
    NetworkProhibited,
    /// 10: the host is administratively prohibited.
    HostProhibited,
    /// 11: the network is unreachable for this type of service.
    NetworkService,
    /// 12: the host is unreachable for this type of service.
    HostService,
    /// 13: a filter prohibits the communication.
    CommunicationProhibited,
    /// 14: the precedence is not permitted.
    PrecedenceViolation,
    /// 15: the precedence is below the least that is in effect.
    PrecedenceCutoff,
    /// A code that nothing defines.
    Other(u8),
}

impl Unreachable {
    /// From the wire. `next_hop_mtu` is what stands in bytes 6 and 7 of the message.
    pub const fn from_wire(code: u8, next_hop_mtu: u16) -> Self {
        match code {
            0 => Self::Network,
            1 => Self::Host,
            2 => Self::Protocol,
            3 => Self::Port,
            4 => Self::FragmentationNeeded { next_hop_mtu },
            5 => Self::SourceRouteFailed,
            6 => Self::NetworkUnknown,
            7 => Self::HostUnknown,
            8 => Self::SourceIsolated,
            9 => Self::NetworkProhibited,
            10 => Self::HostProhibited,
            11 => Self::NetworkService,
            12 => Self::HostService,
            13 => Self::CommunicationProhibited,
            14 => Self::PrecedenceViolation,
            15 => Self::PrecedenceCutoff,
            other => Self::Other(other),
        }
    }

    /// The code on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Self::Network => 0,
            Self::Host => 1,
            Self::Protocol => 2,
            Self::Port => 3,
            Self::FragmentationNeeded { .. } => 4,
            Self::SourceRouteFailed => 5,
            Self::NetworkUnknown => 6,
            Self::HostUnknown => 7,
            Self::SourceIsolated => 8,
            Self::NetworkProhibited => 9,
            Self::HostProhibited => 10,
            Self::NetworkService => 11,
            Self::HostService => 12,
            Self::CommunicationProhibited => 13,
            Self::PrecedenceViolation => 14,
            Self::PrecedenceCutoff => 15,
            Self::Other(code) => code,
        }
    }
}

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A code that nothing defines.
            Other(u8),
        }

        impl $name {
            /// From the wire.
            pub const fn from_wire(code: u8) -> Self {
                match code {
                    $($code => Self::$variant,)+
                    other => Self::Other(other),
                }
            }

            /// The code on the wire.
            pub const fn code(self) -> u8 {
                match self {
                    $(Self::$variant => $code,)+
                    Self::Other(code) => code,
                }
            }
        }
    };
}

codes! {
    /// What ran out: the code of type 11.
    TimeExceeded {
        /// The time to live, at a router.
        InTransit = 0,
        /// The time for reassembly, at the destination.
        Reassembly = 1,
    }
}

codes! {
    /// What is wrong with a header: the code of type 12.
    ParameterProblem {
        /// The pointer names the byte.
        Pointer = 0,
        /// A required option is missing (RFC 1108).
        OptionMissing = 1,
        /// A length is bad.
        BadLength = 2,
    }
}

codes! {
    /// What should go by another gateway: the code of type 5.
    Redirect {
        /// All datagrams for the network.
        Network = 0,
        /// All datagrams for the host.
        Host = 1,
        /// Those for the network with this type of service.
        NetworkService = 2,
        /// Those for the host with this type of service.
        HostService = 3,
    }
}

/// An ICMP message. `Other` also stands for what is obsolete (source quench, which RFC 6633 tells hosts to ignore).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Icmpv4<'a> {
    /// Type 8: to be answered with the same identifier, sequence number and data.
    EchoRequest {
        /// 0 as RFC 792 has it; a probe may have another one.
        code: u8,
        /// Whose request.
        identifier: u16,
        /// Which request.
        sequence: u16,
        /// What to send back.
        data: &'a [u8],
    },
    /// Type 0: the answer.
    EchoReply {
        /// That of the request: the answer has another type, and all else as it was (RFC 792).
        code: u8,
        /// Whose request.
        identifier: u16,
        /// Which request.
        sequence: u16,
        /// What the request carried.
        data: &'a [u8],
    },
    /// Type 3.
    Unreachable {
        /// Why.
        reason: Unreachable,
        /// The start of the datagram that it is about; see [`super::QuotedDatagram`].
        quoted: &'a [u8],
    },
    /// Type 5.
    Redirect {
        /// What should go elsewhere.
        code: Redirect,
        /// The better gateway.
        gateway: Ipv4Addr,
        /// The start of the datagram that it is about.
        quoted: &'a [u8],
    },
    /// Type 11.
    TimeExceeded {
        /// What ran out.
        code: TimeExceeded,
        /// The start of the datagram that it is about.
        quoted: &'a [u8],
    },
    /// Type 12.
    ParameterProblem {
        /// What is wrong.
        code: ParameterProblem,
        /// Offset of the byte that is wrong; counts only with [`ParameterProblem::Pointer`].
        pointer: u8,
        /// The start of the datagram that it is about.
        quoted: &'a [u8],
    },
    /// Any other type.
    Other {
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
        /// Bytes 4 to 7.
        word: [u8; 4],
        /// What follows.
        body: &'a [u8],
    },
}

const ECHO_REPLY: u8 = 0;
const UNREACHABLE: u8 = 3;
const REDIRECT: u8 = 5;
const ECHO_REQUEST: u8 = 8;
const TIME_EXCEEDED: u8 = 11;
const PARAMETER_PROBLEM: u8 = 12;

impl<'a> Icmpv4<'a> {
    /// Bytes before the data or the quoted datagram.
    pub const HEADER_LEN: usize = 8;

    /// The message that `bytes` (the payload of a datagram) are. Its checksum is not looked at ([`checksum_ok`]); fields
    /// that the message's code does not use are not read.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below 8 bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let Some((&[kind, code, _, _, b4, b5, b6, b7], body)) = bytes.split_first_chunk::<8>() else {
            return Err(Malformed::Truncated);
        };
        let high = u16::from_be_bytes([b4, b5]);
        let low = u16::from_be_bytes([b6, b7]);
        Ok(match kind {
            ECHO_REQUEST => Self::EchoRequest { code, identifier: high, sequence: low, data: body },
            ECHO_REPLY => Self::EchoReply { code, identifier: high, sequence: low, data: body },
            UNREACHABLE => Self::Unreachable { reason: Unreachable::from_wire(code, low), quoted: body },
            REDIRECT => Self::Redirect {
                code: Redirect::from_wire(code),
                gateway: Ipv4Addr::new(b4, b5, b6, b7),
                quoted: body,
            },
            TIME_EXCEEDED => Self::TimeExceeded { code: TimeExceeded::from_wire(code), quoted: body },
            PARAMETER_PROBLEM => Self::ParameterProblem {
                code: ParameterProblem::from_wire(code),
                pointer: if code == ParameterProblem::Pointer.code() { b4 } else { 0 },
                quoted: body,
            },
            kind => Self::Other { kind, code, word: [b4, b5, b6, b7], body },
        })
    }

    /// Whether it is an error message, about which no ICMP may be sent (RFC 1122, Section 3.2.2).
    ///
    /// Of the types that this stack does not know, source quench (4) is an error; about others it says `false`.
    pub const fn is_error(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Redirect { .. }
            | Self::TimeExceeded { .. }
            | Self::ParameterProblem { .. } => true,
            Self::EchoRequest { .. } | Self::EchoReply { .. } => false,
            Self::Other { kind, .. } => *kind == 4,
        }
    }

    /// Type, code, bytes 4 to 7, body.
    fn parts(&self) -> (u8, u8, [u8; 4], &'a [u8]) {
        let pair = |high: u16, low: u16| {
            let ([b4, b5], [b6, b7]) = (high.to_be_bytes(), low.to_be_bytes());
            [b4, b5, b6, b7]
        };
        match *self {
            Self::EchoRequest { code, identifier, sequence, data } => {
                (ECHO_REQUEST, code, pair(identifier, sequence), data)
            }
            Self::EchoReply { code, identifier, sequence, data } => {
                (ECHO_REPLY, code, pair(identifier, sequence), data)
            }
            Self::Unreachable { reason, quoted } => {
                let mtu = match reason {
                    Unreachable::FragmentationNeeded { next_hop_mtu } => next_hop_mtu,
                    _ => 0,
                };
                (UNREACHABLE, reason.code(), pair(0, mtu), quoted)
            }
            Self::Redirect { code, gateway, quoted } => (REDIRECT, code.code(), gateway.octets(), quoted),
            Self::TimeExceeded { code, quoted } => (TIME_EXCEEDED, code.code(), [0; 4], quoted),
            Self::ParameterProblem { code, pointer, quoted } => {
                (PARAMETER_PROBLEM, code.code(), [pointer, 0, 0, 0], quoted)
            }
            Self::Other { kind, code, word, body } => (kind, code, word, body),
        }
    }

    /// Bytes that [`Icmpv4::write`] takes.
    pub fn written_len(&self) -> usize {
        Self::HEADER_LEN + self.parts().3.len()
    }

    /// Writes the message, with its checksum, to the start of `out` and gives its length; 0, and nothing is written,
    /// where `out` is shorter than [`Icmpv4::written_len`].
    pub fn write(&self, out: &mut [u8]) -> usize {
        let (kind, code, [b4, b5, b6, b7], body) = self.parts();
        let len = Self::HEADER_LEN + body.len();
        let Some((header, place)) = out.get_mut(..len).and_then(|out| out.split_first_chunk_mut::<8>())
        else {
            return 0;
        };
        let body_sum = checksum::copy_and_sum(place, body);
        *header = [kind, code, 0, 0, b4, b5, b6, b7];
        let checksum = checksum::finish(checksum::combine(checksum::sum(header), body_sum));
        header[2..4].copy_from_slice(&checksum.to_be_bytes());
        len
    }
}

/// Whether the checksum of an ICMP message is right.
#[inline]
pub fn checksum_ok(message: &[u8]) -> bool {
    checksum::finish(checksum::sum(message)) == 0
}

/// As much of `datagram` as an error message about it quotes: the message's datagram stays within 576 bytes (RFC 1812,
/// Section 4.3.2.3).
pub fn quote(datagram: &[u8]) -> &[u8] {
    const MOST: usize = 576 - 20 - Icmpv4::HEADER_LEN;
    datagram.get(..MOST).unwrap_or(datagram)
}

#[cfg(test)]
mod tests;
