//! The situation of article 297040 on the embedded network: who stands on the LAN, and how the run goes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use synward::base::Instant;
use synward::settings::{Cookies, Settings, SynAttackProtect};
use synward::shard::bounds::{Operation, half_open_life};
use synward::shard::{Defect, HostConfig, Progress};
use synward::sim::apps::{Bulk, Connector, Echo, Pinger, Plan, Server, Steady, Telnet, Visitors};
use synward::sim::{
    HostNode, Link, NodeId, RouteAction, Router, Script, ScriptedPeer, Spoof, SynFlood, Tap, World, mac,
};
use synward::tcp::Options;

use super::kinds::{self, BLACK_HOLE, DIES, LIVE, ROUTER, SHUTS, UNREACHABLE};

/// The server of the article.
pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(129, 68, 72, 10);
/// Who pings the server and holds the long-lived connection.
const MONITOR: Ipv4Addr = Ipv4Addr::new(129, 68, 72, 30);
/// Telnet, echo, chargen.
const PORTS: [u16; 3] = [23, 7, 19];
/// Accept queue of each service.
const BACKLOG: u32 = 511;
/// Hosts that the clients share, on-link and off-link each.
const CLIENT_HOSTS: u32 = 4;
/// Bytes of one record of the long-lived connection, and the time between two.
pub(super) const RECORD: (usize, Duration) = (1000, Duration::from_millis(50));
/// Time between pings, and when one counts as lost.
pub(super) const PING: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// What a bound may be passed by: round trips on the LAN and ticks of the timer wheel.
pub(super) const SLACK: Duration = Duration::from_millis(10);
/// How long a client waits before it gives a visit up.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// Virtual time between two looks at how far the run is.
const STEP: Duration = Duration::from_millis(5);
/// Samples of the timeline in the loaded part of the run.
pub(super) const SAMPLES: u64 = 60;

/// What the command line asks for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) seed: u64,
    pub(super) settings: Settings,
    pub(super) flood: u64,
    pub(super) clients: u32,
    pub(super) dead: u32,
    pub(super) loss: f64,
    pub(super) duration: Duration,
    pub(super) defect: bool,
}

/// When what happens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) flood_from: Instant,
    pub(super) flood_until: Instant,
    /// The dead connects begin.
    pub(super) wave: Instant,
    /// The clients begin no visit after.
    pub(super) loaded: Instant,
    /// The user timeout of the drill's own writes.
    pub(super) user_timeout: Duration,
    /// What can still be open then has missed its bound.
    pub(super) latest: Instant,
}

/// One sample of the timeline.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) flood: u64,
    pub(super) half_open: u64,
    pub(super) accepted: u64,
    pub(super) dead_open: u64,
    pub(super) pings_lost: u64,
    pub(super) protecting: bool,
}

/// The world, and where in it everything is.
pub(super) struct Scenario {
    pub(super) world: World,
    pub(super) wanted: Wanted,
    pub(super) times: Times,
    pub(super) server: NodeId,
    pub(super) connector: usize,
    pub(super) router: NodeId,
    pub(super) attacker: NodeId,
    pub(super) monitor: NodeId,
    pub(super) pinger: usize,
    pub(super) steady: usize,
    /// Each with its name and the number of its [`Visitors`].
    pub(super) visitors: Vec<(NodeId, String, usize)>,
    /// Every node, for the table of frames.
    pub(super) nodes: Vec<(NodeId, String)>,
    pub(super) samples: Vec<Sample>,
    /// When the run ended.
    pub(super) ended: Instant,
}

/// Whether this flood must drive these settings into protection: the store would fill beyond the threshold.
pub(super) fn protection_expected(wanted: &Wanted, times: &Times) -> bool {
    let admission = &wanted.settings.admission;
    let effective = admission.syn_attack_protect != SynAttackProtect::Off && admission.synack_retries >= 2;
    let window = times.flood_until.since(times.flood_from).min(admission.synack_rto);
    let entries = window.as_secs_f64() * wanted.flood as f64;
    effective
        && admission.cookies != Cookies::Always
        && admission.max_half_open < wanted.settings.limits.half_open
        && entries > 2.0 * f64::from(admission.max_half_open)
}

