//! Random and mutated frames by the hundred thousand: no panic, one fate each, a live connection stays byte-exact, nothing
//! is left.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::bystander::Bystander;
use common::frames::{self, OTHER, OTHER_MAC, PEER, PEER_MAC, US, US_MAC, at};
use common::peer::Peer;
use common::wire::Wire;
use common::{ms, secs};
use std::net::Ipv4Addr;
use synward::base::{Rng, Secrets};
use synward::settings::Settings;
use synward::tcp::Options;
use synward::wire::{
    ArpOperation, EtherType, Icmpv4, IpProtocol, Mac, SeqNum, TcpFlags, TcpHeader, TcpOptions, Timestamps,
    Unreachable,
};

const FRAMES: usize = 200_000;

struct Source {
    rng: Rng,
    /// Of a connection that random segments are aimed at.
    target: Peer,
}

impl Source {
    fn below(&mut self, bound: u64) -> usize {
        self.rng.below(bound) as usize
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        let len = self.below(most);
        (0..len).map(|_| self.rng.next_u32() as u8).collect()
    }

    fn options(&mut self) -> TcpOptions {
        let mut options = TcpOptions::default();
        if self.below(2) == 0 {
            options.mss = Some(self.rng.next_u32() as u16);
        }
        if self.below(3) == 0 {
            options.window_scale = Some(self.rng.next_u32() as u8);
        }
        options.sack_permitted = self.below(2) == 0;
        if self.below(3) == 0 {
            options.timestamps = Some(Timestamps { value: self.rng.next_u32(), echo: self.rng.next_u32() });
        }
        for _ in 0..self.below(4) {
            let start = self.target.ack + self.below(3000) as u32;
            options.sack.push(start, start + self.below(3000) as u32);
        }
        options
    }

    fn near(&mut self, seq: SeqNum) -> SeqNum {
        match self.below(4) {
            0 => seq,
            1 => seq + self.below(2000) as u32,
            2 => seq - self.below(2000) as u32,
            _ => SeqNum(self.rng.next_u32()),
        }
    }

    /// A well-formed segment with random contents, towards open and closed ports and towards the target connection.
    fn segment(&mut self) -> Vec<u8> {
        let mut peer = self.target;
        match self.below(4) {
            0 => {}
            1 => peer.me = at(PEER, 1024 + self.below(60_000) as u16),
            2 => peer.me = at(Ipv4Addr::from(self.rng.next_u32()), 1024 + self.below(60_000) as u16),
            _ => (peer.me, peer.us) = (at(OTHER, 7), at(US, 1 + self.below(100) as u16)),
        }
        let header = TcpHeader {
            seq: self.near(peer.seq),
            ack: self.near(peer.ack),
            flags: TcpFlags(self.rng.next_u32() as u8 & self.rng.next_u32() as u8),
            window: self.rng.next_u32() as u16,
            urgent: self.rng.next_u32() as u16,
            options: self.options(),
            ..peer.header(TcpFlags(0))
        };
        let payload = if self.below(2) == 0 { self.bytes(1400) } else { Vec::new() };
        peer.frame(&header, &payload)
    }

    fn icmp(&mut self) -> Vec<u8> {
        let header = TcpHeader { seq: self.near(self.target.ack), ..self.target.header(TcpFlags::ACK) };
        let quoted = frames::tcp_packet(self.target.us, self.target.me, &header, &[]);
        let quoted = &quoted[..self.below(quoted.len() as u64 + 1)];
        let body = self.bytes(40);
        let code = self.rng.next_u32() as u8 % 16;
        let message = match self.below(4) {
            0 => Icmpv4::EchoRequest { code: 0, identifier: 1, sequence: 2, data: &body },
            1 => Icmpv4::EchoReply { code: 0, identifier: 1, sequence: 2, data: &body },
            2 => Icmpv4::Unreachable { reason: Unreachable::from_wire(code, 70), quoted },
            _ => Icmpv4::Other { kind: self.rng.next_u32() as u8, code, word: [1, 2, 3, 4], body: quoted },
        };
        frames::icmp(OTHER_MAC, OTHER, &message)
    }

    fn arp(&mut self) -> Vec<u8> {
        let operation = ArpOperation::from_wire(self.below(4) as u16);
        let address = |n: usize| Ipv4Addr::new(192, 0, 2, n as u8);
        let (a, b) = (self.below(256), self.below(256));
        let sender = (OTHER_MAC, address(if a == 2 { 3 } else { a }));
        frames::arp(operation, sender, (Mac::default(), address(b)), US_MAC)
    }

