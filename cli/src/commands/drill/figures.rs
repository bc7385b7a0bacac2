//! What was measured, in the form that `--json` prints. Times are virtual, in whole microseconds; nothing here depends on
//! the machine or its clock.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use synward::admission::ProtectionEvent;
use synward::base::Instant;
use synward::settings::Settings;
use synward::shard::Snapshot;
use synward::sim::apps::{Connector, Ended, Failure, Finished, Pinger, Steady, Visit, Visitors};
use synward::sim::{HostNode, Peaks, Router, SynFlood};

use super::kinds::KINDS;
use super::scenario::Scenario;

/// Whole microseconds.
pub(super) fn us(time: Duration) -> u64 {
    time.as_micros() as u64
}

/// One kind of operation of the server.
#[derive(Clone, Debug, Serialize)]
pub(super) struct OperationFigures {
    pub(super) kind: &'static str,
    #[serde(skip)]
    pub(super) title: &'static str,
    pub(super) operation: &'static str,
    pub(super) attempted: u64,
    pub(super) ended: u64,
    pub(super) within_bound: u64,
    pub(super) right_error: u64,
    pub(super) worst_us: u64,
    pub(super) bound_us: u64,
    /// What the application was told, of the slowest one.
    pub(super) told: String,
    /// The first wrong end, if there was one.
    pub(super) wrong: Option<String>,
}

/// The visits of all clients in one part of the run.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct ClientFigures {
    pub(super) visits: u64,
    pub(super) succeeded: u64,
    /// Connected, and a server that speaks first was never heard: the third ACK was lost.
    pub(super) third_ack_lost: u64,
    pub(super) failed: u64,
    pub(super) wrong_bytes: u64,
    pub(super) verified_bytes: u64,
    pub(super) handshake_p50_us: u64,
    pub(super) handshake_p99_us: u64,
    pub(super) handshake_max_us: u64,
    /// Failures by what happened.
    pub(super) failures: BTreeMap<String, u64>,
}

impl ClientFigures {
    fn of<'a>(visits: impl Iterator<Item = &'a Visit>, loss: bool) -> Self {
        let mut figures = Self::default();
        let mut handshakes = Vec::new();
        for visit in visits {
            figures.visits += 1;
            figures.verified_bytes += visit.verified;
            // Who never got in waited at least as long as the visit took.
            handshakes.push(us(visit.handshake.unwrap_or(visit.took)));
            let Some(failure) = visit.failure else {
                figures.succeeded += 1;
                continue;
            };
            if let Failure::Wrong(bytes) = failure {
                figures.wrong_bytes += bytes;
            }
            match failure {
                // Without loss nobody's ACK is lost, and silence is the server's fault.
                Failure::Unheard if loss => figures.third_ack_lost += 1,
                Failure::Connect(_)
                | Failure::Closed(_)
                | Failure::Cut
                | Failure::Wrong(_)
                | Failure::Unheard
                | Failure::Stalled => figures.failed += 1,
            }
            *figures.failures.entry(name(&failure)).or_default() += 1;
        }
        handshakes.sort_unstable();
        let rank =
            |part: usize| handshakes.get((handshakes.len() * part / 100).min(handshakes.len().max(1) - 1));
        figures.handshake_p50_us = rank(50).copied().unwrap_or(0);
        figures.handshake_p99_us = rank(99).copied().unwrap_or(0);
        figures.handshake_max_us = handshakes.last().copied().unwrap_or(0);
        figures
    }
}

fn name(failure: &Failure) -> String {
    match failure {
        Failure::Connect(error) => format!("connect: {:?}", error.kind()),
        Failure::Closed(reason) => {
            format!("closed: {}", reason.kind().map_or("early".to_owned(), |k| format!("{k:?}")))
        }
        Failure::Cut => "stream ended early".to_owned(),
        Failure::Wrong(_) => "wrong bytes".to_owned(),
        Failure::Unheard => "connected, server never heard".to_owned(),
        Failure::Stalled => "out of patience".to_owned(),
    }
}

/// Frames of one node.
#[derive(Clone, Debug, Serialize)]
pub(super) struct NodeFigures {
    pub(super) name: String,
    pub(super) arrived: u64,
    pub(super) overrun: u64,
    pub(super) impaired: u64,
    pub(super) sent: u64,
    pub(super) longest_queue: usize,
}

/// All figures of a run.
pub(super) struct Figures {
    pub(super) operations: Vec<OperationFigures>,
    pub(super) most_dead_at_once: usize,
    pub(super) quiet: ClientFigures,
    pub(super) flooded: ClientFigures,
    pub(super) all: ClientFigures,
    pub(super) pings: Pings,
    pub(super) steady: SteadyFigures,
    pub(super) protection: Vec<ProtectionEvent>,
    pub(super) peaks: Peaks,
    pub(super) server: Snapshot,
    pub(super) nodes: Vec<NodeFigures>,
    pub(super) flood_sent: u64,
    pub(super) icmp_sent: u64,
}

/// Echo requests to the server.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Pings {
    pub(super) sent: u64,
    pub(super) answered: u64,
    pub(super) lost: u64,
    pub(super) worst_us: u64,
    pub(super) mean_us: u64,
}

