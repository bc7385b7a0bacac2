//! Options of the levels `IPPROTO_IP` and `IPPROTO_IPV6`.

use super::Row;
use super::value::{self, Reply};
use crate::stop::fail;
use synward::buffer::Device;

/// `IP_PMTUDISC_WANT`: what the stack does where its setting is on.
const PMTUDISC_WANT: i32 = 1;
/// `IP_PMTUDISC_DONT`.
const PMTUDISC_DONT: i32 = 0;

struct Table<D>(core::marker::PhantomData<D>);

impl<D: Device + 'static> Table<D> {
    const ROWS: &'static [Row<D>] = &[
        Row {
            name: libc::IP_TTL,
            get: |sockets, _| Ok(Reply::Int(i32::from(sockets.host.settings().ip.ttl))),
            set: None,
        },
        Row {
            name: libc::IP_MTU_DISCOVER,
            get: |sockets, _| {
                let on = sockets.host.settings().ip.pmtu_discovery;
                Ok(Reply::Int(if on { PMTUDISC_WANT } else { PMTUDISC_DONT }))
            },
            set: Some(|sockets, _, value| {
                // What the whole stack does anyway can be asked for, and nothing else.
                let on = sockets.host.settings().ip.pmtu_discovery;
                match value::int(value)? {
                    PMTUDISC_WANT if on => Ok(()),
                    PMTUDISC_DONT if !on => Ok(()),
                    _ => fail(libc::ENOPROTOOPT),
                }
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
