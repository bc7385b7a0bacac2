//! `synward settings list`.

use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table};
use serde::Serialize;
use synward::settings::registry::{self, Status};
use synward::settings::{Kind, Preset, Setting, Value, markdown};

use crate::output::{self, OK};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  synward settings list
  synward settings list --preset windows-2003-sp1
  synward settings list --json | jq -r '.[] | select(.nt != []) | .name'")]
pub(super) struct Args {
    /// Whose values and ranges: modern, nt4-sp6a, windows-2000, windows-2003-sp1, linux
    #[arg(long, value_parser = super::preset, default_value = "modern")]
    preset: Preset,
    /// Print JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print the reference page docs/settings.md
    #[arg(long)]
    markdown: bool,
}

pub(super) fn run(args: &Args) -> ExitCode {
    if args.markdown {
        output::raw(&markdown());
    } else if args.json {
        output::json(&registry::all().map(|setting| Json::new(setting, args.preset)).collect::<Vec<_>>());
    } else {
        output::line(table(args.preset));
        output::line(format_args!(
            "Values of {} ({}). `synward settings explain NAME` says more.",
            args.preset,
            args.preset.describe()
        ));
    }
    OK
}

fn table(preset: Preset) -> Table {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["setting", "value", "range", "NT"]);
    for setting in registry::all() {
        let value = setting.default(preset).map_or_else(|| "no effect".to_owned(), |value| value.to_string());
        let unit = match setting.kind {
            Kind::Number(unit) if setting.is_active() => format!(" {unit}"),
            _ => String::new(),
        };
        let mut nt: Vec<&str> = setting.nt.iter().map(|nt| nt.name).collect();
        nt.dedup();
        let range = setting.range(preset).describe(setting.kind);
        table.add_row([setting.name.to_owned(), format!("{value}{unit}"), range, nt.join(", ")]);
    }
    table
}

/// A setting for programs.
#[derive(Serialize)]
pub(super) struct Json {
    name: &'static str,
    /// The preset's value; null for a setting without effect.
    value: Option<serde_json::Value>,
    /// Unit of numbers in `value` and of the range; a time in `value` says its own.
    unit: &'static str,
    range: String,
    nt: Vec<NtJson>,
    linux: &'static [&'static str],
    freebsd: &'static [&'static str],
    meaning: &'static str,
    source: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

#[derive(Serialize)]
struct NtJson {
    key: &'static str,
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bit: Option<u8>,
}

impl Json {
    pub(super) fn new(setting: &Setting, preset: Preset) -> Self {
        let (status, reason) = match setting.status {
            Status::Active => ("active", None),
            Status::AcceptedWithoutEffect { reason, .. } => ("accepted-without-effect", Some(reason)),
        };
        Self {
            name: setting.name,
            value: setting.default(preset).map(|value| json_value(&value)),
            unit: setting.kind.unit(),
            range: setting.range(preset).describe(setting.kind),
            nt: setting
                .nt
                .iter()
                .map(|nt| NtJson { key: nt.key.path(), name: nt.name, bit: nt.bit })
                .collect(),
            linux: setting.linux,
            freebsd: setting.freebsd,
            meaning: setting.meaning,
            source: setting.source,
            status,
            reason,
        }
    }
}

/// A value for programs; a time as files write it, `"3s"`.
pub(super) fn json_value(value: &Value) -> serde_json::Value {
    match value {
        Value::Switch(on) => (*on).into(),
        Value::Number(number) => (*number).into(),
        Value::Duration(_) | Value::Word(_) => value.to_string().into(),
        Value::List(items) => items.clone().into(),
    }
}
