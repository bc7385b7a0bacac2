//! `cargo xtask`: the project's own checks.

mod bench;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask bench [NAME...] [--json] [--check]";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("bench") => bench::run(arguments.collect()),
        other => {
            if let Some(other) = other {
                eprintln!("{other}: no such task");
            }
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}
