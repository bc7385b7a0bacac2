//! Which way a packet goes: the longest prefix wins; the next hop is the destination itself or a gateway.

use super::interface::Interface;
use super::prefix::{Prefix, bits, from_bits, mask};
use super::redirect::Redirects;
use crate::base::Instant;
use crate::settings;
use crate::wire::Addr;

/// Where a route leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// The destination is on the link.
    OnLink,
    /// Through this gateway, which is on the link.
    Gateway(Addr),
    /// Nowhere: as if there were no route, also where a shorter prefix has one.
    Unreachable,
}

/// A route as it is configured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// The destinations.
    pub prefix: Prefix,
    /// Where it leads.
    pub target: Target,
    /// The address to send from; `None`: the one that shares a network with the next hop.
    pub source: Option<Addr>,
    /// Largest packet in bytes, where it is below the link's.
    pub mtu: Option<u16>,
    /// Among routes to one prefix the lowest metric is used first.
    pub metric: u32,
}

impl Route {
    /// The default route of IPv4.
    pub fn default_v4(gateway: Addr) -> Self {
        Self::via(Prefix::DEFAULT_V4, gateway)
    }

    /// A route through a gateway.
    pub fn via(prefix: Prefix, gateway: Addr) -> Self {
        Self { prefix, target: Target::Gateway(gateway), source: None, mtu: None, metric: 0 }
    }

    /// A route to hosts on the link.
    pub fn on_link(prefix: Prefix) -> Self {
        Self { prefix, target: Target::OnLink, source: None, mtu: None, metric: 0 }
    }
}

/// The first step towards a destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hop {
    /// Whom the frame goes to: the destination itself or a gateway.
    pub next_hop: Addr,
    /// Our address to send from.
    pub source: Addr,
    /// Largest packet in bytes on this first hop (the path may take less: `pmtu`).
    pub mtu: u16,
}

impl Hop {
    /// Whether the packet goes through a gateway.
    pub fn is_gateway_for(&self, destination: Addr) -> bool {
        self.next_hop != destination
    }
}

/// Why a route was not added or removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RouteError {
    /// There is one to this prefix with this metric.
    #[error("a route to {prefix} with metric {metric} exists already")]
    Exists {
        /// The prefix.
        prefix: Prefix,
        /// The metric.
        metric: u32,
    },
    /// There is none to this prefix with this metric.
    #[error("no route to {prefix} with metric {metric}")]
    Unknown {
        /// The prefix.
        prefix: Prefix,
        /// The metric.
        metric: u32,
    },
    /// A gateway must be reachable without a gateway (RFC 1122, Section 3.3.1).
    #[error("gateway {0} is not on the link")]
    GatewayOffLink(Addr),
    /// The gateway is no host, or of another IP version than the prefix.
    #[error("{0} cannot be a gateway")]
    GatewayInvalid(Addr),
    /// The gateway is ourselves.
    #[error("gateway {0} is our own address")]
    GatewayOurs(Addr),
    /// RFC 1122, Section 3.2.1.3: a host sends only from its own addresses.
    #[error("source {0} is not an address of this interface")]
    SourceNotOurs(Addr),
    /// We have no address of the prefix's version.
    #[error("no address of ours can be the source of packets to {0}")]
    NoSource(Prefix),
    /// An MTU that IPv4 does not allow, or over the link's.
    #[error("route MTU {mtu} is out of range: 68 to {link}")]
    Mtu {
        /// What was asked for.
        mtu: u16,
        /// The link's.
        link: u16,
    },
    /// A prefix for groups or for this host.
    #[error("{0} is no destination of a route")]
    Prefix(Prefix),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    route: Route,
    /// Filled in when it was added; `None` where it leads nowhere.
    source: Option<Addr>,
    mtu: u16,
}

impl Entry {
    fn hop(&self, destination: Addr) -> Option<Hop> {
        let next_hop = match self.route.target {
            Target::OnLink => destination,
            Target::Gateway(gateway) => gateway,
            Target::Unreachable => return None,
        };
        Some(Hop { next_hop, source: self.source?, mtu: self.mtu })
    }
}