impl Times {
    pub(super) fn new(wanted: &Wanted) -> Self {
        let part = |percent: u32| Instant::ZERO + wanted.duration * percent / 100;
        let (flood_from, flood_until, wave, loaded) = (part(15), part(80), part(25), part(100));
        let user_timeout = (wanted.duration / 4).clamp(Duration::from_secs(2), Duration::from_secs(30));
        let admission = &wanted.settings.admission;
        // Half-open connections that the flood leaves, then calm for the hold-off (doubled by a renewed attack).
        let calm = half_open_life(&wanted.settings, admission.synack_retries) + admission.hold_off * 2;
        let connect =
            Operation::ConnectSilent.bound(&wanted.settings, &Options::default()).unwrap_or_default();
        let writes = wave + user_timeout * 3;
        let latest = (flood_until + calm).max(loaded + connect).max(writes).max(loaded + PATIENCE);
        Self { flood_from, flood_until, wave, loaded, user_timeout, latest: latest + Duration::from_secs(2) }
    }
}

impl Scenario {
    /// Sets everything up.
    pub(super) fn new(wanted: Wanted) -> Result<Self, String> {
        let times = Times::new(&wanted);
        let mut building = Building { world: World::new(wanted.seed), nodes: Vec::new(), seed: wanted.seed };
        let (server_mac, router_mac, attacker_mac) = (mac(10), mac(1), mac(66));
        let plan = kinds::plan(&wanted.settings, wanted.dead, times.wave, times.loaded, times.user_timeout);
        let mut host = HostNode::new(server_config(&wanted.settings), server_mac, wanted.seed ^ 0x5e11)
            .map_err(|error| error.to_string())?;
        let at = |port: u16| SocketAddr::new(IpAddr::V4(SERVER), port);
        host.add(Server::new(at(PORTS[0]), BACKLOG, Telnet::default));
        host.add(Server::new(at(PORTS[1]), BACKLOG, || Echo));
        host.add(Server::new(at(PORTS[2]), BACKLOG, Bulk::default));
        let connector = host.add(Connector::new(plan, SLACK));
        if wanted.defect {
            host.shard.plant(Defect::StuckTurn);
        }
        let server = building.add("server 129.68.72.10", host, Link::default());
        let router = building.add("router 129.68.72.1", router(router_mac), Link::default().queue(1 << 16));
        let flood = SynFlood::new(
            attacker_mac,
            (SERVER, server_mac),
            PORTS.to_vec(),
            vec![
                Spoof { network: Ipv4Addr::new(129, 68, 72, 0), prefix_len: 24, station: attacker_mac },
                Spoof { network: Ipv4Addr::new(198, 18, 0, 0), prefix_len: 15, station: router_mac },
            ],
            wanted.seed ^ 0xf100d,
        );
        let flood = flood.rate(wanted.flood, times.flood_from, times.flood_until);
        // Its line carries whatever it is asked for: the limit under test is the server's.
        let fast = Link { line: Duration::ZERO, ..Link::default() };
        let attacker = building.add("attacker", flood, fast);
        // Whole segments, so that no rest waits for the override of silly-window avoidance: the last progress is at once.
        let mss = wanted.settings.tcp.mss;
        let window = 3 * if mss == 0 { 1460 } else { mss.min(1460) };
        let peers = [(21, DIES, Script::DiesAfterSynAck), (22, SHUTS, Script::ClosesWindow(window))];
        for (n, address, script) in peers {
            building.add(
                &format!("peer {address}"),
                ScriptedPeer::new(mac(n), address, script),
                Link::default(),
            );
        }
        building.host(
            "live host 129.68.72.20",
            20,
            HostConfig::new(LIVE.into(), 24),
            Link::default(),
            |_| (),
        )?;
        let until = times.latest + Duration::from_secs(60);
        let watch = |host: &mut HostNode| {
            let pinger = host.add(Pinger::new(SERVER.into(), PING.0, PING.1, until));
            (pinger, host.add(Steady::new(at(PORTS[1]), RECORD.0, RECORD.1, until, wanted.seed)))
        };
        let config = HostConfig::new(MONITOR.into(), 24);
        let (monitor, (pinger, steady)) =
            building.host("monitor 129.68.72.30", 30, config, Link::default(), watch)?;
        let visitors = building.visitors(&wanted, &times)?;
        let Building { world, nodes, .. } = building;
        Ok(Self {
            world,
            wanted,
            times,
            server,
            connector,
            router,
            attacker,
            monitor,
            pinger,
            steady,
            visitors,
            nodes,
            samples: Vec::new(),
            ended: Instant::ZERO,
        })
    }

