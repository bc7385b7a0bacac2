//! A server: one listener, a session for each connection, and back-pressure.

use crate::base::Instant;
use crate::shard::{ConnId, Event, ListenError, ListenerId};
use crate::sim::{App, AppContext};
use crate::tcp::{IoError, Options};
use core::any::Any;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What a session wants after a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// To go on.
    GoOn,
    /// To close, after what it gave has been sent.
    Close,
}

/// The server's side of one connection. What it appends to `out` is sent.
pub trait Session: 'static {
    /// The connection was accepted: a server that speaks first does it here.
    fn open(&mut self, out: &mut Vec<u8>) -> Then;

    /// Bytes came.
    fn input(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Then;

    /// All that was appended so far is in the stack's hands: a server that has more to say appends it here.
    fn more(&mut self, out: &mut Vec<u8>) -> Then;
}

/// What a [`Server`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ServerStats {
    /// Connections accepted.
    pub accepted: u64,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// Connections that ended otherwise than by an orderly close.
    pub broken: u64,
}

/// Bytes that wait for room in the stack above which nothing more is read from the peer.
const BACK_PRESSURE: usize = 64 * 1024;

struct Open<S> {
    session: S,
    out: Vec<u8>,
    sent: usize,
    then: Then,
}

/// A server on one endpoint.
pub struct Server<S> {
    local: SocketAddr,
    backlog: u32,
    options: Options,
    make: fn() -> S,
    listener: Option<ListenerId>,
    open: BTreeMap<ConnId, Open<S>>,
    /// Why it could not listen.
    pub refused: Option<ListenError>,
    /// What it did.
    pub stats: ServerStats,
}

impl<S: Session> Server<S> {
    /// A server on `local` whose sessions come from `make`, with an accept queue of `backlog` places.
    pub fn new(local: SocketAddr, backlog: u32, make: fn() -> S) -> Self {
        Self {
            local,
            backlog,
            options: Options::default(),
            make,
            listener: None,
            open: BTreeMap::new(),
            refused: None,
            stats: ServerStats::default(),
        }
    }

    /// With options for its connections.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Connections that it holds now.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    fn accept(&mut self, context: &mut AppContext<'_>, listener: ListenerId) {
        while let Some((id, _)) = context.accept(listener) {
            self.stats.accepted += 1;
            let mut open = Open { session: (self.make)(), out: Vec::new(), sent: 0, then: Then::GoOn };
            open.then = open.session.open(&mut open.out);
            self.open.insert(id, open);
            // Data may have come with the third ACK or while it waited in the queue.
            self.pump(context, id);
        }
    }

    /// Moves what can be moved, both ways.
    fn pump(&mut self, context: &mut AppContext<'_>, id: ConnId) {
        let Some(open) = self.open.get_mut(&id) else { return };
        let over = loop {
            match open.flush(context, id, &mut self.stats) {
                Ok(()) if open.then == Then::Close => break true,
                Ok(()) | Err(IoError::WouldBlock) => {}
                Err(IoError::Shutdown | IoError::Ended) => {
                    self.stats.broken += 1;
                    break true;
                }
            }
            if open.then == Then::Close || open.out.len() >= BACK_PRESSURE {
                break false;
            }
            match open.read(context, id, &mut self.stats) {
                Ok(()) => {}
                Err(IoError::WouldBlock) => break false,
                Err(IoError::Shutdown | IoError::Ended) => {
                    self.stats.broken += 1;
                    break true;
                }
            }
        };
        if over {
            self.open.remove(&id);
            context.close(id);
        }
    }
}

impl<S: Session> Open<S> {
    /// Writes what waits; `Ok` when all of it, and all that the session has more, is written.
    fn flush(
        &mut self,
        context: &mut AppContext<'_>,
        id: ConnId,
        stats: &mut ServerStats,
    ) -> Result<(), IoError> {
        loop {
            while let Some(rest) = self.out.get(self.sent..).filter(|rest| !rest.is_empty()) {
                let n = context.shard().write(id, rest)?;
                self.sent += n;
                stats.bytes_out += n as u64;
            }
            self.out.clear();
            self.sent = 0;
            if self.then == Then::Close {
                return Ok(());
            }
            self.then = self.session.more(&mut self.out);
            if self.out.is_empty() {
                return Ok(());
            }
        }
    }

    fn read(
        &mut self,
        context: &mut AppContext<'_>,
        id: ConnId,
        stats: &mut ServerStats,
    ) -> Result<(), IoError> {
        let mut bytes = [0; 4096];
        let n = context.shard().read(id, &mut bytes)?;
        stats.bytes_in += n as u64;
        // The end of the peer's stream: what was asked for is still sent.
        self.then = if n == 0 { Then::Close } else { self.session.input(&bytes[..n], &mut self.out) };
        Ok(())
    }
}

impl<S: Session> App for Server<S> {
    fn start(&mut self, context: &mut AppContext<'_>) {
        match context.listen(self.local, self.backlog, &self.options) {
            Ok(listener) => self.listener = Some(listener),
            Err(error) => self.refused = Some(error),
        }
    }

    fn on_event(&mut self, context: &mut AppContext<'_>, event: Event) {
        match event {
            Event::Incoming(listener) => self.accept(context, listener),
            Event::Readable(id) | Event::Writable(id) => self.pump(context, id),
            Event::Closed(id, reason) => {
                if self.open.remove(&id).is_some() {
                    self.stats.broken += u64::from(reason.kind().is_some());
                }
                context.close(id);
            }
            Event::Connected(_)
            | Event::ConnectFailed(..)
            | Event::Pong(_)
            | Event::PingFailed(..)
            | Event::Protection(_) => {}
        }
    }

    fn on_time(&mut self, _: &mut AppContext<'_>) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
