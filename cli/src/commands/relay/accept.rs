//! Doors: each accepts clients and relays every one of them to its target, until the end is asked for.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use synward::socket::Stack;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::event::Event;
use super::pair::{End, relay};
use super::report::{self, Report};
use super::signals::Signals;

/// Where clients come in.
pub(crate) trait Door: Send + 'static {
    /// Their connections.
    type Client: End;

    /// The next client.
    ///
    /// # Errors
    /// No more will come.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Client, SocketAddr)>> + Send;
}

impl Door for synward::socket::TcpListener {
    type Client = synward::socket::TcpStream;

    async fn accept(&self) -> io::Result<(Self::Client, SocketAddr)> {
        Self::accept(self).await
    }
}

impl Door for tokio::net::TcpListener {
    type Client = tokio::net::TcpStream;

    /// The kernel's listener does not end: what accept(2) reports is a client that went away, or descriptors and memory that
    /// are used up now. The client waits in its queue meanwhile.
    async fn accept(&self) -> io::Result<(Self::Client, SocketAddr)> {
        const PAUSE: Duration = Duration::from_millis(50);
        loop {
            match Self::accept(self).await {
                Ok(accepted) => return Ok(accepted),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

/// What is behind a door.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// What messages call it.
    pub(crate) name: &'static str,
    /// Longest time for it to accept.
    pub(crate) timeout: Duration,
}

/// All doors of a command.
pub(crate) struct Doors {
    report: Arc<Report>,
    accepting: JoinSet<Result<(), String>>,
    stop: watch::Sender<bool>,
    signals: Signals,
}

impl Doors {
    /// None yet. From now on Ctrl-C and SIGTERM are caught.
    ///
    /// # Errors
    /// A text for the user.
    pub(crate) fn new(report: Report) -> Result<Self, String> {
        Ok(Self {
            report: Arc::new(report),
            accepting: JoinSet::new(),
            stop: watch::channel(false).0,
            signals: Signals::catch()?,
        })
    }

    /// Opens a door: each client is relayed to what `connect` gives.
    pub(crate) fn open<F, S>(
        &mut self,
        door: impl Door,
        target: Target,
        connect: impl Fn() -> F + Send + 'static,
    ) where
        F: Future<Output = io::Result<S>> + Send + 'static,
        S: End,
    {
        self.accepting.spawn(accept(door, target, connect, self.report.clone(), self.stop.subscribe()));
    }

    /// Tells `listening` and serves until Ctrl-C or SIGTERM, then lets connections finish for `drain` seconds.
    ///
    /// # Errors
    /// A text for the user: why a door closed by itself.
    pub(crate) async fn serve(
        mut self,
        stack: &Stack,
        listening: &Event<'_>,
        drain: u64,
    ) -> Result<(), String> {
        self.report.event(listening);
        let status = tokio::spawn(report::status(stack.clone(), self.report.clone()));
        let result = tokio::select! {
            () = self.signals.next() => Ok(()),
            Some(ended) = self.accepting.join_next() => match ended {
                Ok(result) => result,
                Err(error) => Err(error.to_string()),
            },
        };
        self.report.event(&Event::Draining { seconds: drain });
        let _ = self.stop.send(true);
        let accepting = &mut self.accepting;
        let drained = async { while accepting.join_next().await.is_some() {} };
        tokio::select! {
            () = drained => {}
            () = tokio::time::sleep(Duration::from_secs(drain)) => {}
            () = self.signals.next() => {}
        }
        self.accepting.abort_all();
        status.abort();
        // What is left after the drain is reset.
        let _ = stack.shutdown(Duration::from_secs(1)).await;
        self.report.finish().await;
        result
    }
}

/// `connect`, begun here and now: clients reach the target in the order in which they came, which a protocol of several
/// connections may rely on.
async fn begun<T, F: Future<Output = T>>(connect: F) -> impl Future<Output = T> + use<T, F> {
    let mut connect = Box::pin(connect);
    let first = poll_fn(|cx| Poll::Ready(connect.as_mut().poll(cx))).await;
    async move {
        match first {
            Poll::Ready(connected) => connected,
            Poll::Pending => connect.await,
        }
    }
}

/// Accepts at one door until told to stop, then waits for its connections.
async fn accept<F, S>(
    door: impl Door,
    target: Target,
    connect: impl Fn() -> F,
    report: Arc<Report>,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), String>
where
    F: Future<Output = io::Result<S>> + Send + 'static,
    S: End,
{
    let mut relays = JoinSet::new();
    let result = loop {
        tokio::select! {
            accepted = door.accept() => match accepted {
                Ok((client, peer)) => {
                    let report = report.clone();
                    let passing = relay(client, begun(connect()).await, target.name, target.timeout);
                    relays.spawn(async move { report.relay(peer, passing).await });
                }
                Err(error) => break Err(format!("the stack has ended: {error}")),
            },
            Some(_) = relays.join_next() => {}
            _ = stopping.changed() => break Ok(()),
        }
    };
    drop(door);
    while relays.join_next().await.is_some() {}
    result
}
