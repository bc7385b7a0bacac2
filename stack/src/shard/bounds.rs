//! The longest time that each operation can take, computed before it starts, and the error that ends it then.
//!
//! One table for everybody who needs it: applications that plan, the documentation, and the drill, which measures every
//! operation against its row. Each bound counts from the operation's start; a timer fires at most one tick of the wheel
//! ([`GRANULARITY`]) after its time.

use super::connect::connect_bound;
use crate::settings::Settings;
use crate::tcp::Options;
use core::fmt::Write as _;
use core::time::Duration;

/// The tick of the timer wheel: what a bound can be passed by at most on an idle machine.
pub const GRANULARITY: Duration = Duration::from_millis(1);

/// Something that an application starts, or that the stack owes an end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Operation {
    /// `connect` to an on-link address where no host lives (article 297040), or through a gateway that is gone.
    ConnectNeighborSilent,
    /// `connect` to an address that no route leads to, that is not one host's, or that was found silent less than
    /// `ip.arp-failure` ago.
    ConnectAtOnce,
    /// `connect` to a peer that answers nothing.
    ConnectSilent,
    /// `connect` to what a router or the host calls unreachable.
    ConnectUnreachable,
    /// `connect` to a closed port.
    ConnectRefused,
    /// Written data that the peer does not acknowledge.
    WriteUnanswered,
    /// Written data that the peer has no window for, although it answers probes.
    WriteZeroWindow,
    /// FIN that the peer does not acknowledge, after `close` or `shutdown`.
    CloseUnanswered,
    /// FIN-WAIT-2 after `close`: the peer never closes.
    CloseHalfClosed,
    /// TIME-WAIT.
    TimeWait,
    /// A half-open connection whose third ACK never comes.
    HalfOpen,
    /// A quiet connection with keep-alive whose peer is gone.
    KeepAlive,
    /// An echo request, by the timeout that its caller gives.
    Ping,
    /// `read` and `accept`: they wait for somebody else, without bound, and cancel within one turn.
    Wait,
}

impl Operation {
    /// Every row of the table.
    pub const ALL: [Self; 14] = [
        Self::ConnectNeighborSilent,
        Self::ConnectAtOnce,
        Self::ConnectSilent,
        Self::ConnectUnreachable,
        Self::ConnectRefused,
        Self::WriteUnanswered,
        Self::WriteZeroWindow,
        Self::CloseUnanswered,
        Self::CloseHalfClosed,
        Self::TimeWait,
        Self::HalfOpen,
        Self::KeepAlive,
        Self::Ping,
        Self::Wait,
    ];

