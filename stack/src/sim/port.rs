//! The device of a simulated host: what the switch delivered, and what the host sent.

use crate::buffer::{Buf, Capabilities, Device, Pool, Readiness, Received};
use crate::sync::Signal;
use crate::wire::Mac;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// A port of the simulated switch, seen by a stack.
#[derive(Debug)]
pub struct SimPort {
    mac: Mac,
    mtu: usize,
    pub(crate) inbox: VecDeque<Buf>,
    pub(crate) outbox: VecDeque<Buf>,
}

impl SimPort {
    /// A port for a station.
    pub fn new(mac: Mac, mtu: usize) -> Self {
        Self { mac, mtu, inbox: VecDeque::new(), outbox: VecDeque::new() }
    }
}

impl Device for SimPort {
    fn capabilities(&self) -> Capabilities {
        Capabilities { mac: self.mac, mtu: self.mtu, checksum_offload: false, segmentation: 0 }
    }

    fn receive(&mut self, pool: &mut Pool, into: &mut VecDeque<Buf>, budget: usize) -> io::Result<Received> {
        let frames = self.inbox.len().min(budget);
        into.extend(self.inbox.drain(..frames).inspect(|frame| pool.adopt(frame)));
        Ok(Received { frames, more: !self.inbox.is_empty() })
    }

    fn transmit(&mut self, from: &mut VecDeque<Buf>, pool: &mut Pool) -> io::Result<()> {
        from.iter().for_each(|frame| pool.forget(frame));
        self.outbox.append(from);
        Ok(())
    }

    fn readiness(&self) -> Readiness {
        Readiness::Signal(Arc::new(Signal::default()))
    }
}
