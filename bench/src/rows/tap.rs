//! The kernel on the other side: one stream each way, MTU 1500.

use super::Run;
use crate::clock::median;
use crate::report::{Bar, Row};
use crate::tap::{Way, Who, rate};

const ROUNDS: usize = 5;

pub fn tap(run: &mut Run) {
    for (way, name, bar) in [(Way::Receive, "receive", 2.0), (Way::Send, "send", 3.0)] {
        let whos = [Who::Ours { offload: true }, Who::Ours { offload: false }, Who::Smoltcp];
        let mut columns: [Vec<f64>; 3] = Default::default();
        for _ in 0..ROUNDS {
            for (who, column) in whos.into_iter().zip(&mut columns) {
                match rate(who, way) {
                    Ok(rate) => column.push(rate),
                    Err(reason) => {
                        return run.report.note(&format!("TAP rows left out: {who:?}, {name}: {reason}"));
                    }
                }
            }
        }
        let [offload, plain, peer] = columns.map(median);
        let row = Row::new(format!("tap: {name}, with offload"), offload, "Gbit/s");
        run.report.add(row.beside(peer, "smoltcp, TUN").bar(Bar::AtLeast(bar)));
        let row = Row::new(format!("tap: {name}, without offload"), plain, "Gbit/s");
        run.report.add(row.beside(peer, "smoltcp, TUN").bar(Bar::AtLeast(0.8)));
    }
}
