//! Random packets with set shares of defects, in hundreds of thousands: at live connections, listeners, half-open entries and
//! TIME-WAIT records, beside an open connection that must stay byte-exact.
//!
//! `SYNWARD_ISIC_PACKETS` asks for another number of packets, `SYNWARD_ISIC_SEED` for other ones.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;
mod hostile;

use common::frames::{OTHER_MAC, US, US_MAC, at};
use common::ms;
use common::peer::{ACK, FIN, Peer};
use common::wire::Wire;
use hostile::stand::{ENTRIES, Stand};
use synward::settings::Cookies;
use synward::shard::{ConnId, ListenerId};
use synward::sim::isic::{Flow, Isic, Shares};
use synward::tcp::Options;
use synward::telemetry::{Discard, Taken};
use synward::wire::TcpOptions;

const PACKETS: u64 = 200_000;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap())
}

fn seen(peer: &Peer) -> Flow {
    Flow { target: peer.us, source: peer.me, station: peer.mac, numbers: Some((peer.seq, peer.ack)) }
}

/// What packets are aimed at, made anew again and again.
struct Targets {
    listener: ListenerId,
    port: u16,
    live: Vec<(ConnId, Peer)>,
}

impl Targets {
    fn peer(&mut self) -> Peer {
        self.port = if self.port >= 30_000 { 10_000 } else { self.port + 1 };
        Peer::new(self.port, 81)
    }

    /// A connection, if the host takes it: its accept queue or its table may be full of what came before.
    fn connection(&mut self, wire: &mut Wire) -> Option<(ConnId, Peer)> {
        let mut peer = self.peer();
        let options = TcpOptions { mss: Some(1460), sack_permitted: true, ..Default::default() };
        let answer = peer.syn(wire, options);
        peer.learn(answer.iter().find(|sent| sent.header.flags.syn() && sent.header.ack == peer.seq)?);
        peer.send(wire, ACK, &[]);
        while let Ok((id, from)) = wire.host.accept(self.listener) {
            if from == peer.me.into() {
                return Some((id, peer));
            }
            wire.host.abort(id);
        }
        None
    }

    /// Lets go what there is and makes live connections, half-open entries and TIME-WAIT records anew; what to aim at.
    fn renew(&mut self, wire: &mut Wire, round: u64) -> Vec<Flow> {
        for (id, _) in self.live.drain(..) {
            // Those that are closed have no peer any more, and wait for their time-out.
            if round % 8 == 0 { wire.host.close(id) } else { wire.host.abort(id) }
        }
        while let Ok((id, _)) = wire.host.accept(self.listener) {
            wire.host.abort(id);
        }
        while wire.host.poll_event().is_some() {}
        let mut flows = Vec::new();
        for n in 0..4 {
            let Some((id, mut peer)) = self.connection(wire) else { continue };
            if n < 2 {
                // Data of ours in flight, in the second one with a FIN behind it.
                let _ = wire.host.write(id, &[7; 5000]);
                if n == 1 {
                    let _ = wire.host.shutdown(id);
                }
                wire.settle();
                flows.push(seen(&peer));
                self.live.push((id, peer));
            } else {
                wire.segments();
                wire.host.close(id);
                wire.settle();
                let sent = wire.segments();
                peer.take(&sent);
                peer.send(wire, ACK.with(FIN), &[]);
                flows.push(seen(&peer));
            }
        }
        for _ in 0..2 {
            let mut peer = self.peer();
            let answer = peer.syn(wire, TcpOptions { mss: Some(1460), ..Default::default() });
            if let Some(sent) = answer.iter().find(|sent| sent.header.flags.syn()) {
                peer.learn(sent);
                flows.push(seen(&peer));
            }
        }
        flows
    }
}

/// Every packet is counted once, the open connection stays byte-exact, and nothing is left but what was before. What the
/// packets are aimed at has to be reached: `taken` and `discards` must have happened.
fn isic(cookies: Cookies, taken: &[Taken], discards: &[Discard]) {
    // Two tests share them.
    let packets = number("SYNWARD_ISIC_PACKETS", PACKETS) / 2;
    let seed = number("SYNWARD_ISIC_SEED", 1);
    let mut stand = Stand::new(cookies);
    let listener = stand.wire.host.listen(at(US, 81).into(), 32, &Options::default()).unwrap();
    let mut targets = Targets { listener, port: 10_000, live: Vec::new() };
    let mut isic = Isic::new((US, US_MAC), OTHER_MAC, vec![80, 81, 9], Shares::default(), seed);
    let blind = Flow { numbers: None, ..seen(&stand.bystander.peer) };
    let mut frame = Vec::new();
    for n in 0..packets {
        if n % 250 == 0 {
            let flows = targets.renew(&mut stand.wire, n / 250);
            isic.aim(flows.into_iter().chain([blind]));
        }
        isic.next_frame(&mut frame);
        stand.inject(&frame);
        if n % 16 == 0 {
            stand.wire.run(ms(20));
        }
        if n % 1000 == 0 {
            stand.check();
            let snapshot = stand.wire.host.snapshot();
            assert!(snapshot.connections <= ENTRIES && snapshot.time_wait <= ENTRIES, "{snapshot:?}");
            assert!(snapshot.admission.counts.half_open <= ENTRIES, "{snapshot:?}");
            assert!(snapshot.neighbors <= ENTRIES, "{snapshot:?}");
            assert!(snapshot.memory.buffers < 16 << 20, "{}", snapshot.memory.buffers);
        }
        stand.wire.take();
    }
    for (id, _) in targets.live.drain(..) {
        stand.wire.host.close(id);
    }
    stand.wire.host.close_listener(listener);
    let wire = stand.finish();
    let snapshot = wire.host.snapshot();
    println!("{packets} packets injected, seed {seed}; what became of all that was received:");
    Taken::ALL.iter().for_each(|kind| println!("  {:>9} {}", snapshot.taken.of(*kind), kind.name()));
    snapshot.discards.iter().for_each(|(kind, n)| println!("  {n:>9} {}", kind.name()));
    for kind in taken {
        assert!(snapshot.taken.of(*kind) > packets / 5000, "{kind:?}");
    }
    for reason in discards {
        assert!(snapshot.discards.of(*reason) > packets / 5000, "{reason:?}");
    }
}

const TAKEN: [Taken; 4] = [Taken::Segment, Taken::SynEntered, Taken::IcmpError, Taken::EchoAnswered];

#[test]
fn random_packets_leave_nothing_where_an_overflow_is_answered_by_cookies() {
    let discards = [
        Discard::TcpTimeWait,
        Discard::TcpOutOfWindow,
        Discard::IcmpSequence,
        Discard::CookieInvalid,
        Discard::TcpResetInexact,
    ];
    isic(Cookies::OnOverflow, &[&TAKEN[..], &[Taken::SynCookie]].concat(), &discards);
}

#[test]
fn random_packets_leave_nothing_where_the_oldest_half_open_connection_is_evicted() {
    let discards = [
        Discard::TcpTimeWait,
        Discard::TcpOutOfWindow,
        Discard::IcmpSequence,
        Discard::SynAckMismatch,
        Discard::SynEvicted,
    ];
    isic(Cookies::Never, &TAKEN, &discards);
}
