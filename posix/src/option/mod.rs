//! Socket options: a table of rows, each a name with what it does. What is not in the table is refused with `ENOPROTOOPT`, so
//! that no program believes that something holds which does not.

mod choices;
mod ip_level;
mod socket_level;
mod tcp_level;
mod value;

pub(crate) use choices::Choices;

use crate::descriptors::Fd;
use crate::errno::Errno;
use crate::socket::Phase;
use crate::sockets::Sockets;
use crate::stop::fail;
use synward::buffer::Device;
use value::Reply;

type Getter<D> = fn(&mut Sockets<D>, Fd) -> Result<Reply, Errno>;
type Setter<D> = fn(&mut Sockets<D>, Fd, &[u8]) -> Result<(), Errno>;

/// One option.
struct Row<D: 'static> {
    name: i32,
    /// Its value in C's layout.
    get: Getter<D>,
    /// Takes a value in C's layout; `None`: it cannot be set.
    set: Option<Setter<D>>,
}

impl<D: Device + 'static> Sockets<D> {
    /// `getsockopt`: writes the value to `out`, cut to its length, and tells how many bytes were written.
    ///
    /// # Errors
    /// `ENOPROTOOPT` for an option that is not served; `EBADF`.
    pub fn getsockopt(&mut self, fd: Fd, level: i32, name: i32, out: &mut [u8]) -> Result<usize, Errno> {
        self.table.socket(fd)?;
        let row = find::<D>(level, name)?;
        let reply = (row.get)(self, fd)?;
        let bytes = reply.bytes();
        // An option that is a number of C's type `int` may be read as one byte.
        let n = bytes.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..n), bytes.get(..n)) {
            to.copy_from_slice(from);
        }
        Ok(n)
    }

    /// `setsockopt`, with the value in C's layout.
    ///
    /// # Errors
    /// `ENOPROTOOPT` for an option that is not served or cannot be set, `EINVAL` for a value out of its range or too short.
    pub fn setsockopt(&mut self, fd: Fd, level: i32, name: i32, value: &[u8]) -> Result<(), Errno> {
        self.table.socket(fd)?;
        let Some(set) = find::<D>(level, name)?.set else { return fail(libc::ENOPROTOOPT) };
        set(self, fd, value)?;
        self.apply(fd)
    }

    /// Hands the choices of `fd` to its connection.
    fn apply(&mut self, fd: Fd) -> Result<(), Errno> {
        let socket = self.table.socket(fd)?;
        let options = socket.choices.for_stack();
        if let Phase::Listening(id) = socket.phase {
            self.host.set_listener_options(id, &options);
        }
        if let Some(id) = socket.connection() {
            // A connection that has ended has no use for them.
            let _ = self.host.set_options(id, &options);
            self.turn();
        }
        Ok(())
    }
}

fn find<D: Device + 'static>(level: i32, name: i32) -> Result<&'static Row<D>, Errno> {
    let rows: &[Row<D>] = match level {
        libc::SOL_SOCKET => socket_level::rows(),
        libc::IPPROTO_TCP => tcp_level::rows(),
        libc::IPPROTO_IP => ip_level::rows(),
        libc::IPPROTO_IPV6 => ip_level::rows_v6(),
        _ => &[],
    };
    rows.iter().find(|row| row.name == name).ok_or(Errno(libc::ENOPROTOOPT))
}
