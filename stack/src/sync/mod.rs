//! What crosses between applications and a shard; the only folder with atomics.
//!
//! ```text
//!        any thread or task                                    the shard's thread or task (one)
//!
//!  ReadHalf ──┐  Cell: one a connection                      ┌── ShardHalf
//!   pops rx   ├─ rx chunks      ◂─────────────────────────── ┤    pushes rx, pops tx
//!  WriteHalf ─┤  tx chunks      ───────────────────────────▸ ┤    grants credit, sets the status
//!   pushes tx │  state bits, byte counts, two waker slots    │    attach, establish, eof, fail, close
//!             │                                              │
//!  AcceptHalf ┴─ accept queue   ◂─────────────────────────── ┴── ListenerShard
//!
//!  any half ──── Mailbox: ready lists ─────────────────────▸ Inbox::next_cell, next_listener
//!                Signal (the bell) ────────────────────────▸ whoever drives the shard sleeps on it
//!                Exchange: free buffers ◂─────────────────▸
//!  CommandSender ─── bounded queue ────────────────────────▸ CommandReceiver
//!  ReplyReceiver ◂── one answer ──────────────────────────── ReplySender
//! ```
//!
//! # Who may touch what
//!
//! * Each queue has any number of producers and **one** consumer. That it is one is a matter of types where it can be
//!   ([`ShardHalf`], [`Inbox`], [`CommandReceiver`], [`ReplyReceiver`] are not `Clone` and take `&mut self`), and of a
//!   lock bit that is tried and never waited for where several tasks may hold `&self` ([`ReadHalf`], [`AcceptHalf`]). Who finds
//!   the bit set is told so, and a poll wakes itself to look again.
//! * Of a cell, the read side (rx queue, `rx_consumed`, read waker) and the write side (tx queue, `tx_queued`, write
//!   waker) are disjoint but for the state word, where each bit has one writer. So the two halves may live on two threads.
//! * What the application tells (bits, dropped halves, shutdown) goes through [`Mailbox`]: bit first, then the ready list,
//!   then the signal. It needs no memory and cannot fail or wait. A cell stands in the list at most once.
//! * What the shard tells sets a bit or a count first and takes the waker afterwards, into a [`WakeList`]; the driver calls
//!   [`WakeList::wake_all`] after the turn, when no `&mut Shard` exists. Wakers are dropped by the half that registered them, so
//!   that no foreign code runs when the shard lets go of a cell.
//!
//! # Why no wake-up is lost
//!
//! Every wait is *look, register, look again*; every event is *publish, then take the waker*. Registering and taking are
//! read-modify-writes of the same atomic, so one of them is later and sees what happened before the other. The same
//! holds for [`Signal`] and, on the count itself, for [`ShardHalf::notify_consumed_at`]. No sequentially consistent fence is needed.
//!
//! # The death of a shard
//!
//! There is no list of those to be told. Whatever belongs to a shard owns the shard's end of it: the shard's table owns
//! the [`ShardHalf`]s, the command queue owns those that are still on their way, a command owns its [`ReplySender`]. Dropping an end
//! that was not ended in order tells the other end at once, by panic as by shutdown. A command that comes too late is
//! refused and its halves are dropped by the sender, with the same effect. The owner of a shard drops it outside a turn.
//!
//! # Checked by
//!
//! loom runs every file here in a model (`loom_tests`), by `RUSTFLAGS="--cfg loom" cargo test -p synward
//! --no-default-features --lib --target-dir target/loom -- sync::loom_`; Miri runs the other tests, by `cargo +nightly miri
//! test -p synward --no-default-features --lib --target-dir target/miri -- buffer:: sync::`. Code outside this folder that must
//! compile under both names [`Arc`] of this module for what this module hands out, and std's for a [`Signal`].

mod accept;
pub(crate) mod atomic;
mod cell;
mod choice;
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
pub use choice::Choice;
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
