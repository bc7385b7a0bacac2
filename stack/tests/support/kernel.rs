//! The kernel's side: what the standard library's sockets do not offer.

use std::io;
use std::mem::size_of;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// The kernel's own patience in a test, so that a fault of ours ends the test and not its time limit.
const PATIENCE: Duration = Duration::from_secs(40);

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Sets a socket option that is an `int`.
pub fn set_option(socket: &impl AsRawFd, level: libc::c_int, name: libc::c_int, value: libc::c_int) {
    set_structure(socket, level, name, &value);
}

fn set_structure<T>(socket: &impl AsRawFd, level: libc::c_int, name: libc::c_int, value: &T) {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the kernel reads `length` bytes of `value`; the descriptor is open while it is borrowed.
    check(unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, core::ptr::from_ref(value).cast(), length)
    })
    .unwrap();
}

/// Makes the next close of `socket` a reset.
pub fn reset_on_close(socket: &TcpStream) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    set_structure(socket, libc::SOL_SOCKET, libc::SO_LINGER, &linger);
}

/// A connected stream to `to`, with time limits.
pub fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&to, PATIENCE).unwrap_or_else(|e| panic!("kernel connect: {e}"));
    limits(&stream);
    stream
}

/// Accepts from `listener`, with time limits on the stream.
pub fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    limits(&stream);
    stream
}

fn limits(stream: &TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
}

/// A listener with a backlog of the test's choice.
pub fn listen(addr: Ipv4Addr, port: u16, backlog: libc::c_int) -> TcpListener {
    // SAFETY: a fresh descriptor, owned from here on.
    let socket = unsafe {
        OwnedFd::from_raw_fd(
            check(libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0)).unwrap(),
        )
    };
    set_option(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1);
    let name = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(addr).to_be() },
        sin_zero: [0; 8],
    };
    let length = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    // SAFETY: the kernel reads `length` bytes of `name`.
    check(unsafe { libc::bind(socket.as_raw_fd(), core::ptr::from_ref(&name).cast(), length) }).unwrap();
    // SAFETY: no memory is touched.
    check(unsafe { libc::listen(socket.as_raw_fd(), backlog) }).unwrap();
    TcpListener::from(socket)
}

/// Lets this process have as many descriptors as the machine allows.
pub fn many_descriptors() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both read or write one structure.
    unsafe {
        check(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit)).unwrap();
        limit.rlim_cur = limit.rlim_max;
        check(libc::setrlimit(libc::RLIMIT_NOFILE, &limit)).unwrap();
    }
}

/// A socket that sends raw Ethernet frames out of an interface: towards the stack, for a TAP interface.
pub struct RawSender(OwnedFd);

impl RawSender {
    pub fn new(interface: &str) -> io::Result<Self> {
        let name = std::ffi::CString::new(interface)?;
        // SAFETY: a fresh descriptor, owned from here on; protocol 0 receives nothing.
        let socket = unsafe {
            OwnedFd::from_raw_fd(check(libc::socket(
                libc::AF_PACKET,
                libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
                0,
            ))?)
        };
        // SAFETY: `sockaddr_ll` is plain old data; the name is a C string.
        let (mut address, index): (libc::sockaddr_ll, _) =
            unsafe { (core::mem::zeroed(), libc::if_nametoindex(name.as_ptr())) };
        address.sll_family = libc::AF_PACKET as libc::c_ushort;
        address.sll_ifindex = index as libc::c_int;
        let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: the kernel reads `length` bytes of `address`.
        check(unsafe { libc::bind(socket.as_raw_fd(), core::ptr::from_ref(&address).cast(), length) })?;
        Ok(Self(socket))
    }

    /// Sends a frame; `false`: the interface has no room now.
    pub fn send(&self, frame: &[u8]) -> bool {
        // SAFETY: the kernel reads `frame`.
        let sent = unsafe { libc::send(self.0.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
        if sent >= 0 {
            return true;
        }
        match io::Error::last_os_error() {
            error if matches!(error.raw_os_error(), Some(libc::ENOBUFS | libc::EAGAIN)) => false,
            error => panic!("raw frame: {error}"),
        }
    }
}
