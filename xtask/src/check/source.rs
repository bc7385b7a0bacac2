//! A source file as tokens: no comments, no strings, each token with its line and whether it is compiled for tests only.

use super::Failure;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

/// What a token is. Literals are kept only as such.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Ident(String),
    Punct(char),
    Open(char),
    Close(char),
    Literal,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) line: usize,
    /// Inside of an item with `#[cfg(test)]` or `#[test]`, or a file that is only compiled with one.
    pub(super) test: bool,
}

impl Token {
    pub(super) fn is_ident(&self, name: &str) -> bool {
        matches!(&self.kind, Kind::Ident(ident) if ident == name)
    }

    pub(super) fn is_punct(&self, punct: char) -> bool {
        self.kind == Kind::Punct(punct)
    }

    pub(super) fn ident(&self) -> Option<&str> {
        match &self.kind {
            Kind::Ident(ident) => Some(ident),
            _ => None,
        }
    }
}

/// One file.
#[derive(Debug)]
pub(super) struct Source {
    /// From the workspace's root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    pub(super) tokens: Vec<Token>,
    /// Paths (without `.rs`) of modules that this file declares for tests only.
    test_modules: Vec<String>,
}

impl Source {
    /// Splits a file into tokens.
    pub(super) fn parse(path: &str, text: &str) -> Result<Self, Failure> {
        let stream: TokenStream = text.parse().map_err(|error: proc_macro2::LexError| {
            Failure::new(path, error.span().start().line, "this is no Rust", "make it compile first")
        })?;
        let mut tokens = Vec::new();
        flatten(stream, false, &mut tokens);
        let test_modules = test_modules(path, &tokens);
        Ok(Self { path: path.to_owned(), text: text.to_owned(), tokens, test_modules })
    }

    /// Whether a line belongs to an item for tests.
    pub(super) fn is_test_line(&self, line: usize) -> bool {
        let after = self.tokens.iter().find(|token| token.line >= line);
        // A comment takes the side of what follows it; one at the end, of what went before.
        after.or(self.tokens.last()).is_some_and(|token| token.test)
    }
}

/// Whether the attribute's tokens (what stands between the brackets) mark something for tests only.
fn marks_test(attribute: TokenStream) -> bool {
    let mut tokens = Vec::new();
    flatten(attribute, false, &mut tokens);
    let has = |name: &str| tokens.iter().any(|token| token.is_ident(name));
    match tokens.first().and_then(Token::ident) {
        Some("test") => tokens.len() == 1,
        // `any(test, …)` and `not(test)` are compiled without tests too.
        Some("cfg") => has("test") && !has("any") && !negated(&tokens),
        _ => tokens.len() > 1 && tokens.last().is_some_and(|token| token.is_ident("test")),
    }
}

/// Whether it says `not(test)`.
fn negated(tokens: &[Token]) -> bool {
    tokens.windows(3).any(|three| three[0].is_ident("not") && three[2].is_ident("test"))
}

/// Appends the tokens of `stream`; those of an item with a test attribute are marked.
fn flatten(stream: TokenStream, in_test: bool, into: &mut Vec<Token>) {
    let mut whole = in_test;
    let mut item = in_test;
    let mut hash = false;
    let mut inner = false;
    for tree in stream {
        let line = tree.span().start().line;
        let mut push = |kind, test| into.push(Token { kind, line, test });
        match tree {
            TokenTree::Ident(ident) => push(Kind::Ident(ident.to_string()), item),
            TokenTree::Literal(_) => push(Kind::Literal, item),
            TokenTree::Punct(punct) => {
                let c = punct.as_char();
                push(Kind::Punct(c), item);
                (hash, inner) = (c == '#' || (hash && c == '!'), hash && c == '!');
                if c == ';' {
                    item = whole;
                }
                continue;
            }
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ('(', ')'),
                    Delimiter::Brace => ('{', '}'),
                    Delimiter::Bracket => ('[', ']'),
                    Delimiter::None => (' ', ' '),
                };
                if hash && open == '[' && marks_test(group.stream()) {
                    item = true;
                    whole |= inner;
                }
                push(Kind::Open(open), item);
                flatten(group.stream(), item, into);
                let line = group.span_close().start().line;
                into.push(Token { kind: Kind::Close(close), line, test: item });
                if open == '{' {
                    item = whole;
                }
            }
        }
        (hash, inner) = (false, false);
    }
}

/// Where the module files that `path` declares stand: its own folder, or the one of its name.
pub(super) fn module_folder(path: &str) -> String {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    match stem
        .strip_suffix("/mod")
        .or_else(|| stem.strip_suffix("/lib"))
        .or_else(|| stem.strip_suffix("/main"))
    {
        Some(folder) => folder.to_owned(),
        None => stem.to_owned(),
    }
}

