//! Reading and writing as tokio's traits want it, on the two halves of a cell. All stream types share these functions.

use super::error::of_end;
use super::transfer::{self, Scatter};
use crate::shard::Failure;
use crate::sync::{Read, ReadHalf, Write, WriteHalf};
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
    let read = ready!(half.poll_read(cx.waker(), max, |bytes| buf.put_slice(bytes)));
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

/// Both directions, as far as `interest` asks.
pub(super) fn poll_ready(
    read: Option<&ReadHalf<Failure>>,
    write: Option<&WriteHalf<Failure>>,
    interest: Interest,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Ready>> {
    let mut ready = Ready::EMPTY;
    if let Some(half) = read.filter(|_| interest.is_readable()) {
        ready |= read_readiness(half, cx).unwrap_or(Ready::EMPTY);
    }
    if let Some(half) = write.filter(|_| interest.is_writable()) {
        ready |= write_readiness(half, cx).unwrap_or(Ready::EMPTY);
    }
    if ready.is_empty() { Poll::Pending } else { Poll::Ready(Ok(ready)) }
}
