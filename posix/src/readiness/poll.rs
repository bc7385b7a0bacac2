//! `poll`.

use super::ALWAYS;
use crate::descriptors::Fd;
use crate::sockets::Sockets;
use crate::stop::{Awaited, Stop, Wait};
use core::time::Duration;
use synward::buffer::Device;

/// `struct pollfd`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PollFd {
    /// The descriptor; a negative one is passed over.
    pub fd: Fd,
    /// What is asked for.
    pub events: i16,
    /// What is the case.
    pub revents: i16,
}

impl<D: Device> Sockets<D> {
    /// `poll`: how many of `fds` have something to tell. `timeout` is in milliseconds, 0 does not wait, a negative one has no
    /// end.
    ///
    /// # Errors
    /// [`Stop::WouldBlock`] where nothing is ready and it may wait.
    pub fn poll(&mut self, fds: &mut [PollFd], timeout: i32) -> Result<usize, Stop> {
        let mut ready = 0;
        for entry in fds.iter_mut() {
            entry.revents = if entry.fd < 0 {
                0
            } else {
                match self.ready(entry.fd) {
                    Some(bits) => (bits as i16) & (entry.events | ALWAYS as i16),
                    None => libc::POLLNVAL,
                }
            };
            ready += usize::from(entry.revents != 0);
        }
        if ready > 0 { Ok(ready) } else { self.nothing_ready(-1, timeout) }
    }

    /// 0, or the wait of a poll that may wait.
    pub(super) fn nothing_ready(&self, fd: Fd, timeout: i32) -> Result<usize, Stop> {
        if timeout == 0 {
            return Ok(0);
        }
        let until = u64::try_from(timeout).ok().map(|millis| self.now + Duration::from_millis(millis));
        Err(Stop::WouldBlock(Wait { fd, on: Awaited::Ready, until, done: 0 }))
    }
}
