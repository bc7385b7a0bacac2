//! A peer that says nothing, does not read, or is gone: keep-alive, zero windows, the user timeout.

use crate::support::kernel;
use crate::support::stack::{KERNELS, OURS, Stack};
use crate::support::stream::{self, Transfer};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use synward::shard::{ConnId, Event};
use synward::tcp::{CloseReason, IoError, KeepaliveTimes, Options, TcpState};

fn closed(stack: &mut Stack, id: ConnId) -> CloseReason {
    stack.event("the end of the connection", |event| match event {
        Event::Closed(closed, reason) if *closed == id => Some(*reason),
        _ => None,
    })
}

pub fn keepalive_holds_a_live_kernel_and_gives_up_a_dead_one() {
    let mut stack = Stack::new(|_| {});
    let listener = TcpListener::bind((KERNELS, 80)).unwrap();
    // Linux answers a segment outside the window once in 500 ms (tcp_invalid_ratelimit), and a probe is one.
    let times =
        KeepaliveTimes { time: Duration::from_millis(600), interval: Duration::from_millis(400), probes: 3 };
    let options = Options { keepalive: true, keepalive_times: Some(times), ..Options::default() };
    let id = stack.connect(80, &options).unwrap();
    let (_peer, _) = listener.accept().unwrap();
    stack.run_for(Duration::from_millis(100));
    let before = stack.host.snapshot().counters;
    stack.run_for(Duration::from_secs(3));
    let after = stack.host.snapshot().counters;
    assert_eq!(stack.host.state(id), TcpState::Established);
    let (probes, answers) =
        (after.segments_sent - before.segments_sent, after.segments_received - before.segments_received);
    assert!((2..=6).contains(&probes), "{probes} probes in 3 s at one in 600 ms");
    assert!(answers.abs_diff(probes) <= 1, "each is answered: {probes}, {answers}");
    stack.kernel.set_up(false).unwrap();
    match closed(&mut stack, id) {
        CloseReason::KeepAlive { probes: 3, over } => assert!(over >= Duration::from_millis(1800)),
        other => panic!("{other}"),
    }
    assert_eq!(stack.host.read(id, &mut [0; 8]), Err(IoError::Ended));
    stack.host.close(id);
    assert_eq!(stack.host.idle_state(), (0, 0));
}

pub fn the_keepalive_of_the_kernel_is_answered() {
    let mut stack = Stack::new(|_| {});
    let listener = stack.listen(80, &Options::default());
    let (done, wait) = mpsc::channel::<()>();
    let client = thread::spawn(move || {
        let stream = kernel::connect((OURS, 80).into());
        kernel::set_option(&stream, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1);
        for name in [libc::TCP_KEEPIDLE, libc::TCP_KEEPINTVL, libc::TCP_KEEPCNT] {
            kernel::set_option(&stream, libc::IPPROTO_TCP, name, 1);
        }
        wait.recv().unwrap();
        (&stream).write_all(b"still here").unwrap();
    });
    let id = stack.accept(listener);
    stack.run_for(Duration::from_secs(4));
    assert_eq!(stack.host.state(id), TcpState::Established, "one unanswered probe would have ended it");
    done.send(()).unwrap();
    assert_eq!(stack.read_exact(id, 10), b"still here");
    client.join().unwrap();
}

/// Writes until the peer's window and our own buffer are full.
fn fill(stack: &mut Stack, transfer: &mut Transfer) {
    let id = transfer.id;
    stack.until("a closed window", |host, _| {
        transfer.send(host);
        let info = host.info(id)?;
        (info.in_flight == 0 && info.send_window < info.send_mss && info.unsent > 0).then_some(())
    });
}

const SOME: usize = 32 << 20;

pub fn a_kernel_that_stops_reading_closes_the_window_until_it_reads_again() {
    let mut stack = Stack::new(|_| {});
    let listener = TcpListener::bind((KERNELS, 80)).unwrap();
    let (read_on, wait) = mpsc::channel::<()>();
    let server = thread::spawn(move || {
        let stream = kernel::accept(&listener);
        wait.recv().unwrap();
        stream::receive(&stream, SOME);
    });
    let id = stack.connect(80, &Options::default()).unwrap();
    let mut transfer = Transfer::new(id, SOME, 0);
    fill(&mut stack, &mut transfer);
    let before = stack.host.snapshot().counters.segments_sent;
    stack.run_for(Duration::from_secs(3));
    assert_eq!(stack.host.state(id), TcpState::Established);
    let probes = stack.host.snapshot().counters.segments_sent - before;
    assert!((1..=12).contains(&probes), "{probes} window probes in 3 s");
    read_on.send(()).unwrap();
    stack.until("all bytes and both ends", |host, _| transfer.step(host));
    stack.host.close(id);
    stack.until("the server", |_, _| server.is_finished().then_some(()));
    server.join().unwrap();
}

