//! The application's halves of a connection. The reader's side and the writer's share nothing but the state word, so
//! they may live on different threads.

use super::atomic::{Arc, spin_hint};
use super::cell::{self, Cell, Ended, Status};
use super::ready::Mailbox;
use crate::buffer::Buf;
use crate::wire::FlowKey;
use core::task::{Poll, Waker};

/// What a read brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Read<'a, E> {
    /// So many bytes (0 only where 0 were asked for).
    Data(usize),
    /// Nothing now.
    Empty,
    /// The peer's FIN: nothing, and nothing will come.
    Eof,
    /// The connection is over, and everything that was received was read.
    Ended(Ended<'a, E>),
    /// Another thread is reading from the same half in this very moment.
    Busy,
}

/// Whether a chunk may be queued for sending.
#[derive(Debug, PartialEq, Eq)]
pub enum Write<'a, E> {
    /// Yes: so many bytes of buffer memory are free. The last chunk may be larger than what is left.
    Credit(u32),
    /// Not now.
    Full,
    /// No: this side has shut its sending direction down.
    Shutdown,
    /// No: the connection is over.
    Ended(Ended<'a, E>),
}

/// The reading half of a connection; there is one. Dropping it tells the shard that data has no reader.
pub struct ReadHalf<E> {
    cell: Arc<Cell<E>>,
}

/// Holds the lock bit of the read side for the time of one call.
struct Reading<'a, E>(&'a Arc<Cell<E>>);

impl<'a, E> Reading<'a, E> {
    fn try_new(cell: &'a Arc<Cell<E>>) -> Option<Self> {
        // Lazily: a guard made in vain would unlock what another thread has locked.
        cell.try_lock_read().then(|| Self(cell))
    }
}

impl<E> Drop for Reading<'_, E> {
    fn drop(&mut self) {
        self.0.unlock_read();
    }
}

impl<E> ReadHalf<E> {
    pub(crate) fn new(cell: Arc<Cell<E>>) -> Self {
        Self { cell }
    }

    /// What the shard has told.
    pub fn status(&self) -> Status {
        self.cell.status()
    }

