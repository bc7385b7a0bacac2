//! What a user of the guard relies on.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use synward::device::HostSide;

use crate::lab::{BACKEND, Front, GUARD, client, expect_reset, have, try_client};
use crate::support::{skip, wait_for};

pub(crate) fn curl_fetches_files_from_a_real_http_server() {
    if !have("python3") || !have("curl") {
        skip("python3 or curl is missing");
    }
    let folder = std::env::temp_dir().join(format!("synward-guard-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let blob: Vec<u8> = (0..4_000_000u32).map(|i| (i ^ (i >> 7)) as u8).collect();
    fs::write(folder.join("blob"), &blob).unwrap();
    let mut server = Command::new("python3");
    server.args(["-m", "http.server", "8080", "--bind", "127.0.0.1"]).current_dir(&folder);
    let mut server = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("the HTTP server listens", || TcpStream::connect(BACKEND).ok());
    let mut guard = Front::guard(BACKEND, &[]);
    let fetch = |i: usize| {
        let url = format!("http://{GUARD}/blob?{i}");
        let out = Command::new("curl").args(["-sS", "-m", "30", &url]).output().unwrap();
        assert!(out.status.success(), "curl: {}", String::from_utf8_lossy(&out.stderr));
        out.stdout
    };
    thread::scope(|scope| {
        let runs: Vec<_> = (0..8).map(|i| scope.spawn(move || fetch(i))).collect();
        for run in runs {
            assert!(run.join().unwrap() == blob, "the bytes differ");
        }
    });
    let closed = guard.event("closed");
    assert!(closed["down"].as_u64().unwrap() > 4_000_000, "{closed}");
    let _ = server.kill();
    let _ = server.wait();
    fs::remove_dir_all(folder).unwrap();
}

pub(crate) fn an_interactive_session_goes_on_and_half_close_passes_through() {
    let listener = TcpListener::bind(BACKEND).unwrap();
    let echo = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut text = [0; 256];
        let mut heard = 0;
        loop {
            match stream.read(&mut text).unwrap() {
                0 => break,
                n => {
                    heard += n;
                    stream.write_all(&text[..n]).unwrap();
                }
            }
        }
        // The client closed its direction; ours still works.
        stream.write_all(format!("heard {heard}").as_bytes()).unwrap();
    });
    let mut guard = Front::guard(BACKEND, &[]);
    let mut stream = client();
    stream.set_nodelay(true).unwrap();
    let mut text = [0; 64];
    for i in 0..50u32 {
        let line = format!("line {i:04}\n");
        stream.write_all(line.as_bytes()).unwrap();
        let n = stream.read(&mut text).unwrap();
        assert_eq!(&text[..n], line.as_bytes());
        thread::sleep(Duration::from_millis(20));
    }
    stream.shutdown(Shutdown::Write).unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "heard 500");
    echo.join().unwrap();
    let closed = guard.event("closed");
    assert_eq!((closed["up"].as_u64(), closed["down"].as_u64()), (Some(500), Some(509)), "{closed}");
}

pub(crate) fn a_backend_that_refuses_reaches_the_client_as_a_reset() {
    let mut guard = Front::guard("127.0.0.1:9", &[]);
    expect_reset(try_client());
    let failed = guard.event("failed");
    assert!(failed["error"].as_str().unwrap().contains("cannot be reached"), "{failed}");
}

pub(crate) fn a_backend_that_is_silent_reaches_the_client_as_a_reset_within_its_bound() {
    // Nobody has this address; the kernel itself would ask for three seconds.
    let mut guard = Front::guard("10.77.0.99:80", &["--backend-timeout", "1"]);
    expect_reset(try_client());
    let failed = guard.event("failed");
    assert!(failed["error"].as_str().unwrap().contains("did not accept within 1 s"), "{failed}");
}

pub(crate) fn a_backend_that_vanishes_reaches_a_quiet_client_as_a_reset_within_its_bound() {
    let listener = TcpListener::bind(BACKEND).unwrap();
    let mut guard = Front::guard(BACKEND, &["--backend-silence", "4"]);
    let stream = client();
    let (_held, _) = listener.accept().unwrap();
    // Nothing reaches the backend any more, and nothing says so.
    HostSide::new("lo").set_up(false).unwrap();
    expect_reset(Ok(stream));
    let failed = guard.event("failed");
    assert!(failed["seconds"].as_f64().unwrap() >= 3.0, "it was quiet for a while: {failed}");
}

pub(crate) fn a_backend_that_vanishes_under_data_reaches_the_client_as_a_reset_within_its_bound() {
    let listener = TcpListener::bind(BACKEND).unwrap();
    let mut guard = Front::guard(BACKEND, &["--backend-silence", "4"]);
    let mut stream = client();
    let (mut held, _) = listener.accept().unwrap();
    stream.write_all(b"before").unwrap();
    held.read_exact(&mut [0; 6]).unwrap();
    HostSide::new("lo").set_up(false).unwrap();
    // The kernel by itself would retransmit this for a quarter of an hour.
    stream.write_all(b"nobody takes this").unwrap();
    expect_reset(Ok(stream));
    guard.event("failed");
}

