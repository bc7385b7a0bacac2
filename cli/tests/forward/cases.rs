//! What a user of forward relies on.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::process::Command;
use std::thread;

use synward::device::HostSide;

use crate::lab::{Front, client_of, expect_reset};

const LISTEN: &str = "127.0.0.1:8080";
const SERVER: &str = "10.77.0.1:80";

/// A forward to the kernel's side, and a listener there.
fn lab(more: &[&str]) -> (Front, TcpListener) {
    let front = Front::forward(&[(LISTEN, SERVER)], more);
    (front, TcpListener::bind(SERVER).unwrap())
}

pub(crate) fn bytes_pass_both_ways_and_so_does_half_close() {
    let (mut front, listener) = lab(&[]);
    let server = thread::spawn(move || {
        let (mut stream, peer) = listener.accept().unwrap();
        assert_eq!(peer.ip().to_string(), "10.77.0.2", "our own stack came, and not the kernel");
        let mut question = Vec::new();
        stream.read_to_end(&mut question).unwrap();
        question.reverse();
        stream.write_all(&question).unwrap();
    });
    let mut stream = client_of(LISTEN).unwrap();
    let question: Vec<u8> = (0..3_000_000u32).map(|i| (i ^ (i >> 7)) as u8).collect();
    stream.write_all(&question).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer.reverse();
    assert!(answer == question, "the bytes differ");
    server.join().unwrap();
    let closed = front.event("closed");
    assert_eq!(
        (closed["up"].as_u64(), closed["down"].as_u64()),
        (Some(3_000_000), Some(3_000_000)),
        "{closed}"
    );
}

pub(crate) fn destinations_are_reached_in_the_order_in_which_clients_came() {
    const CLIENTS: u8 = 100;
    let (_front, listener) = lab(&[]);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|i| {
            let mut stream = client_of(LISTEN).unwrap();
            stream.write_all(&[i]).unwrap();
            stream
        })
        .collect();
    let came: Vec<u8> = (0..CLIENTS)
        .map(|_| {
            let mut byte = [0];
            listener.accept().unwrap().0.read_exact(&mut byte).unwrap();
            byte[0]
        })
        .collect();
    assert!(came.is_sorted(), "{came:?}");
    drop(clients);
}

pub(crate) fn each_way_leads_to_its_own_destination() {
    let ways = [("127.0.0.1:8080", "10.77.0.1:80"), ("127.0.0.1:8081", "10.77.0.1:81")];
    let _front = Front::forward(&ways, &[]);
    for (listen, to) in ways {
        let listener = TcpListener::bind(to).unwrap();
        let mut stream = client_of(listen).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.write_all(to.as_bytes()).unwrap();
        drop(server);
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text, to);
    }
}

pub(crate) fn a_destination_that_refuses_reaches_the_client_as_a_reset_with_a_line_that_says_so() {
    let mut front = Front::forward(&[(LISTEN, "10.77.0.1:9")], &[]);
    expect_reset(client_of(LISTEN));
    let failed = front.event("failed");
    let error = failed["error"].as_str().unwrap();
    assert!(error.contains("the destination cannot be reached") && error.contains("refused"), "{failed}");
}

pub(crate) fn a_destination_where_no_host_lives_reaches_the_client_as_a_reset_with_the_evidence() {
    let mut front = Front::forward(&[(LISTEN, "10.77.0.99:80")], &[]);
    expect_reset(client_of(LISTEN));
    let failed = front.event("failed");
    assert!(failed["error"].as_str().unwrap().contains("10.77.0.99: no host answered ARP"), "{failed}");
}

pub(crate) fn a_destination_that_is_silent_reaches_the_client_as_a_reset_within_the_time_limit() {
    let mut front = Front::forward(&[(LISTEN, "10.77.0.99:80")], &["--timeout", "1"]);
    expect_reset(client_of(LISTEN));
    let failed = front.event("failed");
    assert!(
        failed["error"].as_str().unwrap().contains("the destination did not accept within 1 s"),
        "{failed}"
    );
}

