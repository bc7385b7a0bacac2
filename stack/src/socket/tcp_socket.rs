//! A socket before it connects or listens.

use super::{Stack, TcpListener, TcpStream, open};
use crate::sync::Choice;
use crate::tcp::{KeepaliveTimes, Options};
use core::time::Duration;
use std::io;
use std::net::SocketAddr;

/// A TCP socket that is not connected yet, to set its options, as [`tokio::net::TcpSocket`].
///
/// The one difference besides the stack: [`TcpSocket::listen`] is asynchronous, because the stack has to agree.
pub struct TcpSocket {
    stack: Stack,
    chosen: Choice<Chosen>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Chosen {
    local: Option<SocketAddr>,
    options: Options,
    reuseaddr: bool,
}

impl TcpSocket {
    /// A socket for IPv4 on `stack`.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn new_v4(stack: &Stack) -> io::Result<Self> {
        Ok(Self { stack: stack.clone(), chosen: Choice::new(Chosen::default()) })
    }

    /// Chooses the local address and port (`0.0.0.0` and 0: any). Whether they can be had, connecting or listening tells.
    ///
    /// # Errors
    /// It is bound already.
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        self.chosen.change(|chosen| {
            if chosen.local.is_some() {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "the socket is bound already"));
            }
            chosen.local = Some(addr);
            Ok(())
        })
    }

    /// The address that was bound.
    ///
    /// # Errors
    /// None was.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.chosen.get().local.ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    /// Connects.
    ///
    /// # Errors
    /// As [`TcpStream::connect`].
    pub async fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        let Self { stack, chosen } = self;
        let Chosen { local, options, .. } = chosen.get();
        let (read, write) = open::connect(&stack, local, addr, options).await?;
        Ok(TcpStream::new(read, write))
    }

    /// Listens, with room for `backlog` completed connections that nobody has accepted. Accepted connections have this
    /// socket's options.
    ///
    /// # Errors
    /// As [`TcpListener::bind`].
    pub async fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        let Self { stack, chosen } = self;
        let Chosen { local, options, .. } = chosen.get();
        let local = local.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
        let (accept, local) = open::listen(&stack, local, backlog, options).await?;
        Ok(TcpListener::new(accept, local))
    }

    fn change(&self, change: impl FnOnce(&mut Options)) -> io::Result<()> {
        self.chosen.change(|chosen| change(&mut chosen.options));
        Ok(())
    }

    fn options(&self) -> Options {
        self.chosen.get().options
    }

    /// Keeps whether connections in TIME-WAIT may be in the way of listening: they never are, so it makes no difference.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn set_reuseaddr(&self, reuseaddr: bool) -> io::Result<()> {
        self.chosen.change(|chosen| chosen.reuseaddr = reuseaddr);
        Ok(())
    }

    /// What [`TcpSocket::set_reuseaddr`] set.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn reuseaddr(&self) -> io::Result<bool> {
        Ok(self.chosen.get().reuseaddr)
    }

    /// An endpoint has one listener.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] for `true`: a second listener would be refused.
    pub fn set_reuseport(&self, reuseport: bool) -> io::Result<()> {
        if reuseport {
            let why = "an endpoint of this stack has one listener; let several tasks accept from it";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        Ok(())
    }

    /// Whether an endpoint may have several listeners: never.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn reuseport(&self) -> io::Result<bool> {
        Ok(false)
    }

    /// Sets the byte of DSCP and ECN (RFC 2474, Section 3) in the IPv4 header of every packet: at most 255.
    ///
    /// # Errors
    /// A larger number.
    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        let class = u8::try_from(tos).map_err(|_| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("a type of service of {tos}; it is at most 255"),
            )
        })?;
        self.change(|options| options.traffic_class = class)
    }

    /// What [`TcpSocket::set_tos_v4`] set.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn tos_v4(&self) -> io::Result<u32> {
        Ok(u32::from(self.options().traffic_class))
    }

    /// As [`TcpSocket::set_tos_v4`], by the name that tokio had for it before.
    ///
    /// # Errors
    /// As [`TcpSocket::set_tos_v4`].
    pub fn set_tos(&self, tos: u32) -> io::Result<()> {
        self.set_tos_v4(tos)
    }

    /// What [`TcpSocket::set_tos_v4`] set.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn tos(&self) -> io::Result<u32> {
        self.tos_v4()
    }

    /// A socket before it connects or listens has no error that nobody was told.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(None)
    }

    /// Probes an idle peer.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
        self.change(|options| options.keepalive = keepalive)
    }

    /// Whether an idle peer is probed.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn keepalive(&self) -> io::Result<bool> {
        Ok(self.options().keepalive)
    }

    /// The times of the probes, where they differ from the stack's settings.
    ///
    /// # Errors
    /// None; the result is as its neighbours'.
    pub fn set_keepalive_times(&self, times: Option<KeepaliveTimes>) -> io::Result<()> {
        self.change(|options| options.keepalive_times = times)
    }

    /// The longest time that written data, a FIN or a closed window of the peer may go without progress before the
    /// connection fails (RFC 9293, Section 3.8.3); `None`: as the stack's settings say.
    ///
    /// # Errors
    /// None; the result is as its neighbours'.
    pub fn set_user_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.change(|options| options.user_timeout = timeout)
    }

    /// Sends small segments at once (Nagle's algorithm off).
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.change(|options| options.nodelay = nodelay)
    }

    /// Whether small segments are sent at once.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn nodelay(&self) -> io::Result<bool> {
        Ok(self.options().nodelay)
    }

    /// The most bytes that are kept for sending.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn set_send_buffer_size(&self, size: u32) -> io::Result<()> {
        self.change(|options| options.send_buffer_max = Some(size))
    }

    /// What [`TcpSocket::set_send_buffer_size`] set; 0: as the stack's settings say.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        Ok(self.options().send_buffer_max.unwrap_or(0))
    }

    /// The largest receive window.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn set_recv_buffer_size(&self, size: u32) -> io::Result<()> {
        self.change(|options| options.receive_window_max = Some(size))
    }

    /// What [`TcpSocket::set_recv_buffer_size`] set; 0: as the stack's settings say.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        Ok(self.options().receive_window_max.unwrap_or(0))
    }

    /// Sets what dropping the stream does with data that is not acknowledged: see [`TcpStream::set_linger`].
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        self.change(|options| options.linger = linger)
    }

    /// Makes dropping the stream a reset.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.set_linger(Some(Duration::ZERO))
    }

    /// What [`TcpSocket::set_linger`] set.
    ///
    /// # Errors
    /// None; the result is tokio's.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        Ok(self.options().linger)
    }
}

impl core::fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TcpSocket").field("local", &self.chosen.get().local).finish_non_exhaustive()
    }
}
