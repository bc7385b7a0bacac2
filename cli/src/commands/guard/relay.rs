//! One client's connection, relayed to the backend.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

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

/// Relays until both directions have ended; a half-close passes through. Whatever goes wrong on one side reaches the other
/// as a reset.
pub(super) async fn relay(
    mut client: TcpStream,
    backend: SocketAddr,
    timeout: Duration,
) -> Result<Passed, RelayError> {
    let mut server = match tokio::time::timeout(timeout, Backend::connect(backend)).await {
        Ok(Ok(server)) => server,
        Ok(Err(error)) => {
            reset(&client);
            return Err(RelayError::Connect(error));
        }
        Err(_) => {
            reset(&client);
            return Err(RelayError::Silent(timeout));
        }
    };
    // A relay must not wait for more than the peer sent.
    let _ = server.set_nodelay(true);
    let _ = client.set_nodelay(true);
    match copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER).await {
        Ok((up, down)) => Ok(Passed { up, down }),
        Err(error) => {
            reset(&client);
            let _ = server.set_zero_linger();
            Err(RelayError::Broken(error))
        }
    }
}

/// Makes the drop that follows a reset.
fn reset(client: &TcpStream) {
    // A connection that has ended already needs none.
    let _ = client.set_linger(Some(Duration::ZERO));
}
