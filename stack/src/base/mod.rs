//! What every layer needs and no protocol owns: time as a value, keyed randomness, a paged slab.

pub mod prf;
pub mod rate;
pub mod slab;
pub mod time;

pub use prf::{Prf, Rng, Secrets};
pub use rate::SharedBudget;
pub use slab::{Id, Slab};
pub use time::Instant;
