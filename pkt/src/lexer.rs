//! A script as tokens, each with its place.

use crate::error::{Error, Pos};
use std::fmt;

/// One token.
#[derive(Clone, PartialEq, Debug)]
pub enum Token {
    /// A word: letters, digits and `_`.
    Word(String),
    /// A whole number; `0x` for a hexadecimal one.
    Int(u64),
    /// A number with a point, in millionths.
    Micros(u64),
    /// A text in double quotes.
    Text(String),
    /// Three points.
    Ellipsis,
    /// Any other character.
    Mark(char),
    /// A line `--name=value`; the value is empty where there is none.
    Setting(String, String),
    /// What stands between `%{` and `}%`.
    Check(String),
    /// What stands in back quotes.
    Command(String),
    /// Nothing is left.
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "`{word}`"),
            Self::Int(number) => write!(f, "`{number}`"),
            Self::Micros(number) => write!(f, "`{}.{:06}`", number / 1_000_000, number % 1_000_000),
            Self::Text(text) => write!(f, "`\"{text}\"`"),
            Self::Ellipsis => write!(f, "`...`"),
            Self::Mark(mark) => write!(f, "`{mark}`"),
            Self::Setting(name, _) => write!(f, "the option `--{name}`"),
            Self::Check(_) => write!(f, "a check `%{{ }}%`"),
            Self::Command(_) => write!(f, "a command in back quotes"),
            Self::End => write!(f, "the end of the script"),
        }
    }
}

/// Splits a script; the last token is [`Token::End`].
///
/// # Errors
/// A comment, text, check or command without an end, or a number that is too large.
pub fn tokens(text: &str) -> Result<Vec<(Token, Pos)>, Error> {
    let mut lexer = Lexer { rest: text, pos: Pos { line: 1, column: 1 }, line_start: true };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks()?;
        let pos = lexer.pos;
        let token = lexer.token()?;
        let end = token == Token::End;
        tokens.push((token, pos));
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    rest: &'a str,
    pos: Pos,
    /// Only blanks so far in this line.
    line_start: bool,
}

impl<'a> Lexer<'a> {
    /// Takes `len` bytes.
    fn take(&mut self, len: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(len);
        for c in taken.chars() {
            if c == '\n' {
                self.pos = Pos { line: self.pos.line + 1, column: 1 };
                self.line_start = true;
            } else {
                self.pos.column += 1;
                self.line_start &= c.is_whitespace();
            }
        }
        self.rest = rest;
        taken
    }

    fn line_len(&self) -> usize {
        self.rest.find('\n').unwrap_or(self.rest.len())
    }

