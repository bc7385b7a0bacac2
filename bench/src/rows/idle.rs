//! Idle connections beside the active one: what they cost in time and in memory.

use super::Run;
use crate::clock::median;
use crate::floor;
use crate::ours::Idle;
use crate::peer::Question;
use crate::report::{Bar, Row};

const PAIRS: usize = 15;
const RANDOM_PAIRS: usize = 3;
const TRIPS: usize = 50_000;
const MILLION: usize = 1_000_000;

pub fn idle(run: &mut Run) {
    // The one with most goes first: its growth is then not hidden in memory that an earlier one freed.
    let mut million = Idle::new(MILLION);
    memory(run, &million);
    let mut none = Idle::new(0);
    none.same(TRIPS);
    million.same(TRIPS);
    let mut ratios = Vec::new();
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let (beside, alone) = (million.same(TRIPS), none.same(TRIPS));
        ratios.push(beside / alone);
        with.push(beside);
        without.push(alone);
    }
    let row = Row::new("idle: same connection, N = 1 000 000", median(with), "ns");
    let alone = median(without);
    // The peer's figure that gives the median of the pairs' ratios.
    run.report.add(row.clone().beside(row.ours / median(ratios), "N = 0").bar(Bar::AtMost(1.15)));
    // In pairs too: how long memory takes differs from minute to minute where its caches have other users.
    let pairs: Vec<_> = (0..RANDOM_PAIRS)
        .map(|_| (million.random(200_000), run.floor(|| floor::ping_pong_random(MILLION))))
        .collect();
    let random = median(pairs.iter().map(|(ours, _)| *ours).collect());
    let ratio = median(pairs.iter().map(|(ours, floor)| ours / floor).collect());
    let row = Row::new("idle: random connection, N = 1 000 000", random, "ns");
    run.report.add(row.beside(random / ratio, "floor").bar(Bar::AtMost(8.0)));
    drop(million);
    for n in [1_000, 10_000, 100_000] {
        let mut some = Idle::new(n);
        let same = median((0..5).map(|_| some.same(TRIPS)).collect());
        run.report
            .add(Row::new(format!("idle: same connection, N = {n}"), same, "ns").beside(alone, "N = 0"));
        let random = median((0..5).map(|_| some.random(TRIPS)).collect());
        let row = Row::new(format!("idle: random connection, N = {n}"), random, "ns");
        run.report.add(row.beside(run.floor(|| floor::ping_pong_random(n)), "floor"));
        if n <= 10_000 {
            let question = Question::PingPong(64, 2_000_000 / n, n);
            let row = Row::new(format!("idle: same connection, N = {n}"), same, "ns");
            if let Some(rate) = run.peer(question).first() {
                run.report.add(row.clone().beside(1e9 / rate, "smoltcp"));
            }
            if let Some(rate) = run.native(question).and_then(|answer| answer.first().copied()) {
                run.report.add(row.beside(1e9 / rate, "smoltcp native"));
            }
        }
    }
}

fn memory(run: &mut Run, million: &Idle) {
    let (each, report, ends) = million.memory();
    let row = Row::new("memory: resident, an idle connection and end", each, "B");
    run.report.add(row.bar(Bar::AtMost(1024.0)));
    let share = |bytes: usize| bytes as f64 / ends as f64;
    run.report.add(Row::new("memory: of it in the slab", share(report.connections), "B"));
    run.report.add(Row::new("memory: of it timers", share(report.timers), "B"));
    let index = Row::new("memory: index, an entry", share(report.table), "B");
    run.report.add(index.bar(Bar::AtMost(16.0)));
    let record = size_of::<synward::tcp::time_wait::TimeWaitRecord>();
    let record = Row::new("memory: TIME-WAIT record, two IPv6 addresses", record as f64, "B");
    run.report.add(record.bar(Bar::AtMost(96.0)));
    run.report.note("a half-open entry is at most 96 bytes too: asserted where it is defined");
}
