//! A document as TOML or as a `.reg` file.

use std::collections::{BTreeMap, BTreeSet};

use super::reg_data::{RegData, quote};
use super::toml::{bare_or_quoted, basic, without_capitals};
use super::{Content, Document, Origin};
use crate::settings::registry::{NtKey, Setting};
use crate::settings::value::{Kind, Value};

const SERVICES: &str = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services";

/// Keys in the order of their first use, each with its lines.
#[derive(Default)]
struct Sections {
    order: Vec<String>,
    lines: BTreeMap<String, Vec<String>>,
}

impl Sections {
    fn open(&mut self, key: &str) -> &mut Vec<String> {
        if !self.lines.contains_key(key) {
            self.order.push(key.to_owned());
        }
        self.lines.entry(key.to_owned()).or_default()
    }

    fn add(&mut self, key: &str, line: String) {
        self.open(key).push(line);
    }

    /// As [`Sections::add`], but not a second time behind the same line: the bits of one value are one line.
    fn add_once(&mut self, key: &str, line: String) {
        let lines = self.open(key);
        if lines.last() != Some(&line) {
            lines.push(line);
        }
    }

    fn write(&self, out: &mut String, end: &str) {
        for key in &self.order {
            out.push_str(&format!("{end}[{key}]{end}"));
            for line in self.lines.get(key).into_iter().flatten() {
                out.push_str(line);
                out.push_str(end);
            }
        }
    }
}

impl Document {
    /// The document as TOML.
    pub fn to_toml(&self) -> String {
        let mut root = String::new();
        if let Some((preset, _)) = self.preset {
            root.push_str(&format!("preset = \"{preset}\"\n"));
        }
        let mut groups = Sections::default();
        let mut keys = Sections::default();
        let mut written = BTreeSet::new();
        for entry in &self.entries {
            match &entry.content {
                Content::Setting { setting, origin, .. } if repeats(&mut written, setting, origin) => {}
                Content::Setting { setting, value, origin: Origin::Own | Origin::Global } => {
                    let name = setting.name.split_once('.').map_or(setting.name, |(_, name)| name);
                    groups.add(setting.group(), format!("{name} = {}", toml_value(value)));
                }
                Content::Setting { origin: Origin::Interface { key, name, data }, .. } => {
                    keys.add_once(
                        &registry_table(key),
                        format!("{} = {}", basic(name), basic(&data.format())),
                    );
                }
                Content::UnknownToml { path, text } => {
                    let names: Vec<String> = path.iter().map(|part| bare_or_quoted(part)).collect();
                    match &names[..] {
                        [group, rest @ ..] if !rest.is_empty() => {
                            groups.add(group, format!("{} = {text}", rest.join(".")));
                        }
                        _ => root.push_str(&format!("{} = {text}\n", names.join("."))),
                    }
                }
                Content::UnknownReg { key, name, data } => {
                    keys.add(&registry_table(key), format!("{} = {}", basic(name), basic(&data.format())));
                }
                Content::DeletedValue { key, name } => {
                    keys.add(&registry_table(key), format!("{} = \"-\"", basic(name)));
                }
                Content::DeletedKey { key } => {
                    keys.open(&registry_table(&format!("-{key}")));
                }
                Content::EmptyKey { key } => {
                    keys.open(&registry_table(key));
                }
            }
        }
        groups.write(&mut root, "\n");
        keys.write(&mut root, "\n");
        root.trim_start_matches('\n').to_owned()
    }

