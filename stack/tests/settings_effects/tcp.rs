//! Settings of a connection, times apart.

use crate::common::frames::{self, GATEWAY, GATEWAY_MAC, PEER, US, at};
use crate::common::peer::{ACK, PSH, Peer, SYN, URG, connected};
use crate::common::wire::Wire;
use crate::common::{addr, frames::Sent, ms};
use crate::{Case, case, nothing};
use synward::settings::Settings;
use synward::shard::Event;
use synward::tcp::Options;
use synward::wire::{Icmpv4, TcpHeader, Unreachable};

/// Our SYN to a host on the link.
fn syn(settings: Settings) -> Sent {
    let mut wire = Wire::new(settings);
    wire.host.connect(at(PEER, 9).into(), &Options::default()).unwrap();
    wire.settle();
    wire.segments().remove(0)
}

/// Data segments that we send after `acks` duplicate ACKs, once more with the same number.
fn sent_again(settings: Settings, acks: usize) -> bool {
    let mut wire = Wire::new(settings);
    let (_, mut peer, id) = connected(&mut wire, 40_000);
    wire.host.write(id, &[1; 14_000]).unwrap();
    wire.settle();
    let first = wire.segments()[0].header.seq;
    for _ in 0..acks {
        peer.send(&mut wire, ACK, &[]);
    }
    wire.segments().iter().any(|sent| sent.header.seq == first)
}

fn challenges(settings: Settings) -> String {
    let mut wire = Wire::new(settings);
    let (_, peer, _) = connected(&mut wire, 40_000);
    for _ in 0..100 {
        wire.inject(&peer.frame(&peer.header(SYN), &[]));
    }
    wire.segments().len().to_string()
}

/// Where an urgent pointer of ours points, counted from the segment, with three bytes of which the last is urgent; and
/// where we see the mark of a peer that says 3.
fn urgent(settings: Settings) -> String {
    let mut wire = Wire::new(settings);
    let (_, peer, id) = connected(&mut wire, 40_000);
    wire.host.write_urgent(id, b"abc").unwrap();
    wire.settle();
    let sent = wire.segments().remove(0).header;
    assert!(sent.flags.urg());
    let header = TcpHeader { urgent: 3, ..peer.header(ACK.with(PSH).with(URG)) };
    wire.inject(&peer.frame(&header, b"defgh"));
    format!("{} {:?}", sent.urgent, wire.host.urgent_mark(id))
}

fn port(settings: Settings) -> u16 {
    syn(settings).from.port()
}

/// Segments that a first window's acknowledgment in one piece releases.
fn released(settings: Settings) -> String {
    let mut wire = Wire::new(settings);
    let (_, mut peer, id) = connected(&mut wire, 40_000);
    wire.host.write(id, &[1; 60_000]).unwrap();
    wire.settle();
    peer.take(&wire.segments());
    peer.send(&mut wire, ACK, &[]);
    wire.segments().len().to_string()
}

/// The congestion window, in segments, that data finds a while after the last was acknowledged.
fn after_idle(settings: Settings) -> String {
    let mut wire = Wire::new(settings);
    let (_, mut peer, id) = connected(&mut wire, 40_000);
    wire.host.write(id, &[1; 14_600]).unwrap();
    wire.settle();
    peer.take(&wire.segments());
    peer.send(&mut wire, ACK, &[]);
    wire.run(ms(5000));
    wire.host.write(id, &[1; 10]).unwrap();
    let info = wire.host.info(id).unwrap();
    (info.cwnd > 10 * info.send_mss).to_string()
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("tcp.window-scaling", nothing, [("true", "Some(7)"), ("false", "None")], |s| {
            format!("{:?}", syn(s).header.options.window_scale)
        }),
        case("tcp.timestamps", nothing, [("true", "true"), ("false", "false")], |s| {
            syn(s).header.options.timestamps.is_some().to_string()
        }),
        case("tcp.sack", nothing, [("true", "true"), ("false", "false")], |s| {
            syn(s).header.options.sack_permitted.to_string()
        }),
        case("tcp.mss", nothing, [("0", "Some(1460)"), ("1000", "Some(1000)")], |s| {
            format!("{:?}", syn(s).header.options.mss)
        }),
        case("tcp.receive-window", nothing, [("65536", "65535"), ("8000", "8000")], |s| {
            syn(s).header.window.to_string()
        }),
        case("tcp.receive-window-max", nothing, [("4194304", "Some(7)"), ("131072", "Some(2)")], |s| {
            format!("{:?}", syn(s).header.options.window_scale)
        }),
        case(
            "tcp.port-low",
            |s| s.tcp.port_high = 50_000,
            [("50000", "true"), ("49000", "false")],
            |s| {
                // With one port left there is no choice.
                (port(s) == 50_000).to_string()
            },
        ),
        case(
            "tcp.port-high",
            |s| s.tcp.port_low = 40_000,
            [("40000", "true"), ("60999", "false")],
            |s| (port(s) == 40_000).to_string(),
        ),
        case("tcp.dup-ack-threshold", nothing, [("3", "false"), ("1", "true")], |s| {
            sent_again(s, 1).to_string()
        }),
        case("tcp.congestion", nothing, [("cubic", "cubic"), ("reno", "reno")], |s| {
            let mut wire = Wire::new(s);
            let (_, _, id) = connected(&mut wire, 40_000);
            wire.host.info(id).unwrap().congestion.to_owned()
        }),
        case("tcp.initial-window", nothing, [("10", "10"), ("2", "2")], |s| {
            let mut wire = Wire::new(s);
            let (_, _, id) = connected(&mut wire, 40_000);
            wire.host.write(id, &[1; 60_000]).unwrap();
            wire.settle();
            wire.segments().len().to_string()
        }),
        case("tcp.slow-start-limit", nothing, [("8", "18"), ("0", "20")], released),
        case("tcp.slow-start-after-idle", nothing, [("true", "false"), ("false", "true")], after_idle),
        case("tcp.nagle", nothing, [("true", "1"), ("false", "2")], |s| {
            let mut wire = Wire::new(s);
            let (_, _, id) = connected(&mut wire, 40_000);
            for text in [b"first", b"then_"] {
                wire.host.write(id, text).unwrap();
                wire.settle();
            }
            wire.segments().len().to_string()
        }),
        case("tcp.send-buffer-max", nothing, [("4194304", "65536"), ("10000", "10000")], |s| {
            let mut wire = Wire::new(s);
            let (_, _, id) = connected(&mut wire, 40_000);
            wire.host.write(id, &[1; 1 << 20]).unwrap().to_string()
        }),
        case("tcp.urgent-rfc1122", nothing, [("false", "3 Some(3)"), ("true", "2 Some(4)")], urgent),
        case("tcp.syn-sent-icmp", nothing, [("abort", "true"), ("report", "false")], |s| {
            let mut wire = Wire::new(s);
            wire.host.connect(addr("198.51.100.7:80"), &Options::default()).unwrap();
            wire.settle();
            let quoted = wire.segments().remove(0).packet;
            let message = Icmpv4::Unreachable { reason: Unreachable::from_wire(1, 0), quoted: &quoted };
            wire.inject(&frames::icmp(GATEWAY_MAC, GATEWAY, &message));
            wire.run(ms(1));
            wire.events().iter().any(|event| matches!(event, Event::ConnectFailed(..))).to_string()
        }),
        case("tcp.challenge-acks", nothing, [("10", "10"), ("2", "2")], challenges),
    ]
}

/// A peer that is not there yet, for other files.
pub(crate) fn peer(port: u16) -> Peer {
    Peer { us: at(US, 80), ..Peer::new(port, 80) }
}
