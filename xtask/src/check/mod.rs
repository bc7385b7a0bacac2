//! `cargo xtask check`: what keeps the design true, and that a compiler does not check.

mod absent;
mod forbidden;
mod layers;
mod rfc;
mod size;
mod source;

use source::Source;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;

/// A broken rule: where, what, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    path: String,
    line: usize,
    what: String,
    remedy: String,
}

impl Failure {
    fn new(path: &str, line: usize, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, what, remedy } = self;
        write!(f, "{path}:{line}: {what}\n    {remedy}")
    }
}

/// Runs all checks.
pub(crate) fn run(root: &Path, arguments: &[String]) -> ExitCode {
    let write = match arguments {
        [] => false,
        [flag] if flag == "--write" => true,
        _ => {
            eprintln!("usage: cargo xtask check [--write]");
            return ExitCode::from(2);
        }
    };
    let mut failures = Vec::new();
    let sources = match source::read_workspace(root, &mut failures) {
        Ok(sources) => sources,
        Err(error) => {
            eprintln!("cannot read the workspace: {error}");
            return ExitCode::FAILURE;
        }
    };
    let counts = [
        ("layers", collect(&mut failures, layers::check(&sources))),
        ("locks, atomics, unsafe", collect(&mut failures, forbidden::check(&sources))),
        ("file sizes", collect(&mut failures, size::check(&sources))),
        ("what is not there", collect(&mut failures, absent::check(root, &sources, write))),
        ("RFC index", collect(&mut failures, rfc::check(root, &sources, write))),
    ];
    for failure in &failures {
        println!("{failure}");
    }
    for (name, count) in counts {
        let verdict = if count == 0 { "ok".to_owned() } else { format!("{count} FAILED") };
        println!("check {name} ... {verdict}");
    }
    println!("{} files, {} failures", sources.len(), failures.len());
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn collect(all: &mut Vec<Failure>, mut found: Vec<Failure>) -> usize {
    let count = found.len();
    all.append(&mut found);
    count
}

/// The path below `stack/src/`, where the source is of the library.
fn in_library(source: &Source) -> Option<&str> {
    source.path.strip_prefix("stack/src/")
}
