//! Sockets and their ends: `socket`, `bind`, `listen`, `accept`, `connect`, `shutdown`, `close`.

use super::memory::{answer, answer_int, bytes, done, instance, put_address};
use super::system;
use core::ffi::{c_int, c_void};
use libc::{sockaddr, socklen_t};

pub(super) unsafe extern "C" fn socket(
    user: *mut c_void,
    domain: c_int,
    kind: c_int,
    protocol: c_int,
) -> c_int {
    // SAFETY: the tool gives back the `userdata` of its instance.
    let instance = unsafe { instance(user) };
    answer_int(instance.call(|calls| calls.socket(domain, kind, protocol)))
}

pub(super) unsafe extern "C" fn bind(
    user: *mut c_void,
    fd: c_int,
    address: *const sockaddr,
    len: socklen_t,
) -> c_int {
    // SAFETY: the tool gives back its `userdata`, and an address of `len` bytes.
    let (instance, address) = unsafe { (instance(user), bytes(address.cast(), len as usize)) };
    done(instance.call(|calls| calls.bind(fd, address?)))
}

pub(super) unsafe extern "C" fn listen(user: *mut c_void, fd: c_int, backlog: c_int) -> c_int {
    // SAFETY: the tool gives back its `userdata`.
    let instance = unsafe { instance(user) };
    done(instance.call(|calls| calls.listen(fd, backlog)))
}

pub(super) unsafe extern "C" fn accept(
    user: *mut c_void,
    fd: c_int,
    address: *mut sockaddr,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: the tool gives back its `userdata`.
    let instance = unsafe { instance(user) };
    let mut peer = None;
    let accepted = instance.blocking(|calls, _| {
        let (accepted, address) = calls.accept(fd, 0)?;
        peer = Some((calls.family(accepted)?, address));
        Ok(usize::try_from(accepted).unwrap_or_default())
    });
    let result = accepted.and_then(|accepted| {
        if let Some((family, peer)) = peer {
            // SAFETY: the room behind `address` is as `len` says.
            unsafe { put_address(family, peer, address, len) }?;
        }
        Ok(accepted)
    });
    answer(result) as c_int
}

pub(super) unsafe extern "C" fn connect(
    user: *mut c_void,
    fd: c_int,
    address: *const sockaddr,
    len: socklen_t,
) -> c_int {
    // SAFETY: the tool gives back its `userdata`, and an address of `len` bytes.
    let (instance, address) = unsafe { (instance(user), bytes(address.cast(), len as usize)) };
    answer(instance.blocking(|calls, _| calls.connect(fd, address?).map(|()| 0))) as c_int
}

pub(super) unsafe extern "C" fn shutdown(user: *mut c_void, fd: c_int, how: c_int) -> c_int {
    // SAFETY: the tool gives back its `userdata`.
    let instance = unsafe { instance(user) };
    done(instance.call(|calls| calls.shutdown(fd, how)))
}

pub(super) unsafe extern "C" fn close(user: *mut c_void, fd: c_int) -> c_int {
    // SAFETY: the tool gives back its `userdata`.
    let instance = unsafe { instance(user) };
    if !instance.knows(fd) {
        return system::close(fd);
    }
    answer(instance.blocking(|calls, _| calls.close(fd).map(|()| 0))) as c_int
}