fn test_modules(path: &str, tokens: &[Token]) -> Vec<String> {
    let declared = tokens.windows(3).filter_map(|three| {
        let name = three[1].ident()?;
        let whole = three[0].is_ident("mod") && three[2].is_punct(';') && three[0].test;
        whole.then(|| format!("{}/{name}", module_folder(path)))
    });
    declared.collect()
}

/// Marks the files that other files declare for tests only, and all below them.
fn mark_test_files(sources: &mut [Source]) {
    let modules: BTreeSet<String> = sources.iter().flat_map(|source| source.test_modules.clone()).collect();
    for source in sources {
        let folder = module_folder(&source.path);
        if modules.iter().any(|module| folder == *module || folder.starts_with(&format!("{module}/"))) {
            source.tokens.iter_mut().for_each(|token| token.test = true);
        }
    }
}

/// All sources of the workspace, in order; what cannot be read as Rust is a failure.
pub(super) fn read_workspace(root: &Path, failures: &mut Vec<Failure>) -> io::Result<Vec<Source>> {
    let mut paths = Vec::new();
    walk(root, "", &mut paths)?;
    paths.sort();
    let mut sources = Vec::new();
    for path in paths {
        match Source::parse(&path, &fs::read_to_string(root.join(&path))?) {
            Ok(source) => sources.push(source),
            Err(failure) => failures.push(failure),
        }
    }
    mark_test_files(&mut sources);
    Ok(sources)
}

fn walk(root: &Path, below: &str, into: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        if entry.file_type()?.is_dir() {
            if name != "target" && !name.starts_with('.') {
                walk(root, &path, into)?;
            }
        } else if name.ends_with(".rs") {
            into.push(path);
        }
    }
    Ok(())
}

/// Sources for a test.
#[cfg(test)]
pub(super) fn samples(files: &[(&str, &str)]) -> Vec<Source> {
    let mut sources: Vec<_> =
        files.iter().map(|(path, text)| Source::parse(path, text).expect("the sample is Rust")).collect();
    mark_test_files(&mut sources);
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idents(text: &str) -> Vec<(String, bool)> {
        let source = Source::parse("stack/src/a.rs", text).unwrap();
        source.tokens.iter().filter_map(|token| Some((token.ident()?.to_owned(), token.test))).collect()
    }

    fn has(text: &str, name: &str, test: bool) -> bool {
        idents(text).contains(&(name.to_owned(), test))
    }

    #[test]
    fn comments_and_strings_hold_no_tokens() {
        let text = "/// Mutex\n// Mutex /* \n/* Mutex /* Mutex */ */ const A: &str = \"Mutex\"; const B: &str = r#\"Mutex\"#; \
                    const C: char = '\"'; fn f<'a>() {} // Mutex";
        assert!(!idents(text).iter().any(|(name, _)| name == "Mutex"));
        assert!(has(text, "f", false));
    }

    #[test]
    fn the_items_of_tests_are_known_and_end_where_they_end() {
        let text = "#[cfg(test)] mod tests { fn a() {} } fn b() {} #[cfg(all(test, not(loom)))] use c::{d}; use e; #[test] fn g() \
                    { h } fn i() {}";
        for name in ["a", "d", "g", "h"] {
            assert!(has(text, name, true), "{name}");
        }
        for name in ["b", "e", "i"] {
            assert!(has(text, name, false), "{name}");
        }
        assert!(has("#[cfg(not(test))] fn a() {}", "a", false));
        assert!(has("#[cfg(any(test, fuzzing))] fn a() {}", "a", false));
        assert!(has("#[cfg(not(loom))] fn a() {}", "a", false));
        assert!(has("#[tokio::test] async fn a() {}", "a", true));
        assert!(has("#![cfg(test)] fn a() {} fn b() {}", "b", true));
    }

    #[test]
    fn a_file_that_is_declared_for_tests_is_one() {
        let sources = samples(&[
            ("stack/src/a/mod.rs", "#[cfg(test)] mod tests; mod b;"),
            ("stack/src/a/tests.rs", "fn t() {}"),
            ("stack/src/a/tests/deep.rs", "fn t() {}"),
            ("stack/src/a/b.rs", "fn t() {} #[cfg(test)] mod more;"),
            ("stack/src/a/b/more.rs", "fn t() {}"),
        ]);
        let tests: Vec<_> = sources.iter().map(|source| source.tokens[0].test).collect();
        assert_eq!(tests, [false, true, true, false, true]);
    }

    #[test]
    fn what_is_no_rust_is_a_failure_with_its_place() {
        let failure = Source::parse("x.rs", "fn a() {\n\"open").unwrap_err();
        assert!(failure.to_string().starts_with("x.rs:"), "{failure}");
    }
}
