//! Settings of a TCP connection: times and retries.

use super::{Access, PresetRange, Setting, tp, tpi};
use crate::settings::preset::Preset;
use crate::settings::value::{Field, Kind, Range, TimeUnit};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "tcp.initial-rto",
        kind: Kind::Duration(TimeUnit::Millis),
        range: Range::new(100, 65535),
        preset_ranges: &[PresetRange {
            presets: &[Preset::Nt4Sp6a, Preset::Windows2000, Preset::Windows2003Sp1],
            range: Range::new(300, 65535),
        }],
        nt: &[tp("InitialRtt"), tpi("TcpInitialRtt")],
        freebsd: &["net.inet.tcp.rexmit_initial"],
        meaning: "First retransmission time-out, of a SYN and of the first data; it doubles with each \
            retransmission.",
        source: "RFC 6298, Section 2.1; KB 170359 (300 to 65535 ms; the registry reference counts seconds), \
            KB 223450 (NT 4.0: 0 to 65535 ms; below 300 is refused here, since it would send without a \
            pause)",
        access: Some(Access { get: |s| s.tcp.initial_rto.value(), set: |s, v| s.tcp.initial_rto.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.min-rto",
        kind: Kind::Duration(TimeUnit::Millis),
        range: Range::new(10, 60000),
        linux: &["net.ipv4.tcp_rto_min_us"],
        freebsd: &["net.inet.tcp.rexmit_min"],
        meaning: "Least retransmission time-out.",
        source: "RFC 6298, Section 2.4 (1 s); 200 ms as the field does",
        access: Some(Access { get: |s| s.tcp.min_rto.value(), set: |s, v| s.tcp.min_rto.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.max-rto",
        kind: Kind::Duration(TimeUnit::Seconds),
        range: Range::new(1, 3600),
        linux: &["net.ipv4.tcp_rto_max_ms"],
        meaning: "Largest retransmission time-out. RFC 6298 wants at least 60 s.",
        source: "RFC 6298, Section 2.5",
        access: Some(Access { get: |s| s.tcp.max_rto.value(), set: |s, v| s.tcp.max_rto.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.syn-retries",
        kind: Kind::Number(""),
        range: Range::new(0, 255),
        preset_ranges: &[
            PresetRange { presets: &[Preset::Nt4Sp6a], range: Range::new(0, 0xFFFF_FFFF) },
            PresetRange { presets: &[Preset::Linux], range: Range::new(1, 127) },
        ],
        nt: &[tp("TcpMaxConnectRetransmissions")],
        linux: &["net.ipv4.tcp_syn_retries"],
        freebsd: &["net.inet.tcp.keepinit"],
        meaning: "Retransmissions of a SYN. After the last one the attempt waits once more, twice as long, and \
            fails.",
        source: "KB 140552, KB 200770, KB 175523 (3), against KB 223450 (2); NT registry reference",
        access: Some(Access { get: |s| s.tcp.syn_retries.value(), set: |s, v| s.tcp.syn_retries.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.data-retries",
        kind: Kind::Number(""),
        range: Range::new(0, 0xFFFF_FFFF),
        nt: &[tp("TcpMaxDataRetransmissions")],
        linux: &["net.ipv4.tcp_retries2"],
        meaning: "Retransmissions of a segment without an answer that end the connection; tcp.user-timeout may \
            end it earlier.",
        source: "KB 140552, KB 170359",
        access: Some(Access { get: |s| s.tcp.data_retries.value(), set: |s, v| s.tcp.data_retries.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.user-timeout",
        kind: Kind::Duration(TimeUnit::Seconds),
        range: Range::new(1, 604800),
        meaning: "Longest time without progress on data, FIN or a zero window. It bounds every wait that \
            tcp.data-retries alone would not.",
        source: "RFC 9293, Section 3.8.3; RFC 6429",
        access: Some(Access { get: |s| s.tcp.user_timeout.value(), set: |s, v| s.tcp.user_timeout.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.time-wait",
        kind: Kind::Duration(TimeUnit::Seconds),
        range: Range::new(0, 300),
        preset_ranges: &[PresetRange {
            presets: &[Preset::Nt4Sp6a, Preset::Windows2000],
            range: Range::new(30, 300),
        }],
        nt: &[tp("TcpTimedWaitDelay")],
        freebsd: &["net.inet.tcp.msl"],
        meaning: "Length of TIME-WAIT. FreeBSD: twice the value named.",
        source: "RFC 9293, Section 3.10.7.8; KB 149532, NT registry reference",
        access: Some(Access { get: |s| s.tcp.time_wait.value(), set: |s, v| s.tcp.time_wait.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.fin-wait2",
        kind: Kind::Duration(TimeUnit::Seconds),
        range: Range::new(1, 3600),
        linux: &["net.ipv4.tcp_fin_timeout"],
        freebsd: &["net.inet.tcp.finwait2_timeout"],
        meaning: "Longest stay in FIN-WAIT-2 of a connection whose application is gone.",
        source: "Synward; Linux ip-sysctl",
        access: Some(Access { get: |s| s.tcp.fin_wait2.value(), set: |s, v| s.tcp.fin_wait2.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.keepalive-time",
        kind: Kind::Duration(TimeUnit::Millis),
        range: Range::new(1, 0xFFFF_FFFF),
        nt: &[tp("KeepAliveTime")],
        linux: &["net.ipv4.tcp_keepalive_time"],
        freebsd: &["net.inet.tcp.keepidle"],
        meaning: "Idle time before a keep-alive probe, where the application asked for keep-alive.",
        source: "RFC 9293, Section 3.8.4; NT registry reference",
        access: Some(Access {
            get: |s| s.tcp.keepalive_time.value(),
            set: |s, v| s.tcp.keepalive_time.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.keepalive-interval",
        kind: Kind::Duration(TimeUnit::Millis),
        range: Range::new(1, 0xFFFF_FFFF),
        nt: &[tp("KeepAliveInterval")],
        linux: &["net.ipv4.tcp_keepalive_intvl"],
        freebsd: &["net.inet.tcp.keepintvl"],
        meaning: "Gap between keep-alive probes without an answer.",
        source: "NT registry reference; Linux ip-sysctl",
        access: Some(Access {
            get: |s| s.tcp.keepalive_interval.value(),
            set: |s, v| s.tcp.keepalive_interval.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.keepalive-probes",
        kind: Kind::Number(""),
        range: Range::new(1, 255),
        linux: &["net.ipv4.tcp_keepalive_probes"],
        freebsd: &["net.inet.tcp.keepcnt"],
        meaning: "Keep-alive probes without an answer that end the connection. NT uses \
            TcpMaxDataRetransmissions for it; here it is a setting of its own.",
        source: "KB 140325 (implied); Linux ip-sysctl",
        access: Some(Access {
            get: |s| s.tcp.keepalive_probes.value(),
            set: |s, v| s.tcp.keepalive_probes.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.delayed-ack",
        kind: Kind::Duration(TimeUnit::Millis),
        range: Range::new(0, 499),
        freebsd: &["net.inet.tcp.delacktime"],
        meaning: "Longest delay of an acknowledgment; 0: none is delayed.",
        source: "RFC 9293, Section 3.8.6.3 (below 500 ms)",
        access: Some(Access { get: |s| s.tcp.delayed_ack.value(), set: |s, v| s.tcp.delayed_ack.store(v) }),
        ..Setting::BLANK
    },
];
