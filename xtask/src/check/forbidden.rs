//! Locks and atomics stay in `sync/`, `unsafe` in the few files that are audited for it.

use super::source::{Source, Token};
use super::{Failure, in_library};

const LOCKS: &[&str] = &["Mutex", "RwLock", "RefCell", "parking_lot"];

/// Where atomics may be (paths below `stack/src/`; a folder ends with `/`).
const ATOMICS: &[&str] = &["sync/", "buffer/buf.rs"];

/// Where `unsafe` may be.
const UNSAFE: &[&str] = &["device/sys/", "sync/", "buffer/buf.rs", "buffer/pool.rs", "wire/checksum_simd.rs"];

/// The crates over the library, and where each of them may have `unsafe`. The plug-in of packetdrill is called by C and gets C's
/// pointers: the folder that turns them into slices has it, and nothing behind that folder. The runner
/// of packet scripts makes the kernel's socket calls in one file.
const UNSAFE_ABOVE: &[(&str, &[&str])] =
    &[("posix/src/", &[]), ("packetdrill/src/", &["abi/"]), ("pkt/src/", &["backend/kernel/sys.rs"])];

fn within(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| path == *place || (place.ends_with('/') && path.starts_with(place)))
}

pub(super) fn check(sources: &[Source]) -> Vec<Failure> {
    sources.iter().flat_map(check_file).collect()
}

fn check_file(source: &Source) -> Vec<Failure> {
    let Some(path) = in_library(source) else { return check_above(source) };
    let mut found = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        let Some(name) = token.ident() else { continue };
        let mut fail = |what: &str, remedy: String| {
            found.push(Failure::new(&source.path, token.line, format!("`{name}`: {what}"), remedy));
        };
        if !token.test && !within(path, &["sync/"]) && (LOCKS.contains(&name) || is_spin(&source.tokens, at))
        {
            fail(
                "a lock outside of sync/",
                "let one owner have it by `&mut`, or use a cell or queue of sync/".to_owned(),
            );
        }
        if !token.test && !within(path, ATOMICS) && is_atomic(&source.tokens, at) {
            fail(
                "an atomic outside of sync/",
                "put what crosses threads into sync/, with a loom test".to_owned(),
            );
        }
        if name == "unsafe" && !within(path, UNSAFE) {
            fail("outside of the audited files", format!("only {} may have it", UNSAFE.join(", ")));
        }
    }
    found
}

/// A file of a crate over the library.
fn check_above(source: &Source) -> Vec<Failure> {
    let found =
        UNSAFE_ABOVE.iter().find_map(|(root, places)| Some((source.path.strip_prefix(root)?, *places)));
    let Some((_, places)) = found.filter(|(path, places)| !within(path, places)) else { return Vec::new() };
    let remedy = if places.is_empty() {
        "this crate has none".to_owned()
    } else {
        format!("only {} may have it", places.join(", "))
    };
    let uses = source.tokens.iter().filter(|token| token.is_ident("unsafe"));
    let fail = |token: &Token| {
        Failure::new(&source.path, token.line, "`unsafe`: outside of the audited files", remedy.clone())
    };
    uses.map(fail).collect()
}

/// The crate `spin`, not a variable of that name.
fn is_spin(tokens: &[Token], at: usize) -> bool {
    tokens[at].is_ident("spin")
        && (tokens.get(at + 1..at + 3).is_some_and(|two| two.iter().all(|token| token.is_punct(':')))
            || (at > 0 && tokens[at - 1].is_ident("use")))
}

fn is_atomic(tokens: &[Token], at: usize) -> bool {
    let Some(name) = tokens[at].ident() else { return false };
    let kind = name.strip_prefix("Atomic").unwrap_or_default();
    let integer = kind.strip_prefix(['I', 'U']).is_some_and(|rest| {
        rest == "size" || (!rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
    });
    let path = name == "atomic" && at > 2 && tokens[at - 1].is_punct(':') && tokens[at - 3].is_ident("sync");
    integer || matches!(kind, "Bool" | "Ptr" | "Waker" | "Cell") || path
}

#[cfg(test)]
mod tests {
    use super::super::source::samples;
    use super::*;

    fn failures(path: &str, text: &str) -> Vec<String> {
        check(&samples(&[(path, text)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_lock_an_atomic_and_unsafe_are_found_with_their_line() {
        for text in [
            "use std::sync::Mutex;",
            "struct S(std::sync::RwLock<u8>);",
            "struct S { a: core::cell::RefCell<u8> }",
            "use parking_lot::Condvar;",
            "use spin::Once;",
            "use std::sync::atomic::Ordering;",
            "static A: AtomicU64 = X;",
            "static A: AtomicUsize = X;",
            "fn f() { unsafe { g() } }",
        ] {
            let found = failures("stack/src/tcp/rtt.rs", &format!("\n\n{text}"));
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(found[0].starts_with("stack/src/tcp/rtt.rs:3: "), "{found:?}");
        }
        let unsafe_test = "#[cfg(test)] mod tests { fn f() { unsafe { g() } } }";
        assert_eq!(failures("stack/src/tcp/rtt.rs", unsafe_test).len(), 1, "not even in tests");
        assert_eq!(failures("stack/src/device/tap.rs", "unsafe fn f() {}").len(), 1);
        assert_eq!(failures("stack/src/buffer/buf.rs", "struct S(Mutex<u8>);").len(), 1);
        assert_eq!(failures("posix/src/calls/send.rs", "unsafe fn f() {}").len(), 1);
        assert_eq!(failures("packetdrill/src/instance.rs", "unsafe fn f() {}").len(), 1);
        assert_eq!(failures("pkt/src/run.rs", "unsafe fn f() {}").len(), 1);
        assert_eq!(failures("pkt/src/backend/kernel/sys.rs", "unsafe fn f() {}").len(), 0);
    }

    #[test]
    fn the_allowed_places_tests_comments_and_strings_are_no_failures() {
        for (path, text) in [
            ("stack/src/sync/cell.rs", "use std::sync::{Mutex, atomic::AtomicBool}; unsafe fn f() {}"),
            ("stack/src/device/sys/tun.rs", "unsafe fn f() {}"),
            ("stack/src/buffer/buf.rs", "use core::sync::atomic::AtomicPtr; unsafe fn f() {}"),
            (
                "stack/src/tcp/rtt.rs",
                "// Mutex\n/// RefCell, unsafe\nconst A: &str = \"unsafe Mutex AtomicU8\";",
            ),
            (
                "stack/src/tcp/rtt.rs",
                "#[cfg(test)] mod tests { use std::sync::{Mutex, atomic::AtomicUsize}; }",
            ),
            (
                "stack/src/tcp/rtt.rs",
                "#![deny(unsafe_code)] struct MutexLike; fn spin(spin: u8) {} struct AtomicFragment; fn g() { Ident::atomic() }",
            ),
            ("stack/tests/netns.rs", "unsafe fn f() {}"),
            ("packetdrill/src/abi/memory.rs", "unsafe fn f() {}"),
            ("packetdrill/src/instance.rs", "use std::sync::Mutex;"),
        ] {
            assert_eq!(failures(path, text), Vec::<String>::new(), "{path}: {text}");
        }
    }
}
