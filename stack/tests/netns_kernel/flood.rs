//! Crafted SYNs in great number into the TAP interface, while clients of the kernel want in.

use crate::support::kernel::{self, RawSender};
use crate::support::skip;
use crate::support::stack::Choice;
use crate::support::stack::{OURS, Stack};
use etherparse::{PacketBuilder, TcpOptionElement};
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use synward::settings::Cookies;
use synward::shard::Event;
use synward::tcp::{IoError, Options};
use synward::wire::Mac;

const SYNS: u64 = 100_000;
const CLIENTS: usize = 50;
const MAC: Mac = Mac([2, 0x53, 0, 0, 0, 2]);

/// The `n`th SYN: off-link and, every fourth, on-link sources, all different.
fn syn(n: u64) -> Vec<u8> {
    let source = match n % 4 {
        0 => [10, 77, 0, 3 + (n / 4 % 250) as u8],
        _ => [198, 18 + (n >> 16) as u8, (n >> 8) as u8, n as u8],
    };
    let mut frame = Vec::new();
    let packet = PacketBuilder::ethernet2([2, 0xba, 0xd0, 0, 0, 1], MAC.0)
        .ipv4(source, OURS.octets(), 64)
        .tcp(1024 + (n % 60_000) as u16, 7, (n as u32).wrapping_mul(2_654_435_761), 64_240)
        .syn()
        .options(&[TcpOptionElement::MaximumSegmentSize(1460), TcpOptionElement::WindowScale(7)])
        .unwrap();
    packet.write(&mut frame, &[]).unwrap();
    frame
}

fn flood(change: impl FnOnce(&mut Choice)) {
    let mut stack = Stack::new(|choice| {
        choice.tap.mac = Some(MAC);
        change(choice);
    });
    let listener = stack.listen(7, &Options::default());
    let sender = RawSender::new("syn0").unwrap_or_else(|error| skip(&format!("no AF_PACKET: {error}")));
    let sent = Arc::new(AtomicU64::new(0));
    let count = sent.clone();
    let attacker = thread::spawn(move || {
        for n in 0..SYNS {
            let frame = syn(n);
            while !sender.send(&frame) {
                thread::sleep(Duration::from_micros(200));
            }
            count.store(n + 1, Ordering::Relaxed);
        }
    });
    let clients = thread::spawn(move || {
        while sent.load(Ordering::Relaxed) < SYNS / 10 {
            thread::yield_now();
        }
        let mut during = 0;
        for _ in 0..CLIENTS {
            let mut stream = kernel::connect((OURS, 7).into());
            stream.write_all(b"let me in").unwrap();
            let mut text = [0; 9];
            stream.read_exact(&mut text).unwrap();
            assert_eq!(&text, b"let me in");
            during += usize::from(sent.load(Ordering::Relaxed) < SYNS);
        }
        during
    });
    let limit = stack.host.settings().limits.half_open;
    let (mut open, mut most, mut events) = (Vec::new(), 0, Vec::new());
    stack
        .within(Duration::from_secs(160), |host, reported| {
            events.append(reported);
            most = most.max(host.snapshot().admission.counts.half_open);
            while let Ok((id, _)) = host.accept(listener) {
                open.push(id);
            }
            let mut text = [0; 64];
            open.retain(|id| match host.read(*id, &mut text) {
                Ok(0) => {
                    host.close(*id);
                    false
                }
                Ok(n) => host.write(*id, &text[..n]).is_ok(),
                Err(error) => error == IoError::WouldBlock,
            });
            (attacker.is_finished() && clients.is_finished()).then_some(())
        })
        .unwrap_or_else(|| panic!("clients starve: {:#?}", stack.host.snapshot()));
    attacker.join().unwrap();
    let during = clients.join().unwrap();
    let snapshot = stack.host.snapshot();
    println!(
        "{during} of {CLIENTS} clients during the flood; most half-open {most}; {:#?}",
        snapshot.counters
    );
    assert!(most as u64 <= u64::from(limit), "{most} half-open, over the limit of {limit}");
    // What the device drops while this process waits for a processor never arrives; what arrives must be a flood still.
    assert!(snapshot.counters.syns_received > SYNS / 10, "the flood arrived: {:#?}", snapshot);
    let protected = events.iter().any(|event| matches!(event, Event::Protection(_)));
    let stored = stack.host.settings().admission.cookies != Cookies::Always;
    assert_eq!(protected, stored, "protection sees the attack by the entries that it leaves");
    assert_eq!(snapshot.counters.accepted, CLIENTS as u64, "nobody but the clients got in");
    assert!(snapshot.neighbors < 8, "no neighbour entry for an unproven peer: {}", snapshot.neighbors);
}

pub fn kernel_clients_get_through_a_flood_of_100_000_syns() {
    flood(|_| {});
}

pub fn kernel_clients_get_through_a_flood_when_every_syn_gets_a_cookie() {
    flood(|choice| choice.settings.admission.cookies = Cookies::Always);
}
