//! `synward settings check`.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;
use synward::settings::{Preset, Severity};

use super::file;
use crate::output;

#[derive(clap::Args)]
#[command(after_help = "\
Exit code 1 where a line is bad, a value is out of range, or settings contradict each other.
Unknown entries and settings without effect are warnings.

Examples:
  synward settings check server.reg
  synward settings check server.reg --preset nt4-sp6a     with NT 4.0's ranges
  synward settings check synward.toml --json")]
pub(super) struct Args {
    /// A TOML or .reg file
    file: PathBuf,
    /// Whose ranges and defaults; the file's own preset, else modern
    #[arg(long, value_parser = super::preset)]
    preset: Option<Preset>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    file: String,
    preset: &'static str,
    ok: bool,
    settings: usize,
    diagnostics: Vec<file::Json<'a>>,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let document = match file::read(&args.file) {
        Ok(document) => document,
        Err(message) => {
            output::error(message);
            return output::failed();
        }
    };
    let loaded = document.load(args.preset);
    let ok = !loaded.has_errors();
    let settings = document.settings().count();
    if args.json {
        output::json(&Report {
            file: args.file.display().to_string(),
            preset: loaded.preset.name(),
            ok,
            settings,
            diagnostics: loaded.diagnostics.iter().map(file::Json::from).collect(),
        });
        return output::ok_if(ok);
    }
    for diagnostic in &loaded.diagnostics {
        output::line(file::show(&args.file, diagnostic));
    }
    let errors = loaded.diagnostics.iter().filter(|one| one.severity == Severity::Error).count();
    let warnings = loaded.diagnostics.len() - errors;
    output::line(format_args!(
        "{}: {settings} settings, {errors} errors, {warnings} warnings (preset {})",
        args.file.display(),
        loaded.preset
    ));
    output::ok_if(ok)
}
