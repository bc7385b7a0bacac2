//! Pings a host all the time.

use crate::base::Instant;
use crate::shard::{Event, PingError};
use crate::sim::{App, AppContext};
use core::any::Any;
use core::time::Duration;
use std::net::IpAddr;

/// Sends an echo request at every interval. One application of a host may ping.
#[derive(Debug)]
pub struct Pinger {
    to: IpAddr,
    interval: Duration,
    timeout: Duration,
    until: Instant,
    next: Option<Instant>,
    sequence: u16,
    /// Requests sent.
    pub sent: u64,
    /// Replies, each within the timeout.
    pub answered: u64,
    /// What was not answered: when it was found out, and why.
    pub lost: Vec<(Instant, PingError)>,
    /// The longest round trip.
    pub worst: Duration,
    /// All round trips together.
    pub total: Duration,
}

impl Pinger {
    /// Pings `to` from the world's beginning until `until`.
    pub fn new(to: IpAddr, interval: Duration, timeout: Duration, until: Instant) -> Self {
        Self {
            to,
            interval: interval.max(Duration::from_millis(1)),
            timeout,
            until,
            next: None,
            sequence: 0,
            sent: 0,
            answered: 0,
            lost: Vec::new(),
            worst: Duration::ZERO,
            total: Duration::ZERO,
        }
    }

    /// Requests whose end is not known yet.
    pub fn waiting(&self) -> u64 {
        self.sent - self.answered - self.lost.len() as u64
    }

    /// Stops at `until` instead.
    pub fn stop_at(&mut self, until: Instant) {
        self.until = until;
    }
}

impl App for Pinger {
    fn start(&mut self, context: &mut AppContext<'_>) {
        self.next = Some(context.now);
    }

    fn on_event(&mut self, context: &mut AppContext<'_>, event: Event) {
        match event {
            Event::Pong(pong) => {
                self.answered += 1;
                self.worst = self.worst.max(pong.round_trip);
                self.total += pong.round_trip;
            }
            Event::PingFailed(_, _, error) => self.lost.push((context.now, error)),
            Event::Connected(_)
            | Event::ConnectFailed(..)
            | Event::Readable(_)
            | Event::Writable(_)
            | Event::Closed(..)
            | Event::Incoming(_)
            | Event::Protection(_) => {}
        }
    }

    fn on_time(&mut self, context: &mut AppContext<'_>) {
        let Some(next) = self.next.filter(|next| *next <= context.now) else { return };
        if next >= self.until {
            self.next = None;
            return;
        }
        self.next = Some(next + self.interval);
        self.sent += 1;
        self.sequence = self.sequence.wrapping_add(1);
        if let Err(error) = context.ping(self.to, self.sequence, self.timeout) {
            self.lost.push((context.now, error));
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.next
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
