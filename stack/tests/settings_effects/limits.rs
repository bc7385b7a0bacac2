//! Limits and budgets.

use super::tcp::peer;
use crate::common::frames::{self, GATEWAY, GATEWAY_MAC, OTHER, OTHER_MAC, PEER, US, at};
use crate::common::peer::{ACK, FIN, PSH, connected};
use crate::common::wire::{Mode, Wire};
use crate::common::{addr, ms, secs};
use crate::{Case, case, nothing};
use std::sync::Arc;
use synward::settings::{Cookies, Settings};
use synward::shard::commands::{Command, PingCommand};
use synward::sync::{Exchange, Inbox, Signal, commands, reply};
use synward::tcp::Options;
use synward::telemetry::Discard;
use synward::wire::{Icmpv4, IpProtocol, TcpOptions, Unreachable};

/// Datagrams of which one fragment of a thousand bytes came: how many are kept, how many had to make way.
fn unfinished(settings: Settings, n: u16) -> (u64, u64) {
    let mut wire = Wire::new(settings);
    let echo = frames::ipv4(OTHER, US, IpProtocol::ICMP, &[8; 2000]);
    for identification in 0..n {
        wire.inject(&frames::fragments(OTHER_MAC, &echo, identification, 1000)[0]);
    }
    let snapshot = wire.host.snapshot();
    (snapshot.fragmented as u64, snapshot.reassembly_evicted)
}

fn echoes(wire: &mut Wire, n: u16) {
    for sequence in 0..n {
        let echo = Icmpv4::EchoRequest { code: 0, identifier: 1, sequence, data: b"hello" };
        wire.host.device_mut().inbox.push_back(frames::icmp(OTHER_MAC, OTHER, &echo));
    }
}

/// Connections that we closed and whose peers did, too.
fn closed(wire: &mut Wire, n: u16) {
    let listener = wire.host.listen(at(US, 80).into(), 64, &Options::default()).unwrap();
    for port in 100..100 + n {
        let mut peer = peer(port);
        let id = peer.open(wire, listener);
        wire.host.close(id);
        wire.settle();
        peer.ack += 1;
        peer.send(wire, FIN.with(ACK), &[]);
    }
}

/// Connects that succeed in beginning, to `n` different silent or living stations.
fn begun(settings: Settings, first: u8, n: u8) -> String {
    let mut wire = Wire::new(settings);
    for last in 100..100 + n {
        wire.stations.insert([192, 0, 2, last].into(), synward::wire::Mac([2, 0, 0, 0, 1, last]));
    }
    let mut count = 0;
    for last in first..first + n {
        let to = at([192, 0, 2, last].into(), 9).into();
        count += usize::from(wire.host.connect(to, &Options::default()).is_ok());
        wire.settle();
    }
    count.to_string()
}

/// The MSS of a connect to the first of two hosts, of both of which a smaller path MTU was learned.
fn remembered(settings: Settings) -> String {
    let mut wire = Wire::new(settings);
    let hosts = ["198.51.100.7:80", "198.51.100.8:80"];
    for to in hosts {
        wire.host.connect(addr(to), &Options::default()).unwrap();
        wire.settle();
        let quoted = wire.segments().remove(0).packet;
        let reason = Unreachable::FragmentationNeeded { next_hop_mtu: 1400 };
        wire.inject(&frames::icmp(GATEWAY_MAC, GATEWAY, &Icmpv4::Unreachable { reason, quoted: &quoted }));
        wire.run(ms(1));
        wire.take();
    }
    wire.host.connect(addr(hosts[0]), &Options::default()).unwrap();
    wire.settle();
    wire.segments().last().unwrap().header.options.mss.unwrap().to_string()
}

/// Whether data out of order is kept while the stack holds 1 MiB for others.
fn keeps_data_out_of_order(settings: Settings) -> String {
    let mut wire = Wire::new(settings);
    let (listener, _, _) = connected(&mut wire, 40_000);
    for port in 0..40 {
        let mut one = peer(5000 + port);
        let id = one.open(&mut wire, listener);
        wire.host.write(id, &[1; 60_000]).unwrap();
    }
    wire.run(ms(1));
    let mut one = peer(6000);
    one.open(&mut wire, listener);
    one.seq += 100;
    let frame = one.frame(&one.header(ACK.with(PSH)), &[7; 1000]);
    format!("{:?}", wire.fate(&frame))
}

