//! Halves that borrow their stream.

use super::super::tcp_stream::flow;
use super::super::{TcpStream, stream_io};
use super::{reading_half, writing_half};
use crate::shard::Failure;
use crate::sync;
use bytes::BufMut;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};

/// The reading direction of a borrowed stream.
#[derive(Debug)]
pub struct ReadHalf<'a>(&'a TcpStream);

/// The writing direction of a borrowed stream. Dropping it does nothing.
#[derive(Debug)]
pub struct WriteHalf<'a>(&'a TcpStream);

impl<'a> ReadHalf<'a> {
    pub(in crate::socket) fn new(stream: &'a TcpStream) -> Self {
        Self(stream)
    }

    fn cell(&self) -> &sync::ReadHalf<Failure> {
        self.0.read_half()
    }
}

impl<'a> WriteHalf<'a> {
    pub(in crate::socket) fn new(stream: &'a TcpStream) -> Self {
        Self(stream)
    }

    fn cell(&self) -> &sync::WriteHalf<Failure> {
        self.0.write_half()
    }
}

impl AsRef<TcpStream> for ReadHalf<'_> {
    fn as_ref(&self) -> &TcpStream {
        self.0
    }
}

impl AsRef<TcpStream> for WriteHalf<'_> {
    fn as_ref(&self) -> &TcpStream {
        self.0
    }
}

reading_half!(ReadHalf<'_>);
writing_half!(WriteHalf<'_>);