/// The networks of one prefix length, in the order of their bits: looked up at every connect and SYN, changed hardly ever.
#[derive(Debug)]
struct Length {
    width: u8,
    mask: u128,
    /// The routes to one network are ordered by metric; there is at least one.
    networks: Vec<(u128, Vec<Entry>)>,
}

impl Length {
    #[inline]
    fn place(&self, network: u128) -> Result<usize, usize> {
        self.networks.binary_search_by_key(&network, |(network, _)| *network)
    }

    /// The routes to the network of this length that the address lies in.
    #[inline]
    fn routes_to(&self, addr: u128) -> Option<&[Entry]> {
        let place = self.place(addr & self.mask).ok()?;
        self.networks.get(place).map(|(_, routes)| routes.as_slice())
    }
}

/// The routing table: one sorted list for each prefix length that occurs, longest first, so a look-up takes at most as
/// many searches as there are lengths. Routes are configured locally; only redirects grow by what others send.
#[derive(Debug)]
pub struct Routes {
    /// Longest first.
    lengths: Vec<Length>,
    redirects: Redirects,
}

impl Routes {
    /// A table with a route for each network that `interface` is connected to.
    pub fn new(settings: &settings::Ip, interface: &Interface) -> Self {
        let mut routes = Self { lengths: Vec::new(), redirects: Redirects::new(settings) };
        for own in interface.addresses() {
            // Two addresses may share one network: the first one's route serves both.
            let _shared = routes.add(interface, Route::on_link(own.prefix));
        }
        routes
    }

    /// Adds a route.
    ///
    /// # Errors
    /// [`RouteError`]: what is wrong with it. The table is as before then.
    pub fn add(&mut self, interface: &Interface, route: Route) -> Result<(), RouteError> {
        let Route { prefix, target, source, mtu, metric } = route;
        if let Some(mtu) = mtu.filter(|mtu| *mtu < Interface::MIN_MTU || *mtu > interface.mtu()) {
            return Err(RouteError::Mtu { mtu, link: interface.mtu() });
        }
        if let Some(source) = source.filter(|source| !interface.is_ours(*source)) {
            return Err(RouteError::SourceNotOurs(source));
        }
        if !prefix.is_default() && interface.check_remote(prefix.network()).is_err() && prefix.width() == 128
        {
            return Err(RouteError::Prefix(prefix));
        }
        let next_hop = match target {
            Target::Gateway(gateway) => {
                self.check_gateway(interface, prefix, gateway)?;
                gateway
            }
            Target::OnLink | Target::Unreachable => prefix.network(),
        };
        let source = source.or_else(|| interface.source_for(next_hop));
        if source.is_none() && target != Target::Unreachable {
            return Err(RouteError::NoSource(prefix));
        }
        let entry = Entry { route, source, mtu: mtu.unwrap_or(interface.mtu()) };
        let width = prefix.width();
        let place = match self.lengths.binary_search_by(|length| width.cmp(&length.width)) {
            Ok(place) => place,
            Err(place) => {
                self.lengths.insert(place, Length { width, mask: mask(width), networks: Vec::new() });
                place
            }
        };
        let length = &mut self.lengths[place];
        let network = bits(prefix.network());
        let place = match length.place(network) {
            Ok(place) => place,
            Err(place) => {
                length.networks.insert(place, (network, Vec::new()));
                place
            }
        };
        let same = &mut length.networks[place].1;
        match same.binary_search_by_key(&metric, |e| e.route.metric) {
            Ok(_) => Err(RouteError::Exists { prefix, metric }),
            Err(place) => {
                same.insert(place, entry);
                Ok(())
            }
        }
    }

    fn check_gateway(&self, interface: &Interface, prefix: Prefix, gateway: Addr) -> Result<(), RouteError> {
        if gateway.is_v4() != prefix.network().is_v4() || interface.check_remote(gateway).is_err() {
            return Err(RouteError::GatewayInvalid(gateway));
        }
        if interface.is_ours(gateway) {
            return Err(RouteError::GatewayOurs(gateway));
        }
        let routed = self.configured(gateway, None).is_some_and(|hop| hop.next_hop == gateway);
        if routed || interface.is_on_link(gateway) {
            Ok(())
        } else {
            Err(RouteError::GatewayOffLink(gateway))
        }
    }

