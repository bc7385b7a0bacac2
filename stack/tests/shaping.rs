//! What segments look like on the wire beyond their data: PSH, held-back ends, the traffic class, and how far a window grows that
//! is not used.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;
use synward::base::{Instant, Secrets};
use synward::device::{DatagramOptions, Datagrams};
use synward::driver::Host;
use synward::shard::{ConnId, HostConfig, Turn};
use synward::tcp::Options;

const PSH: u8 = 8;

struct Two {
    server: Host<Datagrams>,
    client: Host<Datagrams>,
    now: Instant,
    /// Payload bytes, flags and traffic class of what the client sent with data.
    sent: Vec<(usize, u8, u8)>,
    /// Packets are looked at and lost.
    cut: bool,
}

fn host(address: &str, seed: u64) -> Host<Datagrams> {
    let config = HostConfig::new(address.parse().unwrap(), 24);
    let device = Datagrams::new(DatagramOptions::default());
    Host::with_secrets(config, device, &Secrets::from_test_seed(seed), Instant::ZERO).unwrap()
}

impl Two {
    fn connected(options: &Options) -> (Self, ConnId) {
        let (mut server, mut client) = (host("10.0.0.1", 1), host("10.0.0.2", 2));
        server.listen("10.0.0.1:80".parse().unwrap(), 4, &Options::default()).unwrap();
        let id = client.connect("10.0.0.1:80".parse().unwrap(), options).unwrap();
        let mut two = Self { server, client, now: Instant::ZERO, sent: Vec::new(), cut: false };
        two.settle();
        assert!(two.client.info(id).is_some(), "connected");
        (two, id)
    }

    fn settle(&mut self) {
        for _ in 0..1000 {
            let turns = [self.client.poll(self.now).unwrap(), self.server.poll(self.now).unwrap()];
            let due = |turn: &Turn| turn.again || turn.deadline.is_some_and(|at| at <= self.now);
            let mut moved = turns.iter().any(due);
            while let Some(sent) = self.client.device_mut().take() {
                let packet = &sent.packet;
                let header = usize::from(packet[32] >> 4) * 4;
                if packet.len() > 20 + header {
                    self.sent.push((packet.len() - 20 - header, packet[33], packet[1]));
                }
                if !self.cut {
                    self.server.device_mut().inject(packet).unwrap();
                }
                moved = true;
            }
            while let Some(sent) = self.server.device_mut().take() {
                self.client.device_mut().inject(&sent.packet).unwrap();
                moved = true;
            }
            if !moved {
                return;
            }
        }
    }

    fn pushes(&mut self) -> Vec<bool> {
        self.sent.drain(..).map(|(_, flags, _)| flags & PSH != 0).collect()
    }
}

/// RFC 9293, Section 3.9.1.2: the last segment of what is queued has PSH; so has the last one of each train.
#[test]
fn the_end_of_what_is_queued_and_of_each_train_is_pushed() {
    let (mut two, id) = Two::connected(&Options::default());
    two.cut = true;
    two.client.write(id, &[0; 3 * 1448]).unwrap();
    two.settle();
    assert_eq!(two.pushes(), [false, false, true]);
    two.client.write(id, &[0; 20 * 1448]).unwrap();
    two.settle();
    // The window has seven segments left, of which five are a train: half a window.
    assert_eq!(two.pushes(), [false, false, false, false, true, false, true]);
}

#[test]
fn what_more_is_to_follow_is_held_back_and_not_pushed() {
    let (mut two, id) = Two::connected(&Options { nodelay: true, ..Options::default() });
    two.client.write_more(id, &[0; 2 * 1448 + 100]).unwrap();
    two.settle();
    let sent: Vec<_> = two.sent.drain(..).map(|(len, flags, _)| (len, flags & PSH)).collect();
    // The acknowledgment releases the rest, as it does for Nagle's algorithm.
    assert_eq!(sent, [(1448, 0), (1448, 0), (100, 0)]);
    two.client.write_more(id, &[0; 10]).unwrap();
    two.settle();
    assert!(two.sent.is_empty());
    two.client.write(id, &[0; 10]).unwrap();
    two.settle();
    assert_eq!(two.sent.drain(..).map(|(len, flags, _)| (len, flags & PSH)).collect::<Vec<_>>(), [(20, PSH)]);
}

/// RFC 2474, Section 3: the field of the differentiated services is the application's.
#[test]
fn every_segment_has_the_traffic_class_of_its_connection() {
    let (mut two, id) = Two::connected(&Options { traffic_class: 0xb8, ..Options::default() });
    two.client.write(id, &[0; 3000]).unwrap();
    two.settle();
    assert!(!two.sent.is_empty() && two.sent.iter().all(|(_, _, class)| *class == 0xb8));
}

/// RFC 7661, Section 4.2: a window of which less than half is used says nothing of the network, and does not grow.
#[test]
fn a_window_that_is_not_used_does_not_grow() {
    let (mut two, id) = Two::connected(&Options::default());
    let cwnd = |two: &Two| two.client.info(id).unwrap().cwnd / 1448;
    for (segments, grows) in [(1, false), (5, false), (6, true)] {
        two.client.write(id, &vec![0; segments * 1448]).unwrap();
        two.now += Duration::from_millis(10);
        two.settle();
        assert_eq!(cwnd(&two) > 10, grows, "{segments} segments: {}", cwnd(&two));
    }
}
