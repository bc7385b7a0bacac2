//! Registry values as settings: which key means what, and which data a setting takes.

use super::reg::{Values, fold};
use super::reg_data::RegData;
use super::{Content, Document, Entry, Origin, did_you_mean, quote};
use crate::settings::registry::{self, NtKey, NtName, Setting};
use crate::settings::value::{Kind, Value};

/// What a file says about a key or a value, before its meaning is looked up.
#[derive(Clone, Debug)]
pub(super) enum Raw {
    Key { key: String },
    DeletedKey { key: String },
    Value { key: String, name: String, data: RegData },
    DeletedValue { key: String, name: String },
}

/// What a key is to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Nt(NtKey),
    Ours,
    OursUnknown,
}

fn place(folded: &str) -> Option<Place> {
    let below = folded.strip_prefix(r"hkey_local_machine\system\currentcontrolset\services\")?;
    let parts: Vec<&str> = below.split('\\').collect();
    match parts[..] {
        ["tcpip", "parameters"] => Some(Place::Nt(NtKey::Tcpip)),
        ["tcpip", "parameters", "interfaces", _] | [_, "parameters", "tcpip"] => {
            Some(Place::Nt(NtKey::Interface))
        }
        ["afd", "parameters"] => Some(Place::Nt(NtKey::Afd)),
        ["netbt", "parameters"] => Some(Place::Nt(NtKey::NetBt)),
        ["synward", "parameters"] => Some(Place::Ours),
        ["synward", "parameters", "unknown"] => Some(Place::OursUnknown),
        _ => None,
    }
}

/// Adds what a file said to the document, in the order of the lines.
pub(super) fn interpret(values: Values, document: &mut Document) {
    // A key that holds values needs no entry of its own.
    let mut last_key = String::new();
    let mut ordered: Vec<(usize, Raw)> = Vec::new();
    for ((key, name), (line, raw)) in values.into_iter().rev() {
        // In reverse order a key comes directly behind its own values.
        let has_values = last_key == key && name.is_none();
        if !(has_values && matches!(raw, Raw::Key { .. })) {
            ordered.push((line, raw));
        }
        last_key = key;
    }
    ordered.sort_by_key(|(line, _)| *line);
    for (line, raw) in ordered {
        match raw {
            Raw::Key { key } => push(document, line, key.clone(), Content::EmptyKey { key }),
            Raw::DeletedKey { key } => push(document, line, key.clone(), Content::DeletedKey { key }),
            Raw::DeletedValue { key, name } => {
                push(document, line, name.clone(), Content::DeletedValue { key, name });
            }
            Raw::Value { key, name, data } => value(document, line, key, name, data),
        }
    }
}

fn push(document: &mut Document, line: usize, spelled: String, content: Content) {
    document.entries.push(Entry { line, spelled, content });
}

fn value(document: &mut Document, line: usize, key: String, name: String, data: RegData) {
    match place(&fold(&key)) {
        Some(Place::Nt(nt_key)) => nt(document, line, nt_key, key, name, data),
        Some(Place::Ours) => ours(document, line, key, name, &data),
        Some(Place::OursUnknown) => {
            let read = data.text().and_then(|text| super::toml::unknown_from_reg(&name, &text));
            match read {
                Some((path, text)) => {
                    document.warning(line, format!("{name} is no setting; it is kept"));
                    push(document, line, name, Content::UnknownToml { path, text });
                }
                None => unknown(document, line, key, name, data, ""),
            }
        }
        None => unknown(document, line, key, name, data, ""),
    }
}

fn unknown(document: &mut Document, line: usize, key: String, name: String, data: RegData, hint: &str) {
    let shown = if name.is_empty() { "the default value".to_owned() } else { quote(&name) };
    document.warning(line, format!("{shown} in [{key}] is no setting that we know; it is kept{hint}"));
    push(document, line, name.clone(), Content::UnknownReg { key, name, data });
}

/// A value below one of NT's keys.
fn nt(document: &mut Document, line: usize, nt_key: NtKey, key: String, name: String, data: RegData) {
    let found: Vec<(&'static Setting, &'static NtName)> = registry::by_nt(nt_key, &name).collect();
    if found.is_empty() {
        let elsewhere = registry::all()
            .flat_map(|setting| setting.nt)
            .find(|nt| nt.name.eq_ignore_ascii_case(&name))
            .map(|nt| format!("; NT has it below Services\\{}", nt.key.path()));
        let hint = elsewhere.unwrap_or_else(|| did_you_mean(&name, document));
        unknown(document, line, key, name, data, &hint);
        return;
    }
    for (setting, nt_name) in found {
        if nt_name.key != nt_key && !setting.nt.iter().any(|nt| nt.key == nt_key) {
            let text =
                format!("{name}: NT reads it below Services\\{}; it is taken here too", nt_name.key.path());
            document.warning(line, text);
        }
        match nt_value(setting, nt_name, &data) {
            Ok(value) => {
                let origin = if nt_key == NtKey::Interface {
                    Origin::Interface { key: key.clone(), name: name.clone(), data: data.clone() }
                } else {
                    Origin::Global
                };
                push(document, line, name.clone(), Content::Setting { setting, value, origin });
            }
            Err(message) => {
                document.setting_error(line, setting, format!("{name}: {message}"));
                // Bits of one value share one mistake.
                return;
            }
        }
    }
}

fn nt_value(setting: &Setting, nt: &NtName, data: &RegData) -> Result<Value, String> {
    if setting.kind == Kind::List {
        let list = data.list().map(Value::List);
        return list.ok_or_else(|| format!("it is a REG_MULTI_SZ, and this is {}", data.type_name()));
    }
    let dword = matches!(data, RegData::Dword(_) | RegData::Bytes { kind: 4 | 5, .. });
    let number = data.number().filter(|_| dword);
    let number = match (number, dword) {
        (Some(number), _) => number,
        (None, true) => return Err("a REG_DWORD has exactly 4 bytes".to_owned()),
        (None, false) => return Err(format!("it is a REG_DWORD, and this is {}", data.type_name())),
    };
    if let Some(bit) = nt.bit {
        // Bits of one value: there are as many values as bits.
        let most = registry::by_nt(nt.key, nt.name).fold(0, |sum, (_, nt)| sum | 1 << nt.bit.unwrap_or(0));
        if number > most {
            return Err(format!("{number} is out of range; the range is 0 to {most}"));
        }
        return Ok(Value::Switch(number >> bit & 1 == 1));
    }
    setting.kind.of_number(number).ok_or_else(|| {
        format!("{number} is out of range; the range is {}", setting.range.describe(setting.kind))
    })
}

/// A value below our own key.
fn ours(document: &mut Document, line: usize, key: String, name: String, data: &RegData) {
    if name.eq_ignore_ascii_case("preset") {
        match data.text() {
            Some(text) => document.read_preset(line, &text),
            None => document.error(Some(line), "preset is a text (REG_SZ)".to_owned()),
        }
        return;
    }
    let Some(setting) = registry::all().find(|setting| setting.name.eq_ignore_ascii_case(&name)) else {
        let hint = did_you_mean(&name, document);
        unknown(document, line, key, name, data.clone(), &hint);
        return;
    };
    let value = data
        .number()
        .and_then(|number| setting.kind.of_number(number))
        .or_else(|| data.text().and_then(|text| setting.kind.of_text(&text)))
        .or_else(|| data.list().filter(|_| setting.kind == Kind::List).map(Value::List));
    match value {
        Some(value) => push(document, line, name, Content::Setting { setting, value, origin: Origin::Own }),
        None => {
            let message = format!("{name} is {}, and this is {}", setting.kind.expects(), data.format());
            document.setting_error(line, setting, message);
        }
    }
}
