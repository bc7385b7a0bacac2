//! The verdict on a SYN, the answer to a cookie, and what time makes due.

use super::answer::Offer;
use super::cookie::{Carried, Keys};
use super::half_open::{Agreed, HalfOpenId, New, Store};
use super::protection::{Protection, ProtectionEvent, effective};
use super::state::Counters;
use super::{Backlog, CookieOutcome, Due, Removed, Reply, Syn, Verdict};
use crate::base::rate::SharedBudget;
use crate::base::{Instant, Prf, Secrets};
use crate::settings::{self, AcceptQueueFull, Cookies, SynAttackProtect};
use crate::tcp::{Handshake, PeerOptions, isn, timestamps};
use crate::telemetry::Discard;
use crate::wire::{FlowKey, SeqNum, TcpHeader};
use std::collections::BTreeMap;

/// RST in answer to bad cookies, a second, until [`Admission::limit_answers`] says otherwise.
const ANSWERS_PER_SECOND: u32 = 1000;

/// Of `limit` places, those that only a SYN which reuses a connection in TIME-WAIT may take while cookies answer the others:
/// its peer was proven a minute ago, and a flood that takes all the rest must not lock it out.
fn reserve(limit: usize) -> usize {
    (limit / 16).min(64)
}

/// Admission of one shard: half-open store, protection, cookie keys. Listeners are the shard's: a `u32` names one
/// here, and [`Admission::close_listener`] comes before its name is used again.
pub struct Admission {
    pub(super) cookies: Cookies,
    full: AcceptQueueFull,
    retries: u8,
    retries_protected: u8,
    /// Half-open entries consume the listener's backlog.
    charges: bool,
    scaling_protected: bool,
    pub(super) challenges_max: u8,
    pub(super) offer: Offer,
    pub(super) store: Store,
    /// Half-open entries that take a place of their listener's backlog.
    charged: BTreeMap<u32, usize>,
    pub(super) protection: Protection,
    keys: Keys,
    isn: Prf,
    timestamps: Prf,
    answers: SharedBudget,
    pub(super) counters: Counters,
}

impl Admission {
    /// Admission with an empty store of `limits.half_open` entries. More than 255 retransmissions count as 255: with
    /// doubling waits nothing lives to see them.
    pub fn new(
        settings: &settings::Admission,
        tcp: &settings::Tcp,
        limits: &settings::Limits,
        secrets: &Secrets,
        now: Instant,
    ) -> Self {
        let retries = u8::try_from(settings.synack_retries).unwrap_or(u8::MAX);
        let retries_protected =
            u8::try_from(settings.synack_retries_protected).unwrap_or(u8::MAX).min(retries);
        // RFC 6298, Sections 2.5 and 5.5: the time-out doubles, up to a maximum.
        let longest = tcp.max_rto.max(settings.synack_rto);
        let wait =
            |stage: u32| settings.synack_rto.saturating_mul(1u32.checked_shl(stage).unwrap_or(u32::MAX));
        let waits = (0..=u32::from(retries)).map(|stage| wait(stage).min(longest));
        Self {
            cookies: settings.cookies,
            full: settings.accept_queue_full,
            retries,
            retries_protected,
            charges: effective(settings) != SynAttackProtect::Strict,
            scaling_protected: settings.window_scaling_protected,
            challenges_max: u8::try_from(tcp.challenge_acks).unwrap_or(u8::MAX),
            offer: Offer::new(tcp),
            store: Store::new(limits.half_open as usize, waits),
            charged: BTreeMap::new(),
            protection: Protection::new(settings),
            keys: Keys::new(secrets, settings.cookie_epoch, now),
            isn: secrets.prf("isn"),
            timestamps: secrets.prf("timestamps"),
            answers: SharedBudget::per_second(ANSWERS_PER_SECOND, secrets.rng("cookie answers"), now),
            counters: Counters::default(),
        }
    }

    /// The most answers to bad cookies a second; 1000 at first. Valid cookies are never limited.
    pub fn limit_answers(&mut self, per_second: u32) {
        self.answers.set_limit(per_second);
    }

    /// What a SYN for `listener` gets. `existing` is the half-open connection of its flow, if there is one; `min_iss` the
    /// number that our sequence number must exceed where the SYN reuses a connection in TIME-WAIT (RFC 6191).
    pub fn on_syn(
        &mut self,
        now: Instant,
        listener: u32,
        backlog: &mut Backlog,
        syn: &Syn,
        existing: Option<HalfOpenId>,
        min_iss: Option<SeqNum>,
    ) -> Verdict {
        if let Some(id) = existing.filter(|id| self.store.get(*id).is_some()) {
            return self.on_repeated_syn(now, id, backlog, syn);
        }
        self.counters.syns += 1;
        let verdict = self.judge(now, listener, backlog, syn, min_iss);
        self.update(now);
        verdict
    }

