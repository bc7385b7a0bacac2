//! Halves that own their direction, for two tasks. Both hold the stream, as tokio's do: it goes with the second of them.

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
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};

/// The reading direction of a stream, owned.
pub struct OwnedReadHalf {
    stream: Arc<TcpStream>,
}

/// The writing direction of a stream, owned. Dropping it sends what was written and a FIN.
pub struct OwnedWriteHalf {
    stream: Arc<TcpStream>,
    /// Dropping it ends the direction.
    ends: bool,
}

pub(in crate::socket) fn split_owned(stream: TcpStream) -> (OwnedReadHalf, OwnedWriteHalf) {
    let stream = Arc::new(stream);
    (OwnedReadHalf { stream: Arc::clone(&stream) }, OwnedWriteHalf { stream, ends: true })
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
        if !Arc::ptr_eq(&self.stream, &other.stream) {
            return Err(ReuniteError(self, other));
        }
        other.forget();
        // The two halves are all that ever holds the stream, and the other one is gone.
        Arc::try_unwrap(self.stream).map_err(|stream| {
            let write = OwnedWriteHalf { stream: Arc::clone(&stream), ends: true };
            ReuniteError(Self { stream }, write)
        })
    }

    fn cell(&self) -> &sync::ReadHalf<Failure> {
        self.stream.read_half()
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
    pub fn forget(mut self) {
        self.ends = false;
    }

    fn cell(&self) -> &sync::WriteHalf<Failure> {
        self.stream.write_half()
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if self.ends {
            self.cell().shutdown();
        }
    }
}

impl AsRef<TcpStream> for OwnedReadHalf {
    fn as_ref(&self) -> &TcpStream {
        &self.stream
    }
}

impl AsRef<TcpStream> for OwnedWriteHalf {
    fn as_ref(&self) -> &TcpStream {
        &self.stream
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
