//! Our own files: TOML, with a table for each group and times with units.

use toml::de::{DeTable, DeValue};

use super::interpret;
use super::reg::{self, Values};
use super::reg_data::RegData;
use super::text::Lines;
use super::{Content, Document, Entry, Origin, did_you_mean, quote};
use crate::settings::registry;
use crate::settings::value::{Kind, Value};

pub(super) fn parse(text: &str, document: &mut Document) {
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let line = error.span().map(|span| Lines::new(text).of(span.start));
            document.error(line, error.message().to_owned());
            return;
        }
    };
    let mut values = Values::new();
    walk(&Lines::new(text), table.get_ref(), &mut Vec::new(), document, &mut values);
    interpret::interpret(values, document);
    document.entries.sort_by_key(|entry| entry.line);
    document.diagnostics.sort_by_key(|diagnostic| diagnostic.line);
}

fn walk(
    lines: &Lines,
    table: &DeTable<'_>,
    path: &mut Vec<String>,
    document: &mut Document,
    values: &mut Values,
) {
    for (key, value) in table {
        let line = lines.of(key.span().start);
        path.push(key.get_ref().to_string());
        match (&path[..], value.get_ref()) {
            ([name], DeValue::String(preset)) if name == "preset" => document.read_preset(line, preset),
            ([name], _) if name == "preset" => document.error(Some(line), "preset is a text".to_owned()),
            ([name], DeValue::Table(keys)) if name == "registry" => {
                registry_keys(lines, keys, document, values)
            }
            (_, DeValue::Table(inner))
                if !inner.is_empty() && registry::by_name(&path.join(".")).is_none() =>
            {
                walk(lines, inner, path, document, values);
            }
            (_, value) => leaf(line, path, value, document),
        }
        path.pop();
    }
}

fn leaf(line: usize, path: &[String], value: &DeValue<'_>, document: &mut Document) {
    let name = path.join(".");
    let Some(setting) = registry::by_name(&name) else {
        if let Some(wrong) = wrong_number(value) {
            document.error(Some(line), format!("{}: {} is no number", quote(&name), quote(wrong)));
            return;
        }
        document.warning(
            line,
            format!("{} is no setting; it is kept{}", quote(&name), did_you_mean(&name, document)),
        );
        let content = Content::UnknownToml { path: path.to_vec(), text: inline(value) };
        document.entries.push(Entry { line, spelled: name, content });
        return;
    };
    match of_toml(setting.kind, value) {
        Some(value) => {
            let content = Content::Setting { setting, value, origin: Origin::Own };
            document.entries.push(Entry { line, spelled: name, content });
        }
        None => {
            let shown = inline(value);
            let message = format!("{name} is {}, and this is {}", setting.kind.expects(), quote(&shown));
            document.setting_error(line, setting, message);
        }
    }
}

