//! Bytes: `read`, `recv`, `write`, `send` and their forms with several buffers.

use super::memory::{answer, bytes, bytes_mut, gather, instance, place, room, scatter, vectors};
use super::system;
use crate::instance::Instance;
use core::ffi::{c_int, c_void};
use libc::{iovec, msghdr, size_t, sockaddr, socklen_t, ssize_t};
use synward_posix::{Errno, Message, Stop};

/// The control message of `TCP_INQ`: `TCP_CM_INQ`.
const TCP_CM_INQ: c_int = 36;

fn receive(
    instance: &Instance,
    fd: c_int,
    out: Result<&mut [u8], Errno>,
    flags: c_int,
) -> Result<usize, Errno> {
    match out {
        Ok(out) => {
            instance.blocking(|calls, done| calls.recv(fd, out.get_mut(done..).unwrap_or_default(), flags))
        }
        // A bad pointer shows where there is something to put there.
        Err(errno) => match instance.blocking(|calls, _| calls.recv(fd, &mut [0], flags | libc::MSG_PEEK))? {
            0 => Ok(0),
            _ => Err(errno),
        },
    }
}

fn transmit(
    instance: &Instance,
    fd: c_int,
    bytes: Result<&[u8], Errno>,
    flags: c_int,
) -> Result<usize, Errno> {
    match bytes {
        Ok(bytes) => {
            instance.blocking(|calls, done| calls.send(fd, bytes.get(done..).unwrap_or_default(), flags))
        }
        Err(errno) => {
            instance.blocking(|calls, _| calls.send(fd, &[], flags))?;
            Err(errno)
        }
    }
}

pub(super) unsafe extern "C" fn read(user: *mut c_void, fd: c_int, buf: *mut c_void, n: size_t) -> ssize_t {
    // SAFETY: the tool gives back its `userdata`.
    let instance = unsafe { instance(user) };
    if !instance.knows(fd) {
        return system::read(fd, buf, n);
    }
    // SAFETY: the buffer has `n` bytes.
    answer(receive(instance, fd, unsafe { bytes_mut(buf, n) }, 0))
}

pub(super) unsafe extern "C" fn recv(
    user: *mut c_void,
    fd: c_int,
    buf: *mut c_void,
    n: size_t,
    flags: c_int,
) -> ssize_t {
    // SAFETY: the tool gives back its `userdata`, and the buffer has `n` bytes.
    let (instance, out) = unsafe { (instance(user), bytes_mut(buf, n)) };
    // Bytes that are thrown away need no place.
    let mut thrown = Vec::new();
    let out = match out {
        Err(_) if flags & libc::MSG_TRUNC != 0 => {
            thrown.resize(n.min(1 << 26), 0);
            Ok(&mut thrown[..])
        }
        out => out,
    };
    answer(receive(instance, fd, out, flags))
}

pub(super) unsafe extern "C" fn recvfrom(
    user: *mut c_void,
    fd: c_int,
    buf: *mut c_void,
    n: size_t,
    flags: c_int,
    _source: *mut sockaddr,
    len: *mut socklen_t,
) -> ssize_t {
    // SAFETY: as the caller gave them; `len` is null or a length.
    unsafe {
        // A stream has no sender besides its peer: no address is given.
        if let Some(len) = place(len) {
            *len = 0;
        }
        recv(user, fd, buf, n, flags)
    }
}

/// Receives into one buffer of all the room that there is, and scatters it.
unsafe fn receive_vectors(
    instance: &Instance,
    fd: c_int,
    vectors: Result<&[iovec], Errno>,
    flags: c_int,
) -> Result<Message, Errno> {
    let vectors = vectors?;
    let mut all = vec![0; room(vectors)];
    let mut left = None;
    let bytes = instance.blocking(|calls, done| {
        let message = calls.recvmsg(fd, all.get_mut(done..).unwrap_or_default(), flags)?;
        left = message.left;
        Ok::<usize, Stop>(message.bytes)
    })?;
    if flags & libc::MSG_TRUNC == 0 {
        // SAFETY: the caller's buffers, for this call alone.
        unsafe { scatter(vectors, all.get(..bytes).unwrap_or_default()) }?;
    }
    Ok(Message { bytes, left })
}

pub(super) unsafe extern "C" fn readv(
    user: *mut c_void,
    fd: c_int,
    iov: *const iovec,
    count: c_int,
) -> ssize_t {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    // SAFETY: the tool gives back its `userdata`, and `count` buffers.
    let message = unsafe { receive_vectors(instance(user), fd, vectors(iov, count), 0) };
    answer(message.map(|message| message.bytes))
}

