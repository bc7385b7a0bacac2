//! A settings file: TOML or NT's `.reg`, read with line numbers, unknown entries kept, written as either.
//!
//! Reading never fails as a whole and never panics: what is wrong with a file is a list of [`Diagnostic`]s.
//!
//! How the two forms map, so that both directions keep everything:
//! * A setting with an NT name stands in `.reg` under NT's key; one without, or whose value NT's unit cannot hold,
//!   stands under `...\Services\Synward\Parameters` by our name. So does `preset`.
//! * An unknown TOML key stands under `...\Services\Synward\Parameters\Unknown`, its TOML value as a string.
//! * An unknown registry value, and a known one below an interface's key, stand in TOML as
//!   `[registry."HKEY_LOCAL_MACHINE\\..."]` with the data as `.reg` writes it; there they act as in a `.reg`
//!   file. A deleted value has the data `-`, a deleted key is an empty table whose name begins with `-`.

mod interpret;
mod load;
mod reg;
mod reg_data;
mod text;
mod toml;
mod write;

use core::fmt;

use super::preset::Preset;
use super::registry::Setting;
use super::value::Value;

pub use load::Loaded;
pub use reg_data::RegData;

/// Largest file that is read, bytes.
pub const MAX_FILE: usize = 1 << 20;

/// Most errors, and most warnings, that a file gets; a hostile file must not turn into a larger report.
const MAX_DIAGNOSTICS: usize = 200;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// The file cannot be used as it is.
    Error,
    /// Something has no effect or is unknown; the rest holds.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// Something to say about a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The line, counted from 1; `None` where it concerns the file.
    pub line: Option<usize>,
    /// Our name of the setting concerned.
    pub setting: Option<&'static str>,
    /// What is wrong, for a person.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{}: {}", self.severity, self.message)
    }
}

/// What a file is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Our own.
    Toml,
    /// NT's registry file.
    Reg,
}

impl Format {
    /// The format of a file by its name's ending, or by its beginning where the ending says nothing.
    pub fn of(file_name: &str, bytes: &[u8]) -> Self {
        let lower = file_name.to_ascii_lowercase();
        if lower.ends_with(".reg") {
            return Self::Reg;
        }
        if lower.ends_with(".toml") {
            return Self::Toml;
        }
        let start: String = bytes
            .iter()
            .filter(|byte| byte.is_ascii_alphabetic())
            .take(15)
            .map(|byte| char::from(*byte))
            .collect();
        let start = start.to_ascii_lowercase();
        if bytes.starts_with(&[0xFF, 0xFE]) || start.starts_with("regedit") || start == "windowsregistry" {
            Self::Reg
        } else {
            Self::Toml
        }
    }
}

/// Where an entry stood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// A TOML key, or our own registry key.
    Own,
    /// A registry key that holds for the whole host.
    Global,
    /// The registry key of an interface, with the value as it stood there.
    Interface { key: String, name: String, data: RegData },
}

/// What an entry says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Content {
    Setting {
        setting: &'static Setting,
        value: Value,
        origin: Origin,
    },
    /// A TOML key that is no setting: its path and its value in TOML.
    UnknownToml {
        path: Vec<String>,
        text: String,
    },
    /// A registry value that is no setting; an empty name is the key's default value.
    UnknownReg {
        key: String,
        name: String,
        data: RegData,
    },
    /// A registry value that the file removes.
    DeletedValue {
        key: String,
        name: String,
    },
    /// A registry key that the file removes.
    DeletedKey {
        key: String,
    },
    /// A registry key without values.
    EmptyKey {
        key: String,
    },
}

/// One thing that a file says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) line: usize,
    /// The name as the file spells it.
    pub(super) spelled: String,
    pub(super) content: Content,
}