    /// The document as a `.reg` file of version 5.00, as text with CRLF.
    pub fn to_reg(&self) -> String {
        let mut deleted = Sections::default();
        let mut keys = Sections::default();
        let ours = format!(r"{SERVICES}\Synward\Parameters");
        if let Some((preset, _)) = self.preset {
            keys.add(&ours, format!("\"preset\"=\"{preset}\""));
        }
        let mut written = BTreeSet::new();
        let mut unknown = BTreeSet::new();
        for entry in &self.entries {
            match &entry.content {
                Content::Setting { setting, origin, .. } if repeats(&mut written, setting, origin) => {}
                Content::Setting { setting, value, origin: Origin::Own | Origin::Global } => {
                    let (key, line) = match self.nt_line(setting, value) {
                        Some(line) => line,
                        None => {
                            (ours.clone(), format!("{}={}", quote(setting.name), own_data(value).format()))
                        }
                    };
                    keys.add_once(&key, line);
                }
                Content::Setting { origin: Origin::Interface { key, name, data }, .. } => {
                    keys.add_once(key, format!("{}={}", quote(name), data.format()));
                }
                Content::UnknownToml { path, text } => {
                    let mut name = dotted(path, |part| bare_or_quoted(part));
                    // In the registry names are one whose letters differ in case alone; in TOML they are two.
                    if !unknown.insert(name.to_lowercase()) {
                        name = dotted(path, |part| without_capitals(part));
                    }
                    let line = format!("{}={}", quote(&name), quote(text));
                    keys.add(&format!(r"{ours}\Unknown"), line);
                }
                Content::UnknownReg { key, name, data } => {
                    keys.add(key, format!("{}={}", value_name(name), data.format()));
                }
                Content::DeletedValue { key, name } => keys.add(key, format!("{}=-", value_name(name))),
                Content::DeletedKey { key } => {
                    deleted.open(&format!("-{key}"));
                }
                Content::EmptyKey { key } => {
                    keys.open(key);
                }
            }
        }
        let mut out = String::from("Windows Registry Editor Version 5.00\r\n");
        deleted.write(&mut out, "\r\n");
        keys.write(&mut out, "\r\n");
        out
    }

    /// [`Document::to_reg`] as Windows exports it: UTF-16LE with a byte order mark.
    pub fn to_reg_bytes(&self) -> Vec<u8> {
        let text = format!("\u{feff}{}", self.to_reg());
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    /// Key and line of a setting below NT's key; `None` where NT has no name or no form for the value.
    fn nt_line(&self, setting: &'static Setting, value: &Value) -> Option<(String, String)> {
        let nt = setting.nt.first()?;
        let key = match nt.key {
            // Without an interface there is no key to write to.
            NtKey::Interface => return None,
            NtKey::Tcpip | NtKey::Afd | NtKey::NetBt => format!("{SERVICES}\\{}", nt.key.path()),
        };
        let data = if let Value::List(items) = value {
            RegData::multi(items)
        } else if nt.bit.is_some() {
            RegData::Dword(self.bits(nt.name)?)
        } else {
            RegData::Dword(u32::try_from(value.plain(setting.kind)?).ok()?)
        };
        Some((key, format!("{}={}", quote(nt.name), data.format())))
    }

    /// The value that several settings share, where the document has all of them.
    fn bits(&self, name: &str) -> Option<u32> {
        let mut bits = 0;
        for (setting, nt) in crate::settings::registry::by_nt(NtKey::Tcpip, name) {
            let found = self.entries.iter().rev().find_map(|entry| match &entry.content {
                Content::Setting { setting: other, value, origin: Origin::Own | Origin::Global }
                    if *other == setting =>
                {
                    Some(*value == Value::Switch(true))
                }
                _ => None,
            });
            bits |= u32::from(found?) << nt.bit?;
        }
        Some(bits)
    }
}

/// Whether a setting of the host was written before: a file may name it twice, by NT's name and by ours, and TOML
/// takes a key once. Two values that differ are an error of [`Document::load`].
fn repeats(written: &mut BTreeSet<&'static str>, setting: &Setting, origin: &Origin) -> bool {
    match origin {
        Origin::Own | Origin::Global => !written.insert(setting.name),
        Origin::Interface { .. } => false,
    }
}

fn registry_table(key: &str) -> String {
    format!("registry.{}", basic(key))
}

/// A path of TOML keys.
fn dotted(path: &[String], key: impl Fn(&String) -> String) -> String {
    path.iter().map(key).collect::<Vec<_>>().join(".")
}

fn value_name(name: &str) -> String {
    if name.is_empty() { "@".to_owned() } else { quote(name) }
}

fn toml_value(value: &Value) -> String {
    match value {
        Value::Switch(_) | Value::Number(_) => value.to_string(),
        Value::Duration(_) | Value::Word(_) => basic(&value.to_string()),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| basic(item)).collect();
            format!("[{}]", items.join(", "))
        }
    }
}

/// A value below our own key: numbers and switches as numbers, everything else as text.
fn own_data(value: &Value) -> RegData {
    match value {
        Value::List(items) => RegData::multi(items),
        Value::Duration(_) | Value::Word(_) => RegData::Text(value.to_string()),
        Value::Switch(_) | Value::Number(_) => {
            let number = value.plain(Kind::Switch).unwrap_or(0);
            u32::try_from(number).map_or_else(
                |_| RegData::Bytes { kind: 11, bytes: number.to_le_bytes().to_vec() },
                RegData::Dword,
            )
        }
    }
}
