//! `poll(2)`: the wait for several descriptors with an end.

use core::time::Duration;
use std::io;

/// Waits until a descriptor has one of its events, for at most `timeout`. A signal that interrupts it ends it early, with
/// no events.
pub(in crate::device) fn poll(fds: &mut [libc::pollfd], timeout: Option<Duration>) -> io::Result<()> {
    let result = poll_once(fds, timeout);
    if result >= 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    fds.iter_mut().for_each(|fd| fd.revents = 0);
    if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) }
}

#[cfg(target_os = "linux")]
fn poll_once(fds: &mut [libc::pollfd], timeout: Option<Duration>) -> libc::c_int {
    // A time beyond what the type holds is as good as none.
    let time = timeout.and_then(|timeout| {
        let seconds = libc::time_t::try_from(timeout.as_secs()).ok()?;
        Some(libc::timespec { tv_sec: seconds, tv_nsec: libc::c_long::from(timeout.subsec_nanos() as i32) })
    });
    let time = time.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    // SAFETY: the kernel reads and writes `fds.len()` structures and reads one time, all borrowed for the call; no mask.
    unsafe { libc::ppoll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, time, core::ptr::null()) }
}

#[cfg(not(target_os = "linux"))]
fn poll_once(fds: &mut [libc::pollfd], timeout: Option<Duration>) -> libc::c_int {
    // Rounded up: a wait that ends early would only be taken again.
    let millis = timeout
        .map_or(-1, |timeout| i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX));
    // SAFETY: the kernel reads and writes `fds.len()` structures, borrowed for the call.
    unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, millis) }
}
