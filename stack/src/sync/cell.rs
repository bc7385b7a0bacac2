//! The cell that one connection's handles and its shard share, and the shard's half of it.

use super::atomic::{Arc, AtomicPtr, AtomicU32, AtomicU64, Ordering, UnsafeCell};
use super::chunk_queue::ChunkQueue;
use super::ready::{DETACHED, Mailbox, QUEUED, Ready};
use super::stack::Node;
use super::waker::{WakeList, WakerSlot};
use super::{ReadHalf, WriteHalf};
use crate::base::Id;
use crate::buffer::Buf;
use crate::wire::FlowKey;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};

// What the application tells. The first three are told once; the others stay.
pub(crate) const TX_DATA: u32 = 1 << 2;
pub(crate) const RX_CONSUMED: u32 = 1 << 3;
const OPTIONS: u32 = 1 << 4;
pub(crate) const READ_DROPPED: u32 = 1 << 5;
pub(crate) const WRITE_DROPPED: u32 = 1 << 6;
pub(crate) const SHUTDOWN_WRITE: u32 = 1 << 7;
pub(crate) const ABORT: u32 = 1 << 8;
// What the shard tells.
const ESTABLISHED: u32 = 1 << 16;
const RX_EOF: u32 = 1 << 17;
const FAILED: u32 = 1 << 18;
const CLOSED: u32 = 1 << 19;
const SHARD_GONE: u32 = 1 << 20;
/// The lock bit of the read side: it is only ever tried, never waited for.
const READING: u32 = 1 << 31;

const TOLD_ONCE: u32 = TX_DATA | RX_CONSUMED | OPTIONS;
const ENDED: u32 = FAILED | CLOSED | SHARD_GONE;

/// No id yet.
const UNATTACHED: u64 = u64::MAX;

/// What one connection's handles and the shard share. Who touches what is drawn in the documentation of
/// [the module](super).
pub(crate) struct Cell<E> {
    mailbox: Arc<Mailbox<E>>,
    state: AtomicU32,
    id: AtomicU64,
    ready: UnsafeCell<*mut Cell<E>>,
    /// Why it failed: null, or a box that the shard put there once.
    failure: AtomicPtr<E>,
    /// The socket options, packed by the layer above.
    options: AtomicU32,
    /// Written once by the shard before ESTABLISHED.
    flow: UnsafeCell<MaybeUninit<FlowKey>>,
    rx: ChunkQueue,
    tx: ChunkQueue,
    /// Bytes that the application has read, ever (wrapping).
    rx_consumed: AtomicU32,
    /// The shard wants to hear when `rx_consumed` gets here.
    rx_notify_at: AtomicU32,
    /// Bytes of buffers that the application has queued, ever (wrapping).
    tx_queued: AtomicU32,
    /// Bytes of buffers that it may queue, ever (wrapping).
    tx_allowed: AtomicU32,
    read_waker: WakerSlot,
    write_waker: WakerSlot,
}

/// A million idle connections have a million cells: with the counts of the `Arc` this is three cache lines.
#[cfg(all(not(loom), target_pointer_width = "64"))]
const _: () = assert!(size_of::<Cell<()>>() + 16 <= 192);

// SAFETY: everything is atomic, or a slot or queue that is `Sync` itself, or written once before a release (`flow`,
// `failure`), or owned by the ready list while QUEUED says so (`ready`).
unsafe impl<E: Send + Sync> Send for Cell<E> {}
// SAFETY: as above.
unsafe impl<E: Send + Sync> Sync for Cell<E> {}

// SAFETY: `ready` is used by the ready list alone.
unsafe impl<E> Node for Cell<E> {
    unsafe fn link<'a>(this: NonNull<Self>) -> &'a UnsafeCell<*mut Self> {
        // SAFETY: the caller keeps the cell alive.
        unsafe { &(*this.as_ptr()).ready }
    }
}

impl<E> Ready for Cell<E> {
    fn state(&self) -> &AtomicU32 {
        &self.state
    }
}

