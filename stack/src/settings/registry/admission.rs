//! Settings of SYN-attack protection.

use super::{Access, PresetRange, Setting, tp};
use crate::settings::preset::Preset;
use crate::settings::value::{Field, Kind, Range, TimeUnit};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "admission.syn-attack-protect",
        kind: Kind::Number(""),
        range: Range::new(0, 2),
        preset_ranges: &[PresetRange { presets: &[Preset::Windows2003Sp1], range: Range::new(0, 1) }],
        nt: &[tp("SynAttackProtect")],
        meaning: "SYN-attack protection. 0: thresholds are counted, nothing else happens. 1: the effects hold \
            while an attack is seen. 2: as 1, and a listener's backlog is consumed only after the third \
            ACK. No effect while admission.synack-retries is below 2.",
        source: "KB 142641, Windows 2000 white paper; the Windows 2003 pages know only 0 and 1",
        access: Some(Access {
            get: |s| s.admission.syn_attack_protect.value(),
            set: |s, v| s.admission.syn_attack_protect.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "admission.max-half-open",
        kind: Kind::Number(""),
        range: Range::new(1, 0xFFFF_FFFF),
        preset_ranges: &[PresetRange {
            presets: &[Preset::Nt4Sp6a, Preset::Windows2000],
            range: Range::new(100, 0xFFFF),
        }],
        nt: &[tp("TcpMaxHalfOpen")],
        linux: &["net.ipv4.tcp_max_syn_backlog"],
        freebsd: &["net.inet.tcp.syncache.cachelimit"],
        meaning: "Half-open connections above which (strictly) protection starts, on the whole host.",
        source: "Windows 2000 white paper (100 to 65535), NT registry references",
        access: Some(Access {
            get: |s| s.admission.max_half_open.value(),
            set: |s, v| s.admission.max_half_open.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "admission.max-half-open-retried",
        kind: Kind::Number(""),
        range: Range::new(1, 0xFFFF_FFFF),
        preset_ranges: &[
            PresetRange { presets: &[Preset::Nt4Sp6a, Preset::Windows2000], range: Range::new(80, 0xFFFF) },
            PresetRange { presets: &[Preset::Windows2003Sp1], range: Range::new(80, 0xFFFF_FFFF) },
        ],
        nt: &[tp("TcpMaxHalfOpenRetried")],
        meaning: "As admission.max-half-open, for connections whose SYN-ACK was retransmitted at least once; \
            smaller than that one.",
        source: "Windows 2000 white paper (80 to 65535), NT registry references",
        access: Some(Access {
            get: |s| s.admission.max_half_open_retried.value(),
            set: |s, v| s.admission.max_half_open_retried.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "admission.max-ports-exhausted",
        kind: Kind::Number(""),
        range: Range::new(0, 0xFFFF),
        nt: &[tp("TcpMaxPortsExhausted")],
        meaning: "Connection requests refused for want of backlog above which protection starts.",
        source: "Windows 2000 white paper, NT registry reference",
        access: Some(Access {
            get: |s| s.admission.max_ports_exhausted.value(),
            set: |s, v| s.admission.max_ports_exhausted.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "admission.ports-exhausted-period",
        kind: Kind::Duration(TimeUnit::Millis),
        range: Range::new(100, 3600000),
        meaning: "The period over which refusals are counted for admission.max-ports-exhausted.",
        source: "Synward; NT's is not documented",
        access: Some(Access {
            get: |s| s.admission.ports_exhausted_period.value(),
            set: |s, v| s.admission.ports_exhausted_period.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "admission.trigger",
        kind: Kind::Word(&["any", "both"]),
        meaning: "How the thresholds combine: any of the three, or max-half-open and max-half-open-retried \
            both.",
        source: "NT registry references (any); KB 142641 read literally (both)",
        access: Some(Access {
            get: |s| s.admission.trigger.value(),
            set: |s, v| s.admission.trigger.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "admission.synack-retries",
        kind: Kind::Number(""),
        range: Range::new(0, 255),
        preset_ranges: &[PresetRange { presets: &[Preset::Nt4Sp6a], range: Range::new(0, 0xFFFF_FFFF) }],
        nt: &[tp("TcpMaxConnectResponseRetransmissions")],
        linux: &["net.ipv4.tcp_synack_retries"],
        freebsd: &["net.inet.tcp.syncache.rexmtlimit"],
        meaning: "Retransmissions of a SYN-ACK. Below 2 there is no SYN-attack protection.",
        source: "KB 142641 (NT 4.0: 2 or 3, its text conflicts), NT registry reference (0 to 255)",
        access: Some(Access {
            get: |s| s.admission.synack_retries.value(),
            set: |s, v| s.admission.synack_retries.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "admission.synack-retries-protected",
        kind: Kind::Number(""),
        range: Range::new(0, 255),
        meaning: "Retransmissions of a SYN-ACK while protecting.",
        source: "Synward; KB 142641 says only that they are fewer",
        access: Some(Access {
            get: |s| s.admission.synack_retries_protected.value(),
            set: |s, v| s.admission.synack_retries_protected.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "admission.window-scaling-protected",
        meaning: "Agree to window scaling also while protecting.",
        source: "Synward; KB 142641: NT enables scalable windows on no socket while protecting",
        access: Some(Access {
            get: |s| s.admission.window_scaling_protected.value(),
            set: |s, v| s.admission.window_scaling_protected.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "admission.synack-rto",
        kind: Kind::Duration(TimeUnit::Millis),
        range: Range::new(100, 65535),
        meaning: "First retransmission time-out of a SYN-ACK; it doubles.",
        source: "RFC 6298, Section 2.1; KB 142641 (3 s)",
        access: Some(Access {
            get: |s| s.admission.synack_rto.value(),
            set: |s, v| s.admission.synack_rto.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "admission.leave-percent",
        kind: Kind::Number("percent"),
        range: Range::new(0, 100),
        meaning: "Protection may end when all counts are at or below this share of their thresholds.",
        source: "Synward; when NT's ends is not documented",
        access: Some(Access {
            get: |s| s.admission.leave_percent.value(),
            set: |s, v| s.admission.leave_percent.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "admission.hold-off",
        kind: Kind::Duration(TimeUnit::Seconds),
        range: Range::new(0, 3600),
        meaning: "How long counts must stay at or below admission.leave-percent before protection ends; \
            doubles on a renewed attack.",
        source: "Synward, after FreeBSD's pause",
        access: Some(Access {
            get: |s| s.admission.hold_off.value(),
            set: |s, v| s.admission.hold_off.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "admission.hold-off-max",
        kind: Kind::Duration(TimeUnit::Seconds),
        range: Range::new(0, 86400),
        meaning: "The hold-off doubles at most up to this.",
        source: "Synward, after FreeBSD's pause",
        access: Some(Access {
            get: |s| s.admission.hold_off_max.value(),
            set: |s, v| s.admission.hold_off_max.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "admission.cookies",
        kind: Kind::Word(&["never", "on-overflow", "always"]),
        linux: &["net.ipv4.tcp_syncookies"],
        freebsd: &["net.inet.tcp.syncookies", "net.inet.tcp.syncookies_only"],
        meaning: "SYN cookies: never (a full store evicts its oldest entry), when the half-open store is full, \
            or for every SYN.",
        source: "RFC 4987; NT has none",
        access: Some(Access {
            get: |s| s.admission.cookies.value(),
            set: |s, v| s.admission.cookies.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "admission.cookie-epoch",
        kind: Kind::Duration(TimeUnit::Seconds),
        range: Range::new(5, 3600),
        meaning: "Life of a cookie key; a cookie is accepted for one to two of them.",
        source: "Synward; Linux 60 s, FreeBSD 15 s",
        access: Some(Access {
            get: |s| s.admission.cookie_epoch.value(),
            set: |s, v| s.admission.cookie_epoch.store(v),
        }),
        ..Setting::BLANK
    },
];
