//! Two whole stacks on an in-memory link, driven by hand in virtual time.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;
use std::time::Duration;
use synward::base::{Instant, Secrets};
use synward::device::memory;
use synward::driver::Host;
use synward::shard::{ConnId, Event, HostConfig};
use synward::tcp::{IoError, Options, TcpState};

type MemoryHost = Host<memory::MemoryDevice>;

struct Pair {
    a: MemoryHost,
    b: MemoryHost,
    now: Instant,
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

impl Pair {
    fn new() -> Self {
        let (left, right) = memory::link(memory::LinkOptions::default());
        let host = |address: &str, device, seed| {
            let config = HostConfig::new(address.parse().unwrap(), 24);
            Host::with_secrets(config, device, &Secrets::from_test_seed(seed), Instant::ZERO).unwrap()
        };
        Self { a: host("192.0.2.1", left, 1), b: host("192.0.2.2", right, 2), now: Instant::ZERO }
    }

    /// Lets both hosts act until nothing moves, then goes on to the next deadline within `span`.
    fn run(&mut self, span: Duration) {
        let until = self.now + span;
        loop {
            let mut next = None;
            for _ in 0..20 {
                let a = self.a.poll(self.now).unwrap();
                let b = self.b.poll(self.now).unwrap();
                next = [a.deadline, b.deadline].into_iter().flatten().min();
            }
            match next {
                Some(at) if at <= until => self.now = at.max(self.now + Duration::from_micros(1)),
                _ => break,
            }
        }
        self.now = until;
    }

    fn connected(&mut self) -> (ConnId, ConnId) {
        let listener = self.b.listen(addr("0.0.0.0:80"), 16, &Options::default()).unwrap();
        let at_a = self.a.connect(addr("192.0.2.2:80"), &Options::default()).unwrap();
        self.run(Duration::from_millis(100));
        assert_eq!(self.a.poll_event(), Some(Event::Connected(at_a)));
        assert_eq!(self.b.poll_event(), Some(Event::Incoming(listener)));
        let (at_b, peer) = self.b.accept(listener).unwrap();
        assert_eq!(self.a.endpoints(at_a).unwrap().0, peer);
        (at_a, at_b)
    }
}

#[test]
fn a_ping_is_answered() {
    let mut pair = Pair::new();
    pair.a.ping("192.0.2.2".parse().unwrap(), 7, 1, 56, Duration::from_secs(1)).unwrap();
    pair.run(Duration::from_secs(2));
    match pair.a.poll_event() {
        Some(Event::Pong(pong)) => assert_eq!((pong.sequence, pong.bytes), (1, 56)),
        other => panic!("no reply but {other:?}; {:?}", pair.a.snapshot()),
    }
}

#[test]
fn data_goes_both_ways_and_both_ends_close() {
    let mut pair = Pair::new();
    let (a, b) = pair.connected();
    let mut text = [0; 64];
    assert_eq!(pair.a.write(a, b"hello"), Ok(5));
    assert_eq!(pair.b.read(b, &mut text), Err(IoError::WouldBlock));
    pair.run(Duration::from_millis(10));
    assert_eq!(pair.b.read(b, &mut text), Ok(5));
    assert_eq!(&text[..5], b"hello");
    assert_eq!(pair.b.write(b, b"world"), Ok(5));
    pair.b.shutdown(b).unwrap();
    pair.run(Duration::from_millis(10));
    assert_eq!(pair.a.read(a, &mut text), Ok(5));
    assert_eq!(pair.a.read(a, &mut text), Ok(0), "the end of the stream");
    assert_eq!(pair.a.state(a), TcpState::CloseWait);
    pair.a.close(a);
    pair.run(Duration::from_millis(100));
    assert_eq!(pair.b.snapshot().time_wait, 1, "the first to close waits");
    pair.b.close(b);
    pair.run(Duration::from_secs(61));
    assert_eq!(pair.b.snapshot().time_wait, 0);
    assert_eq!((pair.a.idle_state(), pair.b.idle_state()), ((0, 0), (0, 0)), "nothing is left behind");
}

#[test]
fn a_bulk_transfer_arrives_byte_for_byte() {
    let mut pair = Pair::new();
    let (a, b) = pair.connected();
    let total = 8 << 20;
    let byte = |i: usize| (i ^ (i >> 8) ^ (i >> 16)) as u8;
    let (mut sent, mut got) = (0, 0);
    let (mut chunk, mut text) = (vec![0; 65_536], vec![0; 65_536]);
    for _ in 0..200_000 {
        while sent < total {
            let n = chunk.len().min(total - sent);
            (0..n).for_each(|i| chunk[i] = byte(sent + i));
            match pair.a.write(a, &chunk[..n]) {
                Ok(n) => sent += n,
                Err(IoError::WouldBlock) => break,
                Err(error) => panic!("{error}"),
            }
        }
        pair.run(Duration::from_micros(50));
        while let Ok(n) = pair.b.read(b, &mut text) {
            assert!((0..n).all(|i| text[i] == byte(got + i)), "wrong bytes after {got}");
            got += n;
        }
        if got == total {
            return;
        }
    }
    panic!("only {got} of {total} bytes; {:?}\n{:?}", pair.a.info(a), pair.b.info(b));
}

/// RFC 9293, Section 3.10.7.1: the RST acknowledges the SYN, or SYN-SENT would not believe it.
#[test]
fn a_closed_port_refuses() {
    let mut pair = Pair::new();
    let at_a = pair.a.connect(addr("192.0.2.2:81"), &Options::default()).unwrap();
    pair.run(Duration::from_secs(1));
    match pair.a.poll_event() {
        Some(Event::ConnectFailed(id, error)) => {
            assert_eq!((id, error.to_string()), (at_a, "192.0.2.2:81: connection refused".to_owned()));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(pair.a.idle_state(), (0, 0));
}

#[test]
fn a_dead_address_ends_in_three_seconds_with_the_evidence() {
    let mut pair = Pair::new();
    let dead = pair.a.connect(addr("192.0.2.40:23"), &Options::default()).unwrap();
    assert!(pair.a.connect_bound() >= Duration::from_secs(3));
    pair.run(Duration::from_millis(2999));
    assert_eq!(pair.a.poll_event(), None);
    pair.run(Duration::from_millis(2));
    match pair.a.poll_event() {
        Some(Event::ConnectFailed(id, error)) => {
            assert_eq!(id, dead);
            assert_eq!(error.to_string(), "192.0.2.40: no host answered ARP (3 requests in 3.0 s)");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(pair.a.idle_state(), (0, 0));
}

#[test]
fn a_host_connects_to_itself() {
    let mut pair = Pair::new();
    let listener = pair.a.listen(addr("192.0.2.1:7"), 4, &Options::default()).unwrap();
    let out = pair.a.connect(addr("192.0.2.1:7"), &Options::default()).unwrap();
    pair.run(Duration::from_millis(50));
    let (inside, _) = pair.a.accept(listener).unwrap();
    pair.a.write(out, b"to myself").unwrap();
    pair.run(Duration::from_millis(50));
    let mut text = [0; 16];
    assert_eq!(pair.a.read(inside, &mut text), Ok(9));
}