/// Makes the cell of a new connection and its three handles: two for the application, one for the shard. `options` are
/// the socket's, packed by the layer above.
///
/// An active open makes them in the application and sends the shard's half as a command; a passive open makes them in
/// the shard and sends the application's halves to the listener.
pub fn connection<E>(mailbox: &Arc<Mailbox<E>>, options: u32) -> (ReadHalf<E>, WriteHalf<E>, ShardHalf<E>) {
    let cell = Arc::new(Cell {
        mailbox: Arc::clone(mailbox),
        state: AtomicU32::new(0),
        id: AtomicU64::new(UNATTACHED),
        ready: UnsafeCell::new(ptr::null_mut()),
        failure: AtomicPtr::new(ptr::null_mut()),
        options: AtomicU32::new(options),
        flow: UnsafeCell::new(MaybeUninit::uninit()),
        rx: ChunkQueue::new(),
        tx: ChunkQueue::new(),
        rx_consumed: AtomicU32::new(0),
        rx_notify_at: AtomicU32::new(0),
        tx_queued: AtomicU32::new(0),
        tx_allowed: AtomicU32::new(0),
        read_waker: WakerSlot::new(),
        write_waker: WakerSlot::new(),
    });
    (ReadHalf::new(Arc::clone(&cell)), WriteHalf::new(Arc::clone(&cell)), ShardHalf { cell })
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended<'a, E> {
    /// For this reason.
    Failed(&'a E),
    /// In order: both directions were closed, and the connection is forgotten.
    Closed,
    /// Its shard died, or was stopped.
    ShardGone,
}

impl<E> Clone for Ended<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Ended<'_, E> {}

/// What the shard has told of a connection: one look at its state.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Status(u32);

impl Status {
    /// The handshake was completed.
    pub fn is_established(self) -> bool {
        self.0 & ESTABLISHED != 0
    }

    /// The peer sends no more; data before that may still be unread.
    pub fn is_eof(self) -> bool {
        self.0 & RX_EOF != 0
    }

    /// It is over, by failure, in order or by the shard's death.
    pub fn is_ended(self) -> bool {
        self.0 & ENDED != 0
    }

    /// The application has shut its sending direction down.
    pub fn is_write_shutdown(self) -> bool {
        self.0 & SHUTDOWN_WRITE != 0
    }
}

impl core::fmt::Debug for Status {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Status({:#x})", self.0)
    }
}

/// What the application has told of a connection. What it told once ([`Events::tx_data`], [`Events::rx_consumed`],
/// [`Events::options_changed`]) is told to the shard once; the rest stays true.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Events(u32);

impl Events {
    /// Chunks were queued for sending.
    pub fn tx_data(self) -> bool {
        self.0 & TX_DATA != 0
    }

    /// It read up to where [`ShardHalf::notify_consumed_at`] asked.
    pub fn rx_consumed(self) -> bool {
        self.0 & RX_CONSUMED != 0
    }

    /// It changed socket options.
    pub fn options_changed(self) -> bool {
        self.0 & OPTIONS != 0
    }

    /// It shut down the sending direction, or dropped its write half: after the queued chunks comes the FIN.
    pub fn write_shutdown(self) -> bool {
        self.0 & (SHUTDOWN_WRITE | WRITE_DROPPED) != 0
    }

    /// It dropped its read half: data that arrives has no reader.
    pub fn read_dropped(self) -> bool {
        self.0 & READ_DROPPED != 0
    }

    /// It has no half any more: the connection is an orphan, and a connect that is still under way is cancelled.
    pub fn dropped(self) -> bool {
        self.0 & READ_DROPPED != 0 && self.0 & WRITE_DROPPED != 0
    }

    /// It wants the connection reset.
    pub fn aborted(self) -> bool {
        self.0 & ABORT != 0
    }
}

impl core::fmt::Debug for Events {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Events({:#x})", self.0)
    }
}

// What the ready list does with a cell.
impl<E> Cell<E> {
    pub(crate) fn id(&self) -> Option<Id> {
        let id = self.id.load(Ordering::Relaxed);
        (id != UNATTACHED).then(|| Id::from(id))
    }

    pub(crate) fn take_events(&self) -> Events {
        Events(self.state.fetch_and(!(QUEUED | TOLD_ONCE), Ordering::AcqRel))
    }

    /// Nobody can be told yet: the events stay for `attach`.
    pub(crate) fn keep_events(&self) {
        self.state.fetch_and(!QUEUED, Ordering::AcqRel);
    }
}

// What the application's halves do with it.
impl<E> Cell<E> {
    pub(crate) fn mailbox(&self) -> &Arc<Mailbox<E>> {
        &self.mailbox
    }

    pub(crate) fn rx(&self) -> &ChunkQueue {
        &self.rx
    }

    pub(crate) fn tx(&self) -> &ChunkQueue {
        &self.tx
    }

    pub(crate) fn read_waker(&self) -> &WakerSlot {
        &self.read_waker
    }

    pub(crate) fn write_waker(&self) -> &WakerSlot {
        &self.write_waker
    }

    pub(crate) fn status(&self) -> Status {
        Status(self.state.load(Ordering::Acquire))
    }

    pub(crate) fn ended(&self, status: Status) -> Option<Ended<'_, E>> {
        if status.0 & FAILED != 0 {
            let failure = self.failure.load(Ordering::Acquire);
            // SAFETY: the shard put a box there before FAILED, and it stays until the cell goes.
            return Some(Ended::Failed(unsafe { &*failure }));
        }
        if status.0 & CLOSED != 0 {
            return Some(Ended::Closed);
        }
        (status.0 & SHARD_GONE != 0).then_some(Ended::ShardGone)
    }

    pub(crate) fn flow(&self) -> Option<FlowKey> {
        // SAFETY: written before ESTABLISHED was released, and never again.
        self.status().is_established().then(|| self.flow.with(|flow| unsafe { (*flow).assume_init() }))
    }

    /// Tries the lock of the read side.
    pub(crate) fn try_lock_read(&self) -> bool {
        self.state.fetch_or(READING, Ordering::Acquire) & READING == 0
    }

    pub(crate) fn unlock_read(&self) {
        self.state.fetch_and(!READING, Ordering::Release);
    }

    /// Adds to what was read; whether that crossed the mark that the shard wants to hear of.
    pub(crate) fn add_consumed(&self, n: u32) -> bool {
        // AcqRel, as the shard's look in `notify_consumed_at`: the later of the two sees what the other did before.
        let before = self.rx_consumed.fetch_add(n, Ordering::AcqRel);
        let at = self.rx_notify_at.load(Ordering::Relaxed);
        behind(before, at) && !behind(before.wrapping_add(n), at)
    }

    pub(crate) fn add_queued(&self, n: u32) {
        self.tx_queued.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn credit(&self) -> u32 {
        let allowed = self.tx_allowed.load(Ordering::Acquire);
        let queued = self.tx_queued.load(Ordering::Relaxed);
        if behind(queued, allowed) { allowed.wrapping_sub(queued) } else { 0 }
    }

    pub(crate) fn options(&self) -> u32 {
        self.options.load(Ordering::Acquire)
    }

    pub(crate) fn update_options(cell: &Arc<Self>, mut change: impl FnMut(u32) -> u32) {
        let changed = cell.options.fetch_update(Ordering::AcqRel, Ordering::Acquire, |old| Some(change(old)));
        debug_assert!(changed.is_ok(), "the change is always given");
        Self::tell(cell, OPTIONS);
    }

    /// Tells the shard: one of the constants above.
    pub(crate) fn tell(cell: &Arc<Self>, what: u32) {
        cell.mailbox.post_cell(cell, what);
    }
}

/// Whether the wrapping count `a` has not come to `b` yet. Counts are never 2³¹ apart: buffers are at most 4 MiB.
fn behind(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

impl<E> Drop for Cell<E> {
    fn drop(&mut self) {
        let failure = self.failure.load(Ordering::Acquire);
        if !failure.is_null() {
            // SAFETY: the shard leaked a box there once, and the last reference to the cell is going.
            drop(unsafe { Box::from_raw(failure) });
        }
    }
}

/// The shard's half of a connection; there is one. Dropping it without [`ShardHalf::close`] or [`ShardHalf::fail`] is
/// the death of the shard, and the application's halves are told so at once.
pub struct ShardHalf<E> {
    cell: Arc<Cell<E>>,
}

impl<E> ShardHalf<E> {
    /// Gives the connection its id, under which [`super::Inbox::next_cell`] tells its news from now on, and tells what
    /// happened before: a connect may be cancelled already.
    #[must_use = "the connect may be cancelled already"]
    pub fn attach(&mut self, id: Id) -> Events {
        self.cell.id.store(id.into(), Ordering::Relaxed);
        self.events()
    }

    /// What the application has told so far. (What is told once shows here until `next_cell` has told it.)
    pub fn events(&self) -> Events {
        Events(self.cell.state.load(Ordering::Acquire))
    }

    /// The handshake is complete: the connection's addresses are known. Call it once, at first.
    pub fn establish(&mut self, flow: FlowKey, wakes: &mut WakeList) {
        if self.events().0 & ESTABLISHED != 0 {
            debug_assert!(false, "established twice");
            return;
        }
        // SAFETY: there is one shard half and `&mut` of it here; nobody reads before ESTABLISHED.
        self.cell.flow.with_mut(|place| unsafe { (*place).write(flow) });
        self.cell.state.fetch_or(ESTABLISHED, Ordering::AcqRel);
        wakes.take_from(&self.cell.write_waker);
    }

    /// Queues a received chunk. [`ShardHalf::notify_readable`] follows, once for all chunks of a turn.
    pub fn push_rx(&mut self, chunk: Buf) {
        self.cell.rx.push(chunk);
    }

    /// The reader is to be woken after the turn, because of chunks pushed before this call.
    pub fn notify_readable(&mut self, wakes: &mut WakeList) {
        wakes.take_from(&self.cell.read_waker);
    }

    /// The peer's FIN is in order: after the chunks that were pushed nothing comes.
    pub fn eof(&mut self, wakes: &mut WakeList) {
        self.cell.state.fetch_or(RX_EOF, Ordering::AcqRel);
        wakes.take_from(&self.cell.read_waker);
    }

    /// Bytes that the application has read since the start (wrapping).
    pub fn consumed(&self) -> u32 {
        self.cell.rx_consumed.load(Ordering::Acquire)
    }

    /// Asks for [`Events::rx_consumed`] when [`ShardHalf::consumed`] gets to `at`. Gives what it is now: where that is
    /// `at` or beyond, no event may come.
    #[must_use = "it may be there already, and then no event comes"]
    pub fn notify_consumed_at(&mut self, at: u32) -> u32 {
        self.cell.rx_notify_at.store(at, Ordering::Relaxed);
        // A read-modify-write, so that either this look sees the application's latest addition, or that addition sees
        // the mark.
        self.cell.rx_consumed.fetch_add(0, Ordering::AcqRel)
    }

    /// Takes the oldest chunk that the application queued. Look at the events before the last call: chunks that were
    /// queued before a shutdown are there once the shutdown shows.
    pub fn pop_tx(&mut self) -> Option<Buf> {
        // SAFETY: there is one shard half, and `&mut` of it here: the only consumer.
        unsafe { self.cell.tx.pop() }
    }

    /// Allows the application to queue buffers of `bytes` more memory ([`Buf::memory`]).
    /// [`ShardHalf::notify_writable`] follows, when there is enough to be worth a wake-up.
    pub fn grant(&mut self, bytes: u32) {
        self.cell.tx_allowed.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Bytes of buffers that the application may still queue.
    pub fn credit(&self) -> u32 {
        self.cell.credit()
    }

    /// The writer is to be woken after the turn, because of grants before this call.
    pub fn notify_writable(&mut self, wakes: &mut WakeList) {
        wakes.take_from(&self.cell.write_waker);
    }

    /// The socket options, packed by the layer above.
    pub fn options(&self) -> u32 {
        self.cell.options()
    }

    /// Ends it for `reason`, which every handle then reports (after the data that was received before).
    pub fn fail(self, reason: E, wakes: &mut WakeList) {
        let boxed = Box::into_raw(Box::new(reason));
        self.cell.failure.store(boxed, Ordering::Release);
        self.end(FAILED, wakes);
    }

    /// Ends it in order: both directions are closed and the connection is forgotten.
    pub fn close(self, wakes: &mut WakeList) {
        self.end(CLOSED, wakes);
    }

    fn end(self, how: u32, wakes: &mut WakeList) {
        self.cell.state.fetch_or(how | DETACHED, Ordering::AcqRel);
        wakes.take_from(&self.cell.read_waker);
        wakes.take_from(&self.cell.write_waker);
    }
}

impl<E> Drop for ShardHalf<E> {
    fn drop(&mut self) {
        if self.events().0 & ENDED != 0 {
            return;
        }
        // Not ended by us, so the shard is being dropped or is unwinding: there is no turn whose end could wake.
        let mut wakes = WakeList::new();
        self.cell.state.fetch_or(SHARD_GONE | DETACHED, Ordering::AcqRel);
        wakes.take_from(&self.cell.read_waker);
        wakes.take_from(&self.cell.write_waker);
        wakes.wake_all();
    }
}
