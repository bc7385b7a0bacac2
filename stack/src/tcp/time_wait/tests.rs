use super::*;
use crate::wire::{Addr, Endpoint};
use std::collections::VecDeque;
use std::net::Ipv4Addr;

const LIFE: Duration = Duration::from_secs(60);

fn record(port: u16) -> TimeWaitRecord {
    let end = |last, port| Endpoint { addr: Addr::v4(Ipv4Addr::new(10, 0, 0, last)), port };
    TimeWaitRecord {
        flow: FlowKey { local: end(1, 80), remote: end(2, port) },
        rcv_nxt: SeqNum(5000),
        snd_nxt: SeqNum(9000),
        ts_recent: None,
        ts_offset: 77,
        window: 512,
    }
}

fn segment(seq: u32, flags: TcpFlags) -> TcpHeader {
    TcpHeader { seq: SeqNum(seq), flags, ..TcpHeader::default() }
}

fn stamped(mut header: TcpHeader, value: u32) -> TcpHeader {
    header.options.timestamps = Some(Timestamps { value, echo: 0 });
    header
}

const FIN_ACK: TcpFlags = TcpFlags::FIN.with(TcpFlags::ACK);
const IGNORED: TimeWaitVerdict = TimeWaitVerdict::Ignore(Discard::TcpTimeWait);
const REUSE: TimeWaitVerdict = TimeWaitVerdict::Reuse { min_iss: SeqNum(9001) };

/// RFC 1337, Section 3, fix F1.
#[test]
fn a_reset_never_ends_time_wait() {
    for seq in [0, 4999, 5000, 5001] {
        assert_eq!(record(1).on_segment(&segment(seq, TcpFlags::RST), 0, true), IGNORED);
        assert_eq!(record(1).on_segment(&segment(seq, TcpFlags::RST.with(TcpFlags::ACK)), 0, true), IGNORED);
    }
}

/// RFC 9293, Section 3.10.7.4, eighth check.
#[test]
fn the_fin_again_is_acknowledged_and_restarts_the_timer() {
    let record = record(1);
    assert_eq!(record.on_segment(&segment(4999, FIN_ACK), 0, true), TimeWaitVerdict::Ack { restart: true });
    let with_data = record.on_segment(&segment(4899, FIN_ACK), 100, true);
    assert_eq!(with_data, TimeWaitVerdict::Ack { restart: true }, "also with the data before it");
    let ack = record.ack(Instant::from_millis(1000));
    assert_eq!((ack.seq, ack.ack, ack.flags, ack.window), (SeqNum(9000), SeqNum(5000), TcpFlags::ACK, 512));
    assert_eq!((ack.src_port, ack.dst_port, ack.options.timestamps), (80, 1, None));
}

/// RFC 5961, Section 4: so is a second SYN-ACK.
#[test]
fn other_data_is_answered_without_restart_and_a_bare_ack_is_not_answered() {
    let record = record(1);
    let old_data = record.on_segment(&segment(4000, TcpFlags::ACK), 100, true);
    assert_eq!(old_data, TimeWaitVerdict::Ack { restart: false });
    let another_fin = record.on_segment(&segment(5100, FIN_ACK), 0, true);
    assert_eq!(another_fin, TimeWaitVerdict::Ack { restart: false });
    let syn_ack = record.on_segment(&segment(4000, TcpFlags::SYN.with(TcpFlags::ACK)), 0, true);
    assert_eq!(syn_ack, TimeWaitVerdict::Ack { restart: false });
    assert_eq!(record.on_segment(&segment(4000, TcpFlags::ACK), 0, true), IGNORED, "no storm of ACKs");
    assert_eq!(
        record.on_segment(&segment(5000, TcpFlags::FIN), 0, true),
        TimeWaitVerdict::Ignore(Discard::TcpNoAck)
    );
}