pub(super) unsafe extern "C" fn recvmsg(
    user: *mut c_void,
    fd: c_int,
    msg: *mut msghdr,
    flags: c_int,
) -> ssize_t {
    // SAFETY: the tool gives a message or null.
    let Some(header) = (unsafe { place(msg) }) else { return answer(Err(Errno(libc::EFAULT))) };
    // SAFETY: the tool gives back its `userdata`, and the buffers that the message names.
    let message =
        unsafe { receive_vectors(instance(user), fd, vectors(header.msg_iov, header.msg_iovlen), flags) };
    if let Ok(message) = &message {
        header.msg_namelen = 0;
        header.msg_flags = 0;
        // SAFETY: the room for control messages is as the message says.
        unsafe { put_left(header, message.left) };
    }
    answer(message.map(|message| message.bytes))
}

/// The control message that tells how many bytes are left, where it is asked for.
///
/// # Safety
/// `header.msg_control` has `header.msg_controllen` bytes.
unsafe fn put_left(header: &mut msghdr, left: Option<u32>) {
    let payload = size_of::<c_int>() as u32;
    // SAFETY: a computation on numbers.
    let (space, len) = unsafe { (libc::CMSG_SPACE(payload) as usize, libc::CMSG_LEN(payload) as usize) };
    let room = core::mem::take(&mut header.msg_controllen) as usize;
    let Some(left) = left else { return };
    if header.msg_control.is_null() || room < space {
        header.msg_flags |= libc::MSG_CTRUNC;
        return;
    }
    header.msg_controllen = space as _;
    // SAFETY: there is room for one message of this size, by the test above.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(header);
        (*message).cmsg_level = libc::IPPROTO_TCP;
        (*message).cmsg_type = TCP_CM_INQ;
        (*message).cmsg_len = len as _;
        libc::CMSG_DATA(message).cast::<c_int>().write_unaligned(c_int::try_from(left).unwrap_or(c_int::MAX));
    }
}

pub(super) unsafe extern "C" fn write(
    user: *mut c_void,
    fd: c_int,
    buf: *const c_void,
    n: size_t,
) -> ssize_t {
    // SAFETY: the tool gives back its `userdata`.
    let instance = unsafe { instance(user) };
    if !instance.knows(fd) {
        return system::write(fd, buf, n);
    }
    // SAFETY: the buffer has `n` bytes.
    answer(transmit(instance, fd, unsafe { bytes(buf, n) }, 0))
}

pub(super) unsafe extern "C" fn send(
    user: *mut c_void,
    fd: c_int,
    buf: *const c_void,
    n: size_t,
    flags: c_int,
) -> ssize_t {
    // SAFETY: the tool gives back its `userdata`, and the buffer has `n` bytes.
    let (instance, bytes) = unsafe { (instance(user), bytes(buf, n)) };
    answer(transmit(instance, fd, bytes, flags))
}

pub(super) unsafe extern "C" fn sendto(
    user: *mut c_void,
    fd: c_int,
    buf: *const c_void,
    n: size_t,
    flags: c_int,
    _destination: *const sockaddr,
    _len: socklen_t,
) -> ssize_t {
    // SAFETY: as the caller gave them. A connected stream has its destination already.
    unsafe { send(user, fd, buf, n, flags) }
}

pub(super) unsafe extern "C" fn writev(
    user: *mut c_void,
    fd: c_int,
    iov: *const iovec,
    count: c_int,
) -> ssize_t {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    // SAFETY: the tool gives back its `userdata`, and `count` buffers.
    let (instance, all) =
        unsafe { (instance(user), vectors(iov, count).and_then(|vectors| gather(vectors))) };
    answer(transmit(instance, fd, all.as_deref().map_err(|errno| *errno), 0))
}

pub(super) unsafe extern "C" fn sendmsg(
    user: *mut c_void,
    fd: c_int,
    msg: *const msghdr,
    flags: c_int,
) -> ssize_t {
    // SAFETY: the tool gives a message or null.
    let Some(header) = (unsafe { msg.as_ref() }) else { return answer(Err(Errno(libc::EFAULT))) };
    // SAFETY: the tool gives back its `userdata`, and the buffers that the message names.
    let (instance, all) = unsafe {
        let vectors = vectors(header.msg_iov, header.msg_iovlen);
        (instance(user), vectors.and_then(|vectors| gather(vectors)))
    };
    answer(transmit(instance, fd, all.as_deref().map_err(|errno| *errno), flags))
}
