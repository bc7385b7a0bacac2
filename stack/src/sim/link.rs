//! The cable of a node, and what the node behind it can take.

use core::time::Duration;

/// The cable of one node, and what the node can take. Loss and corruption happen each way, the rest to frames for the
/// node.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Link {
    /// Time from the sender to the node's receive queue.
    pub delay: Duration,
    /// Time that a frame from the node takes until the next one may leave: what is sent at once leaves one by one.
    pub line: Duration,
    /// Additional delay, uniform from zero; frames may pass each other.
    pub jitter: Duration,
    /// Probability that a frame is lost, each way.
    pub loss: f64,
    /// Probability that a frame for the node arrives twice.
    pub duplicate: f64,
    /// Probability that one bit of a frame for the node is flipped.
    pub corrupt: f64,
    /// Frames that the node's receive queue holds; what comes beyond is lost.
    pub queue: usize,
    /// Time that the node needs for a frame.
    pub service: Duration,
}

impl Default for Link {
    /// 50 µs, nothing impaired, a queue of 1024 frames; 500 000 frames a second in, a million out.
    fn default() -> Self {
        Self {
            delay: Duration::from_micros(50),
            line: Duration::from_micros(1),
            jitter: Duration::ZERO,
            loss: 0.0,
            duplicate: 0.0,
            corrupt: 0.0,
            queue: 1024,
            service: Duration::from_micros(2),
        }
    }
}

impl Link {
    /// Frames a second that the node behind it can take.
    pub fn capacity(&self) -> u64 {
        1_000_000_000_u128.checked_div(self.service.as_nanos()).map_or(u64::MAX, |rate| rate as u64)
    }

    /// With another probability of loss.
    #[must_use]
    pub fn loss(mut self, probability: f64) -> Self {
        self.loss = probability;
        self
    }

    /// With another receive queue.
    #[must_use]
    pub fn queue(mut self, frames: usize) -> Self {
        self.queue = frames;
        self
    }
}

/// What happened to the frames of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NodeStats {
    /// Frames that reached its receive queue.
    pub arrived: u64,
    /// Frames lost because the receive queue was full.
    pub overrun: u64,
    /// Frames that the link lost, duplicated or corrupted.
    pub impaired: u64,
    /// Frames that it sent.
    pub sent: u64,
    /// The most frames that stood in its receive queue at once.
    pub longest_queue: usize,
}
