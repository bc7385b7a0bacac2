//! The socket calls of C over a stack that is driven by hand ([`synward::driver::Host`]).
//!
//! [`Sockets`] has a descriptor table and one method for each call, with the arguments, results, numbers and flags that
//! Linux gives them on x86-64 and aarch64. Like the stack it is sans-IO: the caller gives the time ([`Sockets::advance`]) and the
//! numbers of descriptors ([`Numbers`]), and **no call blocks**. A call that would, on a descriptor without `O_NONBLOCK`, ends
//! with [`Stop::WouldBlock`] and tells what it waits for; whoever blocks lets time pass and calls again. So the same layer
//! serves a plug-in of a test tool in virtual time, and adapters that put threads to sleep.
//!
//! ```text
//! calls/ ── one file a group of calls ──┐
//! option/ ── a table of options         ├─ Sockets ── Host (turns, events, time)
//! readiness/ ── poll, epoll             │     └─ descriptors: numbers → sockets, epoll sets
//! address, tcp_info ── C layouts ───────┘
//! ```

pub mod address;
mod calls;
mod descriptors;
mod errno;
mod option;
mod readiness;
mod socket;
mod sockets;
mod stop;
pub mod tcp_info;

pub use calls::Message;
pub use descriptors::{Counting, Fd, Numbers};
pub use errno::Errno;
pub use readiness::{EpollEvent, PollFd};
pub use sockets::Sockets;
pub use stop::{Awaited, Stop, Wait};
