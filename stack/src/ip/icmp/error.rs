//! What an ICMP error says about one of our connections.

use crate::ip::pmtu::TooBig;
use crate::wire::{Addr, FlowKey, ParameterProblem, SeqNum, TimeExceeded, Unreachable};
use core::fmt;

/// What went wrong on the way (RFC 792; RFC 1122, Section 3.2.2.1; RFC 1812, Section 5.2.7.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IcmpErrorKind {
    /// A router has no way to the network (codes 0, 6, 11).
    Network,
    /// The last router does not reach the host (codes 1, 7, 8, 12).
    Host,
    /// The host does not speak TCP (code 2).
    Protocol,
    /// Nothing listens at the port (code 3).
    Port,
    /// The packet is too big for the path (code 4): for `pmtu`, never an end of the connection.
    FragmentationNeeded,
    /// A source route failed (code 5).
    SourceRouteFailed,
    /// A filter or policy forbids it (codes 9, 10, 13, 14, 15).
    Prohibited,
    /// The packet went through too many routers: a loop, or a small time to live.
    HopLimit,
    /// Not all fragments arrived in time.
    ReassemblyTime,
    /// Somebody did not like the header.
    ParameterProblem,
}

impl IcmpErrorKind {
    /// The kind of an unreachable; `None` for a code that nothing defines.
    pub const fn of_unreachable(reason: Unreachable) -> Option<Self> {
        Some(match reason {
            Unreachable::Network | Unreachable::NetworkUnknown | Unreachable::NetworkService => Self::Network,
            Unreachable::Host
            | Unreachable::HostUnknown
            | Unreachable::SourceIsolated
            | Unreachable::HostService => Self::Host,
            Unreachable::Protocol => Self::Protocol,
            Unreachable::Port => Self::Port,
            Unreachable::FragmentationNeeded { .. } => Self::FragmentationNeeded,
            Unreachable::SourceRouteFailed => Self::SourceRouteFailed,
            Unreachable::NetworkProhibited
            | Unreachable::HostProhibited
            | Unreachable::CommunicationProhibited
            | Unreachable::PrecedenceViolation
            | Unreachable::PrecedenceCutoff => Self::Prohibited,
            Unreachable::Other(_) => return None,
        })
    }

    /// The kind of a time exceeded; `None` for a code that nothing defines.
    pub const fn of_time_exceeded(code: TimeExceeded) -> Option<Self> {
        match code {
            TimeExceeded::InTransit => Some(Self::HopLimit),
            TimeExceeded::Reassembly => Some(Self::ReassemblyTime),
            TimeExceeded::Other(_) => None,
        }
    }

    /// The kind of a parameter problem; `None` for a code that nothing defines.
    pub const fn of_parameter_problem(code: ParameterProblem) -> Option<Self> {
        match code {
            ParameterProblem::Pointer | ParameterProblem::OptionMissing | ParameterProblem::BadLength => {
                Some(Self::ParameterProblem)
            }
            ParameterProblem::Other(_) => None,
        }
    }

    /// Whether it is one of those that RFC 1122, Section 4.2.3.9 calls hard. Fragmentation needed is not, as we do path
    /// MTU discovery; nothing that RFC 1122 does not list is.
    pub const fn is_hard(self) -> bool {
        match self {
            Self::Protocol | Self::Port => true,
            Self::Network
            | Self::Host
            | Self::FragmentationNeeded
            | Self::SourceRouteFailed
            | Self::Prohibited
            | Self::HopLimit
            | Self::ReassemblyTime
            | Self::ParameterProblem => false,
        }
    }
}

impl fmt::Display for IcmpErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Network => "network unreachable",
            Self::Host => "host unreachable",
            Self::Protocol => "protocol unreachable",
            Self::Port => "port unreachable",
            Self::FragmentationNeeded => "packet too big for the path",
            Self::SourceRouteFailed => "source route failed",
            Self::Prohibited => "communication prohibited",
            Self::HopLimit => "time to live exceeded in transit",
            Self::ReassemblyTime => "fragment reassembly time exceeded",
            Self::ParameterProblem => "parameter problem",
        })
    }
}

/// An ICMP error about a TCP segment that somebody says we sent. Only the connection can judge that, by `seq` (RFC 5927,
/// Section 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IcmpError {
    /// What went wrong.
    pub kind: IcmpErrorKind,
    /// Who says so.
    pub from: Addr,
    /// The connection; our side is local.
    pub flow: FlowKey,
    /// Sequence number of the quoted segment.
    pub seq: SeqNum,
    /// For [`IcmpErrorKind::FragmentationNeeded`]: what path MTU discovery needs.
    pub too_big: Option<TooBig>,
}

impl fmt::Display for IcmpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} says: {}", self.from, self.kind)
    }
}
