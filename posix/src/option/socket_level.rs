//! Options of the level `SOL_SOCKET`.

use super::Row;
use super::choices::BufferSize;
use super::value::{self, Reply};
use crate::errno::Errno;
use crate::socket::Phase;
use crate::sockets::Sockets;
use synward::buffer::Device;

/// `SO_MEMINFO`: what a socket holds, nine words.
const SO_MEMINFO: i32 = 55;

/// A row for a choice that is on or off.
macro_rules! flag {
    ($name:expr, $field:ident) => {
        Row {
            name: $name,
            get: |sockets, fd| Ok(Reply::flag(sockets.table.socket(fd)?.choices.$field)),
            set: Some(|sockets, fd, value| {
                sockets.table.socket_mut(fd)?.choices.$field = value::flag(value)?;
                Ok(())
            }),
        }
    };
}

/// A row for a choice that is a number without effect here: it is kept for who reads it back.
macro_rules! kept {
    ($name:expr, $field:ident) => {
        Row {
            name: $name,
            get: |sockets, fd| Ok(Reply::Int(sockets.table.socket(fd)?.choices.$field)),
            set: Some(|sockets, fd, value| {
                sockets.table.socket_mut(fd)?.choices.$field = value::int(value)?;
                Ok(())
            }),
        }
    };
}

/// A row for a time-out of blocking calls.
macro_rules! timeout {
    ($name:expr, $field:ident) => {
        Row {
            name: $name,
            get: |sockets, fd| Ok(Reply::timeval(sockets.table.socket(fd)?.choices.$field)),
            set: Some(|sockets, fd, value| {
                sockets.table.socket_mut(fd)?.choices.$field = value::timeval(value)?;
                Ok(())
            }),
        }
    };
}

macro_rules! fixed {
    ($name:expr, $value:expr) => {
        Row { name: $name, get: |_, _| Ok(Reply::Int($value)), set: None }
    };
}

struct Table<D>(core::marker::PhantomData<D>);

impl<D: Device + 'static> Table<D> {
    const ROWS: &'static [Row<D>] = &[
        // A listener never waits for connections in TIME-WAIT, so the option only lets several sockets be bound alike.
        flag!(libc::SO_REUSEADDR, reuse_address),
        flag!(libc::SO_REUSEPORT, reuse_port),
        flag!(libc::SO_KEEPALIVE, keepalive),
        flag!(libc::SO_BROADCAST, broadcast),
        flag!(libc::SO_DONTROUTE, dont_route),
        // RFC 6093, Section 6: always on, whatever is asked for.
        flag!(libc::SO_OOBINLINE, oob_inline),
        kept!(libc::SO_PRIORITY, priority),
        kept!(libc::SO_MARK, mark),
        timeout!(libc::SO_RCVTIMEO, receive_timeout),
        timeout!(libc::SO_SNDTIMEO, send_timeout),
        fixed!(libc::SO_TYPE, libc::SOCK_STREAM),
        fixed!(libc::SO_PROTOCOL, libc::IPPROTO_TCP),
        fixed!(libc::SO_SNDLOWAT, 1),
        Row {
            name: libc::SO_DOMAIN,
            get: |sockets, fd| Ok(Reply::Int(sockets.table.socket(fd)?.family.number())),
            set: None,
        },
        Row {
            name: libc::SO_ACCEPTCONN,
            get: |sockets, fd| {
                Ok(Reply::flag(matches!(sockets.table.socket(fd)?.phase, Phase::Listening(_))))
            },
            set: None,
        },
        Row {
            name: libc::SO_ERROR,
            get: |sockets, fd| {
                Ok(Reply::Int(sockets.table.socket_mut(fd)?.error.take().map_or(0, |errno| errno.0)))
            },
            set: None,
        },
        Row {
            name: libc::SO_RCVLOWAT,
            get: |sockets, fd| Ok(Reply::count(sockets.table.socket(fd)?.choices.receive_low_water as u64)),
            set: Some(|sockets, fd, value| {
                let bytes = usize::try_from(value::int(value)?).unwrap_or(usize::MAX);
                sockets.table.socket_mut(fd)?.choices.receive_low_water = bytes.max(1);
                Ok(())
            }),
        },
        Row {
            name: libc::SO_LINGER,
            get: |sockets, fd| Ok(Reply::linger(sockets.table.socket(fd)?.choices.linger)),
            set: Some(|sockets, fd, value| {
                sockets.table.socket_mut(fd)?.choices.linger = value::linger(value)?;
                Ok(())
            }),
        },
        Row {
            name: libc::SO_SNDBUF,
            get: |sockets, fd| {
                let own = sockets.table.socket(fd)?.choices.send_buffer.map(BufferSize::shown);
                Ok(Reply::count(own.unwrap_or(u64::from(sockets.host.settings().tcp.send_buffer_max))))
            },
            set: Some(|sockets, fd, value| {
                let asked = asked(value)?;
                sockets.table.socket_mut(fd)?.choices.send_buffer = Some(BufferSize { asked });
                Ok(())
            }),
        },
        Row {
            name: libc::SO_RCVBUF,
            get: |sockets, fd| {
                let own = sockets.table.socket(fd)?.choices.receive_buffer.map(BufferSize::shown);
                Ok(Reply::count(own.unwrap_or(u64::from(sockets.host.settings().tcp.receive_window))))
            },
            set: Some(|sockets, fd, value| {
                let asked = asked(value)?;
                sockets.table.socket_mut(fd)?.choices.receive_buffer = Some(BufferSize { asked });
                Ok(())
            }),
        },
        Row { name: SO_MEMINFO, get: memory, set: None },
    ];
}

pub(super) fn rows<D: Device + 'static>() -> &'static [Row<D>] {
    Table::<D>::ROWS
}

/// A size of a buffer; a negative one counts as a huge one, as in Linux, and what is too large is cut.
fn asked(value: &[u8]) -> Result<u32, Errno> {
    Ok((value::int(value)? as u32).min(1 << 29))
}

/// rmem_alloc, rcvbuf, wmem_alloc, sndbuf, fwd_alloc, wmem_queued, optmem, backlog, drops.
fn memory<D: Device + 'static>(sockets: &mut Sockets<D>, fd: i32) -> Result<Reply, Errno> {
    let socket = sockets.table.socket(fd)?;
    let tcp = &sockets.host.settings().tcp;
    let shown = |own: Option<BufferSize>, otherwise: u32| {
        own.map_or(otherwise, |size| u32::try_from(size.shown()).unwrap_or(u32::MAX))
    };
    let info = socket.connection().and_then(|id| sockets.host.info(id));
    let queued = socket.connection().map_or(0, |id| sockets.host.send_queued(id)) as u32;
    let words: [u32; 9] = [
        info.map_or(0, |info| info.unread + info.out_of_order),
        shown(socket.choices.receive_buffer, tcp.receive_window),
        info.map_or(0, |info| info.in_flight),
        shown(socket.choices.send_buffer, tcp.send_buffer_max),
        0,
        queued,
        0,
        0,
        0,
    ];
    Ok(Reply::Bytes(words.iter().flat_map(|word| word.to_ne_bytes()).collect()))
}
