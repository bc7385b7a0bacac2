//! States × events: whatever happens in a state, a peer that then falls silent costs no more than the state's bound, and
//! nothing is left of the connection.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::frames::{self, OTHER, OTHER_MAC, PEER, US, at};
use common::peer::{ACK, FIN, PSH, Peer, RST, SYN, connected};
use common::wire::Wire;
use common::{ms, secs};
use std::time::Duration;
use synward::settings::Settings;
use synward::shard::bounds::{GRANULARITY, Operation};
use synward::shard::{ConnId, Event};
use synward::tcp::{CloseReason, ConnectError, KeepaliveTimes, Options, TcpState};
use synward::wire::{Icmpv4, SeqNum, TcpHeader, TcpOptions, Unreachable};

/// What the stack waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wait {
    SynSent,
    SimultaneousOpen,
    HalfOpen,
    EstablishedData,
    EstablishedZeroWindow,
    EstablishedKeepAlive,
    FinWait1,
    FinWait1Data,
    FinWait1Owned,
    FinWait2Orphan,
    FinWait2KeepAlive,
    Closing,
    CloseWaitData,
    LastAck,
    LastAckData,
    Waiting2Msl,
    Linger,
}

const WAITS: [Wait; 17] = [
    Wait::SynSent,
    Wait::SimultaneousOpen,
    Wait::HalfOpen,
    Wait::EstablishedData,
    Wait::EstablishedZeroWindow,
    Wait::EstablishedKeepAlive,
    Wait::FinWait1,
    Wait::FinWait1Data,
    Wait::FinWait1Owned,
    Wait::FinWait2Orphan,
    Wait::FinWait2KeepAlive,
    Wait::Closing,
    Wait::CloseWaitData,
    Wait::LastAck,
    Wait::LastAckData,
    Wait::Waiting2Msl,
    Wait::Linger,
];

impl Wait {
    fn operation(self) -> Operation {
        match self {
            Self::SynSent | Self::SimultaneousOpen => Operation::ConnectSilent,
            Self::HalfOpen => Operation::HalfOpen,
            Self::EstablishedData | Self::CloseWaitData => Operation::WriteUnanswered,
            Self::EstablishedZeroWindow => Operation::WriteZeroWindow,
            Self::EstablishedKeepAlive | Self::FinWait2KeepAlive => Operation::KeepAlive,
            Self::FinWait1 | Self::FinWait1Data | Self::FinWait1Owned => Operation::CloseUnanswered,
            Self::Closing | Self::LastAck | Self::LastAckData | Self::Linger => Operation::CloseUnanswered,
            Self::FinWait2Orphan => Operation::CloseHalfClosed,
            Self::Waiting2Msl => Operation::TimeWait,
        }
    }

    fn options(self) -> Options {
        let times = KeepaliveTimes { time: secs(60), interval: secs(10), probes: 5 };
        Options {
            keepalive: matches!(self, Self::EstablishedKeepAlive | Self::FinWait2KeepAlive),
            keepalive_times: Some(times),
            linger: (self == Self::Linger).then_some(secs(5)),
            ..Options::default()
        }
    }

    /// Whether the application still holds the connection.
    fn is_owned(self) -> bool {
        match self {
            Self::SynSent | Self::SimultaneousOpen | Self::EstablishedData => true,
            Self::EstablishedZeroWindow | Self::EstablishedKeepAlive | Self::CloseWaitData => true,
            Self::FinWait1Owned | Self::FinWait2KeepAlive => true,
            Self::HalfOpen | Self::FinWait1 | Self::FinWait1Data | Self::FinWait2Orphan => false,
            Self::Closing | Self::LastAck | Self::LastAckData | Self::Waiting2Msl | Self::Linger => false,
        }
    }
}

/// What may still happen before the silence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Happens {
    Nothing,
    IcmpUnreachable,
    ForgedIcmp,
    ResetOutside,
    ResetInside,
    SynInside,
    OldDuplicate,
    DataOutside,
    AckAgain,
    AckOfTheFuture,
    NeighborGoesSilent,
    AbortedByUs,
}

const EVENTS: [Happens; 12] = [
    Happens::Nothing,
    Happens::IcmpUnreachable,
    Happens::ForgedIcmp,
    Happens::ResetOutside,
    Happens::ResetInside,
    Happens::SynInside,
    Happens::OldDuplicate,
    Happens::DataOutside,
    Happens::AckAgain,
    Happens::AckOfTheFuture,
    Happens::NeighborGoesSilent,
    Happens::AbortedByUs,
];

struct Stage {
    wire: Wire,
    peer: Peer,
    id: Option<ConnId>,
    listener: Option<synward::shard::ListenerId>,
}

