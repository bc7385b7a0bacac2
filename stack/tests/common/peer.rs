//! A TCP peer played by the test: it keeps sequence numbers and nothing else.

use super::frames::{self, PEER, PEER_MAC, Sent, US, at};
use super::wire::Wire;
use std::net::SocketAddrV4;
use synward::shard::{ConnId, ListenerId};
use synward::tcp::Options;
use synward::wire::{Mac, SeqNum, TcpFlags, TcpHeader, TcpOptions, Timestamps};

pub(crate) const SYN: TcpFlags = TcpFlags::SYN;
pub(crate) const ACK: TcpFlags = TcpFlags::ACK;
pub(crate) const FIN: TcpFlags = TcpFlags::FIN;
pub(crate) const RST: TcpFlags = TcpFlags::RST;
pub(crate) const PSH: TcpFlags = TcpFlags::PSH;
pub(crate) const URG: TcpFlags = TcpFlags::URG;

/// One connection of a peer with us.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) mac: Mac,
    pub(crate) me: SocketAddrV4,
    pub(crate) us: SocketAddrV4,
    /// The next sequence number that the peer sends.
    pub(crate) seq: SeqNum,
    /// What the peer acknowledges.
    pub(crate) ack: SeqNum,
    pub(crate) window: u16,
    /// TSval and TSecr, where timestamps are agreed.
    pub(crate) timestamps: Option<(u32, u32)>,
}

impl Peer {
    /// A peer at 192.0.2.2 that has done nothing yet.
    pub(crate) fn new(port: u16, our_port: u16) -> Self {
        Self {
            mac: PEER_MAC,
            me: at(PEER, port),
            us: at(US, our_port),
            seq: SeqNum(1_000_000),
            ack: SeqNum(0),
            window: 64_000,
            timestamps: None,
        }
    }

    pub(crate) fn header(&self, flags: TcpFlags) -> TcpHeader {
        let mut header = TcpHeader {
            src_port: self.me.port(),
            dst_port: self.us.port(),
            seq: self.seq,
            ack: if flags.ack() { self.ack } else { SeqNum(0) },
            flags,
            window: self.window,
            ..TcpHeader::default()
        };
        header.options.timestamps = self.timestamps.map(|(value, echo)| Timestamps { value, echo });
        header
    }

    /// The frame of a segment of this connection, whatever its header says.
    pub(crate) fn frame(&self, header: &TcpHeader, payload: &[u8]) -> Vec<u8> {
        frames::to_us(self.mac, &frames::tcp_packet(self.me, self.us, header, payload))
    }

    /// Sends a segment as the state of the peer says, and counts what it occupies.
    pub(crate) fn send(&mut self, wire: &mut Wire, flags: TcpFlags, payload: &[u8]) {
        let frame = self.frame(&self.header(flags), payload);
        self.seq += payload.len() as u32 + u32::from(flags.syn()) + u32::from(flags.fin());
        wire.inject(&frame);
    }

    /// A SYN with `options`; the segments that answer it.
    pub(crate) fn syn(&mut self, wire: &mut Wire, options: TcpOptions) -> Vec<Sent> {
        wire.segments();
        let header = TcpHeader { options, ..self.header(SYN) };
        let frame = self.frame(&header, &[]);
        self.seq += 1;
        wire.inject(&frame);
        wire.segments().into_iter().filter(|sent| sent.to == self.me).collect()
    }

    /// Takes the numbers of a SYN-ACK.
    pub(crate) fn learn(&mut self, syn_ack: &Sent) {
        assert_eq!(syn_ack.header.flags, SYN.with(ACK), "{syn_ack:?}");
        assert_eq!(syn_ack.header.ack, self.seq);
        self.ack = syn_ack.header.seq + 1;
        if let (Some((value, _)), Some(ours)) = (self.timestamps, syn_ack.header.options.timestamps) {
            self.timestamps = Some((value, ours.value));
        }
    }

    /// The whole handshake with a listener of ours, with a plain MSS option; our side of the connection.
    pub(crate) fn open(&mut self, wire: &mut Wire, listener: ListenerId) -> ConnId {
        let answer = self.syn(wire, TcpOptions { mss: Some(1460), ..TcpOptions::default() });
        assert_eq!(answer.len(), 1, "{answer:?}");
        self.learn(&answer[0]);
        self.send(wire, ACK, &[]);
        let (id, from) = wire.host.accept(listener).unwrap();
        assert_eq!(from, self.me.into());
        id
    }

    /// Acknowledges all of `sent` that belongs to this connection.
    pub(crate) fn take(&mut self, sent: &[Sent]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for segment in sent {
            if segment.to != self.me || segment.header.seq != self.ack {
                continue;
            }
            bytes.extend_from_slice(&segment.payload);
            self.ack += segment.payload.len() as u32 + u32::from(segment.header.flags.fin());
        }
        bytes
    }
}

/// A host with a listener on port 80, a peer that is connected, and our side of the connection.
pub(crate) fn connected(wire: &mut Wire, port: u16) -> (ListenerId, Peer, ConnId) {
    let listener = wire.host.listen(at(US, 80).into(), 64, &Options::default()).unwrap();
    let mut peer = Peer::new(port, 80);
    let id = peer.open(wire, listener);
    (listener, peer, id)
}
