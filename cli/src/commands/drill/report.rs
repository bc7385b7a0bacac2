//! The report: a table that a person understands at a glance, or JSON.

use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, Color, ContentArrangement, Table};
use serde::Serialize;

use super::figures::{ClientFigures, Figures, NodeFigures, OperationFigures, Pings, SteadyFigures};
use super::promises::{Promise, Verdict, ms};
use super::scenario::{PATIENCE, SAMPLES, Sample, Scenario, Wanted};
use crate::output::{self, BOLD, RED, YELLOW, styled};

const GREEN: Style = AnsiColor::Green.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// Prints the report; `wall` is the time by the wall clock.
pub(super) fn people(
    scenario: &Scenario,
    figures: &Figures,
    promises: &[Promise],
    wall: std::time::Duration,
) {
    let wanted = &scenario.wanted;
    output::line(styled(BOLD, "Synward drill: the situation of article 297040"));
    for line in conditions(scenario, figures) {
        output::line(format_args!("  {line}"));
    }
    output::line("");
    timeline(scenario);
    output::line("");
    output::line(operations(&figures.operations));
    output::line("");
    output::line(table(promises));
    for line in notes(wanted, figures) {
        output::line(format_args!("{} {line}", styled(YELLOW, "note:")));
    }
    let failed = promises.iter().filter(|promise| promise.verdict == Verdict::Fail).count();
    let verdict = match failed {
        0 => styled(GREEN, "PASS: every promise holds"),
        1 => styled(RED, "FAIL: 1 promise does not hold"),
        n => styled(RED, format_args!("FAIL: {n} promises do not hold")),
    };
    let virtual_time = scenario.world.now().as_nanos() as f64 / 1e9;
    output::line(format_args!(
        "{verdict}  {}",
        styled(DIM, format_args!("({virtual_time:.0} s of virtual time in {:.1} s)", wall.as_secs_f64()))
    ));
}

fn conditions(scenario: &Scenario, figures: &Figures) -> Vec<String> {
    let Wanted { seed, settings, flood, clients, dead, loss, duration, .. } = &scenario.wanted;
    let times = &scenario.times;
    let admission = &settings.admission;
    vec![
        format!(
            "seed {seed}; SynAttackProtect {}, cookies {}, {} s under load",
            admission.syn_attack_protect as u8,
            super::cookies_name(admission.cookies),
            duration.as_secs_f64()
        ),
        format!(
            "flood: {flood} SYN/s from {:.1} s to {:.1} s, spoofed on-link and off-link, {} in all",
            times.flood_from.as_nanos() as f64 / 1e9,
            times.flood_until.as_nanos() as f64 / 1e9,
            figures.flood_sent
        ),
        format!(
            "{clients} clients (on-link and off-link{}); {dead} dead ends at once from {:.1} s on, 129.68.72.40 every second",
            if *loss > 0.0 { format!(", {} % loss each way", loss * 100.0) } else { String::new() },
            times.wave.as_nanos() as f64 / 1e9,
        ),
        format!(
            "each host takes 500 000 frames/s, queues 1024 (the router 65 536) and sends 1 000 000/s; user timeout of the writes: {} s, \
             clients' patience: {} s",
            times.user_timeout.as_secs_f64(),
            PATIENCE.as_secs()
        ),
    ]
}

/// What a reader of the table has to know besides.
fn notes(wanted: &Wanted, figures: &Figures) -> Vec<String> {
    let mut notes = Vec::new();
    for node in figures.nodes.iter().filter(|node| node.overrun > 0) {
        notes.push(format!(
            "{}: {} frames of {} came faster than it takes them (500 000/s) and were lost in its receive queue",
            node.name,
            node.overrun,
            node.arrived + node.overrun
        ));
    }
    if wanted.flood > 500_000 {
        notes.push(format!(
            "{} SYN/s are more than a host takes at all; the promises hold up to that rate",
            wanted.flood
        ));
    }
    notes
}

/// Columns below which a table is no longer one that can be read.
const NARROWEST: u16 = 60;

/// As wide as the terminal, or as a page.
fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_BORDERS_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    // Some terminals say that they have no columns.
    if !table.is_tty() || table.width().is_none_or(|width| width < NARROWEST) {
        table.set_width(132);
    }
    table
}

