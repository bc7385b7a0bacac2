//! `cargo xtask test`: all tests, also those that need another build: loom's interleavings, Miri's interpreter, other
//! systems. What cannot run here is skipped in a counted line that says why.

mod examples;
mod fuzz;
mod portable;

use crate::steps::{self, MOST, Outcome, Step, Tally, cargo, watch};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

const STEPS: &[Step] = &[
    ("tests", "every test of the workspace", tests),
    ("examples", "every example runs and ends", examples::run),
    ("fuzz", "every fuzz target, a short run on this compiler", fuzz::run),
    ("portable", "the library builds for other systems and with the oldest Rust", portable::run),
    ("loom", "interleavings of the primitives in sync/", loom),
    ("miri", "undefined behaviour in code with unsafe", miri),
];

/// Runs the steps and sums them up.
pub(crate) fn run(root: &Path, arguments: &[String]) -> ExitCode {
    steps::run("test", STEPS, root, arguments)
}

fn tests(root: &Path, tally: &mut Tally) -> Outcome {
    watch(cargo(root, &["test", "--workspace", "--no-fail-fast"]), tally, MOST)
}

/// Without tokio, whose own code changes with this flag.
fn loom(root: &Path, tally: &mut Tally) -> Outcome {
    let mut command = cargo(root, &["test", "-p", "synward", "--lib", "--no-default-features", "loom"]);
    command.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", root.join("target/loom"));
    let outcome = watch(command, tally, MOST);
    if outcome == Outcome::Ok && tally.passed == 0 {
        println!("no test of loom ran");
        return Outcome::Failed;
    }
    outcome
}

/// Whether a command succeeds; what it says is not shown.
fn quiet(root: &Path, program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.current_dir(root).args(arguments).stdin(Stdio::null());
    command.output().is_ok_and(|output| output.status.success())
}

/// Modules with `unsafe`, and those that use it closely.
const MIRI_FILTERS: &[&str] = &["buffer::", "sync::", "wire::checksum", "device::memory"];

fn miri(root: &Path, tally: &mut Tally) -> Outcome {
    if let Err(reason) = have_miri(root) {
        return Outcome::Skipped(reason);
    }
    let mut command =
        cargo(root, &["+nightly", "miri", "test", "-p", "synward", "--lib", "--no-default-features", "--"]);
    command.args(MIRI_FILTERS);
    // Property tests read their regressions from the file system; the checksum chooses its instructions by this.
    command.env("MIRIFLAGS", "-Zmiri-disable-isolation").env("PROPTEST_CASES", "1");
    if cfg!(target_arch = "x86_64") {
        command.env("RUSTFLAGS", "-Ctarget-feature=+avx2");
    }
    let outcome = watch(command, tally, MOST);
    if outcome == Outcome::Ok && tally.passed == 0 {
        println!("no test ran in Miri");
        return Outcome::Failed;
    }
    outcome
}

/// Miri is a component of the nightly toolchain; it is installed where rustup can.
fn have_miri(root: &Path) -> Result<(), String> {
    let present = || quiet(root, "cargo", &["+nightly", "miri", "--version"]);
    if present() {
        return Ok(());
    }
    println!("installing Miri: rustup component add miri rust-src --toolchain nightly");
    if quiet(root, "rustup", &["component", "add", "miri", "rust-src", "--toolchain", "nightly"]) && present()
    {
        return Ok(());
    }
    Err("the component miri of a nightly toolchain cannot be installed here".to_owned())
}
