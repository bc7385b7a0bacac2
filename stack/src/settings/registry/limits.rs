//! Limits of everything that a remote party can make grow.

use super::{Access, PresetRange, Setting, tp};
use crate::settings::preset::Preset;
use crate::settings::value::{Field, Kind, Range};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "limits.connections",
        kind: Kind::Number(""),
        range: Range::new(1, 0xFFFF_FFFF),
        preset_ranges: &[PresetRange {
            presets: &[Preset::Nt4Sp6a, Preset::Windows2000, Preset::Windows2003Sp1],
            range: Range::new(0, 0x00FF_FFFE),
        }],
        nt: &[tp("TcpNumConnections")],
        freebsd: &["kern.ipc.maxsockets"],
        meaning: "Connections at once.",
        source: "NT registry reference (the range is from general knowledge; what NT counts is not \
            documented)",
        access: Some(Access {
            get: |s| s.limits.connections.value(),
            set: |s, v| s.limits.connections.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "limits.half-open",
        kind: Kind::Number(""),
        range: Range::new(1, 16_777_216),
        linux: &["net.ipv4.tcp_max_syn_backlog"],
        freebsd: &["net.inet.tcp.syncache.cachelimit"],
        meaning: "Places of the half-open store, for all listeners. The thresholds of admission are separate.",
        source: "Synward",
        access: Some(Access { get: |s| s.limits.half_open.value(), set: |s, v| s.limits.half_open.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "limits.time-wait",
        kind: Kind::Number(""),
        range: Range::new(0, 0xFFFF_FFFF),
        nt: &[tp("MaxFreeTcbs")],
        linux: &["net.ipv4.tcp_max_tw_buckets"],
        freebsd: &["net.inet.tcp.maxtcptw"],
        meaning: "TIME-WAIT records; at the limit the oldest one retires.",
        source: "KB 151418; the Windows 2000 reference words it as connections supported",
        access: Some(Access { get: |s| s.limits.time_wait.value(), set: |s, v| s.limits.time_wait.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "limits.orphans",
        kind: Kind::Number(""),
        range: Range::new(0, 0xFFFF_FFFF),
        linux: &["net.ipv4.tcp_max_orphans"],
        meaning: "Connections whose application is gone.",
        source: "Synward; Linux ip-sysctl",
        access: Some(Access { get: |s| s.limits.orphans.value(), set: |s, v| s.limits.orphans.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "limits.neighbors",
        kind: Kind::Number(""),
        range: Range::new(1, 16_777_216),
        linux: &["net.ipv4.neigh.default.gc_thresh3"],
        meaning: "Neighbour entries that are resolved.",
        source: "Synward",
        access: Some(Access { get: |s| s.limits.neighbors.value(), set: |s, v| s.limits.neighbors.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "limits.neighbors-unresolved",
        kind: Kind::Number(""),
        range: Range::new(1, 16_777_216),
        meaning: "Neighbour entries that are being resolved, or whose failure is remembered. At the limit a \
            connect fails at once.",
        source: "Synward",
        access: Some(Access {
            get: |s| s.limits.neighbors_unresolved.value(),
            set: |s, v| s.limits.neighbors_unresolved.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "limits.pmtu",
        kind: Kind::Number(""),
        range: Range::new(0, 16_777_216),
        meaning: "Path MTU entries.",
        source: "Synward; RFC 1191",
        access: Some(Access { get: |s| s.limits.pmtu.value(), set: |s, v| s.limits.pmtu.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "limits.reassembly-memory",
        kind: Kind::Number("bytes"),
        range: Range::new(0, 1 << 40),
        linux: &["net.ipv4.ipfrag_high_thresh"],
        meaning: "Bytes of IP fragments that wait for others of their datagram, with what keeps them in order. At the \
            limit the datagram that waits longest is given up. 0: no fragment is taken.",
        source: "Synward; Linux ip-sysctl",
        access: Some(Access {
            get: |s| s.limits.reassembly_memory.value(),
            set: |s, v| s.limits.reassembly_memory.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "limits.fragments",
        kind: Kind::Number(""),
        range: Range::new(0, 8192),
        freebsd: &["net.inet.ip.maxfragsperpacket"],
        meaning: "Fragments of one datagram. With more, it is given up.",
        source: "Synward; the largest packet over links of 68 bytes (RFC 791, Section 3.2) has 1365",
        access: Some(Access { get: |s| s.limits.fragments.value(), set: |s, v| s.limits.fragments.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "limits.listeners",
        kind: Kind::Number(""),
        range: Range::new(1, 65535),
        meaning: "Listeners.",
        source: "Synward",
        access: Some(Access { get: |s| s.limits.listeners.value(), set: |s, v| s.limits.listeners.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "limits.memory",
        kind: Kind::Number("bytes"),
        range: Range::new(1 << 20, 1 << 44),
        linux: &["net.ipv4.tcp_mem"],
        freebsd: &["kern.ipc.maxmbufmem"],
        meaning: "Bytes of all buffers that hold data for or from peers.",
        source: "Synward",
        access: Some(Access { get: |s| s.limits.memory.value(), set: |s, v| s.limits.memory.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "limits.pool",
        kind: Kind::Number("bytes"),
        range: Range::new(0, 1 << 40),
        meaning: "Bytes of free buffers that a shard keeps.",
        source: "Synward",
        access: Some(Access { get: |s| s.limits.pool.value(), set: |s, v| s.limits.pool.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "limits.receive-budget",
        kind: Kind::Number("frames"),
        range: Range::new(1, 65536),
        linux: &["net.core.netdev_budget"],
        meaning: "Frames taken from the device in one turn.",
        source: "Synward",
        access: Some(Access {
            get: |s| s.limits.receive_budget.value(),
            set: |s, v| s.limits.receive_budget.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "limits.timer-budget",
        kind: Kind::Number("timers"),
        range: Range::new(1, 65536),
        meaning: "Timers fired in one turn.",
        source: "Synward",
        access: Some(Access {
            get: |s| s.limits.timer_budget.value(),
            set: |s, v| s.limits.timer_budget.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "limits.command-budget",
        kind: Kind::Number("commands"),
        range: Range::new(1, 65536),
        meaning: "Application commands taken in one turn.",
        source: "Synward",
        access: Some(Access {
            get: |s| s.limits.command_budget.value(),
            set: |s, v| s.limits.command_budget.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "limits.transmit-budget",
        kind: Kind::Number("frames"),
        range: Range::new(1, 65536),
        meaning: "Frames given to the device in one turn.",
        source: "Synward",
        access: Some(Access {
            get: |s| s.limits.transmit_budget.value(),
            set: |s, v| s.limits.transmit_budget.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "limits.transmit-queue",
        kind: Kind::Number("frames"),
        range: Range::new(1, 1 << 20),
        meaning: "Frames that wait for the device at most.",
        source: "Synward",
        access: Some(Access {
            get: |s| s.limits.transmit_queue.value(),
            set: |s, v| s.limits.transmit_queue.store(v),
        }),
        ..Setting::BLANK
    },
];
