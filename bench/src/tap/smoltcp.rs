//! smoltcp, in one thread.

use super::{Meter, PORT, STACK, Way, kernel, wait};
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{Medium, TunTapInterface};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, Ipv4Address};
use std::os::fd::AsRawFd;

const BUFFER: usize = 262_144;

pub(super) fn rate(way: Way) -> Result<f64, String> {
    let mut device = TunTapInterface::new("synbench1", Medium::Ip).map_err(|error| error.to_string())?;
    kernel::configure("synbench1")?;
    let fd = device.as_raw_fd();
    let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut device, Instant::now());
    interface.update_ip_addrs(|addresses| {
        let _ = addresses.push(IpCidr::new(IpAddress::Ipv4(Ipv4Address::from(STACK)), 24));
    });
    let mut sockets = SocketSet::new(Vec::new());
    let buffer = || SocketBuffer::new(vec![0; BUFFER]);
    let mut socket = Socket::new(buffer(), buffer());
    socket.listen(PORT).map_err(|error| error.to_string())?;
    let handle = sockets.add(socket);
    let told = kernel::start(way);
    let (source, mut sink) = (vec![7; 65_536], vec![0; 65_536]);
    let mut meter = Meter::new();
    loop {
        interface.poll(Instant::now(), &mut device, &mut sockets);
        let socket = sockets.get_mut::<Socket<'_>>(handle);
        let mut moved = false;
        match way {
            Way::Receive => {
                while socket.can_recv() {
                    moved = true;
                    let n = socket.recv_slice(&mut sink).map_err(|error| error.to_string())?;
                    if let Some(rate) = meter.add(n) {
                        return Ok(rate);
                    }
                }
            }
            Way::Send => {
                while socket.can_send() && socket.send_slice(&source).is_ok_and(|n| n > 0) {
                    moved = true;
                }
            }
        }
        if let Ok(result) = told.try_recv() {
            return result;
        }
        if !moved {
            let most = interface.poll_delay(Instant::now(), &sockets).unwrap_or(Duration::from_millis(10));
            wait(fd, false, most.total_millis().min(10) as i32);
        }
    }
}
