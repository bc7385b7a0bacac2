//! The RFC index: which section decides where, and which tests show it.
//!
//! A place cites a section as `RFC 9293, Section 3.10.7.4` (also `Sections 2 and 3.1`, `Appendix A.1`), in a comment or a
//! text. A test is tied to a section by citing it the same way inside of the test or in the comment above it, or by a name
//! with `rfc9293_3_10_7_4`; a test that cites a subsection shows a part of the section above. A packet script below
//! `stack/tests/pkt` is a test, tied by the comment that it begins with.

mod citation;
mod scripts;

use super::source::Source;
use super::{Failure, in_library};
use citation::{Section, citations};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const INDEX: &str = "docs/rfc-index.md";

/// Where a section is cited.
#[derive(Debug, Default, PartialEq, Eq)]
struct Entry {
    /// Files, each with the first line that cites.
    places: BTreeMap<String, usize>,
    /// `file: test`.
    tests: BTreeSet<String>,
}

type Index = BTreeMap<Section, Entry>;

pub(super) fn check(root: &Path, sources: &[Source], write: bool) -> Vec<Failure> {
    let index = index(sources, &scripts::read(root));
    let mut failures = untied(&index);
    let wanted = render(&index);
    let path = root.join(INDEX);
    if write {
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        if let Err(error) = folder.and_then(|()| fs::write(&path, wanted)) {
            failures.push(Failure::new(INDEX, 1, format!("cannot write it: {error}"), "see the reason"));
        }
    } else {
        failures.extend(stale(&fs::read_to_string(&path).unwrap_or_default(), &wanted));
    }
    failures
}

fn stale(present: &str, wanted: &str) -> Option<Failure> {
    let line = present.lines().zip(wanted.lines()).take_while(|(a, b)| a == b).count() + 1;
    let remedy = "run `cargo xtask check --write` and commit the file";
    (present != wanted).then(|| Failure::new(INDEX, line, "it is stale", remedy))
}

/// A section that no test shows.
fn untied(index: &Index) -> Vec<Failure> {
    let untested = index.iter().filter(|(_, entry)| entry.tests.is_empty());
    let failure = |(section, entry): (&Section, &Entry)| {
        let (path, line) = entry.places.iter().next()?;
        let what = format!("{section} is cited, and no test names it");
        let remedy = "cite the section in a comment of the test that shows it (or write that test)";
        Some(Failure::new(path, *line, what, remedy))
    };
    untested.filter_map(failure).collect()
}

fn is_test_file(source: &Source) -> bool {
    source.path.starts_with("stack/tests/")
}

fn index(sources: &[Source], scripts: &[(String, String)]) -> Index {
    let mut index = Index::new();
    let mut tests: Vec<(Section, String)> = Vec::new();
    for source in sources {
        let library = in_library(source).is_some();
        if !library && !is_test_file(source) {
            continue;
        }
        let functions = functions(source);
        for (line, section) in citations(&source.text) {
            if is_test_file(source) || source.is_test_line(line) {
                tests.push((section, name_at(source, &functions, line)));
            } else {
                index.entry(section).or_default().places.entry(source.path.clone()).or_insert(line);
            }
        }
        for function in functions.iter().filter(|function| function.test || is_test_file(source)) {
            let named = citation::in_name(&function.name);
            tests.extend(named.map(|section| (section, format!("{}: {}", source.path, function.name))));
        }
    }
    for (path, text) in scripts {
        tests.extend(scripts::sections(text).map(|section| (section, path.clone())));
    }
    for (section, name) in tests {
        for (cited, entry) in &mut index {
            if section.is_part_of(cited) {
                entry.tests.insert(name.clone());
            }
        }
    }
    index
}

/// A function of a file.
#[derive(Debug)]
struct Function {
    name: String,
    first: usize,
    last: usize,
    test: bool,
}

fn functions(source: &Source) -> Vec<Function> {
    use super::source::Kind;
    let mut found = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        let Some(name) =
            source.tokens.get(at + 1).and_then(|next| next.ident()).filter(|_| token.is_ident("fn"))
        else {
            continue;
        };
        let mut depth = 0usize;
        let mut last = token.line;
        for token in &source.tokens[at..] {
            last = token.line;
            match token.kind {
                Kind::Open('{') => depth += 1,
                Kind::Close('}') => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        break;
                    }
                }
                Kind::Punct(';') if depth == 0 => break,
                Kind::Ident(_) | Kind::Punct(_) | Kind::Open(_) | Kind::Close(_) | Kind::Literal => {}
            }
        }
        found.push(Function { name: name.to_owned(), first: token.line, last, test: token.test });
    }
    found
}

