//! Runs the fuzz targets without libFuzzer: kept failures first, then seeds, then mutations of them.
//!
//! `cargo test --release -- [--long | --executions N] [--seed N] [TARGET...]`: without a number each target has its own
//! short one.
//! `cargo test --release -- TARGET FILE...` runs files. An input that fails is written to `artifacts/TARGET/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, abort};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use synward_fuzz::mutate::Mutator;
use synward_fuzz::{TARGETS, Target};

/// An execution may take so long, and no longer.
const LONGEST: Duration = Duration::from_secs(30);

/// What runs now: the target's name and the input, for whoever has to tell of its failure.
static RUNNING: Mutex<(&str, Vec<u8>)> = Mutex::new(("", Vec::new()));
static EXECUTIONS: AtomicU64 = AtomicU64::new(0);

fn folder(below: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below).join(target)
}

/// Keeps the input that runs now.
fn save(why: &str) {
    let (target, input) = match RUNNING.lock() {
        Ok(running) => running.clone(),
        Err(poisoned) => poisoned.into_inner().clone(),
    };
    let name = input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    let path = folder("artifacts", target).join(format!("{why}-{name:016x}"));
    let written = path.parent().map(fs::create_dir_all).and_then(|_| fs::write(&path, &input).ok());
    let place = if written.is_some() { path.display().to_string() } else { format!("{input:?}") };
    println!("\n{target}: {why} after {} executions; the input: {place}", EXECUTIONS.load(Ordering::Relaxed));
}

/// An input that never ends is a failure too.
fn watch() {
    let mut last = (EXECUTIONS.load(Ordering::Relaxed), Instant::now());
    loop {
        thread::sleep(Duration::from_secs(1));
        let now = EXECUTIONS.load(Ordering::Relaxed);
        if now != last.0 {
            last = (now, Instant::now());
        } else if last.1.elapsed() > LONGEST {
            save("stuck");
            abort();
        }
    }
}

fn execute(target: &Target, input: &[u8]) -> u128 {
    if let Ok(mut running) = RUNNING.lock() {
        running.0 = target.name;
        running.1.clear();
        running.1.extend_from_slice(input);
    }
    EXECUTIONS.fetch_add(1, Ordering::Relaxed);
    (target.run)(input)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

fn drive(target: &Target, executions: u64, seed: u64) {
    let start = Instant::now();
    let kept = files(&folder("regressions", target.name));
    let kept: Vec<Vec<u8>> = kept.iter().filter_map(|path| fs::read(path).ok()).collect();
    let seeds = (target.seeds)();
    let mut reached = 0;
    for input in kept.iter().chain(&seeds) {
        reached |= execute(target, input);
    }
    let mut mutator = Mutator::new(seeds.iter().chain(&kept).cloned().collect(), seed);
    let mut news = 0;
    for _ in 0..executions {
        let input = mutator.next_input();
        let new = execute(target, &input) & !reached;
        if new != 0 {
            reached |= new;
            news += 1;
            mutator.keep(&input);
        }
    }
    println!(
        "{:<9} {executions} executions after {} kept and {} seeds, {} features reached, {news} inputs with a new one, {:.1} s",
        target.name,
        kept.len(),
        seeds.len(),
        reached.count_ones(),
        start.elapsed().as_secs_f64(),
    );
}

fn usage() -> ExitCode {
    eprintln!("usage: [--long | --executions N] [--seed N] [TARGET...] | TARGET FILE...");
    TARGETS.iter().for_each(|target| eprintln!("  {}", target.name));
    ExitCode::from(2)
}

fn main() -> ExitCode {
    let (mut executions, mut long, mut seed, mut targets, mut inputs) =
        (None, false, 1, Vec::new(), Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse().ok());
        match argument.as_str() {
            "--long" => long = true,
            "--executions" => match number() {
                Some(number) => executions = Some(number),
                None => return usage(),
            },
            "--seed" => match number() {
                Some(number) => seed = number,
                None => return usage(),
            },
            name => match TARGETS.iter().find(|target| target.name == name) {
                Some(target) => targets.push(*target),
                None if targets.len() == 1 => inputs.push(name.to_owned()),
                None => return usage(),
            },
        }
    }
    if targets.is_empty() {
        targets.extend_from_slice(TARGETS);
    }
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        told(panic);
        save("crash");
        abort();
    }));
    thread::spawn(watch);
    for input in &inputs {
        let Ok(bytes) = fs::read(input) else {
            eprintln!("{input} cannot be read");
            return ExitCode::FAILURE;
        };
        println!("{input}: {} bytes", bytes.len());
        execute(&targets[0], &bytes);
    }
    if inputs.is_empty() {
        for target in &targets {
            let own = if long { target.executions.1 } else { target.executions.0 };
            drive(target, executions.unwrap_or(own), seed);
        }
    }
    println!("\ntest result: ok. {} passed; 0 failed; 0 ignored", targets.len());
    ExitCode::SUCCESS
}
