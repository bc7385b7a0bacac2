//! What every layer needs and no protocol owns: time as a value, keyed randomness, a paged slab.

pub mod prf;
pub mod slab;
pub mod time;

pub use prf::{Prf, Rng, Secrets};
pub use slab::{Id, Slab};
pub use time::Instant;
