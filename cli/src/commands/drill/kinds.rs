//! What the server itself attempts during the flood: each kind of dead end, its bound, and the error that is right.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use synward::base::Instant;
use synward::settings::{Settings, SynSentIcmp};
use synward::shard::bounds::Operation;
use synward::sim::apps::{Act, Attempt, Ended};
use synward::tcp::{CloseReason, ConnectError, IcmpKind, Options};

/// The error that is right for a kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Right {
    NeighborSilent,
    Silent,
    Unreachable(IcmpKind),
    Refused,
    NoRoute,
    WriteTimedOut,
    WindowClosed,
}

/// One kind of dead end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// For programs.
    pub(super) id: &'static str,
    /// For people.
    pub(super) title: &'static str,
    /// Its row in the table of bounds.
    pub(super) operation: Operation,
    pub(super) right: Right,
    /// Of a hundred attempts, how many are of this kind.
    percent: u32,
    /// The peer of the attempt with a number.
    to: fn(u32) -> (Ipv4Addr, u16),
}

/// Where the article's connection goes.
pub(super) const NOBODY: Ipv4Addr = Ipv4Addr::new(129, 68, 72, 40);
/// The router on the server's LAN.
pub(super) const ROUTER: Ipv4Addr = Ipv4Addr::new(129, 68, 72, 1);
/// A host that lives, with closed ports.
pub(super) const LIVE: Ipv4Addr = Ipv4Addr::new(129, 68, 72, 20);
/// A peer that dies after its SYN-ACK.
pub(super) const DIES: Ipv4Addr = Ipv4Addr::new(129, 68, 72, 21);
/// A peer that closes its window for good.
pub(super) const SHUTS: Ipv4Addr = Ipv4Addr::new(129, 68, 72, 22);

const fn behind(network: u8, n: u32) -> (Ipv4Addr, u16) {
    (Ipv4Addr::new(10, network, (n / 250 % 250) as u8, 1 + (n % 250) as u8), 23)
}

/// Second octet of 10.x.0.0/16 that the router lets vanish.
pub(super) const BLACK_HOLE: u8 = 66;
/// Second octets of the networks that the router declares unreachable, with the ICMP code (RFC 792, RFC 1812).
pub(super) const UNREACHABLE: [(u8, u8); 4] = [(70, 0), (71, 1), (72, 3), (73, 13)];

/// All kinds. The first is the article's.
pub(super) const KINDS: [Kind; 11] = [
    Kind {
        id: "no-such-host",
        title: "129.68.72.40, no such host (article 297040)",
        operation: Operation::ConnectNeighborSilent,
        right: Right::NeighborSilent,
        percent: 10,
        to: |_| (NOBODY, 23),
    },
    Kind {
        id: "silent-on-link",
        title: "other on-link addresses without a host",
        operation: Operation::ConnectNeighborSilent,
        right: Right::NeighborSilent,
        percent: 20,
        to: |n| (Ipv4Addr::new(129, 68, 72, 41 + (n % 50) as u8), 23),
    },
    Kind {
        id: "black-hole",
        title: "off-link, a black hole",
        operation: Operation::ConnectSilent,
        right: Right::Silent,
        percent: 15,
        to: |n| behind(BLACK_HOLE, n),
    },
    Kind {
        id: "network-unreachable",
        title: "the router says: network unreachable",
        operation: Operation::ConnectUnreachable,
        right: Right::Unreachable(IcmpKind::NetworkUnreachable),
        percent: 8,
        to: |n| behind(70, n),
    },
    Kind {
        id: "host-unreachable",
        title: "the router says: host unreachable",
        operation: Operation::ConnectUnreachable,
        right: Right::Unreachable(IcmpKind::HostUnreachable),
        percent: 8,
        to: |n| behind(71, n),
    },
    Kind {
        id: "port-unreachable",
        title: "the router says: port unreachable",
        operation: Operation::ConnectUnreachable,
        right: Right::Unreachable(IcmpKind::PortUnreachable),
        percent: 8,
        to: |n| behind(72, n),
    },
    Kind {
        id: "prohibited",
        title: "the router says: administratively prohibited",
        operation: Operation::ConnectUnreachable,
        right: Right::Unreachable(IcmpKind::Prohibited),
        percent: 8,
        to: |n| behind(73, n),
    },
    Kind {
        id: "closed-port",
        title: "a closed port of a live host",
        operation: Operation::ConnectRefused,
        right: Right::Refused,
        percent: 10,
        to: |n| (LIVE, 1000 + (n % 1000) as u16),
    },
    Kind {
        id: "no-route",
        title: "a network without a route",
        operation: Operation::ConnectAtOnce,
        right: Right::NoRoute,
        percent: 5,
        to: |n| (Ipv4Addr::new(203, 0, 113, 1 + (n % 250) as u8), 23),
    },
    Kind {
        id: "dies-after-syn-ack",
        title: "the peer dies after its SYN-ACK (write)",
        operation: Operation::WriteUnanswered,
        right: Right::WriteTimedOut,
        percent: 4,
        to: |n| (DIES, 2000 + (n % 1000) as u16),
    },
    Kind {
        id: "window-closed",
        title: "the peer closes its window for good (write)",
        operation: Operation::WriteZeroWindow,
        right: Right::WindowClosed,
        percent: 4,
        to: |n| (SHUTS, 3000 + (n % 1000) as u16),
    },
];

