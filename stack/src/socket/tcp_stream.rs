//! A connected socket.

use super::tcp::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::tcp_listener::no_address;
use super::{Stack, error, open, stream_io, tcp};
use crate::shard::{Failure, cell_options};
use crate::sync;
use crate::tcp::Options;
use crate::wire::FlowKey;
use bytes::BufMut;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use tokio::net::{ToSocketAddrs, lookup_host};

/// A TCP connection, as [`tokio::net::TcpStream`].
///
/// Every future may be dropped at any time: a read or write that was not ready has done nothing, a dropped connect is
/// cancelled within one turn of the stack. Dropping the stream sends what was written and a FIN in the background, or a
/// reset where received data was not read.
pub struct TcpStream {
    // In this order: the shard sees the reader go first, so that unread data becomes a reset and never a FIN.
    read: sync::ReadHalf<Failure>,
    write: sync::WriteHalf<Failure>,
}

impl TcpStream {
    pub(super) fn new(read: sync::ReadHalf<Failure>, write: sync::WriteHalf<Failure>) -> Self {
        Self { read, write }
    }

    /// Connects to `addr`, to one after the other where it stands for several, each within [`Stack::connect_bound`].
    ///
    /// # Errors
    /// std's kind, with a [`crate::tcp::ConnectError`] as source that carries the evidence; or the stack has ended.
    pub async fn connect<A: ToSocketAddrs>(stack: &Stack, addr: A) -> io::Result<Self> {
        let mut last = None;
        for remote in lookup_host(addr).await? {
            match open::connect(stack, None, remote, Options::default()).await {
                Ok((read, write)) => return Ok(Self::new(read, write)),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(no_address))
    }

    /// Our endpoint.
    ///
    /// # Errors
    /// None for a stream that exists; the result is tokio's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        flow(self.write.flow()).map(|flow| flow.local.to_socket_addr())
    }

