//! `synward settings convert`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use serde::Serialize;
use synward::settings::{Preset, Severity};

use super::file;
use crate::output;

#[derive(clap::Args)]
#[command(after_help = "\
A .reg file written with -o is UTF-16LE with a byte order mark, as Windows exports it; on standard
output it is UTF-8. What has no NT name stands below Services\\Synward\\Parameters, what has no name
here stands in TOML as [registry.\"HKEY_...\"], so that both directions keep everything.

Examples:
  synward settings convert server.reg --to toml
  synward settings convert synward.toml --to reg -o server.reg")]
pub(super) struct Args {
    /// A TOML or .reg file
    file: PathBuf,
    /// The form to write
    #[arg(long)]
    to: To,
    /// The file to write; else standard output
    #[arg(long, short)]
    out: Option<PathBuf>,
    /// What the file stands on, named in what is written; else the file's own preset, else modern
    #[arg(long, value_parser = super::preset)]
    preset: Option<Preset>,
    /// Report as JSON, with the text in it unless -o is given
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum To {
    /// Synward's own files
    Toml,
    /// NT's registry files, version 5.00
    Reg,
}

#[derive(Serialize)]
struct Report<'a> {
    file: String,
    out: Option<String>,
    ok: bool,
    text: Option<String>,
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
    // What was read under a preset means the same only under it.
    let document = match args.preset {
        Some(preset) => document.with_preset(preset),
        None => document,
    };
    let mut ok = !loaded.has_errors();
    let text = match args.to {
        To::Toml => document.to_toml(),
        To::Reg => document.to_reg(),
    };
    if !args.json {
        for diagnostic in loaded.diagnostics.iter().filter(|one| one.severity == Severity::Error) {
            output::note(file::show(&args.file, diagnostic));
        }
    }
    if let (true, Some(path)) = (ok, &args.out) {
        let bytes = match args.to {
            To::Toml => text.clone().into_bytes(),
            To::Reg => document.to_reg_bytes(),
        };
        if let Err(problem) = std::fs::write(path, bytes) {
            output::error(format_args!("{}: {problem}", path.display()));
            ok = false;
        }
    }
    if args.json {
        output::json(&Report {
            file: args.file.display().to_string(),
            out: args.out.as_ref().map(|path| path.display().to_string()),
            ok,
            text: (ok && args.out.is_none()).then_some(text),
            diagnostics: loaded.diagnostics.iter().map(file::Json::from).collect(),
        });
    } else if ok && args.out.is_none() {
        output::raw(&text);
    }
    output::ok_if(ok)
}
