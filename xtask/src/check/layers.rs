//! Imports point one way.

use super::source::{Kind, Source, Token, module_folder};
use super::{Failure, in_library};

/// What the lowest layers are made of; every other layer may use all of it.
const GROUND: &[&str] = &["base", "wire", "buffer", "sync", "settings", "telemetry"];

/// Each module of the library and what it may use besides itself; `None` stands for everything.
const LAYERS: &[(&str, Option<&[&str]>)] = &[
    ("base", Some(&[])),
    ("wire", Some(&["base"])),
    // A device says how to wait for it: with a signal of `sync`. And the queues of `sync` carry buffers.
    ("buffer", Some(&["base", "wire", "sync"])),
    ("sync", Some(&["base", "wire", "buffer"])),
    ("settings", Some(&["base", "wire"])),
    ("telemetry", Some(&["base", "wire", "buffer", "settings"])),
    ("tcp", Some(&[])),
    ("ip", Some(&[])),
    ("udp", Some(&[])),
    // Admission ends with a `tcp::Handshake`, from which a connection is made.
    ("admission", Some(&["tcp"])),
    ("device", Some(&[])),
    ("shard", Some(&["tcp", "ip", "udp", "admission"])),
    ("steering", Some(&["tcp", "ip", "udp", "admission", "shard"])),
    ("socket", Some(&["tcp", "ip", "udp", "admission", "shard", "steering"])),
    // A driver waits for devices.
    ("driver", Some(&["device", "tcp", "ip", "udp", "admission", "shard", "steering", "socket"])),
    ("sim", None),
];

fn allowed(from: &str, to: &str) -> Option<bool> {
    let (_, list) = LAYERS.iter().find(|(name, _)| *name == from)?;
    let ground = GROUND.contains(&to) && !GROUND.contains(&from);
    Some(from == to || ground || list.is_none_or(|list| list.contains(&to)))
}

pub(super) fn check(sources: &[Source]) -> Vec<Failure> {
    sources.iter().flat_map(check_file).collect()
}

fn check_file(source: &Source) -> Vec<Failure> {
    let Some(path) = in_library(source) else { return Vec::new() };
    let from = path.split(['/', '.']).next().unwrap_or_default();
    if path == "lib.rs" {
        return Vec::new();
    }
    if !LAYERS.iter().any(|(name, _)| *name == from) {
        let remedy = "give it a place in the table of xtask/src/check/layers.rs and in the design";
        return vec![Failure::new(&source.path, 1, format!("`{from}` is no known layer"), remedy)];
    }
    let failure = |(to, line): (String, usize)| {
        if to != from && !LAYERS.iter().any(|(name, _)| *name == to) {
            let what = format!("`crate::{to}` goes past the layers");
            return Some(Failure::new(&source.path, line, what, "import it from the module that defines it"));
        }
        if allowed(from, &to) == Some(true) {
            return None;
        }
        let remedy = format!(
            "move what both need below them, or hand it in; if the edge is right, change the table of \
             xtask/src/check/layers.rs and the design ({from} may use: {})",
            permitted(from)
        );
        Some(Failure::new(&source.path, line, format!("`{from}` must not import `{to}`"), remedy))
    };
    imports(source).into_iter().filter_map(failure).collect()
}

fn permitted(from: &str) -> String {
    let names =
        LAYERS.iter().map(|(name, _)| *name).filter(|to| *to != from && allowed(from, to) == Some(true));
    names.collect::<Vec<_>>().join(", ")
}

