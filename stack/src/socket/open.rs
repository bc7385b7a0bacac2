//! The two ways to open: connect and listen. Neither needs a runtime.

use super::{Stack, error};
use crate::shard::commands::{Command, ConnectCommand, ListenCommand};
use crate::shard::{Failure, cell_options};
use crate::sync::{self, AcceptHalf, ReadHalf, WriteHalf};
use crate::tcp::Options;
use core::future::poll_fn;
use std::io;
use std::net::SocketAddr;

/// Connects. The time for it is bounded by [`Stack::connect_bound`]; dropping the future cancels it within one turn.
pub(crate) async fn connect(
    stack: &Stack,
    local: Option<SocketAddr>,
    remote: SocketAddr,
    options: Options,
) -> io::Result<(ReadHalf<Failure>, WriteHalf<Failure>)> {
    let (read, write, half) = sync::connection(stack.mailbox(), cell_options::pack(&options, stack.ttl()));
    let command = Command::Connect(Box::new(ConnectCommand { local, remote, options, half }));
    stack.commands().push(command).await.map_err(|_| stack.gone())?;
    let established = poll_fn(|cx| {
        let told = write.poll_established(cx.waker());
        told.map_err(|ended| match ended {
            // Told by nobody: the shard went while the command was on its way.
            sync::Ended::ShardGone => stack.gone(),
            // Established, reset and forgotten between two looks, or closed in order as quickly.
            ended => error::of_end(ended, io::ErrorKind::ConnectionReset),
        })
    });
    match established.await {
        Ok(()) => Ok((read, write)),
        // A peer may accept, answer and close before this task looks: what it sent is still to be read.
        Err(_) if write.status().is_established() => Ok((read, write)),
        Err(error) => Err(error),
    }
}

/// Listens; gives the endpoint with the port that it got.
pub(crate) async fn listen(
    stack: &Stack,
    local: SocketAddr,
    backlog: u32,
    options: Options,
) -> io::Result<(AcceptHalf<Failure>, SocketAddr)> {
    let (accept, half) = sync::listener(stack.mailbox(), cell_options::pack(&options, stack.ttl()));
    let (reply, answer) = sync::reply();
    let command = Command::Listen(Box::new(ListenCommand { local, backlog, options, half, reply }));
    stack.commands().push(command).await.map_err(|_| stack.gone())?;
    let bound = answer.await.map_err(|_| stack.gone())??;
    Ok((accept, bound))
}
