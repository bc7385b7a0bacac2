//! A stack driven by hand: no runtime, no thread, no clock of its own. The caller gives the time, takes turns and asks
//! for events; every call returns at once.

use crate::base::{Instant, Secrets};
use crate::buffer::Device;
use crate::shard::{ConfigError, HostConfig, Shard, Turn};
use core::ops::{Deref, DerefMut};
use std::io;

/// Turns that one call of [`Host::poll`] takes at most.
const TURNS: usize = 64;

/// A host on a device. It gives the calls of [`Shard`] directly.
pub struct Host<D> {
    shard: Shard,
    device: D,
}

impl<D: Device> Host<D> {
    /// A host on `device`, with secrets from the operating system.
    ///
    /// # Errors
    /// A configuration that makes no sense, or no randomness.
    pub fn new(config: HostConfig, device: D, now: Instant) -> io::Result<Self> {
        let secrets = Secrets::from_os().map_err(io::Error::other)?;
        Self::with_secrets(config, device, &secrets, now)
            .map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))
    }

    /// A host on `device` with given secrets: for simulations and tests.
    ///
    /// # Errors
    /// A configuration that makes no sense.
    pub fn with_secrets(
        config: HostConfig,
        device: D,
        secrets: &Secrets,
        now: Instant,
    ) -> Result<Self, ConfigError> {
        let shard = Shard::new(config, device.capabilities(), secrets, now)?;
        Ok(Self { shard, device })
    }

    /// Takes turns at the time `now` until nothing is left to do, at most 64.
    ///
    /// # Errors
    /// The device is gone.
    pub fn poll(&mut self, now: Instant) -> io::Result<Turn> {
        self.device.set_now(now);
        let mut turn = self.shard.turn(now, &mut self.device)?;
        for _ in 1..TURNS {
            if !turn.again {
                break;
            }
            turn = self.shard.turn(now, &mut self.device)?;
        }
        if let Some(deadline) = self.device.next_deadline() {
            turn.deadline = Some(turn.deadline.map_or(deadline, |at| at.min(deadline)));
        }
        Ok(turn)
    }

    /// The device.
    pub fn device_mut(&mut self) -> &mut D {
        &mut self.device
    }
}

impl<D> Deref for Host<D> {
    type Target = Shard;

    fn deref(&self) -> &Shard {
        &self.shard
    }
}

impl<D> DerefMut for Host<D> {
    fn deref_mut(&mut self) -> &mut Shard {
        &mut self.shard
    }
}
