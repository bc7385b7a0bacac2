//! One host on a wire of which the test holds the other end, frame by frame.

use super::frames::{self, Seen, Sent, US, US_MAC};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use synward::base::{Instant, Secrets};
use synward::buffer::{Buf, Capabilities, Device, Pool, Readiness, Received};
use synward::driver::Host;
use synward::settings::Settings;
use synward::shard::{Event, HostConfig};
use synward::sync::Signal;
use synward::telemetry::Discard;
use synward::wire::{ArpOperation, Mac};

/// How the device behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Works,
    /// It gives frames and has no room for any.
    NoRoom,
    /// It takes nothing and gives nothing, without an error.
    TakesNothing,
    /// It was pulled out.
    Gone,
}

/// A device of single frames.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) inbox: VecDeque<Vec<u8>>,
    pub(crate) sent: VecDeque<Vec<u8>>,
    pub(crate) mode: Mode,
    pub(crate) mtu: usize,
}

impl Device for Probe {
    fn capabilities(&self) -> Capabilities {
        Capabilities { mac: US_MAC, mtu: self.mtu, checksum_offload: false, segmentation: 0 }
    }

    fn receive(&mut self, pool: &mut Pool, into: &mut VecDeque<Buf>, budget: usize) -> io::Result<Received> {
        match self.mode {
            Mode::Works | Mode::NoRoom => {}
            Mode::TakesNothing => return Ok(Received::default()),
            Mode::Gone => return Err(io::ErrorKind::NotConnected.into()),
        }
        let frames = self.inbox.len().min(budget);
        for bytes in self.inbox.drain(..frames) {
            let mut buf = pool.take(bytes.len());
            assert_eq!(buf.append(&bytes), bytes.len());
            into.push_back(buf);
        }
        Ok(Received { frames, more: !self.inbox.is_empty() })
    }

