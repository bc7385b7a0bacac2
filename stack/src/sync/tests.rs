//! What the handles promise, in one thread and in real ones; the interleavings are for `loom_tests`. Small enough for
//! Miri.

use super::*;
use crate::base::Id;
use crate::buffer::{Buf, SizeClass};
use crate::wire::{Addr, Endpoint, FlowKey};
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc as StdArc;
use std::task::Wake;

type Reason = String;

const ID: Id = Id { index: 7, generation: 3 };
const FLOW: FlowKey = FlowKey {
    local: Endpoint { addr: Addr::UNSPECIFIED_V4, port: 1 },
    remote: Endpoint { addr: Addr::UNSPECIFIED_V4, port: 2 },
};

#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn new() -> (StdArc<Self>, Waker) {
        let count = StdArc::new(Self::default());
        (StdArc::clone(&count), Waker::from(count))
    }

    fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: StdArc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Bomb;

impl Wake for Bomb {
    fn wake(self: StdArc<Self>) {
        panic!("a foreign waker that panics");
    }
}

fn inbox() -> Inbox<Reason> {
    Inbox::new(StdArc::new(Signal::default()), Exchange::new(1 << 18))
}

fn chunk(bytes: &[u8]) -> Buf {
    let mut buf = Buf::new(SizeClass::Small.capacity(), 0);
    assert_eq!(buf.append(bytes), bytes.len());
    buf
}

fn read_all(read: &ReadHalf<Reason>, max: usize) -> Vec<u8> {
    let mut got = Vec::new();
    assert!(matches!(read.read(max, |part| got.extend_from_slice(part)), Read::Data(_)));
    got
}

#[test]
fn every_waiter_of_a_slot_is_woken_and_each_is_kept_once() {
    let slot = WakerSlot::new();
    let ((a, wake_a), (b, wake_b), (c, wake_c)) = (Count::new(), Count::new(), Count::new());
    for waker in [&wake_a, &wake_a, &wake_b, &wake_a, &wake_c, &wake_b] {
        slot.register(waker);
    }
    let together = slot.take().expect("three wait");
    let copy = together.clone();
    copy.wake();
    together.wake_by_ref();
    assert_eq!((a.wakes(), b.wakes(), c.wakes()), (2, 2, 2));
    assert!(slot.take().is_none());
    slot.register(&wake_a);
    drop(together);
    drop(slot);
    drop((wake_a, wake_b, wake_c));
    assert_eq!([&a, &b, &c].map(StdArc::strong_count), [1; 3], "no waker is left behind");
}

#[test]
fn a_waker_that_panics_takes_nobody_along() {
    let (count, waker) = Count::new();
    let bomb = Waker::from(StdArc::new(Bomb));
    let slot = WakerSlot::new();
    slot.register(&bomb);
    slot.register(&waker);
    let mut wakes = WakeList::new();
    wakes.push(bomb);
    wakes.take_from(&slot);
    wakes.push(waker);
    wakes.wake_all();
    assert!(wakes.is_empty());
    assert_eq!(count.wakes(), 2);
}

#[test]
fn a_signal_wakes_once_for_many_raises() {
    let (count, waker) = Count::new();
    let signal = Signal::default();
    assert!(signal.poll_raised(&waker).is_pending());
    signal.raise();
    signal.raise();
    assert_eq!(count.wakes(), 1);
    assert!(signal.poll_raised(&waker).is_ready());
    assert!(!signal.take());
}

#[test]
fn a_thread_sleeps_on_a_signal_until_another_raises_it() {
    let signal = StdArc::new(Signal::default());
    let other = StdArc::clone(&signal);
    let thread = std::thread::spawn(move || other.raise());
    while !signal.wait(None) {}
    thread.join().unwrap();
    assert!(!signal.wait(Some(core::time::Duration::from_millis(1))));
}