fn connecting(options: &Options) -> Stage {
    let mut wire = Wire::new(Settings::default());
    let id = wire.host.connect(at(PEER, 9).into(), options).unwrap();
    wire.settle();
    let syn = wire.segments().remove(0);
    let mut peer = Peer::new(9, syn.from.port());
    peer.ack = syn.header.seq + 1;
    Stage { wire, peer, id: Some(id), listener: None }
}

fn established(options: &Options) -> Stage {
    let mut wire = Wire::new(Settings::default());
    let (listener, peer, id) = connected(&mut wire, 40_000);
    wire.host.set_options(id, options).unwrap();
    Stage { wire, peer, id: Some(id), listener: Some(listener) }
}

impl Stage {
    fn reach(wait: Wait) -> Self {
        let options = wait.options();
        let mut stage = match wait {
            Wait::SynSent | Wait::SimultaneousOpen => connecting(&options),
            _ => established(&options),
        };
        let Self { wire, peer, id, .. } = &mut stage;
        let conn = id.unwrap();
        match wait {
            Wait::SynSent | Wait::EstablishedKeepAlive => {}
            Wait::SimultaneousOpen => {
                let syn = peer.frame(&peer.header(SYN), &[]);
                peer.seq += 1;
                wire.inject(&syn);
                assert_eq!(wire.host.state(conn), TcpState::SynReceived);
            }
            Wait::HalfOpen => {
                wire.host.close(conn);
                peer.send(wire, RST, &[]);
                wire.run(secs(1));
                *peer = Peer::new(40_001, 80);
                let answer = peer.syn(wire, TcpOptions::default());
                peer.learn(&answer[0]);
                *id = None;
            }
            Wait::EstablishedData => {
                wire.host.write(conn, &[1; 20_000]).unwrap();
            }
            Wait::EstablishedZeroWindow => {
                peer.window = 0;
                peer.send(wire, ACK, &[]);
                wire.host.write(conn, &[1; 20_000]).unwrap();
            }
            Wait::FinWait1 | Wait::Linger => wire.host.close(conn),
            Wait::FinWait1Data => {
                wire.host.write(conn, &[1; 20_000]).unwrap();
                wire.host.close(conn);
            }
            Wait::FinWait1Owned => wire.host.shutdown(conn).unwrap(),
            Wait::FinWait2Orphan | Wait::FinWait2KeepAlive => {
                if wait == Wait::FinWait2Orphan {
                    wire.host.close(conn);
                } else {
                    wire.host.shutdown(conn).unwrap();
                }
                wire.settle();
                peer.ack += 1;
                peer.send(wire, ACK, &[]);
            }
            Wait::Closing => {
                wire.host.close(conn);
                wire.settle();
                peer.send(wire, FIN.with(ACK), &[]);
            }
            Wait::CloseWaitData | Wait::LastAck | Wait::LastAckData => {
                peer.send(wire, FIN.with(ACK), &[]);
                if wait != Wait::LastAck {
                    wire.host.write(conn, &[1; 5000]).unwrap();
                }
                if wait != Wait::CloseWaitData {
                    wire.host.close(conn);
                }
            }
            Wait::Waiting2Msl => {
                wire.host.close(conn);
                wire.settle();
                peer.ack += 1;
                peer.send(wire, FIN.with(ACK), &[]);
                assert_eq!(wire.host.snapshot().time_wait, 1);
            }
        }
        wire.settle();
        if !wait.is_owned() {
            *id = None;
        }
        stage
    }

    fn inject(&mut self, change: impl FnOnce(&mut TcpHeader), payload: &[u8]) {
        let mut header = self.peer.header(ACK);
        change(&mut header);
        let frame = self.peer.frame(&header, payload);
        self.wire.inject(&frame);
    }

    fn happen(&mut self, event: Happens) {
        let quote = |peer: &Peer, seq: SeqNum| {
            let header = TcpHeader { seq, ..TcpHeader::default() };
            frames::tcp_packet(peer.us, peer.me, &header, &[])
        };
        let reason = Unreachable::from_wire(1, 0);
        match event {
            Happens::Nothing => {}
            Happens::IcmpUnreachable => {
                let quoted = quote(&self.peer, self.peer.ack);
                let message = Icmpv4::Unreachable { reason, quoted: &quoted };
                self.wire.inject(&frames::icmp(OTHER_MAC, OTHER, &message));
            }
            Happens::ForgedIcmp => {
                let quoted = quote(&self.peer, self.peer.ack + 1_000_000);
                let message = Icmpv4::Unreachable { reason, quoted: &quoted };
                self.wire.inject(&frames::icmp(OTHER_MAC, OTHER, &message));
            }
            Happens::ResetOutside => self.inject(|h| (h.flags, h.seq) = (RST, h.seq - 1000), &[]),
            Happens::ResetInside => self.inject(|h| (h.flags, h.seq) = (RST, h.seq + 10), &[]),
            Happens::SynInside => self.inject(|h| (h.flags, h.seq) = (SYN, h.seq + 10), &[]),
            Happens::OldDuplicate => {
                self.inject(|h| (h.flags, h.seq) = (ACK.with(PSH), h.seq - 100), &[7; 50])
            }
            Happens::DataOutside => self.inject(|h| h.seq += 10_000_000, &[7; 50]),
            Happens::AckAgain => self.inject(|_| (), &[]),
            Happens::AckOfTheFuture => self.inject(|h| h.ack += 1_000_000, &[]),
            Happens::NeighborGoesSilent => self.wire.stations.clear(),
            Happens::AbortedByUs => {
                if let Some(id) = self.id.take() {
                    self.wire.host.abort(id);
                    self.wire.settle();
                    assert_eq!(self.wire.host.idle_state(), (0, 0), "giving up takes effect within the turn");
                    assert_eq!(self.wire.host.snapshot().connections, 0);
                }
            }
        }
    }

