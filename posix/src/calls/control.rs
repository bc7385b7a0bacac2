//! `fcntl` and `ioctl`.

use crate::descriptors::{Descriptor, Fd};
use crate::errno::Errno;
use crate::socket::Phase;
use crate::sockets::Sockets;
use crate::stop::fail;
use synward::buffer::Device;
use synward::tcp::TcpState;

/// `SIOCINQ`, which is `FIONREAD`.
const SIOCINQ: u64 = libc::FIONREAD;
/// `SIOCOUTQ`, which is `TIOCOUTQ`.
const SIOCOUTQ: u64 = libc::TIOCOUTQ;
/// What was written and not sent.
const SIOCOUTQNSD: u64 = 0x894b;
/// Whether the next byte to be read is the urgent mark.
const SIOCATMARK: u64 = 0x8905;

impl<D: Device> Sockets<D> {
    /// `fcntl`: `F_GETFL` and `F_SETFL` (of which `O_NONBLOCK` counts), `F_GETFD` and `F_SETFD` (close-on-exec is always
    /// on: no other program can have the descriptor).
    ///
    /// # Errors
    /// `EBADF`, or `EINVAL` for another command.
    pub fn fcntl(&mut self, fd: Fd, command: i32, argument: i32) -> Result<i32, Errno> {
        let descriptor = self.table.get_mut(fd).ok_or(Errno(libc::EBADF))?;
        match (command, descriptor) {
            (libc::F_GETFL, Descriptor::Socket(socket)) => {
                Ok(libc::O_RDWR | if socket.nonblocking { libc::O_NONBLOCK } else { 0 })
            }
            (_, Descriptor::Lingering(_)) => fail(libc::EBADF),
            (libc::F_GETFL, Descriptor::Epoll(_)) => Ok(libc::O_RDWR),
            (libc::F_SETFL, Descriptor::Socket(socket)) => {
                socket.nonblocking = argument & libc::O_NONBLOCK != 0;
                Ok(0)
            }
            (libc::F_SETFL, Descriptor::Epoll(_)) => Ok(0),
            (libc::F_GETFD, _) => Ok(libc::FD_CLOEXEC),
            (libc::F_SETFD, _) => Ok(0),
            _ => fail(libc::EINVAL),
        }
    }

    /// `FIONBIO`: the socket blocks or not.
    ///
    /// # Errors
    /// No socket has this number.
    pub fn set_nonblocking(&mut self, fd: Fd, on: bool) -> Result<(), Errno> {
        self.table.socket_mut(fd)?.nonblocking = on;
        Ok(())
    }

    /// The requests of `ioctl` that ask for a number of bytes: `SIOCINQ` (`FIONREAD`), `SIOCOUTQ`, `SIOCOUTQNSD`,
    /// `SIOCATMARK`.
    ///
    /// # Errors
    /// `EINVAL` on a listening socket, `ENOTTY` for another request.
    pub fn ioctl(&self, fd: Fd, request: u64) -> Result<i32, Errno> {
        let socket = self.table.socket(fd)?;
        if !matches!(request, SIOCINQ | SIOCOUTQ | SIOCOUTQNSD | SIOCATMARK) {
            return fail(libc::ENOTTY);
        }
        if matches!(socket.phase, Phase::Listening(_)) && request != SIOCATMARK {
            return fail(libc::EINVAL);
        }
        let Some(id) = socket.connection() else { return Ok(0) };
        let queued = self.host.send_queued(id);
        let info = self.host.info(id);
        let count = match request {
            SIOCINQ => info.map_or(0, |info| info.unread as usize),
            // The FIN has a sequence number too, and is owed until it is acknowledged.
            SIOCOUTQ => queued + usize::from(fin_unacknowledged(self.host.state(id))),
            SIOCOUTQNSD => info.map_or(queued, |info| info.unsent as usize),
            // RFC 6093: the mark is where the next read would stop to be urgent.
            _ => usize::from(self.host.urgent_mark(id) == Some(1)),
        };
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// Whether a FIN of ours is queued or in flight.
fn fin_unacknowledged(state: TcpState) -> bool {
    match state {
        TcpState::FinWait1 | TcpState::Closing | TcpState::LastAck => true,
        TcpState::Closed | TcpState::Listen | TcpState::SynSent | TcpState::SynReceived => false,
        TcpState::Established | TcpState::FinWait2 | TcpState::CloseWait | TcpState::TimeWait => false,
    }
}
