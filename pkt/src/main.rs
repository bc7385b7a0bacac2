//! `cargo xtask pkt`: runs packet scripts against Synward, or against the Linux kernel.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use synward_pkt::differences::{self, Differences};
use synward_pkt::suite::{self, KernelFailure};

const USAGE: &str =
    "usage: cargo xtask pkt [FILE...]                  scripts (or all of the project) against Synward
       cargo xtask pkt --against-kernel [FILTER]  the project's against the Linux kernel, with a table
       cargo xtask pkt --write                    makes docs/pkt-kernel.md of stack/tests/pkt/kernel.toml";

/// Runs one script against the kernel in this process.
const CHILD: &str = "--in-namespace";
/// Exit status of a script that the kernel cannot be asked about.
const UNAVAILABLE: u8 = 3;
/// Scripts that run at once: they sleep most of the time.
const AT_ONCE: usize = 8;
/// How often a script is asked again whose verdict is a surprise.
const AGAIN: usize = 2;
/// A script takes no longer (see `suite`: longer ones are not asked).
const LONGEST: Duration = Duration::from_secs(300);

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        [CHILD, file] => return in_namespace(Path::new(file)),
        ["--against-kernel", rest @ ..] if rest.len() < 2 => {
            against_kernel(rest.first().copied().unwrap_or(""))
        }
        ["--write"] => write_page(),
        [first, ..] if first.starts_with('-') => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
        files => against_stack(files),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn project_scripts() -> Result<Vec<(String, PathBuf)>, String> {
    let folder = suite::root().join(suite::FOLDER);
    suite::scripts(&folder).map_err(|error| format!("{}: {error}", folder.display()))
}

fn against_stack(files: &[&str]) -> Result<bool, String> {
    let scripts = match files {
        [] => project_scripts()?,
        files => files.iter().map(|file| ((*file).to_owned(), PathBuf::from(file))).collect(),
    };
    let mut failed = 0;
    for (name, file) in &scripts {
        match suite::on_stack(file) {
            Ok(()) => println!("{name}: ok"),
            Err(error) => {
                failed += 1;
                println!("{error}");
            }
        }
    }
    println!("{} scripts, {failed} failed", scripts.len());
    Ok(failed == 0)
}

fn known_differences() -> Result<Differences, String> {
    let file = suite::root().join(differences::FILE);
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    Differences::parse(&text).map_err(|error| format!("{}: {error}", file.display()))
}

fn write_page() -> Result<bool, String> {
    let page = suite::root().join(differences::PAGE);
    fs::write(&page, known_differences()?.page()).map_err(|error| format!("{}: {error}", page.display()))?;
    Ok(true)
}

fn in_namespace(file: &Path) -> ExitCode {
    match suite::on_kernel(file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(KernelFailure::Differs(error)) => {
            println!("{error}");
            ExitCode::FAILURE
        }
        Err(KernelFailure::Unavailable(reason)) => {
            println!("{reason}");
            ExitCode::from(UNAVAILABLE)
        }
    }
}

/// How a script went against the kernel.
enum Verdict {
    Same,
    Differs(String),
    Unavailable(String),
}

