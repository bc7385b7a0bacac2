//! What applications hold: the handle of a stack, and sockets with tokio's names. A handle shares one cell with its shard;
//! nothing here waits for the shard, takes a lock or can be left half done: every future may be dropped at any await.

#[cfg(feature = "tokio")]
mod error;
#[cfg(feature = "tokio")]
mod open;
mod stack;
#[cfg(feature = "tokio")]
mod stream_io;
#[cfg(feature = "tokio")]
pub mod tcp;
#[cfg(feature = "tokio")]
mod tcp_listener;
#[cfg(feature = "tokio")]
mod tcp_socket;
#[cfg(feature = "tokio")]
mod tcp_stream;
#[cfg(feature = "tokio")]
mod transfer;

pub(crate) use stack::Ending;
pub use stack::Stack;
#[cfg(feature = "tokio")]
pub use tcp_listener::TcpListener;
#[cfg(feature = "tokio")]
pub use tcp_socket::TcpSocket;
#[cfg(feature = "tokio")]
pub use tcp_stream::TcpStream;
