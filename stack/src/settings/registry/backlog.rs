//! Settings of listeners' backlogs.

use super::{Access, Setting, afd};
use crate::settings::value::{Field, Kind, Range};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "admission.accept-queue-full",
        kind: Kind::Word(&["silent", "reset"]),
        linux: &["net.ipv4.tcp_abort_on_overflow"],
        freebsd: &["net.inet.tcp.syncache.rst_on_sock_fail"],
        meaning: "A SYN for a listener whose accept queue is full: no answer, so that the client tries again, \
            or RST as NT.",
        source: "KB 113576, KB 142641; Linux ip-sysctl",
        access: Some(Access {
            get: |s| s.admission.accept_queue_full.value(),
            set: |s, v| s.admission.accept_queue_full.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "admission.backlog-max",
        kind: Kind::Number(""),
        range: Range::new(1, 65535),
        linux: &["net.core.somaxconn"],
        freebsd: &["kern.ipc.soacceptqueue"],
        meaning: "Most that a listener's accept queue may hold, whatever listen() asked for.",
        source: "KB 127144 (NT 4.0 Server 200)",
        access: Some(Access {
            get: |s| s.admission.backlog_max.value(),
            set: |s, v| s.admission.backlog_max.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "admission.dynamic-backlog",
        nt: &[afd("EnableDynamicBacklog")],
        meaning: "Let a listener's backlog grow in steps while it is used up.",
        source: "KB 142641",
        access: Some(Access {
            get: |s| s.admission.dynamic_backlog.value(),
            set: |s, v| s.admission.dynamic_backlog.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "admission.dynamic-backlog-min",
        kind: Kind::Number(""),
        range: Range::new(0, 0xFFFF_FFFF),
        nt: &[afd("MinimumDynamicBacklog")],
        meaning: "Grow when fewer than this are free. A listener benefits only if its backlog is larger than \
            this.",
        source: "KB 142641 (20 under attack)",
        access: Some(Access {
            get: |s| s.admission.dynamic_backlog_min.value(),
            set: |s, v| s.admission.dynamic_backlog_min.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "admission.dynamic-backlog-max",
        kind: Kind::Number(""),
        range: Range::new(0, 0xFFFF_FFFF),
        nt: &[afd("MaximumDynamicBacklog")],
        meaning: "Most free and half-open connections together; nothing is created that would exceed it.",
        source: "KB 142641 (at most 5000 for each 32 MB of memory)",
        access: Some(Access {
            get: |s| s.admission.dynamic_backlog_max.value(),
            set: |s, v| s.admission.dynamic_backlog_max.store(v),
        }),
        ..Setting::BLANK
    },
    Setting {
        name: "admission.dynamic-backlog-delta",
        kind: Kind::Number(""),
        range: Range::new(0, 0xFFFF_FFFF),
        nt: &[afd("DynamicBacklogGrowthDelta")],
        meaning: "How many to add at a time.",
        source: "KB 142641 (10 under attack)",
        access: Some(Access {
            get: |s| s.admission.dynamic_backlog_delta.value(),
            set: |s, v| s.admission.dynamic_backlog_delta.store(v),
        }),
        ..Setting::BLANK
    },
];
