//! System calls that the standard library lacks: the `ioctl`s of TAP interfaces and of interface configuration, and the
//! wait for several descriptors. The only folder of `device` with `unsafe`; everything it exports is safe.

#[cfg(target_os = "linux")]
pub(super) mod netif;
pub(super) mod poll;
#[cfg(target_os = "linux")]
pub(super) mod tun;

#[cfg(target_os = "linux")]
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::{AsRawFd, BorrowedFd};

/// An `ifreq` for the interface `name`, otherwise zero.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] where the name does not fit with its final zero.
#[cfg(target_os = "linux")]
fn request_for(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: `ifreq` is plain old data, for which all zeros is a value.
    let mut request: libc::ifreq = unsafe { core::mem::zeroed() };
    if name.len() >= request.ifr_name.len() || name.contains('\0') {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "interface name too long or with a zero"));
    }
    for (place, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *place = byte as libc::c_char;
    }
    Ok(request)
}

/// The name in an `ifreq`.
#[cfg(target_os = "linux")]
fn name_in(request: &libc::ifreq) -> String {
    let bytes = request.ifr_name.iter().take_while(|byte| **byte != 0).map(|byte| *byte as u8);
    String::from_utf8_lossy(&bytes.collect::<Vec<_>>()).into_owned()
}

/// One `ioctl` whose argument is the structure `argument`.
///
/// # Safety
/// `T` is the structure that the kernel reads and writes for `request`.
#[cfg(target_os = "linux")]
unsafe fn ioctl_with<T>(fd: BorrowedFd<'_>, request: libc::Ioctl, argument: &mut T) -> io::Result<()> {
    // SAFETY: the descriptor is open while it is borrowed, and by the caller's promise the kernel stays within `T`.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), request, core::ptr::from_mut(argument)) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
