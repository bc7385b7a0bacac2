//! IP as a host needs it, pure and without clock or device: our addresses, routes, neighbours (ARP), what becomes of a
//! received packet, fragments, ICMP, path MTU. IPv4 now; no key and no table assumes four-byte addresses.

pub mod fragment;
pub mod icmp;
pub mod interface;
pub mod neighbor;
pub mod pmtu;
pub mod prefix;
pub mod reassembly;
pub mod receive;
mod redirect;
pub mod route;
pub mod send;

pub use icmp::{IcmpError, IcmpErrorKind};
pub use interface::{AddressError, Destination, Interface, InterfaceAddress, RemoteError};
pub use neighbor::{ArpOutcome, NeighborAction, NeighborFailure, NeighborId, Neighbors, Resolution};
pub use pmtu::{PathMtu, PathMtus, TooBig};
pub use prefix::{Class, Prefix};
pub use reassembly::Reassembly;
pub use receive::{Arrival, Delivery, receive, receive_known};
pub use route::{Hop, Route, RouteError, Routes};
pub use send::{Identifications, Ipv4Template};
