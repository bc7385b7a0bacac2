//! Every wait that the stack owes has its deadline (`design.md`, Section 4): connects of every kind end within the bound that
//! `shard::bounds` computes, with the error that it names.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::addr;
use common::frames::{self, GATEWAY, GATEWAY_MAC, OTHER, OTHER_MAC, PEER, PEER_MAC, US, at};
use common::peer::{ACK, Peer, RST};
use common::wire::Wire;
use common::{ms, secs};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;
use synward::settings::{Settings, SynSentIcmp};
use synward::shard::bounds::{GRANULARITY, Operation, markdown};
use synward::shard::{ConnId, Event};
use synward::tcp::{ConnectError, IcmpKind, Options};
use synward::wire::{Addr, Icmpv4, Mac, TcpHeader, TimeExceeded, Unreachable};

const DEAD: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 40);

fn bound(operation: Operation) -> Duration {
    operation.bound(&Settings::default(), &Options::default()).unwrap()
}

/// Waits for the end of a connect; the error and how long it took. Afterwards nothing is left.
fn failure(wire: &mut Wire, id: ConnId, most: Duration) -> (ConnectError, Duration) {
    let start = wire.now;
    while wire.now < start + most + GRANULARITY {
        for event in wire.events() {
            if let Event::ConnectFailed(failed, error) = event {
                assert_eq!(failed, id);
                assert_eq!(wire.host.idle_state(), (0, 0), "nothing is left of it");
                assert_eq!(wire.host.snapshot().connections, 0);
                return (error, wire.now.since(start));
            }
        }
        wire.run(ms(1).max(most / 1000));
    }
    panic!("{:?} passed without a word", most);
}

#[test]
fn a_connect_to_a_silent_address_on_the_link_ends_by_its_bound() {
    let mut wire = Wire::new(Settings::default());
    let id = wire.host.connect(at(DEAD, 23).into(), &Options::default()).unwrap();
    let (error, took) = failure(&mut wire, id, bound(Operation::ConnectNeighborSilent));
    assert!(matches!(error, ConnectError::NeighborSilent { requests: 3, .. }), "{error}");
    assert!(took >= secs(3));
    // The failure is remembered for at most a second, and named at once.
    let again = wire.host.connect(at(DEAD, 23).into(), &Options::default()).unwrap_err();
    assert!(matches!(again, ConnectError::NeighborSilent { .. }), "{again}");
    wire.run(secs(1));
    assert!(wire.host.connect(at(DEAD, 23).into(), &Options::default()).is_ok(), "asked anew");
}

#[test]
fn a_remembered_failure_is_forgotten_when_the_host_speaks() {
    let mut wire = Wire::new(Settings::default());
    let id = wire.host.connect(at(DEAD, 23).into(), &Options::default()).unwrap();
    failure(&mut wire, id, secs(3));
    let mac = Mac([2, 0, 0, 0, 0, 40]);
    let request =
        frames::arp(synward::wire::ArpOperation::Request, (mac, DEAD), (Mac::default(), US), frames::US_MAC);
    wire.inject(&request);
    wire.take();
    wire.host.connect(at(DEAD, 23).into(), &Options::default()).unwrap();
    wire.settle();
    assert_eq!(wire.segments()[0].station, mac);
}

#[test]
fn a_gateway_that_is_gone_ends_a_connect_like_a_silent_host() {
    let mut wire = Wire::new(Settings::default());
    wire.stations.remove(&GATEWAY);
    let id = wire.host.connect(addr("198.51.100.7:80"), &Options::default()).unwrap();
    let (error, _) = failure(&mut wire, id, bound(Operation::ConnectNeighborSilent));
    assert!(
        matches!(error, ConnectError::NeighborSilent { neighbor, .. } if neighbor == Addr::v4(GATEWAY)),
        "{error}"
    );
}