    /// The operation for a person.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConnectNeighborSilent => "connect, no host at the address or gateway",
            Self::ConnectAtOnce => "connect, known at once to be impossible",
            Self::ConnectSilent => "connect, the peer answers nothing",
            Self::ConnectUnreachable => "connect, ICMP says unreachable",
            Self::ConnectRefused => "connect, closed port",
            Self::WriteUnanswered => "write, the peer acknowledges nothing",
            Self::WriteZeroWindow => "write, the peer's window stays closed",
            Self::CloseUnanswered => "close, the peer acknowledges nothing",
            Self::CloseHalfClosed => "close, the peer never closes",
            Self::TimeWait => "TIME-WAIT",
            Self::HalfOpen => "half-open connection, no third ACK",
            Self::KeepAlive => "quiet connection with keep-alive, the peer is gone",
            Self::Ping => "ping",
            Self::Wait => "read, accept",
        }
    }

    /// How the bound comes about, in the names of the settings.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::ConnectNeighborSilent => "ip.arp-requests × ip.arp-interval",
            Self::ConnectAtOnce => "at once",
            Self::ConnectSilent | Self::ConnectUnreachable | Self::ConnectRefused => {
                "ip.arp-requests × ip.arp-interval + (the schedule of tcp.syn-retries + 1 SYNs, at most the user timeout)"
            }
            Self::WriteUnanswered | Self::WriteZeroWindow | Self::CloseUnanswered => {
                "user timeout, from the last progress"
            }
            Self::CloseHalfClosed => "tcp.fin-wait2",
            Self::TimeWait => "tcp.time-wait, from the last FIN",
            Self::HalfOpen => "the schedule of admission.synack-retries + 1 SYN-ACKs",
            Self::KeepAlive => "keep-alive time + probes × interval, from the last segment heard",
            Self::Ping => "the caller's timeout",
            Self::Wait => "none: cancels within one turn",
        }
    }

    /// What the application is told when the bound has come; the `ErrorKind` of `std::io` in parentheses.
    pub const fn error(self) -> &'static str {
        match self {
            Self::ConnectNeighborSilent => "ConnectError::NeighborSilent (HostUnreachable)",
            Self::ConnectAtOnce => {
                "ConnectError::NoRoute (NetworkUnreachable), NotAHost, NotAPort (InvalidInput), NeighborSilent \
                 (HostUnreachable)"
            }
            Self::ConnectSilent => "ConnectError::TimedOut (TimedOut)",
            Self::ConnectUnreachable => {
                "ConnectError::Unreachable (NetworkUnreachable, HostUnreachable, ConnectionRefused)"
            }
            Self::ConnectRefused => "ConnectError::Refused (ConnectionRefused)",
            Self::WriteUnanswered => "CloseReason::TimedOut (TimedOut)",
            Self::WriteZeroWindow => {
                "CloseReason::WindowClosed, or TimedOut where the peer answers no probe (both TimedOut)"
            }
            Self::CloseUnanswered => "CloseReason::TimedOut (TimedOut), to whoever still waits",
            Self::CloseHalfClosed => "CloseReason::OrphanTimedOut: nobody is left to be told",
            Self::TimeWait | Self::HalfOpen => "none: nobody waits",
            Self::KeepAlive => "CloseReason::KeepAlive (TimedOut)",
            Self::Ping => "PingError::TimedOut, NeighborSilent, Unreachable",
            Self::Wait => "none",
        }
    }

    /// The bound under `settings` for a connection with `options`; `None` where there is none, or the caller gives it.
    pub fn bound(self, settings: &Settings, options: &Options) -> Option<Duration> {
        let (tcp, ip) = (&settings.tcp, &settings.ip);
        let user_timeout = options.user_timeout.unwrap_or(tcp.user_timeout);
        match self {
            Self::ConnectNeighborSilent => Some(ip.arp_interval * ip.arp_requests),
            Self::ConnectAtOnce => Some(Duration::ZERO),
            Self::ConnectSilent | Self::ConnectUnreachable | Self::ConnectRefused => {
                let neighbor = ip.arp_interval * ip.arp_requests;
                Some(connect_bound(settings).min(neighbor + user_timeout))
            }
            Self::WriteUnanswered | Self::WriteZeroWindow | Self::CloseUnanswered => Some(user_timeout),
            Self::CloseHalfClosed => Some(tcp.fin_wait2),
            Self::TimeWait => Some(tcp.time_wait),
            Self::HalfOpen => Some(half_open_life(settings, settings.admission.synack_retries)),
            Self::KeepAlive => {
                let (time, interval, probes) = match options.keepalive_times {
                    Some(times) => (times.time, times.interval, times.probes),
                    None => (tcp.keepalive_time, tcp.keepalive_interval, tcp.keepalive_probes),
                };
                Some(time.saturating_add(interval.saturating_mul(probes)))
            }
            Self::Ping | Self::Wait => None,
        }
    }
}

/// How long a half-open connection lives whose SYN-ACK is sent again `retries` times (RFC 6298, Sections 2.5 and 5.5).
pub fn half_open_life(settings: &Settings, retries: u32) -> Duration {
    let first = settings.admission.synack_rto;
    let longest = settings.tcp.max_rto.max(first);
    let wait = |n: u32| first.saturating_mul(1_u32.checked_shl(n).unwrap_or(u32::MAX)).min(longest);
    (0..=retries.min(255)).fold(Duration::ZERO, |sum, n| sum.saturating_add(wait(n)))
}

/// The table operation, bound, error under `settings`, as Markdown.
pub fn markdown(settings: &Settings) -> String {
    let mut text = String::from("| Operation | Bound | Under these settings | Error |\n|---|---|---|---|\n");
    for operation in Operation::ALL {
        let bound = operation.bound(settings, &Options::default());
        let value = bound.map_or_else(|| "-".to_owned(), |bound| format!("{} s", bound.as_secs_f64()));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {value} | {} |",
            operation.name(),
            operation.rule(),
            operation.error()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_follow_the_settings() {
        let settings = Settings::default();
        let options = Options::default();
        let bound = |operation: Operation| operation.bound(&settings, &options);
        assert_eq!(bound(Operation::ConnectNeighborSilent), Some(Duration::from_secs(3)));
        assert_eq!(bound(Operation::ConnectSilent), Some(Duration::from_secs(3 + 63 + 60)));
        assert_eq!(bound(Operation::WriteZeroWindow), Some(Duration::from_secs(900)));
        assert_eq!(bound(Operation::HalfOpen), Some(Duration::from_secs(1 + 2 + 4 + 8 + 16 + 32)));
        assert_eq!(bound(Operation::Wait), None);
    }

    #[test]
    fn a_connection_with_its_own_user_timeout_ends_by_it() {
        let settings = Settings::default();
        let options = Options { user_timeout: Some(Duration::from_secs(10)), ..Options::default() };
        assert_eq!(Operation::WriteUnanswered.bound(&settings, &options), Some(Duration::from_secs(10)));
        assert_eq!(Operation::ConnectSilent.bound(&settings, &options), Some(Duration::from_secs(13)));
    }

    #[test]
    fn the_table_has_a_line_for_every_operation() {
        let table = markdown(&Settings::default());
        assert_eq!(table.lines().count(), 2 + Operation::ALL.len());
        assert!(Operation::ALL.iter().all(|operation| table.contains(operation.name())));
    }
}
