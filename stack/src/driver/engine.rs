//! What every driver does between two sleeps: one turn, contained and measured, then the wakers.

use crate::base::Instant;
use crate::buffer::Device;
use crate::shard::{Shard, StackError, Turn};
use crate::socket::Ending;
use crate::sync::WakeList;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time;

/// Turns that a stack which has ended takes at most to send its last frames.
const LAST_TURNS: u32 = 64;

/// What a driver does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// Another step, after others had their turn.
    Again,
    /// Sleep until the signal, the device or the deadline.
    Wait {
        /// When to take a step at the latest.
        deadline: Option<Instant>,
        /// Frames wait for room in the device.
        blocked: bool,
    },
    /// The stack has ended.
    Ended,
}

/// A shard, its device, and the end of both.
pub(super) struct Engine<D> {
    shard: Shard,
    device: D,
    wakes: WakeList,
    ending: Ending,
    last_turns: u32,
}

impl<D: Device> Engine<D> {
    pub(super) fn new(shard: Shard, device: D, ending: Ending) -> Self {
        Self { shard, device, wakes: WakeList::new(), ending, last_turns: LAST_TURNS }
    }

    /// Takes one turn at the time `now`, which began at `began` by the system's clock, and wakes whom it concerns. Never
    /// panics, whatever shard and device do.
    pub(super) fn step(&mut self, now: Instant, began: time::Instant) -> Next {
        let dropped = self.ending.dropped.take();
        let (shard, device) = (&mut self.shard, &mut self.device);
        let result = catch_unwind(AssertUnwindSafe(|| {
            if dropped {
                shard.stop(StackError::Dropped);
            }
            device.set_now(now);
            let turn = shard.turn(now, device)?;
            let own = device.next_deadline();
            let deadline = [turn.deadline, own].into_iter().flatten().min();
            Ok(Turn { deadline, ..turn })
        }));
        self.shard.record_turn(began.elapsed());
        let next = match result {
            Ok(Ok(turn)) => self.after(turn),
            Ok(Err(error)) => self.fail(StackError::device(&error)),
            Err(payload) => {
                let step = self.shard.progress().step();
                self.fail(StackError::Panicked { step, message: message_of(&*payload).into() })
            }
        };
        self.wake();
        next
    }

    /// Plants a fault in the shard.
    #[cfg(test)]
    pub(super) fn plant(&mut self, defect: crate::shard::Defect) {
        self.shard.plant(defect);
    }

    fn after(&mut self, turn: Turn) -> Next {
        if let Some(cause) = self.shard.stopped() {
            self.ending.cause.get_or_init(|| cause.clone());
            self.last_turns = self.last_turns.saturating_sub(1);
            let done = !self.shard.has_frames() || self.last_turns == 0;
            return if done { Next::Ended } else { Next::Again };
        }
        if turn.again {
            return Next::Again;
        }
        Next::Wait { deadline: turn.deadline, blocked: turn.blocked }
    }

    /// Nothing can be done with device or shard any more: every handle gets an error that names the cause.
    pub(super) fn fail(&mut self, cause: StackError) -> Next {
        self.ending.cause.get_or_init(|| cause.clone());
        let shard = &mut self.shard;
        // A shard that panicked may panic again; what this does not reach then is told when the shard is dropped.
        let _ = catch_unwind(AssertUnwindSafe(|| shard.abandon(cause)));
        Next::Ended
    }

    /// Foreign code: no `&mut Shard` is in use.
    fn wake(&mut self) {
        self.shard.swap_wakes(&mut self.wakes);
        self.wakes.wake_all();
    }
}

impl<D> Drop for Engine<D> {
    /// A driver that is dropped where it stands, with its runtime for example, hangs nobody.
    fn drop(&mut self) {
        if self.shard.stopped().is_none() {
            let cause = self.ending.cause.get_or_init(|| StackError::DriverGone).clone();
            let shard = &mut self.shard;
            let _ = catch_unwind(AssertUnwindSafe(|| shard.abandon(cause)));
        }
        self.shard.swap_wakes(&mut self.wakes);
        self.wakes.wake_all();
    }
}

fn message_of(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
