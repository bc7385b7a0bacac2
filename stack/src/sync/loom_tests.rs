//! Every interleaving, within a bound of preemptions, of each pair or trio of calls that can meet. A lost wake-up shows
//! as a deadlock of the model, a data race as a failed check of a cell, a leak as an object that outlives the model.

use super::*;
use crate::base::Id;
use crate::buffer::{Buf, SizeClass};
use crate::wire::{Addr, Endpoint, FlowKey};
use core::future::poll_fn;
use core::task::{Poll, Waker};
use loom::future::block_on;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;
use std::sync::Arc as StdArc;

type Reason = &'static str;

const ID: Id = Id { index: 7, generation: 3 };
const FLOW: FlowKey = FlowKey {
    local: Endpoint { addr: Addr::UNSPECIFIED_V4, port: 1 },
    remote: Endpoint { addr: Addr::UNSPECIFIED_V4, port: 2 },
};

/// Runs the model with at most `preemptions` switches that no thread asked for. Published experience with such models is
/// that two or three find nearly every bug.
fn model(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(f);
}

fn inbox() -> Inbox<Reason> {
    Inbox::new(StdArc::new(Signal::default()), Exchange::new(0))
}

fn chunk(byte: u8) -> Buf {
    let mut buf = Buf::new(64, 0);
    buf.append(&[byte]);
    buf
}

fn attached(inbox: &Inbox<Reason>) -> (ReadHalf<Reason>, WriteHalf<Reason>, ShardHalf<Reason>) {
    let (read, write, mut shard) = connection(inbox.mailbox(), 0);
    assert!(!shard.attach(ID).dropped());
    (read, write, shard)
}

/// Reads to the end; what was read, and whether the end was EOF.
fn read_to_end(read: &ReadHalf<Reason>) -> (Vec<u8>, bool) {
    let mut got = Vec::new();
    loop {
        let eof = block_on(poll_fn(|cx| {
            read.poll_read(cx.waker(), 8, |part| got.extend_from_slice(part)).map(|outcome| match outcome {
                Read::Data(_) => None,
                Read::Eof => Some(true),
                Read::Ended(_) => Some(false),
                Read::Empty | Read::Busy => unreachable!("the poll would be pending"),
            })
        }));
        if let Some(eof) = eof {
            return (got, eof);
        }
    }
}

fn wait(slot: &WakerSlot, flag: &AtomicBool) {
    block_on(poll_fn(|cx| {
        if flag.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        slot.register(cx.waker());
        if flag.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
    }));
}

#[test]
fn a_waker_slot_loses_no_wake_up_and_publishes_what_came_before() {
    model(3, || {
        let shared = Arc::new((WakerSlot::new(), AtomicBool::new(false)));
        let other = Arc::clone(&shared);
        let waiter = thread::spawn(move || wait(&other.0, &other.1));
        shared.1.store(true, Ordering::Relaxed);
        shared.0.wake();
        waiter.join().unwrap();
    });
}