/// The test that a line belongs to: the innermost function around it, else the next one below (its comment).
fn name_at(source: &Source, functions: &[Function], line: usize) -> String {
    let around = functions.iter().rev().find(|function| (function.first..=function.last).contains(&line));
    let below = || functions.iter().find(|function| function.first >= line);
    match around.or_else(below) {
        Some(function) => format!("{}: {}", source.path, function.name),
        None => source.path.clone(),
    }
}

fn render(index: &Index) -> String {
    let mut text = String::from(
        "# RFC index\n\nGenerated by `cargo xtask check --write`: each section that the library cites, where it decides, and \
         the tests that show it.\n",
    );
    let mut rfc = 0;
    for (section, entry) in index {
        if section.rfc != rfc {
            rfc = section.rfc;
            let _ =
                write!(text, "\n## RFC {rfc}\n\n| Section | Decides in | Shown by |\n| --- | --- | --- |\n");
        }
        let places: Vec<_> = entry.places.keys().map(|path| format!("`{}`", short(path))).collect();
        let tests: Vec<_> = entry.tests.iter().map(|test| format!("`{}`", short(test))).collect();
        let tests = if tests.is_empty() { "no test".to_owned() } else { tests.join("<br>") };
        let _ = writeln!(text, "| {} | {} | {tests} |", section.number(), places.join("<br>"));
    }
    text
}

fn short(path: &str) -> &str {
    path.strip_prefix("stack/src/").or_else(|| path.strip_prefix("stack/")).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::super::source::samples;
    use super::*;

    const SOURCE: &str = "// RFC 9293, Section 3.4 decides, RFC 6298,\n    // Section 2.1 too.\nfn f() {}\n\
         #[cfg(test)]\nmod tests {\n    /// RFC 9293, Section 3.4.1.\n    #[test]\n    fn shows() {}\n    fn after() { /* none */ }\n}\n";

    #[test]
    fn sections_are_tied_to_places_and_tests() {
        let sources = samples(&[
            ("stack/src/tcp/rtt.rs", SOURCE),
            ("stack/tests/kernel.rs", "fn rfc6298_2_1_holds() {}"),
            ("xtask/src/x.rs", "// RFC 1, Section 1"),
        ]);
        let script = "// RFC 6298, Section 2.1: shown\n// by this.\n+0 quiet\n// RFC 9293, Section 3.4: no";
        let scripts = [("stack/tests/pkt/a/b.pkt".to_owned(), script.to_owned())];
        let index = index(&sources, &scripts);
        assert_eq!(index.len(), 2, "{index:?}");
        assert_eq!(untied(&index), []);
        let text = render(&index);
        assert!(text.contains("| 3.4 | `tcp/rtt.rs` | `tcp/rtt.rs: shows` |"), "{text}");
        assert!(
            text.contains(
                "| 2.1 | `tcp/rtt.rs` | `tests/kernel.rs: rfc6298_2_1_holds`<br>`tests/pkt/a/b.pkt` |"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_section_without_a_test_is_a_failure_at_the_place_that_cites_it() {
        let text = "fn f() {\n    // RFC 5961, Section 3.2\n}\n#[cfg(test)]\nmod tests { /* RFC 5961, Section 3.20 */ fn t() {} }";
        let failures = untied(&index(&samples(&[("stack/src/tcp/challenge.rs", text)]), &[]));
        assert_eq!(failures.len(), 1);
        let text = failures[0].to_string();
        assert!(text.starts_with("stack/src/tcp/challenge.rs:2: RFC 5961, Section 3.2 is cited"), "{text}");
    }

    #[test]
    fn a_stale_index_is_a_failure_at_its_first_wrong_line() {
        assert_eq!(stale("a\nb\n", "a\nb\n"), None);
        let failure = stale("a\nb\n", "a\nc\n").unwrap().to_string();
        assert!(failure.starts_with("docs/rfc-index.md:2: it is stale"), "{failure}");
        assert!(failure.contains("--write"));
        assert!(stale("", "a\n").is_some(), "missing");
    }
}