    /// Accepts whom the event completed, and gives it up: its wait is nobody's.
    fn accept_all(&mut self) {
        let Some(listener) = self.listener else { return };
        while let Ok((id, _)) = self.wire.host.accept(listener) {
            self.wire.host.abort(id);
        }
    }
}

fn is_right(wait: Wait, event: &Event) -> bool {
    match event {
        Event::ConnectFailed(_, error) => {
            let timed_out = matches!(error, ConnectError::TimedOut { .. });
            let told = matches!(error, ConnectError::Unreachable { .. }) && wait == Wait::SynSent;
            wait.operation() == Operation::ConnectSilent && (timed_out || told)
        }
        Event::Closed(_, reason) => match wait.operation() {
            Operation::KeepAlive => matches!(reason, CloseReason::KeepAlive { .. }),
            // Also with a closed window: nobody answers the probes here, so it is the peer that is given up on.
            _ => matches!(reason, CloseReason::TimedOut { .. }),
        },
        _ => false,
    }
}

fn hold(wait: Wait, event: Happens) {
    if (wait, event) == (Wait::SimultaneousOpen, Happens::AckAgain) {
        // It completes the handshake: nothing is owed any more.
        return;
    }
    let mut stage = Stage::reach(wait);
    stage.wire.run(ms(100));
    stage.wire.events();
    stage.happen(event);
    stage.accept_all();
    let settings = stage.wire.host.settings().clone();
    let bound = wait.operation().bound(&settings, &wait.options()).unwrap();
    // A SYN may take over a TIME-WAIT: then it is a half-open connection that has to end.
    let taken_over = wait == Wait::Waiting2Msl && event == Happens::SynInside;
    let more = if taken_over {
        Operation::HalfOpen.bound(&settings, &Options::default()).unwrap()
    } else {
        Duration::ZERO
    };
    let aborted = event == Happens::AbortedByUs && wait.is_owned();
    stage.wire.run(bound.max(more) + 2 * GRANULARITY);
    let ends: Vec<_> = stage
        .wire
        .events()
        .into_iter()
        .filter(|event| matches!(event, Event::Closed(..) | Event::ConnectFailed(..)))
        .collect();
    if wait.is_owned() && !aborted {
        assert_eq!(ends.len(), 1, "{wait:?} {event:?}: {ends:?}");
        assert!(is_right(wait, &ends[0]), "{wait:?} {event:?}: {ends:?}");
    } else {
        assert_eq!(ends, [], "{wait:?} {event:?}: nobody is there to be told");
    }
    if let Some(id) = stage.id {
        stage.wire.host.close(id);
    }
    let snapshot = stage.wire.host.snapshot();
    let left =
        (snapshot.connections, snapshot.orphans, snapshot.time_wait, snapshot.admission.counts.half_open);
    assert_eq!(left, (0, 0, 0, 0), "{wait:?} {event:?}");
    assert_eq!(stage.wire.host.idle_state(), (0, 0), "{wait:?} {event:?}");
    assert_eq!(snapshot.memory.buffers, 0, "{wait:?} {event:?}");
}

#[test]
fn in_every_state_and_after_every_event_silence_ends_within_the_bound() {
    for wait in WAITS {
        for event in EVENTS {
            hold(wait, event);
        }
    }
}

