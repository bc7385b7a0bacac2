//! The clock, the switch and the event queue.

use super::link::{Link, NodeStats};
use super::node::{Node, Outbox};
use crate::base::{Instant, Rng, Secrets};
use crate::buffer::Buf;
use crate::wire::Mac;
use core::any::Any;
use core::cmp::Reverse;
use core::time::Duration;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

/// Names a node of a world.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct NodeId(usize);

struct Station {
    node: Box<dyn Node>,
    mac: Mac,
    link: Link,
    inbox: VecDeque<Buf>,
    stats: NodeStats,
    /// Frames of the service event that is in the queue; 0: none is.
    serving: usize,
    /// When its cable is free for the next frame.
    line_free: Instant,
    /// The earliest wake event in the queue.
    waking: Option<Instant>,
}

enum What {
    Arrive(NodeId, Buf),
    Serve(NodeId),
    Wake(NodeId),
}

struct Scheduled {
    at: Instant,
    number: u64,
    what: What,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// Sees every frame on the LAN once, when it is sent: a capture, a checker.
pub trait Tap: Any {
    /// A frame, when its sender gave it to the switch, before any impairment.
    fn frame(&mut self, now: Instant, frame: &Buf);

    /// For the owner of the world, who knows the type.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// Frames that one service step hands to a node at most.
const BATCH: usize = 16;

/// A LAN with its stations, in virtual time.
pub struct World {
    now: Instant,
    number: u64,
    queue: BinaryHeap<Reverse<Scheduled>>,
    stations: Vec<Station>,
    by_mac: BTreeMap<Mac, NodeId>,
    rng: Rng,
    tap: Option<Box<dyn Tap>>,
    started: bool,
}

impl World {
    /// An empty world; `seed` decides everything that is random in it.
    pub fn new(seed: u64) -> Self {
        Self {
            now: Instant::ZERO,
            number: 0,
            queue: BinaryHeap::new(),
            stations: Vec::new(),
            by_mac: BTreeMap::new(),
            rng: Secrets::from_test_seed(seed).rng("world"),
            tap: None,
            started: false,
        }
    }

    /// Adds a node behind `link`. Each node needs a link-layer address of its own.
    pub fn add(&mut self, node: impl Node, link: Link) -> NodeId {
        let id = NodeId(self.stations.len());
        let mac = node.mac();
        self.by_mac.insert(mac, id);
        let node = Box::new(node);
        let station = Station {
            node,
            mac,
            link,
            inbox: VecDeque::new(),
            stats: NodeStats::default(),
            serving: 0,
            line_free: Instant::ZERO,
            waking: None,
        };
        self.stations.push(station);
        if self.started {
            self.start_node(id);
        }
        id
    }

    /// Shows every frame to `tap` when it is sent.
    pub fn tap(&mut self, tap: impl Tap) {
        self.tap = Some(Box::new(tap));
    }

    /// The tap, if there is one and it is a `T`.
    pub fn tap_mut<T: Tap>(&mut self) -> Option<&mut T> {
        self.tap.as_mut()?.as_any_mut().downcast_mut()
    }

    /// The virtual time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// What happened to the frames of a node.
    pub fn stats(&self, id: NodeId) -> NodeStats {
        self.stations.get(id.0).map_or_else(NodeStats::default, |station| station.stats)
    }

    /// Changes the link of a node from now on.
    pub fn set_link(&mut self, id: NodeId, link: Link) {
        if let Some(station) = self.stations.get_mut(id.0) {
            station.link = link;
        }
    }

    /// The node `id`, if it is a `T`.
    pub fn node<T: Node>(&mut self, id: NodeId) -> Option<&mut T> {
        self.stations.get_mut(id.0)?.node.as_any_mut().downcast_mut()
    }

    /// Calls `act` on the node `id` at the present time and sends what comes of it; `None` where it is no `T`.
    pub fn with<T: Node, R>(&mut self, id: NodeId, act: impl FnOnce(&mut T, Instant) -> R) -> Option<R> {
        let now = self.now;
        let result = act(self.node::<T>(id)?, now);
        // Whatever the caller started must go out: a wake at the present time lets the node take a turn.
        if let Some(station) = self.stations.get_mut(id.0) {
            station.waking = Some(now);
        }
        self.schedule(now, What::Wake(id));
        Some(result)
    }

    fn schedule(&mut self, at: Instant, what: What) {
        self.number += 1;
        self.queue.push(Reverse(Scheduled { at, number: self.number, what }));
    }

    fn start(&mut self) {
        if core::mem::replace(&mut self.started, true) {
            return;
        }
        for index in 0..self.stations.len() {
            self.start_node(NodeId(index));
        }
    }

    fn start_node(&mut self, id: NodeId) {
        let now = self.now;
        let Some(station) = self.stations.get_mut(id.0) else { return };
        let mut out = Outbox::default();
        station.node.start(now, &mut out);
        self.after(id, out);
    }

    /// When the next event comes: until then nothing changes but by [`World::with`]. For a world that runs by a clock.
    pub fn next_event(&self) -> Option<Instant> {
        self.queue.peek().map(|next| next.0.at)
    }

    /// Takes the next event, if there is one no later than `until`.
    pub fn step(&mut self, until: Instant) -> bool {
        self.start();
        if self.queue.peek().is_none_or(|next| next.0.at > until) {
            return false;
        }
        let Some(Reverse(next)) = self.queue.pop() else { return false };
        self.now = self.now.max(next.at);
        match next.what {
            What::Arrive(id, frame) => self.arrive(id, frame),
            What::Serve(id) => self.serve(id),
            What::Wake(id) => self.wake(id),
        }
        true
    }

