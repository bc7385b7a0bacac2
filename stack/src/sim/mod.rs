//! The embedded network: hosts with whole stacks, a switch, routers that answer ICMP, attackers and impairments, in
//! virtual time. One seed gives one run, to the byte: nothing here reads a clock, a global generator or a thread.
//!
//! A [`World`] holds nodes on a LAN and an event queue. Each node has a finite receive queue and a service rate, so that
//! virtual time does not make a flood free. A host ([`HostNode`]) is a whole stack with applications ([`App`]) on it.

mod app;
mod attacker;
mod host;
mod node;
mod port;
mod router;
mod world;

pub use app::{App, AppContext};
pub use attacker::{Spoof, SynFlood};
pub use host::HostNode;
pub use node::{Node, Outbox};
pub use port::SimPort;
pub use router::{RouteAction, Router};
pub use world::{Link, NodeId, NodeStats, Tap, World};
