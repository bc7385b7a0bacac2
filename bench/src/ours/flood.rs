//! Hostile SYNs, and clients that connect while they come.

use super::hub::{Port, Queue};
use crate::alloc::allocations;
use crate::clock::cpu;
use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use synward::base::{Instant, Secrets};
use synward::buffer::{Buf, Pool};
use synward::driver::Host;
use synward::shard::{Event, HostConfig, MemoryReport};
use synward::tcp::Options;
use synward::wire::{
    EtherType, EthernetHeader, IpProtocol, Ipv4Header, Mac, SeqNum, TcpFlags, TcpHeader, Timestamps, tcp_view,
};

const SERVER: Mac = Mac([2, 0, 0, 0, 0, 2]);
const CLIENT: Mac = Mac([2, 0, 0, 0, 0, 1]);
const ATTACKER: Mac = Mac([2, 0, 0, 0, 0, 3]);
const SYNS: usize = 16_384;
const BATCH: usize = 256;

/// A server, a client, and an attacker at one hub.
pub struct Flood {
    client: Host<Port>,
    server: Host<Port>,
    to_server: Rc<RefCell<Queue>>,
    to_attacker: Rc<RefCell<Queue>>,
    syns: Vec<Vec<u8>>,
    next: usize,
    /// The attacker's buffers.
    pool: Pool,
    listener: synward::shard::ListenerId,
    time: Instant,
}

fn syn(i: u32) -> Vec<u8> {
    let (src, dst) = (Ipv4Addr::from(0xc612_8000 + (i >> 6)), Ipv4Addr::new(198, 18, 0, 2));
    let mut header = TcpHeader {
        src_port: 1024 + (i & 0x3f) as u16 * 7,
        dst_port: 80,
        seq: SeqNum(i.wrapping_mul(2_654_435_761)),
        flags: TcpFlags::SYN,
        window: 64_240,
        ..TcpHeader::default()
    };
    header.options.mss = Some(1460);
    header.options.window_scale = Some(7);
    header.options.sack_permitted = true;
    header.options.timestamps = Some(Timestamps { value: i, echo: 0 });
    let mut bytes = vec![0; EthernetHeader::LEN + Ipv4Header::LEN + header.header_len()];
    EthernetHeader { dst: SERVER, src: ATTACKER, ether_type: EtherType::IPV4 }.write(&mut bytes);
    let tcp_len = header.header_len();
    let ip = &mut bytes[EthernetHeader::LEN..];
    Ipv4Header::atomic(src, dst, IpProtocol::TCP, 64, tcp_len as u16).write(ip);
    let tcp = &mut ip[Ipv4Header::LEN..];
    header.write(tcp);
    tcp_view::store_checksum(tcp, src.into(), dst.into(), 0, 0);
    bytes
}

impl Flood {
    pub fn new() -> Self {
        let queues: [Rc<RefCell<Queue>>; 3] = Default::default();
        let [to_client, to_server, to_attacker] = queues;
        let host = |address: &str, port, seed| {
            let config = HostConfig::new(address.parse().expect("an address"), 15);
            Host::with_secrets(config, port, &Secrets::from_test_seed(seed), Instant::ZERO).expect("a host")
        };
        let at_client = Port::new(CLIENT, to_client.clone(), vec![(SERVER, to_server.clone())]);
        let at_server = vec![(CLIENT, to_client), (ATTACKER, to_attacker.clone())];
        let at_server = Port::new(SERVER, to_server.clone(), at_server);
        let client = host("198.18.0.1", at_client, 1);
        let mut server = host("198.18.0.2", at_server, 2);
        let local = SocketAddr::from(([0, 0, 0, 0], 80));
        let listener = server.listen(local, 4096, &Options::default()).expect("listen");
        Self {
            client,
            server,
            to_server,
            to_attacker,
            syns: (0..SYNS as u32).map(syn).collect(),
            next: 0,
            pool: Pool::new(64 << 20),
            listener,
            time: Instant::from_secs(1),
        }
    }

    fn attack(&mut self, count: usize) {
        self.to_attacker.borrow_mut().frames.drain(..).for_each(|answer| self.pool.put(answer));
        let mut inbox = self.to_server.borrow_mut();
        for _ in 0..count {
            let mut frame: Buf = self.pool.take(128);
            frame.append(&self.syns[self.next]);
            self.next = (self.next + 1) % SYNS;
            inbox.frames.push_back(frame);
        }
    }

    /// Nanoseconds of the server's CPU for each of `count` hostile SYNs, 10 us apart in virtual time.
    pub fn cost(&mut self, count: usize) -> f64 {
        let mut spent = 0.0;
        let mut done = 0;
        while done < count {
            self.attack(BATCH);
            self.time += std::time::Duration::from_micros(10 * BATCH as u64);
            let begin = cpu();
            let _ = self.server.poll(self.time).expect("up");
            spent += cpu() - begin;
            while self.server.poll_event().is_some() {}
            done += BATCH;
        }
        spent * 1e9 / done as f64
    }

    /// The server's memory by kind, and the process's allocations.
    pub fn memory(&self) -> (MemoryReport, u64) {
        (self.server.memory(), allocations())
    }

    /// Nanoseconds that each of `count` connects takes, by the CPU time of both hosts, while `per_second` hostile SYNs
    /// arrive. The attack is paced by that same time, so that another load on the core changes nothing.
    pub fn connects(&mut self, count: usize, per_second: f64) -> Vec<u32> {
        let to = SocketAddr::from(([198, 18, 0, 2], 80));
        let mut times = Vec::with_capacity(count);
        let origin = cpu();
        let time = self.time;
        let mut sent = 0.0;
        for _ in 0..count {
            let begin = cpu();
            let id = self.client.connect(to, &Options::default()).expect("connect");
            let (mut connected, mut accepted) = (false, None);
            while !connected || accepted.is_none() {
                let spent = cpu() - origin;
                self.time = time + std::time::Duration::from_secs_f64(spent);
                let due = (spent * per_second - sent).max(0.0).floor();
                sent += due;
                self.attack(due as usize);
                let _ = self.client.poll(self.time).expect("up");
                let _ = self.server.poll(self.time).expect("up");
                while let Some(event) = self.client.poll_event() {
                    match event {
                        Event::Connected(_) => connected = true,
                        Event::ConnectFailed(_, error) => panic!("connect under attack: {error}"),
                        _ => {}
                    }
                }
                while self.server.poll_event().is_some() {}
                accepted = accepted.or(self.server.accept(self.listener).ok());
            }
            times.push(((cpu() - begin) * 1e9) as u32);
            // By resets: neither TIME-WAIT nor retransmissions are what this measures.
            self.client.abort(id);
            let _ = self.client.poll(self.time).expect("up");
            let _ = self.server.poll(self.time).expect("up");
            if let Some((id, _)) = accepted {
                self.server.close(id);
            }
        }
        times
    }
}