fn of_toml(kind: Kind, value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::Boolean(on) => (kind == Kind::Switch).then_some(Value::Switch(*on)),
        DeValue::Integer(number) => {
            kind.of_number(u64::from_str_radix(number.as_str(), number.radix()).ok()?)
        }
        DeValue::String(text) => match kind {
            // A number or a switch in quotes is a mistake rather than a spelling.
            Kind::Duration(_) | Kind::Word(_) => kind.of_text(text),
            Kind::Switch | Kind::Number(_) | Kind::List => None,
        },
        DeValue::Array(items) if kind == Kind::List => {
            let items = items.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
            items.collect::<Option<Vec<String>>>().map(Value::List)
        }
        DeValue::Array(_) | DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

/// `[registry."HKEY_..."]`: what a `.reg` file says under that key. Deletions of keys come first.
fn registry_keys(lines: &Lines, keys: &DeTable<'_>, document: &mut Document, values: &mut Values) {
    for delete in [true, false] {
        for (key, table) in keys {
            let line = lines.of(key.span().start);
            let (is_delete, path) =
                key.get_ref().strip_prefix('-').map_or((false, key.get_ref().as_ref()), |path| (true, path));
            if is_delete != delete {
                continue;
            }
            match (reg::check_key(path), table.get_ref()) {
                (Err(message), _) => document.error(Some(line), message),
                (Ok(path), DeValue::Table(table)) => {
                    registry_key(lines, line, path, is_delete, table, document, values);
                }
                (Ok(_), _) => document.error(Some(line), "a registry key is a table of values".to_owned()),
            }
        }
    }
}

fn registry_key(
    lines: &Lines,
    line: usize,
    path: &str,
    is_delete: bool,
    table: &DeTable<'_>,
    document: &mut Document,
    values: &mut Values,
) {
    if is_delete {
        if !table.is_empty() {
            document.error(Some(line), "a deleted registry key has no values".to_owned());
        }
        reg::delete_key(values, path, line);
        return;
    }
    let raw = interpret::Raw::Key { key: path.to_owned() };
    values.entry((reg::fold(path), None)).or_insert_with(|| (line, raw));
    for (name, value) in table {
        let line = lines.of(name.span().start);
        let name: &str = name.get_ref();
        let data = match value.get_ref() {
            DeValue::String(data) if super::one_line(data) && super::one_line(name) => match data.as_ref() {
                "-" => Ok(None),
                data => RegData::parse(data, false).map(Some),
            },
            _ => Err("a registry value is its data as a .reg file has it, in quotes, on one line".to_owned()),
        };
        match data {
            Ok(data) => reg::put(values, path, name.to_owned(), data, line, document),
            Err(message) => document.error(Some(line), format!("{}: {message}", quote(name))),
        }
    }
}

/// An unknown key that a `.reg` file kept for us: its path and its value.
pub(super) fn unknown_from_reg(name: &str, text: &str) -> Option<(Vec<String>, String)> {
    let source = format!("{name} = {text}");
    let table = DeTable::parse(&source).ok()?;
    let mut table = table.get_ref();
    let mut path = Vec::new();
    loop {
        let mut entries = table.iter();
        let (Some((key, value)), None) = (entries.next(), entries.next()) else { return None };
        path.push(key.get_ref().to_string());
        match value.get_ref() {
            DeValue::Table(inner) if !inner.is_empty() => table = inner,
            value => return wrong_number(value).is_none().then(|| (path, inline(value))),
        }
    }
}

/// What stands where a number should: the parser tells numbers by how they begin, and leaves reading them to us.
fn wrong_number<'a>(value: &'a DeValue<'_>) -> Option<&'a str> {
    match value {
        DeValue::Integer(number) => {
            let text = number.as_str();
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            let good = !digits.is_empty() && digits.chars().all(|c| c.is_digit(number.radix()));
            (!good).then_some(text)
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().is_err().then(|| number.as_str()),
        DeValue::Array(items) => items.iter().find_map(|item| wrong_number(item.get_ref())),
        DeValue::Table(table) => table.values().find_map(|value| wrong_number(value.get_ref())),
        DeValue::String(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => None,
    }
}

/// A value as TOML on one line.
fn inline(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => basic(text),
        DeValue::Integer(number) => {
            let prefix = match number.radix() {
                2 => "0b",
                8 => "0o",
                16 => "0x",
                _ => "",
            };
            format!("{prefix}{}", number.as_str())
        }
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(on) => on.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| inline(item.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(table) => {
            let items: Vec<String> = table
                .iter()
                .map(|(key, value)| {
                    format!("{} = {}", bare_or_quoted(key.get_ref()), inline(value.get_ref()))
                })
                .collect();
            if items.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", items.join(", ")) }
        }
    }
}

/// A text as a TOML basic string, on one line.
pub(super) fn basic(text: &str) -> String {
    escaped(text, char::is_control)
}

/// A TOML key in quotes, its capitals as escapes: no other key becomes the same where case does not count.
pub(super) fn without_capitals(key: &str) -> String {
    escaped(key, |c| c.is_control() || !c.to_lowercase().eq([c]))
}

fn escaped(text: &str, by_number: impl Fn(char) -> bool) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match (c, u32::from(c)) {
            ('"', _) => quoted.push_str("\\\""),
            ('\\', _) => quoted.push_str("\\\\"),
            (_, number @ 0..0x1_0000) if by_number(c) => quoted.push_str(&format!("\\u{number:04X}")),
            (_, number) if by_number(c) => quoted.push_str(&format!("\\U{number:08X}")),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A TOML key.
pub(super) fn bare_or_quoted(key: &str) -> String {
    let bare = !key.is_empty()
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if bare { key.to_owned() } else { basic(key) }
}
