//! nmap: what it sees of our stack beside what it sees of the kernel.

use super::probes::echo;
use super::reference::{REFERENCE, Reference};
use super::{need, run};
use crate::lab::{Front, OURS, client_of};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::path::Path;

/// Open on both.
const OPEN: [u16; 2] = [80, 443];
const SCANNED: &str = "79-82,443,8080";

/// Protocols that a kernel may speak and we do not. It is silent about a probe that means nothing to it; we say that the
/// protocol is unreachable, as RFC 1122, Section 3.2.2.1, asks of a host that lacks it: silence would claim what is not there.
const NOT_OURS: [(u8, &str); 11] = [
    (4, "IP in IP, a tunnel"),
    (33, "DCCP, another transport"),
    (41, "IPv6 in IPv4, a tunnel"),
    (47, "GRE, a tunnel"),
    (50, "ESP of IPsec"),
    (51, "AH of IPsec"),
    (103, "PIM, of routers of groups"),
    (108, "IPComp, compression"),
    (115, "L2TP, a tunnel"),
    (132, "SCTP, another transport"),
    (136, "UDP-Lite, another transport"),
];

/// Our stack with the open ports before an echo server.
fn ours() -> (Front, super::Server) {
    let backend = echo("127.0.0.1", 8080);
    (Front::guard_of(&OPEN, "127.0.0.1:8080", &[]), backend)
}

/// The state of each port or protocol that `nmap` saw; `*` stands for those that it does not list singly.
fn scan(target: &str, arguments: &[&str]) -> BTreeMap<String, String> {
    let common = ["-n", "-Pn", "--disable-arp-ping", "-T4", "--max-retries", "2", "-oX", "-"];
    let report = run("nmap", &[&common, arguments, &[target]].concat(), 200);
    let mut states = BTreeMap::new();
    for part in report.split("<port ").skip(1) {
        let (Some(port), Some(state)) = (attribute(part, "portid"), attribute(part, "state")) else {
            continue;
        };
        states.insert(port, state);
    }
    for part in report.split("<extraports ").skip(1) {
        states.extend(attribute(part, "state").map(|state| ("*".to_owned(), state)));
    }
    assert!(!states.is_empty(), "{report}");
    states
}

fn attribute(text: &str, name: &str) -> Option<String> {
    Some(text.split_once(&format!("{name}=\""))?.1.split_once('"')?.0.to_owned())
}

/// Our stack still serves.
fn check_service() {
    let mut stream = client_of(&format!("{OURS}:80")).unwrap();
    stream.write_all(b"still there?").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text, "still there?");
}

pub fn nmap_sees_the_classes_that_it_sees_of_the_kernel() {
    need(&["nmap", "socat", "unshare", "nsenter"]);
    let _ours = ours();
    let _reference = Reference::new(&OPEN);
    // SYN, ACK, FIN, null, Xmas, Maimon, window; a connect; SYN and FIN in fragments of eight bytes.
    for how in [
        &["-sS"][..],
        &["-sA"],
        &["-sF"],
        &["-sN"],
        &["-sX"],
        &["-sM"],
        &["-sW"],
        &["-sT"],
        &["-sS", "-f"],
        &["-sF", "-f"],
        &["-sS", "-f", "-f"],
    ] {
        let arguments = [how, &["-p", SCANNED]].concat();
        let (ours, kernels) = (scan(OURS, &arguments), scan(REFERENCE, &arguments));
        println!("nmap {how:?}: {ours:?}");
        assert_eq!(ours, kernels, "{how:?}: ours and the kernel's");
    }
    check_service();
}

pub fn nmap_sees_the_protocols_that_it_sees_of_the_kernel() {
    need(&["nmap", "socat", "unshare", "nsenter"]);
    let _ours = ours();
    let _reference = Reference::new(&OPEN);
    let (ours, kernels) = (scan(OURS, &["-sO"]), scan(REFERENCE, &["-sO"]));
    println!("nmap -sO: {ours:?}\nthe kernel: {kernels:?}");
    for protocol in 0..=255_u8 {
        let state = |states: &BTreeMap<String, String>| {
            states.get(&protocol.to_string()).or(states.get("*")).cloned().unwrap_or_default()
        };
        let (ours, kernels) = (state(&ours), state(&kernels));
        match NOT_OURS.iter().find(|(number, _)| *number == protocol && ours != kernels) {
            Some((_, what)) => {
                println!("protocol {protocol} ({what}): {ours}, the kernel's is {kernels}");
                assert_eq!((&*ours, &*kernels), ("closed", "open|filtered"), "protocol {protocol}");
            }
            None => assert_eq!(ours, kernels, "protocol {protocol}: ours and the kernel's"),
        }
    }
    check_service();
}

pub fn nmap_looks_for_the_operating_system_and_does_no_harm() {
    need(&["nmap", "socat"]);
    let _ours = ours();
    let arguments = ["-n", "-Pn", "-O", "-d", "--osscan-guess", "-p", "80,81", OURS];
    let report = run("nmap", &arguments, 100);
    let fingerprint: Vec<_> = report.lines().skip_while(|line| !line.contains("fingerprint:")).collect();
    // An artefact of the build, for whoever wants to know what we look like.
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nmap-fingerprint.txt");
    fs::write(&path, &report).unwrap();
    println!("{}\nkept in {}", fingerprint.join("\n"), path.display());
    assert!(report.contains("OS:SCAN("), "{report}");
    check_service();
}
