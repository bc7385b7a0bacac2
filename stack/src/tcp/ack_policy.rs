//! When received data is acknowledged (RFC 9293, Section 3.8.6.3; RFC 5681, Section 4.2).

use super::connection::Context;
use super::state::{Common, Flags, Synchronized};
use crate::base::Instant;
use crate::wire::SeqNum;

/// The count of quick acknowledgments that does not run out.
const ALWAYS_QUICK: u8 = u8::MAX;

impl Synchronized {
    /// Whether every segment is acknowledged at once. One whose ACK is being delayed is acknowledged then, too.
    pub(super) fn set_quickack(&mut self, always: bool) {
        if always {
            self.rcv.quick = ALWAYS_QUICK;
            self.rcv.ack_now |= self.ack_at != Instant::FAR_FUTURE;
        } else if self.rcv.quick == ALWAYS_QUICK {
            self.rcv.quick = 0;
        }
    }

    /// `len` bytes came in order and closed no gap.
    #[inline]
    pub(super) fn on_data_in_order(&mut self, ctx: &Context<'_>, our_mss: u16, len: u32) {
        let rcv = &mut self.rcv;
        rcv.mss = rcv.mss.max(len.min(u32::from(our_mss)) as u16);
        // RFC 5681, Section 4.2: at least every second full-sized segment at once.
        let waiting = rcv.nxt.since(rcv.last_ack_sent);
        if rcv.quick > 0 {
            rcv.quick -= u8::from(rcv.quick != ALWAYS_QUICK);
            rcv.ack_now = true;
        } else if waiting >= 2 * u32::from(rcv.mss) {
            rcv.ack_now = true;
        } else if self.ack_at == Instant::FAR_FUTURE {
            self.ack_at = ctx.now + ctx.settings.delayed_ack;
        }
    }

    /// `start..end` came a second time: where SACK is agreed, the ACK that the segment causes says so, and goes out at once
    /// (RFC 2883, Section 4).
    #[cold]
    pub(super) fn report_duplicate(&mut self, common: &mut Common, start: SeqNum, end: SeqNum) {
        if self.snd.flags.has(Flags::SACK) {
            common.rare_mut().duplicate = Some((start, end));
            self.rcv.duplicate = true;
            self.rcv.ack_now = true;
        }
    }

    /// Reports what of `len` bytes from `seq` on is before RCV.NXT: all of a segment (RFC 2883, Section 4.1) or its beginning
    /// (RFC 2883, Section 4.2).
    #[inline]
    pub(super) fn report_known(&mut self, common: &mut Common, seq: SeqNum, len: u32) {
        if len > 0 && seq.lt(self.rcv.nxt) {
            self.report_duplicate(common, seq, self.rcv.nxt.min(seq + len));
        }
    }

    /// A segment goes out, and with it the acknowledgment.
    #[inline]
    pub(super) fn on_ack_sent(&mut self) {
        self.rcv.ack_now = false;
        // RFC 2883, Section 4: a duplicate is reported in one ACK.
        self.rcv.duplicate = false;
        self.rcv.last_ack_sent = self.rcv.nxt;
        self.ack_at = Instant::FAR_FUTURE;
    }
}
