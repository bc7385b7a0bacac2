//! Each script below `stack/tests/pkt` is a test by name, run against the stack in virtual time; libtest's output and
//! arguments.

use std::panic;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;
use synward_pkt::differences::{self, Differences};
use synward_pkt::suite;

/// What the command line asks for.
#[derive(Default)]
struct Arguments {
    filters: Vec<String>,
    skips: Vec<String>,
    exact: bool,
    list: bool,
    ignored_only: bool,
}

impl Arguments {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self::default();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--list" => parsed.list = true,
                "--exact" => parsed.exact = true,
                "--ignored" => parsed.ignored_only = true,
                "--skip" => parsed.skips.push(arguments.next().ok_or("--skip needs a name")?),
                // One after another in any case; plain output in any case.
                "--test-threads" | "--format" | "--color" | "-Z" => drop(arguments.next()),
                "--include-ignored" | "-q" | "--quiet" | "--show-output" | "--nocapture" | "--no-capture" => {
                }
                other if other.starts_with("--") && other.contains('=') => {}
                other if other.starts_with('-') => return Err(format!("unknown option {other}")),
                filter => parsed.filters.push(filter.to_owned()),
            }
        }
        Ok(parsed)
    }

    fn wants(&self, name: &str) -> bool {
        let fits = |filter: &String| if self.exact { name == filter } else { name.contains(filter.as_str()) };
        !self.ignored_only
            && (self.filters.is_empty() || self.filters.iter().any(fits))
            && !self.skips.iter().any(fits)
    }
}

type Test = (String, Box<dyn Fn() -> Result<(), String>>);

fn tests() -> Result<Vec<Test>, String> {
    let root = suite::root();
    let folder = root.join(suite::FOLDER);
    let scripts = suite::scripts(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let names: Vec<_> = scripts.iter().map(|(name, _)| name.clone()).collect();
    let mut tests: Vec<Test> = Vec::new();
    for (name, file) in scripts {
        tests.push((name, Box::new(move || script(&file))));
    }
    let at = root.clone();
    tests
        .push(("the_page_of_kernel_differences_is_that_of_the_data".to_owned(), Box::new(move || page(&at))));
    tests.push((
        "every_kernel_difference_is_of_a_script".to_owned(),
        Box::new(move || known_scripts(&root, &names)),
    ));
    Ok(tests)
}

/// The first line says which rule it shows.
fn script(file: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let first = text.lines().next().unwrap_or_default();
    if !first.starts_with("// RFC ") {
        return Err(format!("{}:1:1: the first line begins with `// RFC` and the section", file.display()));
    }
    suite::on_stack(file).map_err(|error| error.to_string())
}

fn differences(root: &Path) -> Result<Differences, String> {
    let text = std::fs::read_to_string(root.join(differences::FILE)).map_err(|error| error.to_string())?;
    Differences::parse(&text).map_err(|error| format!("{}: {error}", differences::FILE))
}

fn page(root: &Path) -> Result<(), String> {
    let page = std::fs::read_to_string(root.join(differences::PAGE)).unwrap_or_default();
    if page == differences(root)?.page() {
        return Ok(());
    }
    Err(format!("{} is stale: run `cargo xtask pkt --write` and commit it", differences::PAGE))
}

fn known_scripts(root: &Path, names: &[String]) -> Result<(), String> {
    let known = differences(root)?.difference;
    let lost: Vec<_> = known.iter().map(|entry| &entry.script).filter(|name| !names.contains(name)).collect();
    if lost.is_empty() { Ok(()) } else { Err(format!("{}: no such scripts: {lost:?}", differences::FILE)) }
}

fn main() -> ExitCode {
    let (arguments, tests) = match (Arguments::parse(std::env::args().skip(1)), tests()) {
        (Ok(arguments), Ok(tests)) => (arguments, tests),
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let wanted: Vec<_> = tests.iter().filter(|(name, _)| arguments.wants(name)).collect();
    if arguments.list {
        wanted.iter().for_each(|(name, _)| println!("{name}: test"));
        println!("\n{} tests, 0 benchmarks", wanted.len());
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} test{}", wanted.len(), if wanted.len() == 1 { "" } else { "s" });
    let (start, mut failures) = (Instant::now(), Vec::new());
    for (name, run) in &wanted {
        // A panic has told its own place already.
        let outcome = panic::catch_unwind(panic::AssertUnwindSafe(run))
            .unwrap_or_else(|_| Err("the stack or the runner panicked".to_owned()));
        match outcome {
            Ok(()) => println!("test {name} ... ok"),
            Err(message) => {
                println!("test {name} ... FAILED");
                failures.push((name, message));
            }
        }
    }
    if !failures.is_empty() {
        println!("\nfailures:\n");
        failures.iter().for_each(|(name, message)| println!("---- {name} ----\n{message}\n"));
        println!("\nfailures:");
        failures.iter().for_each(|(name, _)| println!("    {name}"));
    }
    println!(
        "\ntest result: {}. {} passed; {} failed; 0 ignored; 0 measured; {} filtered out; finished in {:.2}s\n",
        if failures.is_empty() { "ok" } else { "FAILED" },
        wanted.len() - failures.len(),
        failures.len(),
        tests.len() - wanted.len(),
        start.elapsed().as_secs_f64(),
    );
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(101) }
}
