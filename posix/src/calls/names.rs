//! `getsockname`, `getpeername`.

use crate::address::Family;
use crate::descriptors::Fd;
use crate::errno::Errno;
use crate::socket::Phase;
use crate::sockets::Sockets;
use crate::stop::fail;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use synward::buffer::Device;

impl<D: Device> Sockets<D> {
    /// The family of a socket, in which its addresses are shown.
    ///
    /// # Errors
    /// No socket has this number.
    pub fn family(&self, fd: Fd) -> Result<Family, Errno> {
        Ok(self.table.socket(fd)?.family)
    }

    /// `getsockname`: 0.0.0.0:0 before the socket has an address.
    ///
    /// # Errors
    /// No socket has this number.
    pub fn getsockname(&self, fd: Fd) -> Result<SocketAddr, Errno> {
        let socket = self.table.socket(fd)?;
        let local = socket.connection().and_then(|id| self.host.endpoints(id)).map(|(local, _)| local);
        let none = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        Ok(local.or(socket.bound).unwrap_or(none))
    }

    /// `getpeername`.
    ///
    /// # Errors
    /// `ENOTCONN`.
    pub fn getpeername(&self, fd: Fd) -> Result<SocketAddr, Errno> {
        let socket = self.table.socket(fd)?;
        let Phase::Connected { id, ended: false } = socket.phase else { return fail(libc::ENOTCONN) };
        let Some((_, peer)) = self.host.endpoints(id) else { return fail(libc::ENOTCONN) };
        Ok(peer)
    }
}
