//! `synward drill` as a user runs it, short and with a small flood: a debug build has to keep up.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, its helpers too")]

use std::path::PathBuf;
use std::process::{Command, Output};

/// 5 s of load, 5000 SYN/s, 24 clients, 200 dead ends: enough for protection to be entered.
const SMALL: [&str; 8] = ["--duration", "5", "--flood", "5000", "--clients", "24", "--dead", "200"];

fn drill(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_synward")).arg("drill").args(SMALL).args(args).output().unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn verdict<'a>(report: &'a serde_json::Value, id: &str) -> &'a str {
    let promises = report["promises"].as_array().unwrap();
    promises.iter().find(|promise| promise["id"] == id).unwrap()["verdict"].as_str().unwrap()
}

/// A file that is removed with the test.
struct Temp(PathBuf);

impl Temp {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("synward-drill-{}-{name}", std::process::id())))
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

#[test]
fn every_promise_holds_and_the_exit_code_says_so() {
    let output = drill(&["--json"]);
    let report = json(&output);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(report["pass"], true);
    let ids =
        ["bounded", "right-error", "half-open", "clients", "handshake", "ping", "undisturbed", "counters"];
    for id in ids.into_iter().chain(["protection"]) {
        assert_eq!(verdict(&report, id), "pass", "{id}");
    }
}

#[test]
fn the_json_report_has_every_kind_of_dead_end_with_its_bound() {
    let report = json(&drill(&["--json"]));
    let operations = report["operations"].as_array().unwrap();
    let kinds: Vec<&str> = operations.iter().map(|kind| kind["kind"].as_str().unwrap()).collect();
    for kind in [
        "no-such-host",
        "silent-on-link",
        "black-hole",
        "network-unreachable",
        "host-unreachable",
        "port-unreachable",
        "prohibited",
        "closed-port",
        "no-route",
        "dies-after-syn-ack",
        "window-closed",
    ] {
        assert!(kinds.contains(&kind), "{kind}");
    }
    for kind in operations {
        assert!(kind["attempted"].as_u64().unwrap() > 0, "{kind}");
        assert!(kind["worst_us"].as_u64().unwrap() <= kind["bound_us"].as_u64().unwrap() + 10_000, "{kind}");
    }
    let told = operations[0]["told"].as_str().unwrap();
    assert_eq!(told, "129.68.72.40: no host answered ARP (3 requests in 3.0 s)");
    assert_eq!(report["conditions"]["frames_per_second"], 500_000);
    assert!(report["half_open"]["most"].as_u64() <= report["half_open"]["limit"].as_u64());
    assert!(report["clients"]["flooded"]["visits"].as_u64().unwrap() > 20);
    assert!(report["dead_at_once"].as_u64().unwrap() > 100);
    assert_eq!(report["timeline"].as_array().unwrap()[59]["at_ms"], 5000);
}

#[test]
fn without_defence_the_clients_stay_outside_and_the_drill_fails() {
    let output = drill(&["--protect", "0", "--cookies", "never", "--json"]);
    let report = json(&output);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(report["pass"], false);
    assert_eq!(verdict(&report, "clients"), "fail");
    assert_eq!(verdict(&report, "bounded"), "pass", "the flood hangs nothing even then");
    assert_eq!(verdict(&report, "protection"), "not-promised");
}

