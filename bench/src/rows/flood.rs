//! A SYN flood in memory.

use super::Run;
use crate::clock::{median, percentile};
use crate::floor;
use crate::ours::Flood;
use crate::report::{Bar, Row};

const ROUNDS: usize = 7;
const SYNS: usize = 1 << 18;
const CONNECTS: usize = 20_000;
const RATE: f64 = 100_000.0;

pub fn flood(run: &mut Run) {
    let mut ours = Flood::new();
    // The half-open store is full and every SYN gets a cookie.
    ours.cost(SYNS);
    let (before, allocated) = ours.memory();
    let costs = (0..ROUNDS).map(|_| ours.cost(SYNS)).collect();
    let (after, allocated_after) = ours.memory();
    let floor = run.floor(floor::syn_cookie);
    let row = Row::new("flood: a hostile SYN, answered by cookie", median(costs), "ns");
    run.report.add(row.beside(floor, "floor").bar(Bar::AtMost(6.0)));
    let kept = |report: &synward::shard::MemoryReport| {
        report.connections
            + report.table
            + report.half_open
            + report.time_wait
            + report.timers
            + report.buffers
    };
    let grown = kept(&after).saturating_sub(kept(&before)) as f64;
    run.report.add(Row::new("flood: growth over 1 800 000 SYNs", grown, "B").bar(Bar::AtMost(0.0)));
    let each = (allocated_after - allocated) as f64 / (ROUNDS * SYNS) as f64;
    run.report.add(Row::new("flood: allocations, a SYN", each, "").bar(Bar::AtMost(0.0)));

    let mut quiet = Flood::new().connects(CONNECTS, 0.0);
    let mut under = Flood::new();
    under.cost(SYNS);
    let mut under = under.connects(CONNECTS, RATE);
    run.report.add(
        Row::new("flood: connects that succeed at 100 000 SYN/s", under.len() as f64, "")
            .beside(CONNECTS as f64, "tried")
            .bar(Bar::AtLeast(1.0)),
    );
    for (name, p, bar) in [("p50", 0.5, None), ("p99", 0.99, Some(2.0))] {
        let (calm, hit) = (f64::from(percentile(&mut quiet, p)), f64::from(percentile(&mut under, p)));
        let row =
            Row::new(format!("flood: connect, {name}, at 100 000 SYN/s"), hit, "ns").beside(calm, "quiet");
        // At most twice the quiet value plus 20 us, as a ratio to the quiet one.
        run.report.add(match bar {
            Some(times) => row.bar(Bar::AtMost((times * calm + 20_000.0) / calm)),
            None => row,
        });
    }
}
