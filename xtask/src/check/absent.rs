//! What README says is not there, tied to the tree: each line names a place that would exist if the thing did, so that the
//! list fails the check on the day it becomes untrue.

use super::Failure;
use super::source::Source;
use std::fs;
use std::path::Path;

const README: &str = "README.md";
const BEGIN: &str = "<!-- absent:begin -->\n";
const END: &str = "<!-- absent:end -->";

/// How the tree would show that a thing is there after all.
enum Trace {
    /// A file or folder.
    Place(&'static str),
    /// A word in the library's code.
    Word(&'static str),
}

const ABSENT: &[(&str, Trace)] = &[
    ("IPv6 (every key and table takes its addresses already)", Trace::Place("stack/src/wire/ipv6.rs")),
    ("UDP sockets (a datagram finds its port closed), DHCP, DNS", Trace::Place("stack/src/udp")),
    ("forwarding, filtering, NAT", Trace::Place("stack/src/ip/forward.rs")),
    ("several shards: one shard serves a stack", Trace::Place("stack/src/steering")),
    ("AF_PACKET and AF_XDP devices; TUN (a TAP is there)", Trace::Place("stack/src/device/packet.rs")),
    ("RACK-TLP, PRR, BBR, pacing, HyStart++", Trace::Place("stack/src/tcp/rack.rs")),
    ("undo of spurious retransmissions (F-RTO, Eifel)", Trace::Place("stack/src/tcp/frto.rs")),
    ("ECN and Accurate ECN", Trace::Place("stack/src/tcp/ecn.rs")),
    ("TCP Fast Open", Trace::Place("stack/src/tcp/fast_open.rs")),
    ("TCP MD5 and TCP-AO", Trace::Word("TcpAuthentication")),
    ("packetization-layer path MTU discovery", Trace::Place("stack/src/tcp/plpmtud.rs")),
    ("PROXY protocol in the guard, a metrics endpoint", Trace::Word("ProxyProtocol")),
    ("automatic dead-gateway detection", Trace::Word("DeadGateway")),
];

pub(super) fn check(root: &Path, sources: &[Source], write: bool) -> Vec<Failure> {
    let mut failures = untrue(root, sources);
    let path = root.join(README);
    let present = fs::read_to_string(&path).unwrap_or_default();
    match rewritten(&present) {
        None => failures.push(Failure::new(
            README,
            1,
            "the list of what is not there has lost its marks",
            BEGIN.trim(),
        )),
        Some(wanted) if wanted == present => {}
        Some(wanted) if write => {
            if let Err(error) = fs::write(&path, wanted) {
                failures.push(Failure::new(README, 1, format!("cannot write it: {error}"), "see the reason"));
            }
        }
        Some(_) => {
            let remedy = "run `cargo xtask check --write` and commit the file";
            failures.push(Failure::new(README, 1, "the list of what is not there is stale", remedy));
        }
    }
    failures
}

fn untrue(root: &Path, sources: &[Source]) -> Vec<Failure> {
    let exists = |trace: &Trace| match trace {
        Trace::Place(place) => root.join(place).exists().then(|| ((*place).to_owned(), 1)),
        Trace::Word(word) => sources.iter().find_map(|source| {
            super::in_library(source)?;
            let line = source.text.lines().position(|line| line.contains(word))?;
            Some((source.path.clone(), line + 1))
        }),
    };
    let found = ABSENT.iter().filter_map(|(what, trace)| Some((what, exists(trace)?)));
    found
        .map(|(what, (path, line))| {
            let what = format!("README says that this is not there: {what}");
            Failure::new(&path, line, what, "take it off the list in xtask/src/check/absent.rs")
        })
        .collect()
}

fn rewritten(readme: &str) -> Option<String> {
    let (before, rest) = readme.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let list: String = ABSENT.iter().map(|(what, _)| format!("- {what}\n")).collect();
    Some(format!("{before}{BEGIN}{list}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::super::source::samples;
    use super::*;

    #[test]
    fn a_thing_that_is_there_after_all_fails() {
        let sources = samples(&[("stack/src/tcp/options.rs", "// text\nstruct TcpAuthentication;\n")]);
        let failures = untrue(Path::new("/nonexistent"), &sources);
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert!(failures[0].to_string().starts_with("stack/src/tcp/options.rs:2:"));
        assert!(untrue(Path::new("/nonexistent"), &[]).is_empty());
    }

    #[test]
    fn the_list_is_written_between_its_marks_and_nowhere_else() {
        let readme = format!("a\n{BEGIN}old\n{END}\nb\n");
        let wanted = rewritten(&readme).unwrap();
        assert!(wanted.starts_with("a\n") && wanted.ends_with("\nb\n") && wanted.contains("- IPv6"));
        assert_eq!(rewritten(&wanted).as_deref(), Some(wanted.as_str()));
        assert_eq!(rewritten("no marks"), None);
    }
}
