//! How a program without a runtime waits: for a device, for other descriptors such as its standard input, and for time.

use super::sys;
use core::time::Duration;
use std::io;
use std::os::fd::RawFd;

/// A descriptor to wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interest {
    fd: RawFd,
    read: bool,
    write: bool,
    ready: bool,
}

impl Interest {
    /// Wait until `fd` can be read, or has ended or failed.
    pub fn readable(fd: RawFd) -> Self {
        Self { fd, read: true, write: false, ready: false }
    }

    /// Wait also until it can be written.
    #[must_use]
    pub fn or_writable(mut self, write: bool) -> Self {
        self.write = write;
        self
    }

    /// Whether the last wait found it ready.
    pub fn is_ready(&self) -> bool {
        self.ready
    }
}

/// Waits until one of `interests` is ready, for at most `timeout` (`None`: without an end). It may return early with
/// nothing ready, after a signal: the caller looks at its clock.
///
/// # Errors
/// The system's: no memory, more descriptors than the process may have.
pub fn wait(interests: &mut [Interest], timeout: Option<Duration>) -> io::Result<()> {
    let event = |wanted: bool, bit: libc::c_short| if wanted { bit } else { 0 };
    let mut fds: Vec<_> = interests
        .iter()
        .map(|interest| libc::pollfd {
            fd: interest.fd,
            events: event(interest.read, libc::POLLIN) | event(interest.write, libc::POLLOUT),
            revents: 0,
        })
        .collect();
    sys::poll::poll(&mut fds, timeout)?;
    for (interest, fd) in interests.iter_mut().zip(&fds) {
        interest.ready = fd.revents != 0;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_is_readable_is_told_apart_from_what_is_not() {
        let (mut near, far) = UnixStream::pair().unwrap();
        let (_quiet, other) = UnixStream::pair().unwrap();
        let mut interests = [Interest::readable(far.as_raw_fd()), Interest::readable(other.as_raw_fd())];
        wait(&mut interests, Some(Duration::ZERO)).unwrap();
        assert_eq!(interests.map(|interest| interest.is_ready()), [false, false]);
        near.write_all(b"x").unwrap();
        wait(&mut interests, None).unwrap();
        assert_eq!(interests.map(|interest| interest.is_ready()), [true, false]);
        let mut writable = [Interest::readable(other.as_raw_fd()).or_writable(true)];
        wait(&mut writable, None).unwrap();
        assert!(writable[0].is_ready());
    }
}
