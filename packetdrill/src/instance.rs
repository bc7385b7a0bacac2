//! One script's stack: made at its first socket, when the script has set up its namespace, and driven in virtual time.

use super::blocking::Blocked;
use super::clock::{Clock, shown};
use super::flags::Config;
use super::numbers::Reserved;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::ThreadId;
use synward::base::{Instant, Secrets};
use synward::device::{DatagramOptions, Datagrams};
use synward::driver::Host;
use synward::shard::HostConfig;
use synward_posix::{Errno, Sockets};

/// Bytes of a packet that packetdrill has room for.
pub(crate) const PACKET_ROOM: usize = 65_536;
/// How long a wait for a packet lets time pass before it says that there is none.
const PATIENCE: Duration = Duration::from_secs(70);
/// Deadlines that one instant can have; beyond that time goes on by itself.
const AT_ONE_INSTANT: u32 = 10_000;

/// The calls over the script's stack.
pub(crate) type Calls = Sockets<Datagrams>;

/// What the threads of packetdrill share.
pub(crate) struct State {
    config: Config,
    pub(crate) clock: Clock,
    sockets: Option<Calls>,
    /// Calls that sleep, or that woke and have not shown their time yet.
    pub(crate) blocked: HashMap<ThreadId, Blocked>,
    /// The thread that the script's packets come from.
    pub(crate) main: ThreadId,
}

/// One script's stack.
pub(crate) struct Instance {
    state: Mutex<State>,
    /// Something about `State::blocked` has changed.
    pub(crate) changed: Condvar,
}

/// The instances that live: a preloaded `getsockopt` gets a descriptor and nothing else.
pub(crate) static LIVE: Mutex<Vec<Weak<Instance>>> = Mutex::new(Vec::new());

impl State {
    /// The calls; the stack is made where there is none yet, of the settings of this moment.
    pub(crate) fn calls(&mut self) -> Result<&mut Calls, Errno> {
        let now = self.clock.now();
        let calls = match self.sockets.take() {
            Some(calls) => calls,
            None => self.make(now)?,
        };
        let calls = self.sockets.insert(calls);
        if calls.now() < now {
            calls.advance(now);
        }
        Ok(calls)
    }

    /// The calls of a stack that is there.
    pub(crate) fn calls_if_any(&mut self) -> Option<&mut Calls> {
        self.sockets.as_mut()
    }

    fn make(&self, now: Instant) -> Result<Calls, Errno> {
        let settings = self.config.settings();
        let (local, prefix_len) = (self.config.local, self.config.prefix_len);
        let config = HostConfig::new(local, prefix_len).gateway(self.config.gateway()).settings(settings);
        let device = Datagrams::new(DatagramOptions { mtu: self.config.mtu, ..DatagramOptions::default() });
        let secrets = Secrets::from_test_seed(self.config.seed);
        let host = Host::with_secrets(config, device, &secrets, now).map_err(|error| {
            eprintln!(
                "synward: the stack cannot be made: {error}; see the flags local_ip, netmask_ip and mtu"
            );
            Errno(libc::EINVAL)
        })?;
        Ok(Sockets::new(host, now, Box::new(Reserved::default())))
    }

    /// The next moment at which the stack or a sleeping call has something to do.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let stack = self.sockets.as_ref().and_then(Calls::deadline);
        let sleepers = self.blocked.values().filter_map(Blocked::due);
        sleepers.chain(stack).min()
    }

    /// Moves the time to `at`, where something may be due.
    pub(crate) fn move_to(&mut self, at: Instant) {
        self.clock.move_to(at);
        let now = self.clock.now();
        if let Some(calls) = &mut self.sockets {
            calls.advance(now);
        }
    }
}

impl Instance {
    pub(crate) fn new(config: Config) -> Self {
        let state = State {
            config,
            clock: Clock::default(),
            sockets: None,
            blocked: HashMap::new(),
            main: std::thread::current().id(),
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call that never sleeps.
    pub(crate) fn call<T>(&self, call: impl FnOnce(&mut Calls) -> Result<T, Errno>) -> Result<T, Errno> {
        let mut state = self.lock();
        let result = call(state.calls()?);
        drop(self.settle(state));
        result
    }

    /// Whether `fd` is one of ours.
    pub(crate) fn knows(&self, fd: i32) -> bool {
        self.lock().calls_if_any().is_some_and(|calls| calls.knows(fd))
    }

    /// `gettimeofday`, in microseconds. A call that has just woken tells its time by this, so that look moves nothing.
    pub(crate) fn look(&self) -> u64 {
        let mut state = self.lock();
        if self.has_shown(&mut state) {
            return state.clock.shown();
        }
        state.clock.tick();
        let now = state.clock.now();
        if state.next_due().is_some_and(|at| at <= now) {
            state.move_to(now);
        }
        state.clock.shown()
    }

    /// `usleep`: everything that falls due within `span` happens at its own time.
    pub(crate) fn sleep(&self, span: Duration) {
        let mut state = self.lock();
        let target = state.clock.after(span);
        let mut at_once = 0;
        while let Some(at) = state.next_due().filter(|at| *at <= target) {
            at_once = if at <= state.clock.now() { at_once + 1 } else { 0 };
            if at_once > AT_ONE_INSTANT {
                break;
            }
            state.move_to(at);
            state = self.settle(state);
        }
        state.move_to(target);
        drop(self.settle(state));
    }

    /// `netdev_send`: a packet arrives at the stack.
    pub(crate) fn inject(&self, packet: &[u8]) -> Result<(), Errno> {
        let mut state = self.lock();
        let now = state.clock.now();
        let Some(calls) = state.calls_if_any() else { return Ok(()) };
        let injected = calls.host_mut().device_mut().inject(packet);
        calls.advance(now);
        drop(self.settle(state));
        injected.map_err(|_| Errno(libc::ENOBUFS))
    }

    /// `netdev_receive`: the next packet that the stack sent, and when. Time goes on to the next timer and the next until
    /// there is one; `None`: there is none for long.
    pub(crate) fn receive(&self) -> Option<(Vec<u8>, u64)> {
        let mut state = self.lock();
        let limit = state.clock.after(PATIENCE);
        let mut at_once = 0;
        loop {
            let taken = state.calls_if_any().and_then(|calls| calls.host_mut().device_mut().take());
            if let Some(sent) = taken {
                return Some((sent.packet, shown(sent.at)));
            }
            let at = state.next_due().filter(|at| *at <= limit)?;
            at_once = if at <= state.clock.now() { at_once + 1 } else { 0 };
            if at_once > AT_ONE_INSTANT {
                return None;
            }
            state.move_to(at);
            state = self.settle(state);
        }
    }
}
