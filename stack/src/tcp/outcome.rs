//! What a connection gives back: events for the application, a discard, an RST to send, its end, segments to send.

use super::error::CloseReason;
use super::time_wait::TimeWaitRecord;
use crate::telemetry::Discard;
use crate::wire::{FlowKey, SeqNum, TcpFlags, TcpHeader, TcpOptions, Timestamps};

/// What the application may want to know; a set of bits.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Events(u8);

impl Events {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The handshake is complete.
    pub const ESTABLISHED: Self = Self(1);
    /// There are new bytes to read.
    pub const READABLE: Self = Self(2);
    /// Room to write came free.
    pub const WRITABLE: Self = Self(4);
    /// The peer's FIN: after what is queued, reading gives 0.
    pub const END_OF_STREAM: Self = Self(8);
    /// A new urgent pointer (RFC 6093).
    pub const URGENT: Self = Self(16);

    /// Whether all of `events` are in the set.
    pub const fn contains(self, events: Self) -> bool {
        self.0 & events.0 == events.0
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds `events`.
    pub fn insert(&mut self, events: Self) {
        self.0 |= events.0;
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, events: Self) -> Self {
        Self(self.0 | events.0)
    }
}

impl core::fmt::Debug for Events {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let names = [
            (Self::ESTABLISHED, "established"),
            (Self::READABLE, "readable"),
            (Self::WRITABLE, "writable"),
            (Self::END_OF_STREAM, "end-of-stream"),
            (Self::URGENT, "urgent"),
        ];
        f.debug_set().entries(names.iter().filter(|(e, _)| self.contains(*e)).map(|(_, n)| n)).finish()
    }
}

/// An RST that the shard sends for the connection's flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reset {
    /// Its sequence number.
    pub seq: SeqNum,
    /// Its acknowledgment number; `None`: without ACK.
    pub ack: Option<SeqNum>,
    /// Its timestamps (RFC 7323, Section 5.2): those of the connection, where they are agreed; in an answer to a segment that
    /// has no connection, the echo of that segment's and a value of zero.
    pub timestamps: Option<Timestamps>,
}

impl Reset {
    /// The answer to a segment with ACK that fits no connection: its sender finds its own number in it.
    pub fn answer(header: &TcpHeader) -> Self {
        Self { seq: header.ack, ack: None, timestamps: Self::echo(header) }
    }

    /// The timestamps of an RST that `header` causes.
    pub fn echo(header: &TcpHeader) -> Option<Timestamps> {
        header.options.timestamps.map(|seen| Timestamps { value: 0, echo: seen.value })
    }

    /// Its header on `flow`.
    pub fn header(&self, flow: &FlowKey) -> TcpHeader {
        let flags = if self.ack.is_some() { TcpFlags::RST.with(TcpFlags::ACK) } else { TcpFlags::RST };
        TcpHeader {
            src_port: flow.local.port,
            dst_port: flow.remote.port,
            seq: self.seq,
            ack: self.ack.unwrap_or_default(),
            flags,
            options: TcpOptions { timestamps: self.timestamps, ..TcpOptions::default() },
            ..TcpHeader::default()
        }
    }
}

/// The connection is over: the shard takes it out of its table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Into TIME-WAIT, as this compact record. The connection still owes the last ACK: the shard polls it until
    /// there is nothing to transmit (and takes what is unread) before it drops it.
    TimeWait(TimeWaitRecord),
    /// For good.
    Closed(CloseReason),
}

/// What one input did.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// For the application.
    pub events: Events,
    /// The segment went no further, for this reason.
    pub discard: Option<Discard>,
    /// An RST to send.
    pub reset: Option<Reset>,
    /// The end.
    pub end: Option<End>,
}

impl Outcome {
    /// Nothing happened.
    pub const NONE: Self = Self { events: Events::NONE, discard: None, reset: None, end: None };

    pub(super) fn discard(reason: Discard) -> Self {
        Self { discard: Some(reason), ..Self::NONE }
    }

    pub(super) fn closed(reason: CloseReason) -> Self {
        Self { end: Some(End::Closed(reason)), ..Self::NONE }
    }

    pub(super) fn with_reset(mut self, reset: Reset) -> Self {
        self.reset = Some(reset);
        self
    }
}

/// A segment to send. Its payload is read by `Connection::payload`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Outgoing {
    /// The header; the checksum is the writer's.
    pub header: TcpHeader,
    /// Where the payload starts in the send queue, from `snd_una`.
    pub offset: usize,
    /// Bytes of payload.
    pub len: usize,
    /// Payload bytes of each segment where this is a super-segment; 0: one segment.
    pub segment_size: u16,
}