#[test]
fn a_connection_carries_bytes_both_ways_and_tells_each_side_what_the_other_did() {
    let mut inbox = inbox();
    let mut wakes = WakeList::new();
    let (read, write, mut shard) = connection(inbox.mailbox(), 0);
    assert!(!shard.attach(ID).dropped());
    let (count, waker) = Count::new();
    assert!(write.poll_established(&waker).is_pending());
    assert_eq!(write.writable(), Write::Full, "no credit before the handshake");
    shard.establish(FLOW, &mut wakes);
    shard.grant(1000);
    wakes.wake_all();
    assert_eq!(count.wakes(), 1);
    assert_eq!(write.poll_established(&waker), Poll::Ready(Ok(())));
    assert_eq!((read.flow(), write.flow()), (Some(FLOW), Some(FLOW)));

    // To the shard.
    assert_eq!(write.writable(), Write::Credit(1000));
    write.push(chunk(b"hello"));
    write.push(chunk(b"world"));
    write.notify();
    assert_eq!(write.poll_writable(&waker), Poll::Pending, "the last chunk overdraws");
    let (id, events) = inbox.next_cell().unwrap();
    assert!(id == ID && events.tx_data() && !events.write_shutdown());
    let sent: Vec<Buf> = std::iter::from_fn(|| shard.pop_tx()).collect();
    assert_eq!(sent.iter().map(|buf| buf.data()).collect::<Vec<_>>(), [b"hello", b"world"]);
    shard.grant(1024);
    shard.notify_writable(&mut wakes);
    assert_eq!(wakes.len(), 1);
    assert_eq!(write.writable(), Write::Credit(1000));

    // From the shard.
    assert!(read.poll_readable(&waker).is_pending());
    shard.push_rx(chunk(b"abcdef"));
    shard.push_rx(chunk(b"ghi"));
    shard.notify_readable(&mut wakes);
    assert_eq!(wakes.len(), 2);
    assert_eq!(shard.notify_consumed_at(8), 0);
    assert_eq!(read.peek(4, |part| assert_eq!(part, b"abcd")), Read::Data(4));
    assert_eq!(read_all(&read, 7), b"abcdefg");
    assert!(inbox.next_cell().is_none(), "7 is below the mark");
    shard.eof(&mut wakes);
    assert_eq!(read_all(&read, 7), b"hi");
    assert!(inbox.next_cell().unwrap().1.rx_consumed());
    assert_eq!(shard.consumed(), 9);
    assert_eq!(read.read(7, |_| ()), Read::Eof);
    assert_eq!(read.read(0, |_| ()), Read::Data(0));
    assert!(
        inbox.mailbox().exchange().take_class(SizeClass::Small).is_some(),
        "a read chunk can be used again"
    );

    // The end.
    write.shutdown();
    assert_eq!(write.writable(), Write::Shutdown);
    write.update_options(|old| old | 4);
    let (_, events) = inbox.next_cell().unwrap();
    assert!(events.write_shutdown() && events.options_changed() && !events.aborted());
    assert_eq!((shard.options(), read.options()), (4, 4));
    shard.close(&mut wakes);
    assert_eq!(read.read(1, |_| ()), Read::Eof);
    assert_eq!(write.writable(), Write::Ended(Ended::Closed));
    write.abort();
    assert!(inbox.next_cell().is_none(), "nobody listens any more");
}

#[test]
fn a_failure_is_reported_by_both_halves_after_the_data_that_came_before() {
    let inbox = inbox();
    let mut wakes = WakeList::new();
    let (read, write, mut shard) = connection(inbox.mailbox(), 0);
    shard.establish(FLOW, &mut wakes);
    shard.push_rx(chunk(b"last words"));
    shard.fail("reset".into(), &mut wakes);
    assert_eq!(read_all(&read, 100), b"last words");
    let reason = "reset".to_string();
    assert_eq!(read.read(1, |_| ()), Read::Ended(Ended::Failed(&reason)));
    assert_eq!(write.writable(), Write::Ended(Ended::Failed(&reason)));
    assert_eq!(write.poll_ended(Waker::noop()), Poll::Ready(Ended::Failed(&reason)));
}

#[test]
fn what_was_told_before_the_shard_knew_the_connection_is_not_lost() {
    let mut inbox = inbox();
    let (read, write, mut shard) = connection(inbox.mailbox(), 0);
    write.push(chunk(b"early"));
    write.notify();
    assert!(inbox.next_cell().is_none());
    drop(read);
    drop(write);
    assert!(inbox.next_cell().is_none());
    let events = shard.attach(ID);
    assert!(events.tx_data() && events.dropped());
    assert_eq!(shard.pop_tx().unwrap().data(), b"early");
}

