//! `cargo xtask strangers`: what programs, captures and scripts by others say of the stack, longer than in `cargo xtask test`.
//! A step is one line of the table and one function.

use crate::steps::{self, MOST, Outcome, Step, Tally, watch};
use std::path::Path;
use std::process::{Command, ExitCode};

const STEPS: &[Step] = &[
    ("packages", "programs by others are installed, where this machine allows it", packages),
];

/// Runs the steps and sums them up.
pub(crate) fn run(root: &Path, arguments: &[String]) -> ExitCode {
    steps::run("strangers", STEPS, root, arguments)
}

fn packages(root: &Path, tally: &mut Tally) -> Outcome {
    watch(Command::new(root.join(".ci/packages")), tally, MOST)
}
