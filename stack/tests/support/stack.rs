//! A whole stack on a TAP interface, driven by hand in the test's own thread, with the kernel as its peer.

use super::netns;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use synward::device::{HostSide, Tap, TapOptions};
use synward::driver::{Clock, Host};
use synward::settings::Settings;
use synward::shard::{ConnId, Event, HostConfig, ListenerId};
use synward::tcp::{ConnectError, IoError, Options};

pub const OURS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
pub const KERNELS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

/// How long a test waits for what it expects, where it says nothing else.
const PATIENCE: Duration = Duration::from_secs(30);

/// Our host.
pub struct Stack {
    pub host: Host<Tap>,
    pub clock: Clock,
    /// What was reported and not yet taken by [`Stack::event`].
    pub events: Vec<Event>,
    pub kernel: HostSide,
}

/// What a test chooses.
pub struct Choice {
    pub tap: TapOptions,
    pub settings: Settings,
}

impl Stack {
    /// A stack on `syn0` at [`OURS`], with the kernel at [`KERNELS`].
    pub fn new(change: impl FnOnce(&mut Choice)) -> Self {
        let mut choice = Choice { tap: TapOptions::new("syn0"), settings: Settings::default() };
        change(&mut choice);
        let tap = netns::tap(&choice.tap);
        let kernel = tap.host_side();
        kernel.set_address(IpAddr::V4(KERNELS), 24).unwrap();
        kernel.set_up(true).unwrap();
        let clock = Clock::start();
        let config = HostConfig::new(OURS.into(), 24).settings(choice.settings);
        let host = Host::new(config, tap, clock.now()).unwrap();
        Self { host, clock, events: Vec::new(), kernel }
    }

    /// Runs until `condition` gives something; panics with `what` after 30 seconds.
    pub fn until<T>(
        &mut self,
        what: &str,
        condition: impl FnMut(&mut Host<Tap>, &mut Vec<Event>) -> Option<T>,
    ) -> T {
        self.within(PATIENCE, condition).unwrap_or_else(|| {
            let events = &self.events;
            panic!("waited in vain: {what}\nevents {events:?}\n{:#?}", self.host.snapshot())
        })
    }

    /// Runs until `condition` gives something, for at most `limit`.
    pub fn within<T>(
        &mut self,
        limit: Duration,
        mut condition: impl FnMut(&mut Host<Tap>, &mut Vec<Event>) -> Option<T>,
    ) -> Option<T> {
        let Self { host, clock, events, .. } = self;
        let deadline = clock.now() + limit;
        host.run_until(clock, deadline, |host| {
            events.extend(core::iter::from_fn(|| host.poll_event()));
            condition(host, events)
        })
        .unwrap()
    }

    /// Runs for a time.
    pub fn run_for(&mut self, time: Duration) {
        assert_eq!(self.within(time, |_, _| None::<()>), None);
    }

    /// Waits for the event that `wanted` takes, and removes it.
    pub fn event<T>(&mut self, what: &str, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        self.until(what, |_, events| {
            let (at, found) = events.iter().enumerate().find_map(|(at, event)| Some((at, wanted(event)?)))?;
            events.remove(at);
            Some(found)
        })
    }

    /// Starts a connect to a port of the kernel.
    pub fn start_connect(&mut self, port: u16, options: &Options) -> Result<ConnId, ConnectError> {
        self.host.set_now(self.clock.now());
        self.host.connect(SocketAddr::from((KERNELS, port)), options)
    }

    /// Connects to a port of the kernel.
    pub fn connect(&mut self, port: u16, options: &Options) -> Result<ConnId, ConnectError> {
        let id = self.start_connect(port, options)?;
        self.connected(id)
    }

    /// Waits for the end of a connect.
    pub fn connected(&mut self, id: ConnId) -> Result<ConnId, ConnectError> {
        self.event("the end of a connect", |event| match event {
            Event::Connected(found) if *found == id => Some(Ok(id)),
            Event::ConnectFailed(found, error) if *found == id => Some(Err(*error)),
            _ => None,
        })
    }

    /// Listens on `port`.
    pub fn listen(&mut self, port: u16, options: &Options) -> ListenerId {
        self.host.listen(SocketAddr::from((OURS, port)), 1024, options).unwrap()
    }

    /// Waits for a connection.
    pub fn accept(&mut self, listener: ListenerId) -> ConnId {
        self.until("a connection to accept", |host, _| host.accept(listener).ok()).0
    }

    /// Writes all of `bytes`.
    pub fn write_all(&mut self, id: ConnId, bytes: &[u8]) {
        let mut done = 0;
        self.until("room for all bytes", |host, _| {
            while done < bytes.len() {
                match host.write(id, &bytes[done..]) {
                    Ok(n) => done += n,
                    Err(IoError::WouldBlock) => return None,
                    Err(error) => panic!("write: {error}"),
                }
            }
            Some(())
        });
    }

    /// Reads exactly `len` bytes.
    pub fn read_exact(&mut self, id: ConnId, len: usize) -> Vec<u8> {
        let (mut bytes, mut done) = (vec![0; len], 0);
        self.until("bytes to read", |host, _| {
            while done < len {
                match host.read(id, &mut bytes[done..]) {
                    Ok(0) => panic!("the stream ends after {done} of {len} bytes"),
                    Ok(n) => done += n,
                    Err(IoError::WouldBlock) => return None,
                    Err(error) => panic!("read: {error}"),
                }
            }
            Some(())
        });
        bytes
    }

    /// Waits for the end of the stream.
    pub fn read_end(&mut self, id: ConnId) {
        self.until("the end of the stream", |host, _| match host.read(id, &mut [0; 64]) {
            Ok(0) => Some(()),
            Ok(n) => panic!("{n} bytes instead of the end"),
            Err(IoError::WouldBlock) => None,
            Err(error) => panic!("{error} instead of the end"),
        });
    }

    /// Runs until no connection is left.
    pub fn until_no_connection(&mut self) {
        self.until("no connection is left", |host, _| (host.snapshot().connections == 0).then_some(()));
    }
}
