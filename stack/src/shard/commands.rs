//! The third step of a turn: what applications asked for through their handles. Bounded by `limits.command_budget`.

use super::api::Ending;
use super::cell_options;
use super::events::PingError;
use super::listeners::SocketQueue;
use super::turn::planted;
use super::{
    ConnId, ConnectionRow, Defect, Failure, ListenError, ListenerId, Pong, Shard, Snapshot, StackError, Step,
};
use crate::base::{Id, Instant};
use crate::sync::{CommandReceiver, Inbox, ListenerShard, ReplySender, ShardHalf, WakeList};
use crate::tcp::{CloseReason, ConnectError, Options};
use core::time::Duration;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

/// Places that one [`Command::Connections`] looks at.
const PAGE: u32 = 1024;

/// What an application asks a shard for; everything about a connection that exists goes through its cell.
pub enum Command {
    /// Connect.
    Connect(Box<ConnectCommand>),
    /// Listen.
    Listen(Box<ListenCommand>),
    /// Send an echo request.
    Ping(PingCommand),
    /// Say everything that can be said in constant time.
    Snapshot(ReplySender<Box<Snapshot>>),
    /// A page of the connection list.
    Connections {
        /// Where the page before ended; 0 at first.
        from: u32,
        /// Takes the page.
        reply: ReplySender<ConnectionPage>,
    },
    /// Drain: accept and connect nothing more, end when the last connection has ended or the time is over.
    ShutDown {
        /// How long connections may take.
        within: Duration,
        /// Whether all connections ended in time.
        reply: ReplySender<bool>,
    },
}

/// A connect under way to the shard.
pub struct ConnectCommand {
    /// Local address and port; `None` or zeros: any.
    pub local: Option<SocketAddr>,
    /// The peer.
    pub remote: SocketAddr,
    /// Options.
    pub options: Options,
    /// The shard's half of the cell.
    pub half: ShardHalf<Failure>,
}

/// A listen under way to the shard.
pub struct ListenCommand {
    /// Where.
    pub local: SocketAddr,
    /// Completed connections that may wait.
    pub backlog: u32,
    /// What accepted connections start with.
    pub options: Options,
    /// The shard's end of the listener.
    pub half: ListenerShard<Failure>,
    /// Where it listens, with the port that it got.
    pub reply: ReplySender<Result<SocketAddr, ListenError>>,
}

/// An echo request under way to the shard.
pub struct PingCommand {
    /// To whom.
    pub to: IpAddr,
    /// Bytes of payload.
    pub bytes: usize,
    /// Time for the reply.
    pub timeout: Duration,
    /// What came of it.
    pub reply: ReplySender<Result<Pong, PingError>>,
}

/// A part of the connection list.
pub struct ConnectionPage {
    /// Connections.
    pub rows: Vec<ConnectionRow>,
    /// Where the next page begins; `None`: this was the last.
    pub next: Option<u32>,
}

/// Where a shard hears from its applications.
pub(crate) struct Applications {
    inbox: Inbox<Failure>,
    commands: CommandReceiver<Command>,
    /// Where handles look for the reason of the end.
    cause: Arc<OnceLock<StackError>>,
}

/// A shut-down under way.
pub(crate) struct Draining {
    until: Instant,
    replies: Vec<ReplySender<bool>>,
}

impl Shard {
    /// Lets applications reach this shard: through the handles that the mailbox of `inbox` makes, and through `commands`.
    /// Before any of them is told that the stack ended, `cause` says why.
    pub fn attach(
        &mut self,
        inbox: Inbox<Failure>,
        commands: CommandReceiver<Command>,
        cause: Arc<OnceLock<StackError>>,
    ) {
        self.mailbox = Some(inbox.mailbox().clone());
        self.applications = Some(Box::new(Applications { inbox, commands, cause }));
    }

    /// Tells sockets what this turn brought, and takes what applications told. Whether there is more than the budget
    /// allowed.
    #[inline]
    pub(crate) fn take_commands(&mut self) -> bool {
        // Driven by hand alone there are none.
        (self.applications.is_some() || !self.due.is_empty()) && self.take_commands_of_sockets()
    }

    fn take_commands_of_sockets(&mut self) -> bool {
        self.deliver_due();
        let Some(applications) = &self.applications else { return false };
        let budget = self.settings.limits.command_budget.max(1);
        // Counted first: what an application told of its sockets before it sent a command is heard before the command.
        let commands = applications.commands.len().min(budget as usize);
        // Queues and the command in hand stay where the shard owns them: whatever a panic drops tells its owner that the shard
        // is gone, and that must not happen before the cause is known.
        for _ in 0..budget {
            let news = self.applications.as_mut().and_then(|own| own.inbox.next_listener());
            let Some(id) = news else { break };
            self.listener_news(id);
        }
        for _ in 0..budget {
            let news = self.applications.as_mut().and_then(|own| own.inbox.next_cell());
            let Some((id, events)) = news else { break };
            self.cell_news(id, events);
        }
        for _ in 0..commands {
            let Some(applications) = &mut self.applications else { break };
            self.in_hand = applications.commands.pop(&mut self.wakes);
            if self.in_hand.is_none() {
                break;
            }
            self.command();
        }
        let more =
            self.applications.as_ref().is_some_and(|own| !own.commands.is_empty() || !own.inbox.is_empty());
        self.balance_buffers();
        self.drain();
        more
    }

