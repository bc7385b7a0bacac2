//! The bounded queue through which new connects, listens, pings and queries reach a shard. Nothing else does: what
//! concerns a connection that exists sets bits in its cell.

use super::atomic::{Arc, AtomicUsize, Ordering};
use super::chunk_queue::Queue;
use super::signal::Signal;
use super::waker::{WakeList, WakerSlot};
use core::future::poll_fn;
use core::task::{Poll, Waker};
use std::sync::Arc as StdArc;

struct Shared<T> {
    queue: Queue<T>,
    /// Commands that have a place, counted before they are pushed and until they are popped.
    len: AtomicUsize,
    capacity: usize,
    /// Senders that wait for a place.
    waiting: WakerSlot,
    signal: StdArc<Signal>,
}

/// Why a command was not taken; it comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PushError<T> {
    /// The queue is full.
    Full(T),
    /// The shard is gone.
    Closed(T),
}

/// Makes a queue for at most `capacity` (at least 1) commands whose pushes raise `signal`.
pub fn commands<T>(capacity: usize, signal: StdArc<Signal>) -> (CommandSender<T>, CommandReceiver<T>) {
    let shared = Arc::new(Shared {
        queue: Queue::new(),
        len: AtomicUsize::new(0),
        capacity: capacity.max(1),
        waiting: WakerSlot::new(),
        signal,
    });
    (CommandSender(Arc::clone(&shared)), CommandReceiver(shared))
}

/// The application's end; any number.
pub struct CommandSender<T>(Arc<Shared<T>>);

impl<T> Clone for CommandSender<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> CommandSender<T> {
    /// Queues a command. Never waits.
    ///
    /// # Errors
    /// The queue is full, or the shard is gone.
    pub fn try_push(&self, command: T) -> Result<(), PushError<T>> {
        let shared = &*self.0;
        let place = shared.len.fetch_update(Ordering::AcqRel, Ordering::Acquire, |len| {
            (len < shared.capacity).then_some(len + 1)
        });
        if place.is_err() {
            let full = !shared.queue.is_closed();
            return Err(if full { PushError::Full(command) } else { PushError::Closed(command) });
        }
        shared.queue.push(command).map_err(PushError::Closed)?;
        shared.signal.raise();
        Ok(())
    }

    /// Queues the command in `slot`, or registers `waker` for when there is room. All that wait are woken together;
    /// the caller bounds the wait by its own deadline.
    ///
    /// # Errors
    /// The shard is gone; the command is dropped. Also where `slot` is empty.
    pub fn poll_push(&self, slot: &mut Option<T>, waker: &Waker) -> Poll<Result<(), ShardGone>> {
        for attempt in 0..2 {
            let Some(command) = slot.take() else { return Poll::Ready(Err(ShardGone)) };
            match self.try_push(command) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(PushError::Closed(_)) => return Poll::Ready(Err(ShardGone)),
                Err(PushError::Full(command)) => *slot = Some(command),
            }
            if attempt == 0 {
                // Register, then try again: room that was made before the wakers were taken is found by the second try.
                self.0.waiting.register(waker);
            }
        }
        Poll::Pending
    }

    /// Queues a command, waiting for room. Dropping the future drops the command.
    ///
    /// # Errors
    /// The shard is gone.
    pub async fn push(&self, command: T) -> Result<(), ShardGone> {
        let mut slot = Some(command);
        poll_fn(|cx| self.poll_push(&mut slot, cx.waker())).await
    }
}

/// The shard died, or was stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the stack is gone")]
pub struct ShardGone;

/// The shard's end; there is one. Dropping it is the shard's death: what is queued is dropped (and with it the halves and
/// reply slots inside, which tell their owners), and all who wait are woken.
pub struct CommandReceiver<T>(Arc<Shared<T>>);

impl<T> CommandReceiver<T> {
    /// Takes the oldest command. Senders that wait are told once half of the places are free, so that they do not all
    /// come for one.
    pub fn pop(&mut self, wakes: &mut WakeList) -> Option<T> {
        let shared = &*self.0;
        // SAFETY: there is one receiver, and `&mut` of it here: the only consumer.
        let command = unsafe { shared.queue.pop() }?;
        // Whoever waits saw the queue full, so the count comes down through the half after it registered.
        let before = shared.len.fetch_sub(1, Ordering::AcqRel);
        if before == shared.capacity / 2 + 1 {
            wakes.take_from(&shared.waiting);
        }
        Some(command)
    }

    /// Commands that have a place.
    pub fn len(&self) -> usize {
        self.0.len.load(Ordering::Acquire)
    }

    /// Whether no command has a place.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Drop for CommandReceiver<T> {
    fn drop(&mut self) {
        let shared = &*self.0;
        // SAFETY: as `pop`.
        unsafe { shared.queue.close() };
        // SAFETY: as `pop`.
        while let Some(command) = unsafe { shared.queue.pop() } {
            drop(command);
        }
        if let Some(waker) = shared.waiting.take() {
            super::waker::wake_guarded(waker);
        }
    }
}
