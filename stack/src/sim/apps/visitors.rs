//! Well-behaved clients: each connects, does its business, verifies every byte, closes, thinks, and comes again.

use super::pattern::Pattern;
use super::services::{Bulk, Telnet};
use crate::base::{Instant, Rng, Secrets};
use crate::shard::{ConnId, Event};
use crate::sim::{App, AppContext};
use crate::tcp::{CloseReason, ConnectError, IoError, Options};
use core::any::Any;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

/// What a client does on a visit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Task {
    /// Waits for the banner, says three lines, reads the answers, quits.
    Telnet,
    /// Sends 2 to 8 KiB and reads them back.
    Echo,
    /// Reads the whole stream of [`Bulk`].
    Bulk,
}

impl Task {
    /// All tasks, in turn.
    pub const ALL: [Self; 3] = [Self::Telnet, Self::Echo, Self::Bulk];

    /// Whether the server speaks first: then a lost third ACK can leave a client waiting for ever (RFC 4987, Section 3.6,
    /// for cookies), because nothing makes it send again.
    pub const fn server_speaks_first(self) -> bool {
        match self {
            Self::Telnet | Self::Bulk => true,
            Self::Echo => false,
        }
    }
}

/// What the clients of one host do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The server.
    pub server: IpAddr,
    /// Its ports for [`Task::ALL`].
    pub ports: [u16; 3],
    /// How many clients.
    pub clients: u32,
    /// No visit begins before.
    pub from: Instant,
    /// No visit begins after.
    pub until: Instant,
    /// Mean time between visits.
    pub think: Duration,
    /// The longest that a client stays.
    pub patience: Duration,
    /// Decides times and contents.
    pub seed: u64,
}

/// Why a visit failed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Failure {
    /// No connection.
    Connect(ConnectError),
    /// The connection ended too early.
    Closed(CloseReason),
    /// The stream ended too early.
    Cut,
    /// Bytes were wrong.
    Wrong(u64),
    /// Connected, and a server that speaks first said nothing: what a lost third ACK looks like.
    Unheard,
    /// Not done when patience ended.
    Stalled,
}

/// One visit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Visit {
    /// What it was.
    pub task: Task,
    /// When it began.
    pub started: Instant,
    /// From `connect` to established.
    pub handshake: Option<Duration>,
    /// From `connect` to its end.
    pub took: Duration,
    /// Bytes that came and were right.
    pub verified: u64,
    /// Why it failed; `None`: all was well.
    pub failure: Option<Failure>,
}

struct Client {
    timer: Instant,
    visits: u64,
    visit: Option<Current>,
}

struct Current {
    id: ConnId,
    visit: Visit,
    /// What to say, and what must come then.
    steps: VecDeque<(Vec<u8>, Vec<u8>)>,
    sent: usize,
    got: usize,
}

/// The clients of one host.
pub struct Visitors {
    plan: Plan,
    rng: Rng,
    clients: Vec<Client>,
    timers: BTreeSet<(Instant, usize)>,
    by_connection: BTreeMap<ConnId, usize>,
    /// Visits that are over.
    pub visits: Vec<Visit>,
}

impl Visitors {
    /// Clients that follow `plan`.
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            rng: Secrets::from_test_seed(plan.seed).rng("visitors"),
            clients: Vec::new(),
            timers: BTreeSet::new(),
            by_connection: BTreeMap::new(),
            visits: Vec::new(),
        }
    }

    /// Visits that are going on.
    pub fn inside(&self) -> usize {
        self.by_connection.len()
    }

    fn set_timer(&mut self, client: usize, at: Instant) {
        if let Some(who) = self.clients.get_mut(client) {
            self.timers.remove(&(who.timer, client));
            who.timer = at;
            self.timers.insert((at, client));
        }
    }

    fn think(&mut self, client: usize, now: Instant) {
        let time = Duration::from_nanos(self.rng.below(2 * self.plan.think.as_nanos() as u64));
        self.set_timer(client, now + time);
    }

    fn begin(&mut self, context: &mut AppContext<'_>, client: usize) {
        let Some(who) = self.clients.get_mut(client) else { return };
        let number = (client as u64).wrapping_add(who.visits);
        who.visits += 1;
        let which = (number % Task::ALL.len() as u64) as usize;
        let (task, port) = (Task::ALL[which], self.plan.ports[which]);
        let steps = self.steps(task, client, number);
        let visit = Visit {
            task,
            started: context.now,
            handshake: None,
            took: Duration::ZERO,
            verified: 0,
            failure: None,
        };
        match context.connect(SocketAddr::new(self.plan.server, port), &Options::default()) {
            Ok(id) => {
                self.by_connection.insert(id, client);
                if let Some(who) = self.clients.get_mut(client) {
                    who.visit = Some(Current { id, visit, steps, sent: 0, got: 0 });
                }
                self.set_timer(client, context.now + self.plan.patience);
            }
            Err(error) => {
                self.visits.push(Visit { failure: Some(Failure::Connect(error)), ..visit });
                self.think(client, context.now);
            }
        }
    }

    fn steps(&mut self, task: Task, client: usize, number: u64) -> VecDeque<(Vec<u8>, Vec<u8>)> {
        let stream = |name: u64, n: usize| {
            let mut bytes = Vec::new();
            Pattern::new(name).append(&mut bytes, n);
            bytes
        };
        match task {
            Task::Telnet => {
                let mut steps = VecDeque::from([(Vec::new(), Telnet::BANNER.to_vec())]);
                for line in 1..=3 {
                    let text = format!("client {client}, visit {number}, line {line}");
                    steps.push_back((format!("{text}\r\n").into_bytes(), Telnet::answer(text.as_bytes())));
                }
                steps.push_back((b"quit\r\n".to_vec(), Telnet::FAREWELL.to_vec()));
                steps
            }
            Task::Echo => {
                let length = 2048 + self.rng.below(6 * 1024) as usize;
                let bytes = stream(self.rng.next_u64(), length);
                VecDeque::from([(bytes.clone(), bytes)])
            }
            Task::Bulk => VecDeque::from([(Vec::new(), stream(0, Bulk::BYTES as usize))]),
        }
    }

    /// Says and reads what can be said and read.
    fn pump(&mut self, context: &mut AppContext<'_>, client: usize) {
        let Some(current) = self.clients.get_mut(client).and_then(|who| who.visit.as_mut()) else { return };
        if let Some(failure) = current.pump(context) {
            self.end(context, client, failure);
        }
    }

    fn end(&mut self, context: &mut AppContext<'_>, client: usize, failure: Option<Failure>) {
        let Some(current) = self.clients.get_mut(client).and_then(|who| who.visit.take()) else { return };
        let Current { id, mut visit, .. } = current;
        self.by_connection.remove(&id);
        visit.took = context.now.since(visit.started);
        visit.failure = failure;
        self.visits.push(visit);
        if failure.is_some() {
            context.abort(id)
        } else {
            context.close(id)
        }
        self.think(client, context.now);
    }
}

