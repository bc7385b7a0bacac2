//! What goes with a frame besides its bytes: how far its checksum is, and what a super-segment stands for.

/// What is known of a frame's transport checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Checksum {
    /// It stands in the frame and nobody has verified it.
    #[default]
    Complete,
    /// Received: the device or the local kernel vouches for it.
    Verified,
    /// The field holds the sum of the pseudo-header; whoever puts the frame on a wire finishes it over the bytes from
    /// `start` and stores it at `start + offset`. Received so, it is a local frame and counts as verified.
    Partial {
        /// Offset of the transport header from the start of the frame.
        start: u16,
        /// Offset of the checksum field in the transport header.
        offset: u16,
    },
}

/// Offload metadata of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Offload {
    /// State of the transport checksum.
    pub checksum: Checksum,
    /// Payload bytes of each segment that this super-segment stands for; 0 where the frame is one segment.
    pub segment_size: u16,
}
