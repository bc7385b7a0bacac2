//! How an application tells the shard that something is to be done for one of its cells: bits in the cell, and a place
//! in the shard's ready list, where each cell stands at most once. It needs no memory, so it can neither fail nor wait.

use super::accept::ListenerCell;
use super::atomic::{Arc, AtomicU32, Ordering};
use super::cell::{Cell, Events};
use super::exchange::Exchange;
use super::signal::Signal;
use super::stack::{Chain, Node, Stack};
use crate::base::Id;
use core::ptr::NonNull;
use std::sync::Arc as StdArc;

/// The cell stands in the ready list, or is about to.
pub(crate) const QUEUED: u32 = 1 << 0;
/// The shard's half is gone; nobody reads events any more.
pub(crate) const DETACHED: u32 = 1 << 1;

/// What can stand in a ready list.
pub(crate) trait Ready: Node {
    /// The word with [`QUEUED`], [`DETACHED`] and the events.
    fn state(&self) -> &AtomicU32;
}

/// Cells with news, any producer, one consumer.
pub(crate) struct ReadyList<T: Ready>(Stack<T>);

impl<T: Ready> ReadyList<T> {
    fn new() -> Self {
        Self(Stack::new())
    }

    /// Sets `bits` in `cell` and puts it into the list, if it is not there already.
    fn post(&self, cell: &Arc<T>, bits: u32, signal: &Signal) {
        // AcqRel: the release publishes what was done before (a pushed chunk, a counter). Where the cell is queued
        // already, the consumer's later clearing of QUEUED reads this very word and so sees the bits.
        let before = cell.state().fetch_or(bits | QUEUED, Ordering::AcqRel);
        if before & (QUEUED | DETACHED) != 0 {
            return;
        }
        let raw = Arc::into_raw(Arc::clone(cell));
        // SAFETY: `into_raw` of an `Arc` is not null.
        let node = unsafe { NonNull::new_unchecked(raw.cast_mut()) };
        // SAFETY: the list gets the reference that was just counted; QUEUED makes us the only one to push this cell.
        if unsafe { self.0.push(node) } {
            // Push first, then ring: who takes the signal sees the push.
            signal.raise();
        } else {
            // The shard died. SAFETY: refused, so the reference is still ours.
            drop(unsafe { Arc::from_raw(raw) });
        }
    }
}

/// What all handles of one shard share: its ready lists, its signal and the free buffers.
pub struct Mailbox<E> {
    cells: ReadyList<Cell<E>>,
    listeners: ReadyList<ListenerCell<E>>,
    signal: StdArc<Signal>,
    exchange: Exchange,
}

// SAFETY: the lists hold counted references to cells, which are `Send` and `Sync` where `E` is.
unsafe impl<E: Send + Sync> Send for Mailbox<E> {}
// SAFETY: as above.
unsafe impl<E: Send + Sync> Sync for Mailbox<E> {}

impl<E> Mailbox<E> {
    /// The free buffers that applications and the shard exchange.
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// What rings when there is something to do.
    pub fn signal(&self) -> &StdArc<Signal> {
        &self.signal
    }

    /// Whether the shard is gone.
    pub fn is_dead(&self) -> bool {
        self.cells.0.is_closed()
    }

    pub(crate) fn post_cell(&self, cell: &Arc<Cell<E>>, bits: u32) {
        self.cells.post(cell, bits, &self.signal);
    }

    pub(crate) fn post_listener(&self, cell: &Arc<ListenerCell<E>>, bits: u32) {
        self.listeners.post(cell, bits, &self.signal);
    }
}

/// The shard's end of a [`Mailbox`]; there is one. Dropping it is the shard's death: nothing is queued any more, and
/// what was queued is let go, so that no cell and mailbox keep each other alive.
pub struct Inbox<E> {
    mailbox: Arc<Mailbox<E>>,
    cells: Chain<Cell<E>>,
    listeners: Chain<ListenerCell<E>>,
}

// SAFETY: as `Mailbox`; the chains are owned.
unsafe impl<E: Send + Sync> Send for Inbox<E> {}

impl<E> Inbox<E> {
    /// The inbox of a new shard, which rings `signal` and exchanges free buffers through `exchange`.
    pub fn new(signal: StdArc<Signal>, exchange: Exchange) -> Self {
        let mailbox = Mailbox { cells: ReadyList::new(), listeners: ReadyList::new(), signal, exchange };
        Self { mailbox: Arc::new(mailbox), cells: Chain::empty(), listeners: Chain::empty() }
    }

    /// What the handles of this shard are made with.
    pub fn mailbox(&self) -> &Arc<Mailbox<E>> {
        &self.mailbox
    }

    /// The next connection with news, and its news. A budget is the caller's: one call, one connection. Cells whose
    /// command the shard has not taken yet are passed over, since [`super::ShardHalf::attach`] tells their news.
    pub fn next_cell(&mut self) -> Option<(Id, Events)> {
        loop {
            let cell = next(&mut self.cells, &self.mailbox.cells)?;
            // Clears QUEUED: from here a new event queues the cell again, and another thread may write its link, which
            // was read before.
            if let Some(id) = cell.id() {
                return Some((id, cell.take_events()));
            }
            cell.keep_events();
        }
    }

    /// The next listener with news; what they are, [`super::ListenerShard`] tells.
    pub fn next_listener(&mut self) -> Option<Id> {
        loop {
            let cell = next(&mut self.listeners, &self.mailbox.listeners)?;
            let id = cell.id();
            cell.state().fetch_and(!QUEUED, Ordering::AcqRel);
            if id.is_some() {
                return id;
            }
        }
    }

    /// Whether nothing is queued: the shard may sleep, once it has registered with the signal and asked again.
    pub fn is_empty(&self) -> bool {
        let mailbox = &self.mailbox;
        self.cells.is_empty()
            && self.listeners.is_empty()
            && mailbox.cells.0.is_empty()
            && mailbox.listeners.0.is_empty()
    }
}

/// Takes the next cell of a batch, or of the next batch. A batch is newest first; since the whole batch goes before the
/// next is looked at, nobody starves, and no time is spent on turning round a list that may be a million long.
fn next<T: Ready>(batch: &mut Chain<T>, list: &ReadyList<T>) -> Option<Arc<T>> {
    if batch.is_empty() {
        *batch = list.0.take_all();
    }
    // SAFETY: every node of the list is a reference that `post` counted, and `pop` hands it on once.
    batch.pop().map(|node| unsafe { Arc::from_raw(node.as_ptr()) })
}

impl<E> Drop for Inbox<E> {
    fn drop(&mut self) {
        release(&mut self.cells);
        release(&mut self.listeners);
        release(&mut self.mailbox.cells.0.close());
        release(&mut self.mailbox.listeners.0.close());
    }
}

fn release<T: Ready>(chain: &mut Chain<T>) {
    while let Some(node) = chain.pop() {
        // SAFETY: as `next`.
        drop(unsafe { Arc::from_raw(node.as_ptr()) });
    }
}
