//! What must hold: after each step, of each frame that was sent, and at the end of all time.

use super::device::{MTU, US_MAC};
use super::peers::{Peer, US};
use super::world::World;
use crate::Reached;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;
use synward::tcp::TcpState;
use synward::telemetry::{Discard, Taken};
use synward::wire::{
    Addr, ArpOperation, ArpPacket, EtherType, EthernetHeader, IpProtocol, Ipv4View, SeqNum, TcpHeader,
    icmpv4, tcp_view,
};

/// First numbers of ours that are remembered for each flow.
const FIRST_NUMBERS: usize = 16;

/// What we sent, by flow.
#[derive(Default)]
pub(super) struct Streams {
    /// The number behind each SYN of ours.
    first: BTreeMap<(u16, SocketAddrV4), Vec<SeqNum>>,
}

impl Streams {
    /// Checks a frame of ours. For an ARP request: who asks, and for whom.
    pub(super) fn on_sent(&mut self, frame: &[u8], peers: &mut [Peer]) -> Option<(Ipv4Addr, Ipv4Addr)> {
        let (header, _) = EthernetHeader::parse(frame).expect("our frames have a header");
        assert_eq!(header.src, US_MAC, "our frames have our source");
        let packet = &frame[EthernetHeader::LEN..];
        assert!(packet.len() <= MTU, "{} bytes", packet.len());
        if header.ether_type == EtherType::ARP {
            let packet = ArpPacket::parse(packet).expect("our ARP packet");
            assert_eq!((packet.sender_mac, packet.sender_ip), (US_MAC, US));
            let request = packet.operation == ArpOperation::Request && packet.target_ip != US;
            return request.then_some((packet.sender_ip, packet.target_ip));
        }
        assert_eq!(header.ether_type, EtherType::IPV4);
        assert!(header.dst.is_station(), "{:?}", header.dst);
        let view = Ipv4View::parse(packet).expect("our IP packet");
        assert!(view.checksum_ok(), "our IP sum");
        assert_eq!(view.total_len(), packet.len(), "nothing behind the packet");
        assert_eq!(view.src(), US);
        if view.protocol() == IpProtocol::ICMP {
            // The answer to a request that came in fragments goes in fragments.
            assert!(view.is_fragment() || icmpv4::checksum_ok(view.payload()), "our ICMP sum");
            return None;
        }
        assert_eq!(view.protocol(), IpProtocol::TCP);
        assert!(!view.is_fragment());
        self.on_segment(view.dst(), view.payload(), peers);
        None
    }

    fn on_segment(&mut self, to: Ipv4Addr, segment: &[u8], peers: &mut [Peer]) {
        assert!(tcp_view::checksum_ok(Addr::v4(US), Addr::v4(to), segment), "our TCP sum");
        let (header, len) = TcpHeader::parse(segment).expect("our segment");
        assert!(!header.flags.is_impossible(), "{header:?}");
        assert!(header.src_port != 0 && header.dst_port != 0);
        let payload = &segment[len..];
        let to = SocketAddrV4::new(to, header.dst_port);
        let first = self.first.entry((header.src_port, to)).or_default();
        if header.flags.syn() {
            assert!(payload.is_empty());
            let number = header.seq + 1;
            if !first.contains(&number) {
                if first.len() == FIRST_NUMBERS {
                    first.remove(0);
                }
                first.push(number);
            }
        }
        // Whatever is sent again or cut anew, a number has its byte.
        let right = |start: &SeqNum| {
            let at = header.seq.since(*start);
            payload.iter().zip(0u32..).all(|(byte, n)| *byte == at.wrapping_add(n) as u8)
        };
        assert!(payload.is_empty() || first.iter().any(right), "wrong bytes in {header:?}");
        if let Some(peer) = peers.iter_mut().find(|peer| peer.me == to) {
            peer.on_sent(SocketAddrV4::new(US, header.src_port), &header, payload.len());
        }
    }
}

/// Whether the stack owes a connection in this state an end.
fn owes(state: TcpState) -> bool {
    match state {
        TcpState::SynSent
        | TcpState::SynReceived
        | TcpState::FinWait1
        | TcpState::Closing
        | TcpState::LastAck => true,
        TcpState::Closed
        | TcpState::Listen
        | TcpState::Established
        | TcpState::FinWait2
        | TcpState::CloseWait
        | TcpState::TimeWait => false,
    }
}

impl World {
    /// What holds between any two steps.
    pub(super) fn check(&mut self) {
        let snapshot = self.host.snapshot();
        let account = snapshot.account();
        assert!(account.balances(), "{account:?}");
        // What we send to ourselves is received as well.
        assert!(account.received >= self.injected, "{account:?}, {} injected", self.injected);
        let limits = &self.settings.limits;
        assert!(snapshot.connections <= limits.connections as usize, "{}", snapshot.connections);
        assert!(snapshot.admission.counts.half_open <= limits.half_open as usize);
        assert!(snapshot.time_wait <= limits.time_wait as usize);
        assert!(snapshot.orphans <= limits.orphans as usize);
        let neighbors = (limits.neighbors + limits.neighbors_unresolved) as usize;
        assert!(snapshot.neighbors <= neighbors, "{} neighbours", snapshot.neighbors);
        assert!(snapshot.memory.fragments <= limits.reassembly_memory as usize, "{:?}", snapshot.memory);
        // Frames on their way, and what applications wrote, may come on top of the budget for what peers send.
        let bound = limits.memory as usize + (12 + 2) * (4 << 20);
        assert!(snapshot.memory.buffers <= bound, "{}", snapshot.memory.buffers);
        assert_eq!(self.host.events_waiting(), 0, "all events were taken");
        let owing = self.host.connections().filter(|row| owes(row.state) || row.send_queue > 0).count();
        let waits = owing + snapshot.admission.counts.half_open + snapshot.time_wait;
        // One whose segments wait for the device is owed nothing but the device.
        if waits > 0 && !self.host.device_mut().full {
            let next = self.host.next_deadline();
            assert!(
                next.is_some_and(|next| next > self.now),
                "{waits} wait, and the next deadline is {next:?}"
            );
        }
    }

    /// Applications and peers go; all time passes; nothing is left. Tells what was reached.
    pub(super) fn finish(&mut self) -> Reached {
        let mut reached = 0;
        for row in self.host.connections() {
            reached |= 1 << (100 + row.state as u32);
        }
        self.host.device_mut().full = false;
        self.settle();
        self.host.reset_all();
        self.stations = false;
        self.run_until(self.now + Duration::from_secs(4000));
        self.check();
        let snapshot = self.host.snapshot();
        let left = (snapshot.connections, snapshot.orphans, snapshot.time_wait, snapshot.neighbors);
        assert_eq!(left, (0, 0, 0, 0));
        assert_eq!(snapshot.admission.counts.half_open, 0);
        assert_eq!(self.host.idle_state(), (0, 0), "timers and entries");
        assert_eq!((snapshot.fragmented, snapshot.memory.fragments), (0, 0), "fragments");
        assert_eq!(snapshot.memory.buffers, 0, "buffers that nobody holds");
        assert_eq!(self.host.next_deadline(), None, "nothing is owed any more");
        for (kind, _) in snapshot.taken.iter() {
            reached |= 1 << (kind as u32);
        }
        for (reason, _) in snapshot.discards.iter() {
            reached |= 1 << (Taken::ALL.len() as u32 + reason as u32);
        }
        const { assert!(Taken::ALL.len() + Discard::ALL.len() <= 100) }
        reached
    }
}
