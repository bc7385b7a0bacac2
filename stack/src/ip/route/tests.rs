use super::super::interface::tests::server;
use super::super::prefix::tests::{a, p};
use super::*;
use crate::telemetry::Discard;

fn routes(settings: &settings::Ip, more: &[Route]) -> Routes {
    let mut routes = Routes::new(settings, &server());
    for route in more {
        routes.add(&server(), *route).unwrap();
    }
    routes
}

fn plain(more: &[Route]) -> Routes {
    routes(&settings::Ip::default(), more)
}

fn next_hop(routes: &Routes, to: &str) -> Option<Addr> {
    routes.lookup(a(to)).map(|hop| hop.next_hop)
}

/// RFC 1122, Section 3.3.1.1.
#[test]
fn without_a_gateway_only_the_link_is_reached() {
    let routes = plain(&[]);
    let hop = Hop { next_hop: a("129.68.72.40"), source: a("129.68.72.10"), mtu: 1500 };
    assert_eq!(routes.lookup(a("129.68.72.40")), Some(hop));
    assert!(!hop.is_gateway_for(a("129.68.72.40")));
    assert_eq!(routes.lookup(a("8.8.8.8")), None);
    assert_eq!(routes.lookup(a("2001:db8::1")), None);
}

#[test]
fn the_longest_prefix_wins_in_whatever_order_the_routes_came() {
    let mut more = [
        Route::default_v4(a("129.68.72.1")),
        Route::via(p("10.0.0.0/8"), a("129.68.72.2")),
        Route::via(p("10.1.0.0/16"), a("129.68.72.3")),
        Route::via(p("10.1.2.3/32"), a("129.68.72.4")),
        Route { target: Target::Unreachable, ..Route::on_link(p("10.2.0.0/16")) },
    ];
    for _ in 0..2 {
        let routes = plain(&more);
        for (to, gateway) in
            [("8.8.8.8", 1), ("10.9.9.9", 2), ("10.1.9.9", 3), ("10.1.2.3", 4), ("129.68.72.77", 77)]
        {
            assert_eq!(next_hop(&routes, to), Some(a(&format!("129.68.72.{gateway}"))), "{to}");
        }
        assert_eq!(routes.lookup(a("10.2.0.1")), None, "unreachable, although the default would lead there");
        more.reverse();
    }
}

#[test]
fn a_route_states_its_source_and_its_mtu() {
    let mut interface = server();
    interface.add(a("192.168.0.1"), 24).unwrap();
    let mut routes = Routes::new(&settings::Ip::default(), &interface);
    routes.add(&interface, Route::via(p("10.0.0.0/8"), a("192.168.0.254"))).unwrap();
    let narrow =
        Route { source: Some(a("192.168.0.1")), mtu: Some(1400), ..Route::default_v4(a("129.68.72.1")) };
    routes.add(&interface, narrow).unwrap();
    assert_eq!(routes.lookup(a("10.0.0.1")).map(|hop| (hop.source, hop.mtu)), Some((a("192.168.0.1"), 1500)));
    assert_eq!(routes.lookup(a("8.8.8.8")).map(|hop| (hop.source, hop.mtu)), Some((a("192.168.0.1"), 1400)));
}

/// RFC 1122, Section 3.3.1: a gateway is on the link. RFC 1122, Section 3.2.1.3: a host sends from its own addresses
/// only.
#[test]
fn a_bad_route_is_refused_with_the_reason_and_changes_nothing() {
    let mut routes = plain(&[Route::default_v4(a("129.68.72.1"))]);
    let before: Vec<Route> = routes.iter().copied().collect();
    let net = p("10.0.0.0/8");
    let base = Route::via(net, a("129.68.72.1"));
    let gateway = |text: &str| Route { target: Target::Gateway(a(text)), ..base };
    for (route, error) in [
        (gateway("8.8.8.8"), "gateway 8.8.8.8 is not on the link"),
        (gateway("129.68.72.10"), "gateway 129.68.72.10 is our own address"),
        (gateway("129.68.72.255"), "129.68.72.255 cannot be a gateway"),
        (gateway("224.0.0.1"), "224.0.0.1 cannot be a gateway"),
        (gateway("2001:db8::1"), "2001:db8::1 cannot be a gateway"),
        (Route { mtu: Some(67), ..base }, "route MTU 67 is out of range: 68 to 1500"),
        (Route { mtu: Some(1501), ..base }, "route MTU 1501 is out of range: 68 to 1500"),
        (Route { source: Some(a("1.2.3.4")), ..base }, "source 1.2.3.4 is not an address of this interface"),
        (Route::on_link(p("224.0.0.1/32")), "224.0.0.1/32 is no destination of a route"),
        (
            Route::on_link(p("2001:db8::/32")),
            "no address of ours can be the source of packets to 2001:db8::/32",
        ),
        (Route::default_v4(a("129.68.72.2")), "a route to 0.0.0.0/0 with metric 0 exists already"),
    ] {
        assert_eq!(routes.add(&server(), route).unwrap_err().to_string(), error);
    }
    assert_eq!(routes.iter().copied().collect::<Vec<_>>(), before);
    let unknown = RouteError::Unknown { prefix: net, metric: 0 };
    assert_eq!(routes.remove(net, 0), Err(unknown));
    assert_eq!(
        routes.remove(Prefix::DEFAULT_V4, 1).unwrap_err().to_string(),
        "no route to 0.0.0.0/0 with metric 1"
    );
    assert_eq!(routes.remove(Prefix::DEFAULT_V4, 0), Ok(Route::default_v4(a("129.68.72.1"))));
    assert_eq!(routes.lookup(a("8.8.8.8")), None);
}

