//! Two whole stacks on an impaired link.

use super::{addr, byte};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;
use synward::base::{Instant, Secrets};
use synward::buffer::{Buf, Capabilities, Device, Pool, Readiness, Received};
use synward::device::impair::{Impair, Impairment};
use synward::device::memory;
use synward::driver::Host;
use synward::settings::Settings;
use synward::shard::{ConnId, Event, HostConfig, ListenerId};
use synward::tcp::{CloseReason, IoError, Options, TcpState};

/// Counts what passes, so that a run knows when nothing moves any more.
pub(crate) struct Counted<D> {
    pub(crate) device: D,
    moved: u64,
    /// Frames are lost in both directions.
    pub(crate) down: bool,
}

impl<D: Device> Device for Counted<D> {
    fn capabilities(&self) -> Capabilities {
        self.device.capabilities()
    }

    fn receive(&mut self, pool: &mut Pool, into: &mut VecDeque<Buf>, budget: usize) -> io::Result<Received> {
        let before = into.len();
        let mut received = self.device.receive(pool, into, budget)?;
        self.moved += (into.len() - before) as u64;
        if self.down {
            into.drain(before..).for_each(|buf| pool.put(buf));
            received.frames = 0;
        }
        Ok(received)
    }

    fn transmit(&mut self, from: &mut VecDeque<Buf>, pool: &mut Pool) -> io::Result<()> {
        let before = from.len();
        if self.down {
            from.drain(..).for_each(|buf| pool.put(buf));
        }
        self.device.transmit(from, pool)?;
        self.moved += (before - from.len()) as u64;
        Ok(())
    }

    fn readiness(&self) -> Readiness {
        self.device.readiness()
    }

    fn set_now(&mut self, now: Instant) {
        self.device.set_now(now);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.device.next_deadline()
    }
}

pub(crate) type End = Host<Impair<Counted<memory::MemoryDevice>>>;

/// What a pair is made of.
#[derive(Clone, Default)]
pub(crate) struct Setup {
    pub(crate) link: memory::LinkOptions,
    /// What frames suffer, each way.
    pub(crate) impairment: Impairment,
    pub(crate) settings: [Settings; 2],
    pub(crate) seed: u64,
}

/// 192.0.2.1 and 192.0.2.2.
pub(crate) struct Pair {
    pub(crate) a: End,
    pub(crate) b: End,
    pub(crate) now: Instant,
}

impl Pair {
    pub(crate) fn new(setup: &Setup) -> Self {
        let (left, right) = memory::link(setup.link);
        let end = |address: &str, device, settings: &Settings, seed| {
            let config = HostConfig::new(address.parse().unwrap(), 24).settings(settings.clone());
            let secrets = Secrets::from_test_seed(seed);
            let none = Impairment::default();
            let device = Counted { device, moved: 0, down: false };
            let device = Impair::new(device, setup.impairment, none, secrets.rng("impairment of a test"));
            Host::with_secrets(config, device, &secrets, Instant::ZERO).unwrap()
        };
        let [first, second] = &setup.settings;
        Self {
            a: end("192.0.2.1", left, first, 2 * setup.seed + 1),
            b: end("192.0.2.2", right, second, 2 * setup.seed + 2),
            now: Instant::ZERO,
        }
    }

    /// Turns at the present time until nothing moves; the next deadline.
    pub(crate) fn settle(&mut self) -> Option<Instant> {
        for _ in 0..100_000 {
            let before = (self.a.device_mut().device().moved, self.b.device_mut().device().moved);
            let a = self.a.poll(self.now).unwrap();
            let b = self.b.poll(self.now).unwrap();
            let after = (self.a.device_mut().device().moved, self.b.device_mut().device().moved);
            let next = [a.deadline, b.deadline].into_iter().flatten().min();
            if before == after && !a.again && !b.again && next.is_none_or(|next| next > self.now) {
                return next;
            }
        }
        panic!("the turns of one moment do not end at {:?}", self.now);
    }

    /// Goes on to the next deadline, at most to `until`; whether there was one.
    pub(crate) fn step(&mut self, until: Instant) -> bool {
        match self.settle() {
            Some(next) if next <= until => {
                self.now = next;
                true
            }
            Some(_) | None => {
                self.now = until;
                self.settle();
                false
            }
        }
    }

    pub(crate) fn run(&mut self, span: Duration) {
        let until = self.now + span;
        while self.step(until) {}
    }

    /// Loses every frame from now on, or no longer.
    pub(crate) fn set_down(&mut self, down: bool) {
        self.a.device_mut().device_mut().down = down;
        self.b.device_mut().device_mut().down = down;
    }

    pub(crate) fn set_impairment(&mut self, impairment: Impairment) {
        for end in [&mut self.a, &mut self.b] {
            end.device_mut().set(impairment, Impairment::default());
        }
    }

