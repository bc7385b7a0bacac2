//! The data of a registry value, as `.reg` files write it: `dword:`, `"text"`, `hex:`, `hex(n):`.

use super::text::ansi;

/// Data of a registry value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RegData {
    /// `REG_DWORD`.
    Dword(u32),
    /// `REG_SZ`.
    Text(String),
    /// Another type by its number, and its bytes; text in it is UTF-16LE.
    Bytes {
        /// The type: 0 none, 1 SZ, 2 EXPAND_SZ, 3 BINARY, 4 DWORD, 5 big-endian DWORD, 7 MULTI_SZ, 11 QWORD.
        kind: u32,
        /// The bytes.
        bytes: Vec<u8>,
    },
}

impl RegData {
    /// Reads what stands behind the `=`, with continuation lines joined. In `REGEDIT4` (`ansi_text`) the bytes
    /// of the text types 1, 2 and 7 are ANSI and become UTF-16LE.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub(super) fn parse(text: &str, ansi_text: bool) -> Result<Self, String> {
        let text = text.trim_matches(BLANKS);
        if let Some(rest) = strip_word(text, "dword:") {
            return dword(rest);
        }
        if text.starts_with('"') {
            let (value, rest) = quoted(text).ok_or("the text has no closing quote")?;
            end_of_line(rest)?;
            return Ok(Self::Text(value));
        }
        if let Some(rest) = strip_word(text, "hex:") {
            return Ok(Self::Bytes { kind: 3, bytes: hex_bytes(rest)? });
        }
        if let Some(rest) = strip_word(text, "hex(") {
            let (kind, rest) = rest.split_once("):").ok_or("hex( needs a type and ): behind it")?;
            let kind = hex_number(kind).ok_or("the type in hex(...) is 1 to 8 hexadecimal digits")?;
            let mut bytes = hex_bytes(rest)?;
            if ansi_text && matches!(kind, 1 | 2 | 7) {
                bytes = wide(&bytes.iter().map(|byte| ansi(*byte)).collect::<String>());
            }
            return Ok(Self::Bytes { kind, bytes });
        }
        if text.is_empty() {
            return Err("there is no data behind =".to_owned());
        }
        Err("the data is neither dword:, hex:, hex(n):, a text in quotes, nor -".to_owned())
    }

    /// The data as `.reg` (5.00) writes it, on one line.
    pub fn format(&self) -> String {
        match self {
            Self::Dword(number) => format!("dword:{number:08x}"),
            Self::Text(text) => quote(text),
            Self::Bytes { kind, bytes } => {
                let head = if *kind == 3 { "hex:".to_owned() } else { format!("hex({kind:x}):") };
                let list: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                head + &list.join(",")
            }
        }
    }

    /// `REG_MULTI_SZ` of these texts.
    pub(super) fn multi(items: &[String]) -> Self {
        let mut bytes: Vec<u8> = items.iter().flat_map(|item| wide(&format!("{item}\0"))).collect();
        bytes.extend([0, 0]);
        Self::Bytes { kind: 7, bytes }
    }

    /// The number in a DWORD of any spelling, or a QWORD.
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Self::Dword(number) => Some(u64::from(*number)),
            Self::Bytes { kind: 4, bytes } => Some(u64::from(u32::from_le_bytes(bytes[..].try_into().ok()?))),
            Self::Bytes { kind: 5, bytes } => Some(u64::from(u32::from_be_bytes(bytes[..].try_into().ok()?))),
            Self::Bytes { kind: 11, bytes } => Some(u64::from_le_bytes(bytes[..].try_into().ok()?)),
            Self::Text(_) | Self::Bytes { .. } => None,
        }
    }

    /// The text of a `REG_SZ`.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Bytes { kind: 1, bytes } => {
                narrow(bytes).map(|text| text.trim_end_matches('\0').to_owned())
            }
            Self::Dword(_) | Self::Bytes { .. } => None,
        }
    }

    /// The texts of a `REG_MULTI_SZ`.
    pub(super) fn list(&self) -> Option<Vec<String>> {
        let Self::Bytes { kind: 7, bytes } = self else { return None };
        let text = narrow(bytes)?;
        Some(text.split('\0').filter(|item| !item.is_empty()).map(str::to_owned).collect())
    }

    /// NT's name of the type.
    pub fn type_name(&self) -> String {
        match self {
            Self::Dword(_) | Self::Bytes { kind: 4, .. } => "REG_DWORD".to_owned(),
            Self::Text(_) | Self::Bytes { kind: 1, .. } => "REG_SZ".to_owned(),
            Self::Bytes { kind: 0, .. } => "REG_NONE".to_owned(),
            Self::Bytes { kind: 2, .. } => "REG_EXPAND_SZ".to_owned(),
            Self::Bytes { kind: 3, .. } => "REG_BINARY".to_owned(),
            Self::Bytes { kind: 5, .. } => "REG_DWORD_BIG_ENDIAN".to_owned(),
            Self::Bytes { kind: 7, .. } => "REG_MULTI_SZ".to_owned(),
            Self::Bytes { kind: 11, .. } => "REG_QWORD".to_owned(),
            Self::Bytes { kind, .. } => format!("registry type {kind}"),
        }
    }
}

