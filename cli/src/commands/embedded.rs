//! The embedded network that commands use where no device is named: the LAN of article 297040 and what lies behind its
//! router, in real time.

use std::net::Ipv4Addr;

use synward::base::Instant;
use synward::device::MemoryDevice;
use synward::device::memory::{self, LinkOptions};
use synward::shard::HostConfig;
use synward::sim::apps::{Echo, Server, Session, Telnet, Then};
use synward::sim::{HostNode, Link, NodeId, RouteAction, Router, Uplink, World, mac};

/// Our address.
pub(crate) const OURS: Ipv4Addr = Ipv4Addr::new(129, 68, 72, 10);
/// Length of the prefix of the LAN.
pub(crate) const PREFIX: u8 = 24;
/// The router to everything else.
pub(crate) const ROUTER: Ipv4Addr = Ipv4Addr::new(129, 68, 72, 1);
const LIVE: Ipv4Addr = Ipv4Addr::new(129, 68, 72, 20);
const BEHIND: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 20);
const GATEWAY_BEHIND: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// ICMP codes of "destination unreachable" (RFC 792; RFC 1812, Section 5.2.7.1).
const HOST_UNREACHABLE: u8 = 1;
const PROHIBITED: u8 = 13;

/// What is where, for `--help`.
pub(crate) const MAP: &str = "\
The embedded network, where no device is named:
  129.68.72.10    we ourselves, on 129.68.72.0/24
  129.68.72.20    a live host: Telnet banner on port 23, echo on 7, HTTP on 80
  129.68.72.40    does not exist: nobody answers ARP
  129.68.72.1     a router, and behind it
  192.0.2.20        a live host with the same services
  198.51.100.0/24   a black hole: what goes there vanishes
  203.0.113.0/24    answered with ICMP host unreachable
  198.18.0.0/15     answered with ICMP communication prohibited
  all others        answered with ICMP network unreachable";

const PAGE: &str = "<!doctype html>\n<title>129.68.72.20</title>\n<p>A host of Synward's embedded network.\n";

/// Longest request that the HTTP server takes, in bytes.
const REQUEST_MAX: usize = 8192;

/// One HTTP request, answered by the same small page whatever it asks for.
#[derive(Default)]
struct Http {
    request: Vec<u8>,
}

impl Session for Http {
    fn open(&mut self, _: &mut Vec<u8>) -> Then {
        Then::GoOn
    }

    fn input(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Then {
        self.request.extend_from_slice(bytes);
        if self.request.len() > REQUEST_MAX {
            out.extend_from_slice(b"HTTP/1.0 431 Request Header Fields Too Large\r\n\r\n");
            return Then::Close;
        }
        let ends = |end: &[u8]| self.request.windows(end.len()).any(|window| window == end);
        if !ends(b"\r\n\r\n") && !ends(b"\n\n") {
            return Then::GoOn;
        }
        let length = PAGE.len();
        let head = format!("HTTP/1.0 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n");
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(PAGE.as_bytes());
        Then::Close
    }

    fn more(&mut self, _: &mut Vec<u8>) -> Then {
        Then::GoOn
    }
}

/// The network, and our place on it.
pub(crate) struct Embedded {
    world: World,
    uplink: NodeId,
}

impl Embedded {
    /// The network and the device that leads to it.
    ///
    /// # Errors
    /// A configuration that makes no sense: a fault of this file, told nevertheless.
    pub(crate) fn new() -> Result<(Self, MemoryDevice), String> {
        let options = LinkOptions { macs: [mac(10), mac(0)], ..LinkOptions::default() };
        let (ours, theirs) = memory::link(options);
        let mut world = World::new(297_040);
        let uplink = world.add(Uplink::new(mac(10), theirs), Link::default());
        world.add(server(LIVE, ROUTER, 20)?, Link::default());
        world.add(server(BEHIND, GATEWAY_BEHIND, 21)?, Link::default());
        let router = Router::new(mac(1), ROUTER)
            .also(GATEWAY_BEHIND)
            .route(Ipv4Addr::new(129, 68, 72, 0), 24, RouteAction::Unreachable(HOST_UNREACHABLE))
            .route(OURS, 32, RouteAction::Deliver(mac(10)))
            .route(LIVE, 32, RouteAction::Deliver(mac(20)))
            .route(Ipv4Addr::new(192, 0, 2, 0), 24, RouteAction::Unreachable(HOST_UNREACHABLE))
            .route(BEHIND, 32, RouteAction::Deliver(mac(21)))
            .route(Ipv4Addr::new(198, 51, 100, 0), 24, RouteAction::BlackHole)
            .route(Ipv4Addr::new(203, 0, 113, 0), 24, RouteAction::Unreachable(HOST_UNREACHABLE))
            .route(Ipv4Addr::new(198, 18, 0, 0), 15, RouteAction::Unreachable(PROHIBITED));
        world.add(router, Link::default());
        Ok((Self { world, uplink }, ours))
    }

    /// Takes what we sent and lets the network run up to the time `now`.
    pub(crate) fn advance(&mut self, now: Instant) {
        Uplink::advance(&mut self.world, self.uplink, now);
    }

    /// When something happens next.
    pub(crate) fn next_event(&self) -> Option<Instant> {
        self.world.next_event()
    }
}

fn server(address: Ipv4Addr, gateway: Ipv4Addr, number: u32) -> Result<HostNode, String> {
    let config = HostConfig::new(address.into(), PREFIX).gateway(gateway.into());
    let mut host =
        HostNode::new(config, mac(number), u64::from(number)).map_err(|error| error.to_string())?;
    host.add(Server::new((address, 23).into(), 16, Telnet::default));
    host.add(Server::new((address, 7).into(), 16, || Echo));
    host.add(Server::new((address, 80).into(), 16, Http::default));
    Ok(host)
}
