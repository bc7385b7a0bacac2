//! Connections that come and go.

use super::Run;
use crate::clock::median;
use crate::floor;
use crate::ours::ConnectClose;
use crate::peer::Question;
use crate::report::{Bar, Row};
use synward::settings::Limits;

const ROUNDS: usize = 7;
const COUNT: usize = 50_000;

pub fn connect(run: &mut Run) {
    let limit = Limits::default().time_wait as usize;
    let mut ours = ConnectClose::new();
    ours.run(limit + 1000);
    let full = ours.pair.a.snapshot();
    assert_eq!(full.time_wait, limit, "TIME-WAIT is full");
    assert!(full.counters.time_wait_retired > 0, "the oldest record retires");
    let (mut rates, mut peers, mut natives) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        rates.push(run.count(COUNT) as f64 / ours.run(run.count(COUNT)));
        let question = Question::ConnectClose(run.count(COUNT));
        peers.extend(run.peer(question));
        natives.extend(run.native(question).unwrap_or_default());
    }
    assert_eq!(ours.pair.a.snapshot().time_wait, limit, "TIME-WAIT stays full");
    let row = Row::new("connect, accept, close: TIME-WAIT full", median(rates), "1/s");
    run.report.add(row.clone().beside(median(peers), "smoltcp").bar(Bar::AtLeast(0.4)));
    if !natives.is_empty() {
        run.report.add(row.clone().beside(median(natives), "smoltcp native"));
    }
    run.report.add(row.beside(run.floor(|| 1e9 / floor::connect_close()), "floor"));
    run.report.note("smoltcp keeps neither TIME-WAIT nor an accept queue and reuses one socket");
}
