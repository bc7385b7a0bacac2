//! What an application chooses for the IP headers of a connection: in every packet, from the SYN or SYN-ACK to the last one.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::VecDeque;
use std::io;
use synward::base::{Instant, Secrets};
use synward::buffer::{Buf, Capabilities, Device, Pool, Readiness, Received};
use synward::device::memory::{self, LinkOptions, MemoryDevice};
use synward::driver::Host;
use synward::shard::HostConfig;
use synward::tcp::{IoError, Options};
use synward::wire::Ipv4View;

/// Keeps traffic class, time to live and size of every IPv4 packet that is sent.
struct Tapped {
    link: MemoryDevice,
    sent: Vec<(u8, u8, usize)>,
}

impl Device for Tapped {
    fn capabilities(&self) -> Capabilities {
        self.link.capabilities()
    }

    fn receive(&mut self, pool: &mut Pool, into: &mut VecDeque<Buf>, budget: usize) -> io::Result<Received> {
        self.link.receive(pool, into, budget)
    }

    fn transmit(&mut self, from: &mut VecDeque<Buf>, pool: &mut Pool) -> io::Result<()> {
        for frame in from.iter() {
            if let Ok(view) = Ipv4View::parse(&frame.data()[14..]) {
                assert!(view.checksum_ok());
                self.sent.push((view.header().traffic_class, view.ttl(), view.total_len()));
            }
        }
        self.link.transmit(from, pool)
    }

    fn readiness(&self) -> Readiness {
        self.link.readiness()
    }

    fn set_now(&mut self, now: Instant) {
        self.link.set_now(now);
    }
}

/// What both ends send when the server answers 200 KB of the client by as much, and both close.
fn traffic(client: &Options, server: &Options, segmentation: bool) -> [Vec<(u8, u8, usize)>; 2] {
    let (left, right) = memory::link(LinkOptions { segmentation, ..LinkOptions::default() });
    let host = |address: &str, link, seed| {
        let config = HostConfig::new(address.parse().unwrap(), 24);
        let device = Tapped { link, sent: Vec::new() };
        Host::with_secrets(config, device, &Secrets::from_test_seed(seed), Instant::ZERO).unwrap()
    };
    let (mut a, mut b) = (host("192.0.2.1", left, 1), host("192.0.2.2", right, 2));
    let listener = b.listen("0.0.0.0:80".parse().unwrap(), 4, server).unwrap();
    let near = a.connect("192.0.2.2:80".parse().unwrap(), client).unwrap();
    let mut far = None;
    let (mut left_to_send, mut got) = ([200_000; 2], [0; 2]);
    let mut bytes = [7; 16_384];
    for step in 0..5000 {
        let now = Instant::from_millis(step);
        let _ = (a.poll(now).unwrap(), b.poll(now).unwrap());
        far = far.or_else(|| b.accept(listener).ok().map(|accepted| accepted.0));
        for (i, (host, id)) in [(&mut a, Some(near)), (&mut b, far)].into_iter().enumerate() {
            let Some(id) = id else { continue };
            let n = bytes.len().min(left_to_send[i]);
            match host.write(id, &bytes[..n]) {
                Ok(n) => left_to_send[i] -= n,
                Err(IoError::WouldBlock) => {}
                Err(error) => panic!("{error:?}"),
            }
            while let Ok(n @ 1..) = host.read(id, &mut bytes) {
                got[i] += n;
            }
        }
        if got == [200_000; 2] {
            break;
        }
    }
    assert_eq!(got, [200_000; 2]);
    a.close(near);
    b.close(far.unwrap());
    let end = Instant::from_secs(6);
    let _ = (a.poll(end).unwrap(), b.poll(end).unwrap(), a.poll(end).unwrap(), b.poll(end).unwrap());
    [core::mem::take(&mut a.device_mut().sent), core::mem::take(&mut b.device_mut().sent)]
}

/// RFC 2474, Section 3: the traffic class is a byte of the header, in each packet.
#[test]
fn every_packet_of_a_connection_has_its_time_to_live_and_its_traffic_class() {
    for segmentation in [false, true] {
        let plain = Options::default();
        let far = Options { ttl: Some(3), ..plain };
        let marked = Options { ttl: Some(255), traffic_class: 0xb8, ..plain };
        for (client, server) in [(plain, plain), (far, marked), (marked, far)] {
            let sent = traffic(&client, &server, segmentation);
            for (sent, options) in sent.iter().zip([client, server]) {
                let expected = (options.traffic_class, options.ttl.unwrap_or(64));
                let others = sent.iter().filter(|(class, ttl, _)| (*class, *ttl) != expected).count();
                assert!(sent.len() > 4 && others == 0, "{options:?}: {others} of {}", sent.len());
            }
        }
    }
}

#[test]
fn quick_acknowledgments_go_on_as_long_as_they_are_asked_for() {
    let acks = |quickack: bool| {
        let options = Options { quickack, ..Options::default() };
        let [sent, _] = traffic(&options, &Options::default(), false);
        sent.len()
    };
    let (quick, delayed) = (acks(true), acks(false));
    assert!(quick > delayed, "{quick} and {delayed} packets");
}