#[test]
fn at_the_limit_of_unresolved_neighbours_a_connect_fails_at_once_with_its_own_error() {
    let mut settings = Settings::default();
    settings.limits.neighbors_unresolved = 4;
    let mut wire = Wire::new(settings);
    for last in 40..44 {
        wire.host.connect(at([192, 0, 2, last].into(), 1).into(), &Options::default()).unwrap();
    }
    let error = wire.host.connect(at([192, 0, 2, 44].into(), 1).into(), &Options::default()).unwrap_err();
    assert!(matches!(error, ConnectError::NeighborLimit { limit: 4, .. }), "{error}");
    // A second connect to one that is being asked for needs no new entry.
    assert!(wire.host.connect(at([192, 0, 2, 40].into(), 2).into(), &Options::default()).is_ok());
    wire.run(bound(Operation::ConnectNeighborSilent));
    let failed = wire.events().into_iter().filter(|event| matches!(event, Event::ConnectFailed(..))).count();
    assert_eq!((failed, wire.host.idle_state()), (5, (0, 0)));
    wire.run(secs(1));
    assert!(wire.host.connect(at([192, 0, 2, 44].into(), 1).into(), &Options::default()).is_ok());
}

#[test]
fn a_connect_into_a_black_hole_ends_by_its_schedule() {
    for (to, user_timeout) in [(addr("198.51.100.7:80"), None), (addr("192.0.2.2:9"), Some(secs(10)))] {
        let mut wire = Wire::new(Settings::default());
        let options = Options { user_timeout, ..Options::default() };
        let most = Operation::ConnectSilent.bound(wire.host.settings(), &options).unwrap();
        let id = wire.host.connect(to, &options).unwrap();
        let (error, _) = failure(&mut wire, id, most);
        let ConnectError::TimedOut { syns, over, soft, .. } = error else { panic!("{error}") };
        assert_eq!((over, soft), (user_timeout.unwrap_or(secs(123)), None));
        assert_eq!(wire.segments().len(), syns as usize, "as many SYNs as it says");
    }
}

#[test]
fn each_icmp_unreachable_ends_a_connect_at_once_and_says_who_said_it() {
    for code in 0..=15 {
        let reason = Unreachable::from_wire(code, 1400);
        let mut wire = Wire::new(Settings::default());
        let id = wire.host.connect(addr("198.51.100.7:80"), &Options::default()).unwrap();
        wire.settle();
        let syn = wire.segments().remove(0);
        let message = Icmpv4::Unreachable { reason, quoted: &syn.packet[..28] };
        wire.inject(&frames::icmp(GATEWAY_MAC, GATEWAY, &message));
        if matches!(reason, Unreachable::FragmentationNeeded { .. }) {
            assert_eq!(wire.events(), [], "a smaller packet may pass");
            continue;
        }
        let (error, took) = failure(&mut wire, id, Duration::ZERO);
        let ConnectError::Unreachable { error, .. } = error else { panic!("{error}") };
        assert_eq!((error.from.to_ip(), took), (GATEWAY.into(), Duration::ZERO), "{reason:?}");
        assert!(error.kind.is_unreachable());
    }
}

#[test]
fn an_unreachable_that_is_only_to_be_reported_is_named_when_the_attempt_ends() {
    let mut settings = Settings::default();
    settings.tcp.syn_sent_icmp = SynSentIcmp::Report;
    settings.tcp.syn_retries = 2;
    let mut wire = Wire::new(settings);
    let id = wire.host.connect(addr("198.51.100.7:80"), &Options::default()).unwrap();
    wire.settle();
    let syn = wire.segments().remove(0);
    let message = Icmpv4::Unreachable { reason: Unreachable::from_wire(1, 0), quoted: &syn.packet };
    wire.inject(&frames::icmp(GATEWAY_MAC, GATEWAY, &message));
    let (error, took) = failure(&mut wire, id, secs(10));
    let ConnectError::TimedOut { soft: Some(soft), .. } = error else { panic!("{error}") };
    assert_eq!((soft.kind, took >= secs(7)), (IcmpKind::HostUnreachable, true));
}

#[test]
fn a_time_exceeded_leaves_hope_and_is_named_at_the_end() {
    let mut wire = Wire::new(Settings::default());
    let id = wire.host.connect(addr("198.51.100.7:80"), &Options::default()).unwrap();
    wire.settle();
    let syn = wire.segments().remove(0);
    let message = Icmpv4::TimeExceeded { code: TimeExceeded::from_wire(0), quoted: &syn.packet };
    wire.inject(&frames::icmp(GATEWAY_MAC, GATEWAY, &message));
    let (error, _) = failure(&mut wire, id, bound(Operation::ConnectSilent));
    assert!(matches!(error, ConnectError::TimedOut { soft: Some(_), .. }), "{error}");
}

