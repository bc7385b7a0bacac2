//! A connection of a script: its addresses, and what its own numbers are on the wire.

use crate::packet::{Endpoint, Opt, Tcp};
use std::collections::BTreeMap;

/// One connection between the stack (local) and the script's peer (remote).
#[derive(Clone, Debug)]
pub struct Flow {
    /// The stack's end.
    pub local: Endpoint,
    /// The peer's end.
    pub remote: Endpoint,
    /// What is added to a local sequence number of the script to give that of the wire; learnt from a SYN.
    local_shift: Option<u32>,
    /// The same for remote ones; given.
    remote_shift: u32,
    /// The script's number of the peer's SYN: the last one, until the stack has acknowledged one.
    remote_isn: Option<u32>,
    /// The stack has acknowledged the peer's SYN.
    synchronized: bool,
    /// Another SYN came since: a SYN-ACK may have new numbers.
    again: bool,
    /// Local timestamps: the script's value, and that of the wire.
    stamps: BTreeMap<u32, u32>,
    /// Whether the urgent pointer was used, so that streams may lack a byte.
    pub urgent: bool,
}

impl Flow {
    /// A connection of which nothing was seen.
    pub fn new(local: Endpoint, remote: Endpoint, remote_shift: u32) -> Self {
        Self {
            local,
            remote,
            local_shift: None,
            remote_shift,
            remote_isn: None,
            synchronized: false,
            again: false,
            stamps: BTreeMap::new(),
            urgent: false,
        }
    }

    /// Whether `packet`, which the stack sent, belongs to it.
    pub fn owns(&self, packet: &Tcp) -> bool {
        packet.src == self.local && packet.dst == self.remote
    }

    /// The peer sends a SYN with this number of the script.
    pub fn on_syn_in(&mut self, seq: u32) {
        if self.remote_isn.is_some_and(|before| before != seq) {
            self.again = true;
        }
        if !self.synchronized {
            self.remote_isn = Some(seq);
        }
    }

    /// The stack sent a SYN that the script gives the number `seq`. After another SYN of the peer than before it may be of
    /// another incarnation, whose numbers are learnt anew.
    pub fn on_syn_out(&mut self, seq: u32, wire: u32) {
        if self.again {
            self.forget_local();
        }
        self.local_shift.get_or_insert(wire.wrapping_sub(seq));
    }

    /// The stack sent a segment with an acknowledgment and without RST; `ack` in the script's terms.
    pub fn on_ack_out(&mut self, ack: u32, syn: bool) {
        self.synchronized = true;
        if syn {
            self.remote_isn = Some(ack.wrapping_sub(1));
        }
    }

    /// A new socket of the application connects: its numbers are others.
    pub fn forget_local(&mut self) {
        (self.local_shift, self.again, self.synchronized) = (None, false, false);
        self.stamps.clear();
    }

    /// A local sequence number on the wire.
    pub fn local_to_wire(&self, seq: u32) -> u32 {
        seq.wrapping_add(self.local_shift.unwrap_or(0))
    }

    /// A local sequence number of the wire in the script's terms.
    pub fn local_to_script(&self, seq: u32) -> u32 {
        seq.wrapping_sub(self.local_shift.unwrap_or(0))
    }

    /// A remote sequence number on the wire.
    pub fn remote_to_wire(&self, seq: u32) -> u32 {
        seq.wrapping_add(self.remote_shift)
    }

    /// A remote sequence number of the wire in the script's terms.
    pub fn remote_to_script(&self, seq: u32) -> u32 {
        seq.wrapping_sub(self.remote_shift)
    }

    /// The place in the peer's stream of a remote number of the script.
    pub fn remote_place(&self, seq: u32) -> u32 {
        seq.wrapping_sub(self.remote_isn.unwrap_or(0)).wrapping_sub(1)
    }

    /// The place in the stack's stream of a local number of the script: its SYN has the number 0.
    pub fn local_place(&self, seq: u32) -> u32 {
        seq.wrapping_sub(1)
    }

    /// The stack sent the timestamp `wire`, which the script calls `value`. A value that is known has a certain
    /// wire value already; it is given where it differs.
    pub fn on_stamp_out(&mut self, value: u32, wire: u32) -> Option<u32> {
        let known = *self.stamps.entry(value).or_insert(wire);
        (known != wire).then_some(known)
    }

    /// A local timestamp, which the peer echoes, on the wire: as it was sent, else as far from the nearest before it as the
    /// script says.
    pub fn stamp_to_wire(&self, value: u32) -> u32 {
        let near = self.stamps.range(..=value).next_back().or_else(|| self.stamps.iter().next());
        near.map_or(value, |(script, wire)| wire.wrapping_add(value.wrapping_sub(*script)))
    }

    /// A local timestamp of the wire in the script's terms.
    pub fn stamp_to_script(&self, wire: u32) -> u32 {
        let first = self.stamps.iter().next();
        first.map_or(wire, |(script, at)| wire.wrapping_sub(*at).wrapping_add(*script))
    }

    /// An option of the peer on the wire.
    pub fn option_in(&self, option: &Opt) -> Opt {
        match option {
            Opt::Sack(blocks) => Opt::Sack(
                blocks.iter().map(|(a, b)| (self.local_to_wire(*a), self.local_to_wire(*b))).collect(),
            ),
            Opt::Timestamps(value, echo) => Opt::Timestamps(*value, self.stamp_to_wire(*echo)),
            other => other.clone(),
        }
    }

    /// A segment of the stack in the script's terms.
    pub fn to_script(&self, packet: &Tcp) -> Tcp {
        let options = packet.options.iter().map(|option| match option {
            Opt::Sack(blocks) => Opt::Sack(
                blocks.iter().map(|(a, b)| (self.remote_to_script(*a), self.remote_to_script(*b))).collect(),
            ),
            Opt::Timestamps(value, echo) => Opt::Timestamps(self.stamp_to_script(*value), *echo),
            other => other.clone(),
        });
        Tcp {
            seq: self.local_to_script(packet.seq),
            ack: if packet.flags & 0x10 != 0 { self.remote_to_script(packet.ack) } else { packet.ack },
            options: options.collect(),
            ..packet.clone()
        }
    }
}
