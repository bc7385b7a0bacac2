//! `synward ping` as a user runs it, on the embedded network.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, its helpers too")]

use std::process::{Command, Stdio};

fn ping(args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_synward"))
        .arg("ping")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_live_host_answers_every_request() {
    let (code, out, err) = ping(&["-c", "3", "-i", "0.05", "129.68.72.20"]);
    assert_eq!(code, Some(0), "{err}");
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines[0], "PING 129.68.72.20 (129.68.72.20) 56(84) bytes of data.");
    for (n, line) in (1..=3).zip(&lines[1..]) {
        let begin = format!("64 bytes from 129.68.72.20: icmp_seq={n} ttl=64 time=");
        assert!(line.starts_with(&begin) && line.ends_with(" ms"), "{line}");
    }
    assert!(out.contains("3 packets transmitted, 3 received, 0% packet loss"), "{out}");
    assert!(out.contains("rtt min/avg/max/mdev = "), "{out}");
}

#[test]
fn a_host_behind_the_router_answers_with_a_lower_time_to_live() {
    let (code, out, _) = ping(&["-c", "1", "192.0.2.20"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("from 192.0.2.20: icmp_seq=1 ttl=63"), "{out}");
    // RFC 1812, Section 4.3.3.6.
    assert_eq!(ping(&["-c", "1", "129.68.72.1"]).0, Some(0), "the router itself answers");
}

#[test]
fn the_dead_address_gives_the_evidence_and_status_1() {
    let (code, out, _) = ping(&["-c", "2", "-i", "0.1", "129.68.72.40"]);
    assert_eq!(code, Some(1));
    for n in 1..=2 {
        let line = format!("icmp_seq={n} 129.68.72.40: no host answered ARP (3 requests in 3.0 s)");
        assert!(out.contains(&line), "{out}");
    }
    assert!(out.contains("2 packets transmitted, 0 received, 100% packet loss"), "{out}");
}

#[test]
fn an_unreachable_network_and_a_black_hole_are_told_apart() {
    let (code, out, _) = ping(&["-c", "1", "203.0.113.4"]);
    assert_eq!(code, Some(1));
    assert!(out.contains("icmp_seq=1 129.68.72.1 says: host unreachable"), "{out}");
    let (code, out, _) = ping(&["-c", "1", "-W", "0.2", "198.51.100.4"]);
    assert_eq!(code, Some(1));
    assert!(out.contains("icmp_seq=1 no reply within 200ms"), "{out}");
}

#[test]
fn json_has_one_object_a_line() {
    let (code, out, _) = ping(&["-c", "2", "-i", "0.05", "-s", "100", "--json", "129.68.72.20"]);
    assert_eq!(code, Some(0));
    let lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!((&lines[0]["event"], &lines[0]["bytes"]), (&"reply".into(), &100.into()));
    let summary = &lines[2];
    assert_eq!(
        (&summary["event"], &summary["sent"], &summary["received"]),
        (&"summary".into(), &2.into(), &2.into())
    );
    assert!(summary["ms"]["avg"].as_f64().unwrap() > 0.0);
}

#[test]
fn what_cannot_be_pinged_and_a_wrong_command_line_are_told() {
    let (code, _, err) = ping(&["-c", "1", "224.0.0.1"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("224.0.0.1 cannot be pinged"), "{err}");
    for args in [
        &["-c", "0", "129.68.72.20"][..],
        &["-i", "0", "129.68.72.20"],
        &["-s", "65508", "129.68.72.20"],
        &[],
    ] {
        assert_eq!(ping(args).0, Some(2), "{args:?}");
    }
}

/// Nothing is cut off in silence: what the MTU does not take goes, and comes back, in fragments.
#[test]
fn a_payload_beyond_the_mtu_comes_back_whole() {
    for size in ["1472", "1473", "4000", "65507"] {
        let (code, out, err) = ping(&["-c", "1", "-s", size, "129.68.72.20"]);
        assert_eq!(code, Some(0), "{err}");
        let bytes = size.parse::<u32>().unwrap() + 8;
        assert!(out.contains(&format!("{bytes} bytes from")), "{out}");
    }
}