    /// What stands after `open` and before `close`, both taken.
    fn between(&mut self, open: &str, close: &str, what: &str) -> Result<&'a str, Error> {
        let start = self.pos;
        self.take(open.len());
        let Some(len) = self.rest.find(close) else {
            return Err(Error::new(start, format!("{what} without an end: `{close}` is missing")));
        };
        let inside = self.take(len);
        self.take(close.len());
        Ok(inside)
    }

    fn skip_blanks(&mut self) -> Result<(), Error> {
        loop {
            let blanks = self.rest.len() - self.rest.trim_start().len();
            if blanks > 0 {
                self.take(blanks);
            } else if self.rest.starts_with("//") || self.rest.starts_with('#') {
                self.take(self.line_len());
            } else if self.rest.starts_with("/*") {
                self.between("/*", "*/", "a comment")?;
            } else {
                return Ok(());
            }
        }
    }

    fn token(&mut self) -> Result<Token, Error> {
        let Some(first) = self.rest.chars().next() else { return Ok(Token::End) };
        if self.line_start && self.rest.starts_with("--") {
            let line = self.take(self.line_len()).trim_end();
            let (name, value) = line[2..].split_once('=').unwrap_or((&line[2..], ""));
            return Ok(Token::Setting(name.trim().to_owned(), value.trim().to_owned()));
        }
        if self.rest.starts_with("%{") {
            return Ok(Token::Check(self.between("%{", "}%", "a check")?.to_owned()));
        }
        if self.rest.starts_with("...") {
            self.take(3);
            return Ok(Token::Ellipsis);
        }
        match first {
            '`' => Ok(Token::Command(self.between("`", "`", "a command")?.to_owned())),
            '"' => Ok(Token::Text(self.between("\"", "\"", "a text")?.to_owned())),
            '0'..='9' => self.number(),
            '.' if self.rest[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number(),
            'a'..='z' | 'A'..='Z' | '_' => {
                let len = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                Ok(Token::Word(self.take(len.unwrap_or(self.rest.len())).to_owned()))
            }
            other => {
                self.take(other.len_utf8());
                Ok(Token::Mark(other))
            }
        }
    }

    fn number(&mut self) -> Result<Token, Error> {
        let pos = self.pos;
        let too_large = |text: &str| Error::new(pos, format!("the number {text} is too large"));
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        if self.rest.starts_with("0x") || self.rest.starts_with("0X") {
            let len = self.rest[2..].bytes().take_while(u8::is_ascii_hexdigit).count();
            let text = self.take(2 + len);
            return u64::from_str_radix(&text[2..], 16).map(Token::Int).map_err(|_| too_large(text));
        }
        let whole = digits(self.rest);
        let after = self.rest[whole..].strip_prefix('.').map_or(0, digits);
        if after == 0 {
            let text = self.take(whole);
            return text.parse().map(Token::Int).map_err(|_| too_large(text));
        }
        let text = self.take(whole + 1 + after);
        let (seconds, fraction) = (&text[..whole], &text[whole + 1..]);
        // Six places are kept; the clock has no more.
        let fraction = format!("{fraction:0<6}");
        let seconds: u64 =
            if seconds.is_empty() { 0 } else { seconds.parse().map_err(|_| too_large(text))? };
        let micros = fraction[..6].parse::<u64>().map_err(|_| too_large(text))?;
        let total = seconds.checked_mul(1_000_000).and_then(|whole| whole.checked_add(micros));
        total.map(Token::Micros).ok_or_else(|| too_large(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<Token> {
        tokens(text).unwrap().into_iter().map(|(token, _)| token).collect()
    }

    #[test]
    fn times_flags_and_ellipses_are_told_apart() {
        let word = |text: &str| Token::Word(text.to_owned());
        assert_eq!(
            of("+0...0.25 F. .5 10. 0x1f"),
            [
                Token::Mark('+'),
                Token::Int(0),
                Token::Ellipsis,
                Token::Micros(250_000),
                word("F"),
                Token::Mark('.'),
                Token::Micros(500_000),
                Token::Int(10),
                Token::Mark('.'),
                Token::Int(31),
                Token::End
            ]
        );
    }

    #[test]
    fn comments_are_skipped_and_options_checks_and_commands_are_whole() {
        let text = "// one\n--mtu=1500\n# two\n/* three\n*/ `true` %{ assert a == b }% \"t\"";
        assert_eq!(
            of(text),
            [
                Token::Setting("mtu".to_owned(), "1500".to_owned()),
                Token::Command("true".to_owned()),
                Token::Check(" assert a == b ".to_owned()),
                Token::Text("t".to_owned()),
                Token::End
            ]
        );
    }

    #[test]
    fn places_count_lines_and_characters() {
        let found = tokens("a\n  b /* c\n */ d").unwrap();
        let places: Vec<_> = found.iter().map(|(_, pos)| (pos.line, pos.column)).collect();
        assert_eq!(places, [(1, 1), (2, 3), (3, 5), (3, 6)]);
    }

    #[test]
    fn what_has_no_end_is_told_where_it_begins() {
        for (text, place, what) in [
            ("a /* b", (1, 3), "a comment"),
            ("\n\"b", (2, 1), "a text"),
            ("%{ x", (1, 1), "a check"),
            ("99999999999999999999", (1, 1), "too large"),
        ] {
            let error = tokens(text).unwrap_err();
            assert_eq!((error.pos.line, error.pos.column), place, "{text}");
            assert!(error.message.contains(what), "{error}");
        }
    }
}
