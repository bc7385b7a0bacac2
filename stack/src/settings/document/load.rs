//! A document under a preset: settings, and everything that is to be said about them.

use std::collections::BTreeMap;

use super::{Content, Diagnostic, Document, Origin, Severity};
use crate::settings::groups::Settings;
use crate::settings::preset::Preset;
use crate::settings::registry::{Setting, Status};
use crate::settings::validate::{self, Finding};
use crate::settings::value::Value;

/// What a document amounts to.
#[derive(Clone, PartialEq, Debug)]
pub struct Loaded {
    /// The preset that it stands on.
    pub preset: Preset,
    /// The settings: the preset's, changed by every entry that is valid.
    pub settings: Settings,
    /// Errors and warnings, by line.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// Whether anything is an error; the settings must then not be used.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// What the file says about one setting so far.
struct Named<'a> {
    value: &'a Value,
    line: usize,
    interface: bool,
}

impl Document {
    /// The settings under `preset`, else under the file's own preset, else under `modern`.
    pub fn load(&self, preset: Option<Preset>) -> Loaded {
        let preset = preset.or(self.preset()).unwrap_or_default();
        let mut report = self.clone();
        let mut settings = preset.settings();
        let mut named: BTreeMap<&'static str, Named<'_>> = BTreeMap::new();
        for entry in &self.entries {
            let Content::Setting { setting, value, origin } = &entry.content else { continue };
            let interface = matches!(origin, Origin::Interface { .. });
            if let Some(first) = named.get(setting.name) {
                if !supersedes(&mut report, setting, first, value, entry.line, interface) {
                    continue;
                }
            }
            if let Err(error) = setting.check(preset, value) {
                let text = format!("{}{error}", spelling(&entry.spelled, setting));
                report.setting_error(entry.line, setting, text);
                continue;
            }
            if let Status::AcceptedWithoutEffect { reason, .. } = setting.status {
                let text = format!("{} has no effect: {reason}", entry.spelled);
                warn(&mut report, entry.line, setting, text);
            }
            // The range was checked; a value of another kind was refused when the file was read.
            if let Err(error) = setting.set(&mut settings, preset, value) {
                report.setting_error(entry.line, setting, error.to_string());
            }
            named.insert(setting.name, Named { value, line: entry.line, interface });
        }
        follow_window(&mut report, &mut settings, &named);
        for finding in validate::validate(&settings) {
            attach(&mut report, &finding, &named);
        }
        let mut diagnostics = report.diagnostics;
        diagnostics.sort_by_key(|diagnostic| diagnostic.line);
        Loaded { preset, settings, diagnostics }
    }
}

fn spelling(spelled: &str, setting: &Setting) -> String {
    if spelled == setting.name { String::new() } else { format!("{spelled}: ") }
}

fn warn(report: &mut Document, line: usize, setting: &'static Setting, message: String) {
    report.report(Diagnostic {
        severity: Severity::Warning,
        line: Some(line),
        setting: Some(setting.name),
        message,
    });
}

/// Whether a second value of a setting takes the first one's place: an interface's over the host's.
fn supersedes(
    report: &mut Document,
    setting: &'static Setting,
    first: &Named<'_>,
    value: &Value,
    line: usize,
    interface: bool,
) -> bool {
    if first.value == value {
        return false;
    }
    match (first.interface, interface) {
        (false, false) => {
            let text = format!(
                "{} = {value} contradicts line {}, which says {}",
                setting.name, first.line, first.value
            );
            report.setting_error(line, setting, text);
            false
        }
        (true, true) => {
            let text = format!(
                "{} = {value} for another interface than line {}, which says {}; there is one interface, and \
                 this one holds",
                setting.name, first.line, first.value
            );
            warn(report, line, setting, text);
            true
        }
        (false, true) => {
            let text = format!("{} = {value} for the interface holds over line {}", setting.name, first.line);
            warn(report, line, setting, text);
            true
        }
        (true, false) => {
            let text = format!(
                "{} = {value} gives way to the interface's value in line {}",
                setting.name, first.line
            );
            warn(report, line, setting, text);
            false
        }
    }
}

/// `TcpWindowSize` alone takes the largest window with it; NT's sources conflict which of the two wins.
fn follow_window(report: &mut Document, settings: &mut Settings, named: &BTreeMap<&'static str, Named<'_>>) {
    let tcp = &mut settings.tcp;
    let (Some(window), None) = (named.get("tcp.receive-window"), named.get("tcp.receive-window-max")) else {
        return;
    };
    if tcp.receive_window > tcp.receive_window_max {
        let text = format!(
            "tcp.receive-window = {} is above tcp.receive-window-max, which the file does not set and which \
             follows it",
            tcp.receive_window
        );
        tcp.receive_window_max = tcp.receive_window;
        report.warning(window.line, text);
    }
}

/// A finding about several settings, at the last line that names one of them. What only the preset says is the
/// preset's business.
fn attach(report: &mut Document, finding: &Finding, named: &BTreeMap<&'static str, Named<'_>>) {
    let lines = finding.settings.iter().filter_map(|name| named.get(name).map(|named| (named.line, *name)));
    let Some((line, setting)) = lines.max() else { return };
    report.report(Diagnostic {
        severity: finding.severity,
        line: Some(line),
        setting: Some(setting),
        message: finding.message.clone(),
    });
}
