//! ping, traceroute and hping3: single packets and what comes back.

use super::program::program;
use super::{Server, need, output, run};
use crate::lab::{Front, KERNEL, OURS};
use std::fs;
use std::net::TcpListener;
use std::process::Command;

/// A guard with port 80 open and everything else closed; its backend accepts.
fn guard() -> (Front, TcpListener) {
    let backend = TcpListener::bind("127.0.0.1:8080").unwrap();
    (Front::guard("127.0.0.1:8080", &[]), backend)
}

pub fn pings_of_4000_bytes_and_more_are_answered() {
    need(&["ping"]);
    let _guard = guard();
    for size in ["56", "1472", "1473", "4000", "20000", "65507"] {
        let told = run("ping", &["-n", "-c", "5", "-i", "0.2", "-W", "5", "-s", size, OURS], 30);
        assert!(told.contains("5 received, 0% packet loss"), "{size}: {told}");
        assert!(!told.contains("wrong data"), "{size}: {told}");
    }
}

pub fn our_ping_of_4000_bytes_is_answered_by_the_kernel() {
    for size in ["4000", "65507"] {
        let mut ping = Command::new(env!("CARGO_BIN_EXE_synward"));
        ping.args([
            "ping",
            KERNEL,
            "-c",
            "3",
            "-i",
            "0.1",
            "-s",
            size,
            "--tap",
            "syn0",
            "--address",
            "10.77.0.2/24",
        ]);
        let told = output(
            {
                ping.args(["--host-address", "10.77.0.1/24"]);
                ping
            },
            30,
        );
        assert!(
            told.status.success() && told.text.contains("3 received, 0% packet loss"),
            "{size}: {}",
            told.text
        );
    }
}

pub fn traceroute_arrives() {
    need(&["traceroute"]);
    let _guard = guard();
    // By SYN to an open and to a closed port, by UDP, by echo request.
    for how in [&["-T", "-p", "80"][..], &["-T", "-p", "81"], &[], &["-I"]] {
        let told = run("traceroute", &[how, &["-n", "-m", "5", "-q", "3", "-w", "3", OURS]].concat(), 40);
        let hops: Vec<_> = told.lines().skip(1).collect();
        assert_eq!(hops.len(), 1, "{how:?}: {told}");
        assert!(
            hops[0].trim().starts_with(&format!("1  {OURS}")) && hops[0].matches("ms").count() == 3,
            "{how:?}: {told}"
        );
        assert!(!hops[0].contains('!'), "{how:?}: {told}");
    }
}

pub fn hping3_hears_what_good_packets_deserve_and_nothing_for_bad_ones() {
    need(&["hping3"]);
    let _guard = guard();
    let hping = |arguments: &[&str]| {
        let common = ["-n", "-c", "3", "-i", "u100000"];
        output(program("hping3", &[&common, arguments, &[OURS]].concat()), 30).text
    };
    for (what, arguments, wanted) in [
        ("SYN to an open port", &["-S", "-p", "80", "-k", "-s", "5000"][..], "flags=SA"),
        ("SYN to a closed port", &["-S", "-p", "81"], "flags=RA"),
        ("ACK to an open port", &["-A", "-p", "80"], "flags=R "),
        ("data on a SYN", &["-S", "-p", "80", "-d", "100"], "flags=SA"),
        ("SYN in fragments", &["-S", "-p", "80", "-f", "-d", "64"], "flags=SA"),
        ("UDP", &["-2", "-p", "9"], "ICMP Port Unreachable"),
        ("an unknown protocol", &["-0", "-H", "99", "-d", "20"], "ICMP Protocol Unreachable"),
        ("an echo request", &["-1"], "icmp_seq=2"),
    ] {
        let told = hping(arguments);
        assert!(told.matches(wanted).count() >= 1, "{what}: no {wanted}\n{told}");
        println!("{what}: {wanted}");
    }
    for (what, arguments) in [
        ("a SYN with a bad checksum", &["-S", "-p", "80", "-b"][..]),
        ("a SYN to a closed port with a bad checksum", &["-S", "-p", "81", "-b"]),
        ("UDP with a bad checksum", &["-2", "-p", "9", "-b"]),
        ("an echo request with a bad checksum", &["-1", "-b"]),
        ("no flag, to an open port", &["-p", "80"]),
    ] {
        let before = to_us();
        let told = hping(arguments);
        assert!(told.contains("3 packets transmitted, 0 packets received"), "{what}: {told}");
        assert!(to_us() >= before + 3, "{what}: the kernel kept them to itself");
        println!("{what}: nothing");
    }
}

/// Packets that the kernel has given to our device.
fn to_us() -> u64 {
    // Eight figures of what was received come first (proc(5)), bytes, then packets.
    let table = fs::read_to_string("/proc/self/net/dev").unwrap();
    let figures = table.lines().find_map(|line| line.trim().strip_prefix("syn0:")).unwrap();
    figures.split_whitespace().nth(9).unwrap().parse().unwrap()
}

/// A server that answers each connection with what it hears.
pub(super) fn echo(host: &str, port: u16) -> Server {
    let listen = format!("TCP-LISTEN:{port},bind={host},reuseaddr,fork");
    Server::listening(program("socat", &[&listen, "EXEC:cat"]), &format!("{host}:{port}"))
}
