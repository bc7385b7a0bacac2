//! Ephemeral ports (RFC 6056): a random start, then at most one pass over the range.

use crate::base::{Prf, Rng};
use crate::wire::{Addr, Endpoint};

/// A local port that was free for its remote endpoint when the search asked. Only [`search`] makes one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortIsFree(u16);

impl PortIsFree {
    /// The port.
    pub const fn port(self) -> u16 {
        self.0
    }
}

/// Every port of the range was in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no local port is free for {remote}: {tries} ports of {low} to {high} tried")]
pub struct PortsExhausted {
    /// The endpoint that was to be reached.
    pub remote: Endpoint,
    /// Lowest port of the range.
    pub low: u16,
    /// Highest port of the range.
    pub high: u16,
    /// Ports that were asked for: each port of the range once.
    pub tries: u32,
}

/// A free port of `low..=high` for a connection from `local` to `remote`.
///
/// # Errors
/// [`PortsExhausted`] after each port of the range was asked for once (at once, where the range is empty).
pub fn search(
    prf: &Prf,
    rng: &mut Rng,
    local: Addr,
    remote: Endpoint,
    low: u16,
    high: u16,
    mut is_free: impl FnMut(u16) -> bool,
) -> Result<PortIsFree, PortsExhausted> {
    let count = (u32::from(high) + 1).saturating_sub(u32::from(low));
    // RFC 6056, Section 3.3.3: the keyed hash gives every destination its own start, so that one destination learns
    // nothing of the ports used towards another. The place of the algorithm's counter is taken by a random number
    // (Section 3.3.1), which needs no state that a destination could make grow or read.
    let mut input = [0; 34];
    input[..16].copy_from_slice(local.octets());
    input[16..32].copy_from_slice(remote.addr.octets());
    input[32..].copy_from_slice(&remote.port.to_be_bytes());
    let start = prf.strong(&input).wrapping_add(rng.next_u64()) % u64::from(count.max(1));
    for step in 0..count {
        let port = u32::from(low) + (start as u32 + step) % count;
        let Ok(port) = u16::try_from(port) else { continue };
        if is_free(port) {
            return Ok(PortIsFree(port));
        }
    }
    Err(PortsExhausted { remote, low, high, tries: count })
}

/// As [`search`], and gives the bare number.
///
/// # Errors
/// As [`search`].
pub fn choose(
    prf: &Prf,
    rng: &mut Rng,
    local: Addr,
    remote: Endpoint,
    low: u16,
    high: u16,
    is_free: impl FnMut(u16) -> bool,
) -> Result<u16, PortsExhausted> {
    search(prf, rng, local, remote, low, high, is_free).map(PortIsFree::port)
}
