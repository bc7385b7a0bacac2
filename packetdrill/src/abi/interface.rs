//! The structure that packetdrill hands over, and its filling in.

use super::{memory, names, network, options, ready, stream, system};
use crate::flags::Config;
use crate::instance::{Instance, LIVE};
use core::ffi::{CStr, c_char, c_int, c_long, c_longlong, c_uint, c_ulong, c_void};
use libc::{
    epoll_event, iovec, loff_t, msghdr, nfds_t, pollfd, size_t, sockaddr, socklen_t, ssize_t, timeval,
};
use std::sync::{Arc, PoisonError};

type User = *mut c_void;

/// `struct packetdrill_interface`. `fcntl` and `ioctl` are variadic in C; on the machines that this runs on an argument after
/// the named ones arrives where a named one would.
#[repr(C)]
pub(super) struct Interface {
    userdata: User,
    free: unsafe extern "C" fn(User),
    socket: unsafe extern "C" fn(User, c_int, c_int, c_int) -> c_int,
    bind: unsafe extern "C" fn(User, c_int, *const sockaddr, socklen_t) -> c_int,
    listen: unsafe extern "C" fn(User, c_int, c_int) -> c_int,
    accept: unsafe extern "C" fn(User, c_int, *mut sockaddr, *mut socklen_t) -> c_int,
    connect: unsafe extern "C" fn(User, c_int, *const sockaddr, socklen_t) -> c_int,
    read: unsafe extern "C" fn(User, c_int, *mut c_void, size_t) -> ssize_t,
    readv: unsafe extern "C" fn(User, c_int, *const iovec, c_int) -> ssize_t,
    recv: unsafe extern "C" fn(User, c_int, *mut c_void, size_t, c_int) -> ssize_t,
    recvfrom: unsafe extern "C" fn(
        User,
        c_int,
        *mut c_void,
        size_t,
        c_int,
        *mut sockaddr,
        *mut socklen_t,
    ) -> ssize_t,
    recvmsg: unsafe extern "C" fn(User, c_int, *mut msghdr, c_int) -> ssize_t,
    write: unsafe extern "C" fn(User, c_int, *const c_void, size_t) -> ssize_t,
    writev: unsafe extern "C" fn(User, c_int, *const iovec, c_int) -> ssize_t,
    send: unsafe extern "C" fn(User, c_int, *const c_void, size_t, c_int) -> ssize_t,
    sendto: unsafe extern "C" fn(
        User,
        c_int,
        *const c_void,
        size_t,
        c_int,
        *const sockaddr,
        socklen_t,
    ) -> ssize_t,
    sendmsg: unsafe extern "C" fn(User, c_int, *const msghdr, c_int) -> ssize_t,
    fcntl: unsafe extern "C" fn(User, c_int, c_int, c_long) -> c_int,
    ioctl: unsafe extern "C" fn(User, c_int, c_ulong, *mut c_void) -> c_int,
    close: unsafe extern "C" fn(User, c_int) -> c_int,
    shutdown: unsafe extern "C" fn(User, c_int, c_int) -> c_int,
    getsockopt: unsafe extern "C" fn(User, c_int, c_int, c_int, *mut c_void, *mut socklen_t) -> c_int,
    setsockopt: unsafe extern "C" fn(User, c_int, c_int, c_int, *const c_void, socklen_t) -> c_int,
    poll: unsafe extern "C" fn(User, *mut pollfd, nfds_t, c_int) -> c_int,
    netdev_send: unsafe extern "C" fn(User, *const c_void, size_t) -> c_int,
    netdev_receive: unsafe extern "C" fn(User, *mut c_void, *mut size_t, *mut c_longlong) -> c_int,
    usleep: unsafe extern "C" fn(User, c_uint) -> c_int,
    gettimeofday: unsafe extern "C" fn(User, *mut timeval, *mut c_void) -> c_int,
    epoll_create: unsafe extern "C" fn(User, c_int) -> c_int,
    epoll_ctl: unsafe extern "C" fn(User, c_int, c_int, c_int, *mut epoll_event) -> c_int,
    epoll_wait: unsafe extern "C" fn(User, c_int, *mut epoll_event, c_int, c_int) -> c_int,
    pipe: unsafe extern "C" fn(User, *mut c_int) -> c_int,
    splice: unsafe extern "C" fn(User, c_int, *mut loff_t, c_int, *mut loff_t, size_t, c_uint) -> c_int,
}

// The layout that the tool was built with.
const _: () = {
    assert!(size_of::<Interface>() == 33 * size_of::<usize>());
    assert!(core::mem::offset_of!(Interface, poll) == 23 * size_of::<usize>());
    assert!(core::mem::offset_of!(Interface, netdev_send) == 24 * size_of::<usize>());
    assert!(core::mem::offset_of!(Interface, gettimeofday) == 27 * size_of::<usize>());
    assert!(core::mem::offset_of!(Interface, splice) == 32 * size_of::<usize>());
};

unsafe extern "C" fn free(userdata: User) {
    // SAFETY: packetdrill's last call of a script.
    unsafe { memory::release(userdata) };
}

/// Fills in `interface`, for one script. What is wrong with the flags is said on the standard error, and ends the process: the
/// function has no other way to fail.
///
/// # Safety
/// `flags` is null or a text of C; `interface` points to room for the structure.
#[unsafe(no_mangle)]
#[allow(unreachable_pub, reason = "it is called by its name from outside of Rust")]
pub unsafe extern "C" fn packetdrill_interface_init(flags: *const c_char, interface: *mut c_void) {
    let text = if flags.is_null() {
        String::new()
    } else {
        // SAFETY: by the contract, a text of C.
        unsafe { CStr::from_ptr(flags) }.to_string_lossy().into_owned()
    };
    let config = match Config::parse(&text) {
        Ok(config) => config,
        Err(wrong) => {
            eprintln!("synward: --so_flags: {wrong}");
            std::process::exit(2);
        }
    };
    let instance = Arc::new(Instance::new(config));
    let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
    live.retain(|instance| instance.strong_count() > 0);
    live.push(Arc::downgrade(&instance));
    drop(live);
    let filled = Interface {
        userdata: Arc::into_raw(instance).cast_mut().cast(),
        free,
        socket: names::socket,
        bind: names::bind,
        listen: names::listen,
        accept: names::accept,
        connect: names::connect,
        read: stream::read,
        readv: stream::readv,
        recv: stream::recv,
        recvfrom: stream::recvfrom,
        recvmsg: stream::recvmsg,
        write: stream::write,
        writev: stream::writev,
        send: stream::send,
        sendto: stream::sendto,
        sendmsg: stream::sendmsg,
        fcntl: options::fcntl,
        ioctl: options::ioctl,
        close: names::close,
        shutdown: names::shutdown,
        getsockopt: options::getsockopt,
        setsockopt: options::setsockopt,
        poll: ready::poll,
        netdev_send: network::netdev_send,
        netdev_receive: network::netdev_receive,
        usleep: network::usleep,
        gettimeofday: network::gettimeofday,
        epoll_create: ready::epoll_create,
        epoll_ctl: ready::epoll_ctl,
        epoll_wait: ready::epoll_wait,
        pipe: system::pipe,
        splice: system::splice,
    };
    if !interface.is_null() {
        // SAFETY: by the contract there is room for the structure.
        unsafe { interface.cast::<Interface>().write(filled) };
    }
}
