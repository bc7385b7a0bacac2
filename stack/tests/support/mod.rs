//! What tests against the real kernel share: a runner that gives each test a process and a network namespace of its own.
//!
//! A test target uses it with `harness = false` in `Cargo.toml` and
//!
//! ```ignore
//! mod support;
//! fn main() -> std::process::ExitCode {
//!     support::main(&support::tests![name_of_a_test_function, a_slow_one => 300])
//! }
//! ```

// Each test target compiles this for itself and uses a part of it.
#![allow(dead_code, unused_imports, unused_macros, unreachable_pub)]
#![allow(clippy::unwrap_used, reason = "tests")]

pub mod kernel;
pub mod netns;
mod runner;
pub mod stack;
pub mod stream;

pub use runner::{Test, end_with_test, main, skip};

use std::time::{Duration, Instant};

/// The tests of a target: names of functions, each with its limit in seconds where 60 are not enough.
macro_rules! tests {
    ($($name:ident $(=> $seconds:literal)?),+ $(,)?) => {
        [$($crate::support::Test {
            name: stringify!($name),
            run: $name,
            seconds: [$($seconds,)? 60][0],
        }),+]
    };
}
pub(crate) use tests;

/// Asks `attempt` until it gives something; panics with `what` after 20 seconds.
pub fn wait_for<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
