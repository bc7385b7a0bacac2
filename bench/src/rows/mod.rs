//! The rows of the table, one file a subject.

mod bulk;
mod connect;
mod dead;
mod flood;
mod idle;
mod ping;

use crate::peer::{Native, Question};
use crate::report::Report;

/// What every row needs.
pub struct Run {
    pub report: Report,
    /// smoltcp built for this machine; absent where it was not built.
    pub native: Option<Native>,
    /// Ours alone, for a profiler: peers and floor are left out.
    pub alone: bool,
    /// A fiftieth of the work, to try something out.
    pub short: bool,
}

impl Run {
    /// `count`, or the share of it that a short run does.
    pub fn count(&self, count: usize) -> usize {
        if self.short { count / 50 } else { count }
    }

    /// smoltcp's answer in this process; nothing where ours run alone.
    pub fn peer(&mut self, question: Question) -> Vec<f64> {
        if self.alone { Vec::new() } else { question.answer() }
    }

    /// A figure of the floor; no number where ours run alone.
    pub fn floor(&self, measure: impl FnOnce() -> f64) -> f64 {
        if self.alone { f64::NAN } else { measure() }
    }

    /// smoltcp's answer from the second process.
    pub fn native(&mut self, question: Question) -> Option<Vec<f64>> {
        self.native.as_mut()?.ask(question)
    }
}

/// One subject: its name on the command line, and what measures it.
pub type Subject = (&'static str, fn(&mut Run));

/// All of them, in the order of the table.
pub const SUBJECTS: [Subject; 8] = [
    ("bulk", bulk::bulk),
    ("super", bulk::super_segments),
    ("ping", ping::ping),
    ("connect", connect::connect),
    ("flood", flood::flood),
    ("dead", dead::dead),
    ("idle", idle::idle),
    ("allocations", bulk::allocations),
];