/// RFC 1122, Section 3.3.1.2.
#[test]
fn several_default_gateways_are_used_in_the_order_of_their_metrics() {
    let second = Route { metric: 10, ..Route::default_v4(a("129.68.72.2")) };
    let mut routes = plain(&[second, Route::default_v4(a("129.68.72.1"))]);
    assert_eq!(next_hop(&routes, "8.8.8.8"), Some(a("129.68.72.1")));
    let other = routes.alternate(a("8.8.8.8"), a("129.68.72.1")).map(|hop| hop.next_hop);
    assert_eq!(other, Some(a("129.68.72.2")));
    routes.remove(Prefix::DEFAULT_V4, 0).unwrap();
    assert_eq!(next_hop(&routes, "8.8.8.8"), Some(a("129.68.72.2")));
    assert_eq!(routes.alternate(a("8.8.8.8"), a("129.68.72.2")), None);
}

fn following() -> Routes {
    let settings = settings::Ip { redirects: true, redirect_routes: 3, ..Default::default() };
    routes(&settings, &[Route::default_v4(a("129.68.72.1"))])
}

fn redirect(routes: &mut Routes, at: u64, from: &str, to: &str, gateway: &str) -> Result<(), Discard> {
    routes.on_redirect(Instant::from_secs(at), &server(), a(from), a(to), a(gateway))
}

#[test]
fn a_plausible_redirect_moves_one_host_for_ten_minutes() {
    let mut routes = following();
    assert_eq!(redirect(&mut routes, 0, "129.68.72.1", "10.0.0.1", "129.68.72.2"), Ok(()));
    assert_eq!(next_hop(&routes, "10.0.0.1"), Some(a("129.68.72.2")));
    assert_eq!(next_hop(&routes, "10.0.0.2"), Some(a("129.68.72.1")), "the host alone");
    // The new gateway may redirect in its turn; the old one may not any more.
    assert!(redirect(&mut routes, 60, "129.68.72.1", "10.0.0.1", "129.68.72.4").is_err());
    assert_eq!(redirect(&mut routes, 60, "129.68.72.2", "10.0.0.1", "129.68.72.3"), Ok(()));
    assert_eq!((routes.redirects().count(), routes.next_deadline()), (1, Some(Instant::from_secs(660))));
    routes.expire(Instant::from_secs(659));
    assert_eq!(next_hop(&routes, "10.0.0.1"), Some(a("129.68.72.3")));
    routes.expire(Instant::from_secs(660));
    assert_eq!(next_hop(&routes, "10.0.0.1"), Some(a("129.68.72.1")));
    assert_eq!(routes.next_deadline(), None);
}

/// RFC 1122, Section 3.2.2.2: silently, where the gateway is not on the link or the sender not the gateway in use.
#[test]
fn an_implausible_redirect_is_refused() {
    for (from, to, gateway, why) in [
        ("129.68.72.9", "10.0.0.1", "129.68.72.2", "the sender is not the gateway in use"),
        ("129.68.72.1", "10.0.0.1", "8.8.8.8", "the new gateway is not on the link"),
        ("129.68.72.1", "10.0.0.1", "129.68.72.10", "the new gateway is ourselves"),
        ("129.68.72.1", "10.0.0.1", "129.68.72.255", "the new gateway is a broadcast address"),
        ("129.68.72.1", "10.0.0.1", "129.68.72.1", "the gateway is the same"),
        ("129.68.72.1", "129.68.72.40", "129.68.72.2", "the destination is on the link"),
        ("129.68.72.1", "224.0.0.1", "129.68.72.2", "the destination is a group"),
    ] {
        assert_eq!(redirect(&mut following(), 0, from, to, gateway), Err(Discard::IcmpRedirect), "{why}");
    }
}

#[test]
fn redirects_are_bounded_and_off_by_default() {
    let mut routes = following();
    for host in 1..=3 {
        assert_eq!(redirect(&mut routes, 0, "129.68.72.1", &format!("10.0.0.{host}"), "129.68.72.2"), Ok(()));
    }
    assert!(redirect(&mut routes, 0, "129.68.72.1", "10.0.0.4", "129.68.72.2").is_err(), "the limit");
    assert_eq!(
        redirect(&mut routes, 0, "129.68.72.2", "10.0.0.3", "129.68.72.5"),
        Ok(()),
        "a known one changes"
    );
    routes.expire(Instant::from_secs(600));
    assert_eq!(redirect(&mut routes, 600, "129.68.72.1", "10.0.0.4", "129.68.72.2"), Ok(()));
    let mut off = plain(&[Route::default_v4(a("129.68.72.1"))]);
    assert!(redirect(&mut off, 0, "129.68.72.1", "10.0.0.1", "129.68.72.2").is_err());
}
