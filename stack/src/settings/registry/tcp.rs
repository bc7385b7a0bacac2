//! Settings of a TCP connection: options, windows, congestion, ports.

use super::{Access, NtKey, NtName, PresetRange, Setting, tp, tpi};
use crate::settings::preset::Preset;
use crate::settings::value::{Field, Kind, Range};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "tcp.window-scaling",
        nt: &[NtName { key: NtKey::Tcpip, name: "Tcp1323Opts", bit: Some(0) }],
        linux: &["net.ipv4.tcp_window_scaling"],
        freebsd: &["net.inet.tcp.rfc1323"],
        meaning: "Offer and accept window scaling. Without it no window is larger than 65535 bytes. NT 4.0 has \
            none.",
        source: "RFC 7323; NT registry reference (bit 0 of Tcp1323Opts)",
        access: Some(Access {
            get: |s| s.tcp.window_scaling.value(),
            set: |s, v| s.tcp.window_scaling.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.timestamps",
        nt: &[NtName { key: NtKey::Tcpip, name: "Tcp1323Opts", bit: Some(1) }],
        linux: &["net.ipv4.tcp_timestamps"],
        freebsd: &["net.inet.tcp.rfc1323"],
        meaning: "Offer and accept timestamps: round trips measured on every segment, old duplicates refused.",
        source: "RFC 7323; NT registry reference (bit 1 of Tcp1323Opts)",
        access: Some(Access { get: |s| s.tcp.timestamps.value(), set: |s, v| s.tcp.timestamps.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.sack",
        nt: &[tp("SackOpts")],
        linux: &["net.ipv4.tcp_sack"],
        freebsd: &["net.inet.tcp.sack.enable"],
        meaning: "Offer and accept selective acknowledgments.",
        source: "RFC 2018, RFC 6675",
        access: Some(Access { get: |s| s.tcp.sack.value(), set: |s, v| s.tcp.sack.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.dup-ack-threshold",
        kind: Kind::Number(""),
        range: Range::new(1, 127),
        preset_ranges: &[PresetRange {
            presets: &[Preset::Nt4Sp6a, Preset::Windows2000, Preset::Windows2003Sp1],
            range: Range::new(1, 3),
        }],
        nt: &[tp("TcpMaxDupAcks")],
        linux: &["net.ipv4.tcp_reordering"],
        meaning: "Duplicate ACKs before fast retransmit.",
        source: "RFC 5681, Section 3.2; KB 162179, Windows 2000 white paper",
        access: Some(Access {
            get: |s| s.tcp.dup_ack_threshold.value(),
            set: |s, v| s.tcp.dup_ack_threshold.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.congestion",
        kind: Kind::Word(&["cubic", "reno"]),
        linux: &["net.ipv4.tcp_congestion_control"],
        freebsd: &["net.inet.tcp.cc.algorithm"],
        meaning: "Congestion control: CUBIC (RFC 9438) or Reno (RFC 5681).",
        source: "RFC 9438, RFC 5681",
        access: Some(Access { get: |s| s.tcp.congestion.value(), set: |s, v| s.tcp.congestion.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.initial-window",
        kind: Kind::Number("segments"),
        range: Range::new(1, 64),
        freebsd: &["net.inet.tcp.initcwnd_segments"],
        meaning: "Congestion window at first.",
        source: "RFC 6928 (10 segments); RFC 2581 (2 segments) for the NT presets",
        access: Some(Access {
            get: |s| s.tcp.initial_window.value(),
            set: |s, v| s.tcp.initial_window.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.slow-start-limit",
        kind: Kind::Number("segments"),
        range: Range::new(0, 255),
        freebsd: &["net.inet.tcp.abc_l_var"],
        meaning: "Most segments that one ACK adds to the congestion window in slow start; 0: as many as it acknowledges.",
        source: "RFC 9406, Section 4.3 (8 for a sender without pacing); RFC 3465, Section 2.3",
        access: Some(Access {
            get: |s| s.tcp.slow_start_limit.value(),
            set: |s, v| s.tcp.slow_start_limit.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.slow-start-after-idle",
        linux: &["net.ipv4.tcp_slow_start_after_idle"],
        meaning: "After an idle retransmission time-out the congestion window goes back to the initial one.",
        source: "RFC 5681, Section 4.1",
        access: Some(Access {
            get: |s| s.tcp.slow_start_after_idle.value(),
            set: |s, v| s.tcp.slow_start_after_idle.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.nagle",
        meaning: "Hold a short segment back while data is unacknowledged, unless the application said nodelay.",
        source: "RFC 9293, Section 3.7.4",
        access: Some(Access { get: |s| s.tcp.nagle.value(), set: |s, v| s.tcp.nagle.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.receive-window",
        kind: Kind::Number("bytes"),
        range: Range::new(536, 0x3FFF_FFFF),
        preset_ranges: &[
            PresetRange { presets: &[Preset::Nt4Sp6a], range: Range::new(0, 0xFFFF) },
            PresetRange {
                presets: &[Preset::Windows2000, Preset::Windows2003Sp1],
                range: Range::new(0, 0x3FFF_FFFF),
            },
        ],
        nt: &[tp("TcpWindowSize"), tpi("TcpWindowSize")],
        linux: &["net.ipv4.tcp_rmem"],
        freebsd: &["net.inet.tcp.recvspace"],
        meaning: "Receive window offered at first. Where only this is set and is larger than tcp.receive- \
            window-max, the latter follows it.",
        source: "KB 140552, KB 199947, NT registry reference; an interface's value wins over the global one",
        access: Some(Access {
            get: |s| s.tcp.receive_window.value(),
            set: |s, v| s.tcp.receive_window.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.receive-window-max",
        kind: Kind::Number("bytes"),
        range: Range::new(536, 0x3FFF_FFFF),
        preset_ranges: &[
            PresetRange { presets: &[Preset::Nt4Sp6a], range: Range::new(0, 0xFFFF) },
            PresetRange {
                presets: &[Preset::Windows2000, Preset::Windows2003Sp1],
                range: Range::new(0, 0x3FFF_FFFF),
            },
        ],
        nt: &[tp("GlobalMaxTcpWindowSize")],
        linux: &["net.core.rmem_max", "net.ipv4.tcp_rmem"],
        freebsd: &["kern.ipc.maxsockbuf", "net.inet.tcp.recvbuf_max"],
        meaning: "Receive window at most; the window grows up to it while the application keeps up.",
        source: "NT registry reference; sources conflict whether it caps TcpWindowSize: here both set and \
            this one smaller is an error",
        access: Some(Access {
            get: |s| s.tcp.receive_window_max.value(),
            set: |s, v| s.tcp.receive_window_max.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.send-buffer-max",
        kind: Kind::Number("bytes"),
        range: Range::new(4096, 0x3FFF_FFFF),
        linux: &["net.ipv4.tcp_wmem"],
        freebsd: &["net.inet.tcp.sendbuf_max"],
        meaning: "Bytes that one connection may hold unsent and unacknowledged.",
        source: "Synward",
        access: Some(Access {
            get: |s| s.tcp.send_buffer_max.value(),
            set: |s, v| s.tcp.send_buffer_max.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.mss",
        kind: Kind::Number("bytes"),
        range: Range::new(0, 65495),
        freebsd: &["net.inet.tcp.mssdflt"],
        meaning: "Largest segment that we announce; 0: what the MTU allows. From 1 to 63 is refused.",
        source: "RFC 9293, Section 3.7.1",
        access: Some(Access { get: |s| s.tcp.mss.value(), set: |s, v| s.tcp.mss.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.urgent-rfc1122",
        nt: &[tp("TcpUseRFC1122UrgentPointer")],
        linux: &["net.ipv4.tcp_stdurg"],
        meaning: "The urgent pointer names the last urgent byte (RFC 1122) instead of the byte after it (BSD, \
            RFC 6093). The two do not interoperate.",
        source: "RFC 6093; NT registry reference",
        access: Some(Access {
            get: |s| s.tcp.urgent_rfc1122.value(),
            set: |s, v| s.tcp.urgent_rfc1122.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.syn-sent-icmp",
        kind: Kind::Word(&["abort", "report"]),
        freebsd: &["net.inet.tcp.icmp_may_rst"],
        meaning: "ICMP unreachable for our SYN: end the attempt at once, or keep trying and name it at the \
            end.",
        source: "RFC 5461; RFC 1122, Section 4.2.3.9; what NT does is not documented",
        access: Some(Access {
            get: |s| s.tcp.syn_sent_icmp.value(),
            set: |s, v| s.tcp.syn_sent_icmp.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.challenge-acks",
        kind: Kind::Number("per second"),
        range: Range::new(1, 1_000_000),
        linux: &["net.ipv4.tcp_invalid_ratelimit"],
        meaning: "Challenge ACKs for one connection in a second.",
        source: "RFC 5961, Section 7",
        access: Some(Access {
            get: |s| s.tcp.challenge_acks.value(),
            set: |s, v| s.tcp.challenge_acks.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.port-low",
        kind: Kind::Number(""),
        range: Range::new(1, 65535),
        linux: &["net.ipv4.ip_local_port_range"],
        freebsd: &["net.inet.ip.portrange.first"],
        meaning: "Lowest port of outgoing connections. NT: fixed at 1024.",
        source: "RFC 6056; KB 196271",
        access: Some(Access { get: |s| s.tcp.port_low.value(), set: |s, v| s.tcp.port_low.store(v) }),
        ..Setting::BLANK
    },
    Setting {
        name: "tcp.port-high",
        kind: Kind::Number(""),
        range: Range::new(1, 65535),
        preset_ranges: &[PresetRange {
            presets: &[Preset::Nt4Sp6a, Preset::Windows2000, Preset::Windows2003Sp1],
            range: Range::new(5000, 65534),
        }],
        nt: &[tp("MaxUserPort")],
        linux: &["net.ipv4.ip_local_port_range"],
        freebsd: &["net.inet.ip.portrange.last"],
        meaning: "Highest port of outgoing connections.",
        source: "RFC 6056; KB 196271",
        access: Some(Access { get: |s| s.tcp.port_high.value(), set: |s, v| s.tcp.port_high.store(v) }),
        ..Setting::BLANK
    },
];
