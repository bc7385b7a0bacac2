//! TIME-WAIT as a compact record, and the bounded store of them (RFC 9293, Section 3.6; RFC 1337; RFC 6191).

use super::timestamps;
use crate::base::{Instant, Slab};
use crate::buffer::prefetch;
use crate::telemetry::Discard;
use crate::wire::{FlowKey, SeqNum, TcpFlags, TcpHeader, Timestamps};
use core::time::Duration;

const NIL: u32 = u32::MAX;

/// All that is kept of a connection in TIME-WAIT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeWaitRecord {
    /// The connection.
    pub flow: FlowKey,
    /// The next sequence number expected: one past the peer's FIN.
    pub rcv_nxt: SeqNum,
    /// The next sequence number to send: one past our FIN.
    pub snd_nxt: SeqNum,
    /// The peer's latest TSval, where timestamps were agreed.
    pub ts_recent: Option<u32>,
    /// Offset of our timestamp clock.
    pub ts_offset: u32,
    /// The window field that was sent last, as on the wire.
    pub window: u16,
}

/// What a segment does to its TIME-WAIT record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum TimeWaitVerdict {
    /// Nothing.
    Ignore(Discard),
    /// It is answered by [`TimeWaitRecord::ack`], where [`TimeWaitStore::may_answer`] lets it be; with `restart` it is the peer's FIN again, and the timer starts anew
    /// ([`TimeWaitStore::restart`]; RFC 9293, Section 3.10.7.4).
    Ack {
        /// Restart the timer.
        restart: bool,
    },
    /// A SYN that may start a new incarnation (RFC 6191; RFC 9293, Section 3.6.1): the record goes, and the new
    /// connection's ISS is `min_iss` or after it.
    Reuse {
        /// The least ISS: it exceeds the old SND.NXT.
        min_iss: SeqNum,
    },
}

impl TimeWaitRecord {
    /// What a segment of this flow with `payload` bytes does. `timestamps`: a new incarnation would agree to timestamps,
    /// if its SYN offers them.
    pub fn on_segment(&self, header: &TcpHeader, payload: u32, timestamps: bool) -> TimeWaitVerdict {
        let flags = header.flags;
        // RFC 1337, Section 3, fix F1: a reset does not end TIME-WAIT.
        if flags.rst() {
            return TimeWaitVerdict::Ignore(Discard::TcpTimeWait);
        }
        if flags.syn() {
            return if flags.ack() {
                // RFC 5961, Section 4: no SYN in a synchronized state is taken; a second SYN-ACK gets an ACK.
                TimeWaitVerdict::Ack { restart: false }
            } else {
                self.on_syn(header, timestamps)
            };
        }
        if !flags.ack() {
            return TimeWaitVerdict::Ignore(Discard::TcpNoAck);
        }
        let length = payload.saturating_add(u32::from(flags.fin()));
        if length == 0 {
            // An ACK is never answered here: two ends in TIME-WAIT would answer each other without end.
            return TimeWaitVerdict::Ignore(Discard::TcpTimeWait);
        }
        let old = match (self.ts_recent, header.options.timestamps) {
            (Some(recent), Some(seen)) => timestamps::paws_reject(seen.value, recent, Duration::ZERO),
            // RFC 7323, Section 3.2: without the timestamps that were agreed it is dropped.
            (Some(_), None) => return TimeWaitVerdict::Ignore(Discard::TcpMissingTimestamp),
            (None, _) => false,
        };
        let fin_again = flags.fin() && header.seq + length == self.rcv_nxt;
        TimeWaitVerdict::Ack { restart: fin_again && !old }
    }

    /// RFC 6191, Section 2.
    fn on_syn(&self, header: &TcpHeader, timestamps: bool) -> TimeWaitVerdict {
        let offered = header.options.timestamps.filter(|_| timestamps);
        // The last sequence number used is the FIN's, `rcv_nxt − 1`.
        let beyond = header.seq.ge(self.rcv_nxt);
        let acceptable = match (self.ts_recent, offered) {
            (Some(recent), Some(seen)) if seen.value == recent => beyond,
            (Some(recent), Some(seen)) => SeqNum(seen.value).gt(SeqNum(recent)),
            (None, Some(_)) => true,
            (Some(_) | None, None) => beyond,
        };
        if acceptable {
            TimeWaitVerdict::Reuse { min_iss: self.snd_nxt + 1 }
        } else {
            // RFC 9293, Section 3.10.7.4, fourth check: in all other cases the challenge of RFC 5961, Section 4.2.
            TimeWaitVerdict::Ack { restart: false }
        }
    }

    /// The header of the ACK that answers a segment.
    pub fn ack(&self, now: Instant) -> TcpHeader {
        let mut header = TcpHeader {
            src_port: self.flow.local.port,
            dst_port: self.flow.remote.port,
            seq: self.snd_nxt,
            ack: self.rcv_nxt,
            flags: TcpFlags::ACK,
            window: self.window,
            ..TcpHeader::default()
        };
        header.options.timestamps =
            self.ts_recent.map(|echo| Timestamps { value: timestamps::clock(now, self.ts_offset), echo });
        header
    }
}

