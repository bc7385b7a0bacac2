//! What a completed handshake leaves: all that a connection is made from. A passive open produces it in `admission`
//! (from a half-open entry or from a valid cookie), an active open in `SynSent`.

use crate::wire::{FlowKey, SeqNum};

/// What the peer's SYN offered and we accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PeerOptions {
    /// Largest segment that the peer takes, after RFC 9293, Section 3.7.1 defaults.
    pub mss: u16,
    /// The peer's window scale shift (at most 14); `None`: no scaling in either direction.
    pub window_scale: Option<u8>,
    /// SACK agreed.
    pub sack: bool,
    /// Timestamps agreed: the peer's latest TSval (`ts_recent`).
    pub ts_recent: Option<u32>,
}

/// A completed three-way handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handshake {
    /// The connection.
    pub flow: FlowKey,
    /// Our initial sequence number; `iss + 1` is acknowledged.
    pub iss: SeqNum,
    /// The peer's initial sequence number; `irs + 1` is expected next.
    pub irs: SeqNum,
    /// What the peer offered.
    pub peer: PeerOptions,
    /// The shift that we announced (0 where scaling is not agreed).
    pub our_window_scale: u8,
    /// The window that our SYN or SYN-ACK announced, in bytes: its right edge must not shrink.
    pub our_window: u32,
    /// The peer's window in bytes, scaled, from the segment that completed the handshake.
    pub peer_window: u32,
    /// Offset that makes our TSval from the clock (keyed hash of the address pair).
    pub ts_offset: u32,
    /// The SYN-ACK or SYN was retransmitted (RFC 6298, Section 5.7; RFC 6928: no IW10, no RTT sample then).
    pub retransmitted: bool,
    /// Round-trip time of the handshake in microseconds, where it was measured.
    pub rtt_us: Option<u32>,
}
