//! Blocks a thread on a file descriptor and a [`Signal`] at once.

use super::Signal;
use core::task::Waker;
use core::time::Duration;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// What a thread sleeps on that drives a device with a file descriptor.
pub struct FdWait {
    waker: Waker,
    rung: UnixStream,
}

/// Rings by a byte in a socket pair that the thread polls together with its device.
struct Bell(UnixStream);

impl std::task::Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // A full buffer rings as well as one byte more; a closed one has nobody to ring for.
        let _ = (&self.0).write(&[1]);
    }
}

impl FdWait {
    /// A new one.
    ///
    /// # Errors
    /// The system has no descriptors left.
    pub fn new() -> io::Result<Self> {
        let (bell, rung) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        rung.set_nonblocking(true)?;
        Ok(Self { waker: Waker::from(Arc::new(Bell(bell))), rung })
    }

    /// Blocks until `signal` is raised (and takes it), `fd` can be read, or `timeout` has passed; `None`: no
    /// limit. May return early.
    ///
    /// # Errors
    /// The system's, other than an interruption.
    pub fn wait(&self, signal: &Signal, fd: RawFd, timeout: Option<Duration>) -> io::Result<()> {
        if signal.poll_raised(&self.waker).is_ready() {
            return Ok(());
        }
        let mut fds = [
            libc::pollfd { fd, events: libc::POLLIN, revents: 0 },
            libc::pollfd { fd: self.rung.as_raw_fd(), events: libc::POLLIN, revents: 0 },
        ];
        // Rounded up: a timer that is due in less than a millisecond must not spin.
        let millis = timeout.map_or(-1, |limit| {
            libc::c_int::try_from(limit.as_nanos().div_ceil(1_000_000)).unwrap_or(libc::c_int::MAX)
        });
        // SAFETY: the array lives through the call and its length is the one given.
        let result = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, millis) };
        if result < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) };
        }
        if fds[1].revents != 0 {
            // One read takes all rings that can have gathered: the signal rings once until it is taken.
            let _ = (&self.rung).read(&mut [0; 64]);
        }
        signal.take();
        Ok(())
    }
}

impl core::fmt::Debug for FdWait {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("FdWait")
    }
}
