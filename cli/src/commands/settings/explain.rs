//! `synward settings explain`: a setting by any of its names, or one of Microsoft's two articles.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;
use synward::settings::article::{self, Explanation};
use synward::settings::registry::{self, Status};
use synward::settings::{Document, Preset, Setting, Severity};

use super::file;
use super::list;
use crate::output::{self, BOLD, OK, styled};

#[derive(clap::Args)]
#[command(after_help = "\
Names are ours, NT's, Linux's or FreeBSD's, in any case; a sysctl also by its last part.
297040 is the article about the hang on connecting to an address that does not exist, 142641 the one
about SYN-attack protection. For a file without a preset they assume nt4-sp6a.

Examples:
  synward settings explain synattackprotect
  synward settings explain net.ipv4.tcp_syn_retries
  synward settings explain 297040
  synward settings explain 142641 server.reg")]
pub(super) struct Args {
    /// A setting's name, or 297040 or 142641
    name: String,
    /// With an article: a TOML or .reg file that is held against it
    file: Option<PathBuf>,
    /// Whose defaults hold for what the file does not say
    #[arg(long, value_parser = super::preset)]
    preset: Option<Preset>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let number = args.name.trim_start_matches(['K', 'B', 'k', 'b', 'Q', 'q']).trim().parse().unwrap_or(0);
    let document = match &args.file {
        None => None,
        Some(path) => match read(path) {
            Ok(document) => Some(document),
            Err(message) => {
                output::note(message);
                return output::failed();
            }
        },
    };
    if let Some(explanation) = article::explain(number, document.as_ref(), args.preset) {
        if args.json {
            output::json(&ArticleJson::from(&explanation));
        } else {
            show_article(&explanation);
        }
        return OK;
    }
    if args.file.is_some() {
        output::error("a file is only held against an article: 297040 or 142641");
        return output::usage();
    }
    let found = registry::find(&args.name);
    let preset = args.preset.unwrap_or_default();
    if found.is_empty() {
        let close = registry::suggest(&args.name);
        let hint = if close.is_empty() {
            "`synward settings list` prints all".to_owned()
        } else {
            format!("did you mean {}?", close.join(" or "))
        };
        output::error(format_args!("no setting is called {:?}; {hint}", args.name));
        return output::failed();
    }
    if args.json {
        output::json(&found.iter().map(|setting| list::Json::new(setting, preset)).collect::<Vec<_>>());
    } else {
        for setting in found {
            show_setting(setting, preset);
        }
    }
    OK
}

/// A file that can be held against an article: one that is read without an error.
fn read(path: &std::path::Path) -> Result<Document, String> {
    let document = file::read(path).map_err(|message| format!("error: {message}"))?;
    let errors: Vec<String> = document
        .diagnostics()
        .iter()
        .filter(|one| one.severity == Severity::Error)
        .map(|one| file::show(path, one))
        .collect();
    if errors.is_empty() { Ok(document) } else { Err(errors.join("\n")) }
}

fn show_setting(setting: &Setting, preset: Preset) {
    output::line(styled(BOLD, setting.name));
    output::line(format_args!("  {}", setting.meaning));
    match setting.status {
        Status::Active => {
            let values: Vec<String> = Preset::ALL
                .into_iter()
                .filter_map(|preset| Some(format!("{preset} {}", setting.default(preset)?)))
                .collect();
            output::line(format_args!("  default  {}", values.join(", ")));
        }
        Status::AcceptedWithoutEffect { reason, elsewhere } => {
            output::line(format_args!("  status   accepted without effect: {reason}"));
            output::line(format_args!("  default  {elsewhere} (NT)"));
        }
    }
    output::line(format_args!("  value    {}", setting.kind.expects()));
    output::line(format_args!("  range    {} ({preset})", setting.range(preset).describe(setting.kind)));
    for entry in setting.preset_ranges {
        let presets: Vec<&str> = entry.presets.iter().map(|preset| preset.name()).collect();
        output::line(format_args!(
            "           {} ({})",
            entry.range.describe(setting.kind),
            presets.join(", ")
        ));
    }
    for nt in setting.nt {
        let bit = nt.bit.map_or_else(String::new, |bit| format!(" bit {bit}"));
        output::line(format_args!("  NT       {}{bit} in Services\\{}", nt.name, nt.key.path()));
    }
    for (system, names) in [("Linux  ", setting.linux), ("FreeBSD", setting.freebsd)] {
        if !names.is_empty() {
            output::line(format_args!("  {system}  {}", names.join(", ")));
        }
    }
    output::line(format_args!("  source   {}", setting.source));
}

fn show_article(explanation: &Explanation) {
    output::line(styled(BOLD, format_args!("{}: {}", explanation.article, explanation.title)));
    for about in explanation.about {
        output::line(format_args!("  {about}"));
    }
    output::line(styled(BOLD, "The file"));
    let verdict = match explanation.verdict {
        article::Verdict::Met => "meets the article's condition",
        article::Verdict::NotMet => "does not meet the article's condition",
        article::Verdict::NoFile => "none given",
    };
    output::line(format_args!("  {verdict}"));
    for reason in &explanation.reasons {
        output::line(format_args!("  - {reason}"));
    }
    output::line(styled(BOLD, "Settings"));
    for mention in &explanation.mentions {
        let value = match &mention.in_file {
            Some((value, line)) => format!(" = {value} (line {line})"),
            None => String::new(),
        };
        let advice = mention.advice.map_or_else(String::new, |advice| format!("; under attack: {advice}"));
        output::line(format_args!("  {}{value}  here {}{advice}", mention.nt, mention.setting));
    }
    output::line(styled(BOLD, "Microsoft's fix"));
    output::line(format_args!("  {}", explanation.fix));
    output::line(styled(BOLD, "What Synward does instead"));
    for synward in explanation.synward {
        output::line(format_args!("  - {synward}"));
    }
}

/// An article for programs.
#[derive(Serialize)]
struct ArticleJson<'a> {
    article: u32,
    title: &'a str,
    about: &'a [&'a str],
    condition: &'static str,
    reasons: &'a [String],
    settings: Vec<MentionJson<'a>>,
    fix: &'a str,
    synward: &'a [&'a str],
}

#[derive(Serialize)]
struct MentionJson<'a> {
    name: &'a str,
    nt: &'a str,
    value: Option<&'a str>,
    line: Option<usize>,
    advice: Option<&'a str>,
}

impl<'a> From<&'a Explanation> for ArticleJson<'a> {
    fn from(explanation: &'a Explanation) -> Self {
        let settings = explanation.mentions.iter().map(|mention| MentionJson {
            name: mention.setting,
            nt: mention.nt,
            value: mention.in_file.as_ref().map(|(value, _)| value.as_str()),
            line: mention.in_file.as_ref().map(|(_, line)| *line),
            advice: mention.advice,
        });
        Self {
            article: explanation.article,
            title: explanation.title,
            about: explanation.about,
            condition: explanation.verdict.name(),
            reasons: &explanation.reasons,
            settings: settings.collect(),
            fix: explanation.fix,
            synward: explanation.synward,
        }
    }
}