    /// How it ended, where it did.
    pub fn ended(&self) -> Option<Ended<'_, E>> {
        self.cell.ended(self.status())
    }

    /// The connection's addresses, once it is established.
    pub fn flow(&self) -> Option<FlowKey> {
        self.cell.flow()
    }

    /// The mailbox of the connection's shard.
    pub fn mailbox(&self) -> &Arc<Mailbox<E>> {
        self.cell.mailbox()
    }

    /// The socket options, packed by the layer above.
    pub fn options(&self) -> u32 {
        self.cell.options()
    }

    /// Changes the socket options and tells the shard. `change` may run more than once.
    pub fn update_options(&self, change: impl FnMut(u32) -> u32) {
        Cell::update_options(&self.cell, change);
    }

    /// Reads up to `max` bytes: gives them to `f`, slice by slice, in order. Never waits.
    pub fn read(&self, max: usize, mut f: impl FnMut(&[u8])) -> Read<'_, E> {
        // The status first: whatever was pushed before an end that shows here is seen below.
        let status = self.cell.status();
        let Some(reading) = Reading::try_new(&self.cell) else { return Read::Busy };
        let mut n = 0;
        // Bounded by what the receive window let in.
        while n < max {
            // SAFETY: the lock makes us the only consumer.
            let step = unsafe {
                self.cell.rx().with_front(|chunk| {
                    let part = chunk.len().min(max - n);
                    f(&chunk.data()[..part]);
                    chunk.trim_front(part);
                    (part, chunk.is_empty())
                })
            };
            let Some((part, empty)) = step else { break };
            n += part;
            // SAFETY: as above.
            if let Some(chunk) = empty.then(|| unsafe { self.cell.rx().pop() }).flatten() {
                self.cell.mailbox().exchange().give(chunk);
            }
        }
        drop(reading);
        if n == 0 && max > 0 {
            return self.nothing(status);
        }
        if n > 0 && self.cell.add_consumed(n as u32) {
            Cell::tell(&self.cell, cell::RX_CONSUMED);
        }
        Read::Data(n)
    }

    /// As [`ReadHalf::read`], but what was given stays unread. It gives the bytes of the oldest chunk only.
    pub fn peek(&self, max: usize, f: impl FnOnce(&[u8])) -> Read<'_, E> {
        let status = self.cell.status();
        let Some(_reading) = Reading::try_new(&self.cell) else { return Read::Busy };
        // SAFETY: the lock makes us the only consumer.
        let seen = unsafe {
            self.cell.rx().with_front(|chunk| {
                let part = chunk.len().min(max);
                f(&chunk.data()[..part]);
                part
            })
        };
        match seen {
            Some(n) => Read::Data(n),
            None if max == 0 => Read::Data(0),
            None => self.nothing(status),
        }
    }

    fn nothing(&self, status: Status) -> Read<'_, E> {
        // EOF before the end: a connection that closed in order after the peer's FIN reads as EOF for good.
        match self.cell.ended(status) {
            Some(Ended::Closed) => Read::Eof,
            _ if status.is_eof() => Read::Eof,
            Some(ended) => Read::Ended(ended),
            None => Read::Empty,
        }
    }

    /// As [`ReadHalf::read`], and where there is nothing now registers `waker`.
    pub fn poll_read(&self, waker: &Waker, max: usize, mut f: impl FnMut(&[u8])) -> Poll<Read<'_, E>> {
        self.poll(waker, || self.read(max, &mut f))
    }

    /// As [`ReadHalf::peek`], and where there is nothing now registers `waker`.
    pub fn poll_peek(&self, waker: &Waker, max: usize, mut f: impl FnMut(&[u8])) -> Poll<Read<'_, E>> {
        self.poll(waker, || self.peek(max, &mut f))
    }

    /// Whether a read would bring data, EOF or the end; `None`: another thread reads in this very moment.
    pub fn readable(&self) -> Option<bool> {
        match self.peek(1, |_| ()) {
            Read::Busy => None,
            other => Some(!matches!(other, Read::Empty)),
        }
    }

    /// Registers `waker` for what the shard tells next, whatever is there now. The caller looks again after it.
    pub fn register(&self, waker: &Waker) {
        self.cell.read_waker().register(waker);
    }

    /// Ready when a read would bring data, EOF or the end. Readiness may be spurious where another thread reads.
    pub fn poll_readable(&self, waker: &Waker) -> Poll<()> {
        match self.poll(waker, || self.peek(1, |_| ())) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll<'a>(&'a self, waker: &Waker, mut attempt: impl FnMut() -> Read<'a, E>) -> Poll<Read<'a, E>> {
        let first = attempt();
        if !matches!(first, Read::Empty | Read::Busy) {
            return Poll::Ready(first);
        }
        // Register, then look again: what the shard pushed before it took the wakers is seen by this second look.
        self.cell.read_waker().register(waker);
        match attempt() {
            Read::Empty => Poll::Pending,
            Read::Busy => {
                // Who holds the lock may leave data behind and will wake nobody. It holds it for one copy only.
                waker.wake_by_ref();
                spin_hint();
                Poll::Pending
            }
            other => Poll::Ready(other),
        }
    }
}

impl<E> Drop for ReadHalf<E> {
    fn drop(&mut self) {
        // The waker's drop is foreign code and belongs here, not where the shard drops the cell.
        drop(self.cell.read_waker().take());
        Cell::tell(&self.cell, cell::READ_DROPPED);
    }
}

/// The writing half of a connection; there is one. Dropping it sends what was queued, then a FIN. Dropping it before
/// the connection is established cancels the connect once the read half is dropped too.
pub struct WriteHalf<E> {
    cell: Arc<Cell<E>>,
}

impl<E> WriteHalf<E> {
    pub(crate) fn new(cell: Arc<Cell<E>>) -> Self {
        Self { cell }
    }

    /// What the shard has told.
    pub fn status(&self) -> Status {
        self.cell.status()
    }