/// A settings file, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Document {
    pub(super) format: Format,
    pub(super) preset: Option<(Preset, usize)>,
    pub(super) entries: Vec<Entry>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Document {
    /// Reads a file. What is wrong with it is in [`Document::diagnostics`].
    pub fn parse(bytes: &[u8], format: Format) -> Self {
        let mut document = Self { format, preset: None, entries: Vec::new(), diagnostics: Vec::new() };
        if bytes.len() > MAX_FILE {
            let message = format!("the file has {} bytes; at most {MAX_FILE} (1 MiB) are read", bytes.len());
            document.error(None, message);
            return document;
        }
        match text::decode(bytes, format) {
            Err((line, message)) => document.error(Some(line), message),
            Ok(text) => match format {
                Format::Toml => toml::parse(&text, &mut document),
                Format::Reg => reg::parse(&text, &mut document),
            },
        }
        document
    }

    /// What the file is written in.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The preset that the file names.
    pub fn preset(&self) -> Option<Preset> {
        self.preset.map(|(preset, _)| preset)
    }

    /// The same document under another preset: written, it names that one.
    #[must_use]
    pub fn with_preset(mut self, preset: Preset) -> Self {
        let line = self.preset.map_or(0, |(_, line)| line);
        self.preset = Some((preset, line));
        self
    }

    /// What reading found. [`Document::load`] adds what only shows under a preset.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Whether reading found an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The settings that the file names: setting, value, line. An interface's value comes after the host's.
    pub fn settings(&self) -> impl Iterator<Item = (&'static Setting, &Value, usize)> {
        self.entries.iter().filter_map(|entry| match &entry.content {
            Content::Setting { setting, value, .. } => Some((*setting, value, entry.line)),
            Content::UnknownToml { .. }
            | Content::UnknownReg { .. }
            | Content::DeletedValue { .. }
            | Content::DeletedKey { .. }
            | Content::EmptyKey { .. } => None,
        })
    }

    /// The value that takes effect for a setting, by our name.
    pub fn value_of(&self, name: &str) -> Option<(&Value, usize)> {
        let mut found = None;
        let mut from_interface = false;
        for entry in &self.entries {
            if let Content::Setting { setting, value, origin } = &entry.content {
                let interface = matches!(origin, Origin::Interface { .. });
                if setting.name == name && (interface || !from_interface) {
                    found = Some((value, entry.line));
                    from_interface = interface;
                }
            }
        }
        found
    }

    /// Entries that are no setting: name as spelled, line.
    pub fn unknown(&self) -> impl Iterator<Item = (&str, usize)> {
        self.entries.iter().filter_map(|entry| match &entry.content {
            Content::UnknownToml { .. } | Content::UnknownReg { .. } => {
                Some((entry.spelled.as_str(), entry.line))
            }
            Content::Setting { .. }
            | Content::DeletedValue { .. }
            | Content::DeletedKey { .. }
            | Content::EmptyKey { .. } => None,
        })
    }

    /// Takes a diagnostic. A flood of warnings hides no error, and is none itself.
    fn report(&mut self, diagnostic: Diagnostic) {
        let severity = diagnostic.severity;
        match self.count(severity) {
            0..MAX_DIAGNOSTICS => self.diagnostics.push(diagnostic),
            MAX_DIAGNOSTICS => {
                let message = format!("more than {MAX_DIAGNOSTICS} {severity}s; the rest is not shown");
                self.diagnostics.push(Diagnostic { severity, line: diagnostic.line, setting: None, message });
            }
            _ => {}
        }
    }

    fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|one| one.severity == severity).count()
    }

    fn error(&mut self, line: Option<usize>, message: String) {
        self.report(Diagnostic { severity: Severity::Error, line, setting: None, message });
    }

    fn warning(&mut self, line: usize, message: String) {
        self.report(Diagnostic { severity: Severity::Warning, line: Some(line), setting: None, message });
    }

    fn setting_error(&mut self, line: usize, setting: &'static Setting, message: String) {
        let severity = Severity::Error;
        self.report(Diagnostic { severity, line: Some(line), setting: Some(setting.name), message });
    }

    fn read_preset(&mut self, line: usize, text: &str) {
        match text.parse::<Preset>() {
            Err(error) => self.error(Some(line), error.to_string()),
            Ok(preset) => match self.preset {
                Some((other, first)) if other != preset => {
                    self.error(Some(line), format!("preset {preset} contradicts {other} in line {first}"));
                }
                Some(_) | None => self.preset = Some((preset, line)),
            },
        }
    }
}

/// `; did you mean ...?`, or nothing; also nothing once no more warnings are taken, since it costs time.
fn did_you_mean(name: &str, document: &Document) -> String {
    if document.count(Severity::Warning) >= MAX_DIAGNOSTICS {
        return String::new();
    }
    let names = super::registry::suggest(name);
    if names.is_empty() { String::new() } else { format!("; did you mean {}?", names.join(" or ")) }
}

/// Whether `text` can stand on one line of a file: what either format can hold, the other one takes.
fn one_line(text: &str) -> bool {
    !text.chars().any(|c| matches!(c, '\r' | '\n') || text::refused(c))
}

/// Letters that a diagnostic quotes of something long.
const QUOTED: usize = 60;

/// The beginning of a text, for a message.
fn quote(text: &str) -> String {
    let short: String = text.chars().take(QUOTED).collect();
    let more = if short.len() < text.len() { "..." } else { "" };
    format!("{:?}", format!("{short}{more}"))
}

#[cfg(test)]
mod tests;
