//! Tests by program.

pub mod iperf;
pub mod netcat;
pub mod nmap;
pub mod probes;
mod program;
pub mod redis;
mod reference;
mod scratch;
pub mod sipp;
pub mod ssh;
mod way;
pub mod web;

use program::{Server, need, output, run};
use scratch::Scratch;
use way::Way;

/// Whether this is the longer run.
pub fn long() -> bool {
    std::env::var_os("SYNWARD_LONG").is_some_and(|value| value == "1")
}

/// The load of a test: the first here, the second in the longer run.
fn load(short: u32, longer: u32) -> String {
    if long() { longer } else { short }.to_string()
}
