//! Settings files on disk, and how their diagnostics are shown.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Serialize;
use synward::settings::document::MAX_FILE;
use synward::settings::{Diagnostic, Document, Format, Preset, Settings, Severity};

use crate::output::{self, RED, YELLOW, styled};

/// Reads a file; never more of it than a settings file may have.
pub(crate) fn read(path: &Path) -> Result<Document, String> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| format!("{shown}: {error}"))?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_FILE).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(|error| format!("{shown}: {error}"))?;
    let format = Format::of(&path.to_string_lossy(), &bytes);
    Ok(Document::parse(&bytes, format))
}

/// The settings of a file on its preset, or of the preset alone. What is to be said of the file goes to standard error.
pub(crate) fn load(path: Option<&Path>, preset: Option<Preset>) -> Result<Settings, String> {
    let Some(path) = path else { return Ok(preset.unwrap_or_default().settings()) };
    let loaded = read(path)?.load(preset);
    for diagnostic in &loaded.diagnostics {
        output::note(show(path, diagnostic));
    }
    let errors = loaded.diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
    if loaded.has_errors() {
        return Err(format!("{}: {errors} of its lines cannot be used", path.display()));
    }
    Ok(loaded.settings)
}

/// `FILE:LINE: error: message`.
pub(crate) fn show(path: &Path, diagnostic: &Diagnostic) -> String {
    let style = match diagnostic.severity {
        Severity::Error => RED,
        Severity::Warning => YELLOW,
    };
    let line = diagnostic.line.map_or_else(String::new, |line| format!("{line}:"));
    let severity = styled(style, format_args!("{}:", diagnostic.severity));
    format!("{}:{line} {severity} {}", path.display(), diagnostic.message)
}

/// A diagnostic for programs.
#[derive(Serialize)]
pub(super) struct Json<'a> {
    severity: String,
    line: Option<usize>,
    setting: Option<&'static str>,
    message: &'a str,
}

impl<'a> From<&'a Diagnostic> for Json<'a> {
    fn from(diagnostic: &'a Diagnostic) -> Self {
        Self {
            severity: diagnostic.severity.to_string(),
            line: diagnostic.line,
            setting: diagnostic.setting,
            message: &diagnostic.message,
        }
    }
}