    /// How it ended, where it did.
    pub fn ended(&self) -> Option<Ended<'_, E>> {
        self.cell.ended(self.status())
    }

    /// The connection's addresses, once it is established.
    pub fn flow(&self) -> Option<FlowKey> {
        self.cell.flow()
    }

    /// The mailbox of the connection's shard.
    pub fn mailbox(&self) -> &Arc<Mailbox<E>> {
        self.cell.mailbox()
    }

    /// The socket options, packed by the layer above.
    pub fn options(&self) -> u32 {
        self.cell.options()
    }

    /// Changes the socket options and tells the shard. `change` may run more than once.
    pub fn update_options(&self, change: impl FnMut(u32) -> u32) {
        Cell::update_options(&self.cell, change);
    }

    /// Waits for the handshake.
    ///
    /// # Errors
    /// How the connection ended. A connection that was established and has ended since counts as ended.
    pub fn poll_established(&self, waker: &Waker) -> Poll<Result<(), Ended<'_, E>>> {
        let look = || {
            let status = self.cell.status();
            match self.cell.ended(status) {
                Some(ended) => Some(Err(ended)),
                None => status.is_established().then_some(Ok(())),
            }
        };
        self.poll(waker, look)
    }

    /// Waits until the connection is over, in whatever way.
    pub fn poll_ended(&self, waker: &Waker) -> Poll<Ended<'_, E>> {
        self.poll(waker, || self.ended())
    }

    /// Whether a chunk may be queued now.
    pub fn writable(&self) -> Write<'_, E> {
        let status = self.cell.status();
        if let Some(ended) = self.cell.ended(status) {
            return Write::Ended(ended);
        }
        if status.is_write_shutdown() {
            return Write::Shutdown;
        }
        match self.cell.credit() {
            0 => Write::Full,
            credit => Write::Credit(credit),
        }
    }

    /// Registers `waker` for what the shard tells next, whatever is there now. The caller looks again after it.
    pub fn register(&self, waker: &Waker) {
        self.cell.write_waker().register(waker);
    }

    /// As [`WriteHalf::writable`], and where it is full registers `waker`.
    pub fn poll_writable(&self, waker: &Waker) -> Poll<Write<'_, E>> {
        self.poll(waker, || match self.writable() {
            Write::Full => None,
            other => Some(other),
        })
    }

    fn poll<T>(&self, waker: &Waker, look: impl Fn() -> Option<T>) -> Poll<T> {
        if let Some(found) = look() {
            return Poll::Ready(found);
        }
        // Register, then look again: what the shard did before it took the wakers is seen by this second look.
        self.cell.write_waker().register(waker);
        look().map_or(Poll::Pending, Poll::Ready)
    }

    /// An empty buffer for `len` bytes, from the free ones where there is one.
    pub fn buffer(&self, len: usize) -> Buf {
        self.cell.mailbox().exchange().take(len)
    }

    /// Queues a chunk for sending and charges its memory. The caller has looked at [`WriteHalf::writable`].
    /// [`WriteHalf::notify`] follows, once for all chunks of a write.
    pub fn push(&self, chunk: Buf) {
        self.cell.add_queued(u32::try_from(chunk.memory()).unwrap_or(u32::MAX / 2));
        self.cell.tx().push(chunk);
    }

    /// Tells the shard of the chunks that were pushed.
    pub fn notify(&self) {
        Cell::tell(&self.cell, cell::TX_DATA);
    }

    /// Shuts the sending direction down: what was queued is sent, then a FIN.
    pub fn shutdown(&self) {
        Cell::tell(&self.cell, cell::SHUTDOWN_WRITE);
        // A task of the same half that waits for room is to learn of it.
        self.cell.write_waker().wake();
    }

    /// Wants the connection reset.
    pub fn abort(&self) {
        Cell::tell(&self.cell, cell::ABORT);
    }
}

impl<E> Drop for WriteHalf<E> {
    fn drop(&mut self) {
        // As in the read half.
        drop(self.cell.write_waker().take());
        Cell::tell(&self.cell, cell::WRITE_DROPPED);
    }
}
