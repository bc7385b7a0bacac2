//! What a program may expect of a TCP socket, held against the kernel's sockets through tokio and against ours: the same
//! bodies, so that a difference shows as a failure of one of the two.

#![allow(clippy::unwrap_used, reason = "tests")]

mod kernel {
    use std::io;
    use std::net::SocketAddr;
    pub(crate) use tokio::net::{TcpListener, TcpSocket, TcpStream, tcp};

    /// The kernel's loopback.
    pub(crate) struct Net;

    impl Net {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        pub(crate) async fn listen(&self) -> io::Result<TcpListener> {
            TcpListener::bind("127.0.0.1:0").await
        }

        pub(crate) async fn connect(&self, listener: &TcpListener) -> io::Result<TcpStream> {
            self.connect_to(listener.local_addr()?).await
        }

        pub(crate) async fn connect_to(&self, addr: SocketAddr) -> io::Result<TcpStream> {
            TcpStream::connect(addr).await
        }
    }

    include!("socket_both/names.rs");
    include!("socket_both/bodies.rs");
}

mod ours {
    use std::io;
    use std::net::SocketAddr;
    use synward::Stack;
    use synward::device::memory::{LinkOptions, link};
    pub(crate) use synward::{TcpListener, TcpSocket, TcpStream, socket::tcp};

    /// Two stacks on an in-memory link.
    pub(crate) struct Net {
        server: Stack,
        client: Stack,
    }

    impl Net {
        pub(crate) fn new() -> io::Result<Self> {
            let (left, right) = link(LinkOptions::default());
            Ok(Self {
                server: Stack::builder(left).address("192.0.2.1/24").test_seed(1).spawn()?,
                client: Stack::builder(right).address("192.0.2.2/24").test_seed(2).spawn()?,
            })
        }

        pub(crate) async fn listen(&self) -> io::Result<TcpListener> {
            TcpListener::bind(&self.server, "192.0.2.1:0").await
        }

        pub(crate) async fn connect(&self, listener: &TcpListener) -> io::Result<TcpStream> {
            self.connect_to(listener.local_addr()?).await
        }

        pub(crate) async fn connect_to(&self, addr: SocketAddr) -> io::Result<TcpStream> {
            TcpStream::connect(&self.client, addr).await
        }
    }

    include!("socket_both/names.rs");
    include!("socket_both/bodies.rs");
}
