//! `accept` and `accept4`.

use crate::descriptors::{Descriptor, Fd};
use crate::errno::Errno;
use crate::socket::{Phase, Socket};
use crate::sockets::Sockets;
use crate::stop::{Awaited, Stop, Wait, fail};
use std::net::SocketAddr;
use synward::buffer::Device;
use synward::shard::AcceptError;

impl<D: Device> Sockets<D> {
    /// `accept4` (with `flags` 0: `accept`): the new descriptor and the peer, to be shown in the socket's family.
    ///
    /// # Errors
    /// `EINVAL` where the socket does not listen; `EAGAIN`; no number is left.
    pub fn accept(&mut self, fd: Fd, flags: i32) -> Result<(Fd, SocketAddr), Stop> {
        if flags & !(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC) != 0 {
            return fail(libc::EINVAL);
        }
        let now = self.now;
        let socket = self.table.socket_mut(fd)?;
        let Phase::Listening(listener) = socket.phase else { return fail(libc::EINVAL) };
        let nonblocking = socket.nonblocking;
        let until = socket.choices.receive_timeout.map(|timeout| now + timeout);
        let (family, choices) = (socket.family, socket.choices.clone());
        // A number first: a connection that was taken out and has none would be lost.
        let number = self.numbers.take()?;
        let (id, peer) = match self.host.accept(listener) {
            Ok(accepted) => accepted,
            Err(error) => {
                self.numbers.give_back(number);
                return Err(match error {
                    AcceptError::WouldBlock if !nonblocking => {
                        Stop::WouldBlock(Wait { fd, on: Awaited::Incoming, until, done: 0 })
                    }
                    AcceptError::WouldBlock | AcceptError::Closed => Errno::from(error).into(),
                });
            }
        };
        let mut accepted = Socket::new(family, flags & libc::SOCK_NONBLOCK != 0);
        accepted.choices = choices;
        // What happened to the connection while it waited is told now.
        let ended = self.host.ended(id);
        accepted.phase = Phase::Connected { id, ended: ended.is_some() };
        accepted.error = ended.as_ref().and_then(Errno::of_end);
        accepted.bound = self.host.endpoints(id).map(|(local, _)| local);
        self.table.insert(number, Descriptor::Socket(Box::new(accepted)));
        self.table.name_connection(id, number);
        Ok((number, peer))
    }
}
