//! C's memory as slices and values, and results as C has them.

use crate::instance::Instance;
use core::ffi::{c_int, c_void};
use core::slice;
use std::sync::Arc;
use synward_posix::Errno;
use synward_posix::address::Family;

/// The instance behind `userdata`.
///
/// # Safety
/// `userdata` came from [`Arc::into_raw`] in `packetdrill_interface_init` and was not given to `free` yet.
pub(super) unsafe fn instance<'a>(userdata: *mut c_void) -> &'a Instance {
    // SAFETY: by the contract the pointer is that of a live `Arc<Instance>`, which the caller keeps over the call.
    unsafe { &*userdata.cast::<Instance>() }
}

/// Gives the instance behind `userdata` up.
///
/// # Safety
/// As [`instance`], and `userdata` is used no more.
pub(super) unsafe fn release(userdata: *mut c_void) {
    // SAFETY: by the contract the pointer came from `Arc::into_raw`, and this takes its one reference back.
    drop(unsafe { Arc::from_raw(userdata.cast::<Instance>().cast_const()) });
}

/// `n` bytes to be read.
///
/// # Errors
/// `EFAULT` for a null pointer.
///
/// # Safety
/// A pointer that is not null has `n` readable bytes behind it, which nobody changes during the call.
pub(super) unsafe fn bytes<'a>(at: *const c_void, n: usize) -> Result<&'a [u8], Errno> {
    if n == 0 {
        return Ok(&[]);
    }
    if at.is_null() || n > isize::MAX as usize {
        return Err(Errno(libc::EFAULT));
    }
    // SAFETY: not null, and by the contract `n` bytes are there.
    Ok(unsafe { slice::from_raw_parts(at.cast(), n) })
}

/// `n` bytes to be written.
///
/// # Errors
/// As [`bytes`].
///
/// # Safety
/// A pointer that is not null has `n` bytes behind it that are this call's alone.
pub(super) unsafe fn bytes_mut<'a>(at: *mut c_void, n: usize) -> Result<&'a mut [u8], Errno> {
    if n == 0 {
        return Ok(&mut []);
    }
    if at.is_null() || n > isize::MAX as usize {
        return Err(Errno(libc::EFAULT));
    }
    // SAFETY: not null, and by the contract `n` bytes are there for us.
    Ok(unsafe { slice::from_raw_parts_mut(at.cast(), n) })
}

/// A value to be written, or nothing.
///
/// # Safety
/// A pointer that is not null points to a `T` that is this call's alone.
pub(super) unsafe fn place<'a, T>(at: *mut T) -> Option<&'a mut T> {
    // SAFETY: by the contract; a null pointer gives none.
    unsafe { at.as_mut() }
}

/// The buffers of `count` entries at `iov`.
///
/// # Errors
/// `EINVAL` for a count that is none, `EFAULT` for null pointers.
///
/// # Safety
/// The array and every buffer in it are there, for as long as the call.
pub(super) unsafe fn vectors<'a>(iov: *const libc::iovec, count: usize) -> Result<&'a [libc::iovec], Errno> {
    if count == 0 {
        return Ok(&[]);
    }
    if count > libc::UIO_MAXIOV as usize {
        return Err(Errno(libc::EINVAL));
    }
    if iov.is_null() {
        return Err(Errno(libc::EFAULT));
    }
    // SAFETY: not null, and by the contract `count` entries are there.
    Ok(unsafe { slice::from_raw_parts(iov, count) })
}

/// All that stands in the buffers, one after another.
///
/// # Errors
/// As [`bytes`].
///
/// # Safety
/// As [`vectors`].
pub(super) unsafe fn gather(vectors: &[libc::iovec]) -> Result<Vec<u8>, Errno> {
    let mut all = Vec::new();
    for vector in vectors {
        // SAFETY: by the contract the buffer is there.
        all.extend_from_slice(unsafe { bytes(vector.iov_base, vector.iov_len) }?);
    }
    Ok(all)
}

/// Puts `from` into the buffers, one after another.
///
/// # Errors
/// As [`bytes_mut`].
///
/// # Safety
/// As [`vectors`], and the buffers are this call's alone.
pub(super) unsafe fn scatter(vectors: &[libc::iovec], mut from: &[u8]) -> Result<(), Errno> {
    for vector in vectors {
        let n = vector.iov_len.min(from.len());
        let (now, later) = from.split_at(n);
        // SAFETY: by the contract the buffer is there for us.
        unsafe { bytes_mut(vector.iov_base, n) }?.copy_from_slice(now);
        from = later;
    }
    Ok(())
}

/// Room in all buffers together.
pub(super) fn room(vectors: &[libc::iovec]) -> usize {
    vectors.iter().fold(0_usize, |sum, vector| sum.saturating_add(vector.iov_len)).min(1 << 30)
}

/// Writes an address as `accept` and `getsockname` do: as much as there is room for, and its real length.
///
/// # Safety
/// `len` is null or points to the room behind `at`.
pub(super) unsafe fn put_address(
    family: Family,
    address: std::net::SocketAddr,
    at: *mut libc::sockaddr,
    len: *mut libc::socklen_t,
) -> Result<(), Errno> {
    // SAFETY: by the contract.
    let Some(len) = (unsafe { place(len) }) else { return Ok(()) };
    if at.is_null() {
        return Ok(());
    }
    let (encoded, real) = family.encode(address);
    let n = real.min(*len as usize);
    // SAFETY: by the contract `*len` bytes are there, and `n` is not more.
    let out = unsafe { bytes_mut(at.cast(), n) }?;
    out.copy_from_slice(encoded.get(..n).unwrap_or_default());
    *len = real as libc::socklen_t;
    Ok(())
}

/// A result as C has it: -1, and the thread's `errno`.
pub(super) fn answer(result: Result<usize, Errno>) -> isize {
    match result {
        Ok(n) => n as isize,
        Err(errno) => {
            // SAFETY: the C library gives a valid pointer to this thread's own `errno`.
            unsafe { *libc::__errno_location() = errno.0 };
            -1
        }
    }
}

/// As [`answer`], for functions that give an `int`.
pub(super) fn answer_int(result: Result<i32, Errno>) -> c_int {
    match result {
        Ok(n) => n,
        Err(errno) => answer(Err(errno)) as c_int,
    }
}

/// As [`answer`], for functions that give nothing but success.
pub(super) fn done(result: Result<(), Errno>) -> c_int {
    answer_int(result.map(|()| 0))
}
