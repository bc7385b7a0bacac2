//! `write`, `send` and what is built on them.

use crate::descriptors::Fd;
use crate::errno::Errno;
use crate::socket::Phase;
use crate::sockets::Sockets;
use crate::stop::{Awaited, Stop, Wait, fail};
use synward::buffer::Device;
use synward::tcp::IoError;

/// The flags of `send` that are served; `MSG_NOSIGNAL` and `MSG_DONTROUTE` mean nothing here.
const SERVED: i32 = libc::MSG_DONTWAIT
    | libc::MSG_NOSIGNAL
    | libc::MSG_MORE
    | libc::MSG_OOB
    | libc::MSG_EOR
    | libc::MSG_DONTROUTE;

impl<D: Device> Sockets<D> {
    /// `send` (with `flags` 0: `write`). On a blocking socket [`Stop::WouldBlock`] tells how many bytes were taken; the call that
    /// follows has the others.
    ///
    /// # Errors
    /// `EAGAIN`, `EPIPE` (the signal is the adapter's), `EOPNOTSUPP` for flags that are not served, or how the connection ended.
    pub fn send(&mut self, fd: Fd, bytes: &[u8], flags: i32) -> Result<usize, Stop> {
        let now = self.now;
        let socket = self.table.socket_mut(fd)?;
        let nonblocking = socket.nonblocking || flags & libc::MSG_DONTWAIT != 0;
        let until = socket.choices.send_timeout.map(|timeout| now + timeout);
        let wait = |done| Err(Stop::WouldBlock(Wait { fd, on: Awaited::Writable, until, done }));
        if flags & !SERVED != 0 {
            return fail(libc::EOPNOTSUPP);
        }
        let (id, ended) = match socket.phase {
            Phase::Connected { id, ended } => (id, ended),
            Phase::Connecting(_) if nonblocking => return fail(libc::EAGAIN),
            Phase::Connecting(_) => return wait(0),
            Phase::Fresh | Phase::Listening(_) => {
                socket.take_error()?;
                return fail(libc::EPIPE);
            }
        };
        if ended || socket.write_shut {
            socket.take_error()?;
            return fail(libc::EPIPE);
        }
        let (urgent, more) = (flags & libc::MSG_OOB != 0, flags & libc::MSG_MORE != 0);
        let mut done = 0;
        let result = loop {
            let rest = bytes.get(done..).unwrap_or_default();
            if rest.is_empty() {
                break Ok(());
            }
            let written = match (urgent, more) {
                (true, _) => self.host.write_urgent(id, rest),
                (false, true) => self.host.write_more(id, rest),
                (false, false) => self.host.write(id, rest),
            };
            match written {
                Ok(n) => done += n,
                Err(error) => break Err(error),
            }
            if done < bytes.len() {
                // Room may be made by sending.
                self.turn();
            }
        };
        self.turn();
        match result {
            Ok(()) => Ok(done),
            Err(IoError::WouldBlock) => {
                self.table.socket_mut(fd)?.no_space = true;
                match done {
                    0 if nonblocking => fail(libc::EAGAIN),
                    done if nonblocking => Ok(done),
                    done => wait(done),
                }
            }
            Err(_) if done > 0 => Ok(done),
            Err(error) => {
                self.table.socket_mut(fd)?.take_error()?;
                Err(Errno::from(error).into())
            }
        }
    }
}