pub(crate) fn a_destination_that_vanishes_reaches_a_quiet_client_as_a_reset_within_its_bound() {
    let (mut front, listener) = lab(&["--silence", "4"]);
    let stream = client_of(LISTEN).unwrap();
    let (_held, _) = listener.accept().unwrap();
    HostSide::new("syn0").set_up(false).unwrap();
    expect_reset(Ok(stream));
    let failed = front.event("failed");
    assert!(failed["seconds"].as_f64().unwrap() >= 3.0, "it was quiet for a while: {failed}");
}

pub(crate) fn a_destination_that_vanishes_under_data_reaches_the_client_as_a_reset_within_its_bound() {
    let (mut front, listener) = lab(&["--silence", "4"]);
    let mut stream = client_of(LISTEN).unwrap();
    let (mut held, _) = listener.accept().unwrap();
    stream.write_all(b"before").unwrap();
    held.read_exact(&mut [0; 6]).unwrap();
    HostSide::new("syn0").set_up(false).unwrap();
    stream.write_all(b"nobody takes this").unwrap();
    expect_reset(Ok(stream));
    front.event("failed");
}

pub(crate) fn a_reset_by_the_destination_reaches_the_client() {
    let (mut front, listener) = lab(&[]);
    let server = thread::spawn(move || {
        // Closing with the rest unread resets.
        listener.accept().unwrap().0.read_exact(&mut [0]).unwrap();
    });
    let mut stream = client_of(LISTEN).unwrap();
    stream.write_all(b"one byte is read, the others are not").unwrap();
    server.join().unwrap();
    expect_reset(Ok(stream));
    let failed = front.event("failed");
    assert!(failed["error"].as_str().unwrap().starts_with("broken"), "{failed}");
}

pub(crate) fn sigterm_lets_a_connection_finish() {
    let (mut front, listener) = lab(&[]);
    let mut stream = client_of(LISTEN).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    front.terminate();
    front.event("draining");
    stream.write_all(b"to the end").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut text = String::new();
    server.read_to_string(&mut text).unwrap();
    assert_eq!(text, "to the end");
    drop((server, stream));
    let ended = front.event("ended");
    assert_eq!((ended["accepted"].as_u64(), ended["failed"].as_u64()), (Some(1), Some(0)), "{ended}");
    assert_eq!(front.exit_code(), Some(0));
}

pub(crate) fn a_second_signal_ends_at_once() {
    let (mut front, listener) = lab(&["--drain", "600"]);
    let stream = client_of(LISTEN).unwrap();
    let (server, _) = listener.accept().unwrap();
    front.terminate();
    front.event("draining");
    front.terminate();
    assert_eq!(front.exit_code(), Some(0));
    expect_reset(Ok(stream));
    expect_reset(Ok(server));
}

fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_synward"));
    command.args(["forward", "--tap", "syn0", "--address", "10.77.0.2/24", "--host-address", "10.77.0.1/24"]);
    let out = command.args(arguments).output().unwrap();
    (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
}

pub(crate) fn a_port_that_is_taken_is_an_error() {
    let _taken = TcpListener::bind(LISTEN).unwrap();
    let (code, told) = refused(&["--listen", LISTEN, "--to", SERVER]);
    assert_eq!(code, Some(1));
    assert!(told.contains(LISTEN) && told.contains("in use"), "{told}");
}

pub(crate) fn arguments_that_can_never_work_are_refused_before_anything_is_made() {
    for (arguments, code, wanted) in [
        (&["--listen", LISTEN, "--listen", "127.0.0.1:8081", "--to", SERVER][..], 2, "2 --listen and 1 --to"),
        (&["--listen", LISTEN, "--to", "10.77.0.1:0"], 2, "port 0"),
        (&["--listen", LISTEN, "--to", "localhost:80"], 2, "ADDRESS:PORT"),
        (&["--listen", "8080", "--to", SERVER], 2, "invalid"),
        (&["--listen", LISTEN, "--to", SERVER, "--timeout", "0"], 2, "1..=3600"),
        (&["--listen", LISTEN, "--to", "10.77.0.2:80"], 1, "our own address"),
    ] {
        let (got, told) = refused(arguments);
        assert_eq!(got, Some(code), "{arguments:?}: {told}");
        assert!(told.contains(wanted), "{arguments:?}: {told}");
        assert!(!fs::exists("/sys/class/net/syn0").unwrap(), "{arguments:?}");
    }
}
