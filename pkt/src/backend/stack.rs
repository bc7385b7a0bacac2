//! Synward in virtual time, behind the socket calls of C.

use super::{Backend, Call, PollFd, Reply, Sent};
use crate::script::Micros;
use crate::settings::Config;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::time::Duration;
use synward::base::{Instant, Secrets};
use synward::device::{DatagramOptions, Datagrams};
use synward::driver::Host;
use synward::shard::HostConfig;
use synward_posix::{Counting, Errno, Sockets, Stop, Wait};

/// Scripts are repeatable: they always have the same secrets.
const SEED: u64 = 7;
/// The script's start on the stack's clock: not its zero, so that a timestamp of 0 is none of the first moment.
const START: Instant = Instant::from_millis(1000);
/// How far a packet may be from a script's time. The clock is exact; a script counts in milliseconds.
const TOLERANCE: Micros = 1000;
/// Steps without progress of the clock at most: more are a stack that never comes to rest.
const STEPS: u32 = 100_000;

/// The call that waits.
#[derive(Debug)]
struct Pending {
    call: Call,
    /// Bytes that it has moved, with those that it has read.
    done: usize,
    data: Vec<u8>,
    until: Option<Instant>,
}

/// The stack.
#[derive(Debug)]
pub struct StackBackend {
    sockets: Sockets<Datagrams>,
    pending: Option<Pending>,
    finished: Option<(Micros, Reply)>,
    steps: u32,
}

impl StackBackend {
    /// A host as the script's options say.
    ///
    /// # Errors
    /// The options do not go together.
    pub fn new(config: &Config) -> Result<Self, String> {
        let (device, local) = (
            Datagrams::new(DatagramOptions { mtu: usize::from(config.mtu), ..DatagramOptions::default() }),
            IpAddr::V4(config.local),
        );
        // A prefix of one bit, as the kernel's interface has: the peer is on the link.
        let host = HostConfig::new(local, 1).settings(config.settings()?);
        let host = Host::with_secrets(host, device, &Secrets::from_test_seed(SEED), START)
            .map_err(|error| error.to_string())?;
        // Numbers that no script uses: a mix-up of both would show.
        let sockets = Sockets::new(host, START, Box::new(Counting::new(1000, 1000)));
        Ok(Self { sockets, pending: None, finished: None, steps: 0 })
    }

    fn micros(at: Instant) -> Micros {
        at.since(START).as_micros() as Micros
    }

    /// Goes on to the stack's next deadline, or to `until`.
    fn step(&mut self, until: Instant) -> io::Result<()> {
        let now = self.sockets.now();
        let wait = self.pending.as_ref().and_then(|pending| pending.until);
        let next = [self.sockets.deadline(), wait].into_iter().flatten().min();
        let next = next.filter(|at| *at < until).unwrap_or(until).max(now);
        self.steps = if next > now { 0 } else { self.steps + 1 };
        if self.steps > STEPS {
            return Err(io::Error::other("the stack is due at once for ever"));
        }
        self.sockets.advance(next);
        self.try_pending();
        Ok(())
    }

    fn try_pending(&mut self) {
        let Some(mut pending) = self.pending.take() else { return };
        let now = self.sockets.now();
        let reply = match self.perform(&pending.call, pending.done, &mut pending.data) {
            Ok(mut reply) => {
                reply.result += pending.done as i64;
                Reply { data: [pending.data, reply.data].concat(), ..reply }
            }
            Err(Stop::Errno(Errno(errno))) => Reply::failed(errno),
            Err(Stop::WouldBlock(wait)) => {
                pending.done += wait.done;
                if pending.until.is_none_or(|until| now < until) {
                    self.pending = Some(pending);
                    return;
                }
                expired(wait, pending.done)
            }
        };
        self.finished = Some((Self::micros(now), reply));
    }