    pub(crate) fn listen(&mut self) -> ListenerId {
        self.b.listen(addr("0.0.0.0:80"), 16, &Options::default()).unwrap()
    }

    /// Connects a to b; the link may be bad, so it may take long.
    pub(crate) fn connected(&mut self, options: &Options) -> (ConnId, ConnId) {
        let listener = self.listen();
        let at_a = self.a.connect(addr("192.0.2.2:80"), options).unwrap();
        let until = self.now + Duration::from_secs(1000);
        loop {
            self.settle();
            if let Ok((at_b, _)) = self.b.accept(listener) {
                while self.a.poll_event().is_some() {}
                while self.b.poll_event().is_some() {}
                return (at_a, at_b);
            }
            assert!(self.step(until), "no connection: {:?}", self.a.poll_event());
        }
    }

    pub(crate) fn idle(&self) -> [(usize, usize); 2] {
        [self.a.idle_state(), self.b.idle_state()]
    }
}

/// One end of a transfer: writes `total` bytes of the stream and shuts down, reads until the end of the other's stream.
#[derive(Debug)]
pub(crate) struct Transfer {
    pub(crate) id: ConnId,
    total: usize,
    pub(crate) sent: usize,
    pub(crate) got: usize,
    shut: bool,
    pub(crate) ended: bool,
    pub(crate) closed: Option<CloseReason>,
    /// How often the other direction was still open after the end of one.
    chunk: Vec<u8>,
}

impl Transfer {
    pub(crate) fn new(id: ConnId, total: usize) -> Self {
        let chunk = vec![0; 65_536];
        Self { id, total, sent: 0, got: 0, shut: false, ended: false, closed: None, chunk }
    }

    /// Both directions are finished as far as the application sees.
    pub(crate) fn done(&self) -> bool {
        (self.shut && self.ended) || self.closed.is_some_and(|reason| reason != CloseReason::Finished)
    }

    /// Writes and reads what is possible now; wrong bytes are the test's failure. Tells whether anything was possible.
    pub(crate) fn act(&mut self, end: &mut End) -> bool {
        let before = (self.sent, self.got, self.shut, self.ended);
        self.advance(end);
        before != (self.sent, self.got, self.shut, self.ended)
    }

    fn advance(&mut self, end: &mut End) {
        while let Some(event) = end.poll_event() {
            if let Event::Closed(id, reason) = event {
                assert_eq!(id, self.id);
                self.closed = Some(reason);
            }
        }
        while self.sent < self.total {
            let n = self.chunk.len().min(self.total - self.sent);
            let from = self.sent;
            self.chunk[..n].iter_mut().enumerate().for_each(|(i, to)| *to = byte(from + i));
            match end.write(self.id, &self.chunk[..n]) {
                Ok(n) => self.sent += n,
                Err(IoError::WouldBlock | IoError::Ended) => break,
                Err(IoError::Shutdown) => panic!("nobody has shut down yet"),
            }
        }
        if self.sent == self.total && !self.shut {
            self.shut = end.shutdown(self.id).is_ok();
        }
        while !self.ended {
            match end.read(self.id, &mut self.chunk) {
                Ok(0) => self.ended = true,
                Ok(n) => {
                    let from = self.got;
                    let right = self.chunk[..n].iter().enumerate().all(|(i, is)| *is == byte(from + i));
                    assert!(right, "wrong bytes after {from}");
                    self.got += n;
                }
                Err(IoError::WouldBlock | IoError::Ended) => break,
                Err(IoError::Shutdown) => panic!("reading is never shut down"),
            }
        }
    }
}

/// Both directions at once, until both are finished or `span` has passed; tells whether they are.
pub(crate) fn exchange(pair: &mut Pair, a: &mut Transfer, b: &mut Transfer, span: Duration) -> bool {
    let until = pair.now + span;
    loop {
        let next = pair.settle();
        let acted = [a.act(&mut pair.a), b.act(&mut pair.b)];
        if a.done() && b.done() {
            return true;
        }
        if acted == [false; 2] {
            match next {
                Some(next) if next <= until => pair.now = next,
                Some(_) | None => {
                    pair.now = until;
                    return false;
                }
            }
        }
    }
}

/// The state of both ends, for messages.
pub(crate) fn describe(pair: &Pair, a: &Transfer, b: &Transfer) -> String {
    let one = |end: &End, t: &Transfer| {
        let state: TcpState = end.state(t.id);
        format!("{state} sent {} got {} closed {:?} {:?}", t.sent, t.got, t.closed, end.info(t.id))
    };
    format!("{:?}\na: {}\nb: {}", pair.now, one(&pair.a, a), one(&pair.b, b))
}
