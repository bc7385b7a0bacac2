//! What a descriptor is ready for, in the bits of poll; epoll has the same ones.

mod epoll;
mod poll;

pub(crate) use epoll::Epoll;
pub use epoll::EpollEvent;
pub use poll::PollFd;

use crate::descriptors::{Descriptor, Fd};
use crate::socket::{Phase, Socket};
use crate::sockets::Sockets;
use synward::buffer::Device;
use synward::tcp::TcpState;

pub(crate) const IN: u32 = libc::POLLIN as u32;
pub(crate) const PRI: u32 = libc::POLLPRI as u32;
pub(crate) const OUT: u32 = libc::POLLOUT as u32;
pub(crate) const ERR: u32 = libc::POLLERR as u32;
pub(crate) const HUP: u32 = libc::POLLHUP as u32;
pub(crate) const RDNORM: u32 = libc::POLLRDNORM as u32;
pub(crate) const WRNORM: u32 = libc::POLLWRNORM as u32;
pub(crate) const RDHUP: u32 = libc::POLLRDHUP as u32;

/// What is told whether asked for or not.
pub(crate) const ALWAYS: u32 = ERR | HUP;

impl<D: Device> Sockets<D> {
    /// What `fd` is ready for now; `None` where no such descriptor is.
    pub(crate) fn ready(&mut self, fd: Fd) -> Option<u32> {
        let socket = match self.table.get(fd)? {
            Descriptor::Socket(socket) => &**socket,
            Descriptor::Lingering(_) => return None,
            Descriptor::Epoll(_) => return Some(if self.epoll_has_any(fd) { IN | RDNORM } else { 0 }),
        };
        let bits = self.socket_ready(socket);
        if bits & OUT == 0 {
            if let Some(Descriptor::Socket(socket)) = self.table.get_mut(fd) {
                socket.no_space = true;
            }
        }
        Some(bits)
    }

    fn socket_ready(&self, socket: &Socket) -> u32 {
        let mut bits = if socket.error.is_some() { ERR } else { 0 };
        match socket.phase {
            Phase::Fresh => bits |= OUT | WRNORM | HUP,
            Phase::Connecting(_) => {}
            Phase::Listening(id) => {
                if self.host.accept_waiting(id) {
                    bits |= IN | RDNORM;
                }
            }
            Phase::Connected { id, ended } => {
                let closed = ended || self.host.state(id) == TcpState::Closed;
                let read_end = closed || socket.read_shut || self.peer_closed(id);
                if closed || (read_end && socket.write_shut) {
                    bits |= HUP;
                }
                if read_end {
                    bits |= IN | RDNORM | RDHUP;
                }
                let unread = self.host.info(id).map_or(0, |info| info.unread as usize);
                if unread >= socket.choices.receive_low_water.max(1) {
                    bits |= IN | RDNORM;
                }
                if closed || socket.write_shut || self.writable_enough(id) {
                    bits |= OUT | WRNORM;
                }
                if self.host.urgent_mark(id).is_some() {
                    bits |= PRI;
                }
            }
        }
        bits
    }
}