/// The long-lived connection.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct SteadyFigures {
    pub(super) records: u64,
    pub(super) late: u64,
    pub(super) bytes: u64,
    pub(super) wrong_bytes: u64,
    pub(super) quiet_worst_us: u64,
    pub(super) worst_us: u64,
    pub(super) broken: Option<String>,
}

impl Figures {
    /// Reads the figures of a world that has run.
    pub(super) fn collect(scenario: &mut Scenario) -> Option<Self> {
        let nodes = scenario.nodes.iter().map(|(id, name)| {
            let stats = scenario.world.stats(*id);
            let synward::sim::NodeStats { arrived, overrun, impaired, sent, longest_queue } = stats;
            NodeFigures { name: name.clone(), arrived, overrun, impaired, sent, longest_queue }
        });
        let nodes = nodes.collect();
        let mut visits: Vec<Visit> = Vec::new();
        for (id, _, app) in scenario.visitors.clone() {
            visits.extend_from_slice(&scenario.world.node::<HostNode>(id)?.app::<Visitors>(app)?.visits);
        }
        let times = scenario.times;
        let loss = scenario.wanted.loss > 0.0;
        let of = |from, until| {
            ClientFigures::of(
                visits.iter().filter(|visit| visit.started >= from && visit.started < until),
                loss,
            )
        };
        let quiet = of(Instant::ZERO, times.flood_from);
        let flooded = of(times.flood_from, times.flood_until);
        let all = ClientFigures::of(visits.iter(), loss);
        let (pings, steady) = monitor(scenario)?;
        let flood_sent = scenario.world.node::<SynFlood>(scenario.attacker)?.sent;
        let icmp_sent = scenario.world.node::<Router>(scenario.router)?.errors_sent;
        let settings = scenario.wanted.settings.clone();
        let connector = scenario.connector;
        let host = scenario.world.node::<HostNode>(scenario.server)?;
        let (peaks, server) = (host.peaks, host.shard.snapshot());
        let protection = host.protection.iter().map(|(_, event)| *event).collect();
        let connector = host.app::<Connector>(connector)?;
        let most_dead_at_once = connector.most_running;
        let operations = operations(connector, &settings, times.user_timeout);
        Some(Self {
            operations,
            most_dead_at_once,
            quiet,
            flooded,
            all,
            pings,
            steady,
            protection,
            peaks,
            server,
            nodes,
            flood_sent,
            icmp_sent,
        })
    }
}

fn monitor(scenario: &mut Scenario) -> Option<(Pings, SteadyFigures)> {
    let (pinger, steady, flood_from) = (scenario.pinger, scenario.steady, scenario.times.flood_from);
    let host = scenario.world.node::<HostNode>(scenario.monitor)?;
    let pinger = host.app::<Pinger>(pinger)?;
    let pings = Pings {
        sent: pinger.sent,
        answered: pinger.answered,
        lost: pinger.sent - pinger.answered,
        worst_us: us(pinger.worst),
        mean_us: us(pinger.total.checked_div(pinger.answered.max(1) as u32).unwrap_or_default()),
    };
    let steady = host.app::<Steady>(steady)?;
    let quiet = steady.records.iter().filter(|(due, _)| *due < flood_from).map(|(_, took)| us(*took)).max();
    let figures = SteadyFigures {
        records: steady.records.len() as u64,
        late: steady.late,
        bytes: steady.bytes,
        wrong_bytes: steady.wrong,
        quiet_worst_us: quiet.unwrap_or(0),
        worst_us: us(steady.worst()),
        broken: steady.broken.map(|reason| reason.to_string()),
    };
    Some((pings, figures))
}

fn operations(connector: &Connector, settings: &Settings, user_timeout: Duration) -> Vec<OperationFigures> {
    let of = |(number, kind): (usize, &super::kinds::Kind)| {
        let ends = || connector.finished.iter().filter(|finished| finished.kind == number);
        let is_right = |ended: &&Finished| kind.is_right(settings, ended.to, &ended.how);
        let attempted = connector.planned(number);
        let slowest = ends().max_by_key(|finished| finished.took);
        let within = |finished: &&Finished| {
            finished.how != Ended::Overdue && finished.took <= finished.bound + super::scenario::SLACK
        };
        OperationFigures {
            kind: kind.id,
            title: kind.title,
            operation: kind.operation.name(),
            attempted,
            ended: ends().filter(|finished| finished.how != Ended::Overdue).count() as u64,
            within_bound: ends().filter(within).count() as u64,
            right_error: ends().filter(is_right).count() as u64,
            worst_us: slowest.map_or(0, |finished| us(finished.took)),
            bound_us: us(kind.bound(settings, user_timeout)),
            told: slowest.map(|finished| told(&finished.how)).unwrap_or_default(),
            wrong: ends().find(|ended| !is_right(ended)).map(|ended| with_peer(&ended.to, told(&ended.how))),
        }
    };
    KINDS.iter().enumerate().map(of).collect()
}

/// `told` with the peer in front, unless it names the peer itself.
fn with_peer(to: &std::net::SocketAddr, told: String) -> String {
    if told.starts_with(&to.ip().to_string()) { told } else { format!("{to}: {told}") }
}

fn told(how: &Ended) -> String {
    match how {
        Ended::Failed(error) => error.to_string(),
        Ended::Connected => "connected".to_owned(),
        Ended::Closed(reason) => reason.to_string(),
        Ended::Overdue => "did not end within its bound".to_owned(),
    }
}
