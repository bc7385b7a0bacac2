//! `cargo xtask bench`: builds the benchmarks twice, as a published binary would be and for this machine's instructions (the
//! peer's rows named native), and runs them.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const PROFILE: &str = "bench";
const PACKAGE: &str = "synward-bench";

pub(crate) fn run(root: &Path, arguments: &[String]) -> ExitCode {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    // Flags for the processor change every crate: a directory of their own keeps both builds warm.
    let native = target.join("native");
    let Some(program) = build(root, &target, None) else { return ExitCode::from(2) };
    let flags = [std::env::var("RUSTFLAGS").unwrap_or_default(), "-C target-cpu=native".to_owned()].join(" ");
    let Some(native) = build(root, &native, Some(&flags)) else { return ExitCode::from(2) };
    match Command::new(program).args(arguments).arg("--native").arg(native).status() {
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(2)),
        Err(error) => {
            eprintln!("cannot run the benchmarks: {error}");
            ExitCode::from(2)
        }
    }
}

fn build(root: &Path, target: &Path, flags: Option<&str>) -> Option<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root).args(["build", "--quiet", "--profile", PROFILE, "--package", PACKAGE]);
    command.arg("--target-dir").arg(target);
    if let Some(flags) = flags {
        command.env("RUSTFLAGS", flags);
    }
    match command.status() {
        Ok(status) if status.success() => {
            // Cargo names the directory of the profile `bench` "release".
            Some(target.join("release").join(format!("{PACKAGE}{}", std::env::consts::EXE_SUFFIX)))
        }
        Ok(_) => None,
        Err(error) => {
            eprintln!("cannot run cargo: {error}");
            None
        }
    }
}
