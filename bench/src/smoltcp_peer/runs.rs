//! smoltcp's figures.

use super::pair::{Host, connected, connected_on, pair};
use crate::clock::{cpu, percentile};
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::State;
use std::time::Instant;

/// Gbit/s of one stream of `total` bytes, both ends, for each of `repetitions`.
pub fn bulk(mtu: usize, total: usize, repetitions: usize) -> Vec<f64> {
    // The buffer size that serves it best at each MTU (measured for the baselines).
    let buffer = if mtu <= 1500 { 65_536 } else { 262_144 };
    let (mut a, mut b) = pair(mtu);
    let ends = connected(&mut a, &mut b, buffer);
    bulk_once(&mut a, &mut b, ends, total / 8);
    (0..repetitions).map(|_| bulk_once(&mut a, &mut b, ends, total)).collect()
}

fn bulk_once(a: &mut Host, b: &mut Host, (at_a, at_b): (SocketHandle, SocketHandle), total: usize) -> f64 {
    let (source, mut sink) = (vec![7u8; 65_536], vec![0u8; 65_536]);
    let (mut sent, mut got) = (0, 0);
    let begin = cpu();
    while got < total {
        let socket = a.socket(at_a);
        while sent < total && socket.can_send() {
            let n = socket.send_slice(&source[..source.len().min(total - sent)]).unwrap_or(0);
            if n == 0 {
                break;
            }
            sent += n;
        }
        a.poll();
        b.poll();
        let socket = b.socket(at_b);
        while socket.can_recv() {
            got += socket.recv_slice(&mut sink).unwrap_or(0);
        }
    }
    total as f64 * 8e-9 / (cpu() - begin)
}

/// Round trips a second of `size` bytes with `idle` connections beside, and p50 and p99 in nanoseconds.
pub fn ping_pong(size: usize, rounds: usize, idle: usize) -> (f64, u32, u32) {
    let (mut a, mut b) = pair(1500);
    for i in 0..idle {
        connected_on(&mut a, &mut b, 64, 2000 + i as u16);
    }
    let (at_a, at_b) = connected(&mut a, &mut b, 65_536);
    let (message, mut text) = (vec![1u8; size], vec![0u8; 64.max(size)]);
    let mut times = Vec::with_capacity(rounds);
    let begin = cpu();
    for _ in 0..rounds {
        let at = Instant::now();
        a.socket(at_a).send_slice(&message).expect("smoltcp: send");
        a.poll();
        b.poll();
        let n = b.socket(at_b).recv_slice(&mut text).expect("smoltcp: receive");
        b.socket(at_b).send_slice(&text[..n]).expect("smoltcp: send");
        b.poll();
        a.poll();
        assert_eq!(a.socket(at_a).recv_slice(&mut text).expect("smoltcp: receive"), size);
        times.push(at.elapsed().as_nanos() as u32);
    }
    let rate = rounds as f64 / (cpu() - begin);
    let p50 = percentile(&mut times, 0.5);
    (rate, p50, percentile(&mut times, 0.99))
}

/// Connect, accept, close a second; smoltcp keeps neither TIME-WAIT (its socket is reused at once) nor an accept queue.
pub fn connect_close(count: usize) -> f64 {
    let (mut a, mut b) = pair(1500);
    let (at_a, at_b) = (a.add(4096), b.add(4096));
    let mut port = 1024u16;
    let begin = cpu();
    for _ in 0..count {
        port = if port == u16::MAX { 1024 } else { port + 1 };
        b.socket(at_b).listen(80).expect("smoltcp: listen");
        a.socket(at_a).abort();
        a.connect(at_a, port);
        let mut closed = false;
        loop {
            a.poll();
            b.poll();
            if !closed && a.socket(at_a).state() == State::Established {
                a.socket(at_a).close();
                closed = true;
            }
            if b.socket(at_b).state() == State::CloseWait {
                b.socket(at_b).close();
            }
            if closed && a.socket(at_a).state() == State::TimeWait && b.socket(at_b).state() == State::Closed
            {
                break;
            }
        }
    }
    count as f64 / (cpu() - begin)
}
