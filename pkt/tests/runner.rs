//! What the runner must refuse: scripts that do not say what the stack does, each with the place and the words of its error.
#![allow(clippy::unwrap_used, reason = "a test")]

use synward_pkt::Script;
use synward_pkt::backend::stack::StackBackend;
use synward_pkt::settings::Config;

const OPEN: &str = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.01 < . 1:1(0) ack 1 win 65535
+0 accept(3, ..., ...) = 4
";

fn run(text: &str) -> Result<(), String> {
    let script = Script::parse("x.pkt", text).map_err(|error| error.to_string())?;
    let config = Config::of(&script).map_err(|error| error.to_string())?;
    let mut backend = StackBackend::new(&config)?;
    synward_pkt::run(&script, &config, &mut backend).map_err(|error| error.to_string())
}

/// The error of a script that begins with an open connection; `events` begin in line 8.
fn error(events: &str) -> String {
    run(&format!("{OPEN}{events}")).unwrap_err()
}

#[test]
fn a_right_script_passes() {
    run(&format!("{OPEN}+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n")).unwrap();
}

#[test]
fn a_field_that_differs_is_named_with_both_values() {
    let message = error("+0 write(4, ..., 100) = 100\n+0 > . 1:91(90) ack 2\n");
    assert!(message.starts_with("x.pkt:9:1: another packet was sent"), "{message}");
    for part in [
        "flags: expected ., sent P.",
        "length: expected 90, sent 100",
        "ack: expected 2, sent 1",
        "what was seen",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn a_packet_that_does_not_come_and_one_too_many_are_told() {
    let message = error("+0 > . 1:1(0) ack 1\n");
    assert!(message.starts_with("x.pkt:8:1: expected a packet at 0.010000, none came"), "{message}");
    let message = error("+0 write(4, ..., 100) = 100\n+0 quiet\n");
    assert!(message.contains("that no event expects: P. 1:101(100) ack 1"), "at the end: {message}");
    let message = error("+0 write(4, ..., 100) = 100\n+.1 < . 1:1(0) ack 101 win 1000\n+1 quiet\n");
    assert!(message.starts_with("x.pkt:9:1: the stack sent a packet at 0.010000"), "before: {message}");
}

#[test]
fn a_packet_at_another_time_is_told() {
    let message = error("+0 write(4, ..., 100) = 100\n+.5 > P. 1:101(100) ack 1\n");
    assert!(message.contains("time: expected at 0.510000, sent at 0.010000"), "{message}");
}

#[test]
fn options_are_compared() {
    let message = run(&OPEN.replace("<mss 1460>", "<mss 1400,TS,!mss>")).unwrap_err();
    assert!(message.contains("option mss: expected `mss 1400`, sent `mss 1460`"), "{message}");
    assert!(message.contains("option TS is not at its place"), "{message}");
    assert!(message.contains("option mss must not be"), "{message}");
}

#[test]
fn results_errors_and_values_of_calls_are_compared() {
    let message = error("+0 write(4, ..., 100) = 50\n");
    assert!(message.starts_with("x.pkt:8:1: write: expected 50, it returned 100"), "{message}");
    let message = error("+0 connect(4, ..., ...) = -1 EALREADY (no)\n");
    assert!(message.contains("expected -1 EALREADY, it returned -1 EISCONN"), "{message}");
    let message = error("+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [7], [4]) = 0\n");
    assert!(message.contains("x.pkt:8:40: getsockopt: expected [7], it gave [0]"), "{message}");
    let message = error("+0 poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, 0) = ...\n");
    assert!(message.contains("poll: expected revents 0x1, it gave 0x0"), "{message}");
}

#[test]
fn a_call_that_waits_has_an_end_and_ends_then() {
    let message = error("+0 read(4, ..., 10) = 10\n");
    assert!(message.contains("give the event an end"), "{message}");
    let message =
        error("+0...0.5 read(4, ..., 10) = 10\n+.1 < P. 1:11(10) ack 1 win 1000\n+0~+.1 > . 1:1(0) ack 11\n");
    assert!(message.contains("read ended at 0.110000, expected at 0.510000"), "{message}");
    let message = error("+0...0.5 read(4, ..., 10) = 10\n+1 quiet\n");
    assert!(message.contains("the call still waits"), "{message}");
}

#[test]
fn a_wrong_byte_fails() {
    // The SYN of the script says that the stream begins elsewhere: the text that follows is of other places.
    let text = OPEN
        .replace("< S 0:0(0)", "< S 4294967290:4294967290(0)")
        .replace("S. 0:0(0) ack 1", "S. 0:0(0) ack 4294967291");
    let text = text.replace("< . 1:1(0)", "< . 4294967291:4294967291(0)");
    let good =
        "+0 < P. 4294967291:5(10) ack 1 win 1000\n+0~+.1 > . 1:1(0) ack 5\n+0 read(4, ..., 100) = 10\n";
    run(&format!("{text}{good}")).unwrap();
    let skipped = format!(
        "{good}+0 < P. 5:15(10) ack 1 win 1000\n+0~+.1 > . 1:1(0) ack 15\n+0 recv(4, ..., 5, MSG_TRUNC) = 5\n"
    );
    let message = run(&format!("{text}{skipped}+0 read(4, ..., 100) = 5\n")).unwrap_err();
    assert!(message.contains("of the stream is not the peer's"), "{message}");
}

#[test]
fn checks_of_tcp_info_are_made() {
    run(&format!("{OPEN}+0 %{{ assert tcpi_state == TCP_ESTABLISHED and tcpi_snd_mss == 1000 }}%\n"))
        .unwrap();
    let message = error("+0 %{ assert tcpi_snd_mss == 999 }%\n");
    assert!(message.contains("does not hold: tcpi_snd_mss is 1000"), "{message}");
}
