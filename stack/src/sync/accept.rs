//! A listener: the queue of accepted connections on their way to the application, and who waits for one.

use super::atomic::{Arc, AtomicPtr, AtomicU32, AtomicU64, Ordering, UnsafeCell, spin_hint};
use super::cell::Ended;
use super::chunk_queue::Queue;
use super::ready::{DETACHED, Mailbox, Ready};
use super::stack::Node;
use super::waker::{WakeList, WakerSlot};
use super::{ReadHalf, WriteHalf};
use crate::base::Id;
use core::ptr::{self, NonNull};
use core::task::{Poll, Waker};

/// The application's handle is dropped.
const DROPPED: u32 = 1 << 2;
/// The application has taken a connection.
const TAKEN: u32 = 1 << 3;
/// The application has changed the socket's options.
const OPTIONS: u32 = 1 << 4;
const FAILED: u32 = 1 << 16;
const CLOSED: u32 = 1 << 17;
const SHARD_GONE: u32 = 1 << 18;
const ENDED: u32 = FAILED | CLOSED | SHARD_GONE;
/// The lock bit of the accepting side: only ever tried.
const ACCEPTING: u32 = 1 << 31;

const UNATTACHED: u64 = u64::MAX;

/// An accepted connection: established, its flow known.
pub struct Accepted<E> {
    /// Its reading half.
    pub read: ReadHalf<E>,
    /// Its writing half.
    pub write: WriteHalf<E>,
}

pub(crate) struct ListenerCell<E> {
    mailbox: Arc<Mailbox<E>>,
    state: AtomicU32,
    id: AtomicU64,
    ready: UnsafeCell<*mut ListenerCell<E>>,
    failure: AtomicPtr<E>,
    /// The socket options, packed by the layer above.
    options: AtomicU32,
    queue: Queue<Accepted<E>>,
    /// Connections that the application has taken, ever (wrapping).
    taken: AtomicU32,
    waker: WakerSlot,
}

// SAFETY: as the cell of a connection: everything is atomic, a slot or a queue, or guarded by QUEUED or the lock bit.
unsafe impl<E: Send + Sync> Send for ListenerCell<E> {}
// SAFETY: as above.
unsafe impl<E: Send + Sync> Sync for ListenerCell<E> {}

// SAFETY: `ready` is used by the ready list alone.
unsafe impl<E> Node for ListenerCell<E> {
    unsafe fn link<'a>(this: NonNull<Self>) -> &'a UnsafeCell<*mut Self> {
        // SAFETY: the caller keeps the cell alive.
        unsafe { &(*this.as_ptr()).ready }
    }
}

impl<E> Ready for ListenerCell<E> {
    fn state(&self) -> &AtomicU32 {
        &self.state
    }
}

impl<E> ListenerCell<E> {
    pub(crate) fn id(&self) -> Option<Id> {
        let id = self.id.load(Ordering::Relaxed);
        (id != UNATTACHED).then(|| Id::from(id))
    }

    fn ended(&self, state: u32) -> Option<Ended<'_, E>> {
        if state & FAILED != 0 {
            let failure = self.failure.load(Ordering::Acquire);
            // SAFETY: the shard put a box there before FAILED, and it stays until the cell goes.
            return Some(Ended::Failed(unsafe { &*failure }));
        }
        if state & CLOSED != 0 {
            return Some(Ended::Closed);
        }
        (state & SHARD_GONE != 0).then_some(Ended::ShardGone)
    }
}

impl<E> Drop for ListenerCell<E> {
    fn drop(&mut self) {
        let failure = self.failure.load(Ordering::Acquire);
        if !failure.is_null() {
            // SAFETY: the shard leaked a box there once, and the last reference to the cell is going.
            drop(unsafe { Box::from_raw(failure) });
        }
    }
}

/// Makes a listener's two ends. `options` are the socket's, packed by the layer above.
pub fn listener<E>(mailbox: &Arc<Mailbox<E>>, options: u32) -> (AcceptHalf<E>, ListenerShard<E>) {
    let cell = Arc::new(ListenerCell {
        mailbox: Arc::clone(mailbox),
        state: AtomicU32::new(0),
        id: AtomicU64::new(UNATTACHED),
        ready: UnsafeCell::new(ptr::null_mut()),
        failure: AtomicPtr::new(ptr::null_mut()),
        options: AtomicU32::new(options),
        queue: Queue::new(),
        taken: AtomicU32::new(0),
        waker: WakerSlot::new(),
    });
    (AcceptHalf { cell: Arc::clone(&cell) }, ListenerShard { cell, pushed: 0 })
}

/// What an accept brought.
pub enum Accept<'a, E> {
    /// A connection.
    Connection(Accepted<E>),
    /// None now.
    Empty,
    /// The listener is over.
    Ended(Ended<'a, E>),
    /// Another thread is accepting in this very moment.
    Busy,
}

/// The application's end. Several tasks may accept at once; an arrival wakes them all. Dropping it closes the listener
/// and resets the connections that nobody took.
pub struct AcceptHalf<E> {
    cell: Arc<ListenerCell<E>>,
}

