//! A file's bytes as text. `.reg` files come as UTF-16LE with a byte order mark (5.00) or in an 8-bit code page.

use super::Format;

/// The text, or the line and the reason why it is none.
pub(super) fn decode(bytes: &[u8], format: Format) -> Result<String, (usize, String)> {
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest)?,
        [0xFE, 0xFF, ..] => {
            return Err((
                1,
                "UTF-16 in big-endian order; UTF-16LE, UTF-8 and 8-bit files are read".to_owned(),
            ));
        }
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest)?,
        _ => match (core::str::from_utf8(bytes), format) {
            (Ok(text), _) => text.to_owned(),
            (Err(_), Format::Reg) => bytes.iter().map(|byte| ansi(*byte)).collect(),
            (Err(_), Format::Toml) => utf8(bytes)?,
        },
    };
    if let Some(at) = text.find(refused) {
        let line = line_of(&text, at);
        let hint = if bytes.get(1) == Some(&0) { " (UTF-16 without its byte order mark?)" } else { "" };
        return Err((line, format!("a control character: this is no text file{hint}")));
    }
    Ok(text)
}

/// Control characters that no settings file has.
pub(super) fn refused(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\r' | '\n' | '\u{80}'..='\u{9f}')
}

/// Where a text's lines begin. CRLF, LF and a lone CR end a line.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        let mut starts = vec![0];
        let mut bytes = text.bytes().enumerate().peekable();
        while let Some((at, byte)) = bytes.next() {
            let crlf = byte == b'\r' && matches!(bytes.peek(), Some((_, b'\n')));
            if byte == b'\n' || (byte == b'\r' && !crlf) {
                starts.push(at + 1);
            }
        }
        Self(starts)
    }

    /// The line of a byte offset, counted from 1.
    pub(super) fn of(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset)
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    Lines::new(text).of(offset)
}

fn utf8(bytes: &[u8]) -> Result<String, (usize, String)> {
    core::str::from_utf8(bytes).map(str::to_owned).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = line_of(&String::from_utf8_lossy(valid), valid.len());
        (line, "bytes that are not UTF-8: this is no text file".to_owned())
    })
}

fn utf16(bytes: &[u8]) -> Result<String, (usize, String)> {
    let pairs = bytes.chunks_exact(2);
    let odd = !pairs.remainder().is_empty();
    let mut text = String::with_capacity(bytes.len() / 2);
    for unit in char::decode_utf16(pairs.filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)))) {
        match unit {
            Ok(c) => text.push(c),
            Err(_) => {
                return Err((line_of(&text, text.len()), "half a UTF-16 character pair".to_owned()));
            }
        }
    }
    if odd {
        return Err((line_of(&text, text.len()), "UTF-16 that ends in half a character".to_owned()));
    }
    Ok(text)
}

/// A byte of Windows code page 1252, the ANSI code page that we assume.
pub(super) fn ansi(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9F => HIGH.get(usize::from(byte - 0x80)).copied().unwrap_or('\u{fffd}'),
        0..=0x7F | 0xA0..=0xFF => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_over_all_three_line_ends() {
        assert_eq!(line_of("a\r\nb\nc\rd", 7), 4);
        assert_eq!(line_of("a\r\nb", 1), 1);
        assert_eq!(line_of("abc", 99), 1);
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_line() {
        let line = |bytes: &[u8]| decode(bytes, Format::Reg).unwrap_err().0;
        assert_eq!(line(b"REGEDIT4\n\n\0"), 3);
        assert_eq!(line(b"\xFF\xFER\0\n\0\x00\xD8"), 2);
        assert_eq!(line(b"\xFF\xFER\0\n\0X"), 2);
        assert_eq!(line(b"\xFE\xFF\0R"), 1);
        assert_eq!(line(b"R\0E\0"), 1);
        assert_eq!(decode(b"a\n\xFF", Format::Toml).unwrap_err().0, 2);
    }

    #[test]
    fn an_8_bit_registry_file_is_read_in_the_ansi_code_page() {
        assert_eq!(decode(b"\x80 \xFC", Format::Reg).unwrap(), "€ ü");
        assert_eq!(decode("\u{feff}ü".as_bytes(), Format::Reg).unwrap(), "ü");
    }
}
