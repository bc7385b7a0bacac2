//! The runner: libtest's output and arguments, but each test in a process of its own, inside a fresh network namespace, with
//! a time limit. libtest itself starts threads before a test could change its namespace.

use super::netns;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{self, Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// One test.
pub struct Test {
    /// Its name.
    pub name: &'static str,
    /// It.
    pub run: fn(),
    /// Seconds after which it counts as failed.
    pub seconds: u64,
}

/// Names the test that a process is to run.
const CHILD: &str = "SYNWARD_NETNS_TEST";
/// Where it is `1`, a skip is a failure.
const REQUIRE: &str = "SYNWARD_REQUIRE_NET";
/// Exit status of a skipped test.
const SKIPPED: i32 = 77;

/// Ends the current test as skipped: this machine lacks what it needs.
pub fn skip(reason: &str) -> ! {
    println!("skipped: {reason}");
    process::exit(SKIPPED)
}

struct Arguments {
    filters: Vec<String>,
    skips: Vec<String>,
    exact: bool,
    list: bool,
    nocapture: bool,
    ignored_only: bool,
}

impl Arguments {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self {
            filters: Vec::new(),
            skips: Vec::new(),
            exact: false,
            list: false,
            nocapture: false,
            ignored_only: false,
        };
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--list" => parsed.list = true,
                "--exact" => parsed.exact = true,
                "--nocapture" | "--no-capture" => parsed.nocapture = true,
                "--ignored" => parsed.ignored_only = true,
                "--skip" => parsed.skips.push(arguments.next().ok_or("--skip needs a name")?),
                // One after another in any case; plain output in any case.
                "--test-threads" | "--format" | "--color" | "-Z" => drop(arguments.next()),
                "--include-ignored" | "-q" | "--quiet" | "--show-output" | "--report-time" => {}
                other if other.starts_with("--") && other.contains('=') => {}
                other if other.starts_with('-') => return Err(format!("unknown option {other}")),
                filter => parsed.filters.push(filter.to_owned()),
            }
        }
        Ok(parsed)
    }

    fn wants(&self, name: &str) -> bool {
        let fits = |filter: &String| if self.exact { name == filter } else { name.contains(filter.as_str()) };
        (self.filters.is_empty() || self.filters.iter().any(fits)) && !self.skips.iter().any(fits)
    }
}

enum Outcome {
    Passed,
    Skipped(String),
    Failed(String),
}

/// Runs the tests that the arguments name, as libtest would.
pub fn main(tests: &[Test]) -> ExitCode {
    if let Ok(name) = std::env::var(CHILD) {
        return run_here(tests, &name);
    }
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let wanted: Vec<_> =
        tests.iter().filter(|test| arguments.wants(test.name) && !arguments.ignored_only).collect();
    if arguments.list {
        wanted.iter().for_each(|test| println!("{}: test", test.name));
        println!("\n{} tests, 0 benchmarks", wanted.len());
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} test{}", wanted.len(), if wanted.len() == 1 { "" } else { "s" });
    let (start, mut skipped, mut failures) = (Instant::now(), 0, Vec::new());
    for test in &wanted {
        match run_in_child(test, arguments.nocapture) {
            Outcome::Passed => println!("test {} ... ok", test.name),
            Outcome::Skipped(reason) => {
                skipped += 1;
                println!("test {} ... ignored", test.name);
                println!("skipped: {}: {reason}", test.name);
            }
            Outcome::Failed(output) => {
                println!("test {} ... FAILED", test.name);
                failures.push((test.name, output));
            }
        }
    }
    if !failures.is_empty() {
        println!("\nfailures:\n");
        for (name, output) in &failures {
            println!("---- {name} stdout ----\n{output}\n");
        }
        println!("\nfailures:");
        failures.iter().for_each(|(name, _)| println!("    {name}"));
    }
    println!(
        "\ntest result: {}. {} passed; {} failed; {skipped} ignored; 0 measured; {} filtered out; finished in {:.2}s\n",
        if failures.is_empty() { "ok" } else { "FAILED" },
        wanted.len() - skipped - failures.len(),
        failures.len(),
        tests.len() - wanted.len(),
        start.elapsed().as_secs_f64(),
    );
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

/// The child: one test, in this process.
fn run_here(tests: &[Test], name: &str) -> ExitCode {
    let Some(test) = tests.iter().find(|test| test.name == name) else {
        eprintln!("no test {name}");
        return ExitCode::from(2);
    };
    // SAFETY: it only sets this process's signal at its parent's death, so that no test outlives a killed run.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    if let Err(reason) = netns::enter() {
        skip(&reason);
    }
    (test.run)();
    ExitCode::SUCCESS
}