    /// Carries out the command in hand. What it takes is done before the command leaves the hand to be answered.
    fn command(&mut self) {
        if self.defect == Some(Defect::Panic(Step::Commands)) {
            planted();
        }
        let ending = self.ending();
        match &self.in_hand {
            None => {}
            Some(_) if self.stopped.is_some() => self.refuse_command(),
            // While the stack drains, only questions are answered.
            Some(Command::Connect(_) | Command::Listen(_) | Command::Ping(_)) if ending.is_some() => {
                self.refuse_command();
            }
            Some(Command::Connect(connect)) => {
                let ConnectCommand { local, remote, options, .. } = **connect;
                // A future that is dropped before the shard hears of it costs no SYN.
                let wanted = !connect.half.events().dropped();
                let opened = wanted.then(|| self.connect_from(local, remote, &options));
                if let Some(Command::Connect(connect)) = self.in_hand.take() {
                    self.connect_cell(connect.half, opened);
                }
            }
            Some(Command::Listen(listen)) => {
                let ListenCommand { local, backlog, options, .. } = **listen;
                let opened = self.listen(local, backlog, &options);
                if let Some(Command::Listen(listen)) = self.in_hand.take() {
                    self.listen_cell(*listen, opened);
                }
            }
            &Some(Command::Ping(PingCommand { to, bytes, timeout, .. })) => {
                let started = self.ping_for(to, bytes, timeout);
                if let Some(Command::Ping(ping)) = self.in_hand.take() {
                    self.ping_started(ping.reply, started);
                }
            }
            Some(Command::Snapshot(_)) => {
                let snapshot = Box::new(self.snapshot());
                if let Some(Command::Snapshot(reply)) = self.in_hand.take() {
                    reply.send(snapshot, &mut self.wakes);
                }
            }
            &Some(Command::Connections { from, .. }) => {
                let page = self.connection_page(from);
                if let Some(Command::Connections { reply, .. }) = self.in_hand.take() {
                    reply.send(page, &mut self.wakes);
                }
            }
            &Some(Command::ShutDown { within, .. }) => {
                self.fail_listeners(&StackError::ShutDown);
                if let Some(Command::ShutDown { reply, .. }) = self.in_hand.take() {
                    self.shut_down(within, reply);
                }
            }
        }
    }

    /// Fails the command in hand. The drop of a reply tells its owner.
    fn refuse_command(&mut self) {
        let cause = self.ending().unwrap_or(StackError::DriverGone);
        match self.in_hand.take() {
            Some(Command::Connect(connect)) => connect.half.fail(Failure::Stack(cause), &mut self.wakes),
            Some(Command::Listen(listen)) => listen.half.fail(Failure::Stack(cause), &mut self.wakes),
            Some(Command::Ping(_) | Command::Snapshot(_) | Command::ShutDown { .. }) => {}
            Some(Command::Connections { .. }) | None => {}
        }
    }

    /// `opened`: nothing where the application is gone.
    fn connect_cell(&mut self, half: ShardHalf<Failure>, opened: Option<Result<ConnId, ConnectError>>) {
        match opened {
            None => half.close(&mut self.wakes),
            Some(Ok(conn)) => self.attach_cell(conn.id, half),
            Some(Err(error)) => {
                half.fail(Failure::Connection(CloseReason::Connect(error)), &mut self.wakes);
            }
        }
    }

    fn listen_cell(&mut self, listen: ListenCommand, opened: Result<ListenerId, ListenError>) {
        let ListenCommand { local, mut half, reply, .. } = listen;
        let id = match opened {
            Ok(id) => id,
            Err(error) => {
                half.close(&mut self.wakes);
                return reply.send(Err(error), &mut self.wakes);
            }
        };
        let still_wanted = half.attach(id.id);
        let bound = self.listener_addr(id).unwrap_or(local);
        if let Some(listener) = self.listeners.get_mut(id.id) {
            listener.socket = Some(SocketQueue { half, handed: 0 });
        }
        if still_wanted {
            reply.send(Ok(bound), &mut self.wakes);
        } else {
            self.close_listener(id);
        }
    }

