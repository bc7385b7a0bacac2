//! `read`, `recv` and what is built on them.

use crate::descriptors::Fd;
use crate::errno::Errno;
use crate::socket::Phase;
use crate::sockets::Sockets;
use crate::stop::{Awaited, Stop, Wait, fail};
use synward::buffer::Device;
use synward::shard::ConnId;
use synward::tcp::{IoError, TcpState};

/// Bytes that `MSG_TRUNC` throws away in one step.
const THROWN: usize = 16 * 1024;

/// What `recvmsg` tells besides the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message {
    /// Bytes received.
    pub bytes: usize,
    /// Bytes left to be read, where `TCP_INQ` is on.
    pub left: Option<u32>,
}

impl<D: Device> Sockets<D> {
    /// `recv` (with `flags` 0: `read`). `MSG_PEEK` leaves the bytes, `MSG_TRUNC` throws them away and counts them,
    /// `MSG_WAITALL` waits for all of `out`, `MSG_DONTWAIT` for none. `MSG_OOB` finds nothing: urgent bytes are bytes of the
    /// stream (RFC 6093, Section 6 has applications read them in line).
    ///
    /// # Errors
    /// `EAGAIN`, `ENOTCONN`, or how the connection ended.
    pub fn recv(&mut self, fd: Fd, out: &mut [u8], flags: i32) -> Result<usize, Stop> {
        let now = self.now;
        let socket = self.table.socket_mut(fd)?;
        if flags & libc::MSG_OOB != 0 {
            return fail(libc::EINVAL);
        }
        if flags & libc::MSG_ERRQUEUE != 0 {
            return fail(libc::EAGAIN);
        }
        let nonblocking = socket.nonblocking || flags & libc::MSG_DONTWAIT != 0;
        let until = socket.choices.receive_timeout.map(|timeout| now + timeout);
        let least = socket.choices.receive_low_water.max(1);
        let wait = |done| Err(Stop::WouldBlock(Wait { fd, on: Awaited::Readable, until, done }));
        let id = match socket.phase {
            Phase::Connected { id, .. } => id,
            Phase::Connecting(_) if nonblocking => return fail(libc::EAGAIN),
            Phase::Connecting(_) => return wait(0),
            Phase::Fresh => {
                socket.take_error()?;
                return fail(libc::ENOTCONN);
            }
            Phase::Listening(_) => return fail(libc::ENOTCONN),
        };
        if out.is_empty() {
            return Ok(0);
        }
        let got = self.take(id, out, flags)?;
        if got > 0 {
            self.turn();
        }
        let target = if flags & libc::MSG_WAITALL != 0 { out.len() } else { least.min(out.len()) };
        if got >= target || (got > 0 && (nonblocking || flags & libc::MSG_PEEK != 0)) {
            return Ok(got);
        }
        // Everything that came is taken: is that all?
        if self.at_end(fd, id)? {
            return if got > 0 { Ok(got) } else { Ok(self.end_of_stream(fd)?) };
        }
        if nonblocking {
            return fail(libc::EAGAIN);
        }
        wait(got)
    }

    /// Bytes that are there, as `flags` say; 0 where there is none.
    fn take(&mut self, id: ConnId, out: &mut [u8], flags: i32) -> Result<usize, Errno> {
        let (peek, discard) = (flags & libc::MSG_PEEK != 0, flags & libc::MSG_TRUNC != 0);
        let unread = self.host.info(id).map_or(0, |info| info.unread as usize);
        if unread == 0 {
            return Ok(0);
        }
        let result = match (peek, discard) {
            (true, true) => Ok(unread.min(out.len())),
            (true, false) => self.host.peek(id, out),
            (false, true) => return Ok(self.throw_away(id, unread.min(out.len()))),
            (false, false) => self.host.read(id, out),
        };
        match result {
            Ok(n) => Ok(n),
            Err(IoError::WouldBlock | IoError::Ended) => Ok(0),
            Err(error @ IoError::Shutdown) => Err(error.into()),
        }
    }

    fn throw_away(&mut self, id: ConnId, count: usize) -> usize {
        let mut scratch = vec![0; count.min(THROWN)];
        let mut done = 0;
        while done < count {
            let room = (count - done).min(scratch.len());
            match self.host.read(id, scratch.get_mut(..room).unwrap_or_default()) {
                Ok(0) | Err(_) => break,
                Ok(n) => done += n,
            }
        }
        done
    }

    /// Whether nothing comes any more after what is there.
    fn at_end(&self, fd: Fd, id: ConnId) -> Result<bool, Errno> {
        let socket = self.table.socket(fd)?;
        Ok(socket.read_shut
            || self.peer_closed(id)
            || matches!(socket.phase, Phase::Connected { ended: true, .. }))
    }

    /// Whether the peer's FIN was taken, or the connection is over.
    pub(crate) fn peer_closed(&self, id: ConnId) -> bool {
        match self.host.state(id) {
            TcpState::CloseWait | TcpState::Closing | TcpState::LastAck | TcpState::TimeWait => true,
            TcpState::Closed => true,
            TcpState::Listen | TcpState::SynSent | TcpState::SynReceived => false,
            TcpState::Established | TcpState::FinWait1 | TcpState::FinWait2 => false,
        }
    }

    /// The end: an error once, then 0.
    fn end_of_stream(&mut self, fd: Fd) -> Result<usize, Errno> {
        self.table.socket_mut(fd)?.take_error()?;
        Ok(0)
    }

    /// `recvmsg`, into one buffer: who has several scatters it.
    ///
    /// # Errors
    /// As [`Sockets::recv`].
    pub fn recvmsg(&mut self, fd: Fd, out: &mut [u8], flags: i32) -> Result<Message, Stop> {
        let bytes = self.recv(fd, out, flags)?;
        let socket = self.table.socket(fd)?;
        let id = socket.connection().filter(|_| socket.choices.tell_left);
        let left = id.map(|id| self.host.info(id).map_or(0, |info| info.unread));
        Ok(Message { bytes, left })
    }
}