    /// Removes the route to `prefix` with `metric`.
    ///
    /// # Errors
    /// [`RouteError::Unknown`].
    pub fn remove(&mut self, prefix: Prefix, metric: u32) -> Result<Route, RouteError> {
        let unknown = RouteError::Unknown { prefix, metric };
        let at = self.lengths.iter().position(|length| length.width == prefix.width()).ok_or(unknown)?;
        let length = &mut self.lengths[at];
        let network = length.place(bits(prefix.network())).map_err(|_| unknown)?;
        let same = &mut length.networks[network].1;
        let place = same.iter().position(|e| e.route.metric == metric).ok_or(unknown)?;
        let gone = same.remove(place);
        if same.is_empty() {
            length.networks.remove(network);
        }
        if length.networks.is_empty() {
            self.lengths.remove(at);
        }
        Ok(gone.route)
    }

    /// The way to `addr`, or `None` where there is none. Whether `addr` is ours or no host at all is asked of
    /// [`Interface`] before.
    #[inline]
    pub fn lookup(&self, addr: Addr) -> Option<Hop> {
        let hop = self.configured(addr, None)?;
        match self.redirects.gateway(addr) {
            Some(next_hop) if hop.is_gateway_for(addr) => Some(Hop { next_hop, ..hop }),
            _ => Some(hop),
        }
    }

    /// The way to `addr` that is used when `avoid`, a gateway, does not answer: the next metric to the same prefix
    /// (RFC 1122, Section 3.3.1.2: several default gateways; Section 3.3.1.5).
    pub fn alternate(&self, addr: Addr, avoid: Addr) -> Option<Hop> {
        self.configured(addr, Some(avoid))
    }

    #[inline]
    fn configured(&self, addr: Addr, avoid: Option<Addr>) -> Option<Hop> {
        let all = bits(addr);
        for length in &self.lengths {
            let Some(same) = length.routes_to(all) else { continue };
            // The longest prefix decides, also where it leads nowhere.
            return same.iter().filter_map(|e| e.hop(addr)).find(|hop| Some(hop.next_hop) != avoid);
        }
        None
    }

    /// Takes an ICMP redirect: from now on packets to `destination` go to `gateway`. RFC 1122, Section 3.2.2.2: the new
    /// gateway must be on the link and the sender must be the gateway that is used now; network redirects count as
    /// host redirects (Section 3.3.1.2), so `destination` is always one host.
    ///
    /// # Errors
    /// [`crate::telemetry::Discard::IcmpRedirect`]: refused by setting, implausible, or beyond the limit.
    pub fn on_redirect(
        &mut self,
        now: Instant,
        interface: &Interface,
        from: Addr,
        destination: Addr,
        gateway: Addr,
    ) -> Result<(), crate::telemetry::Discard> {
        let refused = crate::telemetry::Discard::IcmpRedirect;
        let hop = self.lookup(destination).ok_or(refused)?;
        let plausible = hop.is_gateway_for(destination)
            && hop.next_hop == from
            && gateway != from
            && interface.is_on_link(gateway)
            && !interface.is_ours(gateway)
            && interface.check_remote(gateway).is_ok()
            && interface.check_remote(destination).is_ok();
        if plausible && self.redirects.insert(now, destination, gateway) { Ok(()) } else { Err(refused) }
    }

    /// Forgets redirects whose time is over, a bounded number a call.
    pub fn expire(&mut self, now: Instant) {
        self.redirects.expire(now);
    }

    /// When [`Routes::expire`] has something to do next.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.redirects.next_deadline()
    }

    /// All configured routes, longest prefix first.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        let networks = self.lengths.iter().flat_map(|length| &length.networks);
        networks.flat_map(|(_, routes)| routes).map(|entry| &entry.route)
    }

    /// Host routes learned from redirects: destination, gateway, and when each is forgotten.
    pub fn redirects(&self) -> impl Iterator<Item = (Addr, Addr, Instant)> {
        self.redirects.iter().map(|(to, gateway, until)| (from_bits(to), gateway, until))
    }
}

#[cfg(test)]
mod tests;
