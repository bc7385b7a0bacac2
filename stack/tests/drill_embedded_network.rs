//! The embedded network as users' tests see it: whole stacks, one LAN, virtual time.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, its helpers too")]

use std::any::Any;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use synward::base::Instant;
use synward::buffer::Buf;
use synward::shard::HostConfig;
use synward::shard::bounds::Operation;
use synward::sim::apps::{
    Act, Attempt, Bulk, Connector, Echo, Ended, Pinger, Plan, Server, Steady, Telnet, Visitors,
};
use synward::sim::{
    HostNode, Link, NodeId, Outbox, RouteAction, Router, Script, ScriptedPeer, Spoof, SynFlood, Tap, World,
    mac,
};
use synward::tcp::{CloseReason, ConnectError, IcmpKind, Options};
use synward::wire::Mac;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

fn at(address: Ipv4Addr, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(address), port)
}

fn host(number: u32, address: Ipv4Addr) -> HostNode {
    HostNode::new(HostConfig::new(address.into(), 24), mac(number), u64::from(number)).unwrap()
}

/// A sum over every frame and its time: two runs that differ in a bit differ here.
struct Sum(u64, u64);

impl Tap for Sum {
    fn frame(&mut self, now: Instant, frame: &Buf) {
        self.0 += 1;
        for byte in now.as_nanos().to_le_bytes().iter().chain(frame.data()) {
            self.1 = (self.1 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// Servers, clients behind a bad cable, a flood.
fn crowded(seed: u64) -> (World, NodeId, usize) {
    let mut world = World::new(seed);
    let mut server = host(1, SERVER);
    server.add(Server::new(at(SERVER, 23), 64, Telnet::default));
    server.add(Server::new(at(SERVER, 7), 64, || Echo));
    server.add(Server::new(at(SERVER, 19), 64, Bulk::default));
    world.add(server, Link::default());
    let mut clients = host(2, Ipv4Addr::new(10, 0, 0, 2));
    let plan = Plan {
        server: SERVER.into(),
        ports: [23, 7, 19],
        clients: 6,
        from: Instant::ZERO,
        until: Instant::from_secs(5),
        think: Duration::from_millis(200),
        patience: Duration::from_secs(60),
        seed,
    };
    let app = clients.add(Visitors::new(plan));
    let link = Link { jitter: Duration::from_micros(300), duplicate: 0.01, corrupt: 0.01, ..Link::default() };
    let clients = world.add(clients, link.loss(0.01));
    let spoof = Spoof { network: Ipv4Addr::new(10, 0, 0, 0), prefix_len: 24, station: mac(9) };
    let flood = SynFlood::new(mac(9), (SERVER, mac(1)), vec![23, 7, 19], vec![spoof], seed);
    world.add(flood.rate(2000, Instant::from_secs(1), Instant::from_secs(4)), Link::default());
    world.tap(Sum(0, 0xcbf2_9ce4_8422_2325));
    (world, clients, app)
}

#[test]
fn visits_over_a_bad_cable_and_under_a_flood_verify_every_byte() {
    let (mut world, clients, app) = crowded(3);
    world.run_until(Instant::from_secs(120));
    let visitors: &mut Visitors = world.node::<HostNode>(clients).unwrap().app(app).unwrap();
    let failures: Vec<_> = visitors.visits.iter().filter_map(|visit| visit.failure).collect();
    assert_eq!(visitors.inside(), 0);
    assert!(visitors.visits.len() > 50, "{}", visitors.visits.len());
    assert!(failures.len() * 50 <= visitors.visits.len(), "{failures:?}");
    assert!(visitors.visits.iter().any(|visit| visit.verified == Bulk::BYTES));
}

#[test]
fn one_seed_gives_one_run_to_the_byte_and_another_seed_another() {
    let run = |seed| {
        let (mut world, ..) = crowded(seed);
        world.run_until(Instant::from_secs(8));
        let sum: &mut Sum = world.tap_mut().unwrap();
        (sum.0, sum.1)
    };
    let first = run(11);
    assert!(first.0 > 10_000);
    assert_eq!(first, run(11));
    assert_ne!(first, run(12));
}

/// Counts what it receives.
struct Sink(Mac, u64);

impl synward::sim::Node for Sink {
    fn mac(&self) -> Mac {
        self.0
    }
    fn start(&mut self, _: Instant, _: &mut Outbox) {}
    fn receive(&mut self, _: Instant, frames: &mut dyn Iterator<Item = Buf>, _: &mut Outbox) {
        self.1 += frames.count() as u64;
    }
    fn wake(&mut self, _: Instant, _: &mut Outbox) {}
    fn deadline(&self) -> Option<Instant> {
        None
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

#[test]
fn a_node_services_no_more_frames_than_its_rate_and_loses_the_rest() {
    let served = |rate: u64| {
        let mut world = World::new(1);
        let sink = world.add(Sink(mac(1), 0), Link::default());
        let spoof = Spoof { network: SERVER, prefix_len: 24, station: mac(2) };
        let flood = SynFlood::new(mac(2), (SERVER, mac(1)), vec![80], vec![spoof], 5);
        let fast = Link { line: Duration::ZERO, ..Link::default() };
        world.add(flood.rate(rate, Instant::ZERO, Instant::from_millis(100)), fast);
        world.run_until(Instant::from_secs(1));
        (world.node::<Sink>(sink).unwrap().1, world.stats(sink))
    };
    assert_eq!(Link::default().capacity(), 500_000);
    let (frames, stats) = served(400_000);
    assert_eq!((frames, stats.overrun), (40_000, 0));
    let (frames, stats) = served(1_000_000);
    assert!((50_000..=51_100).contains(&frames), "a tenth of a second's work and one queue: {frames}");
    assert_eq!(stats.overrun + frames, 100_000);
    assert_eq!(stats.longest_queue, 1024);
}

/// A host with one attempt, peers that play scripts, and a router; how the attempt ended and how long it took.
fn attempt(to: SocketAddr, act: Act, options: Options) -> (Ended, Duration) {
    let mut world = World::new(4);
    let mut config = HostConfig::new(SERVER.into(), 24);
    config.routes.push(("10.5.0.0".parse().unwrap(), 16, "10.0.0.254".parse().unwrap()));
    let mut node = HostNode::new(config, mac(1), 1).unwrap();
    let bound = Duration::from_secs(200);
    let plan = vec![Attempt { at: Instant::from_secs(1), to, kind: 0, options, act, bound }];
    let app = node.add(Connector::new(plan, Duration::from_millis(10)));
    let node = world.add(node, Link::default());
    let scripts = [Script::Silent, Script::Refuses, Script::DiesAfterSynAck, Script::ClosesWindow(4380)];
    for (n, script) in (2..).zip(scripts) {
        world.add(ScriptedPeer::new(mac(n), Ipv4Addr::new(10, 0, 0, n as u8), script), Link::default());
    }
    let router = Router::new(mac(254), Ipv4Addr::new(10, 0, 0, 254))
        .route(SERVER, 32, RouteAction::Deliver(mac(1)))
        .route(Ipv4Addr::new(10, 5, 1, 0), 24, RouteAction::BlackHole)
        .route(Ipv4Addr::new(10, 5, 2, 0), 24, RouteAction::Unreachable(13));
    world.add(router, Link::default());
    world.run_until(Instant::from_secs(300));
    let connector: &mut Connector = world.node::<HostNode>(node).unwrap().app(app).unwrap();
    assert!(connector.done());
    assert_eq!(connector.finished.len(), 1);
    (connector.finished[0].how, connector.finished[0].took)
}

fn v4(a: u8, b: u8, c: u8, d: u8) -> SocketAddr {
    at(Ipv4Addr::new(a, b, c, d), 23)
}

#[test]
fn every_dead_end_ends_with_its_own_error_within_the_bound_of_the_table() {
    let settings = synward::settings::Settings::default();
    let options = Options { user_timeout: Some(Duration::from_secs(5)), ..Options::default() };
    let check = |to, act, operation: Operation, right: fn(&Ended) -> bool| {
        // The user timeout is for the writes; a connect would end by it, too.
        let options = if act == Act::Connect { Options::default() } else { options };
        let (ended, took) = attempt(to, act, options);
        let bound = operation.bound(&settings, &options).unwrap() + Duration::from_millis(2);
        assert!(right(&ended), "{to}: {ended:?}");
        assert!(took <= bound, "{to}: {took:?} of {bound:?}");
    };
    let silent: fn(&Ended) -> bool = |e| matches!(e, Ended::Failed(ConnectError::NeighborSilent { .. }));
    let timed_out: fn(&Ended) -> bool = |e| matches!(e, Ended::Failed(ConnectError::TimedOut { .. }));
    let refused: fn(&Ended) -> bool = |e| matches!(e, Ended::Failed(ConnectError::Refused { .. }));
    let no_route: fn(&Ended) -> bool = |e| matches!(e, Ended::Failed(ConnectError::NoRoute { .. }));
    let prohibited: fn(&Ended) -> bool = |e| matches!(e, Ended::Failed(ConnectError::Unreachable { error, .. }) if error.kind == IcmpKind::Prohibited);
    let closed: fn(&Ended) -> bool = |e| matches!(e, Ended::Closed(CloseReason::TimedOut { .. }));
    let shut: fn(&Ended) -> bool = |e| matches!(e, Ended::Closed(CloseReason::WindowClosed { .. }));
    check(v4(10, 0, 0, 40), Act::Connect, Operation::ConnectNeighborSilent, silent);
    check(v4(10, 0, 0, 2), Act::Connect, Operation::ConnectSilent, timed_out);
    check(v4(10, 0, 0, 3), Act::Connect, Operation::ConnectRefused, refused);
    check(v4(10, 5, 1, 1), Act::Connect, Operation::ConnectSilent, timed_out);
    check(v4(10, 5, 2, 1), Act::Connect, Operation::ConnectUnreachable, prohibited);
    check(v4(10, 9, 0, 1), Act::Connect, Operation::ConnectAtOnce, no_route);
    check(v4(10, 0, 0, 4), Act::Write(100_000), Operation::WriteUnanswered, closed);
    check(v4(10, 0, 0, 5), Act::Write(100_000), Operation::WriteZeroWindow, shut);
}

#[test]
fn an_operation_that_outlives_its_bound_is_found_overdue_and_aborted() {
    let mut world = World::new(4);
    let mut node = host(1, SERVER);
    let to = v4(10, 0, 0, 2);
    let bound = Duration::from_millis(100);
    let plan = vec![Attempt {
        at: Instant::ZERO,
        to,
        kind: 0,
        options: Options::default(),
        act: Act::Connect,
        bound,
    }];
    let app = node.add(Connector::new(plan, Duration::ZERO));
    let node = world.add(node, Link::default());
    world.run_until(Instant::from_secs(1));
    let host: &mut HostNode = world.node(node).unwrap();
    assert_eq!(host.shard.snapshot().connections, 0);
    assert_eq!(host.app::<Connector>(app).unwrap().finished[0].how, Ended::Overdue);
}

#[test]
fn a_host_that_dies_shows_in_pings_and_in_the_steady_connection() {
    let mut world = World::new(4);
    let mut server = host(1, SERVER);
    server.add(Server::new(at(SERVER, 7), 16, || Echo));
    let server = world.add(server, Link::default());
    let mut node = host(2, Ipv4Addr::new(10, 0, 0, 2));
    let end = Instant::from_secs(10);
    let ms = Duration::from_millis;
    let pinger = node.add(Pinger::new(SERVER.into(), ms(100), ms(500), end));
    let steady = node.add(Steady::new(at(SERVER, 7), 500, ms(100), end, 1));
    let node = world.add(node, Link::default());
    world.run_until(Instant::from_secs(5));
    world.set_link(server, Link::default().loss(1.0));
    world.run_until(Instant::from_secs(12));
    let node: &mut HostNode = world.node(node).unwrap();
    let pinger: &mut Pinger = node.app(pinger).unwrap();
    assert_eq!((pinger.waiting(), pinger.answered + pinger.lost.len() as u64), (0, pinger.sent));
    assert!((49..=52).contains(&pinger.answered), "{}", pinger.answered);
    let steady: &mut Steady = node.app(steady).unwrap();
    assert!((49..=52).contains(&steady.records.len()) && steady.late > 40 && steady.wrong == 0);
}
