//! NT's `.reg` files, line by line. The rules are those that Windows follows; lines that Windows skips silently
//! are reported here.

use std::collections::BTreeMap;

use super::interpret::{self, Raw};
use super::reg_data::{BLANKS, RegData, quoted};
use super::{Document, quote};

const ROOTS: [&str; 7] = [
    "HKEY_LOCAL_MACHINE",
    "HKEY_CURRENT_USER",
    "HKEY_CLASSES_ROOT",
    "HKEY_USERS",
    "HKEY_CURRENT_CONFIG",
    "HKEY_DYN_DATA",
    "HKEY_PERFORMANCE_DATA",
];

/// What a file has done to a value or a key, by key and name without regard to case. A key itself has no name.
pub(super) type Values = BTreeMap<(String, Option<String>), (usize, Raw)>;

pub(super) fn parse(text: &str, document: &mut Document) {
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines = unified.split('\n').enumerate().map(|(at, line)| (at + 1, line));
    let Some((_, header)) = lines.next() else { return };
    let ansi_text = match header.trim_start_matches(BLANKS) {
        "REGEDIT4" => true,
        "Windows Registry Editor Version 5.00" => false,
        other => {
            document.error(Some(1), refused_header(other));
            return;
        }
    };
    let mut values = Values::new();
    let mut key: Option<String> = None;
    let mut key_was_bad = false;
    while let Some((number, line)) = lines.next() {
        let line = line.trim_start_matches(BLANKS);
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let read = key_line(rest, number, &mut values);
            key_was_bad = read.is_err();
            match read {
                Ok(read) => key = read,
                Err(message) => {
                    key = None;
                    document.error(
                        Some(number),
                        format!("{message}; values up to the next key line are ignored"),
                    );
                }
            }
            continue;
        }
        // The value's continuation lines belong to it even where it is ignored.
        let read = value_line(line, &mut lines, ansi_text);
        match (read, &key) {
            (_, None) if key_was_bad => {}
            (Err(message), _) => document.error(Some(number), message),
            (Ok(_), None) => document
                .error(Some(number), "no key is open: no line with [HKEY_...] stands before".to_owned()),
            (Ok((name, data)), Some(key)) => put(&mut values, key, name, data, number, document),
        }
    }
    interpret::interpret(values, document);
}

fn refused_header(found: &str) -> String {
    let wanted = "the first line must be exactly REGEDIT4 or Windows Registry Editor Version 5.00";
    if found.trim_end() == "REGEDIT" {
        return format!("{wanted}; REGEDIT alone is the format of Windows 3.1");
    }
    format!("{wanted}, and is {}", quote(found))
}

/// The open key, or `None` after a deletion.
fn key_line(rest: &str, number: usize, values: &mut Values) -> Result<Option<String>, String> {
    let end = rest.rfind(']').ok_or("the key line has no ]")?;
    let (path, behind) = rest.split_at(end);
    let behind = behind.trim_start_matches(']').trim_matches(BLANKS);
    if !behind.is_empty() && !behind.starts_with(';') {
        return Err("something stands behind the key".to_owned());
    }
    let (delete, path) = path.strip_prefix('-').map_or((false, path), |path| (true, path));
    let path = check_key(path)?;
    if delete {
        delete_key(values, path, number);
        return Ok(None);
    }
    values.entry((fold(path), None)).or_insert_with(|| (number, Raw::Key { key: path.to_owned() }));
    Ok(Some(path.to_owned()))
}

/// A key's path with its full root name.
pub(super) fn check_key(path: &str) -> Result<&str, String> {
    let path = path.strip_suffix('\\').unwrap_or(path);
    let root = path.split('\\').next().unwrap_or_default();
    if !super::one_line(path) || path.split('\\').any(str::is_empty) {
        return Err("the key has an empty part or a control character".to_owned());
    }
    if ROOTS.iter().any(|known| known.eq_ignore_ascii_case(root)) {
        return Ok(path);
    }
    let short = match root.to_ascii_uppercase().as_str() {
        "HKLM" => "; the short form HKLM is not taken: write HKEY_LOCAL_MACHINE",
        "HKCU" => "; the short form HKCU is not taken: write HKEY_CURRENT_USER",
        _ => "",
    };
    Err(format!("{} is no root key{short}", quote(root)))
}

