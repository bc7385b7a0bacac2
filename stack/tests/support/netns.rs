//! Network namespaces for tests. A namespace without a name goes with its process: nothing is left behind after a crash.

use std::fs;
use std::io;
use synward::device::{HostSide, Tap, TapError, TapOptions};

/// Puts this process, which must have one thread only, into a new network namespace: directly as root, else inside a new
/// user namespace in which it is root. The loopback interface is up afterwards.
///
/// # Errors
/// Why it cannot be had on this machine.
pub fn enter() -> Result<(), String> {
    if unshare(libc::CLONE_NEWNET).is_err() {
        // SAFETY: both only read this process's ids.
        let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
        unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET)
            .map_err(|error| format!("no user and network namespace to be had: {error}"))?;
        // Group ids may be mapped only after setgroups is given up (user_namespaces(7)).
        for (file, text) in [
            ("setgroups", "deny".to_owned()),
            ("uid_map", format!("0 {uid} 1")),
            ("gid_map", format!("0 {gid} 1")),
        ] {
            fs::write(format!("/proc/self/{file}"), text)
                .map_err(|error| format!("cannot write the user namespace's {file}: {error}"))?;
        }
    }
    HostSide::new("lo").set_up(true).map_err(|error| error.to_string())
}

/// Gives up every right over the current network namespace, by going into a new user namespace that does not own it.
///
/// # Errors
/// The kernel's.
pub fn drop_rights() -> io::Result<()> {
    unshare(libc::CLONE_NEWUSER)
}

fn unshare(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: it touches no memory; the kernel refuses a user namespace to a process with several threads.
    if unsafe { libc::unshare(flags) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Opens a TAP interface; skips the test where this machine has none to give.
pub fn tap(options: &TapOptions) -> Tap {
    match Tap::open(options) {
        Ok(tap) => tap,
        Err(error @ (TapError::NodeMissing { .. } | TapError::NodeForbidden { .. })) => {
            super::skip(&error.to_string())
        }
        Err(error) => panic!("no TAP interface: {error}"),
    }
}

/// Sets a network parameter of the current namespace, such as `ipv4/tcp_sack`. Those under `net` belong to the namespace of
/// the thread that opens them, so the machine's own are not touched.
///
/// # Errors
/// It does not exist, or `/proc/sys` is read-only here.
pub fn sysctl(name: &str, value: &str) -> io::Result<()> {
    fs::write(format!("/proc/sys/net/{name}"), value)
}
