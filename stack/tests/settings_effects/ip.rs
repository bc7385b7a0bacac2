//! Settings of IP, ARP and ICMP.

use crate::common::frames::{self, GATEWAY, GATEWAY_MAC, OTHER, OTHER_MAC, PEER, PEER_MAC, US, at};
use crate::common::peer::{ACK, Peer, connected};
use crate::common::wire::Wire;
use crate::common::{addr, ms, secs};
use crate::{Case, case, nothing};
use std::time::Duration;
use synward::settings::Settings;
use synward::shard::Event;
use synward::tcp::Options;
use synward::wire::{Icmpv4, Ipv4View, Redirect};

/// ARP requests for one silent address, and how long until the connect to it failed.
fn silent(settings: Settings) -> (usize, Duration) {
    let mut wire = Wire::new(settings);
    let start = wire.now;
    wire.host.connect(addr("192.0.2.40:1"), &Options::default()).unwrap();
    while !wire.events().iter().any(|event| matches!(event, Event::ConnectFailed(..))) {
        wire.run(ms(500));
    }
    (wire.arp_requests.len(), wire.now.since(start))
}

/// Whether the neighbour of a connection that ended long ago is asked for anew.
fn asked_after(settings: Settings, idle: Duration) -> String {
    let mut wire = Wire::new(settings);
    let connect = |wire: &mut Wire| {
        let id = wire.host.connect(at(PEER, 9).into(), &Options::default()).unwrap();
        wire.settle();
        wire.host.abort(id);
    };
    connect(&mut wire);
    wire.run(idle);
    let before = wire.arp_requests.len();
    connect(&mut wire);
    (wire.arp_requests.len() - before).to_string()
}

/// ARP requests for a neighbour in constant use, within 300 s.
fn asked_while_used(settings: Settings) -> String {
    let mut wire = Wire::new(settings);
    let (_, mut peer, id) = connected(&mut wire, 40_000);
    wire.host.write(id, b"x").unwrap();
    wire.run(ms(10));
    let before = wire.arp_requests.len();
    for _ in 0..60 {
        let sent = wire.segments();
        peer.take(&sent);
        peer.send(&mut wire, ACK, &[]);
        wire.host.write(id, b"x").unwrap();
        wire.run(secs(5));
    }
    (wire.arp_requests.len() - before).to_string()
}

/// The fate of a redirect for each of two hosts, both plausible.
fn redirected(settings: Settings) -> String {
    let mut wire = Wire::new(settings);
    let mut fates = Vec::new();
    for to in ["198.51.100.7:80", "198.51.100.8:80"] {
        wire.host.connect(addr(to), &Options::default()).unwrap();
        wire.settle();
        let quoted = wire.segments().remove(0).packet;
        let message = Icmpv4::Redirect { code: Redirect::from_wire(1), gateway: OTHER, quoted: &quoted };
        fates.push(wire.fate(&frames::icmp(GATEWAY_MAC, GATEWAY, &message)).is_none());
    }
    format!("{fates:?}")
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("ip.ttl", nothing, [("64", "64"), ("128", "128")], |s| {
            let mut wire = Wire::new(s);
            wire.host.connect(at(PEER, 9).into(), &Options::default()).unwrap();
            wire.settle();
            wire.segments()[0].ttl.to_string()
        }),
        case("ip.arp-requests", nothing, [("3", "3"), ("1", "1")], |s| silent(s).0.to_string()),
        case("ip.arp-interval", nothing, [("1000", "3s"), ("2000", "6s")], |s| format!("{:?}", silent(s).1)),
        case("ip.arp-failure", nothing, [("1000", "true"), ("100", "false")], |s| {
            let mut wire = Wire::new(s);
            let to = addr("192.0.2.40:1");
            wire.host.connect(to, &Options::default()).unwrap();
            wire.run(ms(3500));
            wire.host.connect(to, &Options::default()).is_err().to_string()
        }),
        case(
            "ip.arp-life",
            |s| s.ip.arp_life_referenced = secs(1),
            [("120s", "1"), ("1000s", "0")],
            |s| asked_after(s, secs(400)),
        ),
        case(
            "ip.arp-life-referenced",
            |s| s.ip.arp_life = secs(20),
            [("600s", "0"), ("100s", "3")],
            asked_while_used,
        ),
        case("ip.arp-announcements", nothing, [("0", "0"), ("3", "3")], |s| {
            let mut wire = Wire::new(s);
            wire.run(secs(30));
            wire.announcements.to_string()
        }),
        case("ip.redirects", nothing, [("false", "[false, false]"), ("true", "[true, true]")], redirected),
        case(
            "ip.redirect-routes",
            |s| s.ip.redirects = true,
            [("10000", "[true, true]"), ("1", "[true, false]")],
            redirected,
        ),
        case("ip.pmtu-discovery", nothing, [("true", "1460 true"), ("false", "536 false")], |s| {
            let mut wire = Wire::new(s);
            wire.host.connect(addr("198.51.100.7:80"), &Options::default()).unwrap();
            wire.settle();
            let syn = wire.segments().remove(0);
            let header = Ipv4View::parse(&syn.packet).unwrap().header();
            assert!(header.dont_fragment || header.identification != 0, "RFC 6864, Section 4.2");
            format!("{} {}", syn.header.options.mss.unwrap(), header.dont_fragment)
        }),
        case("ip.echo-reply", nothing, [("true", "1"), ("false", "0")], |s| {
            let mut wire = Wire::new(s);
            let echo = Icmpv4::EchoRequest { code: 0, identifier: 1, sequence: 1, data: b"hello" };
            wire.inject(&frames::icmp(OTHER_MAC, OTHER, &echo));
            wire.take().len().to_string()
        }),
        case("ip.reassembly-time", nothing, [("60 s", "1"), ("30 s", "0")], |s| {
            let mut wire = Wire::new(s);
            let echo = frames::ipv4(OTHER, US, synward::wire::IpProtocol::ICMP, &[8; 64]);
            wire.inject(&frames::fragments(OTHER_MAC, &echo, 1, 32)[0]);
            wire.run(secs(45));
            wire.host.snapshot().fragmented.to_string()
        }),
        case("ip.answers-per-second", nothing, [("1000", "true"), ("20", "false")], |s| {
            let mut wire = Wire::new(s);
            for port in 1000..1400 {
                let stray = Peer::new(port, 81);
                wire.inject(&stray.frame(&stray.header(ACK), &[]));
            }
            (wire.segments().len() > 20).to_string()
        }),
        case(
            "ip.disable-source-routing",
            nothing,
            [("2", "Some(IpOptions)"), ("0", "Some(TcpNoConnection)")],
            |s| {
                let mut wire = Wire::new(s);
                let stray = Peer::new(1000, 81);
                let mut packet = frames::tcp_packet(stray.me, at(US, 81), &stray.header(ACK), &[]);
                // A source route that is at its end.
                packet.splice(20..20, [131, 7, 8, 192, 0, 2, 9, 0]);
                packet[0] += 2;
                packet[3] += 8;
                frames::fix_ip_checksum(&mut packet);
                format!("{:?}", wire.fate(&frames::to_us(PEER_MAC, &packet)))
            },
        ),
    ]
}
