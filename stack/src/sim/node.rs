//! What stands on the LAN.

use crate::base::Instant;
use crate::buffer::Buf;
use crate::wire::Mac;
use core::any::Any;

/// Frames that a node sends in one step.
#[derive(Debug, Default)]
pub struct Outbox {
    pub(crate) frames: Vec<Buf>,
}

impl Outbox {
    /// Sends a frame.
    pub fn send(&mut self, frame: Buf) {
        self.frames.push(frame);
    }
}

/// A station on the LAN, driven by the world: frames and time in, frames out.
pub trait Node: Any {
    /// Its link-layer address; frames for others do not reach it.
    fn mac(&self) -> Mac;

    /// The world begins.
    fn start(&mut self, now: Instant, out: &mut Outbox);

    /// Frames arrived and were serviced. All must be taken.
    fn receive(&mut self, now: Instant, frames: &mut dyn Iterator<Item = Buf>, out: &mut Outbox);

    /// Its deadline has come (or an earlier one that it gave before).
    fn wake(&mut self, now: Instant, out: &mut Outbox);

    /// When to wake it next.
    fn deadline(&self) -> Option<Instant>;

    /// For the owner of the world, who knows the type.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}