    /// Makes a call of which `done` bytes have been moved already; what is read before it waits again goes to `data`.
    fn perform(&mut self, call: &Call, done: usize, data: &mut Vec<u8>) -> Result<Reply, Stop> {
        let sockets = &mut self.sockets;
        let nothing = |()| Reply::ok(0);
        Ok(match call {
            Call::Socket { domain, kind, protocol } => {
                Reply::ok(i64::from(sockets.socket(*domain, *kind, *protocol)?))
            }
            Call::Bind { fd, to } => sockets.bind(*fd, &to_c(*to)).map(nothing)?,
            Call::Listen { fd, backlog } => sockets.listen(*fd, *backlog).map(nothing)?,
            Call::Accept { fd } => {
                let (fd, peer) = sockets.accept(*fd, 0)?;
                let peer = match peer {
                    SocketAddr::V4(peer) => Some(peer),
                    SocketAddr::V6(_) => None,
                };
                Reply { peer, ..Reply::ok(i64::from(fd)) }
            }
            Call::Connect { fd, to } => sockets.connect(*fd, &to_c(*to)).map(nothing)?,
            Call::Read { fd, len } => read(sockets, *fd, *len - done.min(*len), 0, data)?,
            Call::Recv { fd, len, flags } => read(sockets, *fd, *len - done.min(*len), *flags, data)?,
            Call::Write { fd, data } => {
                written(sockets.send(*fd, data.get(done..).unwrap_or_default(), 0)?)
            }
            Call::Send { fd, data, flags } => {
                written(sockets.send(*fd, data.get(done..).unwrap_or_default(), *flags)?)
            }
            Call::Shutdown { fd, how } => sockets.shutdown(*fd, *how).map(nothing)?,
            Call::Close { fd } => sockets.close(*fd).map(nothing)?,
            Call::SetSockOpt { fd, level, name, value } => {
                sockets.setsockopt(*fd, *level, *name, value).map(nothing)?
            }
            Call::GetSockOpt { fd, level, name, room } => {
                let mut value = vec![0; *room];
                let len = sockets.getsockopt(*fd, *level, *name, &mut value)?;
                value.truncate(len);
                Reply { data: value, ..Reply::ok(0) }
            }
            Call::Fcntl { fd, command, argument } => {
                Reply::ok(i64::from(sockets.fcntl(*fd, *command, *argument)?))
            }
            Call::Poll { fds, timeout_ms } => {
                let theirs =
                    |entry: &PollFd| synward_posix::PollFd { fd: entry.fd, events: entry.events, revents: 0 };
                let mut entries: Vec<_> = fds.iter().map(theirs).collect();
                let ready = sockets.poll(&mut entries, *timeout_ms)?;
                let ours = |entry: &synward_posix::PollFd| PollFd {
                    fd: entry.fd,
                    events: entry.events,
                    revents: entry.revents,
                };
                Reply { polled: entries.iter().map(ours).collect(), ..Reply::ok(ready as i64) }
            }
        })
    }
}

/// `struct sockaddr_in`.
fn to_c(addr: SocketAddrV4) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    bytes[2..4].copy_from_slice(&addr.port().to_be_bytes());
    bytes[4..8].copy_from_slice(&addr.ip().octets());
    bytes
}

fn read(
    sockets: &mut Sockets<Datagrams>,
    fd: i32,
    len: usize,
    flags: i32,
    before: &mut Vec<u8>,
) -> Result<Reply, Stop> {
    let mut data = vec![0; len];
    match sockets.recv(fd, &mut data, flags) {
        Ok(got) => {
            data.truncate(got);
            Ok(Reply { data, ..Reply::ok(got as i64) })
        }
        Err(stop) => {
            if let Stop::WouldBlock(wait) = &stop {
                before.extend_from_slice(data.get(..wait.done).unwrap_or_default());
            }
            Err(stop)
        }
    }
}

fn written(bytes: usize) -> Reply {
    Reply::ok(bytes as i64)
}

fn expired(wait: Wait, done: usize) -> Reply {
    match wait.expired(done) {
        Ok(bytes) => Reply::ok(bytes as i64),
        Err(Errno(errno)) => Reply::failed(errno),
    }
}

impl Backend for StackBackend {
    fn now(&self) -> Micros {
        Self::micros(self.sockets.now())
    }

    fn inject(&mut self, datagram: &[u8]) -> io::Result<()> {
        let now = self.sockets.now();
        self.sockets.host_mut().device_mut().inject(datagram).map_err(io::Error::other)?;
        self.sockets.advance(now);
        self.try_pending();
        Ok(())
    }

    fn next_sent(&mut self, until: Micros) -> io::Result<Option<Sent>> {
        let end = START + Duration::from_micros(until);
        loop {
            if let Some(sent) = self.sockets.host_mut().device_mut().take() {
                return Ok(Some(Sent { at: Self::micros(sent.at), bytes: sent.packet }));
            }
            let now = self.sockets.now();
            if now > end || (now == end && self.sockets.deadline().is_none_or(|at| at > now)) {
                return Ok(None);
            }
            self.step(end)?;
        }
    }

    fn call(&mut self, call: Call) -> io::Result<Reply> {
        let reply = match self.perform(&call, 0, &mut Vec::new()) {
            Ok(reply) => reply,
            Err(Stop::Errno(Errno(errno))) => Reply::failed(errno),
            Err(Stop::WouldBlock(wait)) if wait.done > 0 => written(wait.done),
            Err(Stop::WouldBlock(_)) => {
                return Err(io::Error::other("it waits: give the event an end, as in +0...1.5"));
            }
        };
        // What the call gave cause to is done at once.
        let now = self.sockets.now();
        self.sockets.advance(now);
        self.try_pending();
        Ok(reply)
    }

    fn start(&mut self, call: Call) -> io::Result<()> {
        self.finished = None;
        let mut data = Vec::new();
        match self.perform(&call, 0, &mut data) {
            Ok(reply) => self.finished = Some((self.now(), reply)),
            Err(Stop::Errno(Errno(errno))) => self.finished = Some((self.now(), Reply::failed(errno))),
            Err(Stop::WouldBlock(Wait { until, done, .. })) => {
                self.pending = Some(Pending { call, done, data, until });
            }
        }
        let now = self.sockets.now();
        self.sockets.advance(now);
        self.try_pending();
        Ok(())
    }

    fn finished(&mut self) -> Option<(Micros, Reply)> {
        self.finished.take()
    }

    fn tolerance(&self) -> Micros {
        TOLERANCE
    }
}
