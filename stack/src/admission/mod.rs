//! What happens to a SYN: SYN-attack protection, pure.
//!
//! A peer that has not proved its address costs one entry of the bounded half-open store, without buffers, or nothing at
//! all (a SYN cookie). Its SYN-ACK goes back the way the SYN came, so that no neighbour entry is made for it. Only the
//! third ACK makes a [`Handshake`], from which the shard makes a connection that joins the listener's [`Backlog`].
//!
//! # What a SYN gets
//!
//! In this order:
//!
//! 1. The flow is half-open already: the same SYN is answered again from its entry; another SYN gets a challenge ACK.
//! 2. The accept queue is full: nothing, or RST (`accept_queue_full`).
//! 3. Cookies are sent `always`: a cookie.
//! 4. Half-open connections use up the backlog (`SynAttackProtect` 0 and 1): a cookie where cookies are enabled; else as 2.
//! 5. The store is full: a cookie where cookies are enabled; else the oldest entry whose peer is not proven is evicted.
//! 6. An entry, and its SYN-ACK.
//!
//! A SYN that reuses a connection in TIME-WAIT never gets a cookie: its sequence number must exceed the old one's, and a
//! cookie's cannot be chosen. So that a flood does not lock such a peer out, the last 64 places of the store and of the
//! backlog (at most a sixteenth of each) are its alone while cookies answer the others.
//!
//! # When the third ACK finds the accept queue full
//!
//! The entry stays. Its SYN-ACK is retransmitted, the peer acknowledges again (or sends data), and gets in as soon as the
//! application accepted somebody. If that does not happen within the entry's life, the peer is told by RST: it believes
//! in a connection. A *valid cookie* that finds the queue full is dropped without an answer: the client's data comes again.
//! The shard treats a full connection table alike, by not passing the segment on.
//!
//! # While protecting
//!
//! The SYN-ACK is retransmitted only `synack_retries_protected` times, and entries that have had more end at once. Options are kept
//! but for window scaling where `window_scaling_protected` is off, as NT has it. (The other known effect of NT, that no route
//! cache entry is made before the handshake is complete, holds here at all times.)

mod admit;
mod answer;
mod backlog;
mod cookie;
mod half_open;
mod protection;
mod segment;
mod state;
#[cfg(test)]
mod tests;

pub use admit::Admission;
pub use backlog::Backlog;
pub use cookie::MSS as COOKIE_MSS;
pub use half_open::HalfOpenId;
pub use protection::{Counts, EVENTS, ProtectionEvent, Reason};
pub use state::{HalfOpenRow, State};

use crate::tcp::Handshake;
use crate::telemetry::Discard;
use crate::wire::{FlowKey, Mac, SeqNum, TcpHeader, TcpOptions};

/// A SYN for a listener, without ACK, RST and FIN, checksum checked.
///
/// Data that it carries is neither kept nor acknowledged (RFC 4987, Section 3.5): the peer sends it again. The ECN bits of
/// a SYN that asks for ECN are ignored, which declines it (RFC 3168, Section 6.1.1).
#[derive(Clone, Copy, Debug)]
pub struct Syn {
    /// The connection that it asks for.
    pub flow: FlowKey,
    /// Its sequence number.
    pub seq: SeqNum,
    /// Its options.
    pub options: TcpOptions,
    /// The station that it came from: the SYN-ACK goes back there.
    pub reply_mac: Mac,
    /// The MSS to announce.
    pub our_mss: u16,
}

/// A segment without payload to send to a peer that has not proved its address: SYN-ACK, challenge ACK or RST.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reply {
    /// The connection; the segment goes to its remote side.
    pub flow: FlowKey,
    /// The complete header.
    pub header: TcpHeader,
    /// The station to send it to.
    pub reply_mac: Mac,
}

/// A half-open connection that is one no longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Removed {
    /// What it was named.
    pub id: HalfOpenId,
    /// The connection.
    pub flow: FlowKey,
    /// Its listener.
    pub listener: u32,
}

/// What a SYN gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// A SYN-ACK from an entry.
    Answer {
        /// The SYN-ACK.
        reply: Reply,
        /// The entry.
        id: HalfOpenId,
        /// It was made now; otherwise the SYN was a repeated one ([`Discard::SynDuplicate`]).
        new: bool,
        /// The entry that had to go for it ([`Discard::SynEvicted`]).
        evicted: Option<Removed>,
    },
    /// A SYN-ACK with a cookie; nothing is kept.
    Cookie(Reply),
    /// A challenge ACK (RFC 5961, Section 4): the flow is half-open with another sequence number. A peer that knows
    /// nothing of it answers with the exact RST that removes it.
    Challenge(Reply, Discard),
    /// Nothing.
    Drop(Discard),
    /// RST.
    Reset(Discard),
}

/// What a segment did to a half-open connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HalfOpenOutcome {
    /// The handshake is complete and the entry is gone. The new connection takes the segment next, with its data and FIN,
    /// and the backlog has a place for it.
    Complete(Handshake),
    /// The SYN again: its SYN-ACK again ([`Discard::SynDuplicate`]).
    Answer(Reply),
    /// A challenge ACK or the acknowledgment that an unacceptable segment gets; the entry stays.
    Challenge(Reply, Discard),
    /// RST in answer to this segment; the entry stays (RFC 9293, Section 3.10.7.4, fifth step).
    Reset(Discard),
    /// Nothing; the entry stays. [`Discard::SynBacklogFull`]: the third ACK came, and the accept queue is full.
    Drop(Discard),
    /// The peer reset it; the entry is gone.
    Gone(Discard),
}

/// What an ACK for a listener is, that belongs to no connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CookieOutcome {
    /// The answer to a cookie: the handshake is complete. The new connection takes the segment next, with its data and FIN, and
    /// the backlog has a place for it.
    Valid(Handshake),
    /// It may have been meant as one, but is invalid or too old.
    Invalid {
        /// [`Discard::CookieInvalid`], or [`Discard::CookieLimited`] where only the limit withheld the answer.
        discard: Discard,
        /// Whether it gets RST. A segment with data or FIN gets none: it may be ahead of the one whose sequence number
        /// the cookie is bound to, and RST would end a good connection.
        answer: bool,
    },
    /// It is valid, and the accept queue is full. No answer: the peer sends again.
    Full(Discard),
    /// This listener sent no cookie in the last two epochs: a stray segment like any other.
    NotExpected,
}

/// What time made due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// A SYN-ACK goes out again.
    Retransmit(Reply),
    /// A half-open connection ended ([`Discard::SynTimeout`]).
    Expired {
        /// What it was named.
        id: HalfOpenId,
        /// The connection.
        flow: FlowKey,
        /// Its listener.
        listener: u32,
        /// RST for a peer that had acknowledged while the accept queue was full.
        reset: Option<Reply>,
    },
}