/// RFC 7323, Section 3.2.
#[test]
fn timestamps_that_were_agreed_are_required_and_old_ones_restart_nothing() {
    let record = TimeWaitRecord { ts_recent: Some(100), ..record(1) };
    let fin = segment(4999, FIN_ACK);
    assert_eq!(record.on_segment(&fin, 0, true), TimeWaitVerdict::Ignore(Discard::TcpMissingTimestamp));
    assert_eq!(record.on_segment(&stamped(fin, 99), 0, true), TimeWaitVerdict::Ack { restart: false });
    assert_eq!(record.on_segment(&stamped(fin, 100), 0, true), TimeWaitVerdict::Ack { restart: true });
    let ack = record.ack(Instant::from_millis(1000));
    assert_eq!(ack.options.timestamps, Some(Timestamps { value: 1077, echo: 100 }));
}

/// RFC 6191, Section 2; RFC 9293, Section 3.6.1: the new number is above the old ones. All others are challenged (RFC 9293,
/// Section 3.10.7.4; RFC 5961, Section 4.2).
#[test]
fn a_new_syn_is_taken_by_the_table_of_rfc_6191() {
    const CHALLENGED: TimeWaitVerdict = TimeWaitVerdict::Ack { restart: false };
    let syn = |seq| segment(seq, TcpFlags::SYN);
    let plain = record(1);
    let with = TimeWaitRecord { ts_recent: Some(100), ..plain };
    // Neither, or no longer: by the sequence number, beyond the old FIN (4999).
    for record in [plain, with] {
        assert_eq!(record.on_segment(&syn(5000), 0, true), REUSE);
        assert_eq!(record.on_segment(&syn(4999), 0, true), CHALLENGED);
        assert_eq!(record.on_segment(&syn(5001u32.wrapping_sub(1 << 31)), 0, true), CHALLENGED);
    }
    // Both: by the timestamp, and by the sequence number where that is the same.
    assert_eq!(with.on_segment(&stamped(syn(1), 101), 0, true), REUSE);
    assert_eq!(with.on_segment(&stamped(syn(5000), 100), 0, true), REUSE);
    assert_eq!(with.on_segment(&stamped(syn(4999), 100), 0, true), CHALLENGED);
    assert_eq!(with.on_segment(&stamped(syn(5000), 99), 0, true), CHALLENGED);
    // Only the new one.
    assert_eq!(plain.on_segment(&stamped(syn(1), 5), 0, true), REUSE);
    // We would not agree to timestamps: as if it offered none.
    assert_eq!(with.on_segment(&stamped(syn(1), 101), 0, false), CHALLENGED);
    assert_eq!(plain.on_segment(&stamped(syn(1), 5), 0, false), CHALLENGED);
}

/// RFC 9293, Section 3.10.7.8: the time-out deletes the record.
#[test]
fn records_expire_in_order_and_a_restart_goes_to_the_end() {
    let mut store = TimeWaitStore::new(10, LIFE);
    let at = Instant::from_secs;
    let (a, _) = store.insert(record(1), at(0));
    let (b, _) = store.insert(TimeWaitRecord { ts_recent: Some(3), ..record(2) }, at(1));
    let (c, _) = store.insert(record(3), at(2));
    assert_eq!(store.next_deadline(), Some(at(60)));
    store.restart(a, &segment(4999, FIN_ACK), at(30));
    store.restart(b, &stamped(segment(4999, FIN_ACK), 8), at(30));
    assert_eq!(store.get(b).and_then(|record| record.ts_recent), Some(8));
    assert_eq!(store.next_deadline(), Some(at(62)));
    assert_eq!(store.poll_expired(at(61)), None);
    assert_eq!(store.poll_expired(at(62)), Some((c, record(3).flow)));
    assert_eq!(store.remove(a).map(|record| record.flow), Some(record(1).flow));
    assert_eq!(store.remove(a), None);
    assert_eq!(store.poll_expired(at(1000)), Some((b, record(2).flow)));
    assert_eq!((store.poll_expired(at(1000)), store.next_deadline(), store.is_empty()), (None, None, true));
}

