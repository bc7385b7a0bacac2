//! ARP packets from the link (RFC 826, "Packet Reception").

use super::entry::Phase;
use super::list::Queue;
use super::{NeighborId, Neighbors};
use crate::base::Instant;
use crate::ip::interface::Interface;
use crate::telemetry::Discard;
use crate::wire::{Addr, ArpOperation, ArpPacket, Mac};

/// What becomes of an ARP packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum ArpOutcome {
    /// It asked for us: send this to its `target_mac`. What it said of its sender is learned, within the limits.
    Reply(ArpPacket),
    /// It told us something of a neighbour.
    Learned {
        /// The neighbour.
        id: NeighborId,
        /// Its link-layer address was another one before.
        changed: bool,
    },
    /// It was of no use.
    Ignored(Discard),
}

impl Neighbors {
    /// Takes an ARP packet. Entries are updated by whatever their neighbour sends; a new one is made only by a request for
    /// one of our addresses from our own network, in the small part for such. Any packet from an address ends the memory of
    /// its failure.
    pub fn on_arp(&mut self, now: Instant, packet: &ArpPacket, ours: &Interface) -> ArpOutcome {
        let (sender, target) = (Addr::v4(packet.sender_ip), Addr::v4(packet.target_ip));
        if !packet.sender_mac.is_station() {
            return ArpOutcome::Ignored(Discard::ArpSpoofed);
        }
        if packet.sender_mac == ours.mac() {
            // Our own, come back.
            return ArpOutcome::Ignored(Discard::ArpNotForUs);
        }
        if ours.is_ours(sender) {
            self.counters.conflicts += 1;
            self.announcements.defend(now, sender);
            return ArpOutcome::Ignored(Discard::ArpSpoofed);
        }
        let for_us = ours.is_ours(target);
        let asks_us = for_us && packet.operation == ArpOperation::Request;
        // RFC 5227, Section 2.1.1: a probe has sender address 0; it is answered, and teaches nothing.
        let heard = if sender == Addr::UNSPECIFIED_V4 {
            Err(Discard::ArpNotForUs)
        } else {
            self.heard(now, sender, packet.sender_mac, asks_us, ours)
        };
        match heard {
            Err(Discard::ArpSpoofed) => ArpOutcome::Ignored(Discard::ArpSpoofed),
            Ok(_) | Err(_) if asks_us => {
                self.counters.replies += 1;
                ArpOutcome::Reply(ArpPacket {
                    operation: ArpOperation::Reply,
                    sender_mac: ours.mac(),
                    sender_ip: packet.target_ip,
                    target_mac: packet.sender_mac,
                    target_ip: packet.sender_ip,
                })
            }
            Ok((id, changed)) => ArpOutcome::Learned { id, changed },
            Err(discard) => ArpOutcome::Ignored(discard),
        }
    }

    /// RFC 826's merge: the sender's new link-layer address replaces what an entry knows; without an entry one is made
    /// only where `wanted`.
    fn heard(
        &mut self,
        now: Instant,
        sender: Addr,
        mac: Mac,
        wanted: bool,
        ours: &Interface,
    ) -> Result<(NeighborId, bool), Discard> {
        if let Some(index) = self.by_addr.get(&sender).copied() {
            return self.merge(now, index, mac).ok_or(Discard::ArpNotForUs);
        }
        if !ours.is_on_link(sender) || !ours.is_single_host(sender) {
            return Err(Discard::ArpSpoofed);
        }
        if !wanted {
            return Err(Discard::ArpNotForUs);
        }
        if self.lists.of(Queue::Learned).len >= self.learned_max {
            let oldest = self.lists.of(Queue::Learned).head;
            if self.learned_max == 0 {
                return Err(Discard::ArpLimited);
            }
            self.remove(oldest);
            self.counters.evicted += 1;
        }
        let phase = Phase::Resolved { mac, confirmed_at: now, used_at: None, requests: 0 };
        let id = self.insert(sender, phase, Queue::Learned, now + self.life).ok_or(Discard::ArpLimited)?;
        self.counters.learned += 1;
        Ok((id, false))
    }

    fn merge(&mut self, now: Instant, index: u32, mac: Mac) -> Option<(NeighborId, bool)> {
        let id = NeighborId(self.slab.id_at(index)?);
        let entry = self.slab.at_mut(index)?;
        let fresh = Phase::Resolved { mac, confirmed_at: now, used_at: None, requests: 0 };
        let (queue, changed) = match &mut entry.phase {
            Phase::Pending { held, .. } => {
                let held = held.take();
                entry.phase = fresh;
                self.counters.resolved += 1;
                self.complete(now, index, Ok(mac), held);
                (Queue::Young, false)
            }
            Phase::Failed(_) => {
                // The memory of the failure ends. Waiters that it still owes the news get it: they stand in `completed`.
                entry.phase = fresh;
                (Queue::Young, false)
            }
            Phase::Resolved { mac: known, confirmed_at, requests, .. } => {
                let changed = *known != mac;
                (*known, *confirmed_at, *requests) = (mac, now, 0);
                let queue = if entry.queue == Queue::Learned { Queue::Learned } else { Queue::Young };
                (queue, changed)
            }
        };
        self.counters.changed += u64::from(changed);
        self.lists.shift(&mut self.slab, index, queue, now + self.life);
        Some((id, changed))
    }
}
