//! Synward: a TCP/IP stack in user space in which nothing hangs and a SYN attack costs the attacker.
//!
//! The layers, each of which may import only those before it (`cargo xtask check` holds this):
//! [`base`], [`wire`], [`buffer`], [`sync`], [`settings`], [`telemetry`] ← [`tcp`], [`admission`], [`ip`] ← [`shard`] ←
//! [`socket`] ← [`driver`]; [`device`] implements the trait of [`buffer`]; [`sim`] stands above all.

pub mod admission;
pub mod base;
pub mod buffer;
pub mod device;
pub mod driver;
pub mod ip;
pub mod settings;
pub mod shard;
pub mod sim;
pub mod socket;
pub mod sync;
pub mod tcp;
pub mod telemetry;
pub mod wire;

pub use socket::Stack;
#[cfg(feature = "tokio")]
pub use socket::{TcpListener, TcpSocket, TcpStream};
