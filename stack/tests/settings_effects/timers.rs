//! Times and counts of retransmission.

use crate::common::frames::{PEER, at};
use crate::common::peer::{ACK, FIN, PSH, connected};
use crate::common::wire::Wire;
use crate::common::{ms, secs};
use crate::{Case, case, nothing};
use std::time::Duration;
use synward::base::Instant;
use synward::settings::Settings;
use synward::shard::{ConnId, Event};
use synward::tcp::Options;

/// The times of the first `n` SYNs to a host that says nothing, in milliseconds from the first.
fn syn_times(settings: Settings, n: usize) -> String {
    let mut wire = Wire::new(settings);
    wire.host.connect(at(PEER, 9).into(), &Options::default()).unwrap();
    wire.run(secs(3000));
    times(wire.timed_segments().into_iter().map(|(at, _)| at).take(n))
}

fn times(at: impl Iterator<Item = Instant>) -> String {
    let all: Vec<_> = at.collect();
    let from = |at: &Instant| at.since(all[0]).as_millis().to_string();
    all.iter().map(from).collect::<Vec<_>>().join(" ")
}

/// A connection that wrote something that nobody acknowledges.
fn unanswered(settings: Settings, span: Duration) -> (Wire, ConnId) {
    let mut wire = Wire::new(settings);
    let (_, _, id) = connected(&mut wire, 40_000);
    wire.take();
    wire.events();
    wire.host.write(id, b"anybody?").unwrap();
    wire.run(span);
    (wire, id)
}

/// When the connection ended, in whole seconds from now on; `never` within `most`.
fn end(wire: &mut Wire, most: Duration) -> String {
    let start = wire.now;
    while wire.now < start + most {
        if wire.events().iter().any(|event| matches!(event, Event::Closed(..))) {
            return wire.now.since(start).as_secs().to_string();
        }
        wire.run(ms(500));
    }
    "never".to_owned()
}

/// The times of keep-alive probes, in seconds from the last segment of the peer.
fn probes(settings: Settings) -> String {
    let mut wire = Wire::new(settings);
    let (_, _, id) = connected(&mut wire, 40_000);
    wire.host.set_options(id, &Options { keepalive: true, ..Options::default() }).unwrap();
    wire.take();
    let start = wire.now;
    wire.run(secs(20_000));
    let sent = wire.timed_segments();
    let probes = sent.iter().filter(|(_, sent)| !sent.header.flags.rst());
    let seconds = |(at, _): &(Instant, _)| at.since(start).as_secs().to_string();
    probes.map(seconds).collect::<Vec<_>>().join(" ")
}

fn keepalive(settings: &mut Settings) {
    settings.tcp.keepalive_time = secs(100);
    settings.tcp.keepalive_interval = secs(10);
    settings.tcp.keepalive_probes = 2;
}

/// How long after the second of two segments its ACK comes, in milliseconds.
fn ack_delay(settings: Settings) -> String {
    let mut wire = Wire::new(settings);
    let (_, mut peer, _) = connected(&mut wire, 40_000);
    // The first ones are acknowledged at once.
    for _ in 0..20 {
        peer.send(&mut wire, ACK.with(PSH), b"x");
        wire.run(secs(1));
    }
    wire.take();
    let start = wire.now;
    peer.send(&mut wire, ACK.with(PSH), b"x");
    wire.run(secs(1));
    wire.timed_segments()[0].0.since(start).as_millis().to_string()
}

/// Whether a closing connection that waits for nothing but the other FIN, or for old segments, is still there.
fn lasts(settings: Settings, fin: bool, span: Duration) -> String {
    let mut wire = Wire::new(settings);
    let (_, mut peer, id) = connected(&mut wire, 40_000);
    wire.host.close(id);
    wire.settle();
    peer.ack += 1;
    peer.send(&mut wire, if fin { FIN.with(ACK) } else { ACK }, &[]);
    wire.run(span);
    let snapshot = wire.host.snapshot();
    (snapshot.time_wait + snapshot.orphans).to_string()
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("tcp.initial-rto", nothing, [("1s", "0 1000 3000"), ("3s", "0 3000 9000")], |s| syn_times(s, 3)),
        case(
            "tcp.max-rto",
            nothing,
            [("60s", "0 1000 3000 7000 15000"), ("2s", "0 1000 3000 5000 7000")],
            |s| syn_times(s, 5),
        ),
        case("tcp.syn-retries", nothing, [("2", "0 1000 3000"), ("1", "0 1000")], |s| syn_times(s, 9)),
        case("tcp.min-rto", nothing, [("200ms", "0 200 600"), ("500ms", "0 500 1500")], |s| {
            let (mut wire, _) = unanswered(s, secs(5));
            times(wire.timed_segments().into_iter().map(|(at, _)| at).take(3))
        }),
        case("tcp.data-retries", nothing, [("3", "4"), ("1", "2")], |s| {
            let (mut wire, _) = unanswered(s, secs(900));
            let sent = wire.segments();
            sent.iter().filter(|sent| !sent.payload.is_empty()).count().to_string()
        }),
        case(
            "tcp.user-timeout",
            |s| s.tcp.data_retries = 255,
            [("900s", "900"), ("30s", "30")],
            |s| {
                let (mut wire, _) = unanswered(s, Duration::ZERO);
                end(&mut wire, secs(1000))
            },
        ),
        case("tcp.time-wait", nothing, [("60s", "1"), ("10s", "0")], |s| lasts(s, true, secs(30))),
        case("tcp.fin-wait2", nothing, [("60s", "1"), ("10s", "0")], |s| lasts(s, false, secs(30))),
        case("tcp.keepalive-time", keepalive, [("100s", "100 110"), ("5s", "5 15")], probes),
        case("tcp.keepalive-interval", keepalive, [("10s", "100 110"), ("30s", "100 130")], probes),
        case("tcp.keepalive-probes", keepalive, [("2", "100 110"), ("4", "100 110 120 130")], probes),
        case("tcp.delayed-ack", nothing, [("40ms", "40"), ("200ms", "200")], ack_delay),
    ]
}
