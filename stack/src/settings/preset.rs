//! Named sets of values: what a known system does, or we do.
//!
//! Where public sources conflict or are silent, the choice and its reason stand beside the value.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use super::groups::{
    AcceptQueueFull, Admission, Congestion, Cookies, Ip, Limits, Settings, SynAttackProtect, SynSentIcmp,
    Tcp, Trigger,
};

/// A named set of values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Preset {
    /// Ours: protection on, SYN cookies when the half-open store is full.
    #[default]
    Modern,
    /// Windows NT 4.0 Server with Service Pack 6a, as far as it is documented.
    Nt4Sp6a,
    /// Windows 2000 Server.
    Windows2000,
    /// Windows Server 2003 with Service Pack 1.
    Windows2003Sp1,
    /// A current Linux kernel's defaults.
    Linux,
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 5] =
        [Self::Modern, Self::Nt4Sp6a, Self::Windows2000, Self::Windows2003Sp1, Self::Linux];

    /// Its name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Modern => "modern",
            Self::Nt4Sp6a => "nt4-sp6a",
            Self::Windows2000 => "windows-2000",
            Self::Windows2003Sp1 => "windows-2003-sp1",
            Self::Linux => "linux",
        }
    }

    /// The system it follows, for a person.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Modern => "ours: protection on, SYN cookies when the half-open store is full",
            Self::Nt4Sp6a => "Windows NT 4.0 Server, Service Pack 6a",
            Self::Windows2000 => "Windows 2000 Server",
            Self::Windows2003Sp1 => "Windows Server 2003, Service Pack 1",
            Self::Linux => "a current Linux kernel",
        }
    }

    /// The choices made where sources conflict or are silent, one sentence each.
    pub const fn choices(self) -> &'static [&'static str] {
        match self {
            Self::Modern => &[],
            Self::Nt4Sp6a => NT4_CHOICES,
            Self::Windows2000 => W2K_CHOICES,
            Self::Windows2003Sp1 => W2003_CHOICES,
            Self::Linux => LINUX_CHOICES,
        }
    }

    /// The values.
    pub fn settings(self) -> Settings {
        match self {
            Self::Modern => Settings::default(),
            Self::Nt4Sp6a => nt4_sp6a(),
            Self::Windows2000 => windows_2000(),
            Self::Windows2003Sp1 => windows_2003_sp1(),
            Self::Linux => linux(),
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No preset has this name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no preset is called \"{0}\"; there are modern, nt4-sp6a, windows-2000, windows-2003-sp1 and linux")]
pub struct UnknownPreset(pub String);

impl FromStr for Preset {
    type Err = UnknownPreset;
    fn from_str(text: &str) -> Result<Self, UnknownPreset> {
        Self::ALL
            .into_iter()
            .find(|preset| preset.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownPreset(text.to_owned()))
    }
}

const NT4_CHOICES: &[&str] = &[
    "TcpMaxHalfOpen and TcpMaxHalfOpenRetried are not documented for NT 4.0: 100 and 80, as Windows 2000 Server.",
    "TcpMaxPortsExhausted is not documented for NT 4.0: 5, as Windows 2000.",
    "TcpMaxConnectResponseRetransmissions: KB 142641 gives 2 in its Default line and 3 in the next sentence; 2, \
     which is also what Windows 2000 has.",
    "TcpMaxConnectRetransmissions: 3 (KB 140552, 200770, 175523), against 2 in KB 223450 alone.",
    "Thresholds trigger when any one is exceeded, as the later documents say; KB 142641 read literally wants \
     both (`admission.trigger = \"both\"`).",
    "Timestamps and SACK: none (from general knowledge; that there is no window scaling is documented).",
    "The largest retransmission time-out is not documented: 120 s, the least round value under which the \
     published schedule of 3, 6, 12, 24, 48 and 96 s runs without a cap.",
    "ICMP unreachable in SYN-SENT is not documented: remembered and reported at the end (RFC 1122).",
    "MaxFreeTcbs: 2000, as Service Pack 3 set it.",
    "DefaultTTL: 128, as traces of NT 4.0 show; the older Resource Kit says 32.",
    "Delayed acknowledgment 200 ms, Reno, and an initial window of 2 segments (RFC 2581) are from general \
     knowledge.",
    "MaxUserPort 5000 with the lowest port 1024.",
    "What NT has no setting for, and no document describes, is as in modern.",
];

const W2K_CHOICES: &[&str] = &[
    "TcpMaxHalfOpen and TcpMaxHalfOpenRetried: 100 and 80 (white paper, Server); the Resource Kit's figures for \
     Server and Workstation look swapped. Advanced Server has 500 and 400.",
    "SynAttackProtect 0 to 2 (KB 142641, white paper); the Resource Kit lists only 0 and 1.",
    "Tcp1323Opts: 3 (registry reference); another source says that options are then only accepted, not offered.",
    "TcpInitialRtt counts milliseconds (KB 170359); the registry reference counts seconds.",
    "GlobalMaxTcpWindowSize: 65535; the documented Ethernet default 17520 is the window at first.",
    "MaxFreeTcbs: 2000 (Server with 64 MB of memory and more).",
    "The listen limit is not documented for Windows 2000: 200, as NT 4.0 Server.",
    "ICMP, largest time-out, delayed acknowledgment, Reno and initial window as in nt4-sp6a.",
];