    /// The peer's endpoint.
    ///
    /// # Errors
    /// As [`TcpStream::local_addr`].
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        flow(self.write.flow()).map(|flow| flow.remote.to_socket_addr())
    }

    /// Why the connection failed, if it has. Unlike the system's, it stays to be asked again.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(error::of_failure(self.write.ended()))
    }

    /// Waits until `interest` can be served: a hint that a `try_` call may go through.
    ///
    /// # Errors
    /// An interest that is neither in reading nor in writing. An end counts as ready, and the call that follows tells it.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        poll_fn(|cx| stream_io::poll_ready(Some(&self.read), Some(&self.write), interest, cx)).await
    }

    /// Waits until there is something to read, or the end.
    ///
    /// # Errors
    /// As [`TcpStream::ready`].
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await.map(drop)
    }

    /// Waits until there is room to write, or the end.
    ///
    /// # Errors
    /// As [`TcpStream::ready`].
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await.map(drop)
    }

    /// As [`TcpStream::readable`], for a task that polls.
    ///
    /// # Errors
    /// As [`TcpStream::ready`].
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.read.poll_readable(cx.waker()).map(Ok)
    }

    /// As [`TcpStream::writable`], for a task that polls.
    ///
    /// # Errors
    /// As [`TcpStream::ready`].
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write.poll_writable(cx.waker()).map(|_| Ok(()))
    }

    /// Reads what is there; `Ok(0)` is the end of the stream, or an empty `buf`.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] where nothing is there, or why nothing comes any more.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        stream_io::try_read(&self.read, buf)
    }

    /// As [`TcpStream::try_read`], into several buffers.
    ///
    /// # Errors
    /// As [`TcpStream::try_read`].
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        stream_io::try_read_vectored(&self.read, bufs)
    }

    /// As [`TcpStream::try_read`], into the memory that `buf` has now.
    ///
    /// # Errors
    /// As [`TcpStream::try_read`].
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        stream_io::try_read_buf(&self.read, buf)
    }

    /// Writes as much as there is room for.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] without room, or why nothing can be written any more.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        stream_io::try_write(&self.write, &[IoSlice::new(buf)])
    }

    /// As [`TcpStream::try_write`], from several buffers.
    ///
    /// # Errors
    /// As [`TcpStream::try_write`].
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        stream_io::try_write(&self.write, bufs)
    }

    /// Calls `f`, which uses the `try_` calls of this stream, where `interest` can be served now.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] where it cannot, or what `f` gave.
    pub fn try_io<R>(&self, interest: Interest, f: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        stream_io::try_io(&self.read, &self.write, interest, f)
    }

    /// Calls `f`, which uses the `try_` calls of this stream, each time that `interest` can be served, until it gives
    /// something else than [`io::ErrorKind::WouldBlock`].
    ///
    /// # Errors
    /// What `f` gave.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut f: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        poll_fn(|cx| stream_io::poll_io(&self.read, &self.write, interest, cx, &mut f)).await
    }

    /// Waits for data and copies some of it, which stays unread; 0 is the end of the stream. It may copy less than there
    /// is.
    ///
    /// # Errors
    /// Why nothing comes any more.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(buf);
        poll_fn(|cx| self.poll_peek(cx, &mut buf)).await
    }

    /// As [`TcpStream::peek`], for a task that polls.
    ///
    /// # Errors
    /// As [`TcpStream::peek`].
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        stream_io::poll_peek(&self.read, cx, buf)
    }

    /// Whether small segments are sent at once.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn nodelay(&self) -> io::Result<bool> {
        Ok(cell_options::nodelay(self.write.options()))
    }

    /// Sends small segments at once (Nagle's algorithm off).
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.write.update_options(|bits| cell_options::with_nodelay(bits, nodelay));
        Ok(())
    }

    /// What dropping the stream does with data that is not acknowledged.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        Ok(cell_options::linger(self.write.options()))
    }

    /// Sets what dropping the stream does with data that is not acknowledged: zero resets at once, more (in whole seconds)
    /// resets after that time, `None` delivers in the background. Dropping never blocks.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        self.write.update_options(|bits| cell_options::with_linger(bits, linger));
        Ok(())
    }

    /// The time to live of the packets that are sent.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn ttl(&self) -> io::Result<u32> {
        Ok(u32::from(cell_options::ttl(self.write.options())))
    }

    /// Sets the time to live of the packets that are sent from now on: 1 to 255.
    ///
    /// # Errors
    /// A number out of range.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        let ttl = checked_ttl(ttl)?;
        self.write.update_options(|bits| cell_options::with_ttl(bits, ttl));
        Ok(())
    }

    /// Whether every segment is acknowledged at once, as [`TcpStream::set_quickack`] asked. (The first few always are.)
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn quickack(&self) -> io::Result<bool> {
        Ok(cell_options::quickack(self.write.options()))
    }

    /// Acknowledges every segment at once from now on, or not. Unlike Linux's, it stays.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        self.write.update_options(|bits| cell_options::with_quickack(bits, quickack));
        Ok(())
    }

    /// Makes dropping the stream a reset.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.set_linger(Some(Duration::ZERO))
    }

    /// Resets the connection at once (RFC 9293, Section 3.10.5): both ends fail.
    pub fn abort(&self) {
        self.write.abort();
    }

    /// Both directions, borrowed.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        let stream = &*self;
        (ReadHalf::new(stream), WriteHalf::new(stream))
    }

    /// Both directions, each with its own owner. Dropping the writing one sends a FIN.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        tcp::split_owned(self)
    }

    pub(super) fn read_half(&self) -> &sync::ReadHalf<Failure> {
        &self.read
    }

    pub(super) fn write_half(&self) -> &sync::WriteHalf<Failure> {
        &self.write
    }
}

/// A time to live that a packet can have.
pub(super) fn checked_ttl(ttl: u32) -> io::Result<u8> {
    u8::try_from(ttl).ok().filter(|ttl| *ttl > 0).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("a time to live of {ttl}; the range is 1 to 255"))
    })
}

/// The addresses of a connection; it has them from the handshake on.
pub(super) fn flow(flow: Option<FlowKey>) -> io::Result<FlowKey> {
    flow.ok_or_else(|| io::ErrorKind::NotConnected.into())
}

impl AsyncRead for TcpStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        stream_io::poll_read(&self.read, cx, buf)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        stream_io::poll_write(&self.write, cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        stream_io::poll_write(&self.write, cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Written bytes are on their way already.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        stream_io::poll_shutdown(&self.write)
    }
}

impl AsRef<Self> for TcpStream {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl core::fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (local, peer) = (self.local_addr().ok(), self.peer_addr().ok());
        f.debug_struct("TcpStream").field("local", &local).field("peer", &peer).finish_non_exhaustive()
    }
}
