//! A thread that drives a host and sleeps in between: for programs without a runtime. Every call has a deadline.

use super::Host;
use crate::base::Instant;
use crate::buffer::{Device, Readiness};
#[cfg(unix)]
use crate::device::Interest;
use crate::shard::Turn;
use std::io;

/// The monotonic clock of the system, with the origin of a stack's times.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: std::time::Instant,
}

impl Clock {
    /// A clock whose origin is now.
    pub fn start() -> Self {
        Self { origin: std::time::Instant::now() }
    }

    /// The time.
    pub fn now(&self) -> Instant {
        Instant::ZERO + self.origin.elapsed()
    }
}

impl<D: Device> Host<D> {
    /// Drives the host until `condition` gives something or the time `deadline` has come (`None`). The condition is asked
    /// after every turn, and what it starts (a write, a connect) is sent before the call returns.
    ///
    /// # Errors
    /// The device is gone.
    pub fn run_until<T>(
        &mut self,
        clock: &Clock,
        deadline: Instant,
        mut condition: impl FnMut(&mut Self) -> Option<T>,
    ) -> io::Result<Option<T>> {
        loop {
            let now = clock.now();
            let turn = self.poll(now)?;
            if let Some(found) = condition(self) {
                let _ = self.poll(clock.now())?;
                return Ok(Some(found));
            }
            if now >= deadline {
                return Ok(None);
            }
            if !self.is_idle_after(&turn) {
                continue;
            }
            self.sleep(
                clock,
                &turn,
                deadline,
                #[cfg(unix)]
                &mut [],
            )?;
        }
    }

    /// Whether nothing is to be done before the device or the time brings something, after `turn` and what the
    /// application did since.
    pub fn is_idle_after(&self, turn: &Turn) -> bool {
        !turn.again && (turn.blocked || !self.wants_turn())
    }

    /// Sleeps until the device has something, the time of the next turn or `deadline` has come, or one of `others` is
    /// ready. It may return early: take a turn in any case.
    ///
    /// # Errors
    /// The system's; `others` together with a device that is waited for by a signal ([`io::ErrorKind::Unsupported`]).
    pub fn sleep(
        &mut self,
        clock: &Clock,
        turn: &Turn,
        deadline: Instant,
        #[cfg(unix)] others: &mut [Interest],
    ) -> io::Result<()> {
        // What the application did since the turn may have brought an earlier deadline.
        let owed = turn.deadline.into_iter().chain(self.next_deadline()).min();
        let timeout = owed.map_or(deadline, |at| at.min(deadline)).since(clock.now());
        match self.device_mut().readiness() {
            #[cfg(unix)]
            Readiness::Fd(fd) => {
                let mut all = vec![Interest::readable(fd).or_writable(turn.blocked)];
                all.extend_from_slice(others);
                crate::device::wait(&mut all, Some(timeout))?;
                others.iter_mut().zip(&all[1..]).for_each(|(other, waited)| *other = *waited);
                Ok(())
            }
            #[cfg(unix)]
            Readiness::Signal(_) if !others.is_empty() => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "a device without a descriptor cannot be waited for together with descriptors",
            )),
            #[cfg(not(loom))]
            Readiness::Signal(signal) => {
                signal.wait(Some(timeout));
                Ok(())
            }
            #[cfg(loom)]
            Readiness::Signal(_) => Ok(()),
        }
    }
}
