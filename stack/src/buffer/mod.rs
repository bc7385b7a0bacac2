//! Frames with headroom and offload metadata, the pool they come from, and the trait that devices implement.

pub mod buf;
mod chunks;
pub(crate) mod copy;
pub mod device;
pub mod offload;
pub mod pool;
pub mod receive_queue;
pub mod send_queue;

pub use buf::Buf;
pub(crate) use buf::prefetch;
pub use device::{Capabilities, Device, Readiness, Received, Simulated};
pub use offload::{Checksum, Offload};
pub use pool::{Pool, SizeClass};
pub use receive_queue::ReceiveQueue;
pub use send_queue::SendQueue;
