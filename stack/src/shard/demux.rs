//! Which connection, half-open entry, TIME-WAIT record or listener a segment is for: one probe of the table, then
//! listener → admission → cookie → rate-limited RST.

use super::receive::Fate;
use super::slot::Owner;
use super::table::{Entry, FlowHash, Keys};
use super::{Shard, Slot};
use crate::admission::{Admission, CookieOutcome, HalfOpenId, HalfOpenOutcome, Removed, Syn, Verdict};
use crate::base::{Id, Slab};
use crate::buffer::{Buf, prefetch};
use crate::tcp::time_wait::{TimeWaitStore, TimeWaitVerdict};
use crate::tcp::{Connection, Context, Handshake, Reset};
use crate::telemetry::{Discard, Taken};
use crate::wire::{FlowKey, Mac, SeqNum, TcpHeader};

/// The three stores that hold the keys of the table's entries.
pub(crate) struct Stores<'a> {
    connections: &'a Slab<Slot>,
    admission: &'a Admission,
    time_wait: &'a TimeWaitStore,
}

impl<'a> Stores<'a> {
    pub(crate) fn of(
        connections: &'a Slab<Slot>,
        admission: &'a Admission,
        time_wait: &'a TimeWaitStore,
    ) -> Self {
        Self { connections, admission, time_wait }
    }
}

impl Keys for Stores<'_> {
    #[inline]
    fn key(&self, entry: Entry) -> Option<&FlowKey> {
        match entry {
            Entry::Connection(place) => {
                let slot = self.connections.at(place)?;
                // Among a million connections it is in no cache, and all of it is about to be used.
                prefetch(slot);
                Some(slot.connection.flow())
            }
            Entry::HalfOpen(place) => self.admission.flow_at(place),
            Entry::TimeWait(place) => self.time_wait.get(place).map(|record| &record.flow),
        }
    }
}

/// A received segment whose lengths and checksum are good.
pub(crate) struct Arrived<'a> {
    pub(crate) flow: FlowKey,
    pub(crate) header: &'a TcpHeader,
    /// The frame, trimmed to the payload.
    pub(crate) payload: Buf,
    /// The station that it came from.
    pub(crate) station: Mac,
}

/// What the flow of a SYN was before it.
#[derive(Clone, Copy, Debug)]
enum Before {
    Nothing,
    HalfOpen(HalfOpenId),
    TimeWait { record: u32, min_iss: SeqNum },
}

impl Shard {
    /// Finds the entry of `flow`.
    #[inline]
    pub(crate) fn find(&self, hash: FlowHash, flow: &FlowKey) -> Option<Entry> {
        self.table.find(hash, flow, &Stores::of(&self.connections, &self.admission, &self.time_wait))
    }

    /// Adds an entry to the table.
    pub(crate) fn enter(&mut self, hash: FlowHash, entry: Entry) {
        let keys = Stores::of(&self.connections, &self.admission, &self.time_wait);
        self.table.insert(hash, entry, &keys);
    }

    /// Gives a good segment to whom it is for. Its fate is the caller's to count.
    pub(crate) fn demultiplex(&mut self, arrived: Arrived<'_>) -> Fate {
        // Segments come in trains and answers after questions: the one before was often of the same connection, and its place
        // answers without a hash.
        let same = |slot: &Slot| slot.in_table && *slot.connection.flow() == arrived.flow;
        if self.connections.at(self.last).is_some_and(same) {
            return self.to_connection(self.last, arrived.header, arrived.payload);
        }
        let hash = self.table.hash(&arrived.flow);
        match self.find(hash, &arrived.flow) {
            Some(Entry::Connection(index)) => {
                self.last = index;
                self.to_connection(index, arrived.header, arrived.payload)
            }
            Some(Entry::HalfOpen(index)) => self.to_half_open(hash, index, arrived),
            Some(Entry::TimeWait(index)) => self.to_time_wait(hash, index, arrived),
            None => self.to_listener(hash, arrived),
        }
    }

