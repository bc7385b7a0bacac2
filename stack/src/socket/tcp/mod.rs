//! The two directions of a [`TcpStream`](super::TcpStream), as in `tokio::net::tcp`.

mod borrowed;
mod owned;

pub use borrowed::{ReadHalf, WriteHalf};
pub(super) use owned::split_owned;
pub use owned::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};

/// What both kinds of reading halves offer besides [`tokio::io::AsyncRead`].
macro_rules! reading_half {
    ($half:ty) => {
        impl $half {
            /// Our endpoint.
            ///
            /// # Errors
            /// None for a half that exists; the result is tokio's.
            pub fn local_addr(&self) -> io::Result<SocketAddr> {
                flow(self.cell().flow()).map(|flow| flow.local.to_socket_addr())
            }

            /// The peer's endpoint.
            ///
            /// # Errors
            /// As `local_addr`.
            pub fn peer_addr(&self) -> io::Result<SocketAddr> {
                flow(self.cell().flow()).map(|flow| flow.remote.to_socket_addr())
            }

            /// Waits until `interest` can be served; only reading can. An end counts as ready.
            ///
            /// # Errors
            /// An interest that is not in reading.
            pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
                poll_fn(|cx| stream_io::poll_ready(Some(self.cell()), None, interest, cx)).await
            }

            /// Waits until there is something to read, or the end.
            ///
            /// # Errors
            /// As `ready`.
            pub async fn readable(&self) -> io::Result<()> {
                self.ready(Interest::READABLE).await.map(drop)
            }

            /// Reads what is there; `Ok(0)` is the end of the stream, or an empty `buf`.
            ///
            /// # Errors
            /// [`io::ErrorKind::WouldBlock`] where nothing is there, or why nothing comes any more.
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                stream_io::try_read(self.cell(), buf)
            }

            /// As `try_read`, into several buffers.
            ///
            /// # Errors
            /// As `try_read`.
            pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                stream_io::try_read_vectored(self.cell(), bufs)
            }

            /// As `try_read`, into the memory that `buf` has now.
            ///
            /// # Errors
            /// As `try_read`.
            pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
                stream_io::try_read_buf(self.cell(), buf)
            }

            /// Waits for data and copies some of it, which stays unread.
            ///
            /// # Errors
            /// Why nothing comes any more.
            pub async fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                let mut buf = ReadBuf::new(buf);
                poll_fn(|cx| self.poll_peek(cx, &mut buf)).await
            }

            /// As `peek`, for a task that polls.
            ///
            /// # Errors
            /// As `peek`.
            pub fn poll_peek(
                &mut self,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<usize>> {
                stream_io::poll_peek(self.cell(), cx, buf)
            }
        }

        impl AsyncRead for $half {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                stream_io::poll_read(self.cell(), cx, buf)
            }
        }
    };
}

/// What both kinds of writing halves offer besides [`tokio::io::AsyncWrite`].
macro_rules! writing_half {
    ($half:ty) => {
        impl $half {
            /// Our endpoint.
            ///
            /// # Errors
            /// None for a half that exists; the result is tokio's.
            pub fn local_addr(&self) -> io::Result<SocketAddr> {
                flow(self.cell().flow()).map(|flow| flow.local.to_socket_addr())
            }

            /// The peer's endpoint.
            ///
            /// # Errors
            /// As `local_addr`.
            pub fn peer_addr(&self) -> io::Result<SocketAddr> {
                flow(self.cell().flow()).map(|flow| flow.remote.to_socket_addr())
            }

            /// Waits until `interest` can be served; only writing can. An end counts as ready.
            ///
            /// # Errors
            /// An interest that is not in writing.
            pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
                poll_fn(|cx| stream_io::poll_ready(None, Some(self.cell()), interest, cx)).await
            }

            /// Waits until there is room to write, or the end.
            ///
            /// # Errors
            /// As `ready`.
            pub async fn writable(&self) -> io::Result<()> {
                self.ready(Interest::WRITABLE).await.map(drop)
            }

            /// Writes as much as there is room for.
            ///
            /// # Errors
            /// [`io::ErrorKind::WouldBlock`] without room, or why nothing can be written any more.
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                stream_io::try_write(self.cell(), &[IoSlice::new(buf)])
            }

            /// As `try_write`, from several buffers.
            ///
            /// # Errors
            /// As `try_write`.
            pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                stream_io::try_write(self.cell(), bufs)
            }
        }

        impl AsyncWrite for $half {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                stream_io::poll_write(self.cell(), cx, &[IoSlice::new(buf)])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                stream_io::poll_write(self.cell(), cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                stream_io::poll_shutdown(self.cell())
            }
        }
    };
}

pub(in crate::socket) use {reading_half, writing_half};
