//! Options of the levels `IPPROTO_IP` and `IPPROTO_IPV6`.

use super::Row;
use super::value::{self, Reply};
use crate::errno::Errno;
use crate::stop::fail;
use synward::buffer::Device;

/// `IP_PMTUDISC_WANT`: what the stack does where its setting is on.
const PMTUDISC_WANT: i32 = 1;
/// `IP_PMTUDISC_DONT`: no DF.
const PMTUDISC_DONT: i32 = 0;
/// `IP_PMTUDISC_DO`.
const PMTUDISC_DO: i32 = 2;
/// `IP_PMTUDISC_PROBE` and what follows.
const PMTUDISC_PROBE: i32 = 3;
const PMTUDISC_OMIT: i32 = 5;
/// The bits of ECN in the traffic class.
const ECN: u8 = 3;

/// Options of this level may be given as one byte.
fn byte_or_int(value: &[u8]) -> Result<i32, Errno> {
    match *value {
        [byte] | [byte, _] | [byte, _, _] => Ok(i32::from(byte)),
        _ => value::int(value),
    }
}

struct Table<D>(core::marker::PhantomData<D>);

impl<D: Device + 'static> Table<D> {
    const ROWS: &'static [Row<D>] = &[
        Row {
            name: libc::IP_TTL,
            get: |sockets, fd| {
                let ttl = sockets.table.socket(fd)?.choices.ttl;
                Ok(Reply::Int(i32::from(ttl.unwrap_or(sockets.host.settings().ip.ttl))))
            },
            set: Some(|sockets, fd, value| {
                // ip(7): -1 is the system's own.
                let ttl = match byte_or_int(value)? {
                    -1 => None,
                    ttl @ 1..=255 => Some(ttl as u8),
                    _ => return fail(libc::EINVAL),
                };
                sockets.table.socket_mut(fd)?.choices.ttl = ttl;
                Ok(())
            }),
        },
        Row {
            name: libc::IP_TOS,
            get: |sockets, fd| Ok(Reply::Int(i32::from(sockets.table.socket(fd)?.choices.traffic_class))),
            set: Some(|sockets, fd, value| {
                // RFC 3168, Section 5: the lower two bits are the stack's own.
                let class = byte_or_int(value)? as u8 & !ECN;
                sockets.table.socket_mut(fd)?.choices.traffic_class = class;
                Ok(())
            }),
        },
        Row {
            name: libc::IP_MTU_DISCOVER,
            get: |sockets, fd| {
                let whole = sockets.host.settings().ip.pmtu_discovery
                    && !sockets.table.socket(fd)?.choices.may_fragment;
                Ok(Reply::Int(if whole { PMTUDISC_WANT } else { PMTUDISC_DONT }))
            },
            set: Some(|sockets, fd, value| {
                let may_fragment = match byte_or_int(value)? {
                    PMTUDISC_DONT => true,
                    // "Do" differs only for datagrams larger than the path, which a stream never sends.
                    PMTUDISC_WANT | PMTUDISC_DO => false,
                    // To ignore what paths say is nothing that this stack does.
                    PMTUDISC_PROBE..=PMTUDISC_OMIT => return fail(libc::EOPNOTSUPP),
                    _ => return fail(libc::EINVAL),
                };
                sockets.table.socket_mut(fd)?.choices.may_fragment = may_fragment;
                Ok(())
            }),
        },
    ];

    const ROWS_V6: &'static [Row<D>] = &[
        // Such a socket carries IPv4 in any case: that is all it carries.
        Row {
            name: libc::IPV6_V6ONLY,
            get: |_, _| Ok(Reply::Int(0)),
            set: Some(|_, _, value| if value::flag(value)? { fail(libc::ENOPROTOOPT) } else { Ok(()) }),
        },
    ];
}

pub(super) fn rows<D: Device + 'static>() -> &'static [Row<D>] {
    Table::<D>::ROWS
}

pub(super) fn rows_v6<D: Device + 'static>() -> &'static [Row<D>] {
    Table::<D>::ROWS_V6
}
