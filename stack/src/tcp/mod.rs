//! One TCP connection, pure: input are segments, calls and the time; output are segments, events and the next deadline.

mod ack_policy;
mod application;
mod challenge;
mod close;
pub mod congestion;
pub mod connection;
mod cwnd_use;
pub mod error;
pub mod handshake;
mod hold;
pub mod icmp;
pub mod info;
pub mod isn;
mod keepalive;
mod on_segment;
pub mod options;
pub mod outcome;
mod persist;
mod poll_transmit;
pub mod ports;
pub mod reassembly;
mod retransmit;
pub mod rtt;
pub mod sack;
mod stamp;
pub mod state;
mod syn_sent;
mod tally;
#[cfg(test)]
mod tests;
pub mod time_wait;
mod timer;
pub mod timestamps;
pub mod transition;
mod urgent;
mod window;

pub use connection::{Connection, Context};
pub use error::{CloseReason, ConnectError, IoError};
pub use handshake::{Handshake, PeerOptions};
pub use icmp::{IcmpError, IcmpKind};
pub use info::{Info, Repair};
pub use options::{KeepaliveTimes, Options, PacketOptions};
pub use outcome::{End, Events, Outcome, Outgoing, Reset};
pub use state::TcpState;
pub use syn_sent::connect_bound;
pub use tally::Tally;
