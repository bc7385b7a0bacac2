//! Puts a stack together.

use super::engine::Engine;
use super::{Host, thread};
use crate::base::{Instant, Secrets};
use crate::buffer::{Device, Readiness, Simulated};
use crate::settings::Settings;
use crate::shard::{HostConfig, Shard};
use crate::socket::{Ending, Stack};
use crate::sync::{self, Exchange, Inbox, Signal};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

/// Commands that wait for the shard at most; who comes later waits for a place.
const COMMANDS: usize = 1024;
/// Bytes of free buffers of each size on their way between applications and the shard.
const EXCHANGE: usize = 8 << 20;

/// What a stack is made of; see [`Stack::builder`].
#[derive(Debug)]
#[must_use]
pub struct Builder<D> {
    device: D,
    config: HostConfig,
    secrets: Option<Secrets>,
    /// The first thing that was wrong.
    wrong: Option<String>,
}

impl Stack {
    /// Starts to put a stack together that runs on `device`.
    pub fn builder<D: Device>(device: D) -> Builder<D> {
        let config = HostConfig { addresses: Vec::new(), routes: Vec::new(), settings: Settings::default() };
        Builder { device, config, secrets: None, wrong: None }
    }
}

impl<D: Device> Builder<D> {
    /// Adds an address of the stack with the length of its on-link prefix, such as `10.0.0.1/24`.
    pub fn address(mut self, address: impl AsRef<str>) -> Self {
        match prefix(address.as_ref()) {
            Ok(address) => self.config.addresses.push(address),
            Err(wrong) => self.note(wrong),
        }
        self
    }

    /// Sends what is not on-link to the router `gateway`.
    pub fn gateway(self, gateway: impl AsRef<str>) -> Self {
        self.route("0.0.0.0/0", gateway)
    }

    /// Sends what is for `destination`, such as `10.1.0.0/16`, to the router `gateway`.
    pub fn route(mut self, destination: impl AsRef<str>, gateway: impl AsRef<str>) -> Self {
        let parsed = prefix(destination.as_ref()).and_then(|(to, len)| Ok((to, len, ip(gateway.as_ref())?)));
        match parsed {
            Ok(route) => self.config.routes.push(route),
            Err(wrong) => self.note(wrong),
        }
        self
    }

    /// Other settings than the default ones.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.config.settings = settings;
        self
    }

    fn note(&mut self, wrong: String) {
        self.wrong.get_or_insert(wrong);
    }

    /// A stack that is driven by hand, with its own calls instead of sockets; `now` is the time of its first turn.
    ///
    /// # Errors
    /// An address or route that makes no sense, or no randomness.
    pub fn by_hand(self, now: Instant) -> io::Result<Host<D>> {
        let (device, config, secrets) = self.check()?;
        Host::with_secrets(config, device, &secrets, now).map_err(invalid)
    }

    /// Runs the stack as a task of the tokio runtime that this is called in. The runtime needs its timers, and its I/O
    /// driver for a device of the system.
    ///
    /// # Errors
    /// An address or route that makes no sense, no randomness, no runtime, or a device that cannot be waited for.
    #[cfg(feature = "tokio")]
    pub fn spawn(self) -> io::Result<Stack>
    where
        D: Send + 'static,
    {
        let parts = self.assemble()?;
        super::task::spawn(parts)
    }

    /// Runs the stack on a thread of its own.
    ///
    /// # Errors
    /// An address or route that makes no sense, no randomness, no thread, or a device that cannot be waited for.
    pub fn spawn_thread(self) -> io::Result<Stack>
    where
        D: Send + 'static,
    {
        let parts = self.assemble()?;
        thread::spawn(parts)
    }

    fn check(self) -> io::Result<(D, HostConfig, Secrets)> {
        if let Some(wrong) = self.wrong {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, wrong));
        }
        let secrets = match self.secrets {
            Some(secrets) => secrets,
            None => Secrets::from_os().map_err(io::Error::other)?,
        };
        Ok((self.device, self.config, secrets))
    }

    fn assemble(self) -> io::Result<Parts<D>> {
        let (device, config, secrets) = self.check()?;
        let mut shard =
            Shard::new(config, device.capabilities(), &secrets, Instant::ZERO).map_err(invalid)?;
        let readiness = device.readiness();
        // A device in memory and the applications ring the same bell.
        let signal = match &readiness {
            Readiness::Signal(signal) => signal.clone(),
            #[cfg(unix)]
            Readiness::Fd(_) => Arc::new(Signal::default()),
        };
        let inbox = Inbox::new(signal.clone(), Exchange::new(EXCHANGE));
        let mailbox = inbox.mailbox().clone();
        let (sender, receiver) = sync::commands(COMMANDS, signal.clone());
        let ending = Ending::default();
        shard.attach(inbox, receiver, ending.cause.clone());
        let stack = Stack::new(&shard, sender, mailbox, ending.clone());
        Ok(Parts { engine: Engine::new(shard, device, ending), stack, signal, readiness })
    }
}

impl<D: Simulated> Builder<D> {
    /// Takes all secrets from `seed`, so that a test can be repeated. Only devices with no network behind them have this.
    pub fn test_seed(mut self, seed: u64) -> Self {
        self.secrets = Some(Secrets::from_test_seed(seed));
        self
    }
}

/// What a driver gets.
pub(super) struct Parts<D> {
    pub(super) engine: Engine<D>,
    pub(super) stack: Stack,
    pub(super) signal: Arc<Signal>,
    pub(super) readiness: Readiness,
}

fn invalid(error: crate::shard::ConfigError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

fn ip(text: &str) -> Result<IpAddr, String> {
    text.trim().parse().map_err(|_| format!("`{text}` is not an IP address"))
}

fn prefix(text: &str) -> Result<(IpAddr, u8), String> {
    let wrong = || format!("`{text}` is not an address with a prefix length, such as 10.0.0.1/24");
    let (addr, len) = text.split_once('/').ok_or_else(wrong)?;
    Ok((ip(addr)?, len.trim().parse().map_err(|_| wrong())?))
}

#[cfg(feature = "tokio")]
#[cfg(test)]
mod panic_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::memory;

    #[test]
    fn what_is_wrong_is_said_when_the_stack_is_made() {
        let wrong = |build: fn(Builder<memory::MemoryDevice>) -> Builder<memory::MemoryDevice>| {
            let (device, _other) = memory::link(memory::LinkOptions::default());
            match build(Stack::builder(device)).by_hand(Instant::ZERO) {
                Ok(_) => panic!("it was made"),
                Err(error) => (error.kind(), error.to_string()),
            }
        };
        let told = wrong(|builder| builder.address("10.0.0.1"));
        assert_eq!(told.0, io::ErrorKind::InvalidInput);
        assert!(told.1.contains("`10.0.0.1`") && told.1.contains("/24"), "{}", told.1);
        let told = wrong(|builder| builder.address("10.0.0.1/24").gateway("somewhere"));
        assert!(told.1.contains("`somewhere`"), "{}", told.1);
        assert!(wrong(|builder| builder).1.contains("at least one address"));
    }
}