    fn judge(
        &mut self,
        now: Instant,
        listener: u32,
        backlog: &mut Backlog,
        syn: &Syn,
        min_iss: Option<SeqNum>,
    ) -> Verdict {
        let charged = self.charged_to(listener);
        backlog.adjust(charged);
        if backlog.is_full() {
            return self.refuse(now, backlog);
        }
        let scaling_allowed = self.scaling_protected || !self.protection.protecting();
        let agreed = self.offer.agree(syn, scaling_allowed);
        // A cookie's number cannot be made to exceed the old connection's.
        let (cookie, always) = match self.cookies {
            Cookies::Never => (false, false),
            Cookies::OnOverflow => (min_iss.is_none(), false),
            Cookies::Always => (min_iss.is_none(), min_iss.is_none()),
        };
        if always {
            return self.send_cookie(now, backlog, syn, agreed);
        }
        // The last places, here and in the store, are kept for SYNs that no cookie can answer; for the others the end comes
        // before.
        let kept = if cookie { reserve(backlog.capacity()) } else { 0 };
        if self.charges && !backlog.has_free(charged + kept) {
            if !cookie {
                return self.refuse(now, backlog);
            }
            // Not refused, but without a free place: that is what the threshold is about.
            self.protection.refused(now);
            return self.send_cookie(now, backlog, syn, agreed);
        }
        let mut evicted = None;
        let kept = if cookie { reserve(self.store.limit()) } else { 0 };
        let full = self.store.len() + kept >= self.store.limit();
        if full {
            if cookie {
                return self.send_cookie(now, backlog, syn, agreed);
            }
            if self.cookies == Cookies::Never {
                evicted = self.store.oldest_unproven().and_then(|id| self.take(id));
            }
            if evicted.is_none() {
                return Verdict::Drop(Discard::SynStoreFull);
            }
            self.counters.evicted += 1;
        }
        self.keep(now, listener, syn, agreed, min_iss, evicted)
    }

    fn keep(
        &mut self,
        now: Instant,
        listener: u32,
        syn: &Syn,
        agreed: Agreed,
        min_iss: Option<SeqNum>,
        evicted: Option<Removed>,
    ) -> Verdict {
        let (flow, irs, reply_mac) = (syn.flow, syn.seq, syn.reply_mac);
        let iss = above(isn::isn(&self.isn, &flow, now), min_iss);
        let ts_offset = self.ts_offset(&flow);
        let charged = self.charges;
        let new = New { flow, iss, irs, ts_offset, listener, reply_mac, agreed, charged };
        let Some(id) = self.store.insert(now, new) else { return Verdict::Drop(Discard::SynStoreFull) };
        if charged {
            *self.charged.entry(listener).or_default() += 1;
        }
        let reply = self.offer.syn_ack(now, &flow, (iss, irs), &agreed, ts_offset, reply_mac);
        Verdict::Answer { reply, id, new: true, evicted }
    }

    fn send_cookie(&mut self, now: Instant, backlog: &mut Backlog, syn: &Syn, agreed: Agreed) -> Verdict {
        self.counters.cookies_sent += 1;
        let carried = Carried { mss: agreed.peer_mss, scale: agreed.scale, sack: agreed.sack };
        let iss = self.keys.make(now, &mut backlog.cookies_sent, &syn.flow, syn.seq, carried);
        let ts_offset = if agreed.ts_recent.is_some() { self.ts_offset(&syn.flow) } else { 0 };
        let numbers = (iss, syn.seq);
        Verdict::Cookie(self.offer.syn_ack(now, &syn.flow, numbers, &agreed, ts_offset, syn.reply_mac))
    }

    fn refuse(&mut self, now: Instant, backlog: &mut Backlog) -> Verdict {
        self.count_refusal(now, backlog);
        match self.full {
            AcceptQueueFull::Silent => Verdict::Drop(Discard::SynBacklogFull),
            AcceptQueueFull::Reset => Verdict::Reset(Discard::SynBacklogFull),
        }
    }

    fn count_refusal(&mut self, now: Instant, backlog: &mut Backlog) {
        backlog.refuse();
        self.counters.refused += 1;
        self.protection.refused(now);
    }

