//! One turn, step by step, each with a budget, and the mark that tells a watchdog which step a turn is in.

use super::Shard;
use crate::base::Instant;
use crate::buffer::Device;
use crate::sync::Marker;
use std::io;

/// The steps of a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Step {
    /// Between turns.
    Idle = 0,
    /// Frames from the device.
    Receive = 1,
    /// Timers, neighbours, half-open entries.
    Expire = 2,
    /// What applications asked for.
    Commands = 3,
    /// Frames to the device.
    Transmit = 4,
}

impl Step {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Receive => "receive",
            Self::Expire => "expire",
            Self::Commands => "commands",
            Self::Transmit => "transmit",
        }
    }

    const fn from_mark(mark: u8) -> Self {
        match mark {
            1 => Self::Receive,
            2 => Self::Expire,
            3 => Self::Commands,
            4 => Self::Transmit,
            _ => Self::Idle,
        }
    }
}

/// Where a shard is, readable from another thread: the number of turns begun, and the step.
#[derive(Debug, Default)]
pub struct Progress {
    marker: Marker,
}

impl Progress {
    /// Turns begun so far.
    pub fn turns(&self) -> u64 {
        self.marker.read() >> 8
    }

    /// The step that the shard is in.
    pub fn step(&self) -> Step {
        Step::from_mark(self.marker.read() as u8)
    }

    fn enter(&self, turn: u64, step: Step) {
        self.marker.write(turn << 8 | step as u64);
    }
}

/// A fault that can be planted to show that the watchdog sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Defect {
    /// The path of a neighbour's failure never finishes its turn: the defect of article 297040 in this design's terms.
    StuckTurn,
    /// A step panics: expire whenever it comes, commands with the next command in hand. (Receive and transmit call the device,
    /// which can panic by itself.)
    Panic(Step),
}

#[cold]
#[allow(clippy::panic, reason = "it is the fault itself")]
pub(super) fn planted() {
    panic!("the planted fault");
}

/// What a turn leaves to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub struct Turn {
    /// A budget ended before its work did: take another turn at once.
    pub again: bool,
    /// Take a turn at this time at the latest.
    pub deadline: Option<Instant>,
    /// Frames wait for room in the device.
    pub blocked: bool,
}

impl Shard {
    /// Takes one turn at the time `now`.
    ///
    /// # Errors
    /// The device is gone. The shard stays usable (its timers run on), but nothing is received or sent.
    pub fn turn<D: Device>(&mut self, now: Instant, device: &mut D) -> io::Result<Turn> {
        self.now = self.now.max(now);
        self.counters.turns += 1;
        let turn = self.counters.turns;
        self.progress.enter(turn, Step::Receive);
        let received = self.receive(device);
        self.progress.enter(turn, Step::Expire);
        let expiring = self.expire();
        self.progress.enter(turn, Step::Commands);
        let commands = self.take_commands();
        self.update_memory_pressure();
        self.progress.enter(turn, Step::Transmit);
        let transmitted = self.transmit(device);
        self.progress.enter(turn, Step::Idle);
        let more = received?;
        transmitted?;
        let blocked = !self.queues.transmit.is_empty();
        Ok(Turn {
            again: more
                || expiring
                || commands
                || !self.queues.looped.is_empty()
                || (!self.ready.is_empty() && !blocked),
            deadline: self.refresh_deadlines(),
            blocked,
        })
    }

    /// When the next turn is owed, if nothing arrives before.
    pub fn next_deadline(&self) -> Option<Instant> {
        let parts = [
            self.timers.next_deadline(),
            self.neighbors.peek(),
            self.admission.peek(),
            self.time_wait.peek(),
            self.pings.peek(),
            self.path_mtus.peek(),
            self.routes.peek(),
            self.reassembly.peek(),
            self.drain_deadline().unwrap_or(Instant::FAR_FUTURE),
        ];
        earliest(parts)
    }

    /// As [`Shard::next_deadline`], and the parts remember their own.
    #[inline]
    fn refresh_deadlines(&mut self) -> Option<Instant> {
        if self.is_a_part_touched() {
            self.refresh_parts();
        }
        let at = self.timers.next_deadline().min(self.parts_due_at);
        let at = at.min(self.drain_deadline().unwrap_or(Instant::FAR_FUTURE));
        (at < Instant::FAR_FUTURE).then_some(at)
    }

    /// Whether a part may have another deadline than it had.
    #[inline]
    pub(super) fn is_a_part_touched(&self) -> bool {
        self.neighbors.is_touched()
            | self.admission.is_touched()
            | self.time_wait.is_touched()
            | self.pings.is_touched()
            | self.path_mtus.is_touched()
            | self.routes.is_touched()
            | self.reassembly.is_touched()
    }

    pub(super) fn refresh_parts(&mut self) {
        let mut at = self.neighbors.refresh();
        at = at.min(self.admission.refresh());
        at = at.min(self.time_wait.refresh());
        at = at.min(self.pings.refresh());
        at = at.min(self.path_mtus.refresh());
        at = at.min(self.routes.refresh());
        self.parts_due_at = at.min(self.reassembly.refresh());
    }

    /// Whether calls of the application since the last turn left something to send.
    pub fn wants_turn(&self) -> bool {
        !self.ready.is_empty() || !self.queues.looped.is_empty() || !self.queues.transmit.is_empty()
    }

    /// Tells the time for calls between turns; a turn does it by itself. After a long sleep without it, a connect would
    /// count its deadlines from the last turn.
    pub fn set_now(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// Where this shard is in its turn, for a watchdog on another thread.
    pub fn progress(&self) -> std::sync::Arc<Progress> {
        self.progress.clone()
    }

    /// Plants a fault, for the drill that shows what the watchdog does.
    pub fn plant(&mut self, defect: Defect) {
        self.defect = Some(defect);
    }
}

#[inline]
fn earliest<const N: usize>(parts: [Instant; N]) -> Option<Instant> {
    parts.into_iter().min().filter(|at| *at < Instant::FAR_FUTURE)
}