/// The top-level modules that a file names outside of tests, each with its line: `crate::x`, `crate::{x, y::z}`, and
/// `super::…::x` that climbs to the top.
fn imports(source: &Source) -> Vec<(String, usize)> {
    let folder = module_folder(&source.path);
    let depth = folder.strip_prefix("stack/src").map_or(0, |below| below.matches('/').count());
    let tokens = &source.tokens;
    let (mut found, mut braces) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match &token.kind {
            Kind::Open('{') => {
                let module = at >= 2 && tokens[at - 2].is_ident("mod");
                braces.push(module);
            }
            Kind::Close('}') => {
                braces.pop();
            }
            Kind::Ident(name) if name == "crate" || name == "super" => {
                let inline = braces.iter().filter(|module| **module).count();
                let mut climbed = usize::from(name == "super");
                let mut next = after_colons(tokens, at + 1);
                while let Some(place) = next.filter(|place| climbed > 0 && tokens[*place].is_ident("super")) {
                    climbed += 1;
                    next = after_colons(tokens, place + 1);
                }
                let top = name == "crate" || climbed >= depth + inline;
                if let Some(place) = next.filter(|_| top && !token.test) {
                    found.extend(heads(tokens, place));
                }
                // What was climbed over must not be read as a shorter chain again.
                at += 3 * climbed.saturating_sub(1);
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The place after `::`, if one stands at `at`.
fn after_colons(tokens: &[Token], at: usize) -> Option<usize> {
    let colons = tokens.get(at)?.is_punct(':') && tokens.get(at + 1)?.is_punct(':');
    (colons && at + 2 < tokens.len()).then_some(at + 2)
}

/// The first names of a path, or of each path of a group. Macros of the crate (`name!`) belong to no layer.
fn heads(tokens: &[Token], at: usize) -> Vec<(String, usize)> {
    let single = |at: usize| {
        let name = tokens.get(at)?.ident()?;
        let is_macro = tokens.get(at + 1).is_some_and(|token| token.is_punct('!'));
        (!is_macro && name != "self").then(|| (name.to_owned(), tokens[at].line))
    };
    if tokens[at].kind != Kind::Open('{') {
        return single(at).into_iter().collect();
    }
    let (mut found, mut depth, mut fresh) = (Vec::new(), 0usize, true);
    for (place, token) in tokens.iter().enumerate().skip(at) {
        match &token.kind {
            Kind::Open(_) => depth += 1,
            Kind::Close(_) => depth -= 1,
            Kind::Punct(',') if depth == 1 => fresh = true,
            Kind::Ident(_) if fresh && depth == 1 => {
                found.extend(single(place));
                fresh = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::source::samples;
    use super::*;

    fn failures(path: &str, text: &str) -> Vec<String> {
        check(&samples(&[(path, text)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_edge_against_the_layers_is_found_in_every_way_to_write_it() {
        for text in [
            "use crate::socket::TcpStream;",
            "use crate::{base::Instant, socket::{self, TcpStream}};",
            "fn f() { crate::socket::open() }",
            "pub(in crate::socket) struct S;",
            "use super::super::socket::TcpStream;",
            "mod inner { use super::super::super::socket::TcpStream; }",
            "macro_rules! m { () => { $crate::socket::open() } }",
        ] {
            let found = failures("stack/src/tcp/rtt.rs", &format!("\n{text}"));
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(
                found[0].starts_with("stack/src/tcp/rtt.rs:2: `tcp` must not import `socket`"),
                "{found:?}"
            );
        }
        assert_eq!(failures("stack/src/tcp/mod.rs", "use super::ip::Route;").len(), 1);
        assert_eq!(failures("stack/src/tcp/mod.rs", "use crate::admission::Verdict;").len(), 1);
        assert_eq!(failures("stack/src/wire/mod.rs", "use crate::buffer::Buf;").len(), 1);
        assert_eq!(failures("stack/src/device/tap.rs", "use crate::shard::Shard;").len(), 1);
    }

    #[test]
    fn allowed_edges_tests_and_text_are_no_failures() {
        for (path, text) in [
            ("stack/src/tcp/rtt.rs", "use crate::base::Instant; use super::state::X; use crate::tcp::Y;"),
            (
                "stack/src/tcp/rtt.rs",
                "#[cfg(test)] mod tests { use crate::sim::Net; use super::super::super::sim; }",
            ),
            (
                "stack/src/tcp/rtt.rs",
                "/// See [`crate::socket`]. \n// crate::socket::x\nconst A: &str = \"crate::socket::x\";",
            ),
            ("stack/src/tcp/rtt.rs", "mod inner { use super::super::state::X; } pub(crate) fn f() {}"),
            ("stack/src/admission/cookie.rs", "use crate::tcp::Handshake;"),
            ("stack/src/sim/net.rs", "use crate::device::MemoryDevice; use crate::driver::Stack;"),
            ("stack/src/lib.rs", "pub use crate::socket::TcpStream;"),
            ("stack/src/ip/v4.rs", "crate::some_macro!(x);"),
            ("cli/src/main.rs", "use crate::anything::X;"),
        ] {
            assert_eq!(failures(path, text), Vec::<String>::new(), "{path}: {text}");
        }
    }

    #[test]
    fn a_way_past_the_layers_and_an_unknown_layer_are_failures() {
        let found = failures("stack/src/tcp/rtt.rs", "use crate::TcpStream;");
        assert!(found[0].contains("`crate::TcpStream` goes past the layers"), "{found:?}");
        let found = failures("stack/src/helpers/mod.rs", "");
        assert!(found[0].contains("`helpers` is no known layer"), "{found:?}");
    }
}
