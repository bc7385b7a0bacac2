//! The promises: what is held out, what was measured, and whether it holds. Bounds were computed before the run.

use std::fmt::Write as _;

use serde::Serialize;
use synward::settings::{Cookies, SynAttackProtect};
use synward::telemetry::Discard;

use super::figures::{Figures, NodeFigures};
use super::scenario::{SLACK, Scenario, Wanted, protection_expected};

/// How a promise turned out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    Pass,
    Fail,
    /// The settings or flags ask for something that the promise does not cover.
    NotPromised,
}

/// One promise.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Promise {
    pub(super) id: &'static str,
    pub(super) promise: String,
    pub(super) measured: String,
    pub(super) verdict: Verdict,
}

fn verdict(holds: bool) -> Verdict {
    if holds { Verdict::Pass } else { Verdict::Fail }
}

/// Milliseconds for people.
pub(super) fn ms(us: u64) -> String {
    if us < 10_000 {
        format!("{:.2} ms", us as f64 / 1e3)
    } else if us < 1_000_000 {
        format!("{:.0} ms", us as f64 / 1e3)
    } else {
        format!("{:.2} s", us as f64 / 1e6)
    }
}

/// All promises of a run.
pub(super) fn judge(scenario: &Scenario, figures: &Figures) -> Vec<Promise> {
    let wanted = &scenario.wanted;
    vec![
        nothing_hangs(figures),
        right_errors(figures),
        half_open(figures),
        clients(wanted, figures),
        handshakes(wanted, figures),
        pings(figures),
        steady(figures),
        counters(wanted, figures),
        protection(scenario, figures),
    ]
}

fn nothing_hangs(figures: &Figures) -> Promise {
    let operations = &figures.operations;
    let (attempted, within) =
        operations.iter().fold((0, 0), |sum, kind| (sum.0 + kind.attempted, sum.1 + kind.within_bound));
    let worst = operations.iter().filter(|kind| kind.attempted > 0).max_by_key(|kind| {
        // At once is no time to be compared with.
        (kind.worst_us * 1000).checked_div(kind.bound_us).unwrap_or(0)
    });
    let mut measured = format!("{within} of {attempted}");
    if let Some(worst) = worst {
        let _ = write!(measured, "; nearest to its bound: {} of {}", ms(worst.worst_us), ms(worst.bound_us));
    }
    Promise {
        id: "bounded",
        promise: format!(
            "every operation of the server ends within its bound (and {} ms for round trips and the timer)",
            SLACK.as_millis()
        ),
        measured,
        verdict: verdict(within == attempted),
    }
}

fn right_errors(figures: &Figures) -> Promise {
    let (attempted, right) = figures
        .operations
        .iter()
        .fold((0, 0), |sum, kind| (sum.0 + kind.attempted, sum.1 + kind.right_error));
    let wrong = figures.operations.iter().find_map(|kind| kind.wrong.as_ref());
    let wrong = wrong.map(|wrong| format!("; for example {wrong}")).unwrap_or_default();
    Promise {
        id: "right-error",
        promise: "and says precisely why".to_owned(),
        measured: format!("{right} of {attempted}{wrong}"),
        verdict: verdict(right == attempted),
    }
}

/// Bytes that the store may take: entries of at most 96 bytes in whole pages of 1024, and its few queues.
fn half_open_memory(limit: usize) -> usize {
    limit.div_ceil(1024) * 1024 * 96 + 64 * 1024
}

fn half_open(figures: &Figures) -> Promise {
    let limit = figures.server.admission.half_open_limit;
    let memory = half_open_memory(limit);
    let (entries, bytes) = (figures.peaks.half_open, figures.peaks.half_open_memory);
    Promise {
        id: "half-open",
        promise: format!("never more than {limit} half-open connections, nor {} KiB for them", memory / 1024),
        measured: format!("at most {entries}, {} KiB", bytes.div_ceil(1024)),
        verdict: verdict(entries <= limit && bytes <= memory),
    }
}

fn clients(wanted: &Wanted, figures: &Figures) -> Promise {
    let flooded = &figures.flooded;
    let counted = flooded.visits - flooded.third_ack_lost;
    let lossless = wanted.loss <= 0.0;
    let promise = if lossless {
        "during the flood every client gets in, does its business, and every byte is right".to_owned()
    } else {
        format!(
            "during the flood 99 % of the clients do their business in spite of {} % loss",
            wanted.loss * 100.0
        )
    };
    let mut measured = format!("{} of {counted} visits", flooded.succeeded);
    if counted > 0 {
        let _ = write!(measured, " ({:.2} %)", 100.0 * flooded.succeeded as f64 / counted as f64);
    }
    let _ = write!(measured, ", {} MB verified", figures.all.verified_bytes / 1_000_000);
    if !lossless {
        let _ = write!(measured, "; apart: {} whose third ACK was lost while the server speaks first", {
            flooded.third_ack_lost
        });
    }
    for (what, n) in &flooded.failures {
        let _ = write!(measured, "; {n}: {what}");
    }
    let enough = if lossless {
        flooded.succeeded == counted && figures.all.failed == 0
    } else {
        flooded.succeeded * 100 >= counted * 99
    };
    let none = wanted.clients == 0;
    let holds = enough && counted > 0 && figures.all.wrong_bytes == 0;
    Promise {
        id: "clients",
        promise,
        measured,
        verdict: if none { Verdict::NotPromised } else { verdict(holds) },
    }
}