pub(crate) fn a_backend_that_resets_reaches_the_client_as_a_reset() {
    let listener = TcpListener::bind(BACKEND).unwrap();
    let backend = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut first = [0; 1];
        // Closing with the rest unread resets.
        stream.read_exact(&mut first).unwrap();
    });
    let _guard = Front::guard(BACKEND, &[]);
    let mut stream = client();
    stream.write_all(b"one byte is read, the others are not").unwrap();
    backend.join().unwrap();
    expect_reset(Ok(stream));
}

pub(crate) fn sigterm_lets_a_connection_finish() {
    let listener = TcpListener::bind(BACKEND).unwrap();
    let backend = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).unwrap();
        stream.write_all(&text).unwrap();
    });
    let mut guard = Front::guard(BACKEND, &[]);
    let mut stream = client();
    stream.write_all(b"before").unwrap();
    thread::sleep(Duration::from_millis(200));
    guard.terminate();
    guard.event("draining");
    stream.write_all(b" and after").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text, "before and after");
    backend.join().unwrap();
    let ended = guard.event("ended");
    assert_eq!((ended["accepted"].as_u64(), ended["failed"].as_u64()), (Some(1), Some(0)), "{ended}");
    assert_eq!(guard.exit_code(), Some(0));
}

pub(crate) fn a_reader_of_events_that_stops_reading_holds_up_nobody() {
    let listener = TcpListener::bind(BACKEND).unwrap();
    let backend = thread::spawn(move || {
        for _ in 0..CONNECTIONS {
            drop(listener.accept().unwrap());
        }
    });
    // Many times what the pipe and the queue before it take.
    const CONNECTIONS: u64 = 8_000;
    let mut guard = Front::guard(BACKEND, &[]);
    for _ in 0..CONNECTIONS {
        let mut stream = client();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
    backend.join().unwrap();
    guard.terminate();
    // What was lost is told as soon as somebody reads again.
    let (mut seen, mut lost) = (0, 0);
    let ended = loop {
        let event = guard.next_event();
        match event["event"].as_str() {
            Some("closed") => seen += 1,
            Some("lost") => lost += event["events"].as_u64().unwrap(),
            Some("ended") => break event,
            _ => {}
        }
    };
    assert!(lost > 0 && seen + lost <= CONNECTIONS + 100, "{seen} seen and {lost} lost");
    assert_eq!(
        (ended["accepted"].as_u64(), ended["failed"].as_u64()),
        (Some(CONNECTIONS), Some(0)),
        "{ended}"
    );
    assert_eq!(guard.exit_code(), Some(0));
}

pub(crate) fn a_second_signal_ends_at_once() {
    let listener = TcpListener::bind(BACKEND).unwrap();
    let mut guard = Front::guard(BACKEND, &["--drain", "600"]);
    let stream = client();
    let (_held, _) = listener.accept().unwrap();
    guard.terminate();
    guard.event("draining");
    let begin = Instant::now();
    guard.terminate();
    assert_eq!(guard.exit_code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(60), "the drain of ten minutes was not cut short");
    expect_reset(Ok(stream));
}

pub(crate) fn a_device_name_that_is_too_long_is_an_error() {
    let arguments = ["guard", "--tap", "a-name-of-more-than-fifteen", "--address", "10.77.0.2/24"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_synward"));
    let out = command.args(arguments).args(["--listen", "80", "--backend", BACKEND]).output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    let told = String::from_utf8_lossy(&out.stderr);
    assert!(told.contains("a-name-of-more-than-fifteen") && told.contains("15"), "{told}");
}

pub(crate) fn what_the_drain_cuts_off_is_counted() {
    let listener = TcpListener::bind(BACKEND).unwrap();
    let mut guard = Front::guard(BACKEND, &["--drain", "0"]);
    let stream = client();
    let (_held, _) = listener.accept().unwrap();
    guard.terminate();
    let ended = guard.event("ended");
    let counts = ["accepted", "failed", "cut_off"].map(|name| ended[name].as_u64());
    assert_eq!(counts, [Some(1), Some(0), Some(1)], "{ended}");
    assert_eq!(guard.exit_code(), Some(0));
    expect_reset(Ok(stream));
}

pub(crate) fn arguments_that_can_never_work_are_refused_before_anything_is_made() {
    let cases = [
        ("--listen", "0", "1..=65535"),
        ("--backend", "127.0.0.1:0", "port 0"),
        ("--backend", "localhost:80", "ADDRESS:PORT"),
        ("--backend", "10.77.0.2:80", "relay to itself"),
        ("--backend-timeout", "0", "1..=3600"),
        ("--backlog", "0", "1..=65535"),
        ("--address", "fd00::2/64", "IPv6"),
        ("--address", "10.77.0.2/33", "at most 32"),
    ];
    for (name, value, wanted) in cases {
        let given = [("--listen", "80"), ("--backend", BACKEND), ("--address", "10.77.0.2/24")];
        let mut command = Command::new(env!("CARGO_BIN_EXE_synward"));
        command.args(["guard", "--tap", "syn0", name, value]);
        for (other, its) in given.into_iter().filter(|(other, _)| *other != name) {
            command.args([other, its]);
        }
        let out = command.output().unwrap();
        let told = String::from_utf8_lossy(&out.stderr);
        assert!(!out.status.success() && told.contains(wanted), "{name} {value}: {told}");
        assert!(!fs::exists("/sys/class/net/syn0").unwrap(), "{name} {value}");
    }
}