    fn to_connection(&mut self, index: u32, header: &TcpHeader, payload: Buf) -> Fate {
        let mut payload = Some(payload);
        let fate = match self.connections.at_mut(index) {
            Some(slot) => {
                let mut context = Context {
                    now: self.now,
                    settings: &self.settings.tcp,
                    pool: &mut self.pool,
                    memory_low: self.memory_low,
                };
                let outcome = slot.connection.on_segment(&mut context, header, &mut payload);
                self.settle(index, &outcome);
                outcome.discard.map_or(Ok(Taken::Segment), Err)
            }
            None => Err(Discard::TcpEntryGone),
        };
        if let Some(frame) = payload {
            self.pool.put(frame);
        }
        fate
    }

    fn to_half_open(&mut self, hash: FlowHash, index: u32, arrived: Arrived<'_>) -> Fate {
        let Some(id) = self.admission.id_at(index) else {
            return self.give_up(arrived.payload, Discard::TcpEntryGone);
        };
        let Some(listener) = self.admission.listener_of(id) else {
            return self.give_up(arrived.payload, Discard::TcpEntryGone);
        };
        // A SYN again needs the listener's verdict; everything else is the entry's alone.
        let flags = arrived.header.flags;
        if flags.syn() && !flags.ack() && !flags.rst() && !flags.fin() {
            return self.admit(hash, arrived, Before::HalfOpen(id));
        }
        let place = self.listeners.id_at(listener);
        let Some((place, owner)) =
            place.and_then(|place| self.listeners.get_mut(place).map(|owner| (place, owner)))
        else {
            return self.give_up(arrived.payload, Discard::TcpEntryGone);
        };
        // Without room for the connection the entry keeps its place and the peer tries again (see `admission`).
        if self.connections.is_full() && !flags.rst() {
            return self.give_up(arrived.payload, Discard::ConnectionTableFull);
        }
        let chosen = owner.options.packet_options();
        let window = owner.options.announced_window(&self.settings.tcp);
        let payload_len = arrived.payload.len();
        let outcome =
            self.admission.on_segment(self.now, id, &mut owner.backlog, arrived.header, payload_len);
        let reason = match outcome {
            HalfOpenOutcome::Complete(handshake) => {
                return self.establish(hash, Some(Entry::HalfOpen(index)), place, &handshake, arrived);
            }
            HalfOpenOutcome::Answer(reply) => {
                self.send_reply(&reply, chosen, window);
                Discard::SynDuplicate
            }
            HalfOpenOutcome::Challenge(reply, discard) => {
                self.send_reply(&reply, chosen, window);
                discard
            }
            HalfOpenOutcome::Reset(discard) => self.refuse(&arrived, discard),
            HalfOpenOutcome::Gone(discard) => {
                self.table.remove(hash, Entry::HalfOpen(index));
                discard
            }
            HalfOpenOutcome::Drop(discard) => discard,
        };
        self.give_up(arrived.payload, reason)
    }

    fn to_time_wait(&mut self, hash: FlowHash, index: u32, arrived: Arrived<'_>) -> Fate {
        let Some(record) = self.time_wait.get(index) else {
            return self.give_up(arrived.payload, Discard::TcpEntryGone);
        };
        let payload_len = arrived.payload.len() as u32;
        let mut verdict = record.on_segment(arrived.header, payload_len, self.settings.tcp.timestamps);
        // Only a listener can take the tuple over; without one the record stays.
        if matches!(verdict, TimeWaitVerdict::Reuse { .. })
            && self.listeners.find(arrived.flow.local).is_none()
        {
            verdict = TimeWaitVerdict::Ack { restart: false };
        }
        let reason = match verdict {
            TimeWaitVerdict::Ignore(discard) => discard,
            TimeWaitVerdict::Ack { restart } => {
                if restart {
                    self.time_wait.restart(index, arrived.header, self.now);
                }
                let most = self.settings.tcp.challenge_acks;
                let answered = self.time_wait.untimed().may_answer(index, most, self.now);
                let record = self.time_wait.get(index).filter(|_| answered);
                if let Some(ack) = record.map(|record| record.ack(self.now)) {
                    self.send_bare(&arrived.flow, &ack, arrived.station);
                }
                Discard::TcpTimeWait
            }
            // RFC 6191, Section 2: the record makes way once the SYN is admitted.
            TimeWaitVerdict::Reuse { min_iss } => {
                return self.admit(hash, arrived, Before::TimeWait { record: index, min_iss });
            }
        };
        self.give_up(arrived.payload, reason)
    }