impl Current {
    /// `Some` where the visit is over.
    fn pump(&mut self, context: &mut AppContext<'_>) -> Option<Option<Failure>> {
        loop {
            if let Some((say, _)) = self.steps.front() {
                while let Some(rest) = say.get(self.sent..).filter(|rest| !rest.is_empty()) {
                    match context.shard().write(self.id, rest) {
                        Ok(n) => self.sent += n,
                        Err(IoError::WouldBlock) => break,
                        // Why it ended is in the event that follows.
                        Err(IoError::Shutdown | IoError::Ended) => return None,
                    }
                }
            }
            let mut bytes = [0; 4096];
            let n = match context.shard().read(self.id, &mut bytes) {
                Ok(0) if self.steps.is_empty() => return Some(None),
                Ok(0) => return Some(Some(Failure::Cut)),
                Ok(n) => n,
                Err(IoError::WouldBlock | IoError::Shutdown | IoError::Ended) => return None,
            };
            if let Err(wrong) = self.take(&bytes[..n]) {
                return Some(Some(Failure::Wrong(wrong)));
            }
            if self.steps.is_empty() && self.visit.task == Task::Echo {
                // The echo service ends when we do; where that fails, the connection's end says why.
                let _ = context.shard().shutdown(self.id);
            }
        }
    }

    /// Compares what came with what must come.
    fn take(&mut self, mut bytes: &[u8]) -> Result<(), u64> {
        while !bytes.is_empty() {
            let Some((say, expect)) = self.steps.front() else { return Err(bytes.len() as u64) };
            let n = bytes.len().min(expect.len() - self.got);
            let wanted = expect.iter().skip(self.got);
            let wrong = bytes.iter().take(n).zip(wanted).filter(|(a, b)| a != b).count() as u64;
            if wrong > 0 || n == 0 {
                return Err(wrong.max(1));
            }
            self.got += n;
            self.visit.verified += n as u64;
            bytes = bytes.get(n..).unwrap_or_default();
            if self.got == expect.len() && self.sent == say.len() {
                self.steps.pop_front();
                (self.sent, self.got) = (0, 0);
            }
        }
        Ok(())
    }
}

impl App for Visitors {
    fn start(&mut self, _: &mut AppContext<'_>) {
        for client in 0..self.plan.clients as usize {
            self.clients.push(Client { timer: Instant::ZERO, visits: 0, visit: None });
            self.think(client, self.plan.from);
        }
    }

    fn on_event(&mut self, context: &mut AppContext<'_>, event: Event) {
        match event {
            Event::Connected(id) => {
                let Some(&client) = self.by_connection.get(&id) else { return };
                if let Some(current) = self.clients.get_mut(client).and_then(|who| who.visit.as_mut()) {
                    current.visit.handshake = Some(context.now.since(current.visit.started));
                }
                self.pump(context, client);
            }
            Event::Readable(id) | Event::Writable(id) => {
                if let Some(&client) = self.by_connection.get(&id) {
                    self.pump(context, client);
                }
            }
            Event::ConnectFailed(id, error) => {
                if let Some(&client) = self.by_connection.get(&id) {
                    self.end(context, client, Some(Failure::Connect(error)));
                }
            }
            Event::Closed(id, reason) => match self.by_connection.get(&id) {
                Some(&client) => {
                    // What came before the end may still be there.
                    self.pump(context, client);
                    self.end(context, client, Some(Failure::Closed(reason)));
                }
                None => context.close(id),
            },
            Event::Incoming(_) | Event::Pong(_) | Event::PingFailed(..) | Event::Protection(_) => {}
        }
    }

    fn on_time(&mut self, context: &mut AppContext<'_>) {
        while let Some((_, client)) = self.timers.first().copied().filter(|(at, _)| *at <= context.now) {
            self.timers.pop_first();
            let Some(who) = self.clients.get(client) else { continue };
            match &who.visit {
                Some(Current { visit, .. }) => {
                    let connected = visit.handshake.is_some();
                    let unheard = connected && visit.verified == 0 && visit.task.server_speaks_first();
                    let failure = if unheard { Failure::Unheard } else { Failure::Stalled };
                    self.end(context, client, Some(failure));
                }
                None if context.now >= self.plan.until => {}
                None => self.begin(context, client),
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
