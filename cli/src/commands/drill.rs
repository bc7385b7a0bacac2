//! `synward drill`: the situation of article 297040 on the embedded network, in virtual time, with a report that says for
//! each promise what was measured and whether it holds.

mod capture;
mod figures;
mod kinds;
mod promises;
mod report;
mod scenario;
mod watchdog;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use synward::settings::{Cookies, Preset, Settings, SynAttackProtect, parse_duration};

use crate::output;
use capture::LanCapture;
use figures::Figures;
use promises::{Promise, Verdict};
use scenario::{Scenario, Wanted};

/// Arguments of `synward drill`.
#[derive(Parser)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub(crate) struct Args {
    /// Decides everything that is random: one seed gives one run, to the byte
    #[arg(long, default_value_t = 297_040)]
    seed: u64,
    /// SynAttackProtect of the server [default: as the settings say, 2 in preset modern]
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=2))]
    protect: Option<u8>,
    /// When the server sends SYN cookies [default: as the settings say, on-overflow in preset modern]
    #[arg(long)]
    cookies: Option<CookiesArg>,
    /// SYNs a second of the flood, 0 to 10 000 000
    #[arg(long, value_name = "RATE", default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(0..=10_000_000))]
    flood: u64,
    /// Well-behaved clients, half of them on-link
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    clients: u32,
    /// Connects to dead ends that the server begins at once: 2000 at one instant, and as many every 20 ms beyond
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(0..=20_000))]
    dead: u32,
    /// Probability that a frame is lost on a client's cable, each way (0 to 0.5)
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    loss: f64,
    /// Settings file of the server, TOML or .reg
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Preset that the server's settings start from
    #[arg(long, value_name = "NAME", value_parser = super::settings::preset)]
    preset: Option<Preset>,
    /// Virtual time under load; the run goes on until every bound has passed
    #[arg(long, value_name = "SECS", default_value = "60", value_parser = seconds)]
    duration: Duration,
    /// Print the report as JSON; it says nothing of the wall clock
    #[arg(long)]
    json: bool,
    /// Write every frame of the LAN to a pcapng file, stamped with virtual time (the default flood makes about 1 GB)
    #[arg(long, value_name = "FILE.pcapng")]
    capture: Option<PathBuf>,
    /// Plant a fault in the server, to see what the watchdog says
    #[arg(long)]
    defect: Option<DefectArg>,
    /// Wall-clock time in which a turn must end
    #[arg(long, value_name = "SECS", default_value = "5", value_parser = seconds)]
    watchdog: Duration,
}

const EXAMPLES: &str = "\
Examples:
  synward drill
  synward drill --protect 0 --cookies never     a server without defence: its clients fail, exit code 1
  synward drill --defect stuck-turn             the article's fault: the watchdog names shard and step, exit code 1
  synward drill --loss 0.02 --seed 7            lossy clients; lost third ACKs are counted apart
  synward drill --duration 10 --flood 5000 --capture drill.pcapng

Exit code 0 only if every promise holds.";

#[derive(Clone, Copy, ValueEnum)]
enum CookiesArg {
    Never,
    OnOverflow,
    Always,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DefectArg {
    /// The path of a neighbour's failure never finishes its turn
    StuckTurn,
}

/// The name of a choice of cookies on the command line.
fn cookies_name(cookies: Cookies) -> &'static str {
    match cookies {
        Cookies::Never => "never",
        Cookies::OnOverflow => "on-overflow",
        Cookies::Always => "always",
    }
}

fn probability(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "a probability is a number such as 0.02".to_owned())?;
    if (0.0..=0.5).contains(&value) { Ok(value) } else { Err("the range is 0 to 0.5".to_owned()) }
}

/// Seconds as a number, or a time with its unit.
fn seconds(text: &str) -> Result<Duration, String> {
    let time = match text.parse::<f64>() {
        Ok(value) => Duration::try_from_secs_f64(value).map_err(|error| error.to_string())?,
        Err(_) => {
            parse_duration(text).ok_or("a time is a number of seconds, or has a unit: 90, 90s, 2min")?
        }
    };
    let range = Duration::from_secs(1)..=Duration::from_secs(86_400);
    if range.contains(&time) { Ok(time) } else { Err("the range is 1 s to 86 400 s".to_owned()) }
}

/// Whether no promise failed.
fn holds(promises: &[Promise]) -> bool {
    promises.iter().all(|promise| promise.verdict != Verdict::Fail)
}

/// Runs `synward drill`.
pub(crate) fn run(args: Args) -> ExitCode {
    match drill(args) {
        Ok(holds) => output::ok_if(holds),
        Err(error) => {
            output::error(error);
            output::failed()
        }
    }
}

fn drill(args: Args) -> Result<bool, String> {
    let begun = std::time::Instant::now();
    let wanted = Wanted {
        seed: args.seed,
        settings: settings(&args)?,
        flood: args.flood,
        clients: args.clients,
        dead: args.dead,
        loss: args.loss,
        duration: args.duration,
        defect: args.defect == Some(DefectArg::StuckTurn),
    };
    let mut scenario = Scenario::new(wanted)?;
    if let Some(path) = &args.capture {
        scenario.tap(LanCapture::create(path)?);
    }
    let (wanted, times) = (scenario.wanted.clone(), scenario.times);
    let frames = move |at| work::frames(&wanted, &times, at);
    let bar = progress_bar(frames(times.latest));
    let progress = bar.clone();
    // What the watchdog says must not stand behind the bar.
    watchdog::watch(scenario.progress(), args.watchdog, args.json, move || progress.finish_and_clear())?;
    scenario.run(|now| bar.set_position(frames(now)));
    bar.finish_and_clear();
    let frames = scenario.world.tap_mut::<LanCapture>().map(LanCapture::finish);
    let figures = Figures::collect(&mut scenario).ok_or("the drill lost one of its own hosts")?;
    let promises = promises::judge(&scenario, &figures);
    if args.json {
        report::programs(&scenario, &figures, &promises);
    } else {
        report::people(&scenario, &figures, &promises, begun.elapsed());
    }
    if let (Some(frames), Some(path)) = (frames, &args.capture) {
        let frames = frames.map_err(|error| format!("{}: {error}", path.display()))?;
        output::note(format_args!("{frames} frames in {}", path.display()));
    }
    Ok(holds(&promises))
}

/// The server's settings: the file on its preset, then what the command line says.
fn settings(args: &Args) -> Result<Settings, String> {
    let mut settings = super::settings::file::load(args.settings.as_deref(), args.preset)?;
    let admission = &mut settings.admission;
    admission.syn_attack_protect = match args.protect {
        None => admission.syn_attack_protect,
        Some(0) => SynAttackProtect::Off,
        Some(1) => SynAttackProtect::WhileAttacked,
        Some(_) => SynAttackProtect::Strict,
    };
    admission.cookies = match args.cookies {
        None => admission.cookies,
        Some(CookiesArg::Never) => Cookies::Never,
        Some(CookiesArg::OnOverflow) => Cookies::OnOverflow,
        Some(CookiesArg::Always) => Cookies::Always,
    };
    Ok(settings)
}

/// On a terminal only: elsewhere it draws nothing.
fn progress_bar(frames: u64) -> ProgressBar {
    let bar = ProgressBar::new(frames);
    let style =
        ProgressStyle::with_template("{spinner} drill {wide_bar} {percent:>3} % of its frames, {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}
