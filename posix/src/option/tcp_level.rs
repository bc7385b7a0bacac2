//! Options of the level `IPPROTO_TCP`.

use super::Row;
use super::value::{self, Reply};
use crate::errno::Errno;
use crate::sockets::Sockets;
use crate::stop::fail;
use crate::tcp_info;
use core::time::Duration;
use synward::buffer::Device;

/// `TCP_INQ`: `recvmsg` tells how many bytes are left.
const TCP_INQ: i32 = 36;
/// The segment size before there is a connection (RFC 9293, Section 3.7.1).
const DEFAULT_MSS: u32 = 536;
/// Segment sizes that can be asked for.
const MAXSEG: core::ops::RangeInclusive<u16> = 88..=32_767;
const EINVAL: Errno = Errno(libc::EINVAL);
/// Largest time of keep-alive, in seconds, and most probes.
const KEEPALIVE_MAX: i32 = 32_767;
const PROBES_MAX: i32 = 127;

/// A row for a time of keep-alive, in seconds.
macro_rules! seconds {
    ($name:expr, $field:ident, $setting:ident) => {
        Row {
            name: $name,
            get: |sockets, fd| {
                let own = sockets.table.socket(fd)?.choices.$field;
                Ok(Reply::count(own.unwrap_or(sockets.host.settings().tcp.$setting).as_secs()))
            },
            set: Some(|sockets, fd, value| {
                let seconds = value::within(value, 1..=KEEPALIVE_MAX)?;
                let own = Duration::from_secs(u64::from(seconds.unsigned_abs()));
                sockets.table.socket_mut(fd)?.choices.$field = Some(own);
                Ok(())
            }),
        }
    };
}

struct Table<D>(core::marker::PhantomData<D>);

impl<D: Device + 'static> Table<D> {
    const ROWS: &'static [Row<D>] = &[
        Row {
            name: libc::TCP_NODELAY,
            get: |sockets, fd| Ok(Reply::flag(sockets.table.socket(fd)?.choices.nodelay)),
            set: Some(|sockets, fd, value| {
                let on = value::flag(value)?;
                let socket = sockets.table.socket_mut(fd)?;
                socket.choices.nodelay = on;
                // Each time that it is asked for, what waits goes out, whatever it waits for.
                if let Some(id) = socket.connection().filter(|_| on) {
                    let _ = sockets.host.flush(id);
                }
                Ok(())
            }),
        },
        Row {
            name: libc::TCP_CORK,
            get: |sockets, fd| Ok(Reply::flag(sockets.table.socket(fd)?.choices.cork)),
            set: Some(|sockets, fd, value| {
                sockets.table.socket_mut(fd)?.choices.cork = value::flag(value)?;
                Ok(())
            }),
        },
        Row {
            name: libc::TCP_QUICKACK,
            get: |sockets, fd| Ok(Reply::flag(sockets.table.socket(fd)?.choices.quickack)),
            set: Some(|sockets, fd, value| {
                sockets.table.socket_mut(fd)?.choices.quickack = value::flag(value)?;
                Ok(())
            }),
        },
        Row {
            name: libc::TCP_MAXSEG,
            get: |sockets, fd| {
                let socket = sockets.table.socket(fd)?;
                let own = socket.choices.max_segment.map_or(DEFAULT_MSS, u32::from);
                let info = socket.connection().and_then(|id| sockets.host.info(id));
                // The connection's own, options taken off, once there is one.
                Ok(Reply::count(u64::from(info.map_or(own, |info| info.send_mss))))
            },
            set: Some(|sockets, fd, value| {
                let own = match value::int(value)? {
                    0 => None,
                    size => {
                        Some(u16::try_from(size).ok().filter(|size| MAXSEG.contains(size)).ok_or(EINVAL)?)
                    }
                };
                sockets.table.socket_mut(fd)?.choices.max_segment = own;
                Ok(())
            }),
        },
        Row {
            name: TCP_INQ,
            get: |sockets, fd| Ok(Reply::flag(sockets.table.socket(fd)?.choices.tell_left)),
            set: Some(|sockets, fd, value| {
                sockets.table.socket_mut(fd)?.choices.tell_left = value::within(value, 0..=1)? == 1;
                Ok(())
            }),
        },
        Row {
            name: libc::TCP_USER_TIMEOUT,
            get: |sockets, fd| {
                let own = sockets.table.socket(fd)?.choices.user_timeout;
                Ok(Reply::count(own.map_or(0, |own| own.as_millis() as u64)))
            },
            set: Some(|sockets, fd, value| {
                // RFC 5482 leaves the API open; milliseconds, and 0 for the default, are Linux'.
                let Ok(millis) = u64::try_from(value::int(value)?) else { return fail(libc::EINVAL) };
                let own = (millis > 0).then(|| Duration::from_millis(millis));
                sockets.table.socket_mut(fd)?.choices.user_timeout = own;
                Ok(())
            }),
        },
        seconds!(libc::TCP_KEEPIDLE, keepalive_time, keepalive_time),
        seconds!(libc::TCP_KEEPINTVL, keepalive_interval, keepalive_interval),
        Row {
            name: libc::TCP_KEEPCNT,
            get: |sockets, fd| {
                let own = sockets.table.socket(fd)?.choices.keepalive_probes;
                Ok(Reply::count(u64::from(own.unwrap_or(sockets.host.settings().tcp.keepalive_probes))))
            },
            set: Some(|sockets, fd, value| {
                let probes = value::within(value, 1..=PROBES_MAX)?.unsigned_abs();
                sockets.table.socket_mut(fd)?.choices.keepalive_probes = Some(probes);
                Ok(())
            }),
        },
        Row { name: libc::TCP_INFO, get: info, set: None },
        // CUBIC and Reno have nothing to tell.
        Row { name: libc::TCP_CC_INFO, get: |_, _| Ok(Reply::Bytes(Vec::new())), set: None },
        Row {
            name: libc::TCP_CONGESTION,
            get: |sockets, _| {
                let name: &[u8] = match sockets.host.settings().tcp.congestion {
                    synward::settings::Congestion::Cubic => b"cubic",
                    synward::settings::Congestion::Reno => b"reno",
                };
                // TCP_CA_NAME_MAX
                let mut bytes = vec![0; 16];
                bytes.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
                Ok(Reply::Bytes(bytes))
            },
            set: None,
        },
    ];
}

pub(super) fn rows<D: Device + 'static>() -> &'static [Row<D>] {
    Table::<D>::ROWS
}

fn info<D: Device + 'static>(sockets: &mut Sockets<D>, fd: i32) -> Result<Reply, Errno> {
    Ok(Reply::Bytes(tcp_info::of(sockets, fd)?.to_vec()))
}