#[test]
fn every_handle_of_a_shard_that_dies_is_told_at_once() {
    let inbox = inbox();
    let mailbox = Arc::clone(inbox.mailbox());
    let (count, waker) = Count::new();
    let (sender, receiver) = commands(1, StdArc::clone(mailbox.signal()));
    let (read, write, shard) = connection(&mailbox, 0);
    let (queued_read, queued_write, queued_shard) = connection(&mailbox, 0);
    let (accept, listener) = listener(&mailbox, 0);
    let (reply_sender, mut answer) = reply::<u32>();
    assert!(sender.try_push((queued_shard, reply_sender)).is_ok());
    let (_, _, refused) = connection(&mailbox, 0);
    let (refused_reply, _) = reply::<u32>();
    let mut slot = Some((refused, refused_reply));
    assert!(sender.poll_push(&mut slot, &waker).is_pending());
    assert!(read.poll_readable(&waker).is_pending());
    assert!(write.poll_established(&waker).is_pending());
    assert!(queued_write.poll_established(&waker).is_pending());
    assert!(queued_read.poll_readable(&waker).is_pending());
    assert!(accept.poll_accept(&waker).is_pending());
    assert!(answer.poll_take(&waker).is_pending());
    drop((inbox, receiver, shard, listener));
    assert_eq!(count.wakes(), 7);
    assert_eq!(read.read(1, |_| ()), Read::Ended(Ended::ShardGone));
    assert_eq!(write.poll_established(&waker), Poll::Ready(Err(Ended::ShardGone)));
    assert_eq!(queued_write.writable(), Write::Ended(Ended::ShardGone));
    assert_eq!(queued_read.ended(), Some(Ended::ShardGone));
    assert!(matches!(accept.poll_accept(&waker), Poll::Ready(Err(Ended::ShardGone))));
    assert_eq!(answer.poll_take(&waker), Poll::Ready(Err(ShardGone)));
    assert_eq!(sender.poll_push(&mut slot, &waker), Poll::Ready(Err(ShardGone)));
    assert!(mailbox.is_dead());
    let (late_read, _late_write, late_shard) = connection(&mailbox, 0);
    let (late_reply, _) = reply();
    assert!(matches!(sender.try_push((late_shard, late_reply)), Err(PushError::Closed(_))));
    assert_eq!(late_read.ended(), Some(Ended::ShardGone));
}

