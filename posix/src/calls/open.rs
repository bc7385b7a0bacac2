//! `socket`, `bind`, `listen`, `shutdown`, `close`.

use crate::address::Family;
use crate::descriptors::{Descriptor, Fd};
use crate::errno::Errno;
use crate::socket::{Phase, Socket};
use crate::sockets::Sockets;
use crate::stop::{Awaited, Stop, Wait, fail};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use synward::buffer::Device;
use synward::driver::Host;
use synward::shard::ConnId;
use synward::tcp::TcpState;

/// What may be added to the type of a socket.
const TYPE_FLAGS: i32 = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;

impl<D: Device> Sockets<D> {
    /// `socket`: TCP over `AF_INET` or `AF_INET6` (which carries IPv4 alone, as mapped addresses).
    ///
    /// # Errors
    /// Another family, type or protocol; no number is left.
    pub fn socket(&mut self, domain: i32, kind: i32, protocol: i32) -> Result<Fd, Errno> {
        let family = match domain {
            libc::AF_INET => Family::V4,
            libc::AF_INET6 => Family::V6,
            _ => return fail(libc::EAFNOSUPPORT),
        };
        match (kind & !TYPE_FLAGS, protocol) {
            (libc::SOCK_STREAM, 0 | libc::IPPROTO_TCP) => {}
            (libc::SOCK_STREAM, _) => return fail(libc::EPROTONOSUPPORT),
            _ => return fail(libc::ESOCKTNOSUPPORT),
        }
        let nonblocking = kind & libc::SOCK_NONBLOCK != 0;
        self.add(Socket::new(family, nonblocking))
    }

    /// A descriptor for `socket`.
    pub(crate) fn add(&mut self, socket: Socket) -> Result<Fd, Errno> {
        let fd = self.numbers.take()?;
        self.table.insert(fd, Descriptor::Socket(Box::new(socket)));
        Ok(fd)
    }

    /// `bind`, with the address in C's layout.
    ///
    /// # Errors
    /// The address makes no sense, is none of the host's, or another socket has it.
    pub fn bind(&mut self, fd: Fd, address: &[u8]) -> Result<(), Errno> {
        let socket = self.table.socket(fd)?;
        let address = socket.family.parse(address)?;
        if socket.bound.is_some() || socket.phase != Phase::Fresh {
            return fail(libc::EINVAL);
        }
        let ours = self.host.addresses().any(|own| own == address.ip());
        if !ours && !address.ip().is_unspecified() {
            return fail(libc::EADDRNOTAVAIL);
        }
        let reuse = socket.choices.reuse_address;
        let taken = self.table.sockets().any(|(other, socket)| {
            other != fd
                && socket.bound.is_some_and(|bound| overlap(bound, address))
                && !(reuse && socket.choices.reuse_address && !matches!(socket.phase, Phase::Listening(_)))
        });
        if taken {
            return fail(libc::EADDRINUSE);
        }
        self.table.socket_mut(fd)?.bound = Some(address);
        Ok(())
    }