#[test]
fn the_planted_defect_is_named_by_shard_and_step() {
    let output = drill(&["--defect", "stuck-turn", "--watchdog", "1", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report = json(&output);
    assert_eq!(report["pass"], false);
    assert_eq!((&report["stuck"]["shard"], &report["stuck"]["step"]), (&0.into(), &"expire".into()));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("shard 0 of server 129.68.72.10 is stuck in step `expire`"), "{text}");
}

#[test]
fn one_seed_gives_the_same_report_and_capture_to_the_byte() {
    let files = [Temp::new("a.pcapng"), Temp::new("b.pcapng"), Temp::new("c.pcapng")];
    let run = |seed: &str, file: &Temp| {
        let args = ["--seed", seed, "--flood", "1000", "--dead", "50", "--capture", file.path(), "--json"];
        let output = Command::new(env!("CARGO_BIN_EXE_synward"))
            .args(["drill", "--duration", "3", "--clients", "8"])
            .args(args)
            .output()
            .unwrap();
        (output.stdout, std::fs::read(&file.0).unwrap())
    };
    let (first, again, other) = (run("5", &files[0]), run("5", &files[1]), run("6", &files[2]));
    assert!(first.1.len() > 100_000);
    assert!(first.0 == again.0, "the report");
    assert!(first.1 == again.1, "the capture");
    assert!(first.0 != other.0 && first.1 != other.1);
}

#[test]
fn lossy_clients_get_in_and_lost_third_acks_are_counted_apart() {
    let output = drill(&["--loss", "0.05", "--seed", "3", "--json"]);
    let report = json(&output);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    let flooded = &report["clients"]["flooded"];
    let sum: u64 =
        ["succeeded", "third_ack_lost", "failed"].iter().map(|n| flooded[n].as_u64().unwrap()).sum();
    assert_eq!(Some(sum), flooded["visits"].as_u64());
    assert_eq!(verdict(&report, "ping"), "pass", "only the clients' cables lose frames");
}

#[test]
fn every_level_of_protection_and_every_use_of_cookies_bounds_the_half_open_state() {
    for protect in ["0", "1", "2"] {
        for cookies in ["never", "on-overflow", "always"] {
            let report = json(&drill(&["--protect", protect, "--cookies", cookies, "--json"]));
            for id in ["bounded", "right-error", "half-open", "ping", "undisturbed"] {
                assert_eq!(verdict(&report, id), "pass", "{id} under {protect} and {cookies}");
            }
        }
    }
}

#[test]
fn a_flood_beyond_what_a_host_takes_is_reported_as_such() {
    let output = Command::new(env!("CARGO_BIN_EXE_synward"))
        .args(["drill", "--duration", "1", "--flood", "700000", "--clients", "8", "--dead", "20"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("700000 SYN/s are more than a host takes at all"), "{text}");
    assert!(text.contains("server 129.68.72.10: ") && text.contains("lost in its receive queue"), "{text}");
}

#[test]
fn a_settings_file_and_a_preset_decide_what_the_server_does() {
    let file = Temp::new("s.toml");
    std::fs::write(&file.0, "[tcp]\nsyn-retries = 2\n").unwrap();
    let report = json(&drill(&["--settings", file.path(), "--json"]));
    let black_hole = &report["operations"].as_array().unwrap()[2];
    assert_eq!(black_hole["bound_us"], 10_000_000, "three ARP requests and SYN waits of 1, 2 and 4 s");
    let report = json(&drill(&["--preset", "nt4-sp6a", "--json"]));
    for id in ["bounded", "right-error", "half-open", "ping"] {
        assert_eq!(verdict(&report, id), "pass", "{id}");
    }
    std::fs::write(&file.0, "[tcp]\nsyn-retries = \"many\"\n").unwrap();
    let output = drill(&["--settings", file.path()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("syn-retries"));
}

#[test]
fn nonsense_on_the_command_line_is_refused() {
    for args in [["--loss", "2"], ["--protect", "3"], ["--duration", "0"], ["--cookies", "sometimes"]] {
        assert_eq!(drill(&args).status.code(), Some(2), "{args:?}");
    }
    let output = drill(&["--capture", "/nonexistent/x.pcapng"]);
    assert_eq!(output.status.code(), Some(1));
}

/// A rate that virtual time could only reach by standing still is refused, and the range named.
#[test]
fn a_flood_out_of_range_is_a_usage_error() {
    let output = drill(&["--flood", "18446744073709551615"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("0..=10000000"));
}

#[test]
fn as_many_dead_connects_as_there_can_be_overrun_no_receive_queue() {
    let output = drill(&["--json", "--duration", "8", "--flood", "50000", "--dead", "20000"]);
    let report = json(&output);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(report["dead_at_once"].as_u64().unwrap() > 5000, "{}", report["dead_at_once"]);
    for node in report["nodes"].as_array().unwrap() {
        assert_eq!(node["overrun"], 0, "{node}");
    }
}
