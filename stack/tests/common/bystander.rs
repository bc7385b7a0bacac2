//! A live connection beside whatever a test does to the host: it must stay byte-exact.

use super::byte;
use super::peer::{ACK, PSH, Peer, connected};
use super::wire::Wire;
use synward::shard::{ConnId, ListenerId};

/// A connection of 192.0.2.2:40000 with our port 80.
pub(crate) struct Bystander {
    pub(crate) listener: ListenerId,
    pub(crate) peer: Peer,
    pub(crate) id: ConnId,
    to_us: usize,
    from_us: usize,
}

impl Bystander {
    pub(crate) fn new(wire: &mut Wire) -> Self {
        let (listener, peer, id) = connected(wire, 40_000);
        Self { listener, peer, id, to_us: 0, from_us: 0 }
    }

    /// Some bytes each way, verified.
    pub(crate) fn check(&mut self, wire: &mut Wire) {
        wire.take();
        let n = 700;
        let bytes: Vec<u8> = (self.to_us..self.to_us + n).map(byte).collect();
        self.peer.send(wire, ACK.with(PSH), &bytes);
        let mut text = vec![0; 2000];
        let got = wire.host.read(self.id, &mut text).unwrap();
        assert_eq!(text[..got], bytes, "what the peer sent, after {}", self.to_us);
        self.to_us += n;
        let bytes: Vec<u8> = (self.from_us..self.from_us + n).map(byte).collect();
        assert_eq!(wire.host.write(self.id, &bytes), Ok(n));
        wire.settle();
        let sent = wire.segments();
        assert_eq!(self.peer.take(&sent), bytes, "what we sent, after {}", self.from_us);
        self.from_us += n;
        self.peer.send(wire, ACK, &[]);
        assert_eq!(wire.host.send_queued(self.id), 0);
    }
}