#[test]
fn a_full_command_queue_takes_more_once_half_of_it_is_free() {
    let signal = StdArc::new(Signal::default());
    let (sender, mut receiver) = commands(4, StdArc::clone(&signal));
    let (count, waker) = Count::new();
    let mut wakes = WakeList::new();
    for n in 0..4 {
        assert_eq!(sender.try_push(n), Ok(()));
    }
    assert!(signal.take());
    assert_eq!(sender.try_push(4), Err(PushError::Full(4)));
    let mut push = pin!(sender.push(4));
    assert!(push.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!((receiver.pop(&mut wakes), wakes.len()), (Some(0), 0));
    assert_eq!((receiver.pop(&mut wakes), wakes.len()), (Some(1), 1));
    wakes.wake_all();
    assert_eq!(count.wakes(), 1);
    assert_eq!(push.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Ready(Ok(())));
    assert_eq!(std::iter::from_fn(|| receiver.pop(&mut wakes)).collect::<Vec<_>>(), [2, 3, 4]);
    assert!(receiver.is_empty());
}

#[test]
fn a_reply_reaches_who_waits_and_a_dropped_wait_shows() {
    let mut wakes = WakeList::new();
    let (sender, mut receiver) = reply();
    assert!(receiver.try_take().is_pending() && !sender.is_cancelled());
    sender.send(5, &mut wakes);
    assert_eq!(receiver.try_take(), Poll::Ready(Ok(5)));
    assert_eq!(receiver.try_take(), Poll::Ready(Err(ShardGone)));
    let (sender, receiver) = reply();
    drop(receiver);
    assert!(sender.is_cancelled());
    sender.send(Box::new(6), &mut wakes);
    assert!(wakes.is_empty());
}

#[test]
fn a_listener_counts_what_waits_and_resets_what_nobody_took() {
    let mut inbox = inbox();
    let mut wakes = WakeList::new();
    let (accept, mut shard) = listener(inbox.mailbox(), 0);
    assert!(shard.attach(ID));
    let (count, waker) = Count::new();
    assert!(accept.poll_accept(&waker).is_pending());
    let mut halves = Vec::new();
    for index in 0..3 {
        let (read, write, mut half) = connection(inbox.mailbox(), 0);
        assert!(!half.attach(Id { index, generation: 0 }).dropped());
        half.establish(FLOW, &mut wakes);
        halves.push(half);
        shard.push(Accepted { read, write }, &mut wakes);
    }
    wakes.wake_all();
    assert_eq!((count.wakes(), shard.len()), (1, 3));
    let Poll::Ready(Ok(first)) = accept.poll_accept(&waker) else { panic!("three wait") };
    assert_eq!(first.read.flow(), Some(FLOW));
    assert_eq!((inbox.next_listener(), inbox.next_listener()), (Some(ID), None));
    assert_eq!(shard.len(), 2);
    drop(accept);
    assert_eq!(inbox.next_listener(), Some(ID));
    assert!(shard.is_dropped());
    shard.close(&mut wakes);
    let dropped: Vec<bool> = halves.iter().map(|half| half.events().dropped()).collect();
    assert_eq!(dropped, [false, true, true]);
    let mut told: Vec<u32> = std::iter::from_fn(|| inbox.next_cell()).map(|(id, _)| id.index).collect();
    told.sort_unstable();
    assert_eq!(told, [1, 2]);
    assert!(inbox.is_empty());
}

#[test]
fn the_exchange_gives_out_what_it_got_and_never_more_than_it_may_hold() {
    let exchange = Exchange::new(SizeClass::Chunk.capacity() * 2);
    for _ in 0..3 {
        exchange.give(exchange_buf(b"dirty"));
    }
    for _ in 0..2 {
        let buf = exchange.take_class(SizeClass::Chunk).expect("two were kept");
        assert!(buf.is_empty() && buf.headroom() == crate::buffer::pool::HEADROOM);
    }
    assert!(exchange.take_class(SizeClass::Chunk).is_none());
    assert!(exchange.try_give(Buf::new(77, 0)).is_some(), "of no class");
    assert!(exchange.take(100_000).tailroom() >= 100_000);
}

fn exchange_buf(bytes: &[u8]) -> Buf {
    let mut buf = Buf::new(SizeClass::Chunk.capacity(), 0);
    buf.append(bytes);
    buf
}

#[test]
fn threads_stream_through_a_connection_without_losing_a_byte_or_a_wake_up() {
    const CHUNKS: u8 = if cfg!(miri) { 8 } else { 200 };
    let mut inbox = inbox();
    let (read, write, mut shard) = connection(inbox.mailbox(), 0);
    let signal = StdArc::clone(inbox.mailbox().signal());
    let mut wakes = WakeList::new();
    let cancelled = shard.attach(ID).dropped();
    shard.establish(FLOW, &mut wakes);
    shard.grant(2048);
    assert!(!cancelled);
    // The shard is an echo: what is written is read again.
    let echo = std::thread::spawn(move || {
        loop {
            while !signal.wait(None) {}
            while let Some((_, events)) = inbox.next_cell() {
                while let Some(chunk) = shard.pop_tx() {
                    shard.grant(chunk.memory() as u32);
                    shard.push_rx(chunk);
                }
                shard.notify_writable(&mut wakes);
                shard.notify_readable(&mut wakes);
                if events.write_shutdown() {
                    shard.eof(&mut wakes);
                    shard.close(&mut wakes);
                    return wakes.wake_all();
                }
            }
            wakes.wake_all();
        }
    });
    let writer = std::thread::spawn(move || {
        for n in 0..CHUNKS {
            block_on(|waker| write.poll_writable(waker).map(|w| assert!(matches!(w, Write::Credit(_)))));
            let mut buf = write.buffer(3);
            buf.append(&[n; 3]);
            write.push(buf);
            write.notify();
        }
    });
    let mut got = Vec::new();
    loop {
        let step = block_on(|waker| {
            read.poll_read(waker, 5, |part| got.extend_from_slice(part)).map(|r| matches!(r, Read::Data(_)))
        });
        if !step {
            break;
        }
    }
    writer.join().unwrap();
    echo.join().unwrap();
    assert_eq!(got, (0..CHUNKS).flat_map(|n| [n; 3]).collect::<Vec<_>>());
}

/// Blocks this thread until `poll` is ready.
fn block_on<T>(mut poll: impl FnMut(&Waker) -> Poll<T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: StdArc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(StdArc::new(Unpark(std::thread::current())));
    loop {
        match poll(&waker) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
