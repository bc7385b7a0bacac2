//! Calls of a script: from its words to the backend's, and the reply compared with what the script says.

use crate::backend::{self, PollFd, Reply};
use crate::constants;
use crate::error::{Error, Pos};
use crate::pattern;
use crate::script::{Call, Value};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

/// What `...` stands for in addresses.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// Where `bind` binds.
    pub bind: SocketAddrV4,
    /// Whom `connect` connects to.
    pub connect: SocketAddrV4,
}

/// A socket that the script knows.
#[derive(Clone, Copy, Debug, Default)]
struct Socket {
    /// The backend's descriptor.
    live: i32,
    /// Bytes that were read from it.
    read: u32,
    /// Bytes that were written to it.
    written: u32,
}

/// The script's descriptors.
#[derive(Debug, Default)]
pub struct Sockets {
    by_script: BTreeMap<i64, Socket>,
    /// The connection made last: what checks ask.
    pub connection: Option<i64>,
}

/// One call with its arguments at hand.
struct Arguments<'a> {
    call: &'a Call,
    pos: Pos,
}

impl<'a> Arguments<'a> {
    fn at(&self, index: usize) -> (&'a Value, Pos) {
        self.call.arguments.get(index).map_or((&Value::Any, self.pos), |(value, pos)| (value, *pos))
    }

    fn int(&self, index: usize) -> Result<i64, Error> {
        let (value, pos) = self.at(index);
        int(value).map_err(|message| Error::new(pos, message))
    }

    fn small(&self, index: usize) -> Result<i32, Error> {
        i32::try_from(self.int(index)?).map_err(|_| Error::new(self.at(index).1, "too large for an int"))
    }

    fn size(&self, index: usize) -> Result<usize, Error> {
        // What a script may ask for is bounded: it is kept in memory.
        let size = self.int(index)?;
        let fits = usize::try_from(size).ok().filter(|size| *size <= 1 << 26);
        fits.ok_or_else(|| Error::new(self.at(index).1, format!("{size} is no size from 0 to 64 MiB")))
    }

    fn address(&self, index: usize, default: SocketAddrV4) -> Result<SocketAddrV4, Error> {
        let (value, pos) = self.at(index);
        address(value, default).map_err(|message| Error::new(pos, message))
    }
}

/// A number: as such, by name, or several bits.
fn int(value: &Value) -> Result<i64, String> {
    match value {
        Value::Int(number) => Ok(*number),
        Value::Name(name) => {
            let number = constants::number(name).or_else(|| constants::errno(name));
            number.map(i64::from).ok_or_else(|| format!("{name} is no constant that is known"))
        }
        Value::Or(bits) => bits.iter().try_fold(0, |all, bit| Ok(all | int(bit)?)),
        Value::Of(name, inside) if matches!(name.as_str(), "htons" | "htonl") && inside.len() == 1 => {
            int(&inside[0])
        }
        Value::List(inside) if inside.len() == 1 => int(&inside[0]),
        Value::Any | Value::Text(_) | Value::List(_) | Value::Fields(_) | Value::Of(..) => {
            Err("a number is wanted here".to_owned())
        }
    }
}

fn address(value: &Value, default: SocketAddrV4) -> Result<SocketAddrV4, String> {
    let mut address = default;
    match value {
        Value::Any => return Ok(default),
        Value::Fields(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    (_, Value::Any) | ("sa_family", _) => {}
                    ("sin_port", value) => {
                        let port = int(value)?;
                        address.set_port(u16::try_from(port).map_err(|_| format!("{port} is no port"))?);
                    }
                    ("sin_addr", Value::Of(_, inside)) if matches!(inside.as_slice(), [Value::Text(_)]) => {
                        let [Value::Text(text)] = inside.as_slice() else { continue };
                        let ip: Ipv4Addr = text.parse().map_err(|_| format!("{text} is no IPv4 address"))?;
                        address.set_ip(ip);
                    }
                    (name, _) => return Err(format!("{name} is none of sa_family, sin_port, sin_addr")),
                }
            }
        }
        _ => {
            return Err("an address is `...` or {sa_family=…, sin_port=htons(…), sin_addr=inet_addr(\"…\")}"
                .to_owned());
        }
    }
    Ok(address)
}

/// The bytes of a socket option.
fn option_value(value: &Value) -> Result<Vec<u8>, String> {
    match value {
        Value::Text(text) => Ok(text.clone().into_bytes()),
        Value::Fields(fields) => {
            // `struct linger`: two ints in the order of their declaration.
            let field =
                |name: &str| fields.iter().find(|(is, _)| is == name).map_or(Ok(0), |(_, value)| int(value));
            let (on, seconds) = (field("onoff")? as i32, field("linger")? as i32);
            Ok([on.to_ne_bytes(), seconds.to_ne_bytes()].concat())
        }
        Value::List(inside) if matches!(inside.as_slice(), [Value::Text(_)]) => option_value(&inside[0]),
        other => Ok((int(other)? as i32).to_ne_bytes().to_vec()),
    }
}

