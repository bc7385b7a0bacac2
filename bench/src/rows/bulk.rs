//! One stream, two stacks in one thread, CPU time of both ends, checksums on. Our link is Ethernet, smoltcp's bare IP.

use super::Run;
use crate::alloc::allocations as count;
use crate::clock::median;
use crate::floor;
use crate::ours::{Bulk, PairOptions, TokioBulk, ping_pong_allocations, verify};
use crate::peer::Question;
use crate::report::{Bar, Row};
use synward::tcp::Options;

const ROUNDS: usize = 7;
/// Most rounds until the pools are warm.
const WARMING: usize = 24;
const VERIFIED: usize = 32 << 20;

/// The same for every row: without Nagle's algorithm, as the peer, or the last partial segment of a round would wait for a
/// delayed ACK, which is no work but time.
fn growing() -> Options {
    Options { nodelay: true, ..Options::default() }
}

/// Send buffer and receive window that serve us best at each MTU, as the peer has those that serve it best.
fn buffers(mtu: usize) -> Options {
    let size = if mtu <= 1500 { 128 } else { 256 } << 10;
    Options { receive_window_max: Some(size), send_buffer_max: Some(size), ..growing() }
}

fn total(run: &Run, mtu: usize) -> usize {
    run.count(if mtu <= 1500 { 256 << 20 } else { 1 << 30 })
}

pub fn bulk(run: &mut Run) {
    for (mtu, bar) in [(1500, 1.0), (9000, 1.3), (65_535, 1.7)] {
        let options = PairOptions { mtu, ..PairOptions::default() };
        verify(&options, &Options::default(), VERIFIED);
        // As the peer, whose rows use the buffers that serve it best.
        let mut ours = Bulk::new(&options, &buffers(mtu));
        let mut growing = Bulk::new(&options, &growing());
        ours.rate(total(run, mtu) / 4);
        growing.rate(total(run, mtu) / 4);
        let (mut rates, mut peers, mut natives, mut grown) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            rates.push(ours.rate(total(run, mtu)));
            let question = Question::Bulk(mtu, total(run, mtu));
            peers.extend(run.peer(question));
            natives.extend(run.native(question).unwrap_or_default());
            grown.push(growing.rate(total(run, mtu)));
        }
        let row = Row::new(format!("bulk: MTU {mtu}"), median(rates), "Gbit/s");
        run.report.add(row.clone().beside(median(peers.clone()), "smoltcp").bar(Bar::AtLeast(bar)));
        let growing = Row::new(format!("bulk: MTU {mtu}, buffers grow to 4 MiB"), median(grown), "Gbit/s");
        run.report.add(growing.beside(median(peers), "smoltcp"));
        if !natives.is_empty() {
            run.report.add(row.clone().beside(median(natives), "smoltcp native"));
        }
        run.report.add(row.beside(run.floor(|| floor::bulk(mtu - 40)), "floor, 4 copies"));
    }
}

pub fn super_segments(run: &mut Run) {
    let options = PairOptions { segmentation: true, ..PairOptions::default() };
    verify(&options, &Options::default(), VERIFIED);
    let mut ours = Bulk::new(&options, &growing());
    ours.rate(total(run, 9000) / 4);
    let rates = (0..ROUNDS).map(|_| ours.rate(total(run, 9000))).collect();
    run.report.add(Row::new("bulk: MTU 1500, super-segments", median(rates), "Gbit/s"));
    run.report
        .note("super-segments: up to 64 KiB a frame, checksums left to the link: not a packet on a wire");
}

/// The same stream through tokio's sockets, beside the hand-driven one with the same buffers.
pub fn through_tokio(run: &mut Run) {
    for mtu in [1500, 9000, 65_535] {
        let mut sockets = match TokioBulk::new(mtu) {
            Ok(sockets) => sockets,
            Err(error) => return run.report.note(&format!("no stream through tokio: {error}")),
        };
        let mut by_hand = Bulk::new(&PairOptions { mtu, ..PairOptions::default() }, &growing());
        by_hand.rate(total(run, mtu) / 4);
        let (mut rates, mut hand) = (Vec::new(), Vec::new());
        let mut failed = sockets.rate(total(run, mtu) / 4).err();
        for _ in 0..ROUNDS {
            hand.push(by_hand.rate(total(run, mtu)));
            match sockets.rate(total(run, mtu)) {
                Ok(rate) => rates.push(rate),
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            run.report.note(&format!("a stream through tokio failed: {error}"));
        }
        let row = Row::new(format!("tokio: bulk through TcpStream, MTU {mtu}"), median(rates), "Gbit/s");
        run.report.add(row.beside(median(hand), "by hand").bar(Bar::AtLeast(0.8)));
    }
}

/// Allocations for each packet in steady state.
pub fn allocations(run: &mut Run) {
    for mtu in [1500, 9000, 65_535] {
        // Buffers that have their size: while they grow towards their limit, each step is an allocation and no packet's.
        let mut ours = Bulk::new(&PairOptions { mtu, ..PairOptions::default() }, &buffers(mtu));
        let mut round = || {
            let (before, packets) = (count(), ours.pair.b.snapshot().counters.frames_received);
            ours.transfer(128 << 20);
            let packets = ours.pair.b.snapshot().counters.frames_received - packets;
            (count() - before) as f64 / packets as f64
        };
        // The pools are warm when a whole round took nothing from the allocator.
        let mut warming = 0;
        while warming < WARMING && round() > 0.0 {
            warming += 1;
        }
        let mut each = [0.0; ROUNDS];
        each.iter_mut().for_each(|each| *each = round());
        let each = median(each.to_vec());
        let row = Row::new(format!("allocations: a packet, bulk, MTU {mtu}"), each, "");
        run.report.add(row.bar(Bar::AtMost(0.0)));
    }
    let each = ping_pong_allocations(100_000);
    run.report.add(Row::new("allocations: a round trip of 64 bytes", each, "").bar(Bar::AtMost(0.0)));
}