impl Kind {
    fn writes(&self) -> bool {
        matches!(self.right, Right::WriteTimedOut | Right::WindowClosed)
    }

    /// The options of its connections: a write has the drill's user timeout, so that its end can be seen.
    fn options(&self, user_timeout: Duration) -> Options {
        Options { user_timeout: self.writes().then_some(user_timeout), ..Options::default() }
    }

    /// Its bound, computed before anything begins.
    pub(super) fn bound(&self, settings: &Settings, user_timeout: Duration) -> Duration {
        self.operation.bound(settings, &self.options(user_timeout)).unwrap_or_default()
    }

    /// Whether `ended` is the right end of an attempt to `to`.
    pub(super) fn is_right(&self, settings: &Settings, to: SocketAddr, ended: &Ended) -> bool {
        let router = synward::wire::Addr::from(IpAddr::V4(ROUTER));
        match (self.right, ended) {
            (Right::NeighborSilent, Ended::Failed(ConnectError::NeighborSilent { neighbor, .. })) => {
                neighbor.to_ip() == to.ip()
            }
            (Right::Silent, Ended::Failed(ConnectError::TimedOut { .. })) => true,
            (Right::Unreachable(kind), Ended::Failed(ConnectError::Unreachable { error, .. })) => {
                settings.tcp.syn_sent_icmp == SynSentIcmp::Abort && error.kind == kind && error.from == router
            }
            (Right::Unreachable(kind), Ended::Failed(ConnectError::TimedOut { soft, .. })) => {
                settings.tcp.syn_sent_icmp == SynSentIcmp::Report
                    && soft.is_some_and(|error| error.kind == kind && error.from == router)
            }
            (Right::Refused, Ended::Failed(ConnectError::Refused { .. })) => true,
            (Right::NoRoute, Ended::Failed(ConnectError::NoRoute { .. })) => true,
            (Right::WriteTimedOut, Ended::Closed(CloseReason::TimedOut { .. })) => true,
            (Right::WindowClosed, Ended::Closed(CloseReason::WindowClosed { .. })) => true,
            (_, Ended::Failed(_) | Ended::Connected | Ended::Closed(_) | Ended::Overdue) => false,
        }
    }
}

/// Attempts that begin at one instant, and the time to the next as many. Their answers come back as one burst each, and the
/// promises hold up to what a host's receive queue and service rate take.
const WAVE: (usize, Duration) = (2000, Duration::from_millis(20));

/// The plan: the article's connect once a second until `until`, and `count` attempts of all kinds from the instant `wave` on.
pub(super) fn plan(
    settings: &Settings,
    count: u32,
    wave: Instant,
    until: Instant,
    user_timeout: Duration,
) -> Vec<Attempt> {
    let attempt = |number: usize, kind: &Kind, n: u32, at: Instant| {
        let (address, port) = (kind.to)(n);
        Attempt {
            at,
            to: SocketAddr::new(IpAddr::V4(address), port),
            kind: number,
            options: kind.options(user_timeout),
            act: if kind.writes() { Act::Write(64 * 1024) } else { Act::Connect },
            bound: kind.bound(settings, user_timeout),
        }
    };
    let mut plan = Vec::new();
    for (number, kind) in KINDS.iter().enumerate() {
        let share = u64::from(count) * u64::from(kind.percent) / 100;
        let share = if count == 0 { 0 } else { share.max(1) as u32 };
        plan.extend((0..share).map(|n| (n, attempt(number, kind, n, wave))));
    }
    // The kinds mixed: no single peer gets its share in one piece.
    plan.sort_by_key(|(n, attempt)| {
        (u64::from(*n) * 100).checked_div(u64::from(KINDS[attempt.kind].percent))
    });
    let begin = |(number, (_, attempt)): (usize, (u32, Attempt))| {
        let at = wave + WAVE.1 * (number / WAVE.0) as u32;
        Attempt { at, ..attempt }
    };
    let mut plan: Vec<Attempt> = plan.into_iter().enumerate().map(begin).collect();
    let seconds = 1..until.as_secs();
    plan.extend(seconds.map(|second| attempt(0, &KINDS[0], 0, Instant::from_secs(second))));
    plan
}