/// The entries of `poll`: `[{fd=3, events=POLLIN, revents=POLLIN}, …]`.
fn poll_entries(value: &Value) -> Result<Vec<PollFd>, String> {
    let Value::List(entries) = value else {
        return Err("poll wants [{fd=…, events=…, revents=…}]".to_owned());
    };
    let one = |entry: &Value| {
        let Value::Fields(fields) = entry else { return Err("{fd=…, events=…, revents=…}".to_owned()) };
        let field =
            |name: &str| fields.iter().find(|(is, _)| is == name).map_or(Ok(0), |(_, value)| int(value));
        Ok(PollFd {
            fd: field("fd")? as i32,
            events: field("events")? as i16,
            revents: field("revents")? as i16,
        })
    };
    entries.iter().map(one).collect()
}

impl Sockets {
    fn live(&self, arguments: &Arguments<'_>) -> Result<i32, Error> {
        let fd = arguments.int(0)?;
        // A number that the script was not given is passed on: the stack must refuse it.
        Ok(self.by_script.get(&fd).map_or(-1, |socket| socket.live))
    }

    /// The backend's descriptor of the connection made last.
    pub fn live_connection(&self) -> Option<i32> {
        self.connection.and_then(|fd| self.by_script.get(&fd)).map(|socket| socket.live)
    }

    /// What the backend is to do.
    ///
    /// # Errors
    /// An unknown call or a wrong argument.
    pub fn prepare(&self, call: &Call, pos: Pos, defaults: Defaults) -> Result<backend::Call, Error> {
        use backend::Call as To;
        let arguments = Arguments { call, pos };
        let written = || {
            let fd = arguments.int(0)?;
            let place = self.by_script.get(&fd).map_or(0, |socket| socket.written);
            Ok(pattern::bytes(place, arguments.size(2)?))
        };
        let fd = || self.live(&arguments);
        Ok(match call.name.as_str() {
            "socket" => {
                let domain = match arguments.at(0) {
                    (Value::Any, _) => libc::AF_INET,
                    _ => arguments.small(0)?,
                };
                To::Socket { domain, kind: arguments.small(1)?, protocol: arguments.small(2)? }
            }
            "bind" => To::Bind { fd: fd()?, to: arguments.address(1, defaults.bind)? },
            "listen" => To::Listen { fd: fd()?, backlog: arguments.small(1)? },
            "accept" => To::Accept { fd: fd()? },
            "connect" => To::Connect { fd: fd()?, to: arguments.address(1, defaults.connect)? },
            "read" => To::Read { fd: fd()?, len: arguments.size(2)? },
            "recv" => To::Recv { fd: fd()?, len: arguments.size(2)?, flags: arguments.small(3)? },
            "write" => To::Write { fd: fd()?, data: written()? },
            "send" => To::Send { fd: fd()?, data: written()?, flags: arguments.small(3)? },
            "shutdown" => To::Shutdown { fd: fd()?, how: arguments.small(1)? },
            "close" => To::Close { fd: fd()? },
            "setsockopt" => To::SetSockOpt {
                fd: fd()?,
                level: arguments.small(1)?,
                name: arguments.small(2)?,
                value: option_value(arguments.at(3).0)
                    .map_err(|message| Error::new(arguments.at(3).1, message))?,
            },
            "getsockopt" => To::GetSockOpt {
                fd: fd()?,
                level: arguments.small(1)?,
                name: arguments.small(2)?,
                room: usize::try_from(arguments.int(4)?).unwrap_or(0).min(4096),
            },
            "fcntl" => To::Fcntl {
                fd: fd()?,
                command: arguments.small(1)?,
                argument: if call.arguments.len() > 2 { arguments.small(2)? } else { 0 },
            },
            "poll" => {
                let mut fds = poll_entries(arguments.at(0).0)
                    .map_err(|message| Error::new(arguments.at(0).1, message))?;
                for entry in &mut fds {
                    let live = self.by_script.get(&i64::from(entry.fd)).map_or(-1, |socket| socket.live);
                    (entry.fd, entry.revents) = (live, 0);
                }
                To::Poll { fds, timeout_ms: arguments.small(2)? }
            }
            other => {
                let message = format!(
                    "{other} is no call that is known: socket, bind, listen, accept, connect, read, recv, write, send, \
                     shutdown, close, setsockopt, getsockopt, fcntl, poll"
                );
                return Err(Error::new(pos, message));
            }
        })
    }

