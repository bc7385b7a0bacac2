//! Settings of IP, ARP and ICMP.

use super::{Access, PresetRange, Setting, tp};
use crate::settings::groups::Settings;
use crate::settings::preset::Preset;
use crate::settings::value::{Field, Kind, Range, TimeUnit, Value};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "ip.ttl",
        kind: Kind::Number("hops"),
        range: Range::new(1, 255),
        nt: &[tp("DefaultTTL")],
        linux: &["net.ipv4.ip_default_ttl"],
        freebsd: &["net.inet.ip.ttl"],
        meaning: "Time to live of what we send.",
        source: "RFC 1122, Section 3.2.1.7; NT: 32 or 128 by version",
        access: Some(Access { get: |s| s.ip.ttl.value(), set: |s, v| s.ip.ttl.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "ip.arp-requests",
        kind: Kind::Number(""),
        range: Range::new(1, 100),
        linux: &["net.ipv4.neigh.default.mcast_solicit"],
        freebsd: &["net.link.ether.inet.maxtries"],
        meaning: "ARP requests for one neighbour before it counts as silent.",
        source: "RFC 1122, Section 2.3.2; NT's is not documented",
        access: Some(Access { get: |s| s.ip.arp_requests.value(), set: |s, v| s.ip.arp_requests.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "ip.arp-interval",
        kind: Kind::Duration(TimeUnit::Millis),
        range: Range::new(1000, 60000),
        linux: &["net.ipv4.neigh.default.retrans_time_ms"],
        meaning: "Time between ARP requests for one neighbour.",
        source: "RFC 1122, Section 2.3.2.1 (at most one a second)",
        access: Some(Access { get: |s| s.ip.arp_interval.value(), set: |s, v| s.ip.arp_interval.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "ip.arp-failure",
        kind: Kind::Duration(TimeUnit::Millis),
        range: Range::new(0, 1000),
        meaning: "How long a silent neighbour is remembered; any ARP from it ends that at once.",
        source: "Synward",
        access: Some(Access { get: |s| s.ip.arp_failure.value(), set: |s, v| s.ip.arp_failure.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "ip.arp-life",
        kind: Kind::Duration(TimeUnit::Seconds),
        range: Range::new(0, 0xFFFF_FFFF),
        nt: &[tp("ArpCacheLife")],
        linux: &["net.ipv4.neigh.default.gc_stale_time"],
        freebsd: &["net.link.ether.inet.max_age"],
        meaning: "Life of a neighbour entry that no packet used.",
        source: "KB 139415, Windows 2000 white paper",
        access: Some(Access { get: |s| s.ip.arp_life.value(), set: |s, v| s.ip.arp_life.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "ip.arp-life-referenced",
        kind: Kind::Duration(TimeUnit::Seconds),
        range: Range::new(0, 0xFFFF_FFFF),
        nt: &[tp("ArpCacheMinReferencedLife")],
        linux: &["net.ipv4.neigh.default.base_reachable_time_ms"],
        freebsd: &["net.link.ether.inet.max_age"],
        meaning: "Life of a neighbour entry that a packet used, before it is asked again; ip.arp-life where \
            that is longer.",
        source: "KB 166750, Windows 2000 white paper",
        access: Some(Access {
            get: |s| s.ip.arp_life_referenced.value(),
            set: |s, v| s.ip.arp_life_referenced.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "ip.arp-announcements",
        kind: Kind::Number(""),
        range: Range::new(0, 10),
        preset_ranges: &[PresetRange {
            presets: &[Preset::Nt4Sp6a, Preset::Windows2000, Preset::Windows2003Sp1],
            range: Range::new(1, 3),
        }],
        nt: &[tp("ArpRetryCount")],
        linux: &["net.ipv4.conf.all.arp_notify"],
        meaning: "Gratuitous ARP requests at start. Not the number of requests for a peer.",
        source: "Windows 2000 white paper; RFC 5227",
        access: Some(Access {
            get: |s| s.ip.arp_announcements.value(),
            set: |s, v| s.ip.arp_announcements.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "ip.redirects",
        nt: &[tp("EnableICMPRedirect"), tp("EnableICMPRedirects")],
        linux: &["net.ipv4.conf.all.accept_redirects"],
        freebsd: &["net.inet.icmp.drop_redirect"],
        meaning: "Follow ICMP redirects. FreeBSD: inverted.",
        source: "RFC 1122, Section 3.2.2.2; KB 225344 (with an s at the end), KB 243427 (without)",
        access: Some(Access { get: |s| s.ip.redirects.value(), set: |s, v| s.ip.redirects.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "ip.redirect-routes",
        kind: Kind::Number(""),
        range: Range::new(0, 0x7FFF_FFFE),
        nt: &[tp("MaxIcmpHostRoutes")],
        meaning: "Host routes that redirects may create.",
        source: "KB 896350",
        access: Some(Access {
            get: |s| s.ip.redirect_routes.value(),
            set: |s, v| s.ip.redirect_routes.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "ip.pmtu-discovery",
        nt: &[tp("EnablePMTUDiscovery")],
        linux: &["net.ipv4.ip_no_pmtu_disc"],
        freebsd: &["net.inet.tcp.path_mtu_discovery"],
        meaning: "Discover the path MTU; without it every packet to another network has at most 576 bytes. \
            Linux: inverted.",
        source: "RFC 1191; KB 136970",
        access: Some(Access {
            get: |s| s.ip.pmtu_discovery.value(),
            set: |s, v| s.ip.pmtu_discovery.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "ip.echo-reply",
        linux: &["net.ipv4.icmp_echo_ignore_all"],
        meaning: "Answer ping. Linux: inverted.",
        source: "RFC 1122, Section 3.2.2.6",
        access: Some(Access { get: |s| s.ip.echo_reply.value(), set: |s, v| s.ip.echo_reply.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "ip.reassembly-time",
        kind: Kind::Duration(TimeUnit::Seconds),
        range: Range::new(1, 120),
        linux: &["net.ipv4.ipfrag_time"],
        meaning: "How long the fragments of a datagram wait for the others, from the first that came.",
        source: "RFC 1122, Section 3.3.2 (60 to 120 s)",
        access: Some(Access {
            get: |s| s.ip.reassembly_time.value(),
            set: |s, v| s.ip.reassembly_time.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "ip.answers-per-second",
        kind: Kind::Number("per second"),
        range: Range::new(0, 1_000_000),
        linux: &["net.ipv4.icmp_msgs_per_sec"],
        freebsd: &["net.inet.icmp.icmplim"],
        meaning: "ICMP errors, and RSTs to strangers, each.",
        source: "RFC 1812, Section 4.3.2.8",
        access: Some(Access {
            get: |s| s.ip.answers_per_second.value(),
            set: |s, v| s.ip.answers_per_second.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "ip.disable-source-routing",
        kind: Kind::Number(""),
        range: Range::new(0, 2),
        nt: &[tp("DisableIPSourceRouting")],
        linux: &["net.ipv4.conf.all.accept_source_route"],
        freebsd: &["net.inet.ip.accept_sourceroute"],
        meaning: "Source-routed packets. 0: taken. 1: refused where IP forwarding is on; we never forward, so \
            as 0. 2: refused. Linux and FreeBSD: inverted.",
        source: "KB 217336",
        access: Some(Access {
            get: |s| Value::Number(if s.ip.source_routing_refused { 2 } else { 0 }),
            set: store_source_routing,
        }),
        ..Setting::BLANK
    },
];

/// 1 refuses source routes only on a host that forwards, which we never do: it reads as 0 (KB 217336).
fn store_source_routing(settings: &mut Settings, value: &Value) -> bool {
    settings.ip.source_routing_refused = *value == Value::Number(2);
    matches!(value, Value::Number(0..=2))
}