/// A peer that answers every probe, and never opens its window.
#[test]
fn a_peer_that_keeps_its_window_closed_and_answers_is_given_up_at_the_user_timeout() {
    let mut stage = Stage::reach(Wait::EstablishedZeroWindow);
    let start = stage.wire.now;
    let bound = Operation::WriteZeroWindow.bound(stage.wire.host.settings(), &Options::default()).unwrap();
    loop {
        stage.wire.run(ms(500));
        if !stage.wire.segments().is_empty() {
            let (peer, wire) = (&mut stage.peer, &mut stage.wire);
            peer.send(wire, ACK, &[]);
        }
        let closed = stage.wire.events().into_iter().find(|event| matches!(event, Event::Closed(..)));
        let took = stage.wire.now.since(start);
        if let Some(event) = closed {
            assert!(matches!(event, Event::Closed(_, CloseReason::WindowClosed { .. })), "{event:?}");
            assert!(took + secs(1) >= bound, "given up after {took:?} of {bound:?}");
            break;
        }
        assert!(took <= bound + secs(1), "{took:?}");
    }
}

/// What waits for somebody else has no deadline: it stays, costs nothing, and goes within one turn.
#[test]
fn a_wait_for_somebody_else_stays_for_days_without_a_timer_and_is_cancelled_within_one_turn() {
    for closed_by_peer in [false, true] {
        for shut_down in [false, true] {
            let mut stage = established(&Options::default());
            if closed_by_peer {
                stage.peer.send(&mut stage.wire, FIN.with(ACK), &[]);
            }
            let id = stage.id.unwrap();
            if shut_down && !closed_by_peer {
                stage.wire.host.shutdown(id).unwrap();
                stage.wire.settle();
                stage.peer.ack += 1;
                stage.peer.send(&mut stage.wire, ACK, &[]);
            }
            let state = stage.wire.host.state(id);
            stage.wire.run(secs(100));
            stage.wire.segments();
            stage.wire.run(secs(3 * 86_400));
            assert_eq!(stage.wire.host.state(id), state);
            assert_eq!(stage.wire.segments(), [], "{state}: quiet means quiet");
            assert_eq!(stage.wire.host.idle_state(), (0, 1), "{state}: one entry, no timer");
            stage.wire.host.abort(id);
            assert_eq!(stage.wire.host.idle_state(), (0, 0));
        }
    }
}

#[test]
fn time_wait_is_left_one_time_wait_after_the_last_fin() {
    let mut stage = Stage::reach(Wait::Waiting2Msl);
    stage.wire.run(secs(50));
    assert_eq!(stage.wire.host.snapshot().time_wait, 1);
    stage.wire.segments();
    let fin = TcpHeader { seq: stage.peer.seq - 1, ..stage.peer.header(FIN.with(ACK)) };
    let frame = stage.peer.frame(&fin, &[]);
    stage.wire.inject(&frame);
    assert_eq!(stage.wire.segments().len(), 1, "the FIN again is acknowledged again");
    stage.wire.run(secs(59));
    assert_eq!(stage.wire.host.snapshot().time_wait, 1);
    stage.wire.run(secs(1) + GRANULARITY);
    assert_eq!(stage.wire.host.snapshot().time_wait, 0);
}

#[test]
fn the_fin_that_leads_to_time_wait_is_acknowledged_at_once_and_once() {
    for owned in [false, true] {
        let mut stage = established(&Options::default());
        let id = stage.id.unwrap();
        if owned {
            stage.wire.host.shutdown(id).unwrap()
        } else {
            stage.wire.host.close(id)
        }
        stage.wire.settle();
        stage.peer.ack += 1;
        stage.peer.send(&mut stage.wire, ACK, &[]);
        stage.wire.segments();
        stage.peer.send(&mut stage.wire, FIN.with(ACK), &[]);
        let sent = stage.wire.segments();
        let acks: Vec<_> = sent.iter().map(|sent| (sent.header.flags, sent.header.ack)).collect();
        assert_eq!(acks, [(ACK, stage.peer.seq)], "owned {owned}");
        assert_eq!(stage.peer.us, at(US, 80));
        stage.wire.run(secs(61));
        assert_eq!(stage.wire.segments(), []);
    }
}

#[test]
fn whatever_ends_an_orphan_takes_it_off_the_count() {
    // The application gives up a simultaneous open; the peer refuses, or says nothing.
    for refuse in [false, true] {
        let mut stage = Stage::reach(Wait::SimultaneousOpen);
        stage.wire.host.close(stage.id.unwrap());
        assert_eq!(stage.wire.host.snapshot().orphans, 1);
        if refuse {
            stage.peer.send(&mut stage.wire, RST.with(ACK), &[]);
        } else {
            stage.wire.run(secs(130));
        }
        let snapshot = stage.wire.host.snapshot();
        assert_eq!((snapshot.orphans, snapshot.connections), (0, 0), "refused {refuse}");
        assert_eq!(stage.wire.host.idle_state(), (0, 0));
    }
    // The whole stack is reset while one is on its way.
    let mut stage = Stage::reach(Wait::FinWait1);
    assert_eq!(stage.wire.host.snapshot().orphans, 1);
    stage.wire.host.reset_all();
    assert_eq!(stage.wire.host.snapshot().orphans, 0);
}
