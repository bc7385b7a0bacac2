//! The system calls of the kernel's side: its socket interface, TUN and the network namespace. The only file with `unsafe`;
//! what it exports is safe.

use crate::backend::{Call, PollFd, Reply};
use std::fs::{File, OpenOptions};
use std::io;
use std::mem;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// Puts this process, which must have one thread only, into a new network namespace: directly as root, else inside of a new
/// user namespace in which it is root.
///
/// # Errors
/// The kernel refuses both.
pub(super) fn enter_namespace() -> io::Result<()> {
    if unshare(libc::CLONE_NEWNET).is_ok() {
        return Ok(());
    }
    // SAFETY: both only read this process's ids.
    let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
    unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET)?;
    // Group ids may be mapped only after setgroups is given up (user_namespaces(7)).
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

fn unshare(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: it touches no memory.
    checked(i64::from(unsafe { libc::unshare(flags) })).map(drop)
}

fn checked(result: i64) -> io::Result<i64> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Opens a new TUN interface without packet headers.
///
/// # Errors
/// `/dev/net/tun` is missing or refused.
pub(super) fn open_tun(name: &str) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
    // SAFETY: `ifreq` is plain old data, for which all zeros is a value.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *place = byte as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: TUNSETIFF reads and writes an `ifreq`; the descriptor is open.
    checked(i64::from(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &mut request) }))?;
    Ok(file)
}

/// Waits until the descriptor can be read; false: it took longer than `timeout`.
///
/// # Errors
/// The kernel's.
pub(super) fn wait_readable(fd: BorrowedFd<'_>, timeout: Duration) -> io::Result<bool> {
    let mut entry = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let time = libc::timespec {
        tv_sec: timeout.as_secs() as libc::time_t,
        tv_nsec: libc::c_long::from(timeout.subsec_nanos() as i32),
    };
    // SAFETY: the kernel reads one structure and one time and writes the structure, all of this frame; no mask.
    let result = unsafe { libc::ppoll(&mut entry, 1, &time, std::ptr::null()) };
    match checked(i64::from(result)) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
        other => other.map(|ready| ready > 0),
    }
}

fn to_c(addr: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: addr.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*addr.ip()).to_be() },
        sin_zero: [0; 8],
    }
}

const ADDRESS_LEN: libc::socklen_t = size_of::<libc::sockaddr_in>() as libc::socklen_t;

/// Makes the call, and waits as it waits.
pub(super) fn perform(call: Call) -> Reply {
    let mut reply = Reply::default();
    let reads = matches!(call, Call::Read { .. } | Call::Recv { .. });
    let result = match call {
        // SAFETY: it touches no memory.
        Call::Socket { domain, kind, protocol } => i64::from(unsafe { libc::socket(domain, kind, protocol) }),
        Call::Bind { fd, to } => {
            let addr = to_c(to);
            // SAFETY: the address is of the length that is told.
            i64::from(unsafe { libc::bind(fd, (&raw const addr).cast(), ADDRESS_LEN) })
        }
        // SAFETY: it touches no memory.
        Call::Listen { fd, backlog } => i64::from(unsafe { libc::listen(fd, backlog) }),
        Call::Accept { fd } => {
            let (mut addr, mut len) = (to_c(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)), ADDRESS_LEN);
            // SAFETY: the kernel writes at most `len` bytes of the address, and its length.
            let new = unsafe { libc::accept(fd, (&raw mut addr).cast(), &mut len) };
            let ip = Ipv4Addr::from(u32::from_be(addr.sin_addr.s_addr));
            reply.peer = (new >= 0).then(|| SocketAddrV4::new(ip, u16::from_be(addr.sin_port)));
            i64::from(new)
        }
        Call::Connect { fd, to } => {
            let addr = to_c(to);
            // SAFETY: the address is of the length that is told.
            i64::from(unsafe { libc::connect(fd, (&raw const addr).cast(), ADDRESS_LEN) })
        }
        Call::Read { fd, len } => {
            reply.data = vec![0; len];
            // SAFETY: the kernel writes at most `len` bytes of the buffer.
            unsafe { libc::read(fd, reply.data.as_mut_ptr().cast(), len) as i64 }
        }
        Call::Recv { fd, len, flags } => {
            reply.data = vec![0; len];
            // SAFETY: the kernel writes at most `len` bytes of the buffer.
            unsafe { libc::recv(fd, reply.data.as_mut_ptr().cast(), len, flags) as i64 }
        }
        // SAFETY: the kernel reads the buffer's length; no signal is raised for a broken connection (see `send`).
        Call::Write { fd, data } => unsafe {
            libc::send(fd, data.as_ptr().cast(), data.len(), libc::MSG_NOSIGNAL) as i64
        },
        // SAFETY: as above.
        Call::Send { fd, data, flags } => unsafe {
            libc::send(fd, data.as_ptr().cast(), data.len(), flags | libc::MSG_NOSIGNAL) as i64
        },
        // SAFETY: it touches no memory.
        Call::Shutdown { fd, how } => i64::from(unsafe { libc::shutdown(fd, how) }),
        // SAFETY: the descriptor is one that `socket` or `accept` gave to the script; nobody else owns it.
        Call::Close { fd } => i64::from(unsafe { libc::close(fd) }),
        Call::SetSockOpt { fd, level, name, value } => {
            let len = value.len() as libc::socklen_t;
            // SAFETY: the kernel reads the value's length.
            i64::from(unsafe { libc::setsockopt(fd, level, name, value.as_ptr().cast(), len) })
        }
        Call::GetSockOpt { fd, level, name, room } => {
            reply.data = vec![0; room];
            let mut len = room as libc::socklen_t;
            // SAFETY: the kernel writes at most `len` bytes of the buffer, and their number.
            let result =
                unsafe { libc::getsockopt(fd, level, name, reply.data.as_mut_ptr().cast(), &mut len) };
            reply.data.truncate(len as usize);
            i64::from(result)
        }
        // SAFETY: the commands that scripts use take an int or nothing.
        Call::Fcntl { fd, command, argument } => i64::from(unsafe { libc::fcntl(fd, command, argument) }),
        Call::Poll { fds, timeout_ms } => {
            let one = |entry: &PollFd| libc::pollfd { fd: entry.fd, events: entry.events, revents: 0 };
            let mut entries: Vec<_> = fds.iter().map(one).collect();
            // SAFETY: the kernel reads and writes as many structures as are told.
            let result =
                unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, timeout_ms) };
            let back =
                |entry: &libc::pollfd| PollFd { fd: entry.fd, events: entry.events, revents: entry.revents };
            reply.polled = entries.iter().map(back).collect();
            i64::from(result)
        }
    };
    reply.result = result;
    if result < 0 {
        reply.errno = io::Error::last_os_error().raw_os_error().unwrap_or(0);
        reply.data.clear();
    } else if reads {
        reply.data.truncate(result as usize);
    }
    reply
}
