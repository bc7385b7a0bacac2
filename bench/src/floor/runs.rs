//! The floor's figures.

use super::link::{cookie_words, receive, reverse, send};
use super::simd::wide;
use super::table::{Key, Table, sip};
use crate::clock::{cpu, median};
use std::hint::black_box;

const REPETITIONS: usize = 5;
const TO_B: Key = [0x0100_12c6, 0x0200_12c6, 0x5000_0104];
const TO_A: Key = [0x0200_12c6, 0x0100_12c6, 0x0104_5000];

macro_rules! by_width {
    ($run:ident ( $($arg:expr),* )) => {
        if wide() { $run::<true>($($arg),*) } else { $run::<false>($($arg),*) }
    };
}

/// Gbit/s of one stream, both ends, with a send and a receive buffer (four copies).
pub fn bulk(payload: usize) -> f64 {
    by_width!(bulk_run(payload))
}

/// Nanoseconds for a round trip of 64 bytes on a connection drawn from `n`.
pub fn ping_pong_random(n: usize) -> f64 {
    by_width!(ping_pong_run(n))
}

/// Nanoseconds for seven segments and two table entries made and removed.
pub fn connect_close() -> f64 {
    by_width!(connect_close_run())
}

/// Nanoseconds for a SYN answered by a cookie.
pub fn syn_cookie() -> f64 {
    by_width!(syn_cookie_run())
}

fn bulk_run<const WIDE: bool>(mss: usize) -> f64 {
    let (mut at_a, mut at_b) = (Table::new(1), Table::new(1));
    at_a.insert(TO_A);
    at_b.insert(TO_B);
    let stride = (mss + 40).div_ceil(64) * 64 + 64;
    let slots = (131_072 / stride).clamp(2, 32) & !1;
    let mut wire = vec![0u8; stride * slots];
    let mut ack = [0u8; 128];
    let (source, mut sink) = (vec![7u8; 65_536.max(mss)], vec![0u8; 65_536.max(mss)]);
    let buffer = 65_536.max(2 * mss);
    let (mut sending, mut receiving) = (vec![0u8; buffer], vec![0u8; buffer]);
    let packets = (1usize << 30) / mss;
    let mut rates = Vec::new();
    let (mut seq, mut at, mut from, mut to) = (0u32, 0, 0, 0);
    for _ in 0..REPETITIONS {
        let begin = cpu();
        let mut done = 0;
        while done < packets {
            for packet in wire.chunks_exact_mut(stride) {
                from = if from + mss > source.len() { 0 } else { from };
                at = if at + mss > buffer { 0 } else { at };
                sending[at..at + mss].copy_from_slice(&source[from..from + mss]);
                send::<WIDE>(packet, &sending[at..at + mss], &TO_B, seq, 1, 0x10);
                (at, from) = (at + mss, from + mss);
                seq = seq.wrapping_add(mss as u32);
            }
            for (i, packet) in wire.chunks_exact(stride).enumerate() {
                at = if at + mss > buffer { 0 } else { at };
                to = if to + mss > sink.len() { 0 } else { to };
                let Some((_, rcv, n)) = receive::<WIDE>(packet, &mut at_b, &mut receiving[at..]) else {
                    return f64::NAN;
                };
                sink[to..to + n].copy_from_slice(&receiving[at..at + n]);
                (at, to) = (at + n, to + n);
                if i % 2 == 1 {
                    let n = send::<WIDE>(&mut ack, &[], &TO_A, 1, rcv, 0x10);
                    black_box(receive::<WIDE>(&ack[..n], &mut at_a, &mut []));
                }
            }
            done += slots;
        }
        rates.push((done * mss) as f64 * 8e-9 / (cpu() - begin));
    }
    black_box(&sink);
    median(rates)
}

fn key_pair(i: u32) -> (Key, Key) {
    let peer = 0x0200_12c6 + (i >> 14);
    let ports = 1 + (i & 0x3fff) * 4;
    ([0x0100_12c6, peer, ports], [peer, 0x0100_12c6, ports.rotate_left(16)])
}

fn ping_pong_run<const WIDE: bool>(n: usize) -> f64 {
    let (mut at_a, mut at_b) = (Table::new(n), Table::new(n));
    for i in 0..n as u32 {
        let (to_b, to_a) = key_pair(i);
        at_b.insert(to_b);
        at_a.insert(to_a);
    }
    let (mut packet, mut text, mut random) = ([0u8; 256], [1u8; 256], 88_172_645_463_325_252u64);
    let rounds = 2_000_000;
    let mut times = Vec::new();
    for _ in 0..REPETITIONS {
        let begin = cpu();
        for _ in 0..rounds {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let (to_b, to_a) = key_pair((random % n as u64) as u32);
            let message = [1u8; 64];
            let len = send::<WIDE>(&mut packet, &message, &to_b, 0, 0, 0x18);
            black_box(receive::<WIDE>(&packet[..len], &mut at_b, &mut text));
            let len = send::<WIDE>(&mut packet, &text[..64], &to_a, 0, 0, 0x18);
            black_box(receive::<WIDE>(&packet[..len], &mut at_a, &mut text));
        }
        times.push((cpu() - begin) * 1e9 / f64::from(rounds));
    }
    median(times)
}

fn connect_close_run<const WIDE: bool>() -> f64 {
    let (mut at_a, mut at_b) = (Table::new(64), Table::new(64));
    let mut packet = [0u8; 256];
    let rounds = 1_000_000;
    let mut times = Vec::new();
    for _ in 0..REPETITIONS {
        let begin = cpu();
        for _ in 0..rounds {
            at_a.insert(TO_A);
            at_b.insert(TO_B);
            for segment in 0..7 {
                let (key, table) = if segment % 2 == 0 { (&TO_B, &mut at_b) } else { (&TO_A, &mut at_a) };
                let len = send::<WIDE>(&mut packet, &[], key, 0, 0, 2);
                black_box(receive::<WIDE>(&packet[..len], table, &mut []));
            }
            at_a.remove_last(&TO_A);
            at_b.remove_last(&TO_B);
        }
        times.push((cpu() - begin) * 1e9 / f64::from(rounds));
    }
    median(times)
}

fn syn_cookie_run<const WIDE: bool>() -> f64 {
    let mut table = Table::new(64);
    let options = [0u8; 20];
    let syns: Vec<Vec<u8>> = (0..4096u32)
        .map(|i| {
            let mut syn = vec![0u8; 128];
            let len = send::<WIDE>(&mut syn, &options, &[0x13c6 + (i << 16), TO_B[1], TO_B[2] ^ i], i, 0, 2);
            syn.truncate(len);
            syn
        })
        .collect();
    let (mut packet, mut text) = ([0u8; 256], [0u8; 256]);
    let rounds = 4_000_000usize;
    let mut times = Vec::new();
    for _ in 0..REPETITIONS {
        let begin = cpu();
        for i in 0..rounds {
            let syn = &syns[i & 4095];
            black_box(receive::<WIDE>(syn, &mut table, &mut text));
            let cookie = sip::<2, 4, 3>((3, 4), cookie_words(syn)) as u32;
            black_box(send::<WIDE>(&mut packet, &options, &reverse(syn), cookie, 1, 0x12));
        }
        times.push((cpu() - begin) * 1e9 / rounds as f64);
    }
    median(times)
}
