//! The examples are run, not only built: each is a program that checks its own result and ends.

use super::{MOST, Outcome, Tally, cargo, watch};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// An example takes seconds; one that is still there after this hangs.
const LONGEST: Duration = Duration::from_secs(120);
/// The one that makes an interface: in a network namespace, so that nothing of the machine's own network changes.
const WITH_INTERFACE: &str = "tap_echo";
const NAMESPACE: [&str; 4] = ["unshare", "--user", "--map-root-user", "--net"];

pub(super) fn run(root: &Path, tally: &mut Tally) -> Outcome {
    let build = ["build", "--workspace", "--examples"];
    if watch(cargo(root, &build), tally, MOST) != Outcome::Ok {
        return Outcome::Failed;
    }
    let names = match names(&root.join("stack/examples")) {
        Ok(names) if !names.is_empty() => names,
        Ok(_) => return failed("there is no example"),
        Err(error) => return failed(&format!("cannot list the examples: {error}")),
    };
    let required = std::env::var_os("SYNWARD_REQUIRE_NET").is_some_and(|value| value == "1");
    let namespace = have_namespace();
    let mut outcome = Outcome::Ok;
    for name in names {
        println!("-- {name}");
        let needs_namespace = name == WITH_INTERFACE;
        let before = tally.skipped;
        if needs_namespace && !namespace {
            println!("skipped: {name}: no user and network namespace to be had ({})", NAMESPACE.join(" "));
            tally.skipped += 1;
        } else {
            let wrapper: &[&str] = if needs_namespace { &NAMESPACE } else { &[] };
            let cargo_run = ["cargo", "run", "--quiet", "-p", "synward", "--example", &name];
            if watch(within(root, wrapper, &cargo_run), tally, LONGEST) != Outcome::Ok {
                println!("the example {name} failed");
                tally.failed += 1;
                outcome = Outcome::Failed;
                continue;
            }
        }
        if tally.skipped == before {
            tally.passed += 1;
        } else if required {
            outcome = failed("SYNWARD_REQUIRE_NET=1: a skip is a failure");
        }
    }
    outcome
}

fn failed(why: &str) -> Outcome {
    println!("{why}");
    Outcome::Failed
}

/// The examples below `folder`, in order.
fn names(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// `program`, started by `wrapper`.
fn within(root: &Path, wrapper: &[&str], program: &[&str]) -> Command {
    let words = [wrapper, program].concat();
    let mut command = Command::new(words[0]);
    command.current_dir(root).args(&words[1..]);
    command
}

fn have_namespace() -> bool {
    let mut probe = within(Path::new("."), &NAMESPACE, &["true"]);
    probe.stdin(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_that_the_library_promises_are_among_those_that_run() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../stack/examples");
        let names = names(&folder).unwrap();
        for name in ["by_hand", "echo", "hyper", "rustls", "two_hosts", WITH_INTERFACE] {
            assert!(names.iter().any(|found| found == name), "{name} is not in {names:?}");
        }
    }
}
