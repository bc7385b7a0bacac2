//! A bounded one-way queue of frames between two threads (or within one), for the in-memory link: frames move, nothing is
//! copied or allocated, and neither end can miss that there is something to take or room again.

use super::Signal;
use super::atomic::{AtomicBool, Ordering, fence};
use crate::buffer::Buf;
use rtrb::{Consumer, Producer, RingBuffer};
use std::collections::VecDeque;
use std::sync::Arc;

/// The sender's mark that it found no room. The sender marks and looks again; the receiver takes and then looks at the
/// mark; with a full fence between the two steps of each, at least one of them sees the other.
#[derive(Debug)]
struct Shortage(AtomicBool);

impl Shortage {
    fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Sender, having found no room: after this it must look once more.
    fn declare(&self) {
        self.0.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Receiver, having made room: whether the sender has to be told.
    fn settle(&self) -> bool {
        fence(Ordering::SeqCst);
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Relaxed)
    }
}

/// What both ends of one direction share.
#[derive(Debug)]
struct Shared {
    shortage: Shortage,
    /// Raised when there are frames to take, or the sender is gone.
    arrived: Arc<Signal>,
    /// Raised when there is room again, or the receiver is gone.
    room: Arc<Signal>,
}

/// The end that frames go into.
#[derive(Debug)]
pub struct FrameSender {
    ring: Producer<Buf>,
    shared: Arc<Shared>,
    _gone: RaiseOnDrop,
}

/// The end that frames come out of.
#[derive(Debug)]
pub struct FrameReceiver {
    ring: Consumer<Buf>,
    shared: Arc<Shared>,
    _gone: RaiseOnDrop,
}

/// A queue for at most `capacity` frames (at least 1). `arrived` is raised for the receiver when frames were put in,
/// `room` for the sender when it found none and there is some again; each also when the other end is dropped.
pub fn channel(capacity: usize, arrived: Arc<Signal>, room: Arc<Signal>) -> (FrameSender, FrameReceiver) {
    let (producer, consumer) = RingBuffer::new(capacity.max(1));
    let (tell_receiver, tell_sender) = (RaiseOnDrop(arrived.clone()), RaiseOnDrop(room.clone()));
    let shared = Arc::new(Shared { shortage: Shortage::new(), arrived, room });
    let sender = FrameSender { ring: producer, shared: shared.clone(), _gone: tell_receiver };
    (sender, FrameReceiver { ring: consumer, shared, _gone: tell_sender })
}

impl FrameSender {
    /// Moves frames from the front of `from` while there is room, at most `limit`; tells how many. Where some of them
    /// stay because there is no room, `room` will be raised.
    pub fn send(&mut self, from: &mut VecDeque<Buf>, limit: usize) -> usize {
        let wanted = limit.min(from.len());
        let mut sent = self.push(from, wanted);
        if sent < wanted {
            self.shared.shortage.declare();
            sent += self.push(from, wanted - sent);
        }
        if sent > 0 {
            self.shared.arrived.raise();
        }
        sent
    }

    /// Moves what fits and tells nobody: for a queue that its receiver looks into anyway (used buffers on their way
    /// back).
    pub fn send_quietly(&mut self, from: &mut Vec<Buf>) {
        let n = self.ring.slots().min(from.len());
        if n == 0 {
            return;
        }
        if let Ok(chunk) = self.ring.write_chunk_uninit(n) {
            let rest = from.len() - n;
            chunk.fill_from_iter(from.drain(rest..));
        }
    }

    fn push(&mut self, from: &mut VecDeque<Buf>, wanted: usize) -> usize {
        if wanted == 1 {
            // One frame at a time is the rule in an exchange of short messages, and cheaper without a chunk.
            return match from.pop_front().map(|frame| self.ring.push(frame)) {
                Some(Ok(())) => 1,
                Some(Err(rtrb::PushError::Full(frame))) => {
                    from.push_front(frame);
                    0
                }
                None => 0,
            };
        }
        let n = self.ring.slots().min(wanted);
        if n == 0 {
            return 0;
        }
        match self.ring.write_chunk_uninit(n) {
            Ok(chunk) => chunk.fill_from_iter(from.drain(..n)),
            Err(_) => 0,
        }
    }

    /// Frames that fit now.
    pub fn room(&self) -> usize {
        self.ring.slots()
    }

    /// Whether the receiver is gone.
    pub fn is_abandoned(&self) -> bool {
        self.ring.is_abandoned()
    }
}