    fn to_listener(&mut self, hash: FlowHash, arrived: Arrived<'_>) -> Fate {
        let flags = arrived.header.flags;
        if flags.rst() {
            return self.give_up(arrived.payload, Discard::TcpResetStray);
        }
        if flags.syn() && !flags.ack() && !flags.fin() {
            return self.admit(hash, arrived, Before::Nothing);
        }
        if !flags.syn() && !flags.ack() && self.listeners.find(arrived.flow.local).is_some() {
            // RFC 9293, Section 3.10.7.2: what is neither SYN nor ACK says nothing to a listener. Where there is none, it is
            // answered as all else (Section 3.10.7.1).
            return self.give_up(arrived.payload, Discard::TcpNoAck);
        }
        // RFC 9293, Section 3.10.7.2: an ACK for LISTEN is answered by RST, unless it completes a cookie's handshake.
        if flags.ack() && !flags.syn() {
            return self.to_cookie(hash, arrived);
        }
        self.to_nobody(arrived)
    }

    fn to_nobody(&mut self, arrived: Arrived<'_>) -> Fate {
        let reason = self.refuse(&arrived, Discard::TcpNoConnection);
        self.give_up(arrived.payload, reason)
    }

    fn to_cookie(&mut self, hash: FlowHash, arrived: Arrived<'_>) -> Fate {
        let found = self.listeners.find(arrived.flow.local);
        let Some((id, listener)) =
            found.and_then(|id| self.listeners.get_mut(id).map(|listener| (id, listener)))
        else {
            return self.to_nobody(arrived);
        };
        if self.connections.is_full() {
            return self.give_up(arrived.payload, Discard::ConnectionTableFull);
        }
        let (flow, payload_len) = (arrived.flow, arrived.payload.len());
        let outcome = self.admission.on_cookie_ack(
            self.now,
            id.index,
            &mut listener.backlog,
            &flow,
            arrived.header,
            payload_len,
        );
        let reason = match outcome {
            CookieOutcome::Valid(handshake) => return self.establish(hash, None, id, &handshake, arrived),
            CookieOutcome::Invalid { discard, answer } => {
                if answer {
                    self.answer_by_reset(&arrived);
                }
                discard
            }
            CookieOutcome::Full(discard) => discard,
            CookieOutcome::NotExpected => return self.to_nobody(arrived),
        };
        self.give_up(arrived.payload, reason)
    }

    fn admit(&mut self, hash: FlowHash, arrived: Arrived<'_>, before: Before) -> Fate {
        let path_mss = self.mss_to(arrived.flow.remote.addr);
        let found = self.listeners.find(arrived.flow.local);
        let Some((id, listener)) =
            found.and_then(|id| self.listeners.get_mut(id).map(|listener| (id, listener)))
        else {
            return self.to_nobody(arrived);
        };
        let syn = Syn {
            flow: arrived.flow,
            seq: arrived.header.seq,
            options: arrived.header.options,
            reply_mac: arrived.station,
            our_mss: listener.options.announced_mss(path_mss),
        };
        self.counters.syns_received += 1;
        let chosen = listener.options.packet_options();
        let window = listener.options.announced_window(&self.settings.tcp);
        let (existing, min_iss) = match before {
            Before::Nothing => (None, None),
            Before::HalfOpen(id) => (Some(id), None),
            Before::TimeWait { min_iss, .. } => (None, Some(min_iss)),
        };
        let fate =
            match self.admission.on_syn(self.now, id.index, &mut listener.backlog, &syn, existing, min_iss) {
                Verdict::Answer { reply, id, new, evicted } => {
                    if let Some(removed) = evicted {
                        self.forget_half_open(&removed, Discard::SynEvicted);
                    }
                    if new {
                        if let Before::TimeWait { record, .. } = before {
                            self.time_wait.remove(record);
                            self.table.remove(hash, Entry::TimeWait(record));
                        }
                        self.enter(hash, Entry::HalfOpen(id.index()));
                    }
                    self.send_reply(&reply, chosen, window);
                    if new { Ok(Taken::SynEntered) } else { Err(Discard::SynDuplicate) }
                }
                Verdict::Cookie(reply) => {
                    self.send_reply(&reply, chosen, window);
                    Ok(Taken::SynCookie)
                }
                Verdict::Challenge(reply, discard) => {
                    self.send_reply(&reply, chosen, window);
                    Err(discard)
                }
                Verdict::Drop(discard) => Err(discard),
                Verdict::Reset(discard) => Err(self.refuse(&arrived, discard)),
            };
        self.pool.put(arrived.payload);
        fate
    }

