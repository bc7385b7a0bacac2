//! What the peers know: the numbers of each flow, so that an input can speak of them by what is expected.

use std::net::{Ipv4Addr, SocketAddrV4};
use synward::wire::{Mac, SeqNum, TcpHeader};

/// The host under test.
pub(super) const US: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The router.
pub(super) const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);
/// Peers of an input.
pub(super) const PEERS: usize = 8;

/// The station of an on-link address.
pub(super) fn station(addr: Ipv4Addr) -> Mac {
    let [.., low] = addr.octets();
    Mac([2, 0, 0, 0, 1, low])
}

/// The station that brings packets from an address: its own, or the router.
pub(super) fn station_of(addr: Ipv4Addr) -> Mac {
    let on_link = addr.octets()[..3] == US.octets()[..3];
    station(if on_link { addr } else { GATEWAY })
}

/// One flow from a peer's side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) me: SocketAddrV4,
    pub(super) us: SocketAddrV4,
    /// The next number that it sends.
    pub(super) seq: SeqNum,
    /// The next number that it expects.
    pub(super) ack: SeqNum,
    /// The first number of our last segment to it.
    pub(super) last: SeqNum,
    /// The value of its timestamps, and ours to be echoed.
    pub(super) clock: u32,
    pub(super) echo: u32,
}

/// All of them: half are on the link, half behind the router; the last four are connected to as well.
pub(super) fn peers() -> [Peer; PEERS] {
    core::array::from_fn(|n| {
        let host = 10 + (n as u8 & 3);
        let addr =
            if n & 1 == 0 { Ipv4Addr::new(192, 0, 2, host) } else { Ipv4Addr::new(198, 51, 100, host) };
        let port = if n < 4 { 80 } else { 81 };
        Peer {
            me: SocketAddrV4::new(addr, 5000 + n as u16),
            us: SocketAddrV4::new(US, port),
            seq: SeqNum(0xffff_f000) + 977 * n as u32,
            ack: SeqNum(0),
            last: SeqNum(0),
            clock: 1000,
            echo: 0,
        }
    })
}

impl Peer {
    /// A segment of ours to it.
    pub(super) fn on_sent(&mut self, from: SocketAddrV4, header: &TcpHeader, payload: usize) {
        let flags = header.flags;
        // A SYN begins a new flow, from whatever port of ours.
        if flags.syn() {
            self.us = from;
            self.ack = header.seq + 1;
        } else if from == self.us {
            let end = header.seq + payload as u32 + u32::from(flags.fin());
            if end.gt(self.ack) && end.since(self.ack) < 1 << 20 {
                self.ack = end;
            }
        }
        if from == self.us {
            self.last = header.seq;
            if let Some(timestamps) = header.options.timestamps {
                self.echo = timestamps.value;
            }
        }
    }
}

/// The byte that stands at a number of a peer's stream.
pub(super) fn byte_of(seq: SeqNum) -> u8 {
    (seq.0 % 256) as u8
}
