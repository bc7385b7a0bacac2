//! `fcntl`, `ioctl`, `getsockopt`, `setsockopt`.

use super::memory::{answer_int, bytes, bytes_mut, done, instance, place};
use super::system;
use crate::instance::Instance;
use core::ffi::{c_int, c_long, c_ulong, c_void};
use libc::socklen_t;
use synward_posix::Errno;

pub(super) unsafe extern "C" fn fcntl(
    user: *mut c_void,
    fd: c_int,
    command: c_int,
    argument: c_long,
) -> c_int {
    // SAFETY: the tool gives back its `userdata`.
    let instance = unsafe { instance(user) };
    if !instance.knows(fd) {
        return system::fcntl(fd, command, argument);
    }
    // What stands there is an argument only for commands that take one, and an `int` then.
    answer_int(instance.call(|calls| calls.fcntl(fd, command, argument as c_int)))
}

pub(super) unsafe extern "C" fn ioctl(
    user: *mut c_void,
    fd: c_int,
    request: c_ulong,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the tool gives back its `userdata`.
    let instance = unsafe { instance(user) };
    let result = if request == libc::FIONBIO {
        // SAFETY: this request comes with a pointer to an `int`.
        match unsafe { place(argument.cast::<c_int>()) } {
            Some(on) => instance.call(|calls| calls.set_nonblocking(fd, *on != 0)),
            None => Err(Errno(libc::EFAULT)),
        }
    } else {
        instance.call(|calls| calls.ioctl(fd, request)).and_then(|count| {
            // SAFETY: the requests that are served come with a pointer to an `int`.
            let place = unsafe { place(argument.cast::<c_int>()) };
            place.map(|place| *place = count).ok_or(Errno(libc::EFAULT))
        })
    };
    done(result)
}

/// Reads an option to C's memory.
///
/// # Safety
/// `len` is null or tells the room behind `value`.
pub(super) unsafe fn get(
    instance: &Instance,
    (fd, level, name): (c_int, c_int, c_int),
    value: *mut c_void,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: by the contract.
    let Some(len) = (unsafe { place(len) }) else { return done(Err(Errno(libc::EFAULT))) };
    if *len > i32::MAX as socklen_t {
        return done(Err(Errno(libc::EINVAL)));
    }
    // SAFETY: by the contract `*len` bytes are there.
    let out = unsafe { bytes_mut(value, *len as usize) };
    let result = instance.call(|calls| calls.getsockopt(fd, level, name, out?));
    done(result.map(|n| *len = n as socklen_t))
}

pub(super) unsafe extern "C" fn getsockopt(
    user: *mut c_void,
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *mut c_void,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: the tool gives back its `userdata`, and room as `len` says.
    unsafe { get(instance(user), (fd, level, name), value, len) }
}

pub(super) unsafe extern "C" fn setsockopt(
    user: *mut c_void,
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *const c_void,
    len: socklen_t,
) -> c_int {
    // SAFETY: the tool gives back its `userdata`, and a value of `len` bytes.
    let (instance, value) = unsafe { (instance(user), bytes(value, len as usize)) };
    done(instance.call(|calls| calls.setsockopt(fd, level, name, value?)))
}
