//! What can go wrong, with the evidence: who said so, how often it was tried, over what time.

use super::icmp::IcmpError;
use crate::wire::{Addr, Endpoint};
use core::fmt;
use core::time::Duration;
use std::io;

/// Why a connect failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConnectError {
    /// The next hop is on our link and does not answer.
    NeighborSilent {
        /// The neighbour: the peer itself, or the gateway to it.
        neighbor: Addr,
        /// Requests sent.
        requests: u32,
        /// From the first request to the failure.
        over: Duration,
    },
    /// So many neighbours are being resolved that no other can be asked.
    NeighborLimit {
        /// The neighbour.
        neighbor: Addr,
        /// How many may be in resolution.
        limit: u32,
    },
    /// No route leads there.
    NoRoute {
        /// The address.
        to: Addr,
    },
    /// Not an address of one host: broadcast, multicast, unspecified.
    NotAHost {
        /// The address.
        to: Addr,
    },
    /// Port 0 is nobody's.
    NotAPort {
        /// The endpoint.
        to: Endpoint,
    },
    /// The chosen local address is none of ours.
    NotOurs {
        /// The address.
        local: Addr,
    },
    /// The peer answered with RST.
    Refused {
        /// The peer.
        by: Endpoint,
    },
    /// An ICMP error for our SYN.
    Unreachable {
        /// The peer.
        to: Endpoint,
        /// The message and its sender.
        error: IcmpError,
    },
    /// No answer to any SYN.
    TimedOut {
        /// The peer.
        to: Endpoint,
        /// SYNs sent.
        syns: u32,
        /// From the first SYN to the end.
        over: Duration,
        /// The last ICMP error that concerned the attempt without ending it.
        soft: Option<IcmpError>,
    },
    /// Every local port is taken for this peer.
    PortsExhausted {
        /// The peer.
        to: Endpoint,
    },
    /// The chosen local endpoint is taken for this peer.
    AddressInUse {
        /// Our endpoint.
        local: Endpoint,
    },
    /// The stack holds as many connections as it may.
    TooManyConnections {
        /// The limit.
        limit: u32,
    },
    /// The stack was shut down or dropped meanwhile.
    StackGone,
}

impl ConnectError {
    /// The kind that std gives to the same failure of the system's own sockets.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::NeighborSilent { .. } => io::ErrorKind::HostUnreachable,
            Self::NeighborLimit { .. } | Self::TooManyConnections { .. } => io::ErrorKind::QuotaExceeded,
            Self::NoRoute { .. } => io::ErrorKind::NetworkUnreachable,
            Self::NotAHost { .. } | Self::NotAPort { .. } => io::ErrorKind::InvalidInput,
            Self::NotOurs { .. } => io::ErrorKind::AddrNotAvailable,
            Self::Refused { .. } => io::ErrorKind::ConnectionRefused,
            Self::Unreachable { error, .. } => error.kind.io_kind(),
            Self::TimedOut { .. } => io::ErrorKind::TimedOut,
            Self::PortsExhausted { .. } => io::ErrorKind::AddrNotAvailable,
            Self::AddressInUse { .. } => io::ErrorKind::AddrInUse,
            Self::StackGone => io::ErrorKind::NotConnected,
        }
    }
}

/// `n` and the noun, in singular or plural.
struct Count(u32, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.0, self.1, if self.0 == 1 { "" } else { "s" })
    }
}

/// A time for people: seconds with one decimal.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} s", self.0.as_secs_f64())
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NeighborSilent { neighbor, requests, over } => {
                let protocol = if neighbor.is_v4() { "ARP" } else { "neighbour discovery" };
                let requests = Count(requests, "request");
                write!(f, "{neighbor}: no host answered {protocol} ({requests} in {})", Seconds(over))
            }
            Self::NeighborLimit { neighbor, limit } => {
                write!(f, "{neighbor}: {limit} neighbours are being resolved already, which is the limit")
            }
            Self::NoRoute { to } => write!(f, "{to}: no route leads there"),
            Self::NotAHost { to } => write!(f, "{to}: not the address of one host"),
            Self::NotAPort { to } => write!(f, "{to}: port 0 cannot be connected to"),
            Self::NotOurs { local } => write!(f, "{local}: not an address of this stack"),
            Self::Refused { by } => write!(f, "{by}: connection refused"),
            Self::Unreachable { to, error } => write!(f, "{to}: {error}"),
            Self::TimedOut { to, syns, over, soft } => {
                write!(f, "{to}: no answer ({} in {})", Count(syns, "SYN"), Seconds(over))?;
                soft.map_or(Ok(()), |error| write!(f, "; last heard: {error}"))
            }
            Self::PortsExhausted { to } => write!(f, "{to}: every local port is in use for this peer"),
            Self::AddressInUse { local } => write!(f, "{local}: already in use for this peer"),
            Self::TooManyConnections { limit } => {
                write!(f, "the stack holds {limit} connections, which is the limit")
            }
            Self::StackGone => f.write_str("the stack has ended"),
        }
    }
}

impl std::error::Error for ConnectError {}

