//! Numbers of errors, and which one stands for which failure of the stack.

use core::fmt;
use synward::shard::{AcceptError, ListenError};
use synward::tcp::{CloseReason, ConnectError, IcmpError, IcmpKind, IoError};

/// An error number of the C library.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "errno {} ({self})", self.0)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

impl std::error::Error for Errno {}

impl From<Errno> for std::io::Error {
    fn from(errno: Errno) -> Self {
        Self::from_raw_os_error(errno.0)
    }
}

/// What an ICMP error means to a socket; the systems agree on these (RFC 1122, Section 4.2.3.9 leaves it open).
fn of_icmp(error: IcmpError) -> Errno {
    Errno(match error.kind {
        IcmpKind::NetworkUnreachable => libc::ENETUNREACH,
        IcmpKind::HostUnreachable | IcmpKind::Prohibited | IcmpKind::TimeExceeded => libc::EHOSTUNREACH,
        IcmpKind::ProtocolUnreachable => libc::ENOPROTOOPT,
        IcmpKind::PortUnreachable => libc::ECONNREFUSED,
        IcmpKind::PacketTooBig { .. } => libc::EMSGSIZE,
        IcmpKind::SourceRouteFailed => libc::EOPNOTSUPP,
        IcmpKind::ParameterProblem => libc::EPROTO,
    })
}

impl From<ConnectError> for Errno {
    fn from(error: ConnectError) -> Self {
        Self(match error {
            ConnectError::NeighborSilent { .. } => libc::EHOSTUNREACH,
            ConnectError::NeighborLimit { .. } | ConnectError::TooManyConnections { .. } => libc::ENOBUFS,
            ConnectError::NoRoute { .. } | ConnectError::NotAHost { .. } => libc::ENETUNREACH,
            ConnectError::NotAPort { .. } | ConnectError::NotOurs { .. } => libc::EADDRNOTAVAIL,
            ConnectError::Refused { .. } => libc::ECONNREFUSED,
            ConnectError::Unreachable { error, .. } => return of_icmp(error),
            // What a router said meanwhile is the better answer.
            ConnectError::TimedOut { soft: Some(error), .. } => return of_icmp(error),
            ConnectError::TimedOut { soft: None, .. } => libc::ETIMEDOUT,
            ConnectError::PortsExhausted { .. } => libc::EADDRNOTAVAIL,
            ConnectError::AddressInUse { .. } => libc::EADDRINUSE,
            ConnectError::StackGone => libc::ENETDOWN,
        })
    }
}

impl Errno {
    /// What a socket reports after its connection ended so; `None` after an orderly end.
    pub(crate) fn of_end(reason: &CloseReason) -> Option<Self> {
        Some(Self(match reason {
            CloseReason::Finished => return None,
            CloseReason::ResetByPeer => libc::ECONNRESET,
            CloseReason::Aborted | CloseReason::DataAfterClose => libc::ECONNABORTED,
            CloseReason::Connect(error) => return Some((*error).into()),
            CloseReason::TimedOut { soft: Some(error), .. } => return Some(of_icmp(*error)),
            CloseReason::TimedOut { soft: None, .. }
            | CloseReason::WindowClosed { .. }
            | CloseReason::KeepAlive { .. }
            | CloseReason::OrphanTimedOut => libc::ETIMEDOUT,
        }))
    }
}

impl From<ListenError> for Errno {
    fn from(error: ListenError) -> Self {
        Self(match error {
            ListenError::InUse(_) | ListenError::NoPort(..) => libc::EADDRINUSE,
            ListenError::NotOurs(_) => libc::EADDRNOTAVAIL,
            ListenError::Limit(_) => libc::ENOBUFS,
        })
    }
}

impl From<AcceptError> for Errno {
    fn from(error: AcceptError) -> Self {
        Self(match error {
            AcceptError::WouldBlock => libc::EAGAIN,
            AcceptError::Closed => libc::EINVAL,
        })
    }
}

impl From<IoError> for Errno {
    fn from(error: IoError) -> Self {
        Self(match error {
            IoError::WouldBlock => libc::EAGAIN,
            IoError::Shutdown => libc::EPIPE,
            IoError::Ended => libc::ENOTCONN,
        })
    }
}
