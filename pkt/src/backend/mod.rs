//! What a script runs against.

pub mod kernel;
pub mod stack;

use crate::script::Micros;
use std::io;
use std::net::SocketAddrV4;

/// A call of the socket interface, ready to be made. Descriptors are those of the backend.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the arguments of the calls of that name")]
pub enum Call {
    Socket { domain: i32, kind: i32, protocol: i32 },
    Bind { fd: i32, to: SocketAddrV4 },
    Listen { fd: i32, backlog: i32 },
    Accept { fd: i32 },
    Connect { fd: i32, to: SocketAddrV4 },
    Read { fd: i32, len: usize },
    Recv { fd: i32, len: usize, flags: i32 },
    Write { fd: i32, data: Vec<u8> },
    Send { fd: i32, data: Vec<u8>, flags: i32 },
    Shutdown { fd: i32, how: i32 },
    Close { fd: i32 },
    SetSockOpt { fd: i32, level: i32, name: i32, value: Vec<u8> },
    GetSockOpt { fd: i32, level: i32, name: i32, room: usize },
    Fcntl { fd: i32, command: i32, argument: i32 },
    Poll { fds: Vec<PollFd>, timeout_ms: i32 },
}

/// One entry of `poll`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PollFd {
    /// The descriptor.
    pub fd: i32,
    /// What is waited for.
    pub events: i16,
    /// What was found.
    pub revents: i16,
}

/// How a call ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reply {
    /// What it returned.
    pub result: i64,
    /// The error, where that is -1.
    pub errno: i32,
    /// The bytes that it gave: read, or the value of an option.
    pub data: Vec<u8>,
    /// Whom `accept` gave.
    pub peer: Option<SocketAddrV4>,
    /// The entries of `poll`.
    pub polled: Vec<PollFd>,
}

impl Reply {
    /// It worked.
    pub fn ok(result: i64) -> Self {
        Self { result, ..Self::default() }
    }

    /// It did not.
    pub fn failed(errno: i32) -> Self {
        Self { result: -1, errno, ..Self::default() }
    }
}

/// A packet that the stack sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    /// When, from the script's start.
    pub at: Micros,
    /// The datagram.
    pub bytes: Vec<u8>,
}

/// A TCP stack with a clock and a wire. Times are microseconds from the script's start.
pub trait Backend {
    /// The present time.
    fn now(&self) -> Micros;

    /// A datagram arrives now.
    ///
    /// # Errors
    /// The wire does not take it.
    fn inject(&mut self, datagram: &[u8]) -> io::Result<()>;

    /// Lets time pass until a packet is sent (or was before, and has not been told), or until `until`.
    ///
    /// # Errors
    /// The wire is broken.
    fn next_sent(&mut self, until: Micros) -> io::Result<Option<Sent>>;

    /// Makes a call that does not wait.
    ///
    /// # Errors
    /// It waits all the same.
    fn call(&mut self, call: Call) -> io::Result<Reply>;

    /// Makes a call that may wait; one at a time.
    ///
    /// # Errors
    /// One is still waiting.
    fn start(&mut self, call: Call) -> io::Result<()>;

    /// The end of the call that was started, and when it ended; `None`: it still waits.
    fn finished(&mut self) -> Option<(Micros, Reply)>;

    /// How far the times of what this one does may be from a script's.
    fn tolerance(&self) -> Micros;
}
