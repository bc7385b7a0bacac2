//! The handle of a running stack.

use crate::shard::commands::{Command, PingCommand};
use crate::shard::{ConnectionRow, Failure, Pong, Progress, Shard, Snapshot, StackError};
use crate::sync::{self, Arc as SyncArc, CommandSender, Mailbox, ReplySender, Signal};
use core::time::Duration;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

/// A running stack. Clones are handles of the same one.
///
/// Sockets do not keep their stack alive: when the last handle is dropped, its connections are reset, its listeners fail,
/// and what drives it ends. [`Stack::shutdown`] drains first.
#[derive(Clone)]
pub struct Stack {
    shared: Arc<Shared>,
}

struct Shared {
    commands: CommandSender<Command>,
    mailbox: SyncArc<Mailbox<Failure>>,
    ending: Ending,
    progress: Arc<Progress>,
    addresses: Vec<IpAddr>,
    connect_bound: Duration,
    /// Time to live of packets whose socket chose none.
    #[cfg(feature = "tokio")]
    ttl: u8,
}

/// What the handles of a stack and its driver tell each other about the end.
#[derive(Clone, Default)]
pub(crate) struct Ending {
    /// The last handle was dropped.
    pub(crate) dropped: Arc<Signal>,
    /// Why the stack ended; set once, before anybody is woken for it.
    pub(crate) cause: Arc<OnceLock<StackError>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        // First the news, then the bell.
        self.ending.dropped.raise();
        self.mailbox.signal().raise();
    }
}

impl Stack {
    /// The handle of `shard`, to which `commands` lead.
    pub(crate) fn new(
        shard: &Shard,
        commands: CommandSender<Command>,
        mailbox: SyncArc<Mailbox<Failure>>,
        ending: Ending,
    ) -> Self {
        let shared = Shared {
            commands,
            mailbox,
            ending,
            progress: shard.progress(),
            addresses: shard.addresses().collect(),
            connect_bound: shard.connect_bound(),
            #[cfg(feature = "tokio")]
            ttl: shard.settings().ip.ttl,
        };
        Self { shared: Arc::new(shared) }
    }

    /// The longest that a connect to `remote` can take, whatever the network does: the neighbour's resolution, then the
    /// whole schedule of the SYN. Known without asking anybody, and the same for every address.
    pub fn connect_bound(&self, remote: SocketAddr) -> Duration {
        let _ = remote;
        self.shared.connect_bound
    }

    /// The stack's own addresses.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.shared.addresses
    }

    /// Counters, discards, memory and protection at one moment.
    ///
    /// # Errors
    /// The stack has ended ([`StackError`] is the source).
    pub async fn snapshot(&self) -> io::Result<Snapshot> {
        Ok(*self.ask(Command::Snapshot).await?)
    }

    /// The connections, in the manner of `ss`; TIME-WAIT records are left out. The list is put together in pages, between
    /// which connections come and go.
    ///
    /// # Errors
    /// As [`Stack::snapshot`].
    pub async fn connections(&self) -> io::Result<Vec<ConnectionRow>> {
        let (mut rows, mut next) = (Vec::new(), Some(0));
        while let Some(from) = next {
            let page = self.ask(|reply| Command::Connections { from, reply }).await?;
            rows.extend(page.rows);
            next = page.next;
        }
        Ok(rows)
    }

    /// Sends an echo request with 56 bytes and waits for the reply, at most `timeout`.
    ///
    /// # Errors
    /// Why there was no reply ([`crate::shard::PingError`] is the source), or as [`Stack::snapshot`].
    pub async fn ping(&self, to: IpAddr, timeout: Duration) -> io::Result<Pong> {
        self.ping_with(to, 56, timeout).await
    }

    /// As [`Stack::ping`], with `bytes` of payload, at most as many as fit into one packet.
    ///
    /// # Errors
    /// As [`Stack::ping`].
    pub async fn ping_with(&self, to: IpAddr, bytes: usize, timeout: Duration) -> io::Result<Pong> {
        let answer = self.ask(|reply| Command::Ping(PingCommand { to, bytes, timeout, reply })).await?;
        Ok(answer?)
    }

    /// Drains: listeners fail, nothing connects any more, and the stack ends when its last connection has ended; those
    /// that are left after `within` are reset. Tells whether all ended in time.
    ///
    /// # Errors
    /// The stack had ended before.
    pub async fn shutdown(&self, within: Duration) -> io::Result<bool> {
        self.ask(|reply| Command::ShutDown { within, reply }).await
    }

    /// Where the shard is in its turn, for a watchdog on another thread: a shard whose turn goes on for long is stuck.
    pub fn progress(&self) -> Arc<Progress> {
        self.shared.progress.clone()
    }

    /// Why the stack ended, once it has.
    pub fn ended(&self) -> Option<StackError> {
        self.shared.ending.cause.get().cloned()
    }

    /// Sends a command and waits for its reply. Dropping the future takes the question back.
    async fn ask<T>(&self, command: impl FnOnce(ReplySender<T>) -> Command) -> io::Result<T> {
        let (sender, receiver) = sync::reply();
        self.commands().push(command(sender)).await.map_err(|_| self.gone())?;
        receiver.await.map_err(|_| self.gone())
    }

    pub(crate) fn commands(&self) -> &CommandSender<Command> {
        &self.shared.commands
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn ttl(&self) -> u8 {
        self.shared.ttl
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn mailbox(&self) -> &SyncArc<Mailbox<Failure>> {
        &self.shared.mailbox
    }

    /// The error of a stack that has ended, with its cause.
    pub(crate) fn gone(&self) -> io::Error {
        self.ended().unwrap_or(StackError::DriverGone).into()
    }
}

impl core::fmt::Debug for Stack {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Stack").field("addresses", &self.shared.addresses).finish_non_exhaustive()
    }
}
