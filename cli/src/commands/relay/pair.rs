//! One client's connection, relayed to its target. Which of the two is the kernel's and which is ours does not matter here.

use std::fmt;
use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional_with_sizes};

/// Bytes that are in hand at most, in each direction.
const BUFFER: usize = 64 * 1024;

/// One end of a relay.
pub(crate) trait End: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Makes its drop a reset.
    fn reset_on_drop(&self);
    /// Sends what there is without waiting for more: a relay must not wait for more than the peer sent.
    fn send_at_once(&self);
}

// Both can fail only on a connection that has ended already, and that needs none of it.
impl End for synward::socket::TcpStream {
    fn reset_on_drop(&self) {
        let _ = self.set_linger(Some(Duration::ZERO));
    }

    fn send_at_once(&self) {
        let _ = self.set_nodelay(true);
    }
}

impl End for tokio::net::TcpStream {
    fn reset_on_drop(&self) {
        let _ = self.set_zero_linger();
    }

    fn send_at_once(&self) {
        let _ = self.set_nodelay(true);
    }
}

/// What went through.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Passed {
    /// Bytes from the client to the target.
    pub(super) up: u64,
    /// Bytes from the target to the client.
    pub(super) down: u64,
}

/// Why a relay ended before both sides had finished.
#[derive(Debug)]
pub(super) enum RelayError {
    /// The target did not accept within its time.
    Silent(&'static str, Duration),
    /// The target could not be reached.
    Connect(&'static str, io::Error),
    /// One of the two connections broke.
    Broken(io::Error),
}

impl fmt::Display for RelayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(target, bound) => {
                write!(f, "the {target} did not accept within {} s", bound.as_secs())
            }
            Self::Connect(target, error) => write!(f, "the {target} cannot be reached: {error}"),
            Self::Broken(error) => write!(f, "broken: {error}"),
        }
    }
}

/// The two connections of a relay. Unless both directions have ended, dropping them resets both: what was cut off must not
/// look like a regular end.
struct Pair<C: End, S: End> {
    client: C,
    server: Option<S>,
    finished: bool,
}

impl<C: End, S: End> Drop for Pair<C, S> {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        self.client.reset_on_drop();
        if let Some(server) = &self.server {
            server.reset_on_drop();
        }
    }
}

/// Relays until both directions have ended; a half-close passes through. Whatever goes wrong on one side, and being
/// cancelled, reaches the other as a reset. `target` is what errors call the other end.
pub(super) async fn relay<S: End>(
    client: impl End,
    connect: impl Future<Output = io::Result<S>>,
    target: &'static str,
    timeout: Duration,
) -> Result<Passed, RelayError> {
    let mut pair = Pair { client, server: None, finished: false };
    let connected = tokio::time::timeout(timeout, connect).await;
    let connected = connected.map_err(|_| RelayError::Silent(target, timeout))?;
    let server = pair.server.insert(connected.map_err(|error| RelayError::Connect(target, error))?);
    server.send_at_once();
    pair.client.send_at_once();
    let copied = copy_bidirectional_with_sizes(&mut pair.client, server, BUFFER, BUFFER).await;
    let (up, down) = copied.map_err(RelayError::Broken)?;
    pair.finished = true;
    Ok(Passed { up, down })
}
