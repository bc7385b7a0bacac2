//! Synward's benchmarks: each figure beside a peer's on the same work in the same run, and beside the floor of what the
//! machine can do. `cargo xtask bench` builds and runs it.

#![allow(unreachable_pub, reason = "a program: nothing of it can be reached from outside")]

mod alloc;
mod clock;
mod floor;
mod ours;
mod peer;
mod report;
mod rows;
mod smoltcp_peer;

use report::Report;
use rows::{Run, SUBJECTS};
use std::path::Path;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

const USAGE: &str = "usage: bench [NAME...] [--json] [--check] [--native PROGRAM] [--alone] [--short]";

fn main() -> ExitCode {
    let (mut names, mut json, mut check, mut native, mut alone, mut short) =
        (Vec::new(), false, false, None, false, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--serve" => {
                peer::serve();
                return ExitCode::SUCCESS;
            }
            "--json" => json = true,
            "--check" => check = true,
            "--native" => native = arguments.next(),
            "--alone" => alone = true,
            "--short" => short = true,
            name if SUBJECTS.iter().any(|(subject, _)| *subject == name) => names.push(argument),
            other => {
                let subjects: Vec<&str> = SUBJECTS.iter().map(|(name, _)| *name).collect();
                eprintln!("{other}: no such benchmark or option\n{USAGE}\nnames: {}", subjects.join(" "));
                return ExitCode::from(2);
            }
        }
    }
    let native = native.and_then(|program| peer::Native::start(Path::new(&program)));
    let mut run = Run { report: Report::new(json), native, alone, short };
    for (name, measure) in SUBJECTS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            measure(&mut run);
        }
    }
    let missed = &run.report.missed;
    if !json {
        println!(
            "\n{} rows, {} bars missed{}",
            run.report.rows,
            missed.len(),
            if missed.is_empty() { "" } else { ":" }
        );
        missed.iter().for_each(|name| println!("  {name}"));
    }
    if check && !missed.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
