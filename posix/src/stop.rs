//! Why a call did not end with its result.

use super::{Errno, Fd};
use synward::base::Instant;

/// What a call waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Awaited {
    /// Bytes to read, the end of the stream, or an error.
    Readable,
    /// Room to write, or an error.
    Writable,
    /// The end of a connect.
    Connected,
    /// A connection to accept.
    Incoming,
    /// Any descriptor of a poll or an epoll set.
    Ready,
    /// The peer's acknowledgment of all that was written and of the end (`close` with a linger time).
    Acknowledged,
}

/// A call that would block, on a descriptor that may: let time pass, and call again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wait {
    /// The descriptor; -1 for a poll, which has several.
    pub fd: Fd,
    /// What would let it go on.
    pub on: Awaited,
    /// When it ends without that (a time-out of the call or of the socket); of several calls in a row the first one's
    /// counts.
    pub until: Option<Instant>,
    /// Bytes that this call has moved: the next one takes the rest of the buffer, and the sum is the result.
    pub done: usize,
}

impl Wait {
    /// The result of the whole call at [`Wait::until`], where `done` bytes were moved in all.
    ///
    /// # Errors
    /// Nothing came of it: `EAGAIN`, or `EINPROGRESS` for a connect, which goes on.
    pub fn expired(&self, done: usize) -> Result<usize, Errno> {
        match self.on {
            // A close has happened, whatever became of the data.
            Awaited::Ready | Awaited::Acknowledged => Ok(0),
            _ if done > 0 => Ok(done),
            Awaited::Connected => Err(Errno(libc::EINPROGRESS)),
            Awaited::Readable | Awaited::Writable | Awaited::Incoming => Err(Errno(libc::EAGAIN)),
        }
    }
}

/// Why a call did not end with its result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// It failed.
    Errno(Errno),
    /// It would block.
    WouldBlock(Wait),
}

impl<E: Into<Errno>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Errno(error.into())
    }
}

/// A failure by its number.
pub(crate) fn fail<T, E: From<Errno>>(number: i32) -> Result<T, E> {
    Err(Errno(number).into())
}