fn run_in_child(test: &Test, nocapture: bool) -> Outcome {
    let log = std::env::temp_dir().join(format!("synward-test-{}-{}.log", process::id(), test.name));
    let outcome = attempt(test, nocapture, &log).unwrap_or_else(|error| Outcome::Failed(error.to_string()));
    // Gone already with --nocapture.
    drop(fs::remove_file(&log));
    outcome
}

fn attempt(test: &Test, nocapture: bool, log: &std::path::Path) -> io::Result<Outcome> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env(CHILD, test.name).stdin(Stdio::null()).process_group(0);
    if !nocapture {
        let file = File::create(log)?;
        command.stdout(file.try_clone()?).stderr(file);
    }
    let mut child = command.spawn()?;
    let limit = Duration::from_secs(test.seconds);
    let status = wait_or_kill(&mut child, limit)?;
    let output =
        if nocapture { String::new() } else { String::from_utf8_lossy(&fs::read(log)?).into_owned() };
    Ok(match status {
        None => Outcome::Failed(format!("{output}\nkilled after {} seconds", test.seconds)),
        Some(status) if status.success() => Outcome::Passed,
        Some(status) if status.code() == Some(SKIPPED) => {
            let reason =
                output.lines().find_map(|line| line.strip_prefix("skipped: ")).unwrap_or("see above");
            if std::env::var(REQUIRE).is_ok_and(|value| value == "1") {
                Outcome::Failed(format!("skipped although {REQUIRE}=1: {reason}"))
            } else {
                Outcome::Skipped(reason.to_owned())
            }
        }
        Some(status) => Outcome::Failed(format!("{output}\n{status}")),
    })
}

/// Waits for the child; `None`: it took too long and was killed. What it had started and left behind is killed in any case: a
/// server that outlives its test would hold locks and ports of whoever runs the tests.
fn wait_or_kill(child: &mut Child, limit: Duration) -> io::Result<Option<process::ExitStatus>> {
    let start = Instant::now();
    let in_time = loop {
        if has_ended(child)? {
            break true;
        }
        if start.elapsed() >= limit {
            break false;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    // SAFETY: a signal to the process group that this child leads; it has not been waited for, so the id is its own.
    unsafe { libc::kill(-(child.id() as libc::pid_t), libc::SIGKILL) };
    let status = child.wait()?;
    Ok(in_time.then_some(status))
}

/// Whether the child has ended; it is not waited for, so that its id stays its own.
fn has_ended(child: &Child) -> io::Result<bool> {
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: all zeros are a value of this plain structure.
    let mut told: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes to `told`, which lives here.
    if unsafe { libc::waitid(libc::P_PID, child.id(), &mut told, options) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: waitid(2) leaves the field zero where nothing has ended.
    Ok(unsafe { told.si_pid() } != 0)
}

/// Lets what `command` starts end when the test ends, however it does; to be started from the test's own thread.
pub fn end_with_test(command: &mut Command) -> &mut Command {
    let end = || {
        // SAFETY: it only sets the new process's signal at its parent's death.
        if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    };
    // SAFETY: between fork and exec, `end` makes one system call and allocates nothing.
    unsafe { command.pre_exec(end) }
}
