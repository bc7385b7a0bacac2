//! The `ioctl`s that read and configure a network interface of the kernel (netdevice(7)).

use super::{ioctl_with, request_for};
use core::ffi::{c_int, c_ulong};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::AsFd;

/// An address of the interface as IPv6 configures it (`struct in6_ifreq` of linux/ipv6.h).
#[repr(C)]
struct In6Request {
    address: [u8; 16],
    prefix_len: u32,
    index: c_int,
}

/// Interface configuration wants any socket of the namespace; it carries nothing. An IPv6 one for IPv6 addresses.
fn socket(v6: bool) -> io::Result<UdpSocket> {
    match v6 {
        false => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)),
        true => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)),
    }
}

/// One of netdevice(7)'s requests, which all take an `ifreq`.
#[derive(Clone, Copy)]
enum Request {
    ReadMtu,
    WriteMtu,
    ReadFlags,
    WriteFlags,
    ReadIndex,
    ReadHardware,
    WriteAddress,
    WriteNetmask,
}

impl Request {
    fn code(self) -> c_ulong {
        match self {
            Self::ReadMtu => libc::SIOCGIFMTU,
            Self::WriteMtu => libc::SIOCSIFMTU,
            Self::ReadFlags => libc::SIOCGIFFLAGS,
            Self::WriteFlags => libc::SIOCSIFFLAGS,
            Self::ReadIndex => libc::SIOCGIFINDEX,
            Self::ReadHardware => libc::SIOCGIFHWADDR,
            Self::WriteAddress => libc::SIOCSIFADDR,
            Self::WriteNetmask => libc::SIOCSIFNETMASK,
        }
    }

    fn make(self, request: &mut libc::ifreq) -> io::Result<()> {
        let socket = socket(false)?;
        // SAFETY: every request of this type reads and writes an `ifreq`. (The type of the code differs between C libraries.)
        unsafe { ioctl_with(socket.as_fd(), self.code() as libc::Ioctl, request) }
    }
}

/// The MTU in bytes.
pub(in crate::device) fn mtu(name: &str) -> io::Result<usize> {
    let mut request = request_for(name)?;
    Request::ReadMtu.make(&mut request)?;
    // SAFETY: the request wrote this field; any bits are a number.
    Ok(unsafe { request.ifr_ifru.ifru_mtu }.max(0) as usize)
}

/// Sets the MTU.
pub(in crate::device) fn set_mtu(name: &str, mtu: usize) -> io::Result<()> {
    let mut request = request_for(name)?;
    request.ifr_ifru.ifru_mtu = c_int::try_from(mtu).map_err(|_| io::ErrorKind::InvalidInput)?;
    Request::WriteMtu.make(&mut request)
}

/// The interface's flags (`IFF_*`).
fn flags(name: &str) -> io::Result<c_int> {
    let mut request = request_for(name)?;
    Request::ReadFlags.make(&mut request)?;
    // SAFETY: the request wrote this field; any bits are a number.
    Ok(c_int::from(unsafe { request.ifr_ifru.ifru_flags } as u16))
}

/// Whether the interface is up.
pub(in crate::device) fn is_up(name: &str) -> io::Result<bool> {
    Ok(flags(name)? & libc::IFF_UP != 0)
}

/// Brings the interface up or down.
pub(in crate::device) fn set_up(name: &str, up: bool) -> io::Result<()> {
    let flags = match up {
        true => flags(name)? | libc::IFF_UP,
        false => flags(name)? & !libc::IFF_UP,
    };
    let mut request = request_for(name)?;
    request.ifr_ifru.ifru_flags = flags as libc::c_short;
    Request::WriteFlags.make(&mut request)
}

/// The kernel's link-layer address of the interface.
pub(in crate::device) fn mac(name: &str) -> io::Result<[u8; 6]> {
    let mut request = request_for(name)?;
    Request::ReadHardware.make(&mut request)?;
    // SAFETY: the request wrote this field; any bits are bytes.
    let data = unsafe { request.ifr_ifru.ifru_hwaddr }.sa_data;
    Ok(core::array::from_fn(|i| data[i] as u8))
}

fn v4_sockaddr(addr: Ipv4Addr) -> libc::sockaddr {
    let mut data = [0; 14];
    for (place, byte) in data[2..6].iter_mut().zip(addr.octets()) {
        *place = byte as libc::c_char;
    }
    libc::sockaddr { sa_family: libc::AF_INET as libc::sa_family_t, sa_data: data }
}

/// Gives the interface an address with a prefix length; an IPv4 address replaces the one before.
pub(in crate::device) fn set_address(name: &str, addr: IpAddr, prefix_len: u8) -> io::Result<()> {
    match addr {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix_len.min(32))).unwrap_or(0);
            let mut request = request_for(name)?;
            request.ifr_ifru.ifru_addr = v4_sockaddr(v4);
            Request::WriteAddress.make(&mut request)?;
            request.ifr_ifru.ifru_netmask = v4_sockaddr(Ipv4Addr::from(mask));
            Request::WriteNetmask.make(&mut request)
        }
        IpAddr::V6(v6) => {
            let mut request = request_for(name)?;
            Request::ReadIndex.make(&mut request)?;
            // SAFETY: the request wrote this field; any bits are a number.
            let index = unsafe { request.ifr_ifru.ifru_ifindex };
            let mut request =
                In6Request { address: v6.octets(), prefix_len: u32::from(prefix_len.min(128)), index };
            let socket = socket(true)?;
            // SAFETY: on an IPv6 socket SIOCSIFADDR reads an `in6_ifreq`, whose layout `In6Request` has.
            unsafe { ioctl_with(socket.as_fd(), libc::SIOCSIFADDR as libc::Ioctl, &mut request) }
        }
    }
}
