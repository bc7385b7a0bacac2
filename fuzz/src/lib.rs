//! Fuzz targets: each is a function of bytes that panics where something does not hold that must always hold.
//!
//! Two programs run them. libFuzzer, through the files in `fuzz_targets/`, where a nightly compiler is at hand; and
//! `tests/drive.rs`, which mutates seeds by itself on any compiler, a set number of times from a set seed, so that a failure comes
//! again. Inputs that once failed are kept in `regressions/` and run first.

pub mod documents;
pub mod mutate;
pub mod stack;
pub mod wire;

/// What an input reached, as a set of bits: an input with a new one is worth mutating.
pub type Reached = u128;

/// A fuzz target.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Runs one input.
    pub run: fn(&[u8]) -> Reached,
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Executions in a short run and in a long one.
    pub executions: (u64, u64),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "ethernet",
        run: wire::ethernet,
        seeds: wire::seeds_ethernet,
        executions: (100_000, 2_000_000),
    },
    Target { name: "arp", run: wire::arp, seeds: wire::seeds_arp, executions: (100_000, 2_000_000) },
    Target { name: "ipv4", run: wire::ipv4, seeds: wire::seeds_ipv4, executions: (200_000, 2_000_000) },
    Target { name: "icmpv4", run: wire::icmpv4, seeds: wire::seeds_icmpv4, executions: (200_000, 2_000_000) },
    Target { name: "tcp", run: wire::tcp, seeds: wire::seeds_tcp, executions: (200_000, 2_000_000) },
    Target { name: "reg", run: documents::reg, seeds: documents::seeds_reg, executions: (20_000, 400_000) },
    Target {
        name: "toml",
        run: documents::toml,
        seeds: documents::seeds_toml,
        executions: (20_000, 200_000),
    },
    Target { name: "stack", run: stack::run, seeds: stack::seeds, executions: (20_000, 2_000_000) },
];
