//! Reading and writing as tokio's traits want it, on the two halves of a cell. All stream types share these functions.

use super::error::of_end;
use super::transfer::{self, Scatter};
use crate::buffer::copy::in_pieces;
use crate::shard::Failure;
use crate::sync::{Read, ReadHalf, Write, WriteHalf};
use bytes::BufMut;
use core::task::{Context, Poll, ready};
use std::io::{self, IoSlice, IoSliceMut};
use tokio::io::{Interest, ReadBuf, Ready};

fn of_read(read: Read<'_, Failure>) -> io::Result<usize> {
    match read {
        Read::Data(n) => Ok(n),
        Read::Eof => Ok(0),
        Read::Ended(ended) => Err(of_end(ended, io::ErrorKind::NotConnected)),
        Read::Empty | Read::Busy => Err(io::ErrorKind::WouldBlock.into()),
    }
}

fn of_write(
    half: &WriteHalf<Failure>,
    write: Write<'_, Failure>,
    slices: &[IoSlice<'_>],
) -> io::Result<usize> {
    match write {
        Write::Credit(credit) => Ok(transfer::write(half, slices, credit)),
        Write::Full => Err(io::ErrorKind::WouldBlock.into()),
        Write::Shutdown => Err(io::ErrorKind::BrokenPipe.into()),
        Write::Ended(ended) => Err(of_end(ended, io::ErrorKind::BrokenPipe)),
    }
}

pub(super) fn poll_read(
    half: &ReadHalf<Failure>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let max = buf.remaining();
    let read =
        ready!(half.poll_read(cx.waker(), max, |bytes| in_pieces(bytes, |piece| buf.put_slice(piece))));
    Poll::Ready(of_read(read).map(drop))
}

pub(super) fn poll_peek(
    half: &ReadHalf<Failure>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<usize>> {
    let max = buf.remaining();
    let read = ready!(half.poll_peek(cx.waker(), max, |bytes| buf.put_slice(bytes)));
    Poll::Ready(of_read(read))
}

pub(super) fn try_read(half: &ReadHalf<Failure>, buf: &mut [u8]) -> io::Result<usize> {
    try_read_vectored(half, &mut [IoSliceMut::new(buf)])
}

pub(super) fn try_read_vectored(half: &ReadHalf<Failure>, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let mut scatter = Scatter::new(bufs);
    of_read(half.read(scatter.room(), |bytes| scatter.put(bytes)))
}

/// As much as fits into the memory that `buf` has now, as tokio does: one that grows is not grown for more.
pub(super) fn try_read_buf<B: BufMut>(half: &ReadHalf<Failure>, buf: &mut B) -> io::Result<usize> {
    let room = buf.chunk_mut().len();
    of_read(half.read(room, |bytes| in_pieces(bytes, |piece| buf.put_slice(piece))))
}

pub(super) fn poll_write(
    half: &WriteHalf<Failure>,
    cx: &mut Context<'_>,
    slices: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let write = ready!(half.poll_writable(cx.waker()));
    Poll::Ready(of_write(half, write, slices))
}

pub(super) fn try_write(half: &WriteHalf<Failure>, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    of_write(half, half.writable(), slices)
}

pub(super) fn poll_shutdown(half: &WriteHalf<Failure>) -> Poll<io::Result<()>> {
    half.shutdown();
    Poll::Ready(Ok(()))
}

pub(super) fn read_readiness(half: &ReadHalf<Failure>, cx: &mut Context<'_>) -> Option<Ready> {
    half.poll_readable(cx.waker()).is_ready().then(|| {
        let status = half.status();
        let closed = status.is_eof() || status.is_ended();
        if closed { Ready::READABLE | Ready::READ_CLOSED } else { Ready::READABLE }
    })
}

pub(super) fn write_readiness(half: &WriteHalf<Failure>, cx: &mut Context<'_>) -> Option<Ready> {
    match half.poll_writable(cx.waker()) {
        Poll::Pending => None,
        Poll::Ready(Write::Credit(_) | Write::Full) => Some(Ready::WRITABLE),
        Poll::Ready(Write::Shutdown | Write::Ended(_)) => Some(Ready::WRITABLE | Ready::WRITE_CLOSED),
    }
}

/// An interest that nothing here could ever serve is an error at once and not a wait without an end.
fn serves(
    read: Option<&ReadHalf<Failure>>,
    write: Option<&WriteHalf<Failure>>,
    interest: Interest,
) -> io::Result<()> {
    if read.is_some() && interest.is_readable() || write.is_some() && interest.is_writable() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "an interest that this socket or half of one never serves",
    ))
}

/// Calls `f` where `interest` can be served now.
pub(super) fn try_io<R>(
    read: &ReadHalf<Failure>,
    write: &WriteHalf<Failure>,
    interest: Interest,
    f: impl FnOnce() -> io::Result<R>,
) -> io::Result<R> {
    serves(Some(read), Some(write), interest)?;
    let readable = interest.is_readable() && read.readable() == Some(true);
    let ready = readable || interest.is_writable() && !matches!(write.writable(), Write::Full);
    if ready { f() } else { Err(io::ErrorKind::WouldBlock.into()) }
}

/// Calls `f` whenever `interest` can be served and something has happened since, until it gives something else than
/// "would block".
pub(super) fn poll_io<R>(
    read: &ReadHalf<Failure>,
    write: &WriteHalf<Failure>,
    interest: Interest,
    cx: &mut Context<'_>,
    f: &mut impl FnMut() -> io::Result<R>,
) -> Poll<io::Result<R>> {
    for attempt in 0..2 {
        match try_io(read, write, interest, &mut *f) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return Poll::Ready(result),
        }
        // Register, then look again: what the shard told before it took the wakers is seen by the second look.
        if attempt == 0 && interest.is_readable() {
            read.register(cx.waker());
        }
        if attempt == 0 && interest.is_writable() {
            write.register(cx.waker());
        }
    }
    // Who reads in this very moment may leave data behind and will wake nobody.
    if interest.is_readable() && read.readable().is_none() {
        cx.waker().wake_by_ref();
    }
    Poll::Pending
}

/// Both directions, as far as `interest` asks.
pub(super) fn poll_ready(
    read: Option<&ReadHalf<Failure>>,
    write: Option<&WriteHalf<Failure>>,
    interest: Interest,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Ready>> {
    serves(read, write, interest)?;
    let mut ready = Ready::EMPTY;
    if let Some(half) = read.filter(|_| interest.is_readable()) {
        ready |= read_readiness(half, cx).unwrap_or(Ready::EMPTY);
    }
    if let Some(half) = write.filter(|_| interest.is_writable()) {
        ready |= write_readiness(half, cx).unwrap_or(Ready::EMPTY);
    }
    if ready.is_empty() { Poll::Pending } else { Poll::Ready(Ok(ready)) }
}
