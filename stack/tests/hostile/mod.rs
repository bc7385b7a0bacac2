//! What the tests with hostile packets share: captures read and readdressed, and a host that they are injected into.
//!
//! Every test file compiles this for itself and uses a part of it.
#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod capture;
pub(crate) mod readdress;
pub(crate) mod stand;
