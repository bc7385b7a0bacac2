//! The values that the protocol code reads, in groups by the folder that reads them. Defaults are the preset `modern`.

use core::time::Duration;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// All settings of a stack.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Settings {
    /// Connections.
    pub tcp: Tcp,
    /// What happens to a SYN.
    pub admission: Admission,
    /// Addresses, neighbours, ICMP.
    pub ip: Ip,
    /// Everything that a remote party could make grow.
    pub limits: Limits,
}

/// Congestion control algorithm.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Congestion {
    /// RFC 9438.
    #[default]
    Cubic,
    /// RFC 5681.
    Reno,
}

/// What an ICMP unreachable does to a connection in SYN-SENT whose ISS it quotes (RFC 5461).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SynSentIcmp {
    /// It ends the attempt at once.
    #[default]
    Abort,
    /// It is remembered and reported when the attempt ends by its own time (RFC 1122's soft error).
    Report,
}

/// Settings of a TCP connection.
#[derive(Clone, PartialEq, Debug)]
pub struct Tcp {
    /// Offer and accept window scaling (RFC 7323); NT `Tcp1323Opts` bit 0.
    pub window_scaling: bool,
    /// Offer and accept timestamps (RFC 7323); NT `Tcp1323Opts` bit 1.
    pub timestamps: bool,
    /// Offer and accept SACK (RFC 2018); NT `SackOpts`.
    pub sack: bool,
    /// First retransmission time-out (RFC 6298, Section 2.1); NT `TcpInitialRtt`.
    pub initial_rto: Duration,
    /// Least retransmission time-out.
    pub min_rto: Duration,
    /// Largest retransmission time-out (RFC 6298, Section 2.5: at least 60 s).
    pub max_rto: Duration,
    /// Retransmissions of a SYN; NT `TcpMaxConnectRetransmissions`.
    pub syn_retries: u32,
    /// Retransmissions of data or FIN without an answer; NT `TcpMaxDataRetransmissions`.
    pub data_retries: u32,
    /// Longest time without progress on data, FIN or a zero window (RFC 9293, Section 3.8.3; RFC 6429).
    pub user_timeout: Duration,
    /// TIME-WAIT; NT `TcpTimedWaitDelay`.
    pub time_wait: Duration,
    /// Longest stay of an orphan in FIN-WAIT-2.
    pub fin_wait2: Duration,
    /// Idle time before a keep-alive probe, where the application asked for it; NT `KeepAliveTime`.
    pub keepalive_time: Duration,
    /// Gap between unanswered probes; NT `KeepAliveInterval`.
    pub keepalive_interval: Duration,
    /// Unanswered probes that end the connection.
    pub keepalive_probes: u32,
    /// Longest delay of an acknowledgment (RFC 9293, Section 3.8.6.3: below 500 ms).
    pub delayed_ack: Duration,
    /// Duplicate ACKs before fast retransmit; NT `TcpMaxDupAcks`.
    pub dup_ack_threshold: u32,
    /// Congestion control.
    pub congestion: Congestion,
    /// Initial window in segments (RFC 6928).
    pub initial_window: u32,
    /// Most segments that one ACK adds to the window in slow start (L of RFC 9406, Section 4.3, and RFC 3465); 0: no limit.
    pub slow_start_limit: u32,
    /// The congestion window goes back to the initial one after an idle retransmission time-out (RFC 5681, Section 4.1).
    pub slow_start_after_idle: bool,
    /// Nagle's algorithm, where the application did not say `nodelay`.
    pub nagle: bool,
    /// Receive window at first, bytes; NT `TcpWindowSize`.
    pub receive_window: u32,
    /// Receive window at most, bytes; NT `GlobalMaxTcpWindowSize`.
    pub receive_window_max: u32,
    /// Send buffer at most, bytes.
    pub send_buffer_max: u32,
    /// Urgent pointer as RFC 1122 says (the last urgent byte) and not as RFC 6093; NT `TcpUseRFC1122UrgentPointer`.
    pub urgent_rfc1122: bool,
    /// ICMP unreachable in SYN-SENT.
    pub syn_sent_icmp: SynSentIcmp,
    /// Challenge ACKs per connection and second (RFC 5961, Section 7).
    pub challenge_acks: u32,
    /// Lowest ephemeral port (RFC 6056).
    pub port_low: u16,
    /// Highest ephemeral port; NT `MaxUserPort`.
    pub port_high: u16,
    /// Largest segment that we announce; 0: what the MTU allows.
    pub mss: u16,
}