impl FrameReceiver {
    /// Takes at most `limit` frames and gives each to `sink`, oldest first; tells how many.
    pub fn receive(&mut self, limit: usize, sink: impl FnMut(Buf)) -> usize {
        let n = self.ring.slots().min(limit);
        if n == 0 {
            return 0;
        }
        let Ok(chunk) = self.ring.read_chunk(n) else { return 0 };
        chunk.into_iter().for_each(sink);
        if self.shared.shortage.settle() {
            self.shared.room.raise();
        }
        n
    }

    /// Frames waiting.
    pub fn waiting(&self) -> usize {
        self.ring.slots()
    }

    /// Whether the sender is gone; frames may still be waiting.
    pub fn is_abandoned(&self) -> bool {
        self.ring.is_abandoned()
    }
}

/// Raises a signal when it is dropped. As the last field of an end it comes after the ring, so that whoever wakes already
/// sees the ring abandoned.
#[derive(Debug)]
struct RaiseOnDrop(Arc<Signal>);

impl Drop for RaiseOnDrop {
    fn drop(&mut self) {
        self.0.raise();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn ends(capacity: usize) -> (FrameSender, FrameReceiver, Arc<Signal>, Arc<Signal>) {
        let (arrived, room) = (Arc::new(Signal::default()), Arc::new(Signal::default()));
        let (sender, receiver) = channel(capacity, arrived.clone(), room.clone());
        (sender, receiver, arrived, room)
    }

    fn frames(range: core::ops::Range<u8>) -> VecDeque<Buf> {
        let frame = |n| {
            let mut buf = Buf::new(16, 0);
            buf.append(&[n]);
            buf
        };
        range.map(frame).collect()
    }

    fn take(receiver: &mut FrameReceiver, limit: usize) -> Vec<u8> {
        let mut got = Vec::new();
        receiver.receive(limit, |buf| got.push(buf.data()[0]));
        got
    }

    #[test]
    fn frames_keep_their_order_and_what_does_not_fit_stays_with_the_sender() {
        let (mut sender, mut receiver, arrived, room) = ends(3);
        let mut from = frames(0..5);
        assert_eq!(sender.send(&mut from, 2), 2);
        assert!(arrived.take());
        assert_eq!(sender.send(&mut from, 9), 1);
        assert_eq!(from.len(), 2);
        assert_eq!(take(&mut receiver, 2), [0, 1]);
        assert!(room.take());
        assert_eq!(sender.send(&mut from, 9), 2);
        assert_eq!(take(&mut receiver, 9), [2, 3, 4]);
        assert!(!room.take(), "nobody waited for room");
    }

    #[test]
    fn dropping_an_end_wakes_the_other_which_then_sees_it_gone() {
        let (mut sender, mut receiver, arrived, room) = ends(3);
        sender.send(&mut frames(7..8), 1);
        arrived.take();
        drop(sender);
        assert!(arrived.take());
        assert!(receiver.is_abandoned());
        assert_eq!(take(&mut receiver, 9), [7]);
        let (sender, receiver2, ..) = ends(3);
        drop(receiver2);
        assert!(sender.is_abandoned());
        drop(receiver);
        assert!(room.take());
    }

    #[test]
    fn frames_cross_threads_in_order_and_each_once() {
        let (mut sender, mut receiver, _arrived, _room) = ends(8);
        let n = if cfg!(miri) { 40 } else { 200 };
        let thread = std::thread::spawn(move || {
            let mut from = frames(0..n);
            while !from.is_empty() {
                sender.send(&mut from, 5);
                std::thread::yield_now();
            }
        });
        let mut got = Vec::new();
        while got.len() < usize::from(n) {
            got.extend(take(&mut receiver, 3));
            std::thread::yield_now();
        }
        thread.join().unwrap();
        assert_eq!(got, (0..n).collect::<Vec<_>>());
    }
}

/// The ring itself is the crate's; what loom proves here is that the mark for "no room" loses no wake-up.
#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicUsize;

    #[test]
    fn a_sender_without_room_is_told_or_finds_room_when_it_looks_again() {
        loom::model(|| {
            // One place, taken. `head` is what the receiver has freed, as the ring publishes it.
            let head = Arc::new(AtomicUsize::new(0));
            let shortage = Arc::new(Shortage::new());
            let told = {
                let (head, shortage) = (head.clone(), shortage.clone());
                loom::thread::spawn(move || {
                    head.store(1, Ordering::Release);
                    shortage.settle()
                })
            };
            let mut found = head.load(Ordering::Acquire) == 1;
            if !found {
                shortage.declare();
                found = head.load(Ordering::Acquire) == 1;
            }
            assert!(told.join().unwrap() || found, "the sender would wait for ever");
        });
    }
}