#[test]
fn an_unreachable_that_quotes_another_number_ends_nothing() {
    let mut wire = Wire::new(Settings::default());
    wire.host.connect(addr("198.51.100.7:80"), &Options::default()).unwrap();
    wire.settle();
    let syn = wire.segments().remove(0);
    for offset in [1_u32, u32::MAX, 1 << 31] {
        let header = TcpHeader { seq: syn.header.seq + offset, ..syn.header };
        let quoted = frames::tcp_packet(syn.from, syn.to, &header, &[]);
        let message = Icmpv4::Unreachable { reason: Unreachable::from_wire(1, 0), quoted: &quoted };
        wire.inject(&frames::icmp(GATEWAY_MAC, GATEWAY, &message));
    }
    assert_eq!(wire.events(), []);
}

#[test]
fn a_closed_port_refuses_at_once_and_a_reset_that_acknowledges_something_else_does_not() {
    let mut wire = Wire::new(Settings::default());
    let id = wire.host.connect(at(PEER, 9).into(), &Options::default()).unwrap();
    wire.settle();
    let syn = wire.segments().remove(0);
    let mut peer = Peer::new(9, syn.from.port());
    peer.ack = syn.header.seq + 2;
    wire.inject(&peer.frame(&peer.header(RST.with(ACK)), &[]));
    wire.inject(&peer.frame(&peer.header(RST), &[]));
    assert_eq!(wire.events(), []);
    peer.ack = syn.header.seq + 1;
    wire.inject(&peer.frame(&peer.header(RST.with(ACK)), &[]));
    let (error, took) = failure(&mut wire, id, Duration::ZERO);
    assert_eq!(
        (error, took),
        (ConnectError::Refused { by: std::net::SocketAddr::from(at(PEER, 9)).into() }, Duration::ZERO)
    );
}

#[test]
fn what_cannot_be_connected_to_is_an_error_at_once() {
    let mut wire = Wire::new(Settings::default());
    for to in [
        "0.0.0.0:1",
        "255.255.255.255:1",
        "192.0.2.255:1",
        "192.0.2.0:1",
        "224.0.0.1:1",
        "239.1.2.3:1",
        "127.0.0.1:1",
    ] {
        let error = wire.host.connect(addr(to), &Options::default()).unwrap_err();
        assert!(matches!(error, ConnectError::NotAHost { .. }), "{to}: {error}");
        assert!(error.to_string().contains(to.split(':').next().unwrap()), "{error}");
    }
    let error = wire.host.connect(addr("192.0.2.2:0"), &Options::default()).unwrap_err();
    assert!(matches!(error, ConnectError::NotAPort { .. }), "{error}");
    let error = wire.host.connect_from(Some(addr("192.0.2.9:0")), addr("192.0.2.2:1"), &Options::default());
    assert!(matches!(error, Err(ConnectError::NotOurs { .. })), "{error:?}");
    wire.settle();
    assert_eq!((wire.segments(), wire.host.idle_state(), wire.events()), (vec![], (0, 0), vec![]));
}

#[test]
fn without_a_route_a_connect_fails_at_once() {
    let mut pair = common::pair::Pair::new(&common::pair::Setup::default());
    let error = pair.a.connect(addr("198.51.100.1:1"), &Options::default()).unwrap_err();
    assert!(matches!(error, ConnectError::NoRoute { .. }), "{error}");
    assert_eq!(pair.a.idle_state(), (0, 0));
}

#[test]
fn without_a_free_port_a_connect_fails_at_once() {
    let mut settings = Settings::default();
    (settings.tcp.port_low, settings.tcp.port_high) = (5000, 5009);
    let mut wire = Wire::new(settings);
    for _ in 0..10 {
        wire.host.connect(at(PEER, 9).into(), &Options::default()).unwrap();
    }
    let error = wire.host.connect(at(PEER, 9).into(), &Options::default()).unwrap_err();
    assert!(matches!(error, ConnectError::PortsExhausted { .. }), "{error}");
    assert!(
        wire.host.connect(at(PEER, 10).into(), &Options::default()).is_ok(),
        "another peer has all ports"
    );
}

