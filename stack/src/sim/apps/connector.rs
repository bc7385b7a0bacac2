//! Opens connections by a plan, and holds each of them to a bound that was computed before: the oracle of "nothing hangs".

use super::pattern::Pattern;
use crate::base::Instant;
use crate::shard::{ConnId, Event};
use crate::sim::{App, AppContext};
use crate::tcp::{CloseReason, ConnectError, IoError, Options};
use core::any::Any;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// What an attempt does when it is connected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// It closes: the operation was the connect.
    Connect,
    /// It writes this many bytes and waits for the connection's end: the operation is the write, which begins now.
    Write(usize),
}

/// One operation of the plan.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Attempt {
    /// When it starts.
    pub at: Instant,
    /// The peer.
    pub to: SocketAddr,
    /// The caller's number for its kind.
    pub kind: usize,
    /// Options of the connection.
    pub options: Options,
    /// What it does.
    pub act: Act,
    /// The operation's bound.
    pub bound: Duration,
}

/// How an operation ended.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Ended {
    /// The connect failed.
    Failed(ConnectError),
    /// The connect succeeded, and that was all.
    Connected,
    /// The connection was over.
    Closed(CloseReason),
    /// It did not end within its bound and the slack; it was aborted.
    Overdue,
}

/// An operation that ended.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Finished {
    /// Its kind.
    pub kind: usize,
    /// The peer.
    pub to: SocketAddr,
    /// When the operation began: the connect, or the write once it was connected.
    pub started: Instant,
    /// How long it took. For a write that ended later than its bound after its beginning: the time since the last progress,
    /// from which its bound counts, as the stack tells it.
    pub took: Duration,
    /// Its bound; of the connect, where a write never began.
    pub bound: Duration,
    /// How it ended.
    pub how: Ended,
}

struct Running {
    attempt: Attempt,
    started: Instant,
    /// The bound of what runs now: the connect, then the write.
    bound: Duration,
    connected: bool,
    left: usize,
    stream: Pattern,
}

/// Carries out a plan of connects.
pub struct Connector {
    plan: Vec<Attempt>,
    next: usize,
    slack: Duration,
    running: BTreeMap<ConnId, Running>,
    overdue_at: BTreeSet<(Instant, ConnId)>,
    /// Operations that ended, in the order of their ends.
    pub finished: Vec<Finished>,
    /// The most that ran at once.
    pub most_running: usize,
}

impl Connector {
    /// A connector that carries out `plan`. An operation that is not over when its bound and `slack` have passed counts as
    /// overdue; the slack stands for round trips and timer ticks.
    pub fn new(mut plan: Vec<Attempt>, slack: Duration) -> Self {
        plan.sort_by_key(|attempt| attempt.at);
        Self {
            plan,
            next: 0,
            slack,
            running: BTreeMap::new(),
            overdue_at: BTreeSet::new(),
            finished: Vec::new(),
            most_running: 0,
        }
    }

    /// Operations that run now.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// Operations of a kind in the plan.
    pub fn planned(&self, kind: usize) -> u64 {
        self.plan.iter().filter(|attempt| attempt.kind == kind).count() as u64
    }

    /// Whether every operation of the plan has ended.
    pub fn done(&self) -> bool {
        self.next >= self.plan.len() && self.running.is_empty()
    }

    fn begin(&mut self, context: &mut AppContext<'_>, attempt: Attempt) {
        let started = context.now;
        match context.connect(attempt.to, &attempt.options) {
            Ok(id) => {
                let stream = Pattern::new(self.next as u64);
                let bound = match attempt.act {
                    Act::Connect => attempt.bound,
                    Act::Write(_) => context.shard().connect_bound(),
                };
                let running = Running { attempt, started, bound, connected: false, left: 0, stream };
                self.overdue_at.insert((self.overdue_at(&running), id));
                self.running.insert(id, running);
                self.most_running = self.most_running.max(self.running.len());
            }
            Err(error) => self.finish(context.now, &attempt, attempt.bound, started, Ended::Failed(error)),
        }
    }

