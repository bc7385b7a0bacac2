//! Wakes a tokio task for a file descriptor.

use core::task::{Context, Poll, ready};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use tokio::io::unix::AsyncFd;

/// What a task sleeps on that drives a device with a file descriptor.
#[derive(Debug)]
pub(crate) struct FdTask(AsyncFd<OwnedFd>);

impl FdTask {
    /// Waits for the file behind `fd`, which its device keeps open during this call. Needs the runtime's I/O driver.
    pub(crate) fn new(fd: RawFd) -> io::Result<Self> {
        // SAFETY: the device that named the descriptor is alive and owns it. The copy is ours, so that nothing here depends
        // on how long the device lives.
        let own = unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()?;
        // SAFETY: the `AsyncFd` owns the descriptor: it stays open and the same as long as it is registered.
        Ok(Self(unsafe { AsyncFd::register(own) }.map_err(io::Error::from)?))
    }

    /// Ready when there may be something to read. It is taken by this: what arrives later makes it ready again, so the
    /// caller reads until there is nothing more.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.0.poll_read_ready(cx))?.clear_ready();
        Poll::Ready(Ok(()))
    }

    /// As [`FdTask::poll_readable`], for room to write.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.0.poll_write_ready(cx))?.clear_ready();
        Poll::Ready(Ok(()))
    }
}
