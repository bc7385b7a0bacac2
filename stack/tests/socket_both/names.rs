// Included once for each kind of sockets: the calls by tokio's names, each with tokio's signature. It is a test because it
// compiles for both. Not here are the ways to open, which have the stack as first argument, and what has no meaning without
// the system's sockets: `from_std` and `into_std`, `new_v6`, `tclass_v6`, `device` and `bind_device`, descriptors.

#[allow(clippy::type_complexity, reason = "signatures as tokio has them are what is tested")]
mod names {
    use super::tcp::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
    use super::{TcpListener, TcpSocket, TcpStream};
    use std::io::{IoSlice, IoSliceMut, Result};
    use std::net::SocketAddr;
    use std::task::{Context, Poll};
    use std::time::Duration;
    use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};

    type Get<S, T> = fn(&S) -> Result<T>;
    type Set<S, T> = fn(&S, T) -> Result<()>;
    type Shared<'a, S, A, T> = fn(&'a S, A) -> T;
    type PollPeek<'a, S> = fn(&'a S, &mut Context<'_>, &mut ReadBuf<'_>) -> Poll<Result<usize>>;
    type PollPeekHalf<'a, S> = fn(&'a mut S, &mut Context<'_>, &mut ReadBuf<'_>) -> Poll<Result<usize>>;

    fn thread_safe<T: Send + Sync + Unpin + std::fmt::Debug>() {}
    fn reads<T: AsyncRead + AsRef<TcpStream>>() {}
    fn writes<T: AsyncWrite + AsRef<TcpStream>>() {}
    /// An async call, its future's output pinned to a type.
    fn gives<T>(_: impl Future<Output = Result<T>>) {}

    #[test]
    fn traits() {
        thread_safe::<TcpStream>();
        thread_safe::<TcpListener>();
        thread_safe::<TcpSocket>();
        thread_safe::<OwnedReadHalf>();
        thread_safe::<OwnedWriteHalf>();
        thread_safe::<ReuniteError>();
        thread_safe::<ReadHalf<'_>>();
        thread_safe::<WriteHalf<'_>>();
        reads::<TcpStream>();
        writes::<TcpStream>();
        reads::<OwnedReadHalf>();
        writes::<OwnedWriteHalf>();
        reads::<ReadHalf<'_>>();
        writes::<WriteHalf<'_>>();
    }

    #[test]
    #[allow(deprecated, reason = "tokio keeps these names too")]
    fn socket() {
        let _: [Set<TcpSocket, bool>; 4] = [
            TcpSocket::set_keepalive,
            TcpSocket::set_reuseaddr,
            TcpSocket::set_reuseport,
            TcpSocket::set_nodelay,
        ];
        let _: [Get<TcpSocket, bool>; 4] =
            [TcpSocket::keepalive, TcpSocket::reuseaddr, TcpSocket::reuseport, TcpSocket::nodelay];
        let _: [Set<TcpSocket, u32>; 4] = [
            TcpSocket::set_send_buffer_size,
            TcpSocket::set_recv_buffer_size,
            TcpSocket::set_tos_v4,
            TcpSocket::set_tos,
        ];
        let _: [Get<TcpSocket, u32>; 4] = [
            TcpSocket::send_buffer_size,
            TcpSocket::recv_buffer_size,
            TcpSocket::tos_v4,
            TcpSocket::tos,
        ];
        let _: Set<TcpSocket, Option<Duration>> = TcpSocket::set_linger;
        let _: Get<TcpSocket, Option<Duration>> = TcpSocket::linger;
        let _: Get<TcpSocket, ()> = TcpSocket::set_zero_linger;
        let _: Get<TcpSocket, SocketAddr> = TcpSocket::local_addr;
        let _: Get<TcpSocket, Option<std::io::Error>> = TcpSocket::take_error;
        let _: Set<TcpSocket, SocketAddr> = TcpSocket::bind;
        let _ = |socket: TcpSocket, to: SocketAddr| gives::<TcpStream>(socket.connect(to));
    }

    #[test]
    fn listener() {
        let _: Get<TcpListener, u32> = TcpListener::ttl;
        let _: Set<TcpListener, u32> = TcpListener::set_ttl;
        let _: Get<TcpListener, SocketAddr> = TcpListener::local_addr;
        let _: fn(&TcpListener, &mut Context<'_>) -> Poll<Result<(TcpStream, SocketAddr)>> =
            TcpListener::poll_accept;
        let _ = |listener: &TcpListener| gives::<(TcpStream, SocketAddr)>(listener.accept());
    }

    #[test]
    #[allow(deprecated, reason = "tokio keeps these names too")]
    fn stream() {
        let _: [Get<TcpStream, SocketAddr>; 2] = [TcpStream::local_addr, TcpStream::peer_addr];
        let _: Get<TcpStream, Option<std::io::Error>> = TcpStream::take_error;
        let _: [Get<TcpStream, bool>; 2] = [TcpStream::nodelay, TcpStream::quickack];
        let _: [Set<TcpStream, bool>; 2] = [TcpStream::set_nodelay, TcpStream::set_quickack];
        let _: Get<TcpStream, u32> = TcpStream::ttl;
        let _: Set<TcpStream, u32> = TcpStream::set_ttl;
        let _: Get<TcpStream, Option<Duration>> = TcpStream::linger;
        let _: Set<TcpStream, Option<Duration>> = TcpStream::set_linger;
        let _: Get<TcpStream, ()> = TcpStream::set_zero_linger;
        let _: PollPeek<'_, TcpStream> = TcpStream::poll_peek;
        let _: [fn(&TcpStream, &mut Context<'_>) -> Poll<Result<()>>; 2] =
            [TcpStream::poll_read_ready, TcpStream::poll_write_ready];
        let _: Shared<'_, TcpStream, &mut [u8], Result<usize>> = TcpStream::try_read;
        let _: Shared<'_, TcpStream, &mut [IoSliceMut<'_>], Result<usize>> = TcpStream::try_read_vectored;
        let _: Shared<'_, TcpStream, &mut Vec<u8>, Result<usize>> = TcpStream::try_read_buf;
        let _: Shared<'_, TcpStream, &[u8], Result<usize>> = TcpStream::try_write;
        let _: Shared<'_, TcpStream, &[IoSlice<'_>], Result<usize>> = TcpStream::try_write_vectored;
        let _: fn(&TcpStream, Interest, fn() -> Result<u8>) -> Result<u8> = TcpStream::try_io;
        let _ = |s: &TcpStream, act: fn() -> Result<u8>| gives::<u8>(s.async_io(Interest::READABLE, act));
        let _ = |s: &TcpStream| gives::<Ready>(s.ready(Interest::READABLE));
        let _ = |s: &TcpStream| (gives::<()>(s.readable()), gives::<()>(s.writable()));
        let _ = |s: &TcpStream, bytes: &mut [u8]| gives::<usize>(s.peek(bytes));
        let _: fn(&mut TcpStream) -> (ReadHalf<'_>, WriteHalf<'_>) = TcpStream::split;
        let _: fn(TcpStream) -> (OwnedReadHalf, OwnedWriteHalf) = TcpStream::into_split;
    }

    macro_rules! halves {
        ($name:ident, $read:ty, $write:ty) => {
            #[test]
            fn $name() {
                let _: [Get<$read, SocketAddr>; 2] = [<$read>::local_addr, <$read>::peer_addr];
                let _: [Get<$write, SocketAddr>; 2] = [<$write>::local_addr, <$write>::peer_addr];
                let _: PollPeekHalf<'_, $read> = <$read>::poll_peek;
                let _: Shared<'_, $read, &mut [u8], Result<usize>> = <$read>::try_read;
                let _: Shared<'_, $read, &mut [IoSliceMut<'_>], Result<usize>> = <$read>::try_read_vectored;
                let _: Shared<'_, $read, &mut Vec<u8>, Result<usize>> = <$read>::try_read_buf;
                let _: Shared<'_, $write, &[u8], Result<usize>> = <$write>::try_write;
                let _: Shared<'_, $write, &[IoSlice<'_>], Result<usize>> = <$write>::try_write_vectored;
                let _ = |half: &mut $read, bytes: &mut [u8]| gives::<usize>(half.peek(bytes));
                let _ = |half: &$read| gives::<Ready>(half.ready(Interest::READABLE));
                let _ = |half: &$write| gives::<Ready>(half.ready(Interest::WRITABLE));
                let _ = |read: &$read| gives::<()>(read.readable());
                let _ = |write: &$write| gives::<()>(write.writable());
            }
        };
    }

    halves!(borrowed_halves, ReadHalf<'_>, WriteHalf<'_>);
    halves!(owned_halves, OwnedReadHalf, OwnedWriteHalf);

    #[test]
    fn reunion() {
        type Reunion = std::result::Result<TcpStream, ReuniteError>;
        let _: fn(OwnedReadHalf, OwnedWriteHalf) -> Reunion = OwnedReadHalf::reunite;
        let _: fn(OwnedWriteHalf, OwnedReadHalf) -> Reunion = OwnedWriteHalf::reunite;
        let _: fn(OwnedWriteHalf) = OwnedWriteHalf::forget;
    }
}