    fn finish(&mut self, now: Instant, attempt: &Attempt, bound: Duration, started: Instant, how: Ended) {
        let &Attempt { to, kind, .. } = attempt;
        let took = match (now.since(started), how) {
            (
                took,
                Ended::Closed(CloseReason::TimedOut { over, .. } | CloseReason::WindowClosed { over }),
            ) if took > bound + self.slack => over,
            (took, _) => took,
        };
        self.finished.push(Finished { kind, to, started, took, bound, how });
    }

    /// When an operation counts as overdue. A write may make some progress first, and its bound counts from the last.
    fn overdue_at(&self, running: &Running) -> Instant {
        let times = if running.connected { 2 } else { 1 };
        running.started + (running.bound + self.slack) * times
    }

    fn end(&mut self, now: Instant, id: ConnId, how: Ended) {
        let Some(running) = self.running.remove(&id) else { return };
        self.overdue_at.remove(&(self.overdue_at(&running), id));
        self.finish(now, &running.attempt, running.bound, running.started, how);
    }

    fn connected(&mut self, context: &mut AppContext<'_>, id: ConnId) {
        let Some(mut running) = self.running.remove(&id) else { return };
        self.overdue_at.remove(&(self.overdue_at(&running), id));
        match running.attempt.act {
            Act::Connect => {
                self.finish(context.now, &running.attempt, running.bound, running.started, Ended::Connected);
                context.close(id);
            }
            Act::Write(bytes) => {
                (running.started, running.connected, running.left) = (context.now, true, bytes);
                running.bound = running.attempt.bound;
                self.overdue_at.insert((self.overdue_at(&running), id));
                self.running.insert(id, running);
                self.write(context, id);
            }
        }
    }

    fn write(&mut self, context: &mut AppContext<'_>, id: ConnId) {
        let Some(running) = self.running.get_mut(&id).filter(|running| running.connected) else { return };
        while running.left > 0 {
            let (mut chunk, mut stream) = (Vec::new(), running.stream);
            stream.append(&mut chunk, running.left.min(4096));
            match context.shard().write(id, &chunk) {
                Ok(n) => {
                    running.stream.append(&mut Vec::new(), n);
                    running.left -= n;
                }
                // The end of the connection is an event of its own.
                Err(IoError::WouldBlock | IoError::Shutdown | IoError::Ended) => return,
            }
        }
    }
}

impl App for Connector {
    fn start(&mut self, context: &mut AppContext<'_>) {
        self.on_time(context);
    }

    fn on_event(&mut self, context: &mut AppContext<'_>, event: Event) {
        match event {
            Event::Connected(id) => self.connected(context, id),
            Event::ConnectFailed(id, error) => self.end(context.now, id, Ended::Failed(error)),
            Event::Closed(id, reason) => {
                self.end(context.now, id, Ended::Closed(reason));
                context.close(id);
            }
            Event::Writable(id) => self.write(context, id),
            Event::Readable(_)
            | Event::Incoming(_)
            | Event::Pong(_)
            | Event::PingFailed(..)
            | Event::Protection(_) => {}
        }
    }

    fn on_time(&mut self, context: &mut AppContext<'_>) {
        while let Some(attempt) =
            self.plan.get(self.next).copied().filter(|attempt| attempt.at <= context.now)
        {
            self.next += 1;
            self.begin(context, attempt);
        }
        while let Some((_, id)) = self.overdue_at.first().copied().filter(|(at, _)| *at <= context.now) {
            self.overdue_at.pop_first();
            self.end(context.now, id, Ended::Overdue);
            context.abort(id);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let start = self.plan.get(self.next).map(|attempt| attempt.at);
        let overdue = self.overdue_at.first().map(|(at, _)| *at);
        start.into_iter().chain(overdue).min()
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
