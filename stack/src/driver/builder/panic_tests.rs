//! A turn that panics, in each of its steps: nobody is told that the stack is gone before the cause is known.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, its helpers too")]

use super::super::engine::Next;
use super::*;
use crate::buffer::{Buf, Capabilities, Pool, Received};
use crate::device::memory::{LinkOptions, MemoryDevice, link};
use crate::shard::{Defect, StackError, Step};
use crate::{TcpListener, TcpStream};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::task::Wake;
use std::time;

/// Panics in the step that it is told.
struct Bomb {
    device: MemoryDevice,
    armed: Arc<OnceLock<Step>>,
}

impl Bomb {
    fn tick(&self, step: Step) {
        assert!(self.armed.get() != Some(&step), "the planted fault");
    }
}

impl Device for Bomb {
    fn capabilities(&self) -> Capabilities {
        self.device.capabilities()
    }

    fn receive(&mut self, pool: &mut Pool, into: &mut VecDeque<Buf>, budget: usize) -> io::Result<Received> {
        self.tick(Step::Receive);
        self.device.receive(pool, into, budget)
    }

    fn transmit(&mut self, from: &mut VecDeque<Buf>, pool: &mut Pool) -> io::Result<()> {
        self.tick(Step::Transmit);
        self.device.transmit(from, pool)
    }

    fn readiness(&self) -> Readiness {
        self.device.readiness()
    }
}

/// Tells for each wake-up whether the cause was known.
struct Witness(Stack, Sender<bool>);

impl Wake for Witness {
    fn wake(self: Arc<Self>) {
        let _ = self.1.send(self.0.ended().is_some());
    }
}

type Waiting<'a> = Pin<Box<dyn Future<Output = io::Error> + 'a>>;

/// Runs both ends, 1 ms a round.
fn run<A: Device, B: Device>(a: &mut Engine<A>, b: &mut Engine<B>, now: &mut Instant, rounds: u32) {
    for _ in 0..rounds {
        *now += Duration::from_millis(1);
        let _ = (a.step(*now, time::Instant::now()), b.step(*now, time::Instant::now()));
    }
}

fn ready<T>(future: &mut Pin<Box<impl Future<Output = T> + ?Sized>>, waker: &Waker) -> Option<T> {
    match future.as_mut().poll(&mut Context::from_waker(waker)) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// A panic in `step`, with the command of this number at the head of the queue (in the last step there is no queue any more: what
/// was asked for is answered).
fn panics(step: Step, first: usize) {
    let (left, right) = link(LinkOptions::default());
    let armed = Arc::new(OnceLock::new());
    let mut far = Stack::builder(left).address("192.0.2.1/24").test_seed(1).assemble().unwrap();
    let device = Bomb { device: right, armed: armed.clone() };
    let mut near = Stack::builder(device).address("192.0.2.2/24").assemble().unwrap();
    let (stack, peer) = (&near.stack, &far.stack);
    let (told, heard) = channel();
    let waker = Waker::from(Arc::new(Witness(stack.clone(), told)));
    let mut now = Instant::ZERO;
    let at = |text: &str| -> SocketAddr { text.parse().unwrap() };

    let mut listening = Box::pin(TcpListener::bind(peer, at("192.0.2.1:80")));
    assert!(ready(&mut listening, &waker).is_none());
    run(&mut near.engine, &mut far.engine, &mut now, 10);
    let _listener = ready(&mut listening, &waker).unwrap().unwrap();
    let mut connecting = Box::pin(TcpStream::connect(stack, at("192.0.2.1:80")));
    let mut binding = Box::pin(TcpListener::bind(stack, at("192.0.2.2:80")));
    assert!(ready(&mut connecting, &waker).is_none() && ready(&mut binding, &waker).is_none());
    run(&mut near.engine, &mut far.engine, &mut now, 10);
    let connected = ready(&mut connecting, &waker).unwrap().unwrap();
    let listener = ready(&mut binding, &waker).unwrap().unwrap();

    let dead = at("192.0.2.40:80");
    let mut waiting: Vec<Waiting<'_>> = vec![
        Box::pin(async { connected.peek(&mut [0]).await.unwrap_err() }),
        Box::pin(async { listener.accept().await.unwrap_err() }),
        Box::pin(async { TcpStream::connect(stack, dead).await.unwrap_err() }),
        Box::pin(async { stack.ping(dead.ip(), Duration::from_secs(9)).await.unwrap_err() }),
    ];
    assert!(waiting.iter_mut().all(|one| ready(one, &waker).is_none()));
    run(&mut near.engine, &mut far.engine, &mut now, 10);
    let mut commands: Vec<Waiting<'_>> = vec![
        Box::pin(async { TcpStream::connect(stack, dead).await.unwrap_err() }),
        Box::pin(async { TcpListener::bind(stack, at("192.0.2.2:81")).await.unwrap_err() }),
        Box::pin(async { stack.ping(dead.ip(), Duration::from_secs(9)).await.unwrap_err() }),
        Box::pin(async { stack.snapshot().await.unwrap_err() }),
        Box::pin(async { stack.connections().await.unwrap_err() }),
        Box::pin(async { stack.shutdown(Duration::from_secs(9)).await.unwrap_err() }),
    ];
    commands.rotate_left(first);
    if step != Step::Transmit {
        waiting.extend(commands);
    }
    assert!(waiting.iter_mut().all(|one| ready(one, &waker).is_none()));
    while heard.try_recv().is_ok() {}

    let _ = armed.set(step);
    near.engine.plant(Defect::Panic(step));
    let next = near.engine.step(now + Duration::from_millis(1), time::Instant::now());
    assert_eq!(next, Next::Ended);
    // As each driver does then; what waits in the shard itself, a ping for its reply, is told here.
    drop(near.engine);
    let early = heard.try_iter().filter(|known| !known).count();
    assert_eq!(early, 0, "{step:?}, command {first}: woken before the cause was known");
    for (number, one) in waiting.iter_mut().enumerate() {
        let error = ready(one, &waker).unwrap_or_else(|| panic!("{step:?}: {number} hangs"));
        let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<StackError>());
        let expected = StackError::Panicked { step, message: "the planted fault".into() };
        assert_eq!(cause, Some(&expected), "{step:?}, command {first}, {number}: {error}");
    }
}

#[test]
fn whatever_step_panics_every_handle_hears_of_it_with_its_cause() {
    for step in [Step::Receive, Step::Expire, Step::Commands, Step::Transmit] {
        for first in 0..6 {
            panics(step, first);
        }
    }
}
