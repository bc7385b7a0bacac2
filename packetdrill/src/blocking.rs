//! Calls that sleep. packetdrill makes those that may block on a second thread and drives time on the first one; what it
//! measures is the time that the second thread sees when its call has ended.
//!
//! So after each step of time every sleeping call tries again, and the step is over when it sleeps again or has ended *and* its
//! thread has looked at the clock.

use super::instance::{Calls, Instance, State};
use core::time::Duration;
use std::sync::{MutexGuard, PoisonError};
use std::thread;
use synward::base::Instant;
use synward_posix::{Errno, Stop};

/// How long a call on the first thread, where nobody else drives time, lets it pass by itself.
const ALONE: Duration = Duration::from_secs(5);
/// Real time that a step waits for a thread that woke; a thread that never looks at the clock stops nothing for longer.
const HAND_OVER: Duration = Duration::from_secs(1);

/// Where a call is that had to sleep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Asleep,
    /// It is to try again.
    Trying,
    /// It has ended, and its thread has not looked at the clock since.
    Ended,
}

/// A call that had to sleep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocked {
    stage: Stage,
    until: Option<Instant>,
}

impl Blocked {
    /// When it has to wake in any case.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.until.filter(|_| self.stage == Stage::Asleep)
    }
}

/// Why a call that waits goes no further.
enum Resumed<'a> {
    Again(MutexGuard<'a, State>),
    /// Its own time-out, or nobody is left to let time pass.
    Expired(MutexGuard<'a, State>),
}

impl Instance {
    /// A call that may have to wait. It is tried until it has a result; it gets the bytes that it has moved so far.
    pub(crate) fn blocking(
        &self,
        mut call: impl FnMut(&mut Calls, usize) -> Result<usize, Stop>,
    ) -> Result<usize, Errno> {
        let mut state = self.lock();
        let alone_until = state.clock.after(ALONE);
        let (mut done, mut until) = (0, None);
        let result = loop {
            match call(state.calls()?, done) {
                Ok(n) => break Ok(done + n),
                Err(Stop::Errno(_)) if done > 0 => break Ok(done),
                Err(Stop::Errno(errno)) => break Err(errno),
                Err(Stop::WouldBlock(wait)) => {
                    done += wait.done;
                    let until = *until.get_or_insert(wait.until);
                    match self.wait(state, until, alone_until) {
                        Resumed::Again(again) => state = again,
                        Resumed::Expired(again) => {
                            state = again;
                            break wait.expired(done);
                        }
                    }
                }
            }
        };
        let me = thread::current().id();
        if let Some(blocked) = state.blocked.get_mut(&me) {
            blocked.stage = Stage::Ended;
            self.changed.notify_all();
        } else {
            drop(self.settle(state));
        }
        result
    }

    fn wait<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        until: Option<Instant>,
        alone_until: Instant,
    ) -> Resumed<'a> {
        let now = state.clock.now();
        if until.is_some_and(|at| at <= now) {
            return Resumed::Expired(state);
        }
        let me = thread::current().id();
        if me == state.main {
            let limit = until.unwrap_or(alone_until);
            let at = state.next_due().unwrap_or(limit).min(limit);
            state.move_to(at);
            state = self.settle(state);
            // At its own end a call tries once more: what came in the last moment counts.
            return if at >= limit && until.is_none() {
                Resumed::Expired(state)
            } else {
                Resumed::Again(state)
            };
        }
        state.blocked.insert(me, Blocked { stage: Stage::Asleep, until });
        self.changed.notify_all();
        let asleep =
            |state: &mut State| state.blocked.get(&me).is_some_and(|blocked| blocked.stage == Stage::Asleep);
        state = self.changed.wait_while(state, asleep).unwrap_or_else(PoisonError::into_inner);
        Resumed::Again(state)
    }

    /// Lets every sleeping call try again, and waits until each sleeps again or its thread has looked at the clock.
    pub(crate) fn settle<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let me = thread::current().id();
        let mut any = false;
        for (thread, blocked) in &mut state.blocked {
            if *thread != me && blocked.stage == Stage::Asleep {
                blocked.stage = Stage::Trying;
                any = true;
            }
        }
        if !any {
            return state;
        }
        self.changed.notify_all();
        let moving = |state: &mut State| {
            let others = state.blocked.iter().filter(|(thread, _)| **thread != me);
            others.into_iter().any(|(_, blocked)| blocked.stage != Stage::Asleep)
        };
        let waited = self.changed.wait_timeout_while(state, HAND_OVER, moving);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Whether this thread's call has just ended; the look at the clock that this belongs to is the one that was waited
    /// for.
    pub(crate) fn has_shown(&self, state: &mut State) -> bool {
        let me = thread::current().id();
        let ended = state.blocked.get(&me).is_some_and(|blocked| blocked.stage == Stage::Ended);
        if ended {
            state.blocked.remove(&me);
            self.changed.notify_all();
        }
        ended
    }
}
