//! The `ioctl`s of `/dev/net/tun` (Linux, Documentation/networking/tuntap.rst and linux/if_tun.h).

use super::{ioctl_with, name_in, request_for};
use core::ffi::{c_int, c_ulong};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Kinds of packets that the program takes unfinished: see `TUNSETOFFLOAD`.
pub(in crate::device) mod offload {
    /// Checksums may be partial.
    pub(in crate::device) const CHECKSUM: u32 = libc::TUN_F_CSUM;
    /// TCP over IPv4 may come as super-segments.
    pub(in crate::device) const TSO4: u32 = libc::TUN_F_TSO4;
    /// TCP over IPv6 may come as super-segments.
    pub(in crate::device) const TSO6: u32 = libc::TUN_F_TSO6;
}

/// Attaches the descriptor to the TAP interface `name`, made if it does not exist; gives its name (a pattern such as
/// `tap%d` is filled in by the kernel).
pub(in crate::device) fn attach(fd: BorrowedFd<'_>, name: &str, vnet_header: bool) -> io::Result<String> {
    let mut request = request_for(name)?;
    let flags = libc::IFF_TAP | libc::IFF_NO_PI | if vnet_header { libc::IFF_VNET_HDR } else { 0 };
    request.ifr_ifru.ifru_flags = flags as libc::c_short;
    // SAFETY: TUNSETIFF reads and writes an `ifreq`.
    unsafe { ioctl_with(fd, libc::TUNSETIFF, &mut request) }?;
    Ok(name_in(&request))
}

/// Sets the length of the header before each frame.
pub(in crate::device) fn set_vnet_header_len(fd: BorrowedFd<'_>, len: usize) -> io::Result<()> {
    let mut len = len as c_int;
    // SAFETY: TUNSETVNETHDRSZ reads an `int`.
    unsafe { ioctl_with(fd, libc::TUNSETVNETHDRSZ, &mut len) }
}

/// Sets what may come unfinished.
pub(in crate::device) fn set_offload(fd: BorrowedFd<'_>, mask: u32) -> io::Result<()> {
    by_value(fd, libc::TUNSETOFFLOAD, c_ulong::from(mask))
}

/// Sets whether the interface stays when the descriptor is closed.
pub(in crate::device) fn set_persistent(fd: BorrowedFd<'_>, persistent: bool) -> io::Result<()> {
    by_value(fd, libc::TUNSETPERSIST, c_ulong::from(persistent))
}

fn by_value(fd: BorrowedFd<'_>, request: libc::Ioctl, value: c_ulong) -> io::Result<()> {
    // SAFETY: these requests take a number in place of a pointer; no memory is touched.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), request, value) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