impl Default for Tcp {
    fn default() -> Self {
        Self {
            window_scaling: true,
            timestamps: true,
            sack: true,
            initial_rto: secs(1),
            min_rto: ms(200),
            max_rto: secs(60),
            syn_retries: 6,
            data_retries: 15,
            user_timeout: secs(900),
            time_wait: secs(60),
            fin_wait2: secs(60),
            keepalive_time: secs(7200),
            keepalive_interval: secs(75),
            keepalive_probes: 9,
            delayed_ack: ms(40),
            dup_ack_threshold: 3,
            congestion: Congestion::Cubic,
            initial_window: 10,
            // A receiver that acknowledges whole batches would hold a smaller limit far below doubling in a round trip.
            slow_start_limit: 8,
            slow_start_after_idle: true,
            nagle: true,
            receive_window: 64 * 1024,
            receive_window_max: 4 * 1024 * 1024,
            send_buffer_max: 4 * 1024 * 1024,
            urgent_rfc1122: false,
            syn_sent_icmp: SynSentIcmp::Abort,
            challenge_acks: 10,
            port_low: 32768,
            port_high: 60999,
            mss: 0,
        }
    }
}

/// NT's `SynAttackProtect`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum SynAttackProtect {
    /// 0: thresholds are counted, nothing else happens.
    Off,
    /// 1: the effects hold while triggered.
    WhileAttacked,
    /// 2: as 1, and a listener's backlog is consumed only after the third ACK.
    #[default]
    Strict,
}

/// How the three thresholds trigger protection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Trigger {
    /// Any one of the three is exceeded (the later documents).
    #[default]
    Any,
    /// `TcpMaxHalfOpen` and `TcpMaxHalfOpenRetried` are both exceeded (KB 142641 read literally).
    Both,
}

/// When SYN cookies are sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Cookies {
    /// Never: a full store evicts its oldest entry.
    Never,
    /// When the half-open store is full.
    #[default]
    OnOverflow,
    /// For every SYN.
    Always,
}

/// What a SYN gets while the listener's accept queue is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AcceptQueueFull {
    /// Nothing: the client tries again.
    #[default]
    Silent,
    /// RST, as NT.
    Reset,
}

/// Settings of admission.
#[derive(Clone, PartialEq, Debug)]
pub struct Admission {
    /// NT `SynAttackProtect`.
    pub syn_attack_protect: SynAttackProtect,
    /// NT `TcpMaxHalfOpen`: half-open connections above which protection starts.
    pub max_half_open: u32,
    /// NT `TcpMaxHalfOpenRetried`: the same for those whose SYN-ACK was retransmitted.
    pub max_half_open_retried: u32,
    /// NT `TcpMaxPortsExhausted`: refused connection requests above which protection starts.
    pub max_ports_exhausted: u32,
    /// The period over which refusals are counted (NT does not say).
    pub ports_exhausted_period: Duration,
    /// NT `TcpMaxConnectResponseRetransmissions`: retransmissions of a SYN-ACK.
    pub synack_retries: u32,
    /// The same while protecting (NT does not say how many remain).
    pub synack_retries_protected: u32,
    /// Window scaling is agreed to also while protecting. NT does not: KB 142641 says that scalable windows can then no
    /// longer be enabled.
    pub window_scaling_protected: bool,
    /// First retransmission time-out of a SYN-ACK.
    pub synack_rto: Duration,
    /// How thresholds combine.
    pub trigger: Trigger,
    /// Protection ends when all counts have stayed at or below this percentage of their thresholds ...
    pub leave_percent: u32,
    /// ... for this hold-off, which doubles on a renewed attack ...
    pub hold_off: Duration,
    /// ... up to this.
    pub hold_off_max: Duration,
    /// SYN cookies.
    pub cookies: Cookies,
    /// Life of one cookie key; a cookie is accepted for one to two of these.
    pub cookie_epoch: Duration,
    /// SYN while the accept queue is full.
    pub accept_queue_full: AcceptQueueFull,
    /// Most that a listener's accept queue may hold.
    pub backlog_max: u32,
    /// NT AFD `EnableDynamicBacklog`.
    pub dynamic_backlog: bool,
    /// NT AFD `MinimumDynamicBacklog`: grow when fewer than this are free.
    pub dynamic_backlog_min: u32,
    /// NT AFD `MaximumDynamicBacklog`: most free and half-open ones together.
    pub dynamic_backlog_max: u32,
    /// NT AFD `DynamicBacklogGrowthDelta`: how many at a time.
    pub dynamic_backlog_delta: u32,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            syn_attack_protect: SynAttackProtect::Strict,
            max_half_open: 500,
            max_half_open_retried: 400,
            max_ports_exhausted: 5,
            ports_exhausted_period: secs(1),
            synack_retries: 5,
            synack_retries_protected: 1,
            window_scaling_protected: true,
            synack_rto: secs(1),
            trigger: Trigger::Any,
            leave_percent: 50,
            hold_off: secs(15),
            hold_off_max: secs(240),
            cookies: Cookies::OnOverflow,
            cookie_epoch: secs(60),
            accept_queue_full: AcceptQueueFull::Silent,
            backlog_max: 4096,
            dynamic_backlog: false,
            dynamic_backlog_min: 0,
            dynamic_backlog_max: 0,
            dynamic_backlog_delta: 0,
        }
    }
}

