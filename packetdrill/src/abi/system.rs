//! Descriptors that are not ours go on to the system: a script may open files and pipes.

use super::memory::answer_int;
use core::ffi::{c_int, c_long, c_uint, c_void};
use libc::{loff_t, size_t, ssize_t};
use synward_posix::Errno;

pub(super) fn close(fd: c_int) -> c_int {
    // SAFETY: `fd` is the tool's own to close; ours are handled before.
    unsafe { libc::close(fd) }
}

pub(super) fn read(fd: c_int, buf: *mut c_void, n: size_t) -> ssize_t {
    // SAFETY: the system checks the descriptor and the memory.
    unsafe { libc::read(fd, buf, n) }
}

pub(super) fn write(fd: c_int, buf: *const c_void, n: size_t) -> ssize_t {
    // SAFETY: the system checks the descriptor and the memory.
    unsafe { libc::write(fd, buf, n) }
}

pub(super) fn fcntl(fd: c_int, command: c_int, argument: c_long) -> c_int {
    // SAFETY: the system looks at the argument only where the command has one.
    unsafe { libc::fcntl(fd, command, argument) }
}

pub(super) unsafe extern "C" fn pipe(_user: *mut c_void, fds: *mut c_int) -> c_int {
    // SAFETY: the tool gives room for two descriptors; the system checks it.
    unsafe { libc::pipe(fds) }
}

/// Pages do not move between a pipe of the kernel and a stack that is not in it.
pub(super) unsafe extern "C" fn splice(
    _user: *mut c_void,
    _from: c_int,
    _from_offset: *mut loff_t,
    _to: c_int,
    _to_offset: *mut loff_t,
    _n: size_t,
    _flags: c_uint,
) -> c_int {
    answer_int(Err(Errno(libc::ENOSYS)))
}