#[test]
fn at_the_limit_the_oldest_retires_and_is_counted() {
    let mut store = TimeWaitStore::new(3, LIFE);
    for port in 1..=3 {
        assert_eq!(store.insert(record(port), Instant::ZERO).1, None);
    }
    let memory = store.memory();
    assert!(memory <= 128 * 96, "a page of 128 records with all that the store adds: {memory}");
    let (index, gone) = store.insert(record(4), Instant::ZERO);
    assert_eq!(gone.map(|(_, flow)| flow), Some(record(1).flow));
    assert_eq!(store.get(index).map(|record| record.flow.remote.port), Some(4));
    assert_eq!((store.len(), store.retired(), store.memory()), (3, 1, memory));
    let mut none = TimeWaitStore::new(0, LIFE);
    let _ = none.insert(record(1), Instant::ZERO);
    assert_eq!(none.len(), 1, "a limit of zero holds one");
}

/// RFC 5961, Section 7: for each record, in each second.
#[test]
fn answers_are_limited_for_each_record_and_come_back() {
    let mut store = TimeWaitStore::new(10, LIFE);
    let (a, _) = store.insert(record(1), Instant::ZERO);
    let (b, _) = store.insert(record(2), Instant::ZERO);
    let answered = |store: &mut TimeWaitStore, index, most, ms| {
        (0..1000).filter(|_| store.may_answer(index, most, Instant::from_millis(ms))).count()
    };
    assert_eq!(answered(&mut store, a, 10, 0), 10);
    assert_eq!(answered(&mut store, a, 10, 999), 0);
    assert_eq!(answered(&mut store, b, 10, 999), 10, "another record has its own");
    assert_eq!(answered(&mut store, a, 10, 1000), 10);
    assert_eq!(answered(&mut store, a, u32::MAX, 2000), 255);
    assert_eq!(answered(&mut store, a, 0, 3000), 0);
    store.remove(a);
    assert!(!store.may_answer(a, 10, Instant::from_secs(9)));
}

#[test]
fn a_random_history_matches_a_plain_list() {
    let mut rng = crate::base::Secrets::from_test_seed(7).rng("time-wait");
    let mut store = TimeWaitStore::new(50, LIFE);
    let mut model: VecDeque<(Instant, u32, u16)> = VecDeque::new();
    let mut now = Instant::ZERO;
    for port in 1..5000 {
        now += Duration::from_millis(rng.below(3000));
        match rng.below(4) {
            0 | 1 => {
                let (index, gone) = store.insert(record(port), now);
                let oldest = if model.len() == 50 { model.pop_front() } else { None };
                assert_eq!(gone.map(|(i, flow)| (i, flow.remote.port)), oldest.map(|(_, i, p)| (i, p)));
                model.push_back((now + LIFE, index, port));
            }
            2 if !model.is_empty() => {
                let (_, index, port) = model.remove(rng.below(model.len() as u64) as usize).unwrap();
                if rng.chance(0.5) {
                    assert_eq!(store.remove(index).map(|record| record.flow.remote.port), Some(port));
                } else {
                    store.restart(index, &segment(4999, FIN_ACK), now);
                    model.push_back((now + LIFE, index, port));
                }
            }
            _ => {
                while let Some((index, flow)) = store.poll_expired(now) {
                    let (at, i, p) = model.pop_front().unwrap();
                    assert!(at <= now);
                    assert_eq!((index, flow.remote.port), (i, p));
                }
            }
        }
        assert_eq!(store.len(), model.len());
        assert_eq!(store.next_deadline(), model.front().map(|(at, ..)| *at));
        assert!(model.iter().all(|(_, i, p)| store.get(*i).is_some_and(|r| r.flow.remote.port == *p)));
    }
}