    /// Shows every frame to `tap`.
    pub(super) fn tap(&mut self, tap: impl Tap) {
        self.world.tap(tap);
    }

    /// Where each shard is in its turn, with the name of its host.
    pub(super) fn progress(&mut self) -> Vec<(String, Arc<Progress>)> {
        let nodes = self.nodes.clone();
        let of = |(id, name): (NodeId, String)| {
            let host: &mut HostNode = self.world.node(id)?;
            Some((name, host.shard.progress()))
        };
        nodes.into_iter().filter_map(of).collect()
    }

    /// Runs to the end; `tick` is told the virtual time.
    pub(super) fn run(&mut self, mut tick: impl FnMut(Instant)) {
        for n in 1..=SAMPLES as u32 {
            self.advance(Instant::ZERO + self.wanted.duration * n / SAMPLES as u32, &mut tick);
            self.sample();
        }
        while self.world.now() < self.times.latest && !self.all_over() {
            self.advance(self.world.now() + Duration::from_millis(500), &mut tick);
            self.sample();
        }
        self.stop();
        tick(self.times.latest);
    }

    /// Runs until `until` in steps that are short also for a person who waits for a large world.
    fn advance(&mut self, until: Instant, tick: &mut impl FnMut(Instant)) {
        while self.world.now() < until {
            self.world.run_until(until.min(self.world.now() + STEP));
            tick(self.world.now());
        }
    }

    /// Whether everything that has a bound has ended, and protection is left.
    fn all_over(&mut self) -> bool {
        let connector = self.connector;
        let Some(host) = self.world.node::<HostNode>(self.server) else { return true };
        let state = host.shard.snapshot().admission;
        let calm = state.protecting.is_none() && state.counts.half_open == 0;
        if !calm || !host.app::<Connector>(connector).is_none_or(|connector| connector.done()) {
            return false;
        }
        let visitors = self.visitors.clone();
        visitors.iter().all(|(id, _, app)| {
            let inside = self
                .world
                .node::<HostNode>(*id)
                .and_then(|host| host.app::<Visitors>(*app))
                .map(|v| v.inside());
            inside == Some(0)
        })
    }

    /// The monitor stops; what it has sent is still answered.
    fn stop(&mut self) {
        let now = self.world.now();
        self.ended = now;
        let (pinger, steady) = (self.pinger, self.steady);
        if let Some(host) = self.world.node::<HostNode>(self.monitor) {
            if let Some(pinger) = host.app::<Pinger>(pinger) {
                pinger.stop_at(now);
            }
            if let Some(steady) = host.app::<Steady>(steady) {
                steady.stop_at(now);
            }
        }
        self.world.run_until(now + PING.1 + Duration::from_secs(1));
    }

    fn sample(&mut self) {
        let at = self.world.now();
        let flood = self.world.node::<SynFlood>(self.attacker).map_or(0, |flood| flood.sent);
        let (connector, pinger) = (self.connector, self.pinger);
        let pings_lost = self
            .world
            .node::<HostNode>(self.monitor)
            .and_then(|host| host.app::<Pinger>(pinger))
            .map_or(0, |pinger| pinger.lost.len() as u64);
        let Some(host) = self.world.node::<HostNode>(self.server) else { return };
        let snapshot = host.shard.snapshot();
        self.samples.push(Sample {
            at,
            flood,
            half_open: snapshot.admission.counts.half_open as u64,
            accepted: snapshot.counters.accepted,
            dead_open: host.app::<Connector>(connector).map_or(0, |connector| connector.running() as u64),
            pings_lost,
            protecting: snapshot.admission.protecting.is_some(),
        });
    }
}

