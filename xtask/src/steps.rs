//! Long commands as a table of steps: each has an end, its output is shown as it comes and counted, and a summary says what
//! passed, failed and was skipped.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// What a step's output says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Tally {
    /// Adds what one line of a test program says: its result, or a skip.
    fn read(&mut self, line: &str) {
        if line.starts_with("skipped: ") {
            self.skipped += 1;
        }
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let number = |word: &str| {
            let before = result.split(word).next()?.trim_end();
            before.rsplit([' ', ';', '.']).next()?.parse::<u64>().ok()
        };
        self.passed += number(" passed").unwrap_or(0);
        self.failed += number(" failed").unwrap_or(0);
    }
}

/// How a step ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    Failed,
    Skipped(String),
}

/// A step: its name, what it proves, and itself.
pub(crate) type Step = (&'static str, &'static str, fn(&Path, &mut Tally) -> Outcome);

/// Runs the steps of `cargo xtask COMMAND`, or the one that `--only` names, and sums them up.
pub(crate) fn run(command: &str, steps: &[Step], root: &Path, arguments: &[String]) -> ExitCode {
    let only = match arguments {
        [] => None,
        [flag, step] if flag == "--only" && steps.iter().any(|(name, ..)| name == step) => Some(step),
        _ => {
            eprintln!("usage: cargo xtask {command} [--only STEP]\n");
            steps.iter().for_each(|(name, text, _)| eprintln!("  {name:<9} {text}"));
            return ExitCode::from(2);
        }
    };
    let mut summary = Vec::new();
    let (mut ok, mut total) = (true, Tally::default());
    for (name, text, step) in steps.iter().filter(|(name, ..)| only.is_none_or(|only| only == name)) {
        println!("\n== {name}: {text}");
        let (start, mut tally) = (Instant::now(), Tally::default());
        let verdict = match step(root, &mut tally) {
            Outcome::Ok => "ok".to_owned(),
            Outcome::Failed => {
                ok = false;
                "FAILED".to_owned()
            }
            Outcome::Skipped(reason) => {
                println!("skipped: {name}: {reason}");
                tally.skipped += 1;
                format!("skipped ({reason})")
            }
        };
        let seconds = start.elapsed().as_secs();
        let Tally { passed, failed, skipped } = tally;
        summary.push(format!(
            "{name:<9} {verdict}: {passed} passed, {failed} failed, {skipped} skipped, {seconds} s"
        ));
        total.passed += passed;
        total.failed += failed;
        total.skipped += skipped;
    }
    println!("\n== summary");
    summary.iter().for_each(|line| println!("{line}"));
    let Tally { passed, failed, skipped } = total;
    println!("{passed} tests passed, {failed} failed, {skipped} skipped");
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    // Through rustup's proxy where `+toolchain` is wanted; `CARGO` of the environment is one toolchain's own.
    let mut command = Command::new("cargo");
    command.current_dir(root).args(arguments);
    command
}

/// No step may be without an end; the longest, a first build of everything with all its tests, takes a quarter of this.
pub(crate) const MOST: Duration = Duration::from_secs(40 * 60);

/// Runs a command for at most `most`, shows its output as it comes, and counts in it.
pub(crate) fn watch(mut command: Command, tally: &mut Tally, most: Duration) -> Outcome {
    let deadline = Instant::now() + most;
    let mut child = match command.stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("{error}");
            return Outcome::Failed;
        }
    };
    let (sender, lines) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        thread::spawn(move || {
            let lines = BufReader::new(output).split(b'\n').map_while(Result::ok);
            lines.map(|line| sender.send(line)).take_while(Result::is_ok).for_each(drop);
        });
    }
    let mut last = String::new();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                last = String::from_utf8_lossy(&line).into_owned();
                println!("{last}");
                tally.read(&last);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                println!("no end after {} s; the last line was: {last}", most.as_secs());
                end(&mut child);
                return Outcome::Failed;
            }
        }
    }
    match child.wait() {
        Ok(status) if status.success() => Outcome::Ok,
        _ => Outcome::Failed,
    }
}

/// Ends a command with all that it started: a test program outlives the cargo that ran it.
fn end(child: &mut Child) {
    let mut processes = vec![child.id()];
    let mut next = 0;
    while let Some(process) = processes.get(next) {
        let file = format!("/proc/{process}/task/{process}/children");
        let children = fs::read_to_string(file).unwrap_or_default();
        processes.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        next += 1;
    }
    let mut kill = Command::new("kill");
    kill.arg("-KILL").args(processes.iter().map(u32::to_string));
    if kill.status().is_err() {
        let _ = child.kill();
    }
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_skips_are_counted() {
        let mut tally = Tally::default();
        for line in [
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "skipped: some_test: /dev/net/tun is missing",
            "a line with skipped: in it, 5 passed",
        ] {
            tally.read(line);
        }
        assert_eq!(tally, Tally { passed: 15, failed: 2, skipped: 1 });
    }

    #[test]
    fn a_failing_command_fails_its_step() {
        let mut tally = Tally::default();
        let mut failing = Command::new("sh");
        failing.args(["-c", "echo 'test result: FAILED. 0 passed; 1 failed; 0 ignored'; exit 101"]);
        assert_eq!(watch(failing, &mut tally, MOST), Outcome::Failed);
        assert_eq!(tally.failed, 1);
        assert_eq!(watch(Command::new("/no/such/program"), &mut tally, MOST), Outcome::Failed);
    }

    #[test]
    fn a_command_that_does_not_end_is_ended_with_what_it_started() {
        let mut hanging = Command::new("sh");
        hanging.args(["-c", "sleep 600 & echo $!; wait"]);
        let mut tally = Tally::default();
        let start = Instant::now();
        assert_eq!(watch(hanging, &mut tally, Duration::from_millis(500)), Outcome::Failed);
        assert!(start.elapsed() < Duration::from_secs(300));
    }
}
