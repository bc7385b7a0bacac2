//! `connect`.

use crate::descriptors::Fd;
use crate::errno::Errno;
use crate::socket::Phase;
use crate::sockets::Sockets;
use crate::stop::{Awaited, Stop, Wait, fail};
use synward::buffer::Device;

impl<D: Device> Sockets<D> {
    /// `connect`, with the address in C's layout. A blocking socket's first call ends with [`Stop::WouldBlock`]; called again
    /// it tells the result.
    ///
    /// # Errors
    /// `EINPROGRESS` and then `EALREADY` on a non-blocking socket, `EISCONN`, or why it failed.
    pub fn connect(&mut self, fd: Fd, address: &[u8]) -> Result<(), Stop> {
        let socket = self.table.socket_mut(fd)?;
        let Some(family) = address.first_chunk::<2>().map(|bytes| i32::from(u16::from_ne_bytes(*bytes)))
        else {
            return fail(libc::EINVAL);
        };
        if family == libc::AF_UNSPEC {
            return Ok(self.disconnect(fd)?);
        }
        let remote = socket.family.parse(address)?;
        match socket.phase {
            Phase::Listening(_) => fail(libc::EISCONN),
            Phase::Connected { .. } if socket.connect_untold => {
                socket.connect_untold = false;
                Ok(())
            }
            Phase::Connected { .. } => fail(libc::EISCONN),
            Phase::Connecting(_) if socket.nonblocking => fail(libc::EALREADY),
            Phase::Connecting(_) => self.wait_connected(fd),
            Phase::Fresh => {
                // The failure of the attempt before is told first.
                socket.take_error()?;
                let (local, options) = (socket.bound, socket.choices.for_stack());
                let id = self.host.connect_from(local, remote, &options).map_err(Errno::from)?;
                let now = self.now;
                let socket = self.table.socket_mut(fd)?;
                socket.phase = Phase::Connecting(id);
                socket.read_shut = false;
                socket.write_shut = false;
                socket.waits_until = socket.choices.send_timeout.map(|timeout| now + timeout);
                let nonblocking = socket.nonblocking;
                self.table.name_connection(id, fd);
                self.turn();
                if nonblocking { fail(libc::EINPROGRESS) } else { self.wait_connected(fd) }
            }
        }
    }

    fn wait_connected(&mut self, fd: Fd) -> Result<(), Stop> {
        let socket = self.table.socket_mut(fd)?;
        match socket.phase {
            Phase::Connecting(_) => {
                let until = socket.waits_until;
                Err(Stop::WouldBlock(Wait { fd, on: Awaited::Connected, until, done: 0 }))
            }
            Phase::Connected { .. } => {
                socket.connect_untold = false;
                Ok(())
            }
            Phase::Fresh => Ok(socket.take_error()?),
            Phase::Listening(_) => fail(libc::EISCONN),
        }
    }

    /// `connect` to `AF_UNSPEC`: the association is dissolved (the connection is reset) and the socket is as new.
    fn disconnect(&mut self, fd: Fd) -> Result<(), Errno> {
        let socket = self.table.socket_mut(fd)?;
        let phase = core::mem::replace(&mut socket.phase, Phase::Fresh);
        socket.error = None;
        socket.connect_untold = false;
        self.leave(phase, |host, id| host.abort(id));
        self.turn();
        Ok(())
    }
}
