//! The plain `getsockopt`, for when the library is preloaded: packetdrill collects `TCP_INFO` and the like by it, not by the
//! interface.

use super::options;
use crate::instance::LIVE;
use core::ffi::{c_int, c_void};
use libc::socklen_t;
use std::sync::{Arc, PoisonError, Weak};

/// `getsockopt` of the C library, with descriptors of ours served here.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
#[allow(unreachable_pub, reason = "it is called by its name from outside of Rust")]
pub unsafe extern "C" fn getsockopt(
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *mut c_void,
    len: *mut socklen_t,
) -> c_int {
    let ours = {
        let live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
        let live: Vec<Arc<_>> = live.iter().filter_map(Weak::upgrade).collect();
        live.into_iter().find(|instance| instance.knows(fd))
    };
    match ours {
        // SAFETY: by the contract.
        Some(instance) => unsafe { options::get(&instance, (fd, level, name), value, len) },
        // SAFETY: the system checks what it is given, as it does for the C library.
        None => unsafe { libc::syscall(libc::SYS_getsockopt, fd, level, name, value, len) as c_int },
    }
}