    /// An application took connections from a listener, changed its options, or dropped it.
    fn listener_news(&mut self, id: Id) {
        let Some(listener) = self.listeners.get_mut(id) else { return };
        listener.retire_taken();
        if let Some(queue) = &listener.socket {
            cell_options::apply(queue.half.options(), &mut listener.options, self.settings.ip.ttl);
        }
        if listener.socket.as_ref().is_some_and(|queue| queue.half.is_dropped()) {
            self.close_listener(ListenerId { shard: self.number, id });
        }
    }

    /// Rows of the connections from place `from` on.
    fn connection_page(&self, from: u32) -> ConnectionPage {
        let places = self.connections.places();
        let end = from.saturating_add(PAGE).min(places);
        let rows = (from..end).filter_map(|index| self.connections.at(index)).map(|slot| slot.row());
        ConnectionPage { rows: rows.collect(), next: (end < places).then_some(end) }
    }

    /// Begins to drain. A second call may only shorten the time.
    fn shut_down(&mut self, within: Duration, reply: ReplySender<bool>) {
        let until = self.now + within;
        match &mut self.draining {
            Some(draining) => {
                draining.until = draining.until.min(until);
                draining.replies.push(reply);
            }
            None => self.draining = Some(Draining { until, replies: vec![reply] }),
        }
    }

    /// Ends the stack once its connections have ended, or their time is over.
    fn drain(&mut self) {
        let Some(draining) = &self.draining else { return };
        let finished = self.connections.is_empty();
        if !finished && self.now < draining.until {
            return;
        }
        let replies = self.draining.take().map(|draining| draining.replies);
        self.stop(StackError::ShutDown);
        for reply in replies.into_iter().flatten() {
            reply.send(finished, &mut self.wakes);
        }
    }

    /// When the drain ends at the latest.
    pub(crate) fn drain_deadline(&self) -> Option<Instant> {
        self.draining.as_ref().map(|draining| draining.until)
    }

    /// Ends the stack: every handle fails for `cause`, connections are reset. A few turns more send the RSTs.
    pub fn stop(&mut self, cause: StackError) {
        if self.stopped.is_some() {
            return;
        }
        self.note_end(&cause);
        self.fail_cells(&cause);
        self.reset_all();
        self.fail_commands();
    }

    /// As [`Shard::stop`] where there is no device left to send anything, or no trust in the shard's own state: handles
    /// fail, nothing else is touched.
    pub fn abandon(&mut self, cause: StackError) {
        self.note_end(&cause);
        self.fail_cells(&cause);
        self.fail_commands();
    }

    fn note_end(&mut self, cause: &StackError) {
        self.stopped = Some(cause.clone());
        if let Some(applications) = &self.applications {
            applications.cause.get_or_init(|| cause.clone());
        }
    }

    fn fail_commands(&mut self) {
        if let Some(draining) = self.draining.take() {
            for reply in draining.replies {
                reply.send(false, &mut self.wakes);
            }
        }
        self.refuse_command();
        let Some(mut applications) = self.applications.take() else { return };
        // What was queued before the end; dropping the receiver refuses the rest.
        for _ in 0..applications.commands.len() {
            self.in_hand = applications.commands.pop(&mut self.wakes);
            self.refuse_command();
        }
    }

    /// Why the stack ended, once it has.
    pub fn stopped(&self) -> Option<&StackError> {
        self.stopped.as_ref()
    }

    fn ending(&self) -> Option<StackError> {
        let draining = self.draining.as_ref().map(|_| StackError::ShutDown);
        self.stopped.clone().or(draining)
    }

    /// Whether frames wait to be sent, to the device or to ourselves.
    pub fn has_frames(&self) -> bool {
        !self.queues.transmit.is_empty() || !self.queues.looped.is_empty()
    }

    /// Exchanges `wakes`, which is empty, for the wakers that turns collected. The driver wakes them when it holds no
    /// `&mut Shard`.
    pub fn swap_wakes(&mut self, wakes: &mut WakeList) {
        core::mem::swap(&mut self.wakes, wakes);
    }

    /// Closes every listener of sockets; connections that nobody took are reset.
    fn fail_listeners(&mut self, cause: &StackError) {
        let ids: Vec<_> = self.listeners.iter().map(|(id, _)| id).collect();
        self.listeners.fail_sockets(cause, &mut self.wakes);
        for id in ids {
            self.close_listener(ListenerId { shard: self.number, id });
        }
    }

    /// Resets what waits at a listener that is going.
    pub(crate) fn reset_waiting(&mut self, listener: &mut super::listeners::Listener) {
        listener.retire_taken();
        while let Some(token) = listener.backlog.pop() {
            let conn = Id::from(token);
            if self.connections.get(conn).is_some() {
                self.end_by_application(conn.index, Ending::Abort);
            }
        }
        if let Some(queue) = listener.socket.take() {
            queue.half.close(&mut self.wakes);
        }
    }
}
