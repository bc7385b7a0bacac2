//! The embedded network: hosts with whole stacks, a switch, routers that answer ICMP, attackers and impairments, in
//! virtual time. One seed gives one run, to the byte: nothing here reads a clock, a global generator or a thread.
//!
//! A [`World`] holds nodes on a LAN and an event queue. Each node has a finite receive queue and a service rate ([`Link`]),
//! so that virtual time does not make a flood free. A host ([`HostNode`]) is a whole stack with applications ([`App`]) on
//! it; [`apps`] has servers, verifying clients and watchers ready-made. A [`Router`] leads to networks that answer, that
//! vanish and that are unreachable; a [`ScriptedPeer`] misbehaves by plan; a [`SynFlood`] attacks, and
//! [`isic`] makes packets with every defect there is.
//!
//! ```
//! use std::time::Duration;
//! use synward::base::Instant;
//! use synward::shard::HostConfig;
//! use synward::sim::apps::{Echo, Pinger, Server, Steady};
//! use synward::sim::{HostNode, Link, World, mac};
//!
//! let mut world = World::new(7);
//! let server = "10.0.0.1".parse().unwrap();
//! let mut host = HostNode::new(HostConfig::new(server, 24), mac(1), 1).unwrap();
//! host.add(Server::new((server, 7).into(), 16, || Echo));
//! world.add(host, Link::default());
//!
//! let end = Instant::from_secs(2);
//! let mut host = HostNode::new(HostConfig::new("10.0.0.2".parse().unwrap(), 24), mac(2), 2).unwrap();
//! let pinger = host.add(Pinger::new(server, Duration::from_millis(100), Duration::from_secs(1), end));
//! let steady = host.add(Steady::new((server, 7).into(), 512, Duration::from_millis(50), end, 1));
//! let client = world.add(host, Link::default().loss(0.01));
//!
//! world.run_until(Instant::from_secs(30));
//! let host: &mut HostNode = world.node(client).unwrap();
//! assert_eq!(host.app::<Pinger>(pinger).unwrap().waiting(), 0);
//! let steady = host.app::<Steady>(steady).unwrap();
//! assert_eq!((steady.wrong, steady.broken), (0, None));
//! ```

mod app;
pub mod apps;
mod attacker;
mod host;
pub mod isic;
mod link;
mod node;
mod peer;
mod port;
mod router;
mod uplink;
mod world;

pub use app::{App, AppContext};
pub use attacker::{Spoof, SynFlood};
pub use host::{HostNode, Peaks};
pub use link::{Link, NodeStats};
pub use node::{Node, Outbox};
pub use peer::{Script, ScriptedPeer};
pub use port::SimPort;
pub use router::{RouteAction, Router};
pub use uplink::Uplink;
pub use world::{NodeId, Tap, World};

use crate::wire::Mac;

/// A locally administered link-layer address for a station of a world, by number.
pub const fn mac(number: u32) -> Mac {
    let [a, b, c, d] = number.to_be_bytes();
    Mac([0x02, 0x53, a, b, c, d])
}
