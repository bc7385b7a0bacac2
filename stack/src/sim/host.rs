//! A host of the embedded network: a whole stack on a port of the switch, and the applications on it.

use super::app::{App, AppContext, Owners};
use super::node::{Node, Outbox};
use super::port::SimPort;
use crate::base::{Instant, Secrets};
use crate::buffer::{Buf, Device};
use crate::shard::{ConfigError, Event, HostConfig, Shard};
use crate::wire::Mac;
use core::any::Any;

/// Rounds of turn and applications that one step of the world allows: what is left waits for the next step, at the
/// same virtual time.
const ROUNDS: usize = 64;

/// The most that a host ever held at once, looked at after each of its steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Peaks {
    /// Half-open connections.
    pub half_open: usize,
    /// Bytes of their store.
    pub half_open_memory: usize,
    /// Connections.
    pub connections: usize,
    /// Bytes of buffers in use.
    pub buffers: usize,
}

/// A host.
pub struct HostNode {
    /// Its stack.
    pub shard: Shard,
    port: SimPort,
    apps: Vec<Box<dyn App>>,
    owners: Owners,
    again: bool,
    /// The most that it ever held.
    pub peaks: Peaks,
    /// Changes of protection, in order.
    pub protection: Vec<(Instant, crate::admission::ProtectionEvent)>,
}

impl HostNode {
    /// A host with an Ethernet MTU of 1500; `seed` decides its secrets.
    ///
    /// # Errors
    /// A configuration that makes no sense.
    pub fn new(config: HostConfig, mac: Mac, seed: u64) -> Result<Self, ConfigError> {
        Self::with_mtu(config, mac, 1500, seed)
    }

    /// As [`HostNode::new`] with another MTU.
    ///
    /// # Errors
    /// A configuration that makes no sense.
    pub fn with_mtu(config: HostConfig, mac: Mac, mtu: usize, seed: u64) -> Result<Self, ConfigError> {
        let port = SimPort::new(mac, mtu);
        let secrets = Secrets::from_test_seed(seed);
        let shard = Shard::new(config, port.capabilities(), &secrets, Instant::ZERO)?;
        Ok(Self {
            shard,
            port,
            apps: Vec::new(),
            owners: Owners::default(),
            again: false,
            peaks: Peaks::default(),
            protection: Vec::new(),
        })
    }

    /// Adds an application; gives its number.
    pub fn add(&mut self, app: impl App) -> usize {
        self.apps.push(Box::new(app));
        self.apps.len() - 1
    }

    /// The application with a number, if it is a `T`.
    pub fn app<T: App>(&mut self, number: usize) -> Option<&mut T> {
        self.apps.get_mut(number)?.as_any_mut().downcast_mut()
    }

    /// Calls `act` on an application with its context.
    pub fn with_app<T: App, R>(
        &mut self,
        number: usize,
        now: Instant,
        act: impl FnOnce(&mut T, &mut AppContext<'_>) -> R,
    ) -> Option<R> {
        let app = self.apps.get_mut(number)?.as_any_mut().downcast_mut()?;
        let mut context = AppContext { shard: &mut self.shard, owners: &mut self.owners, app: number, now };
        Some(act(app, &mut context))
    }

    fn step(&mut self, now: Instant, out: &mut Outbox) {
        self.again = false;
        for round in 0..=ROUNDS {
            // A simulated port never fails.
            let Ok(turn) = self.shard.turn(now, &mut self.port) else { break };
            let busy = self.run_apps(now);
            if !turn.again && !busy {
                break;
            }
            self.again = round == ROUNDS;
        }
        out.frames.extend(self.port.outbox.drain(..));
        self.update_peaks();
    }

    fn update_peaks(&mut self) {
        let peaks = &mut self.peaks;
        peaks.half_open = peaks.half_open.max(self.shard.admission.half_open_len());
        peaks.connections = peaks.connections.max(self.shard.connections.len());
        peaks.buffers = peaks.buffers.max(self.shard.pool.outstanding());
        // Pages are only ever added when there are more entries than ever before.
        if peaks.half_open == self.shard.admission.half_open_len() {
            peaks.half_open_memory = peaks.half_open_memory.max(self.shard.admission.state().memory);
        }
    }

    /// Whether an application did something that wants another turn.
    fn run_apps(&mut self, now: Instant) -> bool {
        let mut busy = false;
        for (number, app) in self.apps.iter_mut().enumerate() {
            if app.deadline().is_some_and(|at| at <= now) {
                let mut context =
                    AppContext { shard: &mut self.shard, owners: &mut self.owners, app: number, now };
                app.on_time(&mut context);
                busy = true;
            }
        }
        while let Some(event) = self.shard.poll_event() {
            busy = true;
            let owner = match &event {
                Event::Connected(id) | Event::Readable(id) | Event::Writable(id) | Event::Closed(id, _) => {
                    self.owners.connections.get(id).copied()
                }
                Event::ConnectFailed(id, _) => self.owners.connections.remove(id),
                Event::Incoming(id) => self.owners.listeners.get(id).copied(),
                Event::Pong(_) | Event::PingFailed(..) => self.owners.pings,
                Event::Protection(change) => {
                    self.protection.push((now, *change));
                    None
                }
            };
            let Some((number, app)) =
                owner.and_then(|number| self.apps.get_mut(number).map(|app| (number, app)))
            else {
                continue;
            };
            let mut context =
                AppContext { shard: &mut self.shard, owners: &mut self.owners, app: number, now };
            app.on_event(&mut context, event);
        }
        busy
    }
}

impl Node for HostNode {
    fn mac(&self) -> Mac {
        self.port.capabilities().mac
    }

    fn start(&mut self, now: Instant, out: &mut Outbox) {
        for (number, app) in self.apps.iter_mut().enumerate() {
            let mut context =
                AppContext { shard: &mut self.shard, owners: &mut self.owners, app: number, now };
            app.start(&mut context);
        }
        self.step(now, out);
    }

    fn receive(&mut self, now: Instant, frames: &mut dyn Iterator<Item = Buf>, out: &mut Outbox) {
        self.port.inbox.extend(frames);
        self.step(now, out);
    }

    fn wake(&mut self, now: Instant, out: &mut Outbox) {
        self.step(now, out);
    }

    fn deadline(&self) -> Option<Instant> {
        if self.again {
            return Some(Instant::ZERO);
        }
        let apps = self.apps.iter().filter_map(|app| app.deadline()).min();
        self.shard.next_deadline().into_iter().chain(apps).min()
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