    /// Compares the reply with the script and keeps what it changes.
    ///
    /// # Errors
    /// It is another one.
    pub fn settle(&mut self, call: &Call, pos: Pos, reply: &Reply, verify: bool) -> Result<(), Error> {
        let arguments = Arguments { call, pos };
        let opens = matches!(call.name.as_str(), "socket" | "accept");
        compare_result(call, pos, reply, opens)?;
        if reply.result < 0 {
            return Ok(());
        }
        let fd = arguments.int(0).unwrap_or(-1);
        match call.name.as_str() {
            "socket" | "accept" => {
                if let Value::Int(new) = call.result {
                    self.by_script.insert(new, Socket { live: reply.result as i32, ..Socket::default() });
                    if call.name == "accept" {
                        self.connection = Some(new);
                    }
                }
            }
            "connect" => self.connection = Some(fd),
            "close" => {
                self.by_script.remove(&fd);
            }
            "write" | "send" => {
                if let Some(socket) = self.by_script.get_mut(&fd) {
                    socket.written = socket.written.wrapping_add(reply.result as u32);
                }
            }
            "read" | "recv" => self.read(&arguments, fd, reply, verify)?,
            "getsockopt" => compare_option(&arguments, reply)?,
            "poll" => compare_poll(&arguments, reply)?,
            _ => {}
        }
        Ok(())
    }

    /// A non-blocking connect leaves a connection that checks may ask, though it "fails".
    pub fn on_connecting(&mut self, call: &Call) {
        if let (true, Some((Value::Int(fd), _))) = (call.name == "connect", call.arguments.first()) {
            self.connection = Some(*fd);
        }
    }

    fn read(&mut self, arguments: &Arguments<'_>, fd: i64, reply: &Reply, verify: bool) -> Result<(), Error> {
        let Some(socket) = self.by_script.get_mut(&fd) else { return Ok(()) };
        let flags = if arguments.call.name == "recv" { arguments.small(3)? } else { 0 };
        if flags & (libc::MSG_OOB | libc::MSG_TRUNC) != 0 {
            return Ok(());
        }
        if let Some(at) = pattern::wrong(socket.read, &reply.data).filter(|_| verify) {
            let place = socket.read.wrapping_add(at as u32);
            return Err(Error::new(
                arguments.pos,
                format!("the byte {place} of the stream is not the peer's"),
            ));
        }
        if flags & libc::MSG_PEEK == 0 {
            socket.read = socket.read.wrapping_add(reply.result as u32);
        }
        Ok(())
    }
}

fn compare_result(call: &Call, pos: Pos, reply: &Reply, opens: bool) -> Result<(), Error> {
    let shown = |result: i64, errno: i32| match result {
        -1 => format!("-1 {}", constants::errno_name(errno)),
        other => other.to_string(),
    };
    let wanted = match &call.result {
        Value::Any => return Ok(()),
        value => int(value).map_err(|message| Error::new(pos, message))?,
    };
    let errno = match &call.errno {
        None => None,
        Some(name) => {
            let known = constants::errno(name);
            Some(known.ok_or_else(|| Error::new(pos, format!("{name} is no error that is known")))?)
        }
    };
    let same = if opens && wanted >= 0 { reply.result >= 0 } else { reply.result == wanted };
    if same && (wanted >= 0 || errno.is_none_or(|errno| errno == reply.errno)) {
        return Ok(());
    }
    let message = format!(
        "{}: expected {}, it returned {}",
        call.name,
        errno.map_or_else(|| wanted.to_string(), |errno| shown(wanted, errno)),
        shown(reply.result, reply.errno)
    );
    Err(Error::new(pos, message))
}

fn compare_option(arguments: &Arguments<'_>, reply: &Reply) -> Result<(), Error> {
    let (value, pos) = arguments.at(3);
    if *value == Value::Any {
        return Ok(());
    }
    let wanted = option_value(value).map_err(|message| Error::new(pos, message))?;
    // A text ends at its zero.
    let len = reply.data.iter().position(|byte| *byte == 0).unwrap_or(reply.data.len());
    let is_text = matches!(value, Value::Text(_))
        || matches!(value, Value::List(inside) if matches!(inside.as_slice(), [Value::Text(_)]));
    let is = if is_text { &reply.data[..len] } else { &reply.data[..] };
    if wanted == is {
        return Ok(());
    }
    let show = |bytes: &[u8]| match bytes.first_chunk::<4>() {
        Some(four) if bytes.len() == 4 && !is_text => i32::from_ne_bytes(*four).to_string(),
        _ if is_text => String::from_utf8_lossy(bytes).into_owned(),
        _ => format!("{bytes:?}"),
    };
    Err(Error::new(pos, format!("getsockopt: expected [{}], it gave [{}]", show(&wanted), show(is))))
}

fn compare_poll(arguments: &Arguments<'_>, reply: &Reply) -> Result<(), Error> {
    let (value, pos) = arguments.at(0);
    let wanted = poll_entries(value).map_err(|message| Error::new(pos, message))?;
    for (wanted, is) in wanted.iter().zip(&reply.polled) {
        if wanted.revents != is.revents {
            let message = format!("poll: expected revents {:#x}, it gave {:#x}", wanted.revents, is.revents);
            return Err(Error::new(pos, message));
        }
    }
    Ok(())
}