pub fn we_close_our_window_until_we_read_again() {
    let mut stack = Stack::new(|_| {});
    let listener = stack.listen(80, &Options::default());
    let client = thread::spawn(|| {
        let mut stream = kernel::connect((OURS, 80).into());
        stream.set_nonblocking(true).unwrap();
        let mut sent = 0;
        // Until nothing has gone for half a second: our window and the kernel's buffer are full.
        let mut quiet = 0;
        while sent < SOME && quiet < 50 {
            match stream.write(stream::piece(sent, SOME)) {
                Ok(n) => (sent, quiet) = (sent + n, 0),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    quiet += 1;
                    thread::sleep(Duration::from_millis(10));
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert!(sent < SOME, "the window closed");
        stream.set_nonblocking(false).unwrap();
        while sent < SOME {
            sent += stream.write(stream::piece(sent, SOME)).unwrap();
        }
        drop(stream);
    });
    let id = stack.accept(listener);
    stack.run_for(Duration::from_secs(3));
    let info = stack.host.info(id).unwrap();
    assert!(info.receive_window < 1460, "{info:?}");
    assert!(info.unread <= 4 << 20, "no more than the largest window: {}", info.unread);
    let mut transfer = Transfer::new(id, 0, SOME);
    stack.until("all bytes and both ends", |host, _| transfer.step(host));
    stack.until("the client", |_, _| client.is_finished().then_some(()));
    client.join().unwrap();
}

pub fn a_window_that_stays_closed_ends_by_the_user_timeout() {
    let mut stack = Stack::new(|_| {});
    let listener = TcpListener::bind((KERNELS, 80)).unwrap();
    let options = Options { user_timeout: Some(Duration::from_secs(2)), ..Options::default() };
    let id = stack.connect(80, &options).unwrap();
    let mut peer = kernel::accept(&listener);
    let mut transfer = Transfer::new(id, SOME, 0);
    fill(&mut stack, &mut transfer);
    // RFC 6429, Section 3: a window that stays closed may be given up although the probes are answered.
    match closed(&mut stack, id) {
        CloseReason::WindowClosed { over } => assert!(over >= Duration::from_secs(2), "{over:?}"),
        other => panic!("{other}"),
    }
    stack.host.close(id);
    stack.until_no_connection();
    let mut rest = Vec::new();
    let end = peer.read_to_end(&mut rest).map_err(|error| error.kind());
    assert_eq!(end, Err(ErrorKind::ConnectionReset), "the kernel is told");
}

pub fn a_kernel_that_dies_in_mid_transfer_ends_by_the_user_timeout() {
    let mut stack = Stack::new(|_| {});
    let listener = TcpListener::bind((KERNELS, 80)).unwrap();
    thread::spawn(move || {
        let mut stream = kernel::accept(&listener);
        let mut buffer = vec![0; 1 << 16];
        while stream.read(&mut buffer).is_ok_and(|n| n > 0) {}
    });
    let options = Options { user_timeout: Some(Duration::from_secs(2)), ..Options::default() };
    let id = stack.connect(80, &options).unwrap();
    let mut transfer = Transfer::new(id, usize::MAX / 2, 0);
    stack.until("a transfer that runs", |host, _| {
        transfer.send(host);
        (transfer.sent > 4 << 20).then_some(())
    });
    stack.kernel.set_up(false).unwrap();
    // What the interface no longer carries is never acknowledged.
    transfer.send(&mut stack.host);
    let reason = closed(&mut stack, id);
    match reason {
        CloseReason::TimedOut { retries, over, .. } => {
            assert!(over >= Duration::from_secs(2) && retries > 0, "{reason}");
        }
        other => panic!("{other}"),
    }
    assert_eq!(reason.kind(), Some(ErrorKind::TimedOut));
    assert!(stack.host.device_mut().counters().down > 0, "frames to the dead interface are counted");
    stack.host.close(id);
    assert_eq!((stack.host.idle_state(), stack.host.snapshot().connections), ((0, 0), 0));
}

pub fn a_kernel_that_is_away_for_a_moment_loses_nothing() {
    let mut stack = Stack::new(|_| {});
    let listener = TcpListener::bind((KERNELS, 80)).unwrap();
    let server = thread::spawn(move || stream::receive(kernel::accept(&listener), SOME));
    let id = stack.connect(80, &Options::default()).unwrap();
    let mut transfer = Transfer::new(id, SOME, 0);
    stack.until("a transfer that runs", |host, _| {
        transfer.send(host);
        (transfer.sent > 4 << 20).then_some(())
    });
    stack.kernel.set_up(false).unwrap();
    transfer.send(&mut stack.host);
    stack.run_for(Duration::from_millis(500));
    stack.kernel.set_up(true).unwrap();
    stack.until("all bytes and both ends", |host, _| transfer.step(host));
    stack.host.close(id);
    stack.until("the server", |_, _| server.is_finished().then_some(()));
    server.join().unwrap();
}
