//! The stack with its descriptors: turns, time, and where the stack's events go.

use super::descriptors::{Descriptors, Fd, Numbers};
use super::errno::Errno;
use super::socket::{Phase, Socket};
use core::fmt;
use synward::base::Instant;
use synward::buffer::Device;
use synward::driver::Host;
use synward::shard::Event;

/// Turns that one call takes at most before it goes back to its caller; what is left is due at once.
const TURNS: usize = 64;

/// The socket calls over one host; see the crate.
pub struct Sockets<D> {
    pub(crate) host: Host<D>,
    pub(crate) now: Instant,
    pub(crate) table: Descriptors,
    pub(crate) numbers: Box<dyn Numbers + Send>,
    /// The device is gone: every call fails.
    pub(crate) gone: bool,
}

impl<D> fmt::Debug for Sockets<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sockets").field("now", &self.now).field("table", &self.table).finish_non_exhaustive()
    }
}

impl<D: Device> Sockets<D> {
    /// The calls over `host`, whose time is `now`; descriptors get their numbers from `numbers`.
    pub fn new(host: Host<D>, now: Instant, numbers: Box<dyn Numbers + Send>) -> Self {
        let mut sockets = Self { host, now, table: Descriptors::default(), numbers, gone: false };
        sockets.turn();
        sockets
    }

    /// The time that calls happen at.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Moves the time on (never back) and does what is due by then, at that one moment. A caller that wants each timer
    /// at its own time goes from [`Sockets::deadline`] to deadline.
    pub fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.turn();
    }

    /// When the stack next has something to do; what is not later than [`Sockets::now`] is due at once.
    pub fn deadline(&self) -> Option<Instant> {
        if self.gone {
            return None;
        }
        self.host.next_deadline()
    }

    /// The host, for what is no socket call: its device, its figures.
    pub fn host_mut(&mut self) -> &mut Host<D> {
        &mut self.host
    }

    /// Whether `fd` is a descriptor of this table.
    pub fn knows(&self, fd: Fd) -> bool {
        self.table.get(fd).is_some()
    }

    /// Lets the stack do what is to be done at this moment, and takes its events.
    pub(crate) fn turn(&mut self) {
        for _ in 0..TURNS {
            match self.host.poll(self.now) {
                Ok(turn) => {
                    let due = turn.again || turn.deadline.is_some_and(|at| at <= self.now);
                    if !due && !self.host.wants_turn() {
                        break;
                    }
                }
                Err(_) => {
                    self.gone = true;
                    break;
                }
            }
        }
        while let Some(event) = self.host.poll_event() {
            self.on_event(event);
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Connected(id) => {
                if let Some(socket) = self.table.of_connection(id) {
                    socket.phase = Phase::Connected { id, ended: false };
                    socket.connect_untold = true;
                    socket.edges.writable += 1;
                }
            }
            Event::ConnectFailed(id, error) => {
                if let Some(socket) = self.table.of_connection(id) {
                    socket.fall_back(error.into());
                }
                self.table.forget_connection(id);
            }
            Event::Readable(id) => {
                if let Some(socket) = self.table.of_connection(id) {
                    socket.edges.readable += 1;
                }
            }
            Event::Writable(id) => self.on_writable(id),
            Event::Closed(id, reason) => {
                if let Some(socket) = self.table.of_connection(id) {
                    socket.phase = Phase::Connected { id, ended: true };
                    socket.error = Errno::of_end(&reason).or(socket.error);
                    socket.edges.ended += 1;
                }
            }
            Event::Incoming(id) => {
                if let Some(socket) = self.table.of_listener(id) {
                    socket.edges.readable += 1;
                }
            }
            Event::Pong(_) | Event::PingFailed(..) | Event::Protection(_) => {}
        }
    }

    /// Room to write is news only to who found none.
    fn on_writable(&mut self, id: synward::shard::ConnId) {
        let enough = self.writable_enough(id);
        if let Some(socket) = self.table.of_connection(id).filter(|socket| socket.no_space && enough) {
            socket.no_space = false;
            socket.edges.writable += 1;
        }
    }

    /// Whether a poll says that `id` can be written to: the room is at least half of what is queued, so that a writer is
    /// not woken for every byte.
    pub(crate) fn writable_enough(&self, id: synward::shard::ConnId) -> bool {
        let space = self.host.send_space(id);
        space > 0 && space >= self.host.send_queued(id) / 2
    }
}

impl Socket {
    /// A connect has failed: the socket may try again.
    fn fall_back(&mut self, error: Errno) {
        self.phase = Phase::Fresh;
        self.error = Some(error);
        self.edges.ended += 1;
    }
}
