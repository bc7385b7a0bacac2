//! The answer to one command: sent once, waited for by one task, and either side may go away first.

use super::ShardGone;
use super::atomic::{Arc, AtomicU8, Ordering, UnsafeCell};
use super::waker::{WakeList, WakerSlot};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

/// The value is there.
const SENT: u8 = 1;
/// The sender went without one.
const GONE: u8 = 2;
/// The receiver went: nobody wants the value.
const CANCELLED: u8 = 4;

struct Shared<T> {
    state: AtomicU8,
    value: UnsafeCell<Option<T>>,
    waker: WakerSlot,
}

// SAFETY: the value is written before SENT is released and read after it is acquired, by the one receiver.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

/// Makes a reply slot.
pub fn reply<T>() -> (ReplySender<T>, ReplyReceiver<T>) {
    let shared =
        Arc::new(Shared { state: AtomicU8::new(0), value: UnsafeCell::new(None), waker: WakerSlot::new() });
    (ReplySender(Arc::clone(&shared)), ReplyReceiver(shared))
}

/// The shard's end. Dropping it without sending is the shard's death, and the receiver is told so at once.
pub struct ReplySender<T>(Arc<Shared<T>>);

impl<T> ReplySender<T> {
    /// Sends the answer.
    pub fn send(self, value: T, wakes: &mut WakeList) {
        // SAFETY: there is one sender, which this call uses up, and the receiver waits for SENT.
        self.0.value.with_mut(|place| unsafe { *place = Some(value) });
        self.0.state.fetch_or(SENT, Ordering::AcqRel);
        wakes.take_from(&self.0.waker);
    }

    /// Whether nobody waits for the answer any more: the future was dropped.
    pub fn is_cancelled(&self) -> bool {
        self.0.state.load(Ordering::Acquire) & CANCELLED != 0
    }
}

impl<T> Drop for ReplySender<T> {
    fn drop(&mut self) {
        if self.0.state.load(Ordering::Relaxed) & SENT != 0 {
            return;
        }
        self.0.state.fetch_or(GONE, Ordering::AcqRel);
        if let Some(waker) = self.0.waker.take() {
            super::waker::wake_guarded(waker);
        }
    }
}

/// The application's end: a future of the answer. Dropping it cancels.
pub struct ReplyReceiver<T>(Arc<Shared<T>>);

impl<T> ReplyReceiver<T> {
    /// The answer, if it is there.
    ///
    /// # Errors
    /// None will come: the shard is gone, or the answer was taken already.
    pub fn try_take(&mut self) -> Poll<Result<T, ShardGone>> {
        let state = self.0.state.load(Ordering::Acquire);
        if state & SENT != 0 {
            // SAFETY: SENT was acquired, and there is one receiver, `&mut` here.
            let value = self.0.value.with_mut(|place| unsafe { (*place).take() });
            return Poll::Ready(value.ok_or(ShardGone));
        }
        if state & GONE != 0 { Poll::Ready(Err(ShardGone)) } else { Poll::Pending }
    }

    /// The answer, or registers `waker` for when it comes.
    ///
    /// # Errors
    /// As [`ReplyReceiver::try_take`].
    pub fn poll_take(&mut self, waker: &Waker) -> Poll<Result<T, ShardGone>> {
        if let Poll::Ready(answer) = self.try_take() {
            return Poll::Ready(answer);
        }
        self.0.waker.register(waker);
        self.try_take()
    }
}

impl<T> Future for ReplyReceiver<T> {
    type Output = Result<T, ShardGone>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().poll_take(cx.waker())
    }
}

impl<T> Drop for ReplyReceiver<T> {
    fn drop(&mut self) {
        // The waker's drop is foreign code and belongs here, not in a turn.
        drop(self.0.waker.take());
        self.0.state.fetch_or(CANCELLED, Ordering::AcqRel);
    }
}