    fn frame(&mut self) -> Vec<u8> {
        let mut frame = match self.below(8) {
            0 => self.bytes(200),
            1 => self.icmp(),
            2 => self.arp(),
            3 => {
                let payload = self.bytes(100);
                let protocol = IpProtocol(self.rng.next_u32() as u8);
                frames::to_us(OTHER_MAC, &frames::ipv4(OTHER, US, protocol, &payload))
            }
            4 => {
                let payload = self.bytes(100);
                let kind = [EtherType::IPV4, EtherType::ARP, EtherType(0x86dd)][self.below(3)];
                frames::ethernet(US_MAC, PEER_MAC, kind, &payload)
            }
            _ => self.segment(),
        };
        // Some of them are damaged after their checksums were made.
        if self.below(4) == 0 && !frame.is_empty() {
            for _ in 0..1 + self.below(4) {
                let at = self.below(frame.len() as u64);
                frame[at] = self.rng.next_u32() as u8;
            }
        }
        if self.below(16) == 0 {
            frame.truncate(self.below(frame.len() as u64 + 1));
        }
        frame
    }
}

fn received_discards(wire: &Wire) -> u64 {
    wire.host.snapshot().discards.received()
}

#[test]
fn two_hundred_thousand_random_frames_have_one_fate_each_and_leave_nothing() {
    let mut settings = Settings::default();
    settings.limits.half_open = 256;
    settings.limits.connections = 300;
    settings.limits.time_wait = 64;
    let mut wire = Wire::new(settings);
    let mut bystander = Bystander::new(&mut wire);
    bystander.check(&mut wire);
    let victim = wire.host.listen(at(US, 81).into(), 32, &Options::default()).unwrap();
    let mut target = Peer::new(41_000, 81);
    target.open(&mut wire, victim);
    let rng = Secrets::from_test_seed(99).rng("frames");
    let mut source = Source { rng, target };
    let mut before = received_discards(&wire);
    for n in 0..FRAMES {
        let frame = source.frame();
        let frames_before = wire.host.snapshot().counters.frames_received;
        wire.host.device_mut().inbox.push_back(frame);
        let _ = wire.host.poll(wire.now).unwrap();
        let after = received_discards(&wire);
        assert!(after - before <= 1, "frame {n} has {} fates", after - before);
        assert_eq!(wire.host.snapshot().counters.frames_received, frames_before + 1);
        wire.settle();
        assert!(wire.host.account().balances(), "frame {n}: {:?}", wire.host.account());
        before = received_discards(&wire);
        if n % 64 == 0 {
            wire.run(ms(1));
            before = received_discards(&wire);
        }
        if n % 2000 == 0 {
            bystander.check(&mut wire);
            // Whoever got in is accepted and let go; the target is opened anew.
            while let Ok((id, _)) = wire.host.accept(victim) {
                if n % 4000 == 0 { wire.host.close(id) } else { wire.host.abort(id) }
            }
            while wire.host.poll_event().is_some() {}
            source.target = Peer::new(100 + (n / 2000) as u16, 81);
            if let Some(answer) = source.target.syn(&mut wire, TcpOptions::default()).first() {
                source.target.learn(answer);
                source.target.send(&mut wire, TcpFlags::ACK, &[]);
            }
            before = received_discards(&wire);
        }
        let snapshot = wire.host.snapshot();
        assert!(snapshot.admission.counts.half_open <= 256 && snapshot.connections <= 300);
        assert!(snapshot.memory.buffers < 4 << 20, "{}", snapshot.memory.buffers);
    }
    bystander.check(&mut wire);
    while let Ok((id, _)) = wire.host.accept(victim) {
        wire.host.close(id);
    }
    for row in wire.host.connections().collect::<Vec<_>>() {
        assert!(row.receive_queue <= 4 << 20);
    }
    bystander.check(&mut wire);
    // All applications go; the time of everything passes.
    wire.host.reset_all();
    wire.stations.clear();
    wire.run(secs(2000));
    let snapshot = wire.host.snapshot();
    assert_eq!(wire.host.idle_state(), (0, 0));
    assert_eq!((snapshot.connections, snapshot.orphans, snapshot.time_wait), (0, 0, 0));
    assert_eq!(snapshot.admission.counts.half_open, 0);
    assert_eq!(snapshot.memory.buffers, 0, "buffers that nobody holds");
    assert_eq!(snapshot.neighbors, 0, "what was learned is forgotten");
}
