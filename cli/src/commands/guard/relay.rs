//! One client's connection, relayed to the backend.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use synward::socket::TcpStream;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::TcpStream as Backend;

/// Bytes that are in hand at most, in each direction.
const BUFFER: usize = 64 * 1024;

/// What went through.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Passed {
    /// Bytes from the client to the backend.
    pub(super) up: u64,
    /// Bytes from the backend to the client.
    pub(super) down: u64,
}

/// Why a relay ended before both sides had finished.
#[derive(Debug)]
pub(super) enum RelayError {
    /// The backend did not accept within its time.
    Silent(Duration),
    /// The backend could not be reached.
    Connect(io::Error),
    /// One of the two connections broke.
    Broken(io::Error),
}

impl fmt::Display for RelayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(bound) => write!(f, "the backend did not accept within {} s", bound.as_secs()),
            Self::Connect(error) => write!(f, "the backend cannot be reached: {error}"),
            Self::Broken(error) => write!(f, "broken: {error}"),
        }
    }
}

/// The two connections of a relay. Unless both directions have ended, dropping them resets both: what was cut off must not
/// look like a regular end.
struct Pair {
    client: TcpStream,
    server: Option<Backend>,
    finished: bool,
}

impl Drop for Pair {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        // A connection that has ended already needs none.
        let _ = self.client.set_linger(Some(Duration::ZERO));
        if let Some(server) = &self.server {
            let _ = server.set_zero_linger();
        }
    }
}

/// Where connections go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    /// Longest time to accept a connection.
    pub(super) timeout: Duration,
    /// Longest time in which its host answers nothing on a quiet connection.
    pub(super) silence: Duration,
}

/// Lets the kernel ask a quiet backend whether its host is still there, so that one that vanished holds no client for ever.
/// A host that answers may be as slow as it likes: that is between it and its client.
fn keep_alive(server: &Backend, silence: Duration) -> io::Result<()> {
    let probes = TcpKeepalive::new().with_time(silence / 2).with_interval(silence / 4).with_retries(2);
    SockRef::from(server).set_tcp_keepalive(&probes)
}

/// Relays until both directions have ended; a half-close passes through. Whatever goes wrong on one side, and being
/// cancelled, reaches the other as a reset.
pub(super) async fn relay(
    client: TcpStream,
    Target { address, timeout, silence }: Target,
) -> Result<Passed, RelayError> {
    let mut pair = Pair { client, server: None, finished: false };
    let connected = tokio::time::timeout(timeout, Backend::connect(address)).await;
    let server =
        pair.server.insert(connected.map_err(|_| RelayError::Silent(timeout))?.map_err(RelayError::Connect)?);
    keep_alive(server, silence).map_err(RelayError::Connect)?;
    // A relay must not wait for more than the peer sent.
    let _ = server.set_nodelay(true);
    let _ = pair.client.set_nodelay(true);
    let copied = copy_bidirectional_with_sizes(&mut pair.client, server, BUFFER, BUFFER).await;
    let (up, down) = copied.map_err(RelayError::Broken)?;
    pair.finished = true;
    Ok(Passed { up, down })
}
