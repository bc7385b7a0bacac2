//! The ends of connections: half-close and reset, from both sides.

use crate::support::kernel;
use crate::support::stack::{KERNELS, OURS, Stack};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::thread;
use synward::shard::Event;
use synward::tcp::{CloseReason, Options, TcpState};

pub fn the_kernel_closes_its_direction_first_and_still_hears_us() {
    let mut stack = Stack::new(|_| {});
    let listener = stack.listen(80, &Options::default());
    let client = thread::spawn(|| {
        let mut stream = kernel::connect((OURS, 80).into());
        stream.write_all(b"question").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    });
    let id = stack.accept(listener);
    assert_eq!(stack.read_exact(id, 8), b"question");
    stack.read_end(id);
    assert_eq!(stack.host.state(id), TcpState::CloseWait);
    stack.write_all(id, b"the answer after the end of the question");
    stack.host.close(id);
    stack.until("the client", |_, _| client.is_finished().then_some(()));
    assert_eq!(client.join().unwrap(), b"the answer after the end of the question");
    stack.until_no_connection();
    assert_eq!(stack.host.snapshot().time_wait, 0, "the kernel closed first, and waits");
}

pub fn we_close_our_direction_first_and_still_hear_the_kernel() {
    let mut stack = Stack::new(|_| {});
    let listener = TcpListener::bind((KERNELS, 80)).unwrap();
    let server = thread::spawn(move || {
        let mut stream = kernel::accept(&listener);
        let mut question = Vec::new();
        stream.read_to_end(&mut question).unwrap();
        stream.write_all(b"late answer").unwrap();
        question
    });
    let id = stack.connect(80, &Options::default()).unwrap();
    stack.write_all(id, b"question");
    stack.host.shutdown(id).unwrap();
    assert_eq!(stack.read_exact(id, 11), b"late answer");
    stack.read_end(id);
    stack.host.close(id);
    stack.until_no_connection();
    assert_eq!(server.join().unwrap(), b"question");
    assert_eq!(stack.host.snapshot().time_wait, 1, "we closed first, and wait");
}

pub fn a_reset_by_the_kernel_is_told_and_leaves_nothing() {
    let mut stack = Stack::new(|_| {});
    let listener = stack.listen(80, &Options::default());
    let client = thread::spawn(|| {
        let mut stream = kernel::connect((OURS, 80).into());
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        kernel::reset_on_close(&stream);
    });
    let id = stack.accept(listener);
    stack.write_all(id, b"x");
    let reason = stack.event("the reset", |event| match event {
        Event::Closed(closed, reason) if *closed == id => Some(*reason),
        _ => None,
    });
    assert_eq!(reason, CloseReason::ResetByPeer);
    assert_eq!(reason.kind(), Some(ErrorKind::ConnectionReset));
    client.join().unwrap();
    stack.host.close(id);
    stack.until_no_connection();
    assert_eq!(stack.host.idle_state(), (0, 0));
}

pub fn our_reset_is_told_at_the_kernel() {
    let mut stack = Stack::new(|_| {});
    let listener = TcpListener::bind((KERNELS, 80)).unwrap();
    let server = thread::spawn(move || kernel::accept(&listener).read(&mut [0; 8]).map_err(|e| e.kind()));
    let id = stack.connect(80, &Options::default()).unwrap();
    stack.host.abort(id);
    stack.until("the server", |_, _| server.is_finished().then_some(()));
    assert_eq!(server.join().unwrap(), Err(ErrorKind::ConnectionReset));
    stack.until_no_connection();
    assert_eq!(stack.host.idle_state(), (0, 0));
}

pub fn closing_with_unread_bytes_resets() {
    let mut stack = Stack::new(|_| {});
    let listener = TcpListener::bind((KERNELS, 80)).unwrap();
    let server = thread::spawn(move || {
        let mut stream = kernel::accept(&listener);
        stream.write_all(b"nobody reads this").unwrap();
        stream.read(&mut [0; 8]).map_err(|error| error.kind())
    });
    let id = stack.connect(80, &Options::default()).unwrap();
    stack.until("unread bytes", |host, _| host.peek(id, &mut [0; 64]).ok());
    // RFC 2525, Section 2.17: the peer learns that its bytes were thrown away.
    stack.host.close(id);
    stack.until("the server", |_, _| server.is_finished().then_some(()));
    assert_eq!(server.join().unwrap(), Err(ErrorKind::ConnectionReset));
}
