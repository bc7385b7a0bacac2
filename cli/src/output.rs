//! How every subcommand speaks: text for people with colours on a terminal only, JSON for programs, exit codes.

use std::io::Write;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

/// What was asked for was done, and holds.
pub(crate) const OK: ExitCode = ExitCode::SUCCESS;

/// What was asked for failed, or does not hold.
pub(crate) fn failed() -> ExitCode {
    ExitCode::from(1)
}

/// The command line asks for something that is not there.
pub(crate) fn usage() -> ExitCode {
    ExitCode::from(2)
}

/// [`OK`] or [`failed`].
pub(crate) fn ok_if(holds: bool) -> ExitCode {
    if holds { OK } else { failed() }
}

/// Headings.
pub(crate) const BOLD: Style = Style::new().bold();
/// What went wrong.
pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
/// What deserves a look.
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default().bold();

/// `text` in a style; the style is dropped where standard output is no terminal.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes `text` and a line's end to standard output. A reader that went away (`| head`) is no failure.
pub(crate) fn line(text: impl std::fmt::Display) {
    let _ = writeln!(anstream::stdout(), "{text}");
}

/// Writes `text` to standard output, without its styles where that is no terminal.
pub(crate) fn text(text: &str) {
    let mut out = anstream::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes `text` to standard output as it is.
pub(crate) fn raw(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes one JSON value, on lines for a person who looks.
pub(crate) fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => raw(&format!("{text}\n")),
        Err(problem) => error(problem),
    }
}

/// Writes `error: ...` to standard error.
pub(crate) fn error(message: impl std::fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{} {message}", styled(RED, "error:"));
}

/// Writes `text` and a line's end to standard error.
pub(crate) fn note(text: impl std::fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{text}");
}