fn handshakes(wanted: &Wanted, figures: &Figures) -> Promise {
    let (quiet, flooded) = (&figures.quiet, &figures.flooded);
    let lossless = wanted.loss <= 0.0;
    Promise {
        id: "handshake",
        promise: "99 % of the handshakes during the flood need no second SYN (below 1 s)".to_owned(),
        measured: format!(
            "p50 {}, p99 {}, longest {}; quiet: p50 {}, p99 {}",
            ms(flooded.handshake_p50_us),
            ms(flooded.handshake_p99_us),
            ms(flooded.handshake_max_us),
            ms(quiet.handshake_p50_us),
            ms(quiet.handshake_p99_us),
        ),
        verdict: match lossless && wanted.clients > 0 {
            true => verdict(flooded.handshake_p99_us < 1_000_000 && flooded.succeeded > 0),
            // Lost SYNs are sent again by their clients, whoever lost them.
            false => Verdict::NotPromised,
        },
    }
}

fn pings(figures: &Figures) -> Promise {
    let pings = &figures.pings;
    Promise {
        id: "ping",
        promise: "the server answers every ping".to_owned(),
        measured: format!(
            "{} of {}, worst round trip {}, mean {}",
            pings.answered,
            pings.sent,
            ms(pings.worst_us),
            ms(pings.mean_us)
        ),
        verdict: verdict(pings.lost == 0 && pings.sent > 0),
    }
}

fn steady(figures: &Figures) -> Promise {
    let steady = &figures.steady;
    let mut measured = format!(
        "{} records, {} late, {} KB right, worst round trip {} (quiet {})",
        steady.records,
        steady.late,
        steady.bytes / 1000,
        ms(steady.worst_us),
        ms(steady.quiet_worst_us)
    );
    if let Some(broken) = &steady.broken {
        let _ = write!(measured, "; broken: {broken}");
    }
    let holds = steady.late == 0 && steady.wrong_bytes == 0 && steady.broken.is_none() && steady.records > 0;
    Promise {
        id: "undisturbed",
        promise: "an established connection keeps its rate: no record waits for the next".to_owned(),
        measured,
        verdict: verdict(holds),
    }
}

/// What must add up when all is over.
fn counters(wanted: &Wanted, figures: &Figures) -> Promise {
    let server = &figures.server;
    let admission = &server.admission;
    let frames = figures.nodes.first().map_or((0, 0), |node: &NodeFigures| (node.arrived, node.sent));
    let entries = admission.completed
        + admission.expired
        + admission.reset
        + admission.evicted
        + admission.counts.half_open as u64;
    let queue_full = server.discards.of(Discard::TransmitQueueFull);
    // A client that loses its RST leaves a connection behind, which only keep-alive would find.
    let left_behind = wanted.loss <= 0.0 && server.connections > 0;
    let checks = [
        (frames.0 != server.counters.frames_received, "frames received"),
        (!server.account().balances(), "frames and what became of them"),
        (frames.1 != server.counters.frames_sent, "frames sent"),
        (
            admission.completed + admission.cookies_valid != server.counters.accepted,
            "handshakes and connections",
        ),
        (entries + admission.cookies_sent > admission.syns, "SYNs and what became of them"),
        (server.discards.total() > server.counters.frames_received + server.counters.frames_sent, "discards"),
        (queue_full > 0, "frames dropped before the device"),
        (left_behind, "connections left behind"),
        (admission.counts.half_open > 0, "half-open connections left behind"),
    ];
    let wrong: Vec<&str> = checks.iter().filter(|(wrong, _)| *wrong).map(|(_, what)| *what).collect();
    let measured = if wrong.is_empty() {
        format!(
            "{} frames in, {} out, {} SYNs, {} connections accepted; nothing left behind",
            frames.0, frames.1, admission.syns, server.counters.accepted
        )
    } else {
        format!("does not add up: {}", wrong.join(", "))
    };
    Promise {
        id: "counters",
        promise: "afterwards all counters add up and nothing is left behind".to_owned(),
        measured,
        verdict: verdict(wrong.is_empty()),
    }
}

fn protection(scenario: &Scenario, figures: &Figures) -> Promise {
    let wanted = &scenario.wanted;
    let events = &figures.protection;
    let entered = events.iter().find(|event| event.protecting);
    let left = events.last().filter(|event| !event.protecting);
    let expected = protection_expected(wanted, &scenario.times);
    let promise = if expected || wanted.flood > 0 {
        "protection is entered when the flood comes, and left when it is over"
    } else {
        "without a flood protection is never entered"
    };
    let seconds = |event: &synward::admission::ProtectionEvent| event.at.as_nanos() as f64 / 1e9;
    let mut measured = match entered {
        Some(event) => format!("entered at {:.2} s ({:?})", seconds(event), event.reason),
        None => "never entered".to_owned(),
    };
    match left {
        Some(event) => drop(write!(measured, ", left at {:.2} s ({:?})", seconds(event), event.reason)),
        None if entered.is_some() => measured.push_str(", not left"),
        None => {}
    }
    let admission = &wanted.settings.admission;
    let verdict = if wanted.flood == 0 {
        verdict(entered.is_none())
    } else if expected {
        let flood = entered.is_some_and(|event| {
            event.at >= scenario.times.flood_from && event.at <= scenario.times.flood_until
        });
        verdict(flood && left.is_some())
    } else {
        let why = if admission.syn_attack_protect == SynAttackProtect::Off {
            "SynAttackProtect is 0"
        } else if admission.cookies == Cookies::Always {
            "with cookies for every SYN nothing is half-open"
        } else {
            "these settings and this flood stay below the thresholds"
        };
        let _ = write!(measured, " ({why})");
        Verdict::NotPromised
    };
    Promise { id: "protection", promise: promise.to_owned(), measured, verdict }
}