/// Settings of IP, ARP and ICMP.
#[derive(Clone, PartialEq, Debug)]
pub struct Ip {
    /// Time to live of what we send; NT `DefaultTTL`.
    pub ttl: u8,
    /// ARP requests for one neighbour.
    pub arp_requests: u32,
    /// Time between them (RFC 1122, Section 2.3.2.1: at most one a second).
    pub arp_interval: Duration,
    /// How long a failure is remembered.
    pub arp_failure: Duration,
    /// Life of an unused entry; NT `ArpCacheLife`.
    pub arp_life: Duration,
    /// Life of a used entry, before it is asked again; NT `ArpCacheMinReferencedLife`.
    pub arp_life_referenced: Duration,
    /// Gratuitous ARP announcements at start; NT `ArpRetryCount`.
    pub arp_announcements: u32,
    /// Follow ICMP redirects; NT `EnableICMPRedirect`.
    pub redirects: bool,
    /// Most host routes learned from redirects; NT `MaxIcmpHostRoutes`.
    pub redirect_routes: u32,
    /// Path MTU discovery (RFC 1191); NT `EnablePMTUDiscovery`.
    pub pmtu_discovery: bool,
    /// Answer echo requests.
    pub echo_reply: bool,
    /// How long the fragments of a datagram wait for the others (RFC 1122, Section 3.3.2: 60 to 120 s).
    pub reassembly_time: Duration,
    /// ICMP errors and RSTs to strangers, each, per second.
    pub answers_per_second: u32,
    /// Refuse source-routed packets; NT `DisableIPSourceRouting` (we never forward one).
    pub source_routing_refused: bool,
}

impl Default for Ip {
    fn default() -> Self {
        Self {
            ttl: 64,
            arp_requests: 3,
            arp_interval: secs(1),
            arp_failure: secs(1),
            arp_life: secs(120),
            arp_life_referenced: secs(600),
            arp_announcements: 1,
            redirects: false,
            redirect_routes: 10_000,
            pmtu_discovery: true,
            echo_reply: true,
            reassembly_time: secs(60),
            answers_per_second: 1000,
            source_routing_refused: true,
        }
    }
}

/// Everything that a remote party can make grow has its limit here (`design.md` rule 3).
#[derive(Clone, PartialEq, Debug)]
pub struct Limits {
    /// Connections; NT `TcpNumConnections`.
    pub connections: u32,
    /// Half-open connections in all listeners.
    pub half_open: u32,
    /// TIME-WAIT records; NT `MaxFreeTcbs`. At the limit the oldest one retires.
    pub time_wait: u32,
    /// Connections whose application is gone.
    pub orphans: u32,
    /// Neighbour entries that are resolved.
    pub neighbors: u32,
    /// Neighbour entries that are being resolved, or whose failure is remembered.
    pub neighbors_unresolved: u32,
    /// Path MTU entries.
    pub pmtu: u32,
    /// Bytes of fragments that wait for others.
    pub reassembly_memory: u64,
    /// Fragments of one datagram.
    pub fragments: u32,
    /// Listeners.
    pub listeners: u32,
    /// Bytes of all buffers that hold data for or from peers.
    pub memory: u64,
    /// Bytes of free buffers that a shard keeps.
    pub pool: u64,
    /// Frames taken from the device in one turn.
    pub receive_budget: u32,
    /// Timers fired in one turn.
    pub timer_budget: u32,
    /// Application commands taken in one turn.
    pub command_budget: u32,
    /// Frames given to the device in one turn.
    pub transmit_budget: u32,
    /// Frames that wait for the device at most.
    pub transmit_queue: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2_000_000,
            half_open: 4096,
            time_wait: 262_144,
            orphans: 8192,
            neighbors: 16_384,
            neighbors_unresolved: 16_384,
            pmtu: 4096,
            reassembly_memory: 4 << 20,
            fragments: 2048,
            listeners: 4096,
            memory: 1 << 30,
            pool: 64 << 20,
            receive_budget: 256,
            timer_budget: 256,
            command_budget: 256,
            transmit_budget: 256,
            transmit_queue: 1024,
        }
    }
}