    /// The handshake is complete: memory is committed from here on (`design.md` rule 4).
    fn establish(
        &mut self,
        hash: FlowHash,
        was: Option<Entry>,
        listener: Id,
        handshake: &Handshake,
        arrived: Arrived<'_>,
    ) -> Fate {
        let path_mss = self.mss_to(arrived.flow.remote.addr);
        let Some(owner) = self.listeners.get(listener) else {
            return self.give_up(arrived.payload, Discard::TcpEntryGone);
        };
        let our_mss = owner.options.announced_mss(path_mss);
        // What the SYN-ACK announced: see `send_reply`.
        let announced = u32::from(owner.options.announced_window(&self.settings.tcp));
        let handshake = Handshake { our_window: handshake.our_window.min(announced), ..*handshake };
        let connection =
            Connection::from_handshake(&handshake, our_mss, &owner.options, &self.settings.tcp, self.now);
        // Both callers looked for room before admission gave its place up.
        let Some(id) = self.insert_connection(connection, Owner::Accept) else {
            return self.give_up(arrived.payload, Discard::ConnectionTableFull);
        };
        match was {
            Some(entry) => {
                self.table.replace(hash, entry, Entry::Connection(id.index));
            }
            None => self.enter(hash, Entry::Connection(id.index)),
        }
        self.counters.accepted += 1;
        let queued = self.listeners.get_mut(listener).map(|owner| owner.backlog.push(u64::from(id)));
        debug_assert_eq!(queued, Some(Ok(())), "admission keeps a place for a completed handshake");
        if self.listeners.get(listener).is_some_and(|owner| owner.socket.is_some()) {
            self.hand_over(listener, id);
        } else {
            self.announce_listener(listener);
        }
        // The completing segment may carry data or FIN.
        self.to_connection(id.index, arrived.header, arrived.payload).map(|_| Taken::Handshake)
    }

    /// Takes a half-open connection that admission gave up out of the table.
    pub(crate) fn forget_half_open(&mut self, removed: &Removed, reason: Discard) {
        self.discards.count(reason);
        let hash = self.table.hash(&removed.flow);
        self.table.remove(hash, Entry::HalfOpen(removed.id.index()));
    }

    /// Answers a segment for nobody by RST, within a budget that its senders share without being able to measure each
    /// other. The reason of its discard: `discard`, or that the budget was used up.
    fn refuse(&mut self, arrived: &Arrived<'_>, discard: Discard) -> Discard {
        if !self.reset_budget.take(self.now) {
            return Discard::TcpResetLimited;
        }
        self.answer_by_reset(arrived);
        discard
    }

    /// RFC 9293, Section 3.10.7.1.
    fn answer_by_reset(&mut self, arrived: &Arrived<'_>) {
        let header = arrived.header;
        if header.flags.rst() {
            return;
        }
        let length =
            arrived.payload.len() as u32 + u32::from(header.flags.syn()) + u32::from(header.flags.fin());
        let reset = if header.flags.ack() {
            Reset::answer(header)
        } else {
            let timestamps = Reset::echo(header);
            Reset { seq: SeqNum(0), ack: Some(header.seq + length), timestamps }
        };
        self.send_reset(&arrived.flow, &reset, arrived.station);
    }

    /// Sends an RST for `flow` to a station.
    fn send_reset(&mut self, flow: &FlowKey, reset: &Reset, station: Mac) {
        self.counters.resets_sent += 1;
        self.send_bare(flow, &reset.header(flow), station);
    }
}