const W2003_CHOICES: &[&str] = &[
    "SynAttackProtect 1 (Service Pack 1); the system's pages know only 0 and 1.",
    "TcpWindowSize follows the link speed; 65535, the value above 100 Mbit/s.",
    "DisableIPSourceRouting 1 refuses source routes only where IP forwarding is on; we never forward, so it \
     reads as 0.",
    "Other choices as in windows-2000.",
];

const LINUX_CHOICES: &[&str] = &[
    "Linux has cookies and no thresholds: SynAttackProtect 0, `admission.cookies = \"on-overflow\"`.",
    "The 924.6 s that its documentation computes for tcp_retries2 = 15 are the user time-out (925 s).",
    "tcp_syn_linear_timeouts is not followed: the interval doubles from the first retransmission.",
    "tcp_rmem is 131072 at first, half of which is offered, and 6 MiB at most; tcp_wmem is 4 MiB at most.",
    "Slow start adds what each ACK acknowledges, without the limit of RFC 3465; Linux paces what that releases, we do not.",
    "Challenge ACKs: 2 per connection and second, from tcp_invalid_ratelimit = 500 ms.",
    "ARP: mcast_solicit 3, gc_stale_time 60 s, base_reachable_time 30 s, arp_notify 0; redirects are accepted.",
];

fn nt4_sp6a() -> Settings {
    Settings {
        tcp: Tcp {
            window_scaling: false,
            timestamps: false,
            sack: false,
            initial_rto: Duration::from_secs(3),
            max_rto: Duration::from_secs(120),
            syn_retries: 3,
            data_retries: 5,
            time_wait: Duration::from_secs(240),
            keepalive_time: Duration::from_secs(7200),
            keepalive_interval: Duration::from_secs(1),
            // The number of tries is TcpMaxDataRetransmissions (implied by KB 140325).
            keepalive_probes: 5,
            delayed_ack: Duration::from_millis(200),
            dup_ack_threshold: 2,
            congestion: Congestion::Reno,
            initial_window: 2,
            receive_window: 8760,
            receive_window_max: 65_535,
            urgent_rfc1122: false,
            syn_sent_icmp: SynSentIcmp::Report,
            port_low: 1024,
            port_high: 5000,
            ..Tcp::default()
        },
        admission: Admission {
            syn_attack_protect: SynAttackProtect::Off,
            max_half_open: 100,
            max_half_open_retried: 80,
            max_ports_exhausted: 5,
            synack_retries: 2,
            synack_retries_protected: 1,
            window_scaling_protected: false,
            synack_rto: Duration::from_secs(3),
            trigger: Trigger::Any,
            cookies: Cookies::Never,
            accept_queue_full: AcceptQueueFull::Reset,
            backlog_max: 200,
            ..Admission::default()
        },
        ip: Ip {
            ttl: 128,
            arp_life: Duration::from_secs(120),
            arp_life_referenced: Duration::from_secs(600),
            arp_announcements: 3,
            redirects: true,
            redirect_routes: 10_000,
            pmtu_discovery: true,
            source_routing_refused: false,
            ..Ip::default()
        },
        limits: Limits { connections: 0x00FF_FFFE, time_wait: 2000, ..Limits::default() },
    }
}

fn windows_2000() -> Settings {
    let mut settings = nt4_sp6a();
    settings.tcp.window_scaling = true;
    settings.tcp.timestamps = true;
    settings.tcp.sack = true;
    settings.tcp.syn_retries = 2;
    settings.tcp.receive_window = 17_520;
    settings
}

fn windows_2003_sp1() -> Settings {
    let mut settings = windows_2000();
    settings.tcp.time_wait = Duration::from_secs(120);
    settings.tcp.receive_window = 65_535;
    settings.admission.syn_attack_protect = SynAttackProtect::WhileAttacked;
    settings.admission.max_half_open = 500;
    settings.admission.max_half_open_retried = 400;
    settings
}

fn linux() -> Settings {
    Settings {
        tcp: Tcp {
            max_rto: Duration::from_secs(120),
            user_timeout: Duration::from_secs(925),
            receive_window_max: 6 << 20,
            challenge_acks: 2,
            slow_start_limit: 0,
            ..Tcp::default()
        },
        admission: Admission {
            syn_attack_protect: SynAttackProtect::Off,
            synack_retries_protected: 5,
            cookies: Cookies::OnOverflow,
            ..Admission::default()
        },
        ip: Ip {
            arp_life: Duration::from_secs(60),
            arp_life_referenced: Duration::from_secs(30),
            arp_announcements: 0,
            redirects: true,
            ..Ip::default()
        },
        limits: Limits::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for preset in Preset::ALL {
            assert_eq!(preset.name().parse(), Ok(preset));
        }
        assert!("windows-95".parse::<Preset>().is_err());
    }

    #[test]
    fn nt4_offers_no_option_and_waits_three_seconds_first() {
        let tcp = Preset::Nt4Sp6a.settings().tcp;
        assert!(!tcp.window_scaling && !tcp.timestamps && !tcp.sack);
        assert_eq!(tcp.initial_rto, Duration::from_secs(3));
        assert_eq!((tcp.syn_retries, tcp.data_retries), (3, 5));
        assert_eq!(tcp.time_wait, Duration::from_secs(240));
    }

    #[test]
    fn only_2003_sp1_among_the_nt_presets_protects_by_default() {
        let protects = |preset: Preset| preset.settings().admission.syn_attack_protect;
        assert_eq!(protects(Preset::Nt4Sp6a), SynAttackProtect::Off);
        assert_eq!(protects(Preset::Windows2000), SynAttackProtect::Off);
        assert_eq!(protects(Preset::Windows2003Sp1), SynAttackProtect::WhileAttacked);
    }
}
