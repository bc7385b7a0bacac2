//! Settings of NT that are known, checked and kept, and that nothing here acts on, each with the reason.

use super::{NtName, Setting, Status, netbt, tp, tpi};
use crate::settings::value::{Kind, Range};

const fn without_effect(
    name: &'static str,
    kind: Kind,
    range: Range,
    nt: &'static [NtName],
    text: (&'static str, &'static str),
    why: (&'static str, &'static str),
) -> Setting {
    let (meaning, source) = text;
    let (reason, elsewhere) = why;
    let status = Status::AcceptedWithoutEffect { reason, elsewhere };
    Setting { name, kind, range, nt, meaning, source, status, ..Setting::BLANK }
}

const NO_FILTER: &str = "Synward has no packet filter; a listener takes what is sent to its address and port";
const NO_NETBIOS: &str = "Synward does not speak NetBIOS";
const ONE_OWNER: &str = "the connection table has one owner and no lock, and grows by itself; there is nothing to partition or to size";

pub(super) const SETTINGS: &[Setting] = &[
    without_effect(
        "nt.max-hash-table-size",
        Kind::Number("buckets"),
        Range::new(64, 65_536),
        &[tp("MaxHashTableSize")],
        ("Hash buckets of NT's connection table, rounded up to a power of two.", "KB 151418"),
        (ONE_OWNER, "512"),
    ),
    without_effect(
        "nt.num-tcb-table-partitions",
        Kind::Number(""),
        Range::new(1, 0xFFFF),
        &[tp("NumTcbTablePartitions")],
        (
            "Parts of NT's connection table, each with its own lock: the lock of article 297040.",
            "range and default are from general knowledge",
        ),
        (ONE_OWNER, "4"),
    ),
    without_effect(
        "nt.enable-pmtu-bh-detect",
        Kind::Switch,
        Range::new(0, 1),
        &[tp("EnablePMTUBHDetect")],
        (
            "After half of TcpMaxDataRetransmissions without an answer, try segments of 536 bytes.",
            "KB 136970 (DF cleared), registry reference (DF set): the sources conflict",
        ),
        ("path MTU discovery follows ICMP only; black holes are not probed for", "0"),
    ),
    without_effect(
        "nt.enable-dead-gw-detect",
        Kind::Switch,
        Range::new(0, 1),
        &[tp("EnableDeadGWDetect")],
        (
            "Move to the next default gateway when connections through the first one keep retransmitting.",
            "KB 171564, KB 128978",
        ),
        ("routes are given and not changed by what connections see", "1"),
    ),
    without_effect(
        "nt.perform-router-discovery",
        Kind::Number(""),
        Range::new(0, 2),
        &[tpi("PerformRouterDiscovery")],
        ("Ask for routers (RFC 1256): 0 no, 1 yes, 2 only if DHCP says so.", "KB 223756"),
        ("routers are configured; RFC 1256 is not implemented", "NT 4.0: 0; Windows 2003: 2"),
    ),
    without_effect(
        "nt.enable-security-filters",
        Kind::Switch,
        Range::new(0, 1),
        &[tp("EnableSecurityFilters")],
        ("Filter incoming TCP SYN, UDP and raw IP by the three lists below.", "NT registry reference"),
        (NO_FILTER, "0"),
    ),
    without_effect(
        "nt.tcp-allowed-ports",
        Kind::List,
        Range::new(0, 0),
        &[tpi("TcpAllowedPorts")],
        ("TCP ports that the filter lets in; 0 or absent: all; empty: none.", "NT registry reference"),
        (NO_FILTER, "absent"),
    ),
    without_effect(
        "nt.udp-allowed-ports",
        Kind::List,
        Range::new(0, 0),
        &[tpi("UdpAllowedPorts")],
        ("UDP ports that the filter lets in; 0 or absent: all; empty: none.", "NT registry reference"),
        (NO_FILTER, "absent"),
    ),
    without_effect(
        "nt.raw-ip-allowed-protocols",
        Kind::List,
        Range::new(0, 0),
        &[tpi("RawIpAllowedProtocols")],
        ("IP protocols that the filter lets in; 0 or absent: all; empty: none.", "NT registry reference"),
        (NO_FILTER, "absent"),
    ),
    without_effect(
        "nt.no-name-release-on-demand",
        Kind::Switch,
        Range::new(0, 1),
        &[netbt("NoNameReleaseOnDemand"), tp("NoNameReleaseOnDemand")],
        (
            "Do not give up a NetBIOS name because somebody unauthenticated asks for it.",
            "two sources name two keys; both are taken",
        ),
        (NO_NETBIOS, "0"),
    ),
    without_effect(
        "nt.backlog-increment",
        Kind::Number(""),
        Range::new(1, 20),
        &[netbt("BacklogIncrement")],
        ("Connection blocks that NetBT adds for port 139 when fewer than 2 are free.", "KB 142641"),
        (NO_NETBIOS, "3"),
    ),
    without_effect(
        "nt.max-conn-backlog",
        Kind::Number(""),
        Range::new(1, 40_000),
        &[netbt("MaxConnBackLog")],
        ("Most connection blocks of NetBT for port 139; 78 bytes each.", "KB 142641"),
        (NO_NETBIOS, "1000"),
    ),
];
