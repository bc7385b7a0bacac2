//! `synward settings`: list, explain, check, convert.

mod check;
mod convert;
mod explain;
pub(crate) mod file;
mod list;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use synward::settings::Preset;

/// Arguments of `synward settings`.
#[derive(Parser)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  synward settings list --preset nt4-sp6a
  synward settings explain SynAttackProtect
  synward settings explain 297040 server.reg
  synward settings check server.reg --preset windows-2000
  synward settings convert server.reg --to toml -o server.toml";

#[derive(Subcommand)]
enum Command {
    /// Print every setting with its value under a preset
    List(list::Args),
    /// Explain a setting by any of its names, or article 297040 or 142641
    Explain(explain::Args),
    /// Check a settings file (TOML or .reg) and say what is wrong in which line
    Check(check::Args),
    /// Translate a settings file between TOML and .reg
    Convert(convert::Args),
}

/// Runs `synward settings`.
pub(crate) fn run(args: Args) -> ExitCode {
    match args.command {
        Command::List(args) => list::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Convert(args) => convert::run(&args),
    }
}

/// Reads a preset's name from the command line.
pub(crate) fn preset(text: &str) -> Result<Preset, String> {
    text.parse().map_err(|error: synward::settings::UnknownPreset| error.to_string())
}
