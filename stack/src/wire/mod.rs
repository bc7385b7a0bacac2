//! Bytes to values and back; no state. A view over `&[u8]` checks every length once and cannot panic; a value type
//! writes itself and reads back equal.

pub mod addr;
pub mod checksum;
pub mod seq;
pub mod tcp;

pub use addr::{Addr, Endpoint, FlowKey, Mac};
pub use seq::SeqNum;
pub use tcp::{SackBlocks, TcpFlags, TcpHeader, TcpOptions, Timestamps};
