//! One long-lived connection to an echo service that moves a record at every beat: what shows whether others disturb it.

use super::pattern::Pattern;
use crate::base::Instant;
use crate::shard::{ConnId, Event};
use crate::sim::{App, AppContext};
use crate::tcp::{CloseReason, IoError, Options};
use core::any::Any;
use core::time::Duration;
use std::net::SocketAddr;

/// A client of an echo service that sends a record of a fixed size at every interval, on one connection, and verifies what
/// comes back.
#[derive(Debug)]
pub struct Steady {
    to: SocketAddr,
    record: usize,
    interval: Duration,
    until: Instant,
    next: Option<Instant>,
    connection: Option<ConnId>,
    send: Pattern,
    receive: Pattern,
    waiting: Vec<u8>,
    /// When the record was due whose echo is not complete.
    due: Option<Instant>,
    /// Records whose echo was complete: when each was due, and how long it took.
    pub records: Vec<(Instant, Duration)>,
    /// Beats that found the record before them incomplete; their records follow late.
    pub late: u64,
    /// Bytes that came back right.
    pub bytes: u64,
    /// Bytes that came back wrong.
    pub wrong: u64,
    /// Why the connection ended or never was, before its time.
    pub broken: Option<CloseReason>,
}

impl Steady {
    /// A connection to the echo service `to`, until `until`.
    pub fn new(to: SocketAddr, record: usize, interval: Duration, until: Instant, name: u64) -> Self {
        Self {
            to,
            record,
            interval,
            until,
            next: None,
            connection: None,
            send: Pattern::new(name),
            receive: Pattern::new(name),
            waiting: Vec::new(),
            due: None,
            records: Vec::new(),
            late: 0,
            bytes: 0,
            wrong: 0,
            broken: None,
        }
    }

    /// The longest that a record took.
    pub fn worst(&self) -> Duration {
        self.records.iter().map(|(_, took)| *took).max().unwrap_or_default()
    }

    /// Stops at `until` instead.
    pub fn stop_at(&mut self, until: Instant) {
        self.until = until;
    }

    /// Whether the last record's echo is still on its way.
    pub fn busy(&self) -> bool {
        self.due.is_some()
    }

    fn write(&mut self, context: &mut AppContext<'_>, id: ConnId) {
        while !self.waiting.is_empty() {
            match context.shard().write(id, &self.waiting) {
                Ok(n) => drop(self.waiting.drain(..n)),
                Err(IoError::WouldBlock | IoError::Shutdown | IoError::Ended) => return,
            }
        }
    }

    fn read(&mut self, context: &mut AppContext<'_>, id: ConnId) {
        let mut bytes = [0; 4096];
        // Zero is the end of the stream: the event of the connection's end follows.
        while let Ok(n) = context.shard().read(id, &mut bytes) {
            if n == 0 {
                break;
            }
            let wrong = self.receive.verify(&bytes[..n]);
            self.wrong += wrong;
            self.bytes += n as u64 - wrong;
        }
        if self.receive.offset() == self.send.offset() {
            if let Some(due) = self.due.take() {
                self.records.push((due, context.now.since(due)));
            }
        }
    }
}

impl App for Steady {
    fn start(&mut self, context: &mut AppContext<'_>) {
        match context.connect(self.to, &Options { nodelay: true, ..Options::default() }) {
            Ok(id) => self.connection = Some(id),
            Err(error) => self.broken = Some(CloseReason::Connect(error)),
        }
    }

    fn on_event(&mut self, context: &mut AppContext<'_>, event: Event) {
        match event {
            Event::Connected(_) => self.next = Some(context.now),
            Event::ConnectFailed(_, error) => self.broken = Some(CloseReason::Connect(error)),
            Event::Readable(id) => self.read(context, id),
            Event::Writable(id) => self.write(context, id),
            Event::Closed(id, reason) => {
                self.broken = Some(reason);
                (self.connection, self.next) = (None, None);
                context.close(id);
            }
            Event::Incoming(_) | Event::Pong(_) | Event::PingFailed(..) | Event::Protection(_) => {}
        }
    }

    fn on_time(&mut self, context: &mut AppContext<'_>) {
        let (Some(next), Some(id)) = (self.next.filter(|next| *next <= context.now), self.connection) else {
            return;
        };
        if next >= self.until && self.due.is_none() {
            (self.connection, self.next) = (None, None);
            return context.close(id);
        }
        self.next = Some(next + self.interval);
        if self.due.is_some() {
            self.late += 1;
            return;
        }
        self.due = Some(next);
        self.send.append(&mut self.waiting, self.record);
        self.write(context, id);
    }

    fn deadline(&self) -> Option<Instant> {
        self.next
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