/// A record with its place in the order of expiry.
#[derive(Clone, Copy, Debug)]
struct Entry {
    expires_at: Instant,
    record: TimeWaitRecord,
    older: u32,
    newer: u32,
    /// Segments answered in the second `answered_in`, which counts modulo 256: after so long a silence at most one answer less
    /// is given than could be.
    answers: u8,
    answered_in: u8,
}

const _: () = assert!(size_of::<Entry>() <= 96);
const _: () = assert!(size_of::<TimeWaitRecord>() <= 96);

/// The TIME-WAIT records of a shard. All live equally long, so that the order of insertion is the order of expiry and
/// every operation is O(1).
pub struct TimeWaitStore {
    slab: Slab<Entry>,
    life: Duration,
    oldest: u32,
    newest: u32,
    retired: u64,
}

impl TimeWaitStore {
    /// A store of at most `limit` records (at least one), each of which lives for `life`.
    pub fn new(limit: usize, life: Duration) -> Self {
        Self { slab: Slab::with_limit(limit.max(1)), life, oldest: NIL, newest: NIL, retired: 0 }
    }

    /// Records held.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }

    /// Bytes of memory.
    pub fn memory(&self) -> usize {
        self.slab.memory()
    }

    /// Records that went before their time because the limit was reached.
    pub fn retired(&self) -> u64 {
        self.retired
    }

    /// The record at `index`.
    pub fn get(&self, index: u32) -> Option<&TimeWaitRecord> {
        self.slab.at(index).map(|entry| &entry.record)
    }

    /// Keeps `record` from `now` on. Gives its index, which is its own while it lives, and, at the limit, the index and
    /// the flow of the oldest record, which retired for it before its time. The new index may be the retired one's: the
    /// caller takes the retired flow out of its table first.
    pub fn insert(&mut self, record: TimeWaitRecord, now: Instant) -> (u32, Option<(u32, FlowKey)>) {
        let mut gone = None;
        if self.slab.is_full() {
            let index = self.oldest;
            gone = self.remove(index).map(|old| (index, old.flow));
            self.retired += u64::from(gone.is_some());
            // The next one to retire was last touched a whole store of records ago.
            if let Some(next) = self.slab.at(self.oldest) {
                prefetch(next);
            }
        }
        let entry =
            Entry { expires_at: now + self.life, record, older: NIL, newer: NIL, answers: 0, answered_in: 0 };
        // There is room: the limit is at least one, and at the limit one record has just gone.
        let index = self.slab.insert(entry).map_or(NIL, |id| id.index);
        self.link_newest(index);
        (index, gone)
    }

    /// Takes the record at `index` out.
    pub fn remove(&mut self, index: u32) -> Option<TimeWaitRecord> {
        let id = self.slab.id_at(index)?;
        self.unlink(index);
        self.slab.remove(id).map(|entry| entry.record)
    }

    fn unlink(&mut self, index: u32) {
        let Some(&Entry { older, newer, .. }) = self.slab.at(index) else { return };
        match self.slab.at_mut(older) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
        match self.slab.at_mut(newer) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
    }

    fn link_newest(&mut self, index: u32) {
        let older = self.newest;
        if let Some(entry) = self.slab.at_mut(index) {
            (entry.older, entry.newer) = (older, NIL);
        }
        match self.slab.at_mut(older) {
            Some(entry) => entry.newer = index,
            None => self.oldest = index,
        }
        self.newest = index;
    }

    /// Starts the timer of the record at `index` anew, for the FIN again whose header is `fin`; its timestamp is echoed from
    /// here on (RFC 7323, Section 4.3).
    pub fn restart(&mut self, index: u32, fin: &TcpHeader, now: Instant) {
        let expires_at = now + self.life;
        let Some(entry) = self.slab.at_mut(index) else { return };
        entry.expires_at = expires_at;
        if let (Some(recent), Some(seen)) = (&mut entry.record.ts_recent, fin.options.timestamps) {
            *recent = seen.value;
        }
        self.unlink(index);
        self.link_newest(index);
    }

    /// Whether the record at `index` may answer a segment: at most `most` times in a second (RFC 5961, Section 7), so that
    /// neither a forger nor a confused peer makes us send without end.
    pub fn may_answer(&mut self, index: u32, most: u32, now: Instant) -> bool {
        let Some(entry) = self.slab.at_mut(index) else { return false };
        let second = now.as_secs() as u8;
        if entry.answered_in != second {
            (entry.answered_in, entry.answers) = (second, 0);
        }
        if u32::from(entry.answers) >= most.min(u32::from(u8::MAX)) {
            return false;
        }
        entry.answers += 1;
        true
    }

    /// Takes out a record whose time is over; `None` where none is.
    pub fn poll_expired(&mut self, now: Instant) -> Option<(u32, FlowKey)> {
        let index = self.oldest;
        self.slab.at(index).filter(|entry| entry.expires_at <= now)?;
        self.remove(index).map(|record| (index, record.flow))
    }

    /// When the next record expires.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.slab.at(self.oldest).map(|entry| entry.expires_at)
    }
}

#[cfg(test)]
mod tests;
