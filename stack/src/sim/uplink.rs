//! A place on the LAN for a host that is driven from outside of the world, in real time: its frames come and go by an
//! in-memory link.

use super::node::{Node, Outbox};
use super::world::{NodeId, World};
use crate::base::Instant;
use crate::buffer::{Buf, Device, Pool};
use crate::device::MemoryDevice;
use crate::wire::Mac;
use core::any::Any;
use std::collections::VecDeque;

/// Bytes of free buffers that it keeps.
const POOL: usize = 1 << 20;
/// Frames taken from the link at once.
const BATCH: usize = 64;

/// The world's end of the link to a host outside of it.
pub struct Uplink {
    mac: Mac,
    link: MemoryDevice,
    pool: Pool,
    received: VecDeque<Buf>,
    sending: VecDeque<Buf>,
    more: bool,
}

impl Uplink {
    /// The station `mac`, which is the address of the host at the other end of `link`. The link must be without offload:
    /// what crosses the LAN is whole.
    pub fn new(mac: Mac, link: MemoryDevice) -> Self {
        let (received, sending) = Default::default();
        Self { mac, link, pool: Pool::new(POOL), received, sending, more: false }
    }

    /// Lets `world` run up to the time `now`, after it took what the host sent at the uplink `id`.
    pub fn advance(world: &mut World, id: NodeId, now: Instant) {
        world.run_until(now);
        world.with::<Self, _>(id, |_, _| ());
        world.run_until(now);
    }

    fn take(&mut self, out: &mut Outbox) {
        // An end that the host has dropped brings nothing more.
        let received = self.link.receive(&mut self.pool, &mut self.received, BATCH);
        self.more = received.is_ok_and(|received| received.more);
        self.received.drain(..).for_each(|frame| out.send(frame));
    }
}

impl Node for Uplink {
    fn mac(&self) -> Mac {
        self.mac
    }

    fn start(&mut self, _: Instant, out: &mut Outbox) {
        self.take(out);
    }

    fn receive(&mut self, _: Instant, frames: &mut dyn Iterator<Item = Buf>, _: &mut Outbox) {
        self.sending.extend(frames);
        // What the link has no room for is lost, as on a wire.
        if self.link.transmit(&mut self.sending, &mut self.pool).is_err() || !self.sending.is_empty() {
            self.sending.clear();
        }
    }

    fn wake(&mut self, _: Instant, out: &mut Outbox) {
        self.take(out);
    }

    fn deadline(&self) -> Option<Instant> {
        self.more.then_some(Instant::ZERO)
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
