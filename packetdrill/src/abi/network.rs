//! Packets and time.

use super::memory::{bytes, bytes_mut, done, instance, place};
use crate::instance::PACKET_ROOM;
use core::ffi::{c_int, c_longlong, c_uint, c_void};
use core::time::Duration;
use libc::{size_t, timeval};
use synward_posix::Errno;

pub(super) unsafe extern "C" fn netdev_send(user: *mut c_void, packet: *const c_void, n: size_t) -> c_int {
    // SAFETY: the tool gives back its `userdata`, and a packet of `n` bytes.
    let (instance, packet) = unsafe { (instance(user), bytes(packet, n)) };
    done(packet.and_then(|packet| instance.inject(packet)))
}

pub(super) unsafe extern "C" fn netdev_receive(
    user: *mut c_void,
    out: *mut c_void,
    n: *mut size_t,
    micros: *mut c_longlong,
) -> c_int {
    // SAFETY: the tool gives back its `userdata`, a length and a place for the time.
    let (instance, n, micros) = unsafe { (instance(user), place(n), place(micros)) };
    let (Some(n), Some(micros)) = (n, micros) else { return done(Err(Errno(libc::EFAULT))) };
    // SAFETY: the buffer has room for any packet, or for as many bytes as it says.
    let out = match unsafe { bytes_mut(out, (*n).min(PACKET_ROOM)) } {
        Ok(out) => out,
        Err(errno) => return done(Err(errno)),
    };
    // No packet, however long it waits: the tool takes an empty one for that.
    *n = 0;
    if let Some((packet, at)) = instance.receive() {
        if let (Some(to), Some(from)) = (out.get_mut(..packet.len()), packet.get(..)) {
            to.copy_from_slice(from);
            *n = packet.len();
        }
        *micros = c_longlong::try_from(at).unwrap_or(c_longlong::MAX);
    }
    0
}

pub(super) unsafe extern "C" fn usleep(user: *mut c_void, micros: c_uint) -> c_int {
    // SAFETY: the tool gives back its `userdata`.
    unsafe { instance(user) }.sleep(Duration::from_micros(u64::from(micros)));
    0
}

pub(super) unsafe extern "C" fn gettimeofday(
    user: *mut c_void,
    tv: *mut timeval,
    _zone: *mut c_void,
) -> c_int {
    // SAFETY: the tool gives back its `userdata`, and a place for the time or null.
    let (instance, tv) = unsafe { (instance(user), place(tv)) };
    let now = instance.look();
    if let Some(tv) = tv {
        tv.tv_sec = (now / 1_000_000) as libc::time_t;
        tv.tv_usec = (now % 1_000_000) as libc::suseconds_t;
    }
    0
}
