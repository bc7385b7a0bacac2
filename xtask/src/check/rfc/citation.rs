//! Finding citations in text.

use std::cmp::Ordering;
use std::fmt;

/// A section of an RFC.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Section {
    pub(super) rfc: u32,
    /// Its parts as written: `["3", "10"]`, or `["A", "1"]` of an appendix.
    parts: Vec<String>,
}

impl Section {
    fn new(rfc: u32, number: &str) -> Self {
        Self { rfc, parts: number.split('.').map(str::to_owned).collect() }
    }

    fn is_appendix(&self) -> bool {
        self.parts.first().is_some_and(|part| part.starts_with(|c: char| c.is_ascii_uppercase()))
    }

    /// The number as a person writes it.
    pub(super) fn number(&self) -> String {
        let number = self.parts.join(".");
        if self.is_appendix() { format!("Appendix {number}") } else { number }
    }

    /// Whether it is `whole` or below it.
    pub(super) fn is_part_of(&self, whole: &Self) -> bool {
        self.rfc == whole.rfc && self.parts.starts_with(&whole.parts)
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_appendix() { "" } else { "Section " };
        write!(f, "RFC {}, {word}{}", self.rfc, self.number())
    }
}

impl Ord for Section {
    fn cmp(&self, other: &Self) -> Ordering {
        // Numbers by value and before letters.
        let key = |section: &Self| {
            let part = |part: &String| (part.parse().unwrap_or(u32::MAX), part.clone());
            (section.rfc, section.parts.iter().map(part).collect::<Vec<_>>())
        };
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Section {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// All citations of a text, each with its line. A citation may go on in the next line of a comment.
pub(super) fn citations(text: &str) -> Vec<(usize, Section)> {
    // One long line, with the line that each byte came from.
    let (mut flat, mut lines) = (String::new(), Vec::new());
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let line = ["///", "//!", "//", "*"].iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line);
        // A string goes on after a backslash.
        flat.push_str(line.trim().trim_end_matches('\\').trim_end());
        flat.push(' ');
        lines.resize(flat.len(), number + 1);
    }
    let mut found = Vec::new();
    for (at, _) in flat.match_indices("RFC ") {
        let line = lines.get(at).copied().unwrap_or(1);
        if let Some((rfc, numbers)) = one(&flat[at + 4..]) {
            found.extend(numbers.into_iter().map(|number| (line, Section::new(rfc, number))));
        }
    }
    found
}

/// Reads `9293, Section 3.4`, `9293, Sections 3.4, 3.5 and 4`, or `9293, Appendix A`.
fn one(text: &str) -> Option<(u32, Vec<&str>)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rfc = text[..digits].parse().ok()?;
    let rest = text[digits..].strip_prefix(", ")?;
    let words = ["Sections ", "Section ", "Appendix ", "Appendices "];
    let (word, mut rest) = words.iter().find_map(|word| Some((*word, rest.strip_prefix(word)?)))?;
    let mut numbers = Vec::new();
    loop {
        let len = number(rest, word.starts_with('A'));
        if len == 0 {
            break;
        }
        numbers.push(&rest[..len]);
        rest = &rest[len..];
        let more = [", and ", ", ", " and ", " to "].iter().find_map(|between| rest.strip_prefix(between));
        match more.filter(|_| matches!(word, "Sections " | "Appendices ")) {
            Some(more) => rest = more,
            None => break,
        }
    }
    (!numbers.is_empty()).then_some((rfc, numbers))
}

/// Bytes of the section number at the start of `text`.
fn number(text: &str, appendix: bool) -> usize {
    let mut len = 0;
    for (place, part) in text.split('.').enumerate() {
        let letter =
            usize::from(appendix && place == 0 && part.starts_with(|c: char| c.is_ascii_uppercase()));
        let digits = part.bytes().skip(letter).take_while(u8::is_ascii_digit).count();
        let this = if letter > 0 { letter } else { digits };
        if this == 0 {
            break;
        }
        len += this + usize::from(place > 0);
        if this < part.len() {
            break;
        }
    }
    len
}

/// The sections in a test's name: `rfc9293_3_4` in `rfc9293_3_4_and_more`.
pub(super) fn in_name(name: &str) -> impl Iterator<Item = Section> {
    name.match_indices("rfc").filter_map(|(at, _)| {
        let mut words = name[at + 3..].split('_');
        let rfc = words.next()?.parse().ok()?;
        let numeric = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        let parts: Vec<_> = words.take_while(numeric).map(str::to_owned).collect();
        (!parts.is_empty()).then_some(Section { rfc, parts })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        citations(text).into_iter().map(|(line, section)| format!("{line}: {section}")).collect()
    }

    #[test]
    fn every_form_of_a_citation_is_read() {
        assert_eq!(found("x\n// see RFC 9293, Section 3.10.7.4."), ["2: RFC 9293, Section 3.10.7.4"]);
        assert_eq!(
            found("/// RFC 1122, Sections 4.2.3.5, 4.2.3.6 and 5, RFC 6298, Section 2.5: why"),
            [
                "1: RFC 1122, Section 4.2.3.5",
                "1: RFC 1122, Section 4.2.3.6",
                "1: RFC 1122, Section 5",
                "1: RFC 6298, Section 2.5"
            ]
        );
        assert_eq!(found("(RFC 7323, Appendix A.2)"), ["1: RFC 7323, Appendix A.2"]);
        assert_eq!(found("    /// by RFC 793,\n    /// Section 3.4 of old"), ["1: RFC 793, Section 3.4"]);
        assert_eq!(found("\"by RFC 793, \\\n   Section 3.4\""), ["1: RFC 793, Section 3.4"]);
        assert_eq!(
            found("RFC 9293, Section 3.4, 3 times; RFC 2018, RFC 791 Section 3; RFC x, Section 1"),
            ["1: RFC 9293, Section 3.4"]
        );
    }

    #[test]
    fn sections_are_in_the_order_of_their_numbers() {
        let mut sections =
            [("10", 1), ("9.10", 1), ("9.9", 1), ("A.1", 1), ("1", 0)].map(|(n, rfc)| Section::new(rfc, n));
        sections.sort();
        assert_eq!(sections.map(|section| section.number()), ["1", "9.9", "9.10", "10", "Appendix A.1"]);
    }

    #[test]
    fn a_name_can_cite_and_a_part_belongs_to_its_whole() {
        let named: Vec<_> = in_name("rfc9293_3_10_window_and_rfc6298_2_and_rfc5681").collect();
        assert_eq!(named, [Section::new(9293, "3.10"), Section::new(6298, "2")]);
        assert!(named[0].is_part_of(&Section::new(9293, "3")));
        assert!(!named[0].is_part_of(&Section::new(9293, "3.1")));
        assert!(!Section::new(9293, "3").is_part_of(&named[0]));
    }
}
