//! A listening socket.

use super::tcp_stream::checked_ttl;
use super::{Stack, TcpStream, error, open};
use crate::shard::{Failure, cell_options};
use crate::sync::AcceptHalf;
use crate::tcp::Options;
use core::future::poll_fn;
use core::task::{Context, Poll};
use std::io;
use std::net::SocketAddr;
use tokio::net::{ToSocketAddrs, lookup_host};

/// Completed connections that may wait where nobody says otherwise, as in tokio.
const BACKLOG: u32 = 1024;

/// A TCP socket that listens, as [`tokio::net::TcpListener`]. Dropping it resets the connections that nobody accepted.
pub struct TcpListener {
    accept: AcceptHalf<Failure>,
    local: SocketAddr,
}

impl TcpListener {
    pub(super) fn new(accept: AcceptHalf<Failure>, local: SocketAddr) -> Self {
        Self { accept, local }
    }

    /// Listens on `addr`: port 0 takes a free one, `0.0.0.0` all addresses of the stack.
    ///
    /// # Errors
    /// The endpoint is taken or not the stack's ([`crate::shard::ListenError`] is the source), or the stack has ended.
    pub async fn bind<A: ToSocketAddrs>(stack: &Stack, addr: A) -> io::Result<Self> {
        let mut last = None;
        for local in lookup_host(addr).await? {
            match open::listen(stack, local, BACKLOG, Options::default()).await {
                Ok((accept, local)) => return Ok(Self::new(accept, local)),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(no_address))
    }

    /// The next connection, and its peer. Several tasks may wait at once.
    ///
    /// # Errors
    /// The stack has ended, with the cause as source.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// As [`TcpListener::accept`], for a task that polls.
    ///
    /// # Errors
    /// As [`TcpListener::accept`].
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.accept.poll_accept(cx.waker()).map(|accepted| match accepted {
            Ok(accepted) => {
                let stream = TcpStream::new(accepted.read, accepted.write);
                let peer = stream.peer_addr()?;
                Ok((stream, peer))
            }
            Err(ended) => Err(error::of_end(ended, io::ErrorKind::NotConnected)),
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    /// The time to live of the packets that are sent, in the handshake and on the connections that are accepted.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn ttl(&self) -> io::Result<u32> {
        Ok(u32::from(cell_options::ttl(self.accept.options())))
    }

    /// Sets the time to live of packets of handshakes and connections that begin from now on: 1 to 255.
    ///
    /// # Errors
    /// A number out of range.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        let ttl = checked_ttl(ttl)?;
        self.accept.update_options(|bits| cell_options::with_ttl(bits, ttl));
        Ok(())
    }
}

impl core::fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TcpListener").field("local", &self.local).finish_non_exhaustive()
    }
}

/// The error of a name that stands for no address.
pub(super) fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "no address to connect to or listen on")
}
