//! `synward settings` as a user runs it.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, its helpers too")]

use std::path::PathBuf;
use std::process::{Command, Output};

/// A file that is removed with the test.
struct Temp(PathBuf);

impl Temp {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("synward-settings-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

const TCPIP: &str = r"[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters]";

fn synward(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_synward")).arg("settings").args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn list_shows_every_setting_with_the_presets_value() {
    let text = stdout(&synward(&["list", "--preset", "nt4-sp6a"]));
    for setting in synward::settings::registry::all() {
        assert!(text.contains(setting.name), "{}", setting.name);
    }
    let list = json(&synward(&["list", "--preset", "nt4-sp6a", "--json"]));
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), synward::settings::registry::all().count());
    let rto = list.iter().find(|one| one["name"] == "tcp.initial-rto").unwrap();
    assert_eq!(rto["value"], "3s");
    assert_eq!(rto["range"], "300 to 65535 ms");
    assert_eq!(rto["nt"][0]["name"], "InitialRtt");
}

#[test]
fn output_that_is_no_terminal_has_no_colours() {
    for args in [&["list"][..], &["explain", "297040"], &["explain", "ttl"]] {
        assert!(!stdout(&synward(args)).contains('\u{1b}'), "{args:?}");
    }
}

#[test]
fn explain_takes_every_kind_of_name_and_suggests() {
    for (name, wanted) in [
        ("synattackprotect", "admission.syn-attack-protect"),
        ("ADMISSION.SYN-ATTACK-PROTECT", "admission.syn-attack-protect"),
        ("net.ipv4.tcp_synack_retries", "admission.synack-retries"),
        ("net.inet.tcp.keepidle", "tcp.keepalive-time"),
        ("MaxHashTableSize", "accepted without effect"),
    ] {
        let output = synward(&["explain", name]);
        assert!(output.status.success());
        assert!(stdout(&output).contains(wanted), "{name}");
    }
    let output = synward(&["explain", "SynAtackProtect"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean SynAttackProtect"));
}

#[test]
fn article_297040_is_held_against_a_file() {
    let on =
        Temp::new("on.reg", format!("REGEDIT4\r\n{TCPIP}\r\n\"SynAttackProtect\"=dword:2\r\n").as_bytes());
    let off = Temp::new("off.reg", format!("REGEDIT4\r\n{TCPIP}\r\n").as_bytes());
    let text = stdout(&synward(&["explain", "297040", on.path()]));
    for part in
        ["meets the article's condition", "2 in line 3", "27-Apr-2001", "174,896 bytes", "Service Pack 6a"]
    {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert_eq!(json(&synward(&["explain", "297040", on.path(), "--json"]))["condition"], "met");
    assert_eq!(json(&synward(&["explain", "KB297040", off.path(), "--json"]))["condition"], "not-met");
    assert_eq!(json(&synward(&["explain", "297040", "--json"]))["condition"], "no-file");
}

#[test]
fn article_142641_is_held_against_a_file() {
    let lines = "\"SynAttackProtect\"=dword:2\n\"TcpMaxConnectResponseRetransmissions\"=dword:1\n";
    let file = Temp::new("142641.reg", format!("REGEDIT4\n{TCPIP}\n{lines}").as_bytes());
    let report = json(&synward(&["explain", "142641", file.path(), "--json"]));
    assert_eq!(report["condition"], "not-met");
    let mention = &report["settings"][4];
    assert_eq!(
        (&mention["nt"], &mention["line"]),
        (&"TcpMaxConnectResponseRetransmissions".into(), &4.into())
    );
}

#[test]
fn a_file_that_cannot_be_read_fails_an_explanation() {
    let broken = Temp::new("broken.reg", b"no registry file");
    let output = synward(&["explain", "297040", broken.path()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains(":1: error:"));
    assert_eq!(synward(&["explain", "297040", "/nonexistent.reg"]).status.code(), Some(1));
    let file = Temp::new("fine.reg", b"REGEDIT4\n");
    assert_eq!(synward(&["explain", "ttl", file.path()]).status.code(), Some(2));
}

#[test]
fn check_names_line_and_range_and_exits_1() {
    let file =
        Temp::new("bad.reg", format!("REGEDIT4\n{TCPIP}\n\"MaxUserPort\"=dword:1\nnonsense\n").as_bytes());
    let output = synward(&["check", file.path(), "--preset", "nt4-sp6a"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(text.contains("bad.reg:3: error:") && text.contains("5000 to 65534"), "{text}");
    assert!(text.contains("bad.reg:4: error:"), "{text}");
    let report = json(&synward(&["check", file.path(), "--json"]));
    assert_eq!(report["ok"], false);
}

#[test]
fn check_warns_and_exits_0_where_nothing_is_wrong() {
    let file = Temp::new("fine.toml", b"[tcp]\nsyn-retries = 3\n[nt]\nmax-conn-backlog = 9\n[mine]\nx = 1\n");
    let output = synward(&["check", file.path()]);
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    assert!(text.contains("fine.toml:4: warning:") && text.contains("fine.toml:6: warning:"), "{text}");
    assert!(text.contains("2 settings, 0 errors, 2 warnings (preset modern)"), "{text}");
}

#[test]
fn hostile_files_are_refused_with_a_reason() {
    let huge = Temp::new("huge.toml", &vec![b'\n'; (1 << 20) + 1]);
    let binary = Temp::new("binary.reg", &[0, 1, 2, 3, 255, 254]);
    for file in [&huge, &binary] {
        let output = synward(&["check", file.path()]);
        assert_eq!(output.status.code(), Some(1));
        assert!(stdout(&output).contains("error:"));
    }
    assert_eq!(synward(&["check", "/"]).status.code(), Some(1));
}

#[test]
fn convert_goes_both_ways_and_keeps_what_it_does_not_know() {
    let reg = Temp::new(
        "a.reg",
        format!("REGEDIT4\n{TCPIP}\n\"SynAttackProtect\"=dword:2\n\"Odd\"=hex:01,02\n").as_bytes(),
    );
    let toml = Temp::new("a.toml", b"");
    let back = Temp::new("b.reg", b"");
    assert!(synward(&["convert", reg.path(), "--to", "toml", "-o", toml.path()]).status.success());
    let text = std::fs::read_to_string(&toml.0).unwrap();
    assert!(text.contains("[admission]\nsyn-attack-protect = 2\n"), "{text}");
    assert!(synward(&["convert", toml.path(), "--to", "reg", "-o", back.path()]).status.success());
    assert!(std::fs::read(&back.0).unwrap().starts_with(&[0xFF, 0xFE, b'W', 0]));
    let text = stdout(&synward(&["convert", back.path(), "--to", "reg"]));
    assert!(text.starts_with("Windows Registry Editor Version 5.00\r\n"));
    assert!(
        text.contains("\"SynAttackProtect\"=dword:00000002\r\n") && text.contains("\"Odd\"=hex:01,02\r\n")
    );
}

#[test]
fn convert_writes_nothing_for_a_file_with_errors() {
    let bad = Temp::new("bad.toml", b"[tcp]\nport-low = 9\nport-high = 8\n");
    let output = synward(&["convert", bad.path(), "--to", "reg"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("bad.toml:3: error:"));
}

#[test]
fn a_wrong_command_line_exits_2() {
    for args in
        [&["list", "--preset", "windows-95"][..], &["check"], &["convert", "x", "--to", "ini"], &["nonsense"]]
    {
        assert_eq!(synward(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn help_shows_examples() {
    for args in [
        &["--help"][..],
        &["list", "--help"],
        &["explain", "--help"],
        &["check", "--help"],
        &["convert", "--help"],
    ] {
        assert!(stdout(&synward(args)).contains("Examples:"), "{args:?}");
    }
}

#[test]
fn convert_names_the_preset_that_it_was_given() {
    use synward::settings::{Document, Format, Preset};
    let source = Temp::new(
        "preset.reg",
        format!("REGEDIT4\n\n{TCPIP}\n\"TcpTimedWaitDelay\"=dword:0000003c\n").as_bytes(),
    );
    let own = Temp::new("preset.toml", b"preset = \"linux\"\n[tcp]\ntime-wait = 60\n");
    for (file, format) in [(&source, "toml"), (&source, "reg"), (&own, "toml"), (&own, "reg")] {
        let text = stdout(&synward(&["convert", file.path(), "--to", format, "--preset", "nt4-sp6a"]));
        let written = Document::parse(text.as_bytes(), Format::of(&format!("x.{format}"), b""));
        assert_eq!(written.preset(), Some(Preset::Nt4Sp6a), "{text}");
        let bytes = std::fs::read(file.path()).unwrap();
        let read = Document::parse(&bytes, Format::of(file.path(), &bytes)).load(Some(Preset::Nt4Sp6a));
        assert_eq!(written.load(None).settings, read.settings, "{text}");
    }
    let text = stdout(&synward(&["convert", own.path(), "--to", "toml"]));
    assert!(text.contains("preset = \"linux\""), "{text}");
    let text = stdout(&synward(&["convert", source.path(), "--to", "toml"]));
    assert!(!text.contains("preset"), "{text}");
}