    /// `listen`; again on a listening socket it is accepted and changes nothing.
    ///
    /// # Errors
    /// The socket is connected, or its address is another listener's.
    pub fn listen(&mut self, fd: Fd, backlog: i32) -> Result<(), Errno> {
        let socket = self.table.socket(fd)?;
        match socket.phase {
            Phase::Fresh => {}
            Phase::Listening(_) => return Ok(()),
            Phase::Connecting(_) | Phase::Connected { .. } => return fail(libc::EINVAL),
        }
        let local = socket.bound.unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0));
        let options = socket.choices.for_stack();
        // As the systems do, a backlog of 0 has room for one.
        let backlog = u32::try_from(backlog).unwrap_or(u32::MAX).max(1);
        let id = self.host.listen(local, backlog, &options)?;
        let bound = self.host.listener_addr(id);
        let socket = self.table.socket_mut(fd)?;
        socket.phase = Phase::Listening(id);
        socket.bound = bound;
        self.table.name_listener(id, fd);
        Ok(())
    }

    /// `shutdown`.
    ///
    /// # Errors
    /// `EINVAL` for an unknown direction, `ENOTCONN` where nothing is connected.
    pub fn shutdown(&mut self, fd: Fd, how: i32) -> Result<(), Errno> {
        let socket = self.table.socket_mut(fd)?;
        let (read, write) = match how {
            libc::SHUT_RD => (true, false),
            libc::SHUT_WR => (false, true),
            libc::SHUT_RDWR => (true, true),
            _ => return fail(libc::EINVAL),
        };
        match socket.phase {
            Phase::Fresh => fail(libc::ENOTCONN),
            Phase::Listening(id) => {
                // Receiving is all that a listener does.
                if read {
                    socket.phase = Phase::Fresh;
                    socket.edges.ended += 1;
                    self.table.forget_listener(id);
                    self.host.close_listener(id);
                    self.turn();
                }
                Ok(())
            }
            Phase::Connecting(id) => {
                // RFC 9293, Section 3.10.4 deletes a connection that is closed in SYN-SENT.
                socket.phase = Phase::Fresh;
                socket.edges.ended += 1;
                self.table.forget_connection(id);
                self.host.close(id);
                self.turn();
                Ok(())
            }
            Phase::Connected { id, ended } => {
                if ended || self.host.state(id) == TcpState::Closed {
                    return fail(libc::ENOTCONN);
                }
                socket.read_shut |= read;
                socket.write_shut |= write;
                if read {
                    socket.edges.readable += 1;
                }
                if write {
                    socket.edges.writable += 1;
                    let _ = self.host.shutdown(id);
                    self.turn();
                }
                Ok(())
            }
        }
    }

    /// Gives up what a socket in `phase` has in the stack; `end` says how a connection goes.
    pub(super) fn leave(&mut self, phase: Phase, end: impl FnOnce(&mut Host<D>, ConnId)) {
        match phase {
            Phase::Fresh => {}
            Phase::Listening(id) => {
                self.table.forget_listener(id);
                self.host.close_listener(id);
            }
            Phase::Connecting(id) | Phase::Connected { id, .. } => {
                self.table.forget_connection(id);
                end(&mut self.host, id);
            }
        }
    }

    /// `close`: the descriptor is gone; the connection ends in the background as the socket's options say. With a linger time
    /// a blocking socket waits until the peer has acknowledged all, the stack has given up after that time, or the connection
    /// has ended otherwise; called again, it tells whether that is so. To all other calls the descriptor is gone at once.
    ///
    /// # Errors
    /// `EBADF`; [`Stop::WouldBlock`] while it waits, without an end of its own: the connection's is the stack's to keep.
    pub fn close(&mut self, fd: Fd) -> Result<(), Stop> {
        let lingering = match self.table.remove(fd) {
            None => return fail(libc::EBADF),
            Some(Descriptor::Lingering(id)) => Some(id),
            Some(Descriptor::Epoll(_)) => {
                self.forget(fd);
                None
            }
            Some(Descriptor::Socket(socket)) => {
                self.forget(fd);
                self.leave(socket.phase, |host, id| host.close(id));
                self.turn();
                // RFC 9293, Section 3.9.1.4, leaves the waiting to the interface. One that never waits does not here either.
                let waits = socket.choices.linger.is_some() && !socket.nonblocking;
                socket.connection().filter(|_| waits)
            }
        };
        if let Some(id) = lingering.filter(|id| self.is_owed_an_ack(*id)) {
            self.table.insert(fd, Descriptor::Lingering(id));
            return Err(Stop::WouldBlock(Wait { fd, on: Awaited::Acknowledged, until: None, done: 0 }));
        }
        self.numbers.give_back(fd);
        Ok(())
    }

    /// No set watches `fd` any more.
    fn forget(&mut self, fd: Fd) {
        for epoll in self.table.epolls_mut() {
            epoll.forget(fd);
        }
    }

    /// Whether the peer has still to acknowledge data or the FIN of a connection that is closed here.
    fn is_owed_an_ack(&self, id: ConnId) -> bool {
        match self.host.state(id) {
            TcpState::FinWait1 | TcpState::Closing | TcpState::LastAck => true,
            // It cannot be: a close leaves these states.
            TcpState::Established | TcpState::CloseWait | TcpState::SynReceived => false,
            TcpState::FinWait2 | TcpState::TimeWait | TcpState::Closed => false,
            TcpState::SynSent | TcpState::Listen => false,
        }
    }
}

/// Whether two local addresses name the same endpoint.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let any = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && (any || a.ip() == b.ip())
}
