//! Descriptors of the system, reserved for sockets of ours: packetdrill closes what a script leaves open by the system's own
//! `close`, and wants that to succeed.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use synward_posix::{Errno, Fd, Numbers};

/// The numbers in use, each held by a socket of the system that nobody speaks to.
#[derive(Debug, Default)]
pub(crate) struct Reserved {
    held: BTreeMap<Fd, OwnedFd>,
}

impl Numbers for Reserved {
    fn take(&mut self) -> Result<Fd, Errno> {
        let place: OwnedFd = UnixDatagram::unbound()
            .map_err(|error| Errno(error.raw_os_error().unwrap_or(libc::EMFILE)))?
            .into();
        let fd = place.as_raw_fd();
        self.held.insert(fd, place);
        Ok(fd)
    }

    fn give_back(&mut self, fd: Fd) {
        self.held.remove(&fd);
    }
}

impl Drop for Reserved {
    /// What is left was closed by packetdrill already: closing it again could hit somebody else's.
    fn drop(&mut self) {
        for (_, place) in core::mem::take(&mut self.held) {
            let _ = place.into_raw_fd();
        }
    }
}
