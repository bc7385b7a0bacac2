//! The driver that is a tokio task. It sleeps until the signal of its applications, its device or its next deadline; time
//! is the runtime's, so that a test with paused time is a simulation.

use super::builder::Parts;
use super::engine::{Engine, Next};
use crate::base::Instant;
use crate::buffer::{Device, Readiness};
use crate::shard::StackError;
use crate::socket::Stack;
use crate::sync::Signal;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::sync::Arc;
use tokio::time::{Instant as Clock, Sleep, sleep_until};

#[cfg(unix)]
use crate::sync::FdTask;

/// How soon a device is tried again that had no room: some say nothing when they have it.
const RETRY: Duration = Duration::from_millis(1);
/// The longest sleep; a turn that finds nothing to do costs nothing.
const LONGEST: Duration = Duration::from_secs(3600);

pub(super) fn spawn<D: Device + Send + 'static>(parts: Parts<D>) -> io::Result<Stack> {
    let Parts { engine, stack, signal, readiness } = parts;
    let runtime = tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
    let source = Source::new(signal, &readiness)?;
    runtime.spawn(run(source, engine));
    Ok(stack)
}

/// What wakes the task, besides time.
struct Source {
    signal: Arc<Signal>,
    #[cfg(unix)]
    fd: Option<FdTask>,
}

impl Source {
    fn new(signal: Arc<Signal>, readiness: &Readiness) -> io::Result<Self> {
        match readiness {
            Readiness::Signal(_) => Ok(Self {
                signal,
                #[cfg(unix)]
                fd: None,
            }),
            #[cfg(unix)]
            Readiness::Fd(fd) => Ok(Self { signal, fd: Some(FdTask::new(*fd)?) }),
        }
    }

    fn poll(&self, cx: &mut Context<'_>, blocked: bool) -> Poll<io::Result<()>> {
        if self.signal.poll_raised(cx.waker()).is_ready() {
            return Poll::Ready(Ok(()));
        }
        #[cfg(unix)]
        if let Some(fd) = &self.fd {
            // The turn that follows reads until there is nothing more, or says `again`.
            if let Poll::Ready(ready) = fd.poll_readable(cx) {
                return Poll::Ready(ready);
            }
            if blocked {
                if let Poll::Ready(ready) = fd.poll_writable(cx) {
                    return Poll::Ready(ready);
                }
            }
        }
        #[cfg(not(unix))]
        let _ = blocked;
        Poll::Pending
    }
}

async fn run<D: Device>(source: Source, mut engine: Engine<D>) {
    let origin = Clock::now();
    let mut alarm = Alarm { sleep: Box::pin(sleep_until(origin)), armed: None, origin };
    loop {
        let clock = Clock::now();
        let now = Instant::from_nanos(nanos(clock - origin));
        // Where a test paused the runtime's clock, turns count as taking no time.
        match engine.step(now, clock.into_std()) {
            Next::Ended => return,
            Next::Again => pass_on().await,
            Next::Wait { deadline, blocked } => {
                let retry = (blocked && source.has_fd()).then(|| now + RETRY);
                alarm.set([deadline, retry].into_iter().flatten().min(), now);
                let woken = poll_fn(|cx| match source.poll(cx, blocked) {
                    Poll::Ready(result) => Poll::Ready(result),
                    Poll::Pending => alarm.poll(cx).map(Ok),
                });
                if let Err(error) = woken.await {
                    engine.fail(StackError::device(&error));
                    return;
                }
            }
        }
    }
}

impl Source {
    fn has_fd(&self) -> bool {
        #[cfg(unix)]
        return self.fd.is_some();
        #[cfg(not(unix))]
        return false;
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Lets the other tasks that are ready go first.
async fn pass_on() {
    let mut passed = false;
    poll_fn(|cx| {
        if core::mem::replace(&mut passed, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The deadline. It is moved only to an earlier time: one that rings too early costs a turn, and moving it with every turn
/// would cost more.
struct Alarm {
    sleep: Pin<Box<Sleep>>,
    armed: Option<Instant>,
    origin: Clock,
}

impl Alarm {
    fn set(&mut self, deadline: Option<Instant>, now: Instant) {
        let Some(deadline) = deadline.map(|at| at.min(now + LONGEST)) else { return };
        if self.armed.is_none_or(|armed| deadline < armed || armed <= now) {
            self.sleep.as_mut().reset(self.origin + deadline.since(Instant::ZERO));
            self.armed = Some(deadline);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.armed.is_none() {
            return Poll::Pending;
        }
        let rung = self.sleep.as_mut().poll(cx);
        if rung.is_ready() {
            self.armed = None;
        }
        rung
    }
}
