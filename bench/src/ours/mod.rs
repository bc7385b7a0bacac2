//! Our own figures: two hosts driven by hand in one thread, on a link in memory.

mod bulk;
mod connect;
mod dead;
mod flood;
mod hub;
mod idle;
mod pair;
mod ping;

pub use bulk::{Bulk, verify};
pub use connect::ConnectClose;
pub use dead::{dead_connects, stream};
pub use flood::Flood;
pub use idle::Idle;
pub use pair::{Pair, PairOptions};
pub use ping::{ping_pong, ping_pong_allocations};