fn table(promises: &[Promise]) -> Table {
    let mut table = plain_table();
    table.set_header(["Promise", "Measured", ""]);
    for promise in promises {
        let (text, color) = match promise.verdict {
            Verdict::Pass => ("pass", Color::Green),
            Verdict::Fail => ("FAIL", Color::Red),
            Verdict::NotPromised => ("n/a", Color::DarkGrey),
        };
        table.add_row([Cell::new(&promise.promise), Cell::new(&promise.measured), Cell::new(text).fg(color)]);
    }
    table
}

fn operations(operations: &[OperationFigures]) -> Table {
    let mut table = plain_table();
    table.set_header(["The server connects to", "Ended", "Worst", "Bound", "What it is told"]);
    for kind in operations.iter().filter(|kind| kind.attempted > 0) {
        let good = kind.within_bound == kind.attempted && kind.right_error == kind.attempted;
        let color = if good { Color::Green } else { Color::Red };
        let bound = if kind.bound_us == 0 { "at once".to_owned() } else { ms(kind.bound_us) };
        let told = kind.wrong.as_ref().unwrap_or(&kind.told);
        table.add_row([
            Cell::new(kind.title),
            Cell::new(format!("{}/{}", kind.within_bound, kind.attempted)).fg(color),
            Cell::new(ms(kind.worst_us)),
            Cell::new(bound),
            Cell::new(told),
        ]);
    }
    table
}

const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

fn sparkline(values: &[u64]) -> (String, u64) {
    let most = values.iter().copied().max().unwrap_or(0);
    let bar = |value: &u64| {
        let step = (value * 8).div_ceil(most.max(1)).min(8) as usize;
        BARS.get(step).copied().unwrap_or(' ')
    };
    (values.iter().map(bar).collect(), most)
}

fn per_second(scenario: &Scenario, of: impl Fn(&Sample) -> u64) -> Vec<u64> {
    let interval = (scenario.wanted.duration / SAMPLES as u32).as_secs_f64().max(1e-9);
    let mut last = 0;
    let rate = |sample: &Sample| {
        let value = of(sample);
        let step = value.saturating_sub(std::mem::replace(&mut last, value));
        (step as f64 / interval).round() as u64
    };
    loaded(scenario).map(rate).collect()
}

fn loaded(scenario: &Scenario) -> impl Iterator<Item = &Sample> {
    let until = scenario.times.loaded;
    scenario.samples.iter().filter(move |sample| sample.at <= until)
}

fn timeline(scenario: &Scenario) {
    let rows = [
        ("flood", per_second(scenario, |sample| sample.flood), "SYN/s"),
        ("half-open", loaded(scenario).map(|sample| sample.half_open).collect(), ""),
        ("clients let in", per_second(scenario, |sample| sample.accepted), "per s"),
        ("dead ends open", loaded(scenario).map(|sample| sample.dead_open).collect(), ""),
        ("pings lost", per_second(scenario, |sample| sample.pings_lost), "per s"),
    ];
    for (name, values, unit) in rows {
        let (bars, most) = sparkline(&values);
        output::line(format_args!("  {name:>14} │{bars}│ at most {most} {unit}"));
    }
    let protecting: String = loaded(scenario).map(|s| if s.protecting { '■' } else { '·' }).collect();
    output::line(format_args!("  {:>14} │{protecting}│", "protection"));
    let width = loaded(scenario).count();
    let end = format!("{} s", scenario.wanted.duration.as_secs_f64());
    output::line(format_args!("  {:>14}  0{end:>width$}", "", width = width.saturating_sub(1)));
}

#[derive(Serialize)]
struct Json<'a> {
    drill: &'static str,
    pass: bool,
    seed: u64,
    conditions: Conditions,
    promises: &'a [Promise],
    operations: &'a [OperationFigures],
    dead_at_once: usize,
    clients: Clients<'a>,
    ping: &'a Pings,
    steady: &'a SteadyFigures,
    protection: Vec<Change>,
    half_open: HalfOpen,
    admission: Admission,
    discards: std::collections::BTreeMap<String, u64>,
    flood_sent: u64,
    icmp_errors_sent: u64,
    nodes: &'a [NodeFigures],
    virtual_ms: u64,
    timeline: Vec<Point>,
}

