//! Hostile packets and inputs, in the millions.

use crate::steps::{MOST, Outcome, Tally, cargo, watch};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Random packets of one run.
const PACKETS: &str = "10000000";

/// A target under libFuzzer ends after this time, where its executions have not ended it before.
const GUIDED_TIME: Duration = Duration::from_secs(240);

/// A target with its build.
const GUIDED_MOST: Duration = Duration::from_secs(20 * 60);

/// Executions of each target under libFuzzer: those of the whole stack take a hundred times as long as those of a parser.
const GUIDED: [(&str, u32); 8] = [
    ("ethernet", 500_000),
    ("arp", 500_000),
    ("ipv4", 500_000),
    ("icmpv4", 500_000),
    ("tcp", 500_000),
    ("reg", 100_000),
    ("toml", 100_000),
    ("stack", 200_000),
];

pub(super) fn isic(root: &Path, tally: &mut Tally) -> Outcome {
    let arguments = ["test", "--release", "-p", "synward", "--test", "hostile_isic", "--", "--nocapture"];
    let mut command = cargo(root, &arguments);
    // A release build has no debug assertions of its own; here they are half of what is tested.
    command.env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
    command.env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true");
    command.env("CARGO_TARGET_DIR", root.join("target/hostile")).env("SYNWARD_ISIC_PACKETS", PACKETS);
    watch(command, tally, MOST)
}

pub(super) fn fuzz(root: &Path, tally: &mut Tally) -> Outcome {
    let arguments =
        ["test", "--release", "--manifest-path", "fuzz/Cargo.toml", "--test", "drive", "--", "--long"];
    watch(cargo(root, &arguments), tally, MOST)
}

/// libFuzzer wants a nightly compiler, a C++ compiler and cargo-fuzz, which is installed beside the build.
pub(super) fn libfuzzer(root: &Path, tally: &mut Tally) -> Outcome {
    let tools = root.join("target/tools");
    let mut paths = vec![tools.join("bin")];
    paths.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    let Ok(path) = std::env::join_paths(paths) else { return Outcome::Failed };
    let quiet = |arguments: &[&str]| {
        let mut command = cargo(root, arguments);
        command.env("PATH", &path).stdin(Stdio::null());
        command.output().is_ok_and(|output| output.status.success())
    };
    if !quiet(&["+nightly", "--version"]) {
        return Outcome::Skipped("there is no nightly toolchain".to_owned());
    }
    if !Command::new("c++").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Outcome::Skipped("there is no C++ compiler".to_owned());
    }
    if !quiet(&["fuzz", "--version"]) {
        println!("installing cargo-fuzz into {} (some minutes)", tools.display());
        let mut install = cargo(root, &["install", "--quiet", "--locked", "cargo-fuzz", "--root"]);
        install.arg(&tools);
        if watch(install, tally, MOST) != Outcome::Ok || !quiet(&["fuzz", "--version"]) {
            return Outcome::Skipped("cargo-fuzz cannot be installed here".to_owned());
        }
    }
    for (target, executions) in GUIDED {
        println!("-- {target}");
        let mut command = cargo(&root.join("fuzz"), &["+nightly", "fuzz", "run", "--features", "libfuzzer"]);
        // The library's unsafe code is Miri's to judge: without a sanitizer there is ten times as much of this.
        command.args([
            "--sanitizer",
            "none",
            target,
            "--",
            "-max_len=1000",
            "-seed=1",
            // An input that hangs is a failure.
            "-timeout=30",
            "-print_final_stats=1",
        ]);
        command.arg(format!("-runs={executions}")).arg(format!("-max_total_time={}", GUIDED_TIME.as_secs()));
        command.env("PATH", &path);
        if watch(command, tally, GUIDED_MOST) != Outcome::Ok {
            tally.failed += 1;
            return Outcome::Failed;
        }
        tally.passed += 1;
    }
    Outcome::Ok
}
