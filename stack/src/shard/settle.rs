//! After a connection did something: its events, its RST, its end, its deadline and its place among the ready.

use super::events::Queued;
use super::slot::{Owner, Pending};
use super::table::Entry;
use super::transmit::Via;
use super::{Shard, Token};
use crate::ip::NeighborId;
use crate::tcp::{CloseReason, Context, End, Events, Outcome, Reset};
use crate::telemetry::Discard;
use crate::wire::Addr;

impl Shard {
    /// Carries out what a connection's step asked for.
    #[inline]
    pub(crate) fn settle(&mut self, index: u32, outcome: &Outcome) {
        // A discard is the fate of a received frame: whoever gave the frame to the connection tells it.
        let Outcome { events, discard: _, reset, end } = outcome;
        if !events.is_empty() {
            self.publish(index, *events);
        }
        if let Some(reset) = reset {
            self.reset_flow(index, reset);
        }
        match end {
            None => self.touch(index),
            Some(end) => self.finish(index, end),
        }
    }

    fn publish(&mut self, index: u32, events: Events) {
        let mut bits = 0;
        if events.contains(Events::ESTABLISHED) {
            self.counters.connected += 1;
            bits |= Pending::CONNECTED | Pending::WRITABLE;
        }
        if events.contains(Events::READABLE) || events.contains(Events::END_OF_STREAM) {
            bits |= Pending::READABLE;
        }
        if events.contains(Events::WRITABLE) {
            bits |= Pending::WRITABLE;
        }
        let Some((id, slot)) = self.connections.living_at_mut(index) else { return };
        match slot.owner {
            Owner::Hand if slot.pending.add(bits) => self.events.push_back(Queued::Connection(id)),
            Owner::Cell(_) => self.publish_to_cell(index, events),
            Owner::Hand | Owner::Accept | Owner::Orphan => {}
        }
    }

    /// Arms the timer of a connection and queues it where it may have something to send.
    #[inline]
    pub(crate) fn touch(&mut self, index: u32) {
        // One that has ended owes nothing: what the application still reads from it moves no timer and sends no segment.
        let Some(slot) = self.connections.at_mut(index).filter(|slot| slot.ended.is_none()) else { return };
        if !slot.queued && slot.connection.may_transmit() {
            slot.queued = true;
            self.ready.push_back(index);
        }
        if self.timers.arm(index, slot) {
            self.sort_recent_timers();
        }
    }

    /// Sends the RST that a connection asked for, the way its segments go.
    fn reset_flow(&mut self, index: u32, reset: &Reset) {
        let Some(slot) = self.connections.at(index) else { return };
        let (flow, hop, chosen) = (*slot.connection.flow(), slot.hop, slot.connection.packet_options());
        match self.way(flow.remote.addr, hop) {
            Some(via) => {
                self.counters.resets_sent += 1;
                self.send_bare_via(&flow, &reset.header(&flow), via, chosen);
            }
            // A peer that cannot be reached learns of the end from the RST to its next segment.
            None => self.discards.count(Discard::NeighborUnreachable),
        }
    }

    /// The way that a last segment to `remote` goes. To a peer that was accepted and never sent anything the neighbour is not known
    /// yet, and the segment waits for it; for one that has gone silent it does not.
    fn way(&mut self, remote: Addr, hop: Option<NeighborId>) -> Option<Via> {
        if let Some(mac) = hop.and_then(|id| self.neighbors.mac(self.now, id)) {
            return Some(Via::Station(mac));
        }
        let (via, _) = self.resolve(remote)?;
        let lost = hop.is_some() && matches!(via, Via::Pending(_));
        (!lost).then_some(via)
    }

    /// The connection is over for the protocol.
    fn finish(&mut self, index: u32, end: &End) {
        let Some(slot) = self.connections.at_mut(index) else { return };
        let flow = *slot.connection.flow();
        let hash = self.table.hash(&flow);
        let was_in_table = core::mem::replace(&mut slot.in_table, false);
        self.disarm(index);
        let reason = match *end {
            End::TimeWait(record) => {
                let (place, retired) = self.time_wait.insert(record, self.now);
                if let Some((old, old_flow)) = retired {
                    self.counters.time_wait_retired += 1;
                    let old_hash = self.table.hash(&old_flow);
                    self.table.remove(old_hash, Entry::TimeWait(old));
                }
                self.table.replace(hash, Entry::Connection(index), Entry::TimeWait(place));
                // RFC 9293, Section 3.10.7.4: the peer's FIN is acknowledged, also where nobody holds the connection.
                self.send_last(index);
                self.disarm(index);
                CloseReason::Finished
            }
            End::Closed(CloseReason::Connect(error)) => {
                if let Some(slot) = self.connections.at_mut(index) {
                    slot.in_table = was_in_table;
                }
                return self.fail_connect(index, error);
            }
            End::Closed(reason) => {
                if was_in_table {
                    self.table.remove(hash, Entry::Connection(index));
                }
                reason
            }
        };
        let Some(slot) = self.connections.at_mut(index) else { return };
        slot.ended = Some(reason);
        let end_of_stream = slot.pending.0 & Pending::END != 0;
        match slot.owner {
            Owner::Cell(_) => self.finish_cell(index, reason, end_of_stream),
            Owner::Hand => self.announce(index, Pending::CLOSED),
            Owner::Orphan => self.release(index),
            // It stays in the accept queue: the application accepts it and reads what came, or the error.
            Owner::Accept => {}
        }
    }

    /// Takes a connection out of the table and the slab, whatever its state.
    pub(crate) fn discard_connection(&mut self, index: u32) {
        let Some(slot) = self.connections.at(index) else { return };
        if slot.in_table {
            let hash = self.table.hash(slot.connection.flow());
            self.table.remove(hash, Entry::Connection(index));
        }
        self.release(index);
    }

    /// Frees the place of a connection that is out of the table.
    pub(crate) fn release(&mut self, index: u32) {
        self.disarm(index);
        let Some(id) = self.connections.id_at(index) else { return };
        if let Some(mut slot) = self.connections.remove(id) {
            if let Some(neighbor) = slot.hop.filter(|_| slot.waits_for_neighbor) {
                self.neighbors.cancel(neighbor, Token::Connection(id).pack());
            }
            if matches!(slot.owner, Owner::Orphan) {
                self.orphans = self.orphans.saturating_sub(1);
            }
            let mut context = Context {
                now: self.now,
                settings: &self.settings.tcp,
                pool: &mut self.pool,
                memory_low: self.memory_low,
            };
            slot.connection.release(&mut context);
        }
    }

    /// Near the memory budget windows stop growing (`design.md` rule 3).
    pub(crate) fn update_memory_pressure(&mut self) {
        // Summing a million connections each turn would be O(n); the queues tell the pool what they hold.
        let held = self.pool.outstanding() as u64 + self.unread_memory + self.reassembly.memory() as u64;
        let limit = self.settings.limits.memory;
        self.memory_low = held >= limit - limit / 8;
        if self.memory_low {
            self.counters.memory_low_turns += 1;
        }
    }
}
