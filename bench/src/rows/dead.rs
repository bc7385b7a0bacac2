//! 10 000 connects to silent addresses beside a transfer.

use super::Run;
use crate::clock::median;
use crate::ours::{dead_connects, stream};
use crate::report::{Bar, Row};
use std::time::Duration;

const COUNT: usize = 10_000;
const PAIRS: usize = 3;
const SPAN: Duration = Duration::from_millis(3200);

pub fn dead(run: &mut Run) {
    let (mut ratios, mut rates) = (Vec::new(), Vec::new());
    let (mut silent, mut longest, mut bound) = (COUNT, 0.0f64, 0.0);
    for _ in 0..PAIRS {
        // A new pair each time: a failure is remembered for a second.
        let with = dead_connects(&mut stream(), COUNT, SPAN);
        let alone = dead_connects(&mut stream(), 0, SPAN);
        ratios.push(with.rate / alone.rate);
        rates.push(with.rate);
        silent = silent.min(with.silent);
        (longest, bound) = (longest.max(with.longest), with.bound);
    }
    let told = Row::new("dead: connects told that no host answers", silent as f64, "");
    run.report.add(told.beside(COUNT as f64, "tried").bar(Bar::AtLeast(1.0)));
    run.report.add(
        Row::new("dead: the longest of them", longest, "s").beside(bound, "bound").bar(Bar::AtMost(1.0)),
    );
    let rate = median(rates);
    let row = Row::new("dead: transfer beside them", rate, "Gbit/s");
    run.report.add(row.beside(rate / median(ratios), "without them").bar(Bar::AtLeast(0.95)));
    run.report.note("Linux tells 395 of them within 3 s; smoltcp keeps 0.01 of its rate");
}
