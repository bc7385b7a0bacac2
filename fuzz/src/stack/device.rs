//! The device: frames given by the input, and frames that the stack sent.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use synward::buffer::{Buf, Capabilities, Device, Pool, Readiness, Received};
use synward::sync::Signal;
use synward::wire::Mac;

/// Largest IP packet.
pub(super) const MTU: usize = 1500;
/// The host under test.
pub(super) const US_MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);

/// A device of single frames.
#[derive(Default)]
pub(super) struct Probe {
    pub(super) inbox: VecDeque<Vec<u8>>,
    pub(super) sent: VecDeque<Vec<u8>>,
    /// It has no room for what is sent.
    pub(super) full: bool,
}

impl Device for Probe {
    fn capabilities(&self) -> Capabilities {
        Capabilities { mac: US_MAC, mtu: MTU, checksum_offload: false, segmentation: 0 }
    }

    fn receive(&mut self, pool: &mut Pool, into: &mut VecDeque<Buf>, budget: usize) -> io::Result<Received> {
        let frames = self.inbox.len().min(budget);
        for bytes in self.inbox.drain(..frames) {
            let mut buf = pool.take(bytes.len());
            buf.append(&bytes);
            into.push_back(buf);
        }
        Ok(Received { frames, more: !self.inbox.is_empty() })
    }

    fn transmit(&mut self, from: &mut VecDeque<Buf>, pool: &mut Pool) -> io::Result<()> {
        if self.full {
            return Ok(());
        }
        for buf in from.drain(..) {
            self.sent.push_back(buf.data().to_vec());
            pool.put(buf);
        }
        Ok(())
    }

    fn readiness(&self) -> Readiness {
        Readiness::Signal(Arc::new(Signal::default()))
    }
}
