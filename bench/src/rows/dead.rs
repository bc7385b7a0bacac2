//! 10 000 connects to silent addresses beside a transfer.

use super::Run;
use crate::clock::median;
use crate::ours::{dead_connects, stream};
use crate::report::{Bar, Row};
use std::time::Duration;

const COUNT: usize = 10_000;
/// As many as make the median of their ratios steady where the machine is not: a single one strays by a tenth.
const PAIRS: usize = 9;
const SPAN: Duration = Duration::from_millis(3200);

pub fn dead(run: &mut Run) {
    let (mut ratios, mut rates) = (Vec::new(), Vec::new());
    let (mut silent, mut longest, mut bound) = (COUNT, 0.0f64, 0.0);
    for pair in 0..PAIRS {
        // A new stream each time: a failure is remembered for a second. The order alternates, so that a machine that gets faster
        // or slower favours neither.
        let first = dead_connects(&mut stream(), if pair % 2 == 0 { COUNT } else { 0 }, SPAN);
        let second = dead_connects(&mut stream(), if pair % 2 == 0 { 0 } else { COUNT }, SPAN);
        let (with, alone) = if pair % 2 == 0 { (first, second) } else { (second, first) };
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
