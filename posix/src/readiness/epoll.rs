//! `epoll`: sets of descriptors with what is asked of each.

use super::{ALWAYS, IN, OUT, PRI, RDHUP, RDNORM, WRNORM};
use crate::descriptors::{Descriptor, Fd};
use crate::errno::Errno;
use crate::socket::Edges;
use crate::sockets::Sockets;
use crate::stop::{Stop, fail};
use std::collections::BTreeMap;
use synward::buffer::Device;

const EDGE: u32 = libc::EPOLLET as u32;
const ONE_SHOT: u32 = libc::EPOLLONESHOT as u32;
const EXCLUSIVE: u32 = libc::EPOLLEXCLUSIVE as u32;
const WAKEUP: u32 = libc::EPOLLWAKEUP as u32;
/// What is no event but a way to be told.
const MODES: u32 = EDGE | ONE_SHOT | EXCLUSIVE | WAKEUP;

/// `struct epoll_event`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EpollEvent {
    /// What is asked for, or is the case.
    pub events: u32,
    /// The application's own.
    pub data: u64,
}

/// One descriptor of a set.
#[derive(Clone, Copy, Debug)]
struct Entry {
    asked: EpollEvent,
    /// What an edge-triggered entry has told; `None`: the present state is news.
    told: Option<Edges>,
    /// A one-shot entry that has told, until it is armed again.
    disarmed: bool,
}

/// One set.
#[derive(Debug, Default)]
pub(crate) struct Epoll {
    entries: BTreeMap<Fd, Entry>,
    /// Where the last wait stopped: the next one goes on behind it, so that a full answer starves nobody.
    after: Fd,
}

impl Epoll {
    /// A descriptor was closed.
    pub(crate) fn forget(&mut self, fd: Fd) {
        self.entries.remove(&fd);
    }

    /// The descriptors, those behind the last answer first.
    fn in_turn(&self) -> Vec<Fd> {
        let behind = self.entries.range(self.after.saturating_add(1)..);
        behind.chain(self.entries.range(..=self.after)).map(|(fd, _)| *fd).collect()
    }
}

impl Entry {
    /// Whether something that it asks for has happened since it told.
    fn has_news(&self, edges: Edges) -> bool {
        let Some(told) = self.told.filter(|_| self.asked.events & EDGE != 0) else { return true };
        let read = self.asked.events & (IN | RDNORM | RDHUP | PRI) != 0;
        let write = self.asked.events & (OUT | WRNORM) != 0;
        edges.ended != told.ended
            || (read && edges.readable != told.readable)
            || (write && edges.writable != told.writable)
    }
}

impl<D: Device> Sockets<D> {
    /// `epoll_create1`.
    ///
    /// # Errors
    /// Unknown flags; no number is left.
    pub fn epoll_create(&mut self, flags: i32) -> Result<Fd, Errno> {
        if flags & !libc::EPOLL_CLOEXEC != 0 {
            return fail(libc::EINVAL);
        }
        let fd = self.numbers.take()?;
        self.table.insert(fd, Descriptor::Epoll(Epoll::default()));
        Ok(fd)
    }

    /// `epoll_ctl`; `event` is `None` where the operation takes none. Sets do not nest.
    ///
    /// # Errors
    /// `EEXIST`, `ENOENT`, `EINVAL` for a set in a set, `EBADF`.
    pub fn epoll_ctl(
        &mut self,
        set: Fd,
        operation: i32,
        fd: Fd,
        event: Option<EpollEvent>,
    ) -> Result<(), Errno> {
        self.table.epoll(set)?;
        match self.table.get(fd) {
            Some(Descriptor::Socket(_)) => {}
            Some(Descriptor::Epoll(_)) => return fail(libc::EINVAL),
            Some(Descriptor::Lingering(_)) | None => return fail(libc::EBADF),
        }
        let entries = &mut self.table.epoll_mut(set)?.entries;
        let fresh = event.map(|asked| Entry { asked, told: None, disarmed: false });
        match (operation, fresh) {
            (libc::EPOLL_CTL_ADD, Some(_)) if entries.contains_key(&fd) => fail(libc::EEXIST),
            (libc::EPOLL_CTL_ADD, Some(entry)) => {
                entries.insert(fd, entry);
                Ok(())
            }
            (libc::EPOLL_CTL_MOD, Some(entry)) => match entries.get_mut(&fd) {
                Some(place) => {
                    *place = entry;
                    Ok(())
                }
                None => fail(libc::ENOENT),
            },
            (libc::EPOLL_CTL_DEL, _) => entries.remove(&fd).map(drop).ok_or(Errno(libc::ENOENT)),
            (libc::EPOLL_CTL_ADD | libc::EPOLL_CTL_MOD, None) => fail(libc::EFAULT),
            _ => fail(libc::EINVAL),
        }
    }

    /// `epoll_wait`: at most `max` events. `timeout` as in [`Sockets::poll`].
    ///
    /// # Errors
    /// [`Stop::WouldBlock`] where nothing is ready and it may wait; `EINVAL` where `max` is not positive.
    pub fn epoll_wait(&mut self, set: Fd, max: i32, timeout: i32) -> Result<Vec<EpollEvent>, Stop> {
        let max = usize::try_from(max).unwrap_or(0);
        if max == 0 {
            return fail(libc::EINVAL);
        }
        let mut told = Vec::new();
        for fd in self.table.epoll(set)?.in_turn() {
            let Some(found) = self.look(set, fd)? else { continue };
            let edges = self.table.socket(fd).map(|socket| socket.edges).unwrap_or_default();
            let epoll = self.table.epoll_mut(set)?;
            let Some(entry) = epoll.entries.get_mut(&fd) else { continue };
            // An edge that brought nothing to tell is used up all the same.
            entry.told = Some(edges);
            if found.events == 0 {
                continue;
            }
            entry.disarmed = entry.asked.events & ONE_SHOT != 0;
            epoll.after = fd;
            told.push(found);
            if told.len() == max {
                break;
            }
        }
        if told.is_empty() { self.nothing_ready(set, timeout).map(|_| told) } else { Ok(told) }
    }

    /// What an entry would tell; `None` where it is not looked at.
    fn look(&mut self, set: Fd, fd: Fd) -> Result<Option<EpollEvent>, Errno> {
        let Some(entry) = self.table.epoll(set)?.entries.get(&fd).copied() else { return Ok(None) };
        let edges = self.table.socket(fd).map(|socket| socket.edges).unwrap_or_default();
        if entry.disarmed || !entry.has_news(edges) {
            return Ok(None);
        }
        let bits = self.ready(fd).unwrap_or(0);
        let events = bits & ((entry.asked.events & !MODES) | ALWAYS);
        Ok(Some(EpollEvent { events, data: entry.asked.data }))
    }

    /// Whether a set has something to tell.
    pub(super) fn epoll_has_any(&mut self, set: Fd) -> bool {
        let Ok(epoll) = self.table.epoll(set) else { return false };
        let members = epoll.in_turn();
        members.into_iter().any(|fd| matches!(self.look(set, fd), Ok(Some(found)) if found.events != 0))
    }
}