/// Removes what the file said about the key and everything below it, and remembers the deletion.
pub(super) fn delete_key(values: &mut Values, path: &str, number: usize) {
    let folded = fold(path);
    let below = format!("{folded}\\");
    let gone: Vec<_> = [&folded, &below]
        .into_iter()
        .flat_map(|start| {
            let exact = *start == folded;
            values
                .range((start.clone(), None)..)
                .map(|(at, _)| at)
                .take_while(
                    move |(key, _)| if exact { key == start } else { key.starts_with(start.as_str()) },
                )
                .cloned()
                .collect::<Vec<_>>()
        })
        .collect();
    for at in gone {
        values.remove(&at);
    }
    values.insert((folded, None), (number, Raw::DeletedKey { key: path.to_owned() }));
}

/// Name and data; no data: the value is removed.
type Line = (String, Option<RegData>);

fn value_line<'a>(
    line: &str,
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
    ansi_text: bool,
) -> Result<Line, String> {
    let (name, rest) = if let Some(rest) = line.strip_prefix('@') {
        (String::new(), rest)
    } else if line.starts_with('"') {
        quoted(line).ok_or("the value's name has no closing quote")?
    } else {
        return Err(format!("{} is no key, value or comment", quote(line)));
    };
    let data = rest.trim_matches(BLANKS).strip_prefix('=').ok_or("= is missing behind the value's name")?;
    let data = data.trim_matches(BLANKS);
    if data == "-" || data.starts_with("-;") || data.starts_with("- ") {
        let behind = data.get(1..).unwrap_or_default().trim_matches(BLANKS);
        if behind.is_empty() || behind.starts_with(';') {
            return Ok((name, None));
        }
    }
    let is_hex = data.get(..3).is_some_and(|head| head.eq_ignore_ascii_case("hex"));
    if !is_hex {
        return RegData::parse(data, ansi_text).map(|data| (name, Some(data)));
    }
    let joined = continued(data, lines)?;
    RegData::parse(&joined, ansi_text).map(|data| (name, Some(data)))
}

/// Hex data with the lines that `\` at a line's end continues; blank lines and comments may stand between.
fn continued<'a>(first: &str, lines: &mut impl Iterator<Item = (usize, &'a str)>) -> Result<String, String> {
    let mut joined = String::new();
    let mut part = first;
    let mut comma_first = false;
    while let Some(open) = part.trim_end_matches(BLANKS).strip_suffix('\\') {
        joined.push_str(open);
        let next = lines
            .by_ref()
            .map(|(_, line)| line.trim_matches(BLANKS))
            .find(|line| !line.is_empty() && !line.starts_with(';'));
        part = next.ok_or("the file ends where a \\ promises another line")?;
        comma_first |= part.starts_with(',');
    }
    if comma_first {
        return Err("a continuation line that begins with a comma voids the value".to_owned());
    }
    joined.push_str(part);
    Ok(joined)
}

/// Registers a value; the same one with other data in one file is a contradiction.
pub(super) fn put(
    values: &mut Values,
    key: &str,
    name: String,
    data: Option<RegData>,
    number: usize,
    document: &mut Document,
) {
    let at = (fold(key), Some(name.to_lowercase()));
    let raw = match data {
        None => Raw::DeletedValue { key: key.to_owned(), name },
        Some(data) => Raw::Value { key: key.to_owned(), name, data },
    };
    if let (Some((first, Raw::Value { data: old, .. })), Raw::Value { name, data, .. }) =
        (values.get(&at), &raw)
    {
        if old != data {
            document.error(
                Some(number),
                format!("{name} = {} contradicts line {first}, which says {}", data.format(), old.format()),
            );
        }
        return;
    }
    values.insert(at, (number, raw));
}

/// A key's path for comparison: without regard to case, numbered control sets as the current one.
pub(super) fn fold(path: &str) -> String {
    let mut parts: Vec<String> = path.split('\\').map(str::to_lowercase).collect();
    let in_system = parts.first().is_some_and(|root| root == "hkey_local_machine")
        && parts.get(1).is_some_and(|part| part == "system");
    if let (true, Some(set)) = (in_system, parts.get_mut(2)) {
        let digits = set.strip_prefix("controlset").unwrap_or_default();
        if digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            *set = "currentcontrolset".to_owned();
        }
    }
    parts.join("\\")
}

#[cfg(test)]
mod tests;
