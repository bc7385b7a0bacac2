//! Synward: a TCP/IP stack in user space in which nothing hangs and a SYN attack costs the attacker.
//!
//! The layers, each of which may import only those before it (`cargo xtask check` holds this):
//! [`base`], [`wire`], [`buffer`], [`sync`], [`settings`], [`telemetry`] ← [`tcp`], [`admission`], [`ip`] ← [`shard`] ←
//! [`socket`] ← [`driver`]; [`device`] implements the trait of [`buffer`]; [`sim`] stands above all.

// The model checker needs `sync` and what that stands on, and nothing else.
#[cfg(not(loom))]
pub mod admission;
pub mod base;
pub mod buffer;
#[cfg(not(loom))]
pub mod device;
#[cfg(not(loom))]
pub mod driver;
#[cfg(not(loom))]
pub mod ip;
#[cfg(not(loom))]
pub mod settings;
#[cfg(not(loom))]
pub mod shard;
#[cfg(not(loom))]
pub mod sim;
#[cfg(not(loom))]
pub mod socket;
pub mod sync;
#[cfg(not(loom))]
pub mod tcp;
#[cfg(not(loom))]
pub mod telemetry;
pub mod wire;

#[cfg(not(loom))]
pub use socket::Stack;
#[cfg(feature = "tokio")]
pub use socket::{TcpListener, TcpSocket, TcpStream};
