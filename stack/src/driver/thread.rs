//! The driver that is a thread. It blocks in `poll` of its device's descriptor, or on the signal of a device in memory.

use super::builder::Parts;
use super::engine::{Engine, Next};
use crate::base::Instant;
use crate::buffer::{Device, Readiness};
use crate::shard::StackError;
use crate::socket::Stack;
use crate::sync::Signal;
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::time;

#[cfg(unix)]
use crate::sync::FdWait;

/// How soon a device is tried again that had no room: some say nothing when they have it.
#[cfg(unix)]
const RETRY: Duration = Duration::from_millis(1);

pub(super) fn spawn<D: Device + Send + 'static>(parts: Parts<D>) -> io::Result<Stack> {
    let Parts { engine, stack, signal, readiness } = parts;
    let source = Source::new(signal, &readiness)?;
    std::thread::Builder::new().name("synward".to_owned()).spawn(move || run(&source, engine))?;
    Ok(stack)
}

/// What the thread sleeps on.
enum Source {
    Signal(Arc<Signal>),
    #[cfg(unix)]
    Fd(Arc<Signal>, FdWait, std::os::fd::RawFd),
}

impl Source {
    fn new(signal: Arc<Signal>, readiness: &Readiness) -> io::Result<Self> {
        match readiness {
            Readiness::Signal(_) => Ok(Self::Signal(signal)),
            #[cfg(unix)]
            Readiness::Fd(fd) => Ok(Self::Fd(signal, FdWait::new()?, *fd)),
        }
    }

    fn wait(&self, timeout: Option<Duration>, blocked: bool) -> io::Result<()> {
        match self {
            Self::Signal(signal) => {
                // A device in memory rings when it has room again.
                let _ = blocked;
                signal.wait(timeout);
                Ok(())
            }
            #[cfg(unix)]
            Self::Fd(signal, wait, fd) => {
                let timeout = if blocked { Some(timeout.map_or(RETRY, |t| t.min(RETRY))) } else { timeout };
                wait.wait(signal, *fd, timeout)
            }
        }
    }
}

fn run<D: Device>(source: &Source, mut engine: Engine<D>) {
    let origin = time::Instant::now();
    let at = |clock: time::Instant| {
        Instant::from_nanos(u64::try_from((clock - origin).as_nanos()).unwrap_or(u64::MAX))
    };
    loop {
        let began = time::Instant::now();
        match engine.step(at(began), began) {
            Next::Ended => return,
            Next::Again => {}
            Next::Wait { deadline, blocked } => {
                let timeout = deadline.map(|deadline| deadline.since(at(time::Instant::now())));
                if timeout == Some(Duration::ZERO) {
                    continue;
                }
                if let Err(error) = source.wait(timeout, blocked) {
                    engine.fail(StackError::device(&error));
                    return;
                }
            }
        }
    }
}
