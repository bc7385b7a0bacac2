//! Frames with headroom and offload metadata, the pool they come from, and the trait that devices implement.

pub mod buf;
pub mod device;
pub mod pool;

pub use buf::{Buf, Checksum, Offload};
pub use device::{Capabilities, Device, Readiness, Received};
pub use pool::{Pool, SizeClass};