    /// What a segment with ACK and without SYN and RST is, that is for `listener` and for no connection: perhaps the answer
    /// to a cookie. It may carry data or FIN.
    pub fn on_cookie_ack(
        &mut self,
        now: Instant,
        listener: u32,
        backlog: &mut Backlog,
        flow: &FlowKey,
        header: &TcpHeader,
        payload_len: usize,
    ) -> CookieOutcome {
        let flags = header.flags;
        if !flags.ack() || flags.syn() || flags.rst() {
            return CookieOutcome::NotExpected;
        }
        let (irs, iss) = (header.seq - 1, header.ack - 1);
        let late = payload_len > 0 || flags.fin();
        let carried = match self.keys.open(now, backlog.cookies_sent, flow, irs, iss) {
            None => return CookieOutcome::NotExpected,
            Some(None) => return self.bad_cookie(now, late),
            Some(Some(carried)) => carried,
        };
        backlog.adjust(self.charged_to(listener));
        if backlog.is_full() {
            self.count_refusal(now, backlog);
            self.update(now);
            return CookieOutcome::Full(Discard::SynBacklogFull);
        }
        self.counters.cookies_valid += 1;
        self.counters.cookies_late += u64::from(late);
        let ts_offset = self.ts_offset(flow);
        let stamps = self.offer.cookie_timestamps(&header.options);
        let rtt = stamps.and_then(|ts| timestamps::rtt_from_echo(now, ts_offset, ts.echo));
        CookieOutcome::Valid(Handshake {
            flow: *flow,
            iss,
            irs,
            peer: PeerOptions {
                mss: carried.mss,
                window_scale: carried.scale,
                sack: carried.sack,
                ts_recent: stamps.map(|ts| ts.value),
            },
            our_window_scale: self.offer.our_scale(carried.scale),
            our_window: u32::from(self.offer.window),
            peer_window: u32::from(header.window) << carried.scale.unwrap_or(0),
            ts_offset,
            retransmitted: false,
            // An echo is in whole milliseconds, and of a time that a cookie can have.
            rtt_us: rtt
                .filter(|rtt| *rtt <= self.keys.life())
                .map(|rtt| u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX)),
        })
    }

    fn bad_cookie(&mut self, now: Instant, late: bool) -> CookieOutcome {
        self.counters.cookies_invalid += 1;
        let answer = !late && self.answers.take(now);
        let limited = !late && !answer;
        let discard = if limited { Discard::CookieLimited } else { Discard::CookieInvalid };
        CookieOutcome::Invalid { discard, answer }
    }

    /// Does one thing that is due; `None` when nothing is.
    pub fn poll(&mut self, now: Instant) -> Option<Due> {
        self.update(now);
        let retries = self.retries_now();
        let id = self.store.due(now, retries)?;
        let due = if self.store.get(id)?.stage() < retries {
            let entry = self.store.advance(now, id)?;
            self.counters.retransmitted += 1;
            Due::Retransmit(self.offer.syn_ack_of(now, entry))
        } else {
            let entry = self.store.get(id)?;
            let reset: Option<Reply> = entry.proven.then(|| self.offer.reset(entry));
            let Removed { id, flow, listener } = self.take(id)?;
            self.counters.expired += 1;
            Due::Expired { id, flow, listener, reset }
        };
        self.update(now);
        Some(due)
    }

    /// When [`Admission::poll`] has something to do; in the past where it has already.
    pub fn next_deadline(&self) -> Option<Instant> {
        let store = self.store.next_deadline(self.retries_now());
        store.into_iter().chain(self.protection.next_deadline()).min()
    }

    /// Takes out a half-open connection, as after an ICMP error that quotes its sequence number ([`Admission::iss`]).
    pub fn remove(&mut self, now: Instant, id: HalfOpenId) -> Option<Removed> {
        let removed = self.take(id);
        self.update(now);
        removed
    }

    /// Takes out all half-open connections of a listener that closes. Goes once through the store.
    pub fn close_listener(&mut self, now: Instant, listener: u32) -> Vec<Removed> {
        let of_it = self.store.iter().filter(|(_, entry)| entry.listener == listener);
        let ids: Vec<_> = of_it.map(|(id, _)| id).collect();
        let removed = ids.into_iter().filter_map(|id| self.take(id)).collect();
        self.update(now);
        removed
    }

    /// The next change of protection, oldest first. The queue holds [`super::EVENTS`].
    pub fn next_event(&mut self) -> Option<ProtectionEvent> {
        self.protection.next_event()
    }

    /// The only way out of the store: gives the place in the backlog back.
    pub(super) fn take(&mut self, id: HalfOpenId) -> Option<Removed> {
        let entry = self.store.remove(id)?;
        let (flow, listener) = (entry.flow, entry.listener);
        if entry.charged() {
            if let Some(charged) = self.charged.get_mut(&listener) {
                *charged = charged.saturating_sub(1);
                if *charged == 0 {
                    self.charged.remove(&listener);
                }
            }
        }
        Some(Removed { id, flow, listener })
    }

    /// Half-open connections that take a place of the backlog of `listener`.
    pub fn charged_to(&self, listener: u32) -> usize {
        if self.charges { self.charged.get(&listener).copied().unwrap_or(0) } else { 0 }
    }

    #[inline]
    pub(super) fn update(&mut self, now: Instant) {
        self.protection.update(now, self.store.len(), self.store.retried());
    }

    /// Retransmissions of a SYN-ACK at present.
    pub(super) fn retries_now(&self) -> u8 {
        if self.protection.protecting() { self.retries_protected } else { self.retries }
    }

    fn ts_offset(&self, flow: &FlowKey) -> u32 {
        timestamps::offset(&self.timestamps, flow.local.addr, flow.remote.addr)
    }
}

/// `iss`, or a number shortly above `min` where it does not exceed that.
fn above(iss: SeqNum, min: Option<SeqNum>) -> SeqNum {
    match min {
        Some(min) if iss.le(min) => min + 1 + (iss.0 & 0xffff),
        Some(_) | None => iss,
    }
}
