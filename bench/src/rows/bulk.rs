//! One stream, two stacks in one thread, CPU time of both ends, checksums on. Our link is Ethernet, smoltcp's bare IP.

use super::Run;
use crate::alloc::allocations as count;
use crate::clock::median;
use crate::floor;
use crate::ours::{Bulk, PairOptions, ping_pong_allocations, verify};
use crate::peer::Question;
use crate::report::{Bar, Row};
use synward::tcp::Options;

const ROUNDS: usize = 7;
const VERIFIED: usize = 32 << 20;
/// Send buffer and receive window.
const BUFFER: u32 = 256 * 1024;

fn total(run: &Run, mtu: usize) -> usize {
    run.count(if mtu <= 1500 { 256 << 20 } else { 1 << 30 })
}

pub fn bulk(run: &mut Run) {
    for (mtu, bar) in [(1500, 1.0), (9000, 1.3), (65_535, 1.7)] {
        let options = PairOptions { mtu, ..PairOptions::default() };
        verify(&options, &Options::default(), VERIFIED);
        // As the peer, whose rows use the buffers that serve it best.
        let buffers =
            Options { receive_window_max: Some(BUFFER), send_buffer_max: Some(BUFFER), ..Options::default() };
        let mut ours = Bulk::new(&options, &buffers);
        let mut growing = Bulk::new(&options, &Options::default());
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
    let mut ours = Bulk::new(&options, &Options::default());
    ours.rate(total(run, 9000) / 4);
    let rates = (0..ROUNDS).map(|_| ours.rate(total(run, 9000))).collect();
    run.report.add(Row::new("bulk: MTU 1500, super-segments", median(rates), "Gbit/s"));
    run.report
        .note("super-segments: up to 64 KiB a frame, checksums left to the link: not a packet on a wire");
}

/// Allocations for each packet in steady state.
pub fn allocations(run: &mut Run) {
    for mtu in [1500, 9000, 65_535] {
        let mut ours = Bulk::new(&PairOptions { mtu, ..PairOptions::default() }, &Options::default());
        ours.transfer(512 << 20);
        let (before, packets) = (count(), ours.pair.b.snapshot().counters.frames_received);
        ours.transfer(256 << 20);
        let packets = ours.pair.b.snapshot().counters.frames_received - packets;
        let each = (count() - before) as f64 / packets as f64;
        let row = Row::new(format!("allocations: a packet, bulk, MTU {mtu}"), each, "");
        run.report.add(row.bar(Bar::AtMost(0.0)));
    }
    let each = ping_pong_allocations(100_000);
    run.report.add(Row::new("allocations: a round trip of 64 bytes", each, "").bar(Bar::AtMost(0.0)));
}
