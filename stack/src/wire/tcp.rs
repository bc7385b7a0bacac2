//! TCP headers and options (RFC 9293, Section 3.1 and 3.2; RFC 7323; RFC 2018).

use super::SeqNum;

/// The control bits of the header, in wire order: CWR ECE URG ACK PSH RST SYN FIN.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronize sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment field counts.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer counts.
    pub const URG: Self = Self(0x20);
    /// ECN echo (RFC 3168).
    pub const ECE: Self = Self(0x40);
    /// Congestion window reduced (RFC 3168).
    pub const CWR: Self = Self(0x80);

    /// Whether all bits of `flags` are set.
    #[inline]
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Both sets together.
    #[inline]
    pub const fn with(self, flags: Self) -> Self {
        Self(self.0 | flags.0)
    }

    /// `self` without the bits of `flags`.
    #[inline]
    pub const fn without(self, flags: Self) -> Self {
        Self(self.0 & !flags.0)
    }

    /// SYN is set.
    #[inline]
    pub const fn syn(self) -> bool {
        self.contains(Self::SYN)
    }

    /// ACK is set.
    #[inline]
    pub const fn ack(self) -> bool {
        self.contains(Self::ACK)
    }

    /// RST is set.
    #[inline]
    pub const fn rst(self) -> bool {
        self.contains(Self::RST)
    }

    /// FIN is set.
    #[inline]
    pub const fn fin(self) -> bool {
        self.contains(Self::FIN)
    }

    /// URG is set.
    #[inline]
    pub const fn urg(self) -> bool {
        self.contains(Self::URG)
    }

    /// Whether no segment may have these bits together, so that it is discarded before a connection is looked for: a SYN that
    /// opens (without ACK) and closes by FIN or RST in one segment. RFC 9293, Section 3.10.7.2 would take such a SYN; no system
    /// sends one, scanners and amplifiers do, and Linux and the BSDs drop it.
    ///
    /// FIN with RST is not among them: RST decides (Section 3.10.7.4) and FIN means nothing beside it.
    #[inline]
    pub const fn is_impossible(self) -> bool {
        self.syn() && (self.rst() || (self.fin() && !self.ack()))
    }
}

/// The timestamps option (RFC 7323, Section 3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Timestamps {
    /// TSval: the sender's clock.
    pub value: u32,
    /// TSecr: the clock value that the sender echoes; it counts only with ACK.
    pub echo: u32,
}

/// Up to four SACK blocks (RFC 2018, Section 3): `[start, end)` each, in the order of the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SackBlocks {
    /// How many of `blocks` count.
    pub len: u8,
    /// The blocks.
    pub blocks: [(SeqNum, SeqNum); 4],
}

impl SackBlocks {
    /// The blocks that count.
    #[inline]
    pub fn as_slice(&self) -> &[(SeqNum, SeqNum)] {
        &self.blocks[..usize::from(self.len).min(4)]
    }

    /// Adds a block where there is room; tells whether there was.
    pub fn push(&mut self, start: SeqNum, end: SeqNum) -> bool {
        let Some(place) = self.blocks.get_mut(usize::from(self.len)) else { return false };
        *place = (start, end);
        self.len += 1;
        true
    }
}

/// The options of one segment; those that it does not know were skipped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TcpOptions {
    /// Maximum segment size (SYN only; RFC 9293, Section 3.7.1).
    pub mss: Option<u16>,
    /// Window scale shift as sent, 0 to 255 (SYN only; RFC 7323, Section 2: the receiver limits it to 14).
    pub window_scale: Option<u8>,
    /// SACK permitted (SYN only).
    pub sack_permitted: bool,
    /// Timestamps.
    pub timestamps: Option<Timestamps>,
    /// SACK blocks.
    pub sack: SackBlocks,
}

/// A TCP header as a value. The checksum is computed when it is written and checked when it is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TcpHeader {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number of the first byte (or of SYN).
    pub seq: SeqNum,
    /// Acknowledgment number; counts only with ACK.
    pub ack: SeqNum,
    /// Control bits.
    pub flags: TcpFlags,
    /// The window field as on the wire (not scaled).
    pub window: u16,
    /// Urgent pointer; counts only with URG.
    pub urgent: u16,
    /// Options.
    pub options: TcpOptions,
}

impl core::fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        const NAMES: [(u8, &str); 8] =
            [(2, "S"), (1, "F"), (4, "R"), (8, "P"), (16, "."), (32, "U"), (64, "E"), (128, "W")];
        NAMES.iter().filter(|(bit, _)| self.0 & bit != 0).try_for_each(|(_, name)| f.write_str(name))
    }
}