#[test]
fn a_waker_slot_with_two_waiters_wakes_both() {
    model(2, || {
        let shared = Arc::new((WakerSlot::new(), AtomicBool::new(false)));
        let waiters = [(); 2].map(|()| {
            let other = Arc::clone(&shared);
            thread::spawn(move || wait(&other.0, &other.1))
        });
        shared.1.store(true, Ordering::Relaxed);
        shared.0.wake();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}

#[test]
fn a_waker_slot_with_two_takers_wakes() {
    model(2, || {
        let shared = Arc::new((WakerSlot::new(), AtomicBool::new(false)));
        let takers = [(); 2].map(|()| {
            let other = Arc::clone(&shared);
            thread::spawn(move || {
                other.1.store(true, Ordering::Relaxed);
                other.0.wake();
            })
        });
        wait(&shared.0, &shared.1);
        takers.into_iter().for_each(|taker| taker.join().unwrap());
    });
}

#[test]
fn a_chunk_queue_is_first_in_first_out_while_both_sides_run() {
    model(3, || {
        let queue = Arc::new(chunk_queue::ChunkQueue::new());
        let other = Arc::clone(&queue);
        let producer = thread::spawn(move || (1..=3).for_each(|n| other.push(chunk(n))));
        let mut got = Vec::new();
        for _ in 0..3 {
            // SAFETY: this thread is the only consumer.
            got.extend(unsafe { queue.pop() }.map(|buf| buf.data()[0]));
        }
        producer.join().unwrap();
        // SAFETY: as above.
        while let Some(buf) = unsafe { queue.pop() } {
            got.push(buf.data()[0]);
        }
        assert_eq!(got, [1, 2, 3]);
    });
}

#[test]
fn a_chunk_queue_takes_from_two_producers_and_frees_what_is_left() {
    model(2, || {
        let queue = Arc::new(chunk_queue::ChunkQueue::new());
        let producers = [1, 2].map(|n| {
            let other = Arc::clone(&queue);
            thread::spawn(move || other.push(chunk(n)))
        });
        // SAFETY: this thread is the only consumer.
        let first = unsafe { queue.pop() }.map(|buf| buf.data()[0]);
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        // SAFETY: as above.
        let second = unsafe { queue.pop() }.map(|buf| buf.data()[0]);
        assert!(second.is_some() && first != second);
    });
}

/// The driver's loop in small: turns until every news came, asleep in between.
fn drive_until(inbox: &mut Inbox<Reason>, mut turn: impl FnMut(&mut Inbox<Reason>) -> bool) {
    let signal = StdArc::clone(inbox.mailbox().signal());
    block_on(poll_fn(|cx| {
        loop {
            if turn(inbox) {
                return Poll::Ready(());
            }
            if signal.poll_raised(cx.waker()).is_pending() {
                return Poll::Pending;
            }
        }
    }));
}

#[test]
fn a_sleeping_driver_hears_both_halves_and_each_cell_is_queued_at_most_once() {
    model(2, || {
        let mut inbox = inbox();
        let (read, write, shard) = attached(&inbox);
        let reader = thread::spawn(move || drop(read));
        let writer = thread::spawn(move || {
            write.push(chunk(1));
            write.notify();
        });
        let mut told = 0;
        drive_until(&mut inbox, |inbox| {
            while let Some((id, _)) = inbox.next_cell() {
                assert_eq!(id, ID);
                told += 1;
            }
            shard.events().dropped()
        });
        assert!(told <= 3, "three events put it into the list at most three times");
        reader.join().unwrap();
        writer.join().unwrap();
        while inbox.next_cell().is_some() {}
        assert!(inbox.is_empty());
    });
}

#[test]
fn a_sleeping_reader_gets_data_then_eof() {
    model(3, || {
        let inbox = inbox();
        let (read, _write, mut shard) = attached(&inbox);
        let reader = thread::spawn(move || assert_eq!(read_to_end(&read), (vec![1], true)));
        let mut wakes = WakeList::new();
        shard.push_rx(chunk(1));
        shard.notify_readable(&mut wakes);
        wakes.wake_all();
        shard.eof(&mut wakes);
        wakes.wake_all();
        reader.join().unwrap();
    });
}

#[test]
fn data_that_came_before_a_failure_is_read_before_it() {
    model(3, || {
        let inbox = inbox();
        let (read, _write, mut shard) = attached(&inbox);
        let reader = thread::spawn(move || {
            assert_eq!(read_to_end(&read), (vec![1], false));
            assert_eq!(read.ended(), Some(Ended::Failed(&"reset")));
        });
        let mut wakes = WakeList::new();
        shard.push_rx(chunk(1));
        shard.fail("reset", &mut wakes);
        wakes.wake_all();
        reader.join().unwrap();
    });
}

#[test]
fn two_threads_that_read_the_same_half_both_end() {
    model(2, || {
        let inbox = inbox();
        let (read, _write, mut shard) = attached(&inbox);
        let read = Arc::new(read);
        let other = Arc::clone(&read);
        let reader = thread::spawn(move || read_to_end(&other).0);
        let mut wakes = WakeList::new();
        shard.push_rx(chunk(1));
        shard.eof(&mut wakes);
        wakes.wake_all();
        let mut got = read_to_end(&read).0;
        got.extend(reader.join().unwrap());
        assert_eq!(got, [1], "one of them reads it, once");
    });
}

#[test]
fn a_sleeping_writer_hears_the_handshake_and_the_credit_and_its_data_comes_before_its_shutdown() {
    model(2, || {
        let mut inbox = inbox();
        let (_read, write, mut shard) = attached(&inbox);
        let writer = thread::spawn(move || {
            let ok = block_on(poll_fn(|cx| write.poll_established(cx.waker()).map(|r| r.is_ok())));
            assert!(ok);
            assert_eq!(write.flow(), Some(FLOW));
            let credit = block_on(poll_fn(|cx| {
                write.poll_writable(cx.waker()).map(|w| matches!(w, Write::Credit(1)))
            }));
            assert!(credit);
            write.push(chunk(1));
            drop(write);
        });
        let mut wakes = WakeList::new();
        shard.establish(FLOW, &mut wakes);
        wakes.wake_all();
        shard.grant(1);
        shard.notify_writable(&mut wakes);
        wakes.wake_all();
        let mut sent = Vec::new();
        drive_until(&mut inbox, |inbox| {
            let shutdown = inbox.next_cell().is_some_and(|(_, events)| events.write_shutdown());
            sent.extend(std::iter::from_fn(|| shard.pop_tx()).map(|buf| buf.data()[0]));
            shutdown
        });
        assert_eq!(sent, [1], "what was queued before the shutdown is there when the shutdown shows");
        writer.join().unwrap();
    });
}

#[test]
fn a_cancelled_connect_is_heard_whether_or_not_it_was_completed_meanwhile() {
    model(2, || {
        let mut inbox = inbox();
        let (read, write, mut shard) = connection(inbox.mailbox(), 0);
        let app = thread::spawn(move || {
            // One poll, then the future is dropped.
            let mut first = true;
            block_on(poll_fn(|cx| {
                if !first || write.poll_established(cx.waker()).is_ready() {
                    return Poll::Ready(());
                }
                first = false;
                cx.waker().wake_by_ref();
                Poll::Pending
            }));
            drop((read, write));
        });
        let mut wakes = WakeList::new();
        let mut cancelled = shard.attach(ID).dropped();
        if !cancelled {
            shard.establish(FLOW, &mut wakes);
            wakes.wake_all();
            drive_until(&mut inbox, |inbox| {
                while let Some((_, events)) = inbox.next_cell() {
                    cancelled |= events.dropped();
                }
                cancelled
            });
        }
        assert!(cancelled);
        app.join().unwrap();
    });
}

#[test]
fn a_half_may_be_dropped_while_the_shard_delivers_and_ends() {
    model(3, || {
        let mut inbox = inbox();
        let (read, write, mut shard) = attached(&inbox);
        let app = thread::spawn(move || {
            let _ = read.poll_readable(Waker::noop());
            let _ = write.poll_writable(Waker::noop());
            drop((read, write));
        });
        let mut wakes = WakeList::new();
        shard.push_rx(chunk(1));
        shard.notify_readable(&mut wakes);
        shard.fail("reset", &mut wakes);
        wakes.wake_all();
        while inbox.next_cell().is_some() {}
        app.join().unwrap();
        drop(inbox);
    });
}

#[test]
fn the_mark_of_what_was_read_is_either_seen_by_the_shard_or_told_to_it() {
    model(3, || {
        let mut inbox = inbox();
        let (read, _write, mut shard) = attached(&inbox);
        shard.push_rx(chunk(1));
        shard.push_rx(chunk(2));
        let app = thread::spawn(move || {
            assert!(matches!(read.read(1, |_| ()), Read::Data(1)));
            assert!(matches!(read.read(1, |_| ()), Read::Data(1)));
            read
        });
        if shard.notify_consumed_at(2) < 2 {
            drive_until(&mut inbox, |inbox| {
                inbox.next_cell().is_some_and(|(_, events)| events.rx_consumed())
            });
        }
        assert_eq!(shard.consumed(), 2);
        drop(app.join().unwrap());
    });
}

#[test]
fn a_connect_that_meets_the_death_of_the_shard_is_told() {
    model(3, || {
        let inbox = inbox();
        let mailbox = Arc::clone(inbox.mailbox());
        let (sender, mut receiver) = commands(1, StdArc::clone(mailbox.signal()));
        let app = thread::spawn(move || {
            let (_read, write, shard) = connection::<Reason>(&mailbox, 0);
            // Refused or taken: either way the shard's half goes with the shard.
            let _ = sender.try_push(shard);
            let gone = block_on(poll_fn(|cx| write.poll_established(cx.waker()).map(|r| r.is_err())));
            assert!(gone);
        });
        let mut wakes = WakeList::new();
        let taken = receiver.pop(&mut wakes).map(|mut shard| {
            assert!(!shard.attach(ID).dropped());
            shard
        });
        drop((receiver, taken, inbox));
        app.join().unwrap();
    });
}

#[test]
fn a_sender_that_waits_for_room_gets_it() {
    model(2, || {
        let signal = StdArc::new(Signal::default());
        let (sender, mut receiver) = commands(1, StdArc::clone(&signal));
        let senders = [1, 2].map(|n| {
            let sender = sender.clone();
            thread::spawn(move || assert_eq!(block_on(sender.push(n)), Ok(())))
        });
        let mut sum = 0;
        let mut wakes = WakeList::new();
        block_on(poll_fn(|cx| {
            loop {
                while let Some(n) = receiver.pop(&mut wakes) {
                    sum += n;
                    wakes.wake_all();
                }
                if sum == 3 {
                    return Poll::Ready(());
                }
                if signal.poll_raised(cx.waker()).is_pending() {
                    return Poll::Pending;
                }
            }
        }));
        senders.into_iter().for_each(|sender| sender.join().unwrap());
    });
}

#[test]
fn a_sender_that_waits_for_room_is_told_when_the_shard_dies() {
    model(3, || {
        let (sender, receiver) = commands(1, StdArc::new(Signal::default()));
        assert_eq!(sender.try_push(1), Ok(()));
        let app = thread::spawn(move || assert_eq!(block_on(sender.push(2)), Err(ShardGone)));
        drop(receiver);
        app.join().unwrap();
    });
}

#[test]
fn a_reply_comes_or_its_sender_is_known_to_be_gone() {
    model(3, || {
        let (sender, receiver) = reply();
        let app = thread::spawn(move || block_on(receiver));
        let mut wakes = WakeList::new();
        sender.send(Arc::new(5), &mut wakes);
        wakes.wake_all();
        assert_eq!(app.join().unwrap().map(|n| *n), Ok(5));
    });
    model(3, || {
        let (sender, receiver) = reply::<u8>();
        let app = thread::spawn(move || block_on(receiver));
        drop(sender);
        assert_eq!(app.join().unwrap(), Err(ShardGone));
    });
}

#[test]
fn a_reply_may_be_cancelled_while_it_is_sent() {
    model(3, || {
        let (sender, mut receiver) = reply();
        let app = thread::spawn(move || {
            let taken = receiver.poll_take(Waker::noop()).is_ready();
            drop(receiver);
            taken
        });
        let mut wakes = WakeList::new();
        // The value is counted, so the model would see it leak.
        sender.send(Arc::new(5), &mut wakes);
        wakes.wake_all();
        app.join().unwrap();
    });
}

#[test]
fn two_tasks_that_accept_get_one_connection_each() {
    model(2, || {
        let inbox = inbox();
        let (accept, mut shard) = listener(inbox.mailbox(), 0);
        assert!(shard.attach(ID));
        let accept = Arc::new(accept);
        let count = Arc::new(AtomicUsize::new(0));
        let tasks = [(); 2].map(|()| {
            let (accept, count) = (Arc::clone(&accept), Arc::clone(&count));
            thread::spawn(move || {
                let got = block_on(poll_fn(|cx| accept.poll_accept(cx.waker()).map(|r| r.ok())));
                assert!(got.is_some());
                count.fetch_add(1, Ordering::Relaxed);
            })
        });
        let mut wakes = WakeList::new();
        let mut halves = Vec::new();
        for _ in 0..2 {
            let (read, write, half) = attached(&inbox);
            halves.push(half);
            shard.push(Accepted { read, write }, &mut wakes);
            wakes.wake_all();
        }
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!((count.load(Ordering::Relaxed), shard.len()), (2, 0));
    });
}

#[test]
fn an_accept_that_meets_the_death_of_the_shard_is_told_after_what_was_queued() {
    model(3, || {
        let inbox = inbox();
        let (accept, mut shard) = listener(inbox.mailbox(), 0);
        let (read, write, half) = attached(&inbox);
        let app = thread::spawn(move || {
            let first = block_on(poll_fn(|cx| accept.poll_accept(cx.waker()).map(|r| r.is_ok())));
            let second = block_on(poll_fn(|cx| accept.poll_accept(cx.waker()).map(|r| r.is_ok())));
            assert_eq!((first, second), (true, false));
        });
        shard.push(Accepted { read, write }, &mut WakeList::new());
        drop((shard, half, inbox));
        app.join().unwrap();
    });
}

#[test]
fn a_listener_that_is_dropped_while_a_connection_arrives_is_heard() {
    model(3, || {
        let mut inbox = inbox();
        let (accept, mut shard) = listener(inbox.mailbox(), 0);
        assert!(shard.attach(ID));
        let (read, write, half) = attached(&inbox);
        let app = thread::spawn(move || drop(accept));
        let mut wakes = WakeList::new();
        shard.push(Accepted { read, write }, &mut wakes);
        drive_until(&mut inbox, |inbox| {
            while inbox.next_listener().is_some() {}
            shard.is_dropped()
        });
        app.join().unwrap();
        shard.close(&mut wakes);
        // The last reference may have been in the ready list.
        while inbox.next_listener().is_some() {}
        assert!(half.events().dropped(), "nobody took it, so it is dropped");
    });
}

#[test]
fn a_buffer_in_the_exchange_has_one_owner() {
    model(2, || {
        let class = SizeClass::Small;
        let exchange = Arc::new(Exchange::new(class.capacity()));
        exchange.give(Buf::new(class.capacity(), 0));
        let other = Arc::clone(&exchange);
        let thread = thread::spawn(move || other.take_class(class));
        let here = exchange.take_class(class);
        let there = thread.join().unwrap();
        assert!(here.is_some() != there.is_some(), "one of the two gets it");
        let other = Arc::clone(&exchange);
        let thread =
            thread::spawn(move || other.try_give(Buf::new(SizeClass::Small.capacity(), 0)).is_none());
        let kept = here.or(there).map(|buf| exchange.try_give(buf).is_none());
        assert!(thread.join().unwrap() != (kept == Some(true)), "there is one place");
    });
}

#[test]
fn a_signal_that_is_raised_by_two_wakes_who_sleeps_on_it() {
    model(2, || {
        let signal = StdArc::new(Signal::default());
        let count = Arc::new(AtomicUsize::new(0));
        let raisers = [(); 2].map(|()| {
            let (signal, count) = (StdArc::clone(&signal), Arc::clone(&count));
            thread::spawn(move || {
                count.fetch_add(1, Ordering::Relaxed);
                signal.raise();
            })
        });
        block_on(poll_fn(|cx| {
            while count.load(Ordering::Relaxed) < 2 {
                if signal.poll_raised(cx.waker()).is_pending() {
                    return Poll::Pending;
                }
            }
            Poll::Ready(())
        }));
        raisers.into_iter().for_each(|raiser| raiser.join().unwrap());
    });
}