    /// Runs until `until`; then that is the time.
    pub fn run_until(&mut self, until: Instant) {
        while self.step(until) {}
        self.now = self.now.max(until);
    }

    /// Runs until `done` says so or `until` has come; whether `done` did.
    pub fn run_while(&mut self, until: Instant, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        loop {
            if done(self) {
                return true;
            }
            if !self.step(until) {
                self.now = self.now.max(until);
                return done(self);
            }
        }
    }

    fn arrive(&mut self, id: NodeId, frame: Buf) {
        let now = self.now;
        let Some(station) = self.stations.get_mut(id.0) else { return };
        if station.inbox.len() >= station.link.queue {
            station.stats.overrun += 1;
            return;
        }
        station.stats.arrived += 1;
        station.inbox.push_back(frame);
        station.stats.longest_queue = station.stats.longest_queue.max(station.inbox.len());
        if station.serving == 0 {
            station.serving = 1;
            let at = now + station.link.service;
            self.schedule(at, What::Serve(id));
        }
    }

    /// The node has had the time for the frames that it takes now, and starts on the next ones. Frames that came meanwhile
    /// were not paid for: they wait, so that the service rate holds at any load.
    fn serve(&mut self, id: NodeId) {
        let now = self.now;
        let Some(station) = self.stations.get_mut(id.0) else { return };
        let batch = station.serving.min(station.inbox.len());
        let mut out = Outbox::default();
        station.node.receive(now, &mut station.inbox.drain(..batch), &mut out);
        station.serving = station.inbox.len().min(BATCH);
        if station.serving > 0 {
            let at = now + station.link.service * station.serving as u32;
            self.schedule(at, What::Serve(id));
        }
        self.after(id, out);
    }

    fn wake(&mut self, id: NodeId) {
        let now = self.now;
        let Some(station) = self.stations.get_mut(id.0) else { return };
        // An earlier wake took this one's place.
        if station.waking.is_none_or(|at| at > now) {
            return;
        }
        station.waking = None;
        let mut out = Outbox::default();
        station.node.wake(now, &mut out);
        self.after(id, out);
    }

    /// Sends what a node gave and sees to its next deadline.
    fn after(&mut self, id: NodeId, out: Outbox) {
        for frame in out.frames {
            self.send(id, frame);
        }
        let now = self.now;
        let Some(station) = self.stations.get_mut(id.0) else { return };
        let Some(deadline) = station.node.deadline() else { return };
        let deadline = deadline.max(now);
        if station.waking.is_none_or(|at| deadline < at) {
            station.waking = Some(deadline);
            self.schedule(deadline, What::Wake(id));
        }
    }

    /// The switch: to the station that has the address, to all others where it is a group or unknown.
    fn send(&mut self, from: NodeId, frame: Buf) {
        if let Some(tap) = &mut self.tap {
            tap.frame(self.now, &frame);
        }
        let mut leaves = self.now;
        if let Some(station) = self.stations.get_mut(from.0) {
            station.stats.sent += 1;
            leaves = self.now.max(station.line_free);
            station.line_free = leaves + station.link.line;
            if self.rng.chance(station.link.loss) {
                station.stats.impaired += 1;
                return;
            }
        }
        let Some(head) = frame.data().first_chunk::<6>() else { return };
        let destination = Mac(*head);
        match self.by_mac.get(&destination).copied() {
            Some(to) if to != from => self.carry(leaves, to, frame),
            Some(_) => {}
            None => {
                for index in 0..self.stations.len() {
                    if index != from.0 {
                        self.carry(leaves, NodeId(index), copy_of(&frame));
                    }
                }
            }
        }
    }

    fn carry(&mut self, leaves: Instant, to: NodeId, mut frame: Buf) {
        let Some(station) = self.stations.get_mut(to.0) else { return };
        let link = station.link;
        if self.rng.chance(link.loss) {
            station.stats.impaired += 1;
            return;
        }
        if self.rng.chance(link.corrupt) && !frame.is_empty() {
            station.stats.impaired += 1;
            let bit = self.rng.below(8 * frame.len() as u64) as usize;
            frame.data_mut()[bit / 8] ^= 1 << (bit % 8);
        }
        if self.rng.chance(link.duplicate) {
            station.stats.impaired += 1;
            let at = self.arrival(leaves, &link);
            self.schedule(at, What::Arrive(to, copy_of(&frame)));
        }
        let at = self.arrival(leaves, &link);
        self.schedule(at, What::Arrive(to, frame));
    }

    fn arrival(&mut self, leaves: Instant, link: &Link) -> Instant {
        // Without jitter no number is drawn: this runs once for every frame.
        if link.jitter.is_zero() {
            return leaves + link.delay;
        }
        let jitter = self.rng.below(link.jitter.as_nanos() as u64 + 1);
        leaves + link.delay + Duration::from_nanos(jitter)
    }

    /// The link-layer address of a node.
    pub fn mac(&self, id: NodeId) -> Option<Mac> {
        self.stations.get(id.0).map(|station| station.mac)
    }
}

fn copy_of(frame: &Buf) -> Buf {
    let mut copy = Buf::new(frame.len() + crate::buffer::pool::HEADROOM, crate::buffer::pool::HEADROOM);
    copy.append(frame.data());
    copy.set_offload(frame.offload());
    copy
}