/// Echo requests sent by one poll (64 turns at most), of 200 that the application asked for.
fn commanded(settings: Settings) -> String {
    let mut wire = Wire::new(settings);
    wire.host.connect(at(PEER, 9).into(), &Options::default()).unwrap();
    wire.settle();
    wire.take();
    let signal = Arc::new(Signal::default());
    let inbox = Inbox::new(signal.clone(), Exchange::new(1 << 20));
    let (sender, receiver) = commands(1024, signal);
    wire.host.attach(inbox, receiver, Arc::default());
    let mut replies = Vec::new();
    for _ in 0..200 {
        let (reply, receiver) = reply();
        replies.push(receiver);
        let ping = PingCommand { to: PEER.into(), bytes: 8, timeout: secs(1), reply };
        assert!(sender.try_push(Command::Ping(ping)).is_ok());
    }
    let _ = wire.host.poll(wire.now).unwrap();
    wire.host.device_mut().sent.len().to_string()
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("limits.connections", nothing, [("2000000", "5"), ("2", "2")], |s| begun(s, 40, 5)),
        case("limits.neighbors-unresolved", nothing, [("16384", "5"), ("2", "2")], |s| begun(s, 40, 5)),
        case("limits.neighbors", nothing, [("16384", "5"), ("2", "2")], |s| begun(s, 100, 5)),
        case(
            "limits.half-open",
            |s| s.admission.cookies = Cookies::Never,
            [("4096", "5 0"), ("2", "2 3")],
            |s| {
                let mut wire = Wire::new(s);
                wire.host.listen(at(US, 80).into(), 64, &Options::default()).unwrap();
                for port in 100..105 {
                    peer(port).syn(&mut wire, TcpOptions::default());
                }
                let state = wire.host.snapshot().admission;
                format!("{} {}", state.counts.half_open, state.evicted)
            },
        ),
        case("limits.time-wait", nothing, [("262144", "5 0"), ("2", "2 3")], |s| {
            let mut wire = Wire::new(s);
            closed(&mut wire, 5);
            let snapshot = wire.host.snapshot();
            format!("{} {}", snapshot.time_wait, snapshot.counters.time_wait_retired)
        }),
        case("limits.orphans", nothing, [("8192", "[F., F., F.]"), ("1", "[F., R., R.]")], |s| {
            let mut wire = Wire::new(s);
            let listener = wire.host.listen(at(US, 80).into(), 64, &Options::default()).unwrap();
            let ids: Vec<_> = (100..103).map(|port| peer(port).open(&mut wire, listener)).collect();
            wire.take();
            ids.into_iter().for_each(|id| {
                wire.host.close(id);
                wire.settle();
            });
            let flags: Vec<_> = wire.segments().iter().map(|sent| sent.header.flags).collect();
            format!("{flags:?}")
        }),
        case("limits.pmtu", nothing, [("4096", "1360"), ("1", "1460")], remembered),
        case("limits.reassembly-memory", nothing, [("4194304", "40 0"), ("20000", "true")], |s| {
            let (kept, evicted) = unfinished(s, 40);
            if kept < 40 { (kept + evicted == 40).to_string() } else { format!("{kept} {evicted}") }
        }),
        case("limits.fragments", nothing, [("2048", "None"), ("3", "Some(IpReassemblyFull)")], |s| {
            let mut wire = Wire::new(s);
            let echo = frames::ipv4(OTHER, US, IpProtocol::ICMP, &[8; 80]);
            let fates: Vec<_> = frames::fragments(OTHER_MAC, &echo, 1, 16)
                .iter()
                .take(4)
                .map(|frame| wire.fate(frame))
                .collect();
            format!("{:?}", fates.last().unwrap())
        }),
        case("limits.listeners", nothing, [("4096", "5"), ("2", "2")], |s| {
            let mut wire = Wire::new(s);
            let mut listen = |port| wire.host.listen(at(US, port).into(), 1, &Options::default()).is_ok();
            (80..85).filter(|port| listen(*port)).count().to_string()
        }),
        case(
            "limits.memory",
            nothing,
            [("1073741824", "None"), ("1048576", "Some(TcpReassemblyFull)")],
            keeps_data_out_of_order,
        ),
        case("limits.pool", nothing, [("67108864", "true"), ("0", "false")], |s| {
            let mut wire = Wire::new(s);
            echoes(&mut wire, 100);
            wire.settle();
            (wire.host.memory().pool > 0).to_string()
        }),
        // A poll takes 64 turns at most.
        case("limits.receive-budget", nothing, [("256", "100"), ("1", "64")], |s| {
            let mut wire = Wire::new(s);
            let before = wire.host.snapshot().counters.frames_received;
            echoes(&mut wire, 100);
            let _ = wire.host.poll(wire.now).unwrap();
            (wire.host.snapshot().counters.frames_received - before).to_string()
        }),
        case("limits.timer-budget", nothing, [("256", "true"), ("1", "false")], |s| {
            let mut wire = Wire::new(s);
            for _ in 0..200 {
                wire.host.connect(at(PEER, 9).into(), &Options::default()).unwrap();
            }
            wire.run(ms(500));
            wire.take();
            // All two hundred SYNs are due again.
            let _ = wire.host.poll(wire.now + ms(600)).unwrap();
            (wire.host.device_mut().sent.len() == 200).to_string()
        }),
        case("limits.command-budget", nothing, [("256", "200"), ("1", "64")], commanded),
        case("limits.transmit-budget", nothing, [("256", "200"), ("1", "64")], |s| {
            let mut wire = Wire::new(s);
            let listener = wire.host.listen(at(US, 80).into(), 64, &Options::default()).unwrap();
            let ids: Vec<_> = (100..120).map(|port| peer(port).open(&mut wire, listener)).collect();
            wire.host.write(ids[0], b"resolve").unwrap();
            wire.run(ms(1));
            for id in &ids {
                wire.host.write(*id, &[1; 60_000]).unwrap();
            }
            wire.take();
            let _ = wire.host.poll(wire.now).unwrap();
            let sent = wire.host.device_mut().sent.len();
            // The first connection has less left of its window.
            if sent > 190 { "200".to_owned() } else { sent.to_string() }
        }),
        case("limits.transmit-queue", nothing, [("1024", "0"), ("4", "12")], |s| {
            let mut wire = Wire::new(s);
            wire.host.device_mut().mode = Mode::NoRoom;
            echoes(&mut wire, 20);
            let _ = wire.host.poll(wire.now).unwrap();
            wire.discards(Discard::TransmitQueueFull).to_string()
        }),
    ]
}
