//! Limits that several peers share tell none of them what the others did, as far as `base::rate` claims: of `k` answers to
//! somebody else a prober learns with an advantage of at most `k / (limit / 2 + 1)` over a guess.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::frames::{self, OTHER, OTHER_MAC, US, at};
use common::peer::{ACK, Peer, SYN, connected};
use common::secs;
use common::wire::Wire;
use std::collections::BTreeSet;
use synward::settings::Settings;
use synward::wire::Icmpv4;

const LIMIT: u32 = 100;
const SECONDS: usize = 2500;

/// A frame that gets an answer from a shared budget, from a station and a port or sequence number of its own.
#[derive(Clone, Copy, Debug)]
enum Probe {
    /// A segment for no connection: RST.
    Stray,
    /// An echo request: a reply.
    Echo,
}

impl Probe {
    fn frame(self, other: bool, n: u16) -> Vec<u8> {
        match self {
            Self::Stray => {
                let mut peer = Peer::new(1000 + n, 81);
                if other {
                    (peer.me, peer.mac) = (at(OTHER, 1000 + n), OTHER_MAC);
                }
                peer.frame(&peer.header(ACK), &[])
            }
            Self::Echo => {
                let echo = Icmpv4::EchoRequest { code: 0, identifier: 1, sequence: n, data: b"probe" };
                let (mac, from) = if other { (OTHER_MAC, OTHER) } else { (frames::PEER_MAC, frames::PEER) };
                frames::icmp(mac, from, &echo)
            }
        }
    }
}

/// What the prober counts in each second, while another host gets `others` answers before it.
fn view(probe: Probe, others: u16) -> Vec<usize> {
    let mut settings = Settings::default();
    settings.ip.answers_per_second = LIMIT;
    let mut wire = Wire::new(settings);
    let mut counted = Vec::new();
    for _ in 0..SECONDS {
        wire.run(secs(1));
        for n in 0..others {
            wire.host.device_mut().inbox.push_back(probe.frame(true, n));
        }
        wire.settle();
        wire.take();
        for n in 0..2 * LIMIT as u16 {
            wire.host.device_mut().inbox.push_back(probe.frame(false, n));
        }
        wire.settle();
        counted.push(wire.take().len());
    }
    counted
}

fn advantage(one: &[usize], other: &[usize]) -> f64 {
    let below = |counts: &[usize], t| counts.iter().filter(|n| **n < t).count() as f64 / counts.len() as f64;
    (0..=LIMIT as usize + 1).map(|t| (below(one, t) - below(other, t)).abs()).fold(0.0, f64::max)
}

#[test]
fn a_prober_cannot_tell_from_its_own_answers_whether_another_peer_was_answered() {
    for probe in [Probe::Stray, Probe::Echo] {
        let (quiet, used) = (view(probe, 0), view(probe, 1));
        let half = LIMIT as usize / 2;
        assert!(quiet.iter().all(|n| (half..=LIMIT as usize).contains(n)), "{probe:?}");
        let distinct: BTreeSet<_> = quiet.iter().collect();
        assert!(distinct.len() > half * 9 / 10, "{probe:?}: the sizes vary: {}", distinct.len());
        // The claim, and what the finite number of seconds adds at most.
        let found = advantage(&quiet, &used);
        assert!(found < 1.0 / f64::from(LIMIT / 2 + 1) + 0.06, "{probe:?}: {found}");
    }
}

#[test]
fn the_budgets_of_resets_and_of_icmp_do_not_touch_each_other() {
    let mut settings = Settings::default();
    settings.ip.answers_per_second = LIMIT;
    let mut wire = Wire::new(settings);
    for n in 0..1000 {
        wire.inject(&Probe::Stray.frame(true, n));
    }
    let resets = wire.take().len();
    assert!(resets <= LIMIT as usize);
    for n in 0..LIMIT as u16 / 2 {
        wire.inject(&Probe::Echo.frame(false, n));
    }
    assert_eq!(wire.take().len(), LIMIT as usize / 2, "every echo within the least budget is answered");
}

#[test]
fn whoever_uses_up_the_shared_budgets_withholds_no_answer_that_belongs_to_a_connection() {
    let mut settings = Settings::default();
    settings.ip.answers_per_second = LIMIT;
    let mut wire = Wire::new(settings);
    let (listener, peer, _) = connected(&mut wire, 40_000);
    for n in 0..1000 {
        wire.inject(&Probe::Stray.frame(true, n));
        wire.inject(&Probe::Echo.frame(true, n));
    }
    wire.take();
    wire.inject(&Probe::Stray.frame(false, 1));
    assert_eq!(wire.take(), [], "it is used up");
    wire.inject(&peer.frame(&peer.header(SYN), &[]));
    assert_eq!(wire.segments().len(), 1, "a challenge");
    let mut another = Peer::new(40_002, 80);
    another.open(&mut wire, listener);
    assert_eq!(*another.us.ip(), US);
}
