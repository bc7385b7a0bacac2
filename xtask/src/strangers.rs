//! `cargo xtask strangers`: what programs, captures and scripts by others say of the stack, longer than in `cargo xtask test`.
//! A step is one line of the table and one function.

mod hostile;

use crate::steps::{self, MOST, Outcome, Step, Tally, cargo, watch};
use std::path::Path;
use std::process::{Command, ExitCode};

const STEPS: &[Step] = &[
    ("packages", "programs by others are installed, where this machine allows it", packages),
    ("programs", "clients, servers and scanners by others, both directions, under longer load", programs),
    ("isic", "ten million random packets beside an open connection", hostile::isic),
    ("fuzz", "every fuzz target, more than ten million executions in all", hostile::fuzz),
    ("libfuzzer", "every fuzz target once more, guided by coverage", hostile::libfuzzer),
];

/// Runs the steps and sums them up.
pub(crate) fn run(root: &Path, arguments: &[String]) -> ExitCode {
    steps::run("strangers", STEPS, root, arguments)
}

fn packages(root: &Path, tally: &mut Tally) -> Outcome {
    watch(Command::new(root.join(".ci/packages")), tally, MOST)
}

/// Tells tests that exist in a short and a long form to take the long one.
const LONG: &str = "SYNWARD_LONG";

fn programs(root: &Path, tally: &mut Tally) -> Outcome {
    let mut command = cargo(root, &["test", "--release", "-p", "synward-cli", "--test", "strangers"]);
    command.env(LONG, "1");
    watch(command, tally, MOST)
}
