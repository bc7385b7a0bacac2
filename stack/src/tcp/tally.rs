//! What went in and out over the life of a connection, for those that ask for it: an idle connection that nobody looks at does
//! not pay for the counters.

use super::outcome::Outgoing;
use super::state::Common;

/// Counts since the connection was established. Segments and bytes that were sent again count each time.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    /// Segments received, whatever became of them.
    pub segments_in: u64,
    /// Those among them with data.
    pub data_segments_in: u64,
    /// Segments sent.
    pub segments_out: u64,
    /// Those among them with data.
    pub data_segments_out: u64,
    /// Bytes of data sent.
    pub bytes_sent: u64,
    /// Those among them that had been sent before.
    pub bytes_resent: u64,
    /// Bytes of data that the peer acknowledged.
    pub bytes_acked: u64,
    /// Bytes of data received in order.
    pub bytes_received: u64,
    /// Segments that arrived at the peer, by acknowledgment or SACK.
    pub delivered: u64,
}

impl Common {
    /// The counters, where they are kept.
    #[inline]
    pub(super) fn tally(&mut self) -> Option<&mut Tally> {
        self.rare.as_mut()?.tally.as_deref_mut()
    }
}

impl Tally {
    pub(super) fn on_received(&mut self, len: u32) {
        self.segments_in += 1;
        self.data_segments_in += u64::from(len > 0);
    }

    pub(super) fn on_sent(&mut self, out: &Outgoing, again: bool) {
        let segments = out.len.div_ceil(usize::from(out.segment_size).max(1));
        let segments = if out.segment_size == 0 { 1 } else { segments as u64 };
        self.segments_out += segments;
        if out.len > 0 {
            self.data_segments_out += segments;
            self.bytes_sent += out.len as u64;
        }
        if again {
            self.bytes_resent += out.len as u64;
        }
    }

    /// `bytes` of data are newly acknowledged, and `arrived` bytes newly known to be at the peer, in segments of `mss`.
    pub(super) fn on_acked(&mut self, bytes: usize, arrived: u32, mss: u32) {
        self.bytes_acked += bytes as u64;
        self.delivered += u64::from(arrived.div_ceil(mss.max(1)));
    }
}
