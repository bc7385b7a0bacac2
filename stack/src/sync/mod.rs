//! What crosses between applications and a shard; the only folder with atomics.

mod accept;
pub(crate) mod atomic;
mod cell;
mod chunk_queue;
mod command;
mod exchange;
#[cfg(all(unix, feature = "tokio", not(loom)))]
mod fd_task;
#[cfg(all(unix, not(loom)))]
mod fd_wait;
mod halves;
pub mod link;
mod marker;
mod ready;
mod reply;
mod signal;
mod stack;
mod waker;

pub use accept::{Accept, AcceptHalf, Accepted, ListenerShard, listener};
pub use atomic::Arc;
pub use cell::{Ended, Events, ShardHalf, Status, connection};
pub use command::{CommandReceiver, CommandSender, PushError, ShardGone, commands};
pub use exchange::Exchange;
#[cfg(all(unix, feature = "tokio", not(loom)))]
pub(crate) use fd_task::FdTask;
#[cfg(all(unix, not(loom)))]
pub use fd_wait::FdWait;
pub use halves::{Read, ReadHalf, Write, WriteHalf};
pub use marker::Marker;
pub use ready::{Inbox, Mailbox};
pub use reply::{ReplyReceiver, ReplySender, reply};
pub use signal::Signal;
pub use waker::{WakeList, WakerSlot};

#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod tests;