#[derive(Serialize)]
struct Conditions {
    syn_attack_protect: u8,
    cookies: &'static str,
    flood_per_second: u64,
    clients: u32,
    dead: u32,
    loss: f64,
    duration_ms: u64,
    user_timeout_ms: u64,
    frames_per_second: u64,
    receive_queue: usize,
}

#[derive(Serialize)]
struct Clients<'a> {
    quiet: &'a ClientFigures,
    flooded: &'a ClientFigures,
    all: &'a ClientFigures,
}

#[derive(Serialize)]
struct Change {
    at_us: u64,
    protecting: bool,
    reason: String,
    half_open: usize,
}

#[derive(Serialize)]
struct HalfOpen {
    limit: usize,
    most: usize,
    most_bytes: usize,
}

#[derive(Serialize)]
struct Admission {
    syns: u64,
    refused: u64,
    evicted: u64,
    completed: u64,
    expired: u64,
    reset: u64,
    cookies_sent: u64,
    cookies_valid: u64,
    cookies_late: u64,
    cookies_invalid: u64,
}

#[derive(Serialize)]
struct Point {
    at_ms: u64,
    flood_sent: u64,
    half_open: u64,
    accepted: u64,
    dead_open: u64,
    pings_lost: u64,
    protecting: bool,
}

/// Prints the report as one JSON object. It says nothing of the wall clock: one seed gives the same bytes.
pub(super) fn programs(scenario: &Scenario, figures: &Figures, promises: &[Promise]) {
    let wanted = &scenario.wanted;
    let link = synward::sim::Link::default();
    let state = &figures.server.admission;
    let change = |event: &synward::admission::ProtectionEvent| Change {
        at_us: event.at.as_nanos() / 1000,
        protecting: event.protecting,
        reason: format!("{:?}", event.reason),
        half_open: event.counts.half_open,
    };
    let point = |sample: &Sample| Point {
        at_ms: sample.at.as_millis(),
        flood_sent: sample.flood,
        half_open: sample.half_open,
        accepted: sample.accepted,
        dead_open: sample.dead_open,
        pings_lost: sample.pings_lost,
        protecting: sample.protecting,
    };
    output::json(&Json {
        drill: "297040",
        pass: super::holds(promises),
        seed: wanted.seed,
        conditions: Conditions {
            syn_attack_protect: wanted.settings.admission.syn_attack_protect as u8,
            cookies: super::cookies_name(wanted.settings.admission.cookies),
            flood_per_second: wanted.flood,
            clients: wanted.clients,
            dead: wanted.dead,
            loss: wanted.loss,
            duration_ms: wanted.duration.as_millis() as u64,
            user_timeout_ms: scenario.times.user_timeout.as_millis() as u64,
            frames_per_second: link.capacity(),
            receive_queue: link.queue,
        },
        promises,
        operations: &figures.operations,
        dead_at_once: figures.most_dead_at_once,
        clients: Clients { quiet: &figures.quiet, flooded: &figures.flooded, all: &figures.all },
        ping: &figures.pings,
        steady: &figures.steady,
        protection: figures.protection.iter().map(change).collect(),
        half_open: HalfOpen {
            limit: state.half_open_limit,
            most: figures.peaks.half_open,
            most_bytes: figures.peaks.half_open_memory,
        },
        admission: Admission {
            syns: state.syns,
            refused: state.refused,
            evicted: state.evicted,
            completed: state.completed,
            expired: state.expired,
            reset: state.reset,
            cookies_sent: state.cookies_sent,
            cookies_valid: state.cookies_valid,
            cookies_late: state.cookies_late,
            cookies_invalid: state.cookies_invalid,
        },
        discards: figures.server.discards.iter().map(|(reason, n)| (format!("{reason:?}"), n)).collect(),
        flood_sent: figures.flood_sent,
        icmp_errors_sent: figures.icmp_sent,
        nodes: &figures.nodes,
        virtual_ms: scenario.world.now().as_millis(),
        timeline: scenario.samples.iter().map(point).collect(),
    });
}