fn against_kernel(filter: &str) -> Result<bool, String> {
    let known = known_differences()?;
    let scripts: Vec<_> = project_scripts()?.into_iter().filter(|(name, _)| name.contains(filter)).collect();
    let mut verdicts = many(&scripts)?;
    // Once more alone, and again: in real time a busy machine is no difference, and may hide one.
    for ((name, file), verdict) in scripts.iter().zip(&mut verdicts) {
        for _ in 0..AGAIN {
            let surprise = match verdict {
                Verdict::Same => known.of(name).is_some(),
                Verdict::Differs(_) => known.of(name).is_none(),
                Verdict::Unavailable(_) => false,
            };
            if !surprise {
                break;
            }
            *verdict = Attempt::start(file)?.end();
        }
    }
    let width = scripts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let [mut same, mut differ, mut unavailable, mut wrong] = [0; 4];
    for ((name, _), verdict) in scripts.iter().zip(&verdicts) {
        let text = match (verdict, known.of(name)) {
            (Verdict::Same, None) => {
                same += 1;
                "same".to_owned()
            }
            (Verdict::Same, Some(_)) => {
                wrong += 1;
                format!("SAME, though {} says that it differs", differences::FILE)
            }
            (Verdict::Differs(_), Some(known)) => {
                differ += 1;
                format!("differs, as known: {}", known.kernel.trim())
            }
            (Verdict::Differs(output), None) => {
                wrong += 1;
                format!("DIFFERS\n{output}")
            }
            (Verdict::Unavailable(reason), _) => {
                unavailable += 1;
                format!("not asked: {}", reason.trim())
            }
        };
        println!("{name:<width$}  {text}");
    }
    println!(
        "{} scripts: {same} same, {differ} differ as known, {unavailable} not asked, {wrong} differ otherwise",
        scripts.len()
    );
    Ok(wrong == 0)
}

/// Runs scripts beside each other; their verdicts in the same order.
fn many(scripts: &[(String, PathBuf)]) -> Result<Vec<Verdict>, String> {
    let mut verdicts: Vec<Option<Verdict>> = scripts.iter().map(|_| None).collect();
    let mut running: Vec<(usize, Attempt)> = Vec::new();
    let mut next = 0;
    while next < scripts.len() || !running.is_empty() {
        while running.len() < AT_ONCE && next < scripts.len() {
            running.push((next, Attempt::start(&scripts[next].1)?));
            next += 1;
        }
        let done = running.iter_mut().position(|(_, attempt)| attempt.is_over());
        match done {
            Some(index) => {
                let (script, attempt) = running.swap_remove(index);
                verdicts[script] = Some(attempt.end());
            }
            None => thread::sleep(Duration::from_millis(5)),
        }
    }
    Ok(verdicts.into_iter().flatten().collect())
}

/// A process that runs one script against the kernel.
struct Attempt {
    child: Child,
    log: PathBuf,
    start: Instant,
}

impl Attempt {
    fn start(file: &Path) -> Result<Self, String> {
        let text = |error: std::io::Error| format!("cannot run {}: {error}", file.display());
        let label = file.to_string_lossy().replace(['/', '.'], "-");
        let log = std::env::temp_dir().join(format!("synward-pkt-{}{label}.log", process::id()));
        let output = File::create(&log).map_err(text)?;
        let mut command = Command::new(std::env::current_exe().map_err(text)?);
        command.arg(CHILD).arg(file).stdin(Stdio::null()).stderr(output.try_clone().map_err(text)?);
        let child = command.stdout(output).spawn().map_err(text)?;
        Ok(Self { child, log, start: Instant::now() })
    }

    /// Whether it has ended; one that takes too long is ended.
    fn is_over(&mut self) -> bool {
        if self.start.elapsed() > LONGEST {
            // It may have ended at this moment.
            let _ = self.child.kill();
        }
        !matches!(self.child.try_wait(), Ok(None))
    }

    fn end(mut self) -> Verdict {
        while !self.is_over() {
            thread::sleep(Duration::from_millis(5));
        }
        let status = self.child.wait();
        let output = fs::read_to_string(&self.log).unwrap_or_default();
        // Nobody else looks at it.
        let _ = fs::remove_file(&self.log);
        match status {
            Ok(status) if status.success() => Verdict::Same,
            Ok(status) if status.code() == Some(i32::from(UNAVAILABLE)) => Verdict::Unavailable(output),
            Ok(status) if status.code() == Some(1) => Verdict::Differs(output),
            Ok(status) => Verdict::Differs(format!("{status}\n{output}")),
            Err(error) => Verdict::Differs(error.to_string()),
        }
    }
}
