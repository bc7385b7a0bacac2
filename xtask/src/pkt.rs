//! `cargo xtask pkt`: builds and runs the runner of packet scripts (`pkt/`), which has the arguments.

use std::path::Path;
use std::process::{Command, ExitCode};

pub(crate) fn run(root: &Path, arguments: &[String]) -> ExitCode {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = root.join("Cargo.toml");
    let mut command = Command::new(cargo);
    // Where the caller stands: the files are named from there.
    command.args(["run", "--quiet", "--package", "synward-pkt", "--manifest-path"]).arg(manifest);
    match command.arg("--").args(arguments).status() {
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(2)),
        Err(error) => {
            eprintln!("cannot run cargo: {error}");
            ExitCode::from(2)
        }
    }
}