impl From<ConnectError> for io::Error {
    fn from(error: ConnectError) -> Self {
        Self::new(error.kind(), error)
    }
}

/// Why a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CloseReason {
    /// Both directions were closed and acknowledged.
    Finished,
    /// The peer sent RST.
    ResetByPeer,
    /// The application aborted, or closed with data unread or with linger 0; the peer got RST.
    Aborted,
    /// It never was established.
    Connect(ConnectError),
    /// Nothing that was sent, data, FIN or probe of a window, was acknowledged.
    TimedOut {
        /// Retransmissions or probes in a row that brought nothing.
        retries: u32,
        /// Time without progress.
        over: Duration,
        /// The last ICMP error that concerned the connection.
        soft: Option<IcmpError>,
    },
    /// The peer's window stayed closed for what was queued, and no probe went unanswered (RFC 6429, Section 4).
    WindowClosed {
        /// Time without progress.
        over: Duration,
    },
    /// Keep-alive probes went unanswered.
    KeepAlive {
        /// How many.
        probes: u32,
        /// Since the peer was last heard.
        over: Duration,
    },
    /// The application is gone and the peer did not close within its time (FIN-WAIT-2, or linger).
    OrphanTimedOut,
    /// The peer sent data after the application had closed for good.
    DataAfterClose,
}

impl CloseReason {
    /// The kind of error that a read or write gets after this end; `None` for an orderly end.
    pub fn kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Finished => None,
            Self::ResetByPeer => Some(io::ErrorKind::ConnectionReset),
            Self::Aborted | Self::DataAfterClose => Some(io::ErrorKind::ConnectionAborted),
            Self::Connect(error) => Some(error.kind()),
            Self::TimedOut { .. }
            | Self::WindowClosed { .. }
            | Self::KeepAlive { .. }
            | Self::OrphanTimedOut => Some(io::ErrorKind::TimedOut),
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Finished => f.write_str("closed"),
            Self::ResetByPeer => f.write_str("reset by the peer"),
            Self::Aborted => f.write_str("aborted"),
            Self::Connect(error) => write!(f, "{error}"),
            Self::TimedOut { retries, over, soft } => {
                let tries = if retries == 1 { "try" } else { "tries" };
                write!(f, "the peer acknowledged nothing ({retries} {tries} in {})", Seconds(over))?;
                soft.map_or(Ok(()), |error| write!(f, "; last heard: {error}"))
            }
            Self::WindowClosed { over } => {
                write!(f, "the peer kept its window closed for {}", Seconds(over))
            }
            Self::KeepAlive { probes, over } => {
                let probes = Count(probes, "probe");
                write!(f, "the peer was silent for {} ({probes})", Seconds(over))
            }
            Self::OrphanTimedOut => f.write_str("the peer did not close in time"),
            Self::DataAfterClose => f.write_str("the peer sent data after the close"),
        }
    }
}

impl std::error::Error for CloseReason {}

/// Why a read or a write did nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IoError {
    /// Nothing to read, or no room to write, for now.
    WouldBlock,
    /// The sending direction was shut down.
    Shutdown,
    /// The connection has ended.
    Ended,
}

impl IoError {
    /// As std's kind.
    pub fn kind(self) -> io::ErrorKind {
        match self {
            Self::WouldBlock => io::ErrorKind::WouldBlock,
            Self::Shutdown => io::ErrorKind::BrokenPipe,
            Self::Ended => io::ErrorKind::NotConnected,
        }
    }
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WouldBlock => "not ready",
            Self::Shutdown => "the sending direction is shut down",
            Self::Ended => "the connection has ended",
        })
    }
}

impl std::error::Error for IoError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::icmp::IcmpKind;
    use std::net::Ipv4Addr;

    fn addr(last: u8) -> Addr {
        Addr::v4(Ipv4Addr::new(129, 68, 72, last))
    }

    #[test]
    fn a_connect_error_tells_its_evidence() {
        let silent =
            ConnectError::NeighborSilent { neighbor: addr(40), requests: 3, over: Duration::from_secs(3) };
        assert_eq!(silent.to_string(), "129.68.72.40: no host answered ARP (3 requests in 3.0 s)");
        assert_eq!(silent.kind(), io::ErrorKind::HostUnreachable);
        let to = Endpoint { addr: addr(40), port: 23 };
        let error = IcmpError { kind: IcmpKind::HostUnreachable, from: addr(1) };
        let unreachable = ConnectError::Unreachable { to, error };
        assert_eq!(unreachable.to_string(), "129.68.72.40:23: 129.68.72.1 says: host unreachable");
        let soft = Some(error);
        let timed_out = ConnectError::TimedOut { to, syns: 1, over: Duration::from_millis(1500), soft };
        assert_eq!(
            timed_out.to_string(),
            "129.68.72.40:23: no answer (1 SYN in 1.5 s); last heard: 129.68.72.1 says: host unreachable"
        );
        let as_io = io::Error::from(timed_out);
        assert_eq!(as_io.kind(), io::ErrorKind::TimedOut);
        let source = as_io.get_ref().and_then(|e| e.downcast_ref::<ConnectError>());
        assert_eq!(source, Some(&timed_out), "the evidence travels along");
    }
}
