//! The descriptor table: which number names which socket or epoll set.

use super::Errno;
use super::readiness::Epoll;
use super::socket::Socket;
use super::stop::fail;
use std::collections::BTreeMap;
use synward::shard::{ConnId, ListenerId};

/// A descriptor.
pub type Fd = i32;

/// Where numbers of descriptors come from: an adapter for unmodified programs reserves descriptors of the system, so that
/// no number names two things.
pub trait Numbers {
    /// A number that nobody has.
    ///
    /// # Errors
    /// There is none (`EMFILE`, `ENFILE`).
    fn take(&mut self) -> Result<Fd, Errno>;

    /// A number is free again.
    fn give_back(&mut self, fd: Fd);
}

/// The least free number from a first one on, for programs that know no other descriptors.
#[derive(Clone, Debug)]
pub struct Counting {
    next: Fd,
    limit: Fd,
    free: std::collections::BTreeSet<Fd>,
}

impl Counting {
    /// Numbers from `first` on, at most `count` at a time.
    pub fn new(first: Fd, count: u16) -> Self {
        let first = first.max(0);
        Self { next: first, limit: first.saturating_add(Fd::from(count)), free: Default::default() }
    }
}

impl Numbers for Counting {
    fn take(&mut self) -> Result<Fd, Errno> {
        if let Some(fd) = self.free.pop_first() {
            return Ok(fd);
        }
        if self.next >= self.limit {
            return fail(libc::EMFILE);
        }
        self.next += 1;
        Ok(self.next - 1)
    }

    fn give_back(&mut self, fd: Fd) {
        self.free.insert(fd);
    }
}

/// What a descriptor names.
#[derive(Debug)]
pub(crate) enum Descriptor {
    Socket(Box<Socket>),
    Epoll(Epoll),
    /// A socket whose `close` waits for the peer's acknowledgment: to all other calls the number names nothing.
    Lingering(ConnId),
}

/// The table, and the way back from the stack's names.
#[derive(Debug, Default)]
pub(crate) struct Descriptors {
    by_number: BTreeMap<Fd, Descriptor>,
    by_connection: BTreeMap<ConnId, Fd>,
    by_listener: BTreeMap<ListenerId, Fd>,
}

impl Descriptors {
    pub(crate) fn insert(&mut self, fd: Fd, descriptor: Descriptor) {
        self.by_number.insert(fd, descriptor);
    }

    pub(crate) fn remove(&mut self, fd: Fd) -> Option<Descriptor> {
        self.by_number.remove(&fd)
    }

    pub(crate) fn get(&self, fd: Fd) -> Option<&Descriptor> {
        self.by_number.get(&fd)
    }

    pub(crate) fn get_mut(&mut self, fd: Fd) -> Option<&mut Descriptor> {
        self.by_number.get_mut(&fd)
    }

    pub(crate) fn socket(&self, fd: Fd) -> Result<&Socket, Errno> {
        match self.by_number.get(&fd) {
            Some(Descriptor::Socket(socket)) => Ok(socket),
            Some(Descriptor::Epoll(_)) => fail(libc::ENOTSOCK),
            Some(Descriptor::Lingering(_)) | None => fail(libc::EBADF),
        }
    }

    pub(crate) fn socket_mut(&mut self, fd: Fd) -> Result<&mut Socket, Errno> {
        match self.by_number.get_mut(&fd) {
            Some(Descriptor::Socket(socket)) => Ok(socket),
            Some(Descriptor::Epoll(_)) => fail(libc::ENOTSOCK),
            Some(Descriptor::Lingering(_)) | None => fail(libc::EBADF),
        }
    }

    pub(crate) fn epoll(&self, fd: Fd) -> Result<&Epoll, Errno> {
        match self.by_number.get(&fd) {
            Some(Descriptor::Epoll(epoll)) => Ok(epoll),
            Some(Descriptor::Socket(_)) => fail(libc::EINVAL),
            Some(Descriptor::Lingering(_)) | None => fail(libc::EBADF),
        }
    }

    pub(crate) fn epoll_mut(&mut self, fd: Fd) -> Result<&mut Epoll, Errno> {
        match self.by_number.get_mut(&fd) {
            Some(Descriptor::Epoll(epoll)) => Ok(epoll),
            Some(Descriptor::Socket(_)) => fail(libc::EINVAL),
            Some(Descriptor::Lingering(_)) | None => fail(libc::EBADF),
        }
    }

    /// All sockets, for conflicts of addresses.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = (Fd, &Socket)> {
        self.by_number.iter().filter_map(|(fd, descriptor)| match descriptor {
            Descriptor::Socket(socket) => Some((*fd, &**socket)),
            Descriptor::Epoll(_) | Descriptor::Lingering(_) => None,
        })
    }

    pub(crate) fn epolls_mut(&mut self) -> impl Iterator<Item = &mut Epoll> {
        self.by_number.values_mut().filter_map(|descriptor| match descriptor {
            Descriptor::Epoll(epoll) => Some(epoll),
            Descriptor::Socket(_) | Descriptor::Lingering(_) => None,
        })
    }

    pub(crate) fn name_connection(&mut self, id: ConnId, fd: Fd) {
        self.by_connection.insert(id, fd);
    }

    pub(crate) fn forget_connection(&mut self, id: ConnId) {
        self.by_connection.remove(&id);
    }

    pub(crate) fn of_connection(&mut self, id: ConnId) -> Option<&mut Socket> {
        let fd = *self.by_connection.get(&id)?;
        self.socket_mut(fd).ok()
    }

    pub(crate) fn name_listener(&mut self, id: ListenerId, fd: Fd) {
        self.by_listener.insert(id, fd);
    }

    pub(crate) fn forget_listener(&mut self, id: ListenerId) {
        self.by_listener.remove(&id);
    }

    pub(crate) fn of_listener(&mut self, id: ListenerId) -> Option<&mut Socket> {
        let fd = *self.by_listener.get(&id)?;
        self.socket_mut(fd).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_gives_the_least_free_number_up_to_its_limit() {
        let mut numbers = Counting::new(3, 2);
        assert_eq!((numbers.take(), numbers.take()), (Ok(3), Ok(4)));
        assert_eq!(numbers.take(), Err(Errno(libc::EMFILE)));
        numbers.give_back(3);
        assert_eq!(numbers.take(), Ok(3));
    }
}
