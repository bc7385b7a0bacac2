//! `poll` and `epoll`.

use super::memory::{answer, answer_int, done, instance, place};
use core::ffi::{c_int, c_void};
use core::slice;
use libc::{epoll_event, nfds_t, pollfd};
use synward_posix::{EpollEvent, Errno, PollFd};

/// Descriptors that one poll may name.
const POLL_MAX: nfds_t = 65_536;

pub(super) unsafe extern "C" fn poll(
    user: *mut c_void,
    fds: *mut pollfd,
    n: nfds_t,
    timeout: c_int,
) -> c_int {
    // SAFETY: the tool gives back its `userdata`.
    let instance = unsafe { instance(user) };
    if n > POLL_MAX {
        return answer_int(Err(Errno(libc::EINVAL)));
    }
    let fds: &mut [pollfd] = match (n, fds.is_null()) {
        (0, _) => &mut [],
        (_, true) => return answer_int(Err(Errno(libc::EFAULT))),
        // SAFETY: not null, and the tool gives `n` entries.
        (_, false) => unsafe { slice::from_raw_parts_mut(fds, n as usize) },
    };
    let mut ours: Vec<PollFd> =
        fds.iter().map(|entry| PollFd { fd: entry.fd, events: entry.events, revents: 0 }).collect();
    let result = instance.blocking(|calls, _| calls.poll(&mut ours, timeout));
    fds.iter_mut().zip(&ours).for_each(|(entry, ours)| entry.revents = ours.revents);
    answer(result) as c_int
}

pub(super) unsafe extern "C" fn epoll_create(user: *mut c_void, size: c_int) -> c_int {
    // SAFETY: the tool gives back its `userdata`.
    let instance = unsafe { instance(user) };
    if size <= 0 {
        return answer_int(Err(Errno(libc::EINVAL)));
    }
    answer_int(instance.call(|calls| calls.epoll_create(0)))
}

pub(super) unsafe extern "C" fn epoll_ctl(
    user: *mut c_void,
    set: c_int,
    operation: c_int,
    fd: c_int,
    event: *mut epoll_event,
) -> c_int {
    // SAFETY: the tool gives back its `userdata`, and an event or null.
    let (instance, event) = unsafe { (instance(user), place(event)) };
    let event = event.map(|event| EpollEvent { events: event.events, data: event.u64 });
    done(instance.call(|calls| calls.epoll_ctl(set, operation, fd, event)))
}

pub(super) unsafe extern "C" fn epoll_wait(
    user: *mut c_void,
    set: c_int,
    events: *mut epoll_event,
    max: c_int,
    timeout: c_int,
) -> c_int {
    // SAFETY: the tool gives back its `userdata`.
    let instance = unsafe { instance(user) };
    let mut found = Vec::new();
    let result = instance.blocking(|calls, _| {
        found = calls.epoll_wait(set, max, timeout)?;
        Ok(found.len())
    });
    let result = result.and_then(|n| {
        if n > 0 && events.is_null() {
            return Err(Errno(libc::EFAULT));
        }
        for (at, event) in found.iter().enumerate() {
            let event = epoll_event { events: event.events, u64: event.data };
            // SAFETY: the tool gives room for `max` events, and not more were found.
            unsafe { events.add(at).write_unaligned(event) };
        }
        Ok(n)
    });
    answer(result) as c_int
}
