//! Connect, accept, close, with the TIME-WAIT store full.

use super::{Pair, PairOptions};
use crate::clock::cpu;
use std::net::SocketAddr;
use synward::shard::{Event, ListenerId};
use synward::tcp::{Options, TcpState};

const SERVERS: u8 = 16;
const PORTS: u16 = 32;

/// Two hosts between which connections come and go, one at a time.
pub struct ConnectClose {
    pub pair: Pair,
    listeners: Vec<ListenerId>,
    next: usize,
}

impl ConnectClose {
    pub fn new() -> Self {
        let mut pair = Pair::new(&PairOptions { servers: SERVERS, ..PairOptions::default() });
        let listeners = (0..PORTS).map(|port| pair.listen(1000 + port, &Options::default())).collect();
        Self { pair, listeners, next: 0 }
    }

    /// CPU seconds for `count` connections, each to another endpoint than the one before.
    pub fn run(&mut self, count: usize) -> f64 {
        let begin = cpu();
        for _ in 0..count {
            self.once();
        }
        cpu() - begin
    }

    fn once(&mut self) {
        self.next = (self.next + 1) % (usize::from(SERVERS) * self.listeners.len());
        let (server, port) = (self.next / self.listeners.len(), self.next % self.listeners.len());
        let to = SocketAddr::from(([198, 18, 1, 1 + server as u8], 1000 + port as u16));
        let at_a = self.pair.a.connect(to, &Options::default()).expect("connect");
        let (mut accepted, mut closed) = (None, false);
        for _ in 0..64 {
            self.pair.poll_a();
            while let Some(event) = self.pair.a.poll_event() {
                match event {
                    // The client closes first, so that TIME-WAIT is its own.
                    Event::Connected(id) => self.pair.a.close(id),
                    Event::ConnectFailed(_, error) => panic!("connect: {error}"),
                    _ => {}
                }
            }
            self.pair.poll_b();
            while let Some(event) = self.pair.b.poll_event() {
                if let Event::Incoming(listener) = event {
                    accepted = self.pair.b.accept(listener).ok();
                }
            }
            let Some((at_b, _)) = accepted else { continue };
            if !closed && self.pair.b.read(at_b, &mut [0; 8]) == Ok(0) {
                self.pair.b.close(at_b);
                closed = true;
            } else if closed && [self.pair.a.state(at_a), self.pair.b.state(at_b)] == [TcpState::Closed; 2] {
                return;
            }
        }
        panic!("a connection did not end");
    }
}
