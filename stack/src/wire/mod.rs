//! Bytes to values and back; no state. A view over `&[u8]` checks every length once and cannot panic; a value type
//! writes itself and reads back equal.

pub mod addr;
pub mod arp;
pub mod checksum;
#[cfg(target_arch = "x86_64")]
mod checksum_simd;
pub mod ethernet;
pub mod icmpv4;
pub mod icmpv4_quoted;
pub mod ipv4;
pub mod malformed;
pub mod seq;
pub mod tcp;
mod tcp_options;
pub mod tcp_view;
pub mod udp;

pub use addr::{Addr, Endpoint, FlowKey, Mac};
pub use arp::{ArpOperation, ArpPacket};
pub use ethernet::{EtherType, EthernetHeader};
pub use icmpv4::{Icmpv4, ParameterProblem, Redirect, TimeExceeded, Unreachable};
pub use icmpv4_quoted::{QuotedDatagram, QuotedTcp};
pub use ipv4::{IpProtocol, Ipv4Header, Ipv4View, SourceRoute};
pub use malformed::Malformed;
pub use seq::SeqNum;
pub use tcp::{SackBlocks, TcpFlags, TcpHeader, TcpOptions, Timestamps};