/// A segment from an endpoint to the same endpoint is a land packet: a connect that drew its own port would wait for its whole
/// schedule, and one that asks for it is told at once.
#[test]
fn a_connect_to_ourselves_never_leaves_from_the_port_that_it_goes_to() {
    let mut settings = Settings::default();
    (settings.tcp.port_low, settings.tcp.port_high) = (5000, 5001);
    let mut wire = Wire::new(settings);
    for _ in 0..20 {
        let id = wire.host.connect(at(US, 5000).into(), &Options::default()).unwrap();
        wire.settle();
        let (error, _) = failure(&mut wire, id, Duration::ZERO);
        assert!(matches!(error, ConnectError::Refused { .. }), "{error}");
    }
    let own = at(US, 5000).into();
    let error = wire.host.connect_from(Some(own), own, &Options::default()).unwrap_err();
    assert!(matches!(error, ConnectError::AddressInUse { .. }), "{error}");
}

#[test]
fn a_connect_to_our_own_closed_port_is_refused_in_a_later_turn() {
    let mut wire = Wire::new(Settings::default());
    let id = wire.host.connect(at(US, 9).into(), &Options::default()).unwrap();
    assert_eq!(wire.events(), [], "never by calling back");
    wire.settle();
    let (error, _) = failure(&mut wire, id, Duration::ZERO);
    assert!(matches!(error, ConnectError::Refused { .. }), "{error}");
    assert_eq!(wire.segments(), [], "nothing of it is on the wire");
}

#[test]
fn twelve_thousand_connects_to_silent_addresses_are_all_told_within_the_bound() {
    let config = synward::shard::HostConfig::new("10.0.0.1".parse().unwrap(), 8);
    let mut wire = Wire::with_config(config, 1500);
    let mut waiting = BTreeSet::new();
    for n in 0..12_000_u32 {
        let to = Ipv4Addr::from(0x0a01_0000 + n);
        waiting.insert(wire.host.connect(at(to, 80).into(), &Options::default()).unwrap());
    }
    wire.run(bound(Operation::ConnectNeighborSilent) + GRANULARITY);
    for event in wire.events() {
        if let Event::ConnectFailed(id, error) = event {
            assert!(matches!(error, ConnectError::NeighborSilent { requests: 3, .. }), "{error}");
            assert!(waiting.remove(&id));
        }
    }
    assert_eq!(waiting.len(), 0, "everybody is told");
    assert_eq!((wire.host.idle_state(), wire.host.snapshot().connections), ((0, 0), 0));
    let asked = wire.arp_requests.iter().filter(|(_, target)| target.octets()[1] == 1).count();
    assert_eq!(asked, 36_000, "three for each");
    wire.run(secs(2));
    assert_eq!(wire.host.snapshot().neighbors, 0);
}

#[test]
fn a_connect_that_took_the_place_of_a_cancelled_one_waits_for_its_own_neighbour() {
    let mut wire = Wire::new(Settings::default());
    wire.stations.remove(&OTHER);
    wire.stations.remove(&PEER);
    let first = wire.host.connect(at(OTHER, 80).into(), &Options::default()).unwrap();
    wire.settle();
    wire.host.close(first);
    let second = wire.host.connect(at(PEER, 81).into(), &Options::default()).unwrap();
    wire.settle();
    let answer = |mac, from| {
        let reply = synward::wire::ArpOperation::Reply;
        frames::arp(reply, (mac, from), (frames::US_MAC, US), frames::US_MAC)
    };
    wire.inject(&answer(OTHER_MAC, OTHER));
    assert_eq!(wire.segments(), [], "the neighbour that answered is another one's");
    wire.inject(&answer(PEER_MAC, PEER));
    let sent = wire.segments();
    assert_eq!(
        sent.iter().map(|sent| (sent.station, sent.to)).collect::<Vec<_>>(),
        [(PEER_MAC, at(PEER, 81))]
    );
    wire.host.close(second);
    wire.settle();
    assert_eq!(wire.host.idle_state(), (0, 0));
}

#[test]
fn connects_that_are_given_up_while_their_neighbour_is_asked_for_leave_nothing() {
    let mut wire = Wire::new(Settings::default());
    for _ in 0..10_000 {
        let id = wire.host.connect(at(DEAD, 80).into(), &Options::default()).unwrap();
        wire.host.close(id);
    }
    let memory = wire.host.memory();
    assert_eq!((wire.host.idle_state(), wire.host.snapshot().connections), ((0, 0), 0));
    assert!(memory.neighbors < 64 * 1024, "{} bytes for one neighbour", memory.neighbors);
}

#[test]
fn the_table_of_bounds_in_the_documentation_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/bounds.md");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let table = markdown(&Settings::default());
    assert!(text.contains(&table), "docs/bounds.md should have this table:\n\n{table}");
}
