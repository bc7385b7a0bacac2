//! States × events: whatever happens in whatever state, each wait that the stack owes has its deadline, and time alone
//! brings every such connection to an end.

use super::harness::{ACK, FIN, RST, SYN, Solo};
use super::segments::{STATES, in_state};
use crate::tcp::{IcmpError, IcmpKind, TcpState};
use crate::wire::{SeqNum, TcpFlags};
use core::time::Duration;

/// What can happen to a synchronized connection.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Segment(TcpFlags, &'static [u8]),
    /// The same at an offset from the expected sequence number.
    Offset(i32, TcpFlags, &'static [u8]),
    AckAll,
    WindowCloses,
    WindowOpens,
    Write,
    BigWrite,
    Read,
    Shutdown,
    Close,
    Abort,
    Icmp,
    TooBig,
    Timer,
}

const HAPPENINGS: [Happening; 24] = {
    use Happening as H;
    [
        H::Segment(ACK, b""),
        H::Segment(ACK, b"data"),
        H::Segment(FIN, b""),
        H::Segment(FIN, b"data"),
        H::Segment(RST, b""),
        H::Segment(SYN, b""),
        H::Segment(TcpFlags(0), b"data"),
        H::Segment(TcpFlags(0xff), b"data"),
        H::Offset(10, ACK, b"later"),
        H::Offset(10, FIN, b""),
        H::Offset(-4, ACK, b"olddata"),
        H::Offset(5, RST, b""),
        H::Offset(1 << 24, ACK, b"far"),
        H::AckAll,
        H::WindowCloses,
        H::WindowOpens,
        H::Write,
        H::BigWrite,
        H::Read,
        H::Shutdown,
        H::Close,
        H::Icmp,
        H::TooBig,
        H::Timer,
    ]
};

fn happen(solo: &mut Solo, happening: Happening) {
    let now = solo.now;
    match happening {
        Happening::Segment(flags, data) => {
            solo.give_next(flags, data);
        }
        Happening::Offset(offset, flags, data) => {
            let mut segment = solo.segment(flags, data);
            segment.header.seq = SeqNum(segment.header.seq.0.wrapping_add_signed(offset));
            solo.give(&segment);
        }
        Happening::AckAll => {
            if let Some(info) = solo.side.connection.info() {
                solo.ack += info.in_flight.min(65535);
                // Whatever was acknowledged before by hand stays; never beyond what was sent.
                let segment = solo.segment(ACK, b"");
                solo.give(&segment);
            }
        }
        Happening::WindowCloses | Happening::WindowOpens => {
            solo.window = if matches!(happening, Happening::WindowCloses) { 0 } else { 20_000 };
            solo.give_next(ACK, b"");
        }
        Happening::Write => {
            solo.side.write(now, b"hello");
        }
        Happening::BigWrite => {
            solo.side.write(now, &[9; 40_000]);
        }
        Happening::Read => {
            solo.side.read(now, 100);
        }
        Happening::Shutdown => solo.side.with(now, |c, ctx| c.shutdown(ctx)),
        Happening::Close => {
            solo.side.outcome(now, |c, ctx| c.close(ctx));
        }
        Happening::Abort => {
            solo.side.outcome(now, |c, ctx| c.abort(ctx));
        }
        Happening::Icmp | Happening::TooBig => {
            let kind = if matches!(happening, Happening::Icmp) {
                IcmpKind::HostUnreachable
            } else {
                IcmpKind::PacketTooBig { mtu: 600 }
            };
            let error = IcmpError { kind, from: super::harness::flow().remote.addr };
            let seq = SeqNum(solo.ack);
            solo.side.outcome(now, |c, ctx| c.on_icmp(ctx, &error, seq));
        }
        Happening::Timer => {
            solo.wait(Duration::from_millis(300));
            let now = solo.now;
            solo.side.timer(now);
        }
    }
    solo.drain();
}

/// The waits that the stack owes an end (`design.md`, Section 4).
fn check_deadline(solo: &Solo, story: &[Happening]) {
    let connection = &solo.side.connection;
    if solo.side.end.is_some() {
        assert!(solo.side.state() == TcpState::TimeWait || connection.deadline().is_none(), "{story:?}");
        return;
    }
    let Some(info) = connection.info() else { panic!("neither open nor ended: {story:?}") };
    let owes = info.in_flight > 0
        || info.unsent > 0
        || matches!(info.state, TcpState::FinWait1 | TcpState::Closing | TcpState::LastAck)
        || (info.state == TcpState::FinWait2 && connection.is_orphan());
    if owes {
        let deadline = connection.deadline();
        assert!(deadline.is_some(), "no deadline in {} after {story:?}: {connection:?}", info.state);
    }
}

/// Fires one deadline after the other, against a peer that has fallen silent.
fn run_out(mut solo: Solo, story: &[Happening]) {
    let began = solo.now;
    for _ in 0..200 {
        if solo.side.end.is_some() || solo.side.connection.deadline().is_none() {
            let orphan = solo.side.connection.is_orphan();
            assert!(solo.side.end.is_some() || !orphan, "an orphan without a deadline: {story:?}");
            return;
        }
        solo.fire();
        check_deadline(&solo, story);
    }
    panic!("still alive after {:?}: {story:?}", solo.now.since(began));
}

#[test]
fn every_wait_that_is_owed_has_a_deadline_and_ends() {
    for state in STATES {
        for first in HAPPENINGS {
            for second in HAPPENINGS {
                let mut solo = in_state(state);
                let story = [first, second];
                happen(&mut solo, first);
                check_deadline(&solo, &story[..1]);
                happen(&mut solo, second);
                check_deadline(&solo, &story);
                run_out(solo, &story);
            }
        }
        let mut solo = in_state(state);
        happen(&mut solo, Happening::Abort);
        assert!(solo.side.end.is_some(), "abort ends {state}");
    }
}

#[test]
fn long_random_stories_keep_every_deadline_and_the_bookkeeping() {
    let mut rng = crate::base::Secrets::from_test_seed(3).rng("stories");
    for _ in 0..400 {
        let mut solo = in_state(STATES[rng.below(STATES.len() as u64) as usize]);
        let mut story = Vec::new();
        for _ in 0..25 {
            let happening = HAPPENINGS[rng.below(HAPPENINGS.len() as u64) as usize];
            // RSTs and closes would end nearly every story early.
            let ends = matches!(happening, Happening::Close | Happening::Segment(RST, _));
            if ends && rng.chance(0.9) {
                continue;
            }
            story.push(happening);
            happen(&mut solo, happening);
            check_deadline(&solo, &story);
        }
        run_out(solo, &story);
    }
}
