//! The real kernel on the other side of a TAP or TUN interface, in a network namespace of its own: this program again, as a
//! process that enters the namespace before it has threads, and leaves nothing behind.

mod kernel;
mod ours;
mod smoltcp;

use std::process::Command;
use std::time::Duration;

/// Who speaks to the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    /// Our stack on a TAP interface; `offload`: checksums and segmentation left to the kernel.
    Ours { offload: bool },
    /// smoltcp on a TUN interface.
    Smoltcp,
}

/// Which way the stream goes, seen from the stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Receive,
    Send,
}

/// The time that one figure is measured over.
const SPAN: Duration = Duration::from_millis(700);
/// What comes before it does not count: windows grow.
const WARM: Duration = Duration::from_millis(200);
const STACK: [u8; 4] = [198, 18, 7, 2];
const KERNEL: [u8; 4] = [198, 18, 7, 1];
const PORT: u16 = 80;

fn words(who: Who, way: Way) -> [&'static str; 2] {
    let who = match who {
        Who::Ours { offload: true } => "offload",
        Who::Ours { offload: false } => "plain",
        Who::Smoltcp => "smoltcp",
    };
    (
        who,
        match way {
            Way::Receive => "receive",
            Way::Send => "send",
        },
    )
        .into()
}

/// Gbit/s of one stream; measured by another process.
///
/// # Errors
/// Why this machine cannot do it.
pub fn rate(who: Who, way: Way) -> Result<f64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let child = Command::new(program).arg("--tap").args(words(who, way)).output();
    let output = child.map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let reason = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
    text.trim().parse().map_err(|_| reason())
}

/// The other process.
///
/// # Errors
/// Why this machine cannot do it.
pub fn child(who: &str, way: &str) -> Result<f64, String> {
    enter_namespace()?;
    let way = if way == "receive" { Way::Receive } else { Way::Send };
    match who {
        "smoltcp" => smoltcp::rate(way),
        who => ours::rate(who == "offload", way),
    }
}

fn enter_namespace() -> Result<(), String> {
    // SAFETY: touches no memory.
    let direct = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    if direct == 0 {
        return Ok(());
    }
    // SAFETY: both only read this process's ids; unshare touches no memory.
    let (uid, gid, joined) = unsafe {
        (libc::geteuid(), libc::getegid(), libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET))
    };
    if joined != 0 {
        return Err(format!("no network namespace to be had: {}", std::io::Error::last_os_error()));
    }
    let maps = [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("0 {uid} 1")),
        ("gid_map", format!("0 {gid} 1")),
    ];
    for (file, text) in maps {
        std::fs::write(format!("/proc/self/{file}"), text).map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(())
}

/// Sleeps until `fd` can be read (or written, where `write`), or for `most` milliseconds.
fn wait(fd: std::os::fd::RawFd, write: bool, most: i32) {
    let events = libc::POLLIN | if write { libc::POLLOUT } else { 0 };
    let mut poll = libc::pollfd { fd, events, revents: 0 };
    // SAFETY: `poll` is one valid entry.
    unsafe { libc::poll(&mut poll, 1, most) };
}

/// Counts bytes over the span that counts.
struct Meter {
    begin: Option<std::time::Instant>,
    from: Option<(std::time::Instant, u64)>,
    bytes: u64,
}

impl Meter {
    fn new() -> Self {
        Self { begin: None, from: None, bytes: 0 }
    }

    /// Adds bytes; the rate once the span is over.
    fn add(&mut self, bytes: usize) -> Option<f64> {
        let now = std::time::Instant::now();
        self.bytes += bytes as u64;
        let begin = *self.begin.get_or_insert(now);
        if now - begin < WARM {
            return None;
        }
        let (at, before) = *self.from.get_or_insert((now, self.bytes));
        let took = now - at;
        (took >= SPAN).then(|| (self.bytes - before) as f64 * 8e-9 / took.as_secs_f64())
    }
}
