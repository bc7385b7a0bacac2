//! `synward telnet` as a user runs it, on the embedded network.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, its helpers too")]

use std::io::{Read, Write};
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

fn start(args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_synward"))
        .arg("telnet")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for the end, which must come: a command that hangs is killed and fails the test.
fn end(mut child: Child) -> Output {
    // Read all the time: a command whose pipe is full would wait for us.
    let stdout = reader(child.stdout.take());
    let stderr = reader(child.stderr.take());
    let start = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if start.elapsed() > Duration::from_secs(30) => {
                child.kill().unwrap();
                let stderr = stderr.join().unwrap();
                panic!("hangs: {:?}", String::from_utf8_lossy(&stderr));
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    Output { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    })
}

/// The exit code, standard output and standard error of a run with `input`.
fn telnet(args: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut child = start(args);
    // It may be over before it reads anything.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = end(child);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_dead_address_of_the_article_ends_with_the_evidence_and_says_its_bound_before() {
    let (code, out, err) = telnet(&["129.68.72.40"], "");
    assert_eq!((code, out.as_str()), (Some(1), ""));
    let lines: Vec<_> = err.lines().collect();
    assert!(lines[0].starts_with("Trying 129.68.72.40:23 from 129.68.72.10 (at most "), "{err}");
    assert_eq!(lines[1], "129.68.72.40: no host answered ARP (3 requests in 3.0 s)");
}

#[test]
fn the_banner_comes_and_a_line_is_answered() {
    let (code, out, err) = telnet(&["129.68.72.20"], "hello\nquit\n");
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("Synward simulated host") && out.contains("you said: hello"), "{out}");
    assert!(err.contains("Connection closed by 129.68.72.20:23."), "{err}");
}

#[test]
fn piped_input_is_echoed_to_its_end() {
    let lines: String = (0..5000).map(|n| format!("line {n}\n")).collect();
    let (code, out, err) = telnet(&["129.68.72.20", "7"], &lines);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.replace("\r\n", "\n") == lines, "{} bytes", out.len());
}

#[test]
fn a_page_comes_from_the_host_behind_the_router() {
    for host in ["129.68.72.20", "192.0.2.20"] {
        let (code, out, _) = telnet(&[host, "80"], "GET / HTTP/1.0\n\n");
        assert_eq!(code, Some(0));
        assert!(out.starts_with("HTTP/1.0 200 OK\r\n") && out.contains("<title>"), "{out}");
    }
}

#[test]
fn each_failure_names_its_reason() {
    for (args, reason) in [
        (&["203.0.113.9"][..], "203.0.113.9:23: 129.68.72.1 says: host unreachable"),
        (&["8.8.8.8"], "8.8.8.8:23: 129.68.72.1 says: network unreachable"),
        (&["198.18.0.1"], "198.18.0.1:23: 129.68.72.1 says: "),
        (&["129.68.72.20", "81"], "129.68.72.20:81: connection refused"),
        (&["129.68.72.1"], "129.68.72.1:23: connection refused"),
        (&["129.68.72.255"], "129.68.72.255: not the address of one host"),
    ] {
        let (code, out, err) = telnet(args, "");
        assert_eq!((code, out.as_str()), (Some(1), ""));
        assert!(err.lines().last().unwrap().starts_with(reason), "{args:?}: {err}");
    }
}

#[test]
fn ctrl_c_ends_it_while_it_connects_and_while_it_is_connected() {
    for (host, port) in [("198.51.100.1", "23"), ("129.68.72.20", "23")] {
        let mut child = start(&[host, port]);
        let stdin = child.stdin.take();
        let mut seen = [0; 7];
        child.stderr.as_mut().unwrap().read_exact(&mut seen).unwrap();
        assert_eq!(&seen, b"Trying ", "Ctrl-C is caught from here on");
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let output = end(child);
        drop(stdin);
        assert_eq!(output.status.code(), Some(130), "{host}: {output:?}");
    }
}

#[test]
fn help_lists_the_embedded_network() {
    let (code, out, _) = telnet(&["--help"], "");
    assert_eq!(code, Some(0));
    for part in ["129.68.72.20", "129.68.72.40", "198.51.100.0/24", "black hole", "host unreachable", "--tap"]
    {
        assert!(out.contains(part), "{part}: {out}");
    }
}

#[test]
fn a_wrong_command_line_is_told_with_status_2() {
    for args in [
        &["nowhere"][..],
        &["129.68.72.20", "0"],
        &["129.68.72.20", "65536"],
        &["129.68.72.20", "--tap", "syn0"],
        &["129.68.72.20", "--tap", "syn0", "--address", "10.0.0.1"],
        &["129.68.72.20", "--gateway", "10.0.0.1"],
    ] {
        assert_eq!(telnet(args, "").0, Some(2), "{args:?}");
    }
}