/// What separates words of a `.reg` line.
pub(super) const BLANKS: [char; 2] = [' ', '\t'];

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    head.eq_ignore_ascii_case(word).then(|| text.get(word.len()..)).flatten()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn narrow(bytes: &[u8]) -> Option<String> {
    if bytes.len() % 2 != 0 {
        return None;
    }
    let units: Vec<u16> =
        bytes.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?))).collect();
    String::from_utf16(&units).ok()
}

fn hex_number(digits: &str) -> Option<u32> {
    let valid = (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if valid { u32::from_str_radix(digits, 16).ok() } else { None }
}

/// 1 to 8 hexadecimal digits, blanks before them, blanks and a `;` comment behind them.
fn dword(text: &str) -> Result<RegData, String> {
    let (digits, comment) = text.split_once(';').unwrap_or((text, ""));
    let _ = comment;
    let digits = digits.trim_matches(BLANKS);
    hex_number(digits).map(RegData::Dword).ok_or_else(|| {
        "dword: takes 1 to 8 hexadecimal digits, without 0x and without blanks inside".to_owned()
    })
}

fn hex_bytes(text: &str) -> Result<Vec<u8>, String> {
    let text = text.split_once(';').map_or(text, |(data, _)| data).trim_matches(BLANKS);
    // A comma at the end is what a continuation leaves behind.
    let text = text.strip_suffix(',').unwrap_or(text);
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let mut bytes = Vec::with_capacity(text.len() / 3 + 1);
    for item in text.split(',') {
        let item = item.trim_matches(BLANKS);
        let number = if item.len() <= 2 { hex_number(item) } else { None };
        let byte = number.and_then(|number| u8::try_from(number).ok());
        bytes.push(byte.ok_or_else(|| {
            format!(
                "{} is no byte: hex data is bytes of 1 or 2 hexadecimal digits with commas",
                super::quote(item)
            )
        })?);
    }
    Ok(bytes)
}

/// A text in quotes with `\\` and `\"` undone, and what stands behind it. `None` without a closing quote.
pub(super) fn quoted(text: &str) -> Option<(String, &str)> {
    let rest = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        match (escaped, c) {
            (true, '\\' | '"') => value.push(c),
            // An escape of anything else stays as it is.
            (true, _) => value.extend(['\\', c]),
            (false, '\\') => {
                escaped = true;
                continue;
            }
            (false, '"') => return Some((value, rest.get(at + 1..).unwrap_or_default())),
            (false, _) => value.push(c),
        }
        escaped = false;
    }
    None
}

/// A text in quotes.
pub(super) fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// Nothing but blanks and a `;` comment.
fn end_of_line(text: &str) -> Result<(), String> {
    let text = text.trim_matches(BLANKS);
    if text.is_empty() || text.starts_with(';') {
        Ok(())
    } else if text.starts_with('#') {
        Err("a # behind the data voids the value; a comment there begins with ;".to_owned())
    } else {
        Err("something stands behind the closing quote; a quote inside a text is written \\\"".to_owned())
    }
}
