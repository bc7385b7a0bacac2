//! Round trips on one connection.

use super::Run;
use crate::clock::median;
use crate::floor;
use crate::ours::ping_pong;
use crate::peer::Question;
use crate::report::{Bar, Row};

const ROUNDS: usize = 5;
const TRIPS: usize = 200_000;

pub fn ping(run: &mut Run) {
    for size in [1, 64] {
        let mut columns: [Vec<f64>; 9] = Default::default();
        for _ in 0..ROUNDS {
            let ours = ping_pong(size, run.count(TRIPS));
            let question = Question::PingPong(size, run.count(TRIPS), 0);
            let peer = run.peer(question);
            let answers =
                [vec![ours.rate, ours.p50, ours.p99], peer, run.native(question).unwrap_or_default()];
            for (column, value) in answers
                .iter()
                .enumerate()
                .flat_map(|(i, answer)| answer.iter().enumerate().map(move |(j, value)| (i * 3 + j, *value)))
            {
                columns[column].push(value);
            }
        }
        let medians = columns.map(median);
        let figures =
            [("round trips", "1/s", Some(Bar::AtLeast(0.5))), ("p50", "ns", None), ("p99", "ns", None)];
        for (i, (what, unit, bar)) in figures.into_iter().enumerate() {
            let row = Row::new(format!("round trip: {size} B, {what}"), medians[i], unit);
            let beside = row.clone().beside(medians[3 + i], "smoltcp");
            run.report.add(match bar {
                Some(bar) => beside.bar(bar),
                None => beside,
            });
            if medians[6 + i].is_finite() {
                run.report.add(row.beside(medians[6 + i], "smoltcp native"));
            }
        }
    }
    let floor = run.floor(|| 1e9 / floor::ping_pong_random(1));
    let ours = ping_pong(64, run.count(TRIPS)).rate;
    run.report.add(Row::new("round trip: 64 B, round trips", ours, "1/s").beside(floor, "floor"));
}
