//! Halves that own their direction, for two tasks.

use super::super::tcp_stream::flow;
use super::super::{TcpStream, stream_io};
use super::{reading_half, writing_half};
use crate::shard::Failure;
use crate::sync;
use bytes::BufMut;
use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};

/// The reading direction of a stream, owned.
pub struct OwnedReadHalf {
    cell: sync::ReadHalf<Failure>,
}

/// The writing direction of a stream, owned. Dropping it sends what was written and a FIN.
pub struct OwnedWriteHalf {
    cell: sync::WriteHalf<Failure>,
}

pub(in crate::socket) fn split_owned(
    read: sync::ReadHalf<Failure>,
    write: sync::WriteHalf<Failure>,
) -> (OwnedReadHalf, OwnedWriteHalf) {
    (OwnedReadHalf { cell: read }, OwnedWriteHalf { cell: write })
}

/// The two halves were not of the same stream; both come back.
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tried to reunite halves that are not from the same socket")
    }
}

impl std::error::Error for ReuniteError {}

impl OwnedReadHalf {
    /// The stream again.
    ///
    /// # Errors
    /// Both halves, where they are of two streams.
    pub fn reunite(self, other: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        if self.cell.is_pair_of(&other.cell) {
            Ok(TcpStream::new(self.cell, other.cell))
        } else {
            Err(ReuniteError(self, other))
        }
    }

    fn cell(&self) -> &sync::ReadHalf<Failure> {
        &self.cell
    }
}

impl OwnedWriteHalf {
    /// The stream again.
    ///
    /// # Errors
    /// Both halves, where they are of two streams.
    pub fn reunite(self, other: OwnedReadHalf) -> Result<TcpStream, ReuniteError> {
        other.reunite(self)
    }

    /// Lets the half go without a FIN: that comes when the reading half is dropped too.
    pub fn forget(self) {
        self.cell.forget();
    }

    fn cell(&self) -> &sync::WriteHalf<Failure> {
        &self.cell
    }
}

impl fmt::Debug for OwnedReadHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedReadHalf").field("peer", &self.peer_addr().ok()).finish_non_exhaustive()
    }
}

impl fmt::Debug for OwnedWriteHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedWriteHalf").field("peer", &self.peer_addr().ok()).finish_non_exhaustive()
    }
}

reading_half!(OwnedReadHalf);
writing_half!(OwnedWriteHalf);
