//! What one decision of a connection sends as several frames: each is a whole segment of its own.

use etherparse::{SlicedPacket, TransportSlice};
use std::collections::VecDeque;
use std::io;
use synward::base::{Instant, Secrets};
use synward::buffer::{Buf, Capabilities, Device, Pool, Readiness, Received};
use synward::device::memory::{self, MemoryDevice};
use synward::driver::Host;
use synward::shard::HostConfig;
use synward::tcp::Options;

/// Keeps a copy of every frame that is sent.
struct Tapped {
    link: MemoryDevice,
    sent: Vec<Vec<u8>>,
}

impl Device for Tapped {
    fn capabilities(&self) -> Capabilities {
        self.link.capabilities()
    }

    fn receive(&mut self, pool: &mut Pool, into: &mut VecDeque<Buf>, budget: usize) -> io::Result<Received> {
        self.link.receive(pool, into, budget)
    }

    fn transmit(&mut self, from: &mut VecDeque<Buf>, pool: &mut Pool) -> io::Result<()> {
        self.sent.extend(from.iter().map(|frame| frame.data().to_vec()));
        self.link.transmit(from, pool)
    }

    fn readiness(&self) -> Readiness {
        self.link.readiness()
    }
}

#[test]
fn every_frame_of_a_train_is_a_right_packet_in_sequence_and_only_the_last_pushes_and_ends() {
    let (left, right) = memory::link(memory::LinkOptions::default());
    let config = |address: &str| HostConfig::new(address.parse().unwrap(), 24);
    let secrets = Secrets::from_test_seed;
    let tapped = Tapped { link: left, sent: Vec::new() };
    let mut a = Host::with_secrets(config("192.0.2.1"), tapped, &secrets(1), Instant::ZERO).unwrap();
    let mut b = Host::with_secrets(config("192.0.2.2"), right, &secrets(2), Instant::ZERO).unwrap();
    b.listen("0.0.0.0:80".parse().unwrap(), 4, &Options::default()).unwrap();
    let id = a.connect("192.0.2.2:80".parse().unwrap(), &Options::default()).unwrap();
    for _ in 0..10 {
        let _ = a.poll(Instant::ZERO).unwrap();
        let _ = b.poll(Instant::ZERO).unwrap();
    }
    a.device_mut().sent.clear();
    // One train, which is at most half the initial window, and a whole number of segments, so that FIN goes with the last of them.
    let text: Vec<u8> = (0..5 * 1448).map(|i| (i ^ (i >> 8)) as u8).collect();
    assert_eq!(a.write(id, &text), Ok(text.len()));
    a.shutdown(id).unwrap();
    let _ = a.poll(Instant::ZERO).unwrap();

    let sent = core::mem::take(&mut a.device_mut().sent);
    assert_eq!(sent.len(), 5);
    let mut next = None;
    let mut arrived = Vec::new();
    for (i, frame) in sent.iter().enumerate() {
        let packet = SlicedPacket::from_ethernet(frame).unwrap();
        let ip = packet.net.as_ref().and_then(|net| net.ipv4_ref()).unwrap().header();
        let Some(TransportSlice::Tcp(tcp)) = &packet.transport else { panic!("no TCP in {frame:02x?}") };
        assert_eq!(ip.header_checksum(), ip.to_header().calc_header_checksum());
        assert_eq!(tcp.checksum(), tcp.calc_checksum_ipv4(ip.source(), ip.destination()).unwrap());
        assert!(next.is_none_or(|next| next == tcp.sequence_number()), "frame {i}");
        next = Some(tcp.sequence_number().wrapping_add(tcp.payload().len() as u32));
        let last = i + 1 == sent.len();
        assert_eq!((tcp.psh(), tcp.fin(), tcp.ack()), (last, last, true), "frame {i}");
        arrived.extend_from_slice(tcp.payload());
    }
    assert_eq!(arrived, text);
}
