//! The one lock-free structure that all queues of `sync/` are made of: an intrusive stack that anybody pushes onto and
//! that one consumer takes whole.
//!
//! A consumer that only ever takes everything at once has no ABA problem and needs no stub node, so an empty queue is
//! two null pointers and owns nothing. Turning the taken chain round gives first-in-first-out.

use super::atomic::{AtomicPtr, Ordering, UnsafeCell};
use core::marker::PhantomData;
use core::ptr::{self, NonNull};

/// What can stand in a [`Stack`].
///
/// # Safety
/// `link` gives the same cell for the same node every time, and nobody but the stack, the chain or the queue that owns
/// the node at the moment touches it.
pub(crate) unsafe trait Node: Sized {
    /// The node's link.
    ///
    /// # Safety
    /// `this` points to a node that lives as long as the reference is used.
    unsafe fn link<'a>(this: NonNull<Self>) -> &'a UnsafeCell<*mut Self>;
}

/// The head that says: closed for good. Never the address of a node, since nodes are aligned to more than one byte.
fn closed<N>() -> *mut N {
    ptr::without_provenance_mut(1)
}

/// Nodes, newest first. Pushing is lock-free: one compare-and-swap, repeated only when another push won.
pub(crate) struct Stack<N: Node> {
    head: AtomicPtr<N>,
    /// Whether it may cross threads is for the owner to say: it depends on what the nodes hold.
    _nodes: PhantomData<*mut N>,
}

impl<N: Node> Stack<N> {
    pub(crate) fn new() -> Self {
        Self { head: AtomicPtr::new(ptr::null_mut()), _nodes: PhantomData }
    }

    /// Pushes `node`; `false`, and nothing done, where the stack is closed.
    ///
    /// # Safety
    /// `node` is live, and the caller gives up what it owned of it: from here the stack owns it.
    pub(crate) unsafe fn push(&self, node: NonNull<N>) -> bool {
        // SAFETY: the caller owns the node.
        let link = unsafe { N::link(node) };
        // Only a guess, which the exchange corrects. Loom gets the other guess: for a write it looks for a race with the
        // last access alone, and a load of our own would hide the consumer's look from it.
        let mut head = if cfg!(loom) { ptr::null_mut() } else { self.head.load(Ordering::Relaxed) };
        loop {
            if head == closed() {
                return false;
            }
            // SAFETY: nobody else knows the node until the exchange below succeeds.
            link.with_mut(|next| unsafe { *next = head });
            // Release: the consumer sees the node's content, and the link, with the head. Each later push is a
            // read-modify-write and so carries this one's release on.
            match self.head.compare_exchange_weak(head, node.as_ptr(), Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => head = now,
            }
        }
    }

    /// Takes everything, newest first. Only the consumer calls it: it alone closes, so that no close is undone here.
    pub(crate) fn take_all(&self) -> Chain<N> {
        // The look first spares an idle queue the exchange. A stale look is no lost wake-up: whoever goes to sleep on
        // this queue has exchanged with the producer through a waker slot or a signal before it looks again.
        let head = self.head.load(Ordering::Relaxed);
        if head.is_null() || head == closed() {
            return Chain::empty();
        }
        Chain { first: self.head.swap(ptr::null_mut(), Ordering::Acquire) }
    }

    /// Closes it for good and takes what it held: every push from now on is refused.
    pub(crate) fn close(&self) -> Chain<N> {
        let head = self.head.swap(closed(), Ordering::AcqRel);
        if head == closed() { Chain::empty() } else { Chain { first: head } }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.head.load(Ordering::Acquire) == closed()
    }

    pub(crate) fn is_empty(&self) -> bool {
        let head = self.head.load(Ordering::Acquire);
        head.is_null() || head == closed()
    }
}

/// Nodes that one party took out of a [`Stack`] and owns alone. Dropping a chain forgets its nodes: the owner pops them
/// first.
pub(crate) struct Chain<N: Node> {
    first: *mut N,
}

impl<N: Node> Chain<N> {
    pub(crate) const fn empty() -> Self {
        Self { first: ptr::null_mut() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_null()
    }

    pub(crate) fn front(&self) -> Option<NonNull<N>> {
        NonNull::new(self.first)
    }

    /// Takes out the first node; the caller owns it.
    pub(crate) fn pop(&mut self) -> Option<NonNull<N>> {
        let node = NonNull::new(self.first)?;
        // SAFETY: the chain owns its nodes, and the acquire that took it made the links visible.
        self.first = unsafe { N::link(node) }.with(|next| unsafe { *next });
        Some(node)
    }

    /// The same nodes, oldest first.
    pub(crate) fn reverse(mut self) -> Self {
        let mut turned = ptr::null_mut();
        while let Some(node) = self.pop() {
            // SAFETY: just popped, so owned here alone.
            unsafe { N::link(node) }.with_mut(|next| unsafe { *next = turned });
            turned = node.as_ptr();
        }
        Self { first: turned }
    }
}

/// A first-in-first-out queue: many producers, one consumer.
pub(crate) struct Fifo<N: Node> {
    inbox: Stack<N>,
    /// What the consumer has taken and not yet used, oldest first; the consumer's alone.
    outbox: UnsafeCell<Chain<N>>,
}

impl<N: Node> Fifo<N> {
    pub(crate) fn new() -> Self {
        Self { inbox: Stack::new(), outbox: UnsafeCell::new(Chain::empty()) }
    }

    /// Appends `node`; `false`, and nothing done, where the queue is closed.
    ///
    /// # Safety
    /// As [`Stack::push`].
    pub(crate) unsafe fn push(&self, node: NonNull<N>) -> bool {
        // SAFETY: passed on.
        unsafe { self.inbox.push(node) }
    }

    /// Takes the oldest node; the caller owns it.
    ///
    /// # Safety
    /// The caller is the only consumer at this moment.
    pub(crate) unsafe fn pop(&self) -> Option<NonNull<N>> {
        // SAFETY: only the consumer touches the outbox.
        self.outbox.with_mut(|outbox| unsafe {
            if (*outbox).is_empty() {
                *outbox = self.inbox.take_all().reverse();
            }
            (*outbox).pop()
        })
    }

    /// The oldest node, which stays in the queue.
    ///
    /// # Safety
    /// As [`Fifo::pop`]; the node may be used until the next call of `pop`.
    pub(crate) unsafe fn front(&self) -> Option<NonNull<N>> {
        // SAFETY: only the consumer touches the outbox.
        self.outbox.with_mut(|outbox| unsafe {
            if (*outbox).is_empty() {
                *outbox = self.inbox.take_all().reverse();
            }
            (*outbox).front()
        })
    }

    /// Refuses every push from now on. What was pushed before is still there to be popped.
    ///
    /// # Safety
    /// As [`Fifo::pop`].
    pub(crate) unsafe fn close(&self) {
        let mut rest = self.inbox.close().reverse();
        // SAFETY: only the consumer touches the outbox.
        self.outbox.with_mut(|outbox| unsafe {
            if (*outbox).is_empty() {
                *outbox = rest;
                return;
            }
            // Behind what the outbox holds already: rare (death of a shard), so a walk to its end is good enough.
            let mut last = (*outbox).first;
            while let Some(node) = NonNull::new(last) {
                let next = N::link(node).with(|next| *next);
                if next.is_null() {
                    N::link(node).with_mut(|link| *link = rest.first);
                    rest.first = ptr::null_mut();
                }
                last = next;
            }
        });
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.inbox.is_closed()
    }
}
