//! Two hosts on a link.

use std::net::SocketAddr;
use synward::base::{Instant, Secrets};
use synward::device::memory::{self, LinkOptions, MemoryDevice};
use synward::driver::Host;
use synward::settings::Settings;
use synward::shard::{ConnId, Event, HostConfig, ListenerId};
use synward::tcp::Options;

/// What differs between benchmarks.
#[derive(Clone)]
pub struct PairOptions {
    pub mtu: usize,
    pub segmentation: bool,
    pub settings: Settings,
    /// Addresses of the second host.
    pub servers: u8,
    /// The link carries this many frames at a time.
    pub queue: usize,
}

impl Default for PairOptions {
    fn default() -> Self {
        Self { mtu: 1500, segmentation: false, settings: Settings::default(), servers: 1, queue: 512 }
    }
}

fn nanos() -> u64 {
    let mut at = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `at` is a valid place for the result.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut at) };
    at.tv_sec as u64 * 1_000_000_000 + at.tv_nsec as u64
}

/// Two hosts, `a` (198.18.0.1) and `b` (198.18.1.1 and following).
pub struct Pair {
    pub a: Host<MemoryDevice>,
    pub b: Host<MemoryDevice>,
    origin: u64,
    /// Added to the real clock: time that a benchmark skipped.
    pub skipped: std::time::Duration,
}

impl Pair {
    pub fn new(options: &PairOptions) -> Self {
        let link = LinkOptions {
            mtu: options.mtu,
            queue: options.queue,
            segmentation: options.segmentation,
            checksum_offload: options.segmentation,
            ..LinkOptions::default()
        };
        let (left, right) = memory::link(link);
        let host = |addresses: Vec<String>, device, seed| {
            let parse = |text: &String| (text.parse().expect("an address"), 16);
            let config = HostConfig {
                addresses: addresses.iter().map(parse).collect(),
                routes: Vec::new(),
                settings: options.settings.clone(),
            };
            Host::with_secrets(config, device, &Secrets::from_test_seed(seed), Instant::ZERO).expect("a host")
        };
        let servers = (1..=options.servers).map(|last| format!("198.18.1.{last}")).collect();
        Self {
            a: host(vec!["198.18.0.1".to_owned()], left, 1),
            b: host(servers, right, 2),
            origin: nanos(),
            skipped: std::time::Duration::ZERO,
        }
    }

    #[inline]
    pub fn now(&self) -> Instant {
        Instant::from_nanos(nanos() - self.origin + self.skipped.as_nanos() as u64)
    }

    #[inline]
    pub fn poll_a(&mut self) {
        let _ = self.a.poll(self.now()).expect("the link is up");
    }

    #[inline]
    pub fn poll_b(&mut self) {
        let _ = self.b.poll(self.now()).expect("the link is up");
    }

    /// Takes all events of both hosts, as an application would, and gives the listeners that have something.
    #[inline]
    pub fn drain(&mut self) {
        while self.a.poll_event().is_some() {}
        while self.b.poll_event().is_some() {}
    }

    pub fn listen(&mut self, port: u16, options: &Options) -> ListenerId {
        let local = SocketAddr::from(([0, 0, 0, 0], port));
        self.b.listen(local, 4096, options).expect("listen")
    }

    /// Opens `count` connections to `to` at once; their ids at both ends.
    pub fn open(
        &mut self,
        listener: ListenerId,
        to: SocketAddr,
        count: usize,
        options: &Options,
    ) -> Vec<(ConnId, ConnId)> {
        let ids: Vec<ConnId> = (0..count).map(|_| self.a.connect(to, options).expect("connect")).collect();
        let mut accepted = std::collections::HashMap::new();
        let mut connected = 0;
        for _ in 0..100_000 {
            self.poll_a();
            self.poll_b();
            while let Some(event) = self.a.poll_event() {
                match event {
                    Event::Connected(_) => connected += 1,
                    Event::ConnectFailed(_, error) => panic!("connect: {error}"),
                    _ => {}
                }
            }
            while self.b.poll_event().is_some() {}
            while let Ok((id, peer)) = self.b.accept(listener) {
                accepted.insert(peer, id);
            }
            if connected == count && accepted.len() == count {
                break;
            }
        }
        let pair = |id: ConnId| {
            let ours = self.a.endpoints(id).expect("an end").0;
            (id, accepted[&ours])
        };
        ids.into_iter().map(pair).collect()
    }

    /// One connection.
    pub fn connected(&mut self, options: &Options) -> (ConnId, ConnId) {
        let listener = self.listen(80, options);
        self.open(listener, SocketAddr::from(([198, 18, 1, 1], 80)), 1, options)[0]
    }
}
