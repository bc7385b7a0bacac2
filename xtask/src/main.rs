//! `cargo xtask`: the project's own checks and its test run.

mod bench;
mod check;
mod pkt;
mod steps;
mod strangers;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

/// A subcommand: its name, what it does, and itself, given the workspace's root and the remaining arguments.
type Subcommand = (&'static str, &'static str, fn(&std::path::Path, &[String]) -> ExitCode);

const SUBCOMMANDS: &[Subcommand] = &[
    ("bench", "benchmarks beside peers ([NAME...] [--json] [--check])", bench::run),
    ("check", "layers, locks, unsafe, file sizes, RFC index (--write regenerates the index)", check::run),
    ("strangers", "longer runs of what programs and captures by others judge (--only STEP)", strangers::run),
    ("pkt", "packet scripts ([FILE...] | --against-kernel [FILTER] | --write)", pkt::run),
    ("test", "all tests, examples, other systems, loom, Miri (--only STEP for one of them)", test::run),
];

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    // The manifest of this crate is one level below the workspace's root.
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let (name, rest) = match arguments.split_first() {
        Some((name, rest)) => (name.as_str(), rest),
        None => ("", &[][..]),
    };
    if let Some((.., run)) = SUBCOMMANDS.iter().find(|(known, ..)| *known == name) {
        return run(&root, rest);
    }
    eprintln!("usage: cargo xtask <command>\n");
    for (name, text, _) in SUBCOMMANDS {
        eprintln!("  {name:<9} {text}");
    }
    if matches!(name, "--help" | "-h" | "help") { ExitCode::SUCCESS } else { ExitCode::from(2) }
}
