//! Two smoltcp hosts joined by two queues of reused packet buffers.

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, Ipv4Address};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

const CAPACITY: usize = 66_000;
const QUEUE: usize = 256;

#[derive(Default)]
struct Wire {
    /// Buffers keep their full length, so that reuse costs no clearing; each packet knows its own.
    packets: VecDeque<(Vec<u8>, usize)>,
    free: Vec<Vec<u8>>,
}

struct Port {
    from: Rc<RefCell<Wire>>,
    to: Rc<RefCell<Wire>>,
    mtu: usize,
}

struct Arrived((Vec<u8>, usize), Rc<RefCell<Wire>>);
struct Leaving(Rc<RefCell<Wire>>);

impl RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        let result = read(&self.0.0[..self.0.1]);
        self.1.borrow_mut().free.push(self.0.0);
        result
    }
}

impl TxToken for Leaving {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut buffer = self.0.borrow_mut().free.pop().unwrap_or_else(|| vec![0; CAPACITY]);
        let result = write(&mut buffer[..len]);
        self.0.borrow_mut().packets.push_back((buffer, len));
        result
    }
}

impl Device for Port {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = Leaving;

    fn receive(&mut self, _: Instant) -> Option<(Arrived, Leaving)> {
        let packet = self.from.borrow_mut().packets.pop_front()?;
        Some((Arrived(packet, self.from.clone()), Leaving(self.to.clone())))
    }

    fn transmit(&mut self, _: Instant) -> Option<Leaving> {
        (self.to.borrow().packets.len() < QUEUE).then(|| Leaving(self.to.clone()))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }
}

/// One host.
pub(super) struct Host {
    interface: Interface,
    port: Port,
    sockets: SocketSet<'static>,
}

impl Host {
    fn new(last: u8, from: &Rc<RefCell<Wire>>, to: &Rc<RefCell<Wire>>, mtu: usize) -> Self {
        let mut port = Port { from: from.clone(), to: to.clone(), mtu };
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = u64::from(last);
        let mut interface = Interface::new(config, &mut port, Instant::now());
        interface.update_ip_addrs(|addresses| {
            let _ = addresses.push(IpCidr::new(IpAddress::v4(198, 18, 0, last), 24));
        });
        Self { interface, port, sockets: SocketSet::new(Vec::new()) }
    }

    pub(super) fn poll(&mut self) {
        self.interface.poll(Instant::now(), &mut self.port, &mut self.sockets);
    }

    pub(super) fn add(&mut self, buffer: usize) -> SocketHandle {
        let mut socket = Socket::new(SocketBuffer::new(vec![0; buffer]), SocketBuffer::new(vec![0; buffer]));
        socket.set_nagle_enabled(false);
        self.sockets.add(socket)
    }

    pub(super) fn socket(&mut self, handle: SocketHandle) -> &mut Socket<'static> {
        self.sockets.get_mut(handle)
    }

    pub(super) fn connect(&mut self, handle: SocketHandle, port: u16) {
        let to = (IpAddress::Ipv4(Ipv4Address::new(198, 18, 0, 2)), 80);
        let socket = self.sockets.get_mut::<Socket<'_>>(handle);
        socket.connect(self.interface.context(), to, port).expect("smoltcp: connect");
    }
}

/// Two hosts on one wire.
pub(super) fn pair(mtu: usize) -> (Host, Host) {
    let (one, two) = (Rc::default(), Rc::default());
    (Host::new(1, &one, &two, mtu), Host::new(2, &two, &one, mtu))
}

/// One established connection between two hosts.
pub(super) fn connected(a: &mut Host, b: &mut Host, buffer: usize) -> (SocketHandle, SocketHandle) {
    connected_on(a, b, buffer, 1025)
}

/// As [`connected`], from the local port `port`.
pub(super) fn connected_on(
    a: &mut Host,
    b: &mut Host,
    buffer: usize,
    port: u16,
) -> (SocketHandle, SocketHandle) {
    let (at_a, at_b) = (a.add(buffer), b.add(buffer));
    b.socket(at_b).listen(80).expect("smoltcp: listen");
    a.connect(at_a, port);
    for _ in 0..100 {
        a.poll();
        b.poll();
        if a.socket(at_a).state() == State::Established && b.socket(at_b).state() == State::Established {
            return (at_a, at_b);
        }
    }
    panic!("smoltcp: no connection");
}