/// The server has routes to what it must reach and no default route: 203.0.113.0/24 is unroutable.
fn server_config(settings: &Settings) -> HostConfig {
    let mut config = HostConfig::new(SERVER.into(), 24).settings(settings.clone());
    let networks = [1, BLACK_HOLE].into_iter().chain(UNREACHABLE.map(|(network, _)| network));
    config.routes = networks
        .map(|network| (IpAddr::V4(Ipv4Addr::new(10, network, 0, 0)), 16, IpAddr::V4(ROUTER)))
        .collect();
    config
}

/// Clients behind it, a black hole, unreachable networks, and the void that the spoofed sources come from.
fn router(own: synward::wire::Mac) -> Router {
    let network = |octet: u8| Ipv4Addr::new(10, octet, 0, 0);
    let mut router = Router::new(own, ROUTER)
        .also(Ipv4Addr::new(10, 1, 0, 1))
        .route(SERVER, 32, RouteAction::Deliver(mac(10)))
        .route(network(BLACK_HOLE), 16, RouteAction::BlackHole)
        .route(Ipv4Addr::new(198, 18, 0, 0), 15, RouteAction::BlackHole);
    for n in 0..CLIENT_HOSTS {
        let client = Ipv4Addr::new(10, 1, 0, 100 + n as u8);
        router = router.route(client, 32, RouteAction::Deliver(mac(200 + n)));
    }
    for (octet, code) in UNREACHABLE {
        router = router.route(network(octet), 16, RouteAction::Unreachable(code));
    }
    router
}

/// The world while it is being built.
struct Building {
    world: World,
    nodes: Vec<(NodeId, String)>,
    seed: u64,
}

impl Building {
    fn add(&mut self, name: &str, node: impl synward::sim::Node, link: Link) -> NodeId {
        let id = self.world.add(node, link);
        self.nodes.push((id, name.to_owned()));
        id
    }

    fn host<R>(
        &mut self,
        name: &str,
        number: u32,
        config: HostConfig,
        link: Link,
        fill: impl FnOnce(&mut HostNode) -> R,
    ) -> Result<(NodeId, R), String> {
        let seed = self.seed ^ (u64::from(number) << 32);
        let mut host = HostNode::new(config, mac(number), seed).map_err(|error| error.to_string())?;
        let result = fill(&mut host);
        Ok((self.add(name, host, link), result))
    }

    /// The clients, shared out over hosts on the LAN and behind the router.
    fn visitors(&mut self, wanted: &Wanted, times: &Times) -> Result<Vec<(NodeId, String, usize)>, String> {
        let hosts = 2 * CLIENT_HOSTS;
        let mut visitors = Vec::new();
        for n in 0..hosts {
            let clients = wanted.clients / hosts + u32::from(n < wanted.clients % hosts);
            let plan = Plan {
                server: SERVER.into(),
                ports: PORTS,
                clients,
                from: Instant::from_millis(100),
                until: times.loaded,
                think: Duration::from_millis(500),
                patience: PATIENCE,
                seed: wanted.seed ^ (u64::from(n) << 16),
            };
            let (name, number, config) = if n < CLIENT_HOSTS {
                let address = Ipv4Addr::new(129, 68, 72, 100 + n as u8);
                (format!("clients {address}"), 100 + n, HostConfig::new(address.into(), 24))
            } else {
                let address = Ipv4Addr::new(10, 1, 0, 100 + (n - CLIENT_HOSTS) as u8);
                let config = HostConfig::new(address.into(), 24).gateway(Ipv4Addr::new(10, 1, 0, 1).into());
                (format!("clients {address}"), 200 + n - CLIENT_HOSTS, config)
            };
            let link = Link::default().loss(wanted.loss);
            let (id, app) = self.host(&name, number, config, link, |host| host.add(Visitors::new(plan)))?;
            visitors.push((id, name, app));
        }
        Ok(visitors)
    }
}