impl<E> AcceptHalf<E> {
    /// Takes the connection that waits longest. Never waits itself.
    pub fn accept(&self) -> Accept<'_, E> {
        let cell = &self.cell;
        // The state and the lock in one: whatever was pushed before an end that shows here is seen below.
        let state = cell.state.fetch_or(ACCEPTING, Ordering::AcqRel);
        if state & ACCEPTING != 0 {
            return Accept::Busy;
        }
        // SAFETY: the lock makes us the only consumer.
        let accepted = unsafe { cell.queue.pop() };
        cell.state.fetch_and(!ACCEPTING, Ordering::Release);
        match accepted {
            Some(accepted) => {
                cell.taken.fetch_add(1, Ordering::AcqRel);
                cell.mailbox.post_listener(cell, TAKEN);
                Accept::Connection(accepted)
            }
            None => cell.ended(state).map_or(Accept::Empty, Accept::Ended),
        }
    }

    /// As [`AcceptHalf::accept`], and where there is none registers `waker`.
    ///
    /// # Errors
    /// How the listener ended.
    pub fn poll_accept(&self, waker: &Waker) -> Poll<Result<Accepted<E>, Ended<'_, E>>> {
        for attempt in 0..2 {
            match self.accept() {
                Accept::Connection(accepted) => return Poll::Ready(Ok(accepted)),
                Accept::Ended(ended) => return Poll::Ready(Err(ended)),
                // Register, then look again.
                Accept::Empty | Accept::Busy if attempt == 0 => self.cell.waker.register(waker),
                Accept::Empty => {}
                // Who holds the lock may leave connections behind and will wake nobody. It holds it for one pop only.
                Accept::Busy => {
                    waker.wake_by_ref();
                    spin_hint();
                }
            }
        }
        Poll::Pending
    }

    /// The mailbox of the listener's shard.
    pub fn mailbox(&self) -> &Arc<Mailbox<E>> {
        &self.cell.mailbox
    }

    /// The socket options, packed by the layer above.
    pub fn options(&self) -> u32 {
        self.cell.options.load(Ordering::Acquire)
    }

    /// Changes the socket options and tells the shard. `change` may run more than once.
    pub fn update_options(&self, mut change: impl FnMut(u32) -> u32) {
        let cell = &self.cell;
        let changed = cell.options.fetch_update(Ordering::AcqRel, Ordering::Acquire, |old| Some(change(old)));
        debug_assert!(changed.is_ok(), "the change is always given");
        cell.mailbox.post_listener(cell, OPTIONS);
    }
}

impl<E> Drop for AcceptHalf<E> {
    fn drop(&mut self) {
        drop(self.cell.waker.take());
        self.cell.mailbox.post_listener(&self.cell, DROPPED);
        // SAFETY: there is one such half, and it is going: the only consumer. What the shard pushes meanwhile goes with
        // the cell.
        while let Some(accepted) = unsafe { self.cell.queue.pop() } {
            drop(accepted);
        }
    }
}

/// The shard's end; there is one. Dropping it without [`ListenerShard::close`] or [`ListenerShard::fail`] is the death
/// of the shard, and all who wait are told so at once.
pub struct ListenerShard<E> {
    cell: Arc<ListenerCell<E>>,
    pushed: u32,
}

impl<E> ListenerShard<E> {
    /// Gives it its id, under which [`super::Inbox::next_listener`] names it from now on. `false`: the application has
    /// dropped it already.
    #[must_use = "the application may have dropped it already"]
    pub fn attach(&mut self, id: Id) -> bool {
        self.cell.id.store(id.into(), Ordering::Relaxed);
        !self.is_dropped()
    }

    /// Whether the application has dropped its end: then the listener is to be closed.
    pub fn is_dropped(&self) -> bool {
        self.cell.state.load(Ordering::Acquire) & DROPPED != 0
    }

    /// The socket options, as the application has them now.
    pub fn options(&self) -> u32 {
        self.cell.options.load(Ordering::Acquire)
    }

    /// Connections that wait to be taken: the length of the accept queue, which the shard compares with the backlog.
    pub fn len(&self) -> usize {
        self.pushed.wrapping_sub(self.cell.taken.load(Ordering::Acquire)) as usize
    }

    /// Whether no connection waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Queues an established connection.
    pub fn push(&mut self, accepted: Accepted<E>, wakes: &mut WakeList) {
        self.pushed = self.pushed.wrapping_add(1);
        let pushed = self.cell.queue.push(accepted);
        debug_assert!(pushed.is_ok(), "accept queues stay open");
        wakes.take_from(&self.cell.waker);
    }

    /// Ends it for `reason`. Connections that wait can still be taken.
    pub fn fail(self, reason: E, wakes: &mut WakeList) {
        self.cell.failure.store(Box::into_raw(Box::new(reason)), Ordering::Release);
        self.end(FAILED, wakes);
    }

    /// Ends it in order.
    pub fn close(self, wakes: &mut WakeList) {
        self.end(CLOSED, wakes);
    }

    fn end(self, how: u32, wakes: &mut WakeList) {
        self.cell.state.fetch_or(how | DETACHED, Ordering::AcqRel);
        wakes.take_from(&self.cell.waker);
    }
}

impl<E> Drop for ListenerShard<E> {
    fn drop(&mut self) {
        if self.cell.state.load(Ordering::Acquire) & ENDED != 0 {
            return;
        }
        self.cell.state.fetch_or(SHARD_GONE | DETACHED, Ordering::AcqRel);
        if let Some(waker) = self.cell.waker.take() {
            super::waker::wake_guarded(waker);
        }
    }
}