    fn transmit(&mut self, from: &mut VecDeque<Buf>, pool: &mut Pool) -> io::Result<()> {
        match self.mode {
            Mode::Works => {}
            Mode::NoRoom | Mode::TakesNothing => return Ok(()),
            Mode::Gone => return Err(io::ErrorKind::NotConnected.into()),
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

/// The host under test, 192.0.2.1/24 with the gateway 192.0.2.254.
pub(crate) struct Wire {
    pub(crate) host: Host<Probe>,
    pub(crate) now: Instant,
    /// Who answers ARP.
    pub(crate) stations: BTreeMap<Ipv4Addr, Mac>,
    seen: VecDeque<(Instant, Seen)>,
    pub(crate) arp_requests: Vec<(Instant, Ipv4Addr)>,
    /// ARP announcements of our own address.
    pub(crate) announcements: usize,
}

impl Wire {
    pub(crate) fn new(settings: Settings) -> Self {
        Self::with_mtu(settings, 1500)
    }

    pub(crate) fn with_mtu(settings: Settings, mtu: usize) -> Self {
        let config = HostConfig::new(IpAddr::V4(US), 24).gateway(IpAddr::V4(frames::GATEWAY));
        Self::with_config(config.settings(settings), mtu)
    }

    pub(crate) fn with_config(config: HostConfig, mtu: usize) -> Self {
        let device = Probe { inbox: VecDeque::new(), sent: VecDeque::new(), mode: Mode::Works, mtu };
        let host = Host::with_secrets(config, device, &Secrets::from_test_seed(7), Instant::ZERO).unwrap();
        let stations = [
            (frames::PEER, frames::PEER_MAC),
            (frames::OTHER, frames::OTHER_MAC),
            (frames::GATEWAY, frames::GATEWAY_MAC),
        ];
        let mut wire = Self {
            host,
            now: Instant::ZERO,
            stations: stations.into(),
            seen: VecDeque::new(),
            arp_requests: Vec::new(),
            announcements: 0,
        };
        wire.run(Duration::from_millis(1));
        wire.seen.clear();
        wire
    }

    /// Takes turns at the present time until nothing moves; ARP requests for known stations are answered.
    pub(crate) fn settle(&mut self) -> Option<Instant> {
        let mut deadline = None;
        for _ in 0..100_000 {
            let turn = self.host.poll(self.now);
            let again = match &turn {
                Ok(turn) => turn.again,
                Err(_) => false,
            };
            // A device that is gone still leaves the timers of the stack.
            deadline = turn.map_or_else(|_| self.host.next_deadline(), |turn| turn.deadline);
            let moved = self.collect();
            let due = deadline.is_some_and(|at| at <= self.now);
            if !moved && !again && !due && self.host.device_mut().inbox.is_empty() {
                break;
            }
            if self.host.device_mut().mode != Mode::Works && !due && !again {
                break;
            }
        }
        deadline
    }

    fn collect(&mut self) -> bool {
        let mut moved = false;
        while let Some(frame) = self.host.device_mut().sent.pop_front() {
            moved = true;
            let seen = frames::look(&frame);
            if let Seen::Arp(packet) = &seen {
                if packet.target_ip == packet.sender_ip {
                    self.announcements += 1;
                } else if packet.operation == ArpOperation::Request {
                    self.arp_requests.push((self.now, packet.target_ip));
                    if let Some(mac) = self.stations.get(&packet.target_ip) {
                        let answer = frames::arp(
                            ArpOperation::Reply,
                            (*mac, packet.target_ip),
                            (packet.sender_mac, packet.sender_ip),
                            US_MAC,
                        );
                        self.host.device_mut().inbox.push_back(answer);
                    }
                    continue;
                }
            }
            self.seen.push_back((self.now, seen));
        }
        moved
    }

    /// Lets `span` of virtual time pass, deadline by deadline.
    pub(crate) fn run(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some(next) = self.settle().filter(|next| *next <= until) {
            assert!(next > self.now, "a deadline in the past that no turn serves: {next:?}");
            self.now = next;
        }
        self.now = until;
        self.settle();
    }

    /// One frame from the wire, and all turns that it gives cause to at this moment.
    pub(crate) fn inject(&mut self, frame: &[u8]) {
        self.host.device_mut().inbox.push_back(frame.to_vec());
        self.settle();
    }

    /// Injects a frame and tells the one reason for which it was discarded; `None`: it was acted on. More than one discard,
    /// or none counted as received, is the test's failure.
    pub(crate) fn fate(&mut self, frame: &[u8]) -> Option<Discard> {
        let before = self.host.snapshot();
        self.inject(frame);
        let after = self.host.snapshot();
        assert_eq!(after.counters.frames_received, before.counters.frames_received + 1);
        assert!(after.account().balances(), "one frame, one counter: {:?}", after.account());
        let grown: Vec<_> = Discard::ALL
            .iter()
            .filter(|reason| after.discards.of(**reason) > before.discards.of(**reason))
            .collect();
        let total = after.discards.total() - before.discards.total();
        assert!(total <= 1, "one frame, one fate: {grown:?}");
        grown.first().map(|reason| **reason)
    }

    /// What we sent since the last call, ARP requests apart.
    pub(crate) fn take(&mut self) -> Vec<Seen> {
        self.seen.drain(..).map(|(_, seen)| seen).collect()
    }

    /// What we sent since the last call, with its time.
    pub(crate) fn take_timed(&mut self) -> Vec<(Instant, Seen)> {
        self.seen.drain(..).collect()
    }

    /// The TCP segments among it.
    pub(crate) fn segments(&mut self) -> Vec<Sent> {
        self.timed_segments().into_iter().map(|(_, sent)| sent).collect()
    }

    /// The TCP segments among it, with their times.
    pub(crate) fn timed_segments(&mut self) -> Vec<(Instant, Sent)> {
        let tcp = |(at, seen)| match seen {
            Seen::Tcp(sent) => Some((at, sent)),
            Seen::Arp(_) | Seen::Icmp(..) | Seen::Fragment(_) => None,
        };
        self.take_timed().into_iter().filter_map(tcp).collect()
    }

    /// All events.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.host.poll_event()).collect()
    }

    /// How often frames were discarded for `reason`.
    pub(crate) fn discards(&self, reason: Discard) -> u64 {
        self.host.snapshot().discards.of(reason)
    }
}
