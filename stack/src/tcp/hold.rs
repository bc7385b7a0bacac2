//! Short segments that the application holds back: it corked the connection, or said with its last bytes that more follow. It is a
//! wish about packets, never a way to keep data for long: one retransmission time-out ends it.

use super::connection::Context;
use super::state::{Common, Fin, Synchronized};

impl Common {
    /// Whether the application corked the connection.
    #[inline]
    pub(super) fn is_corked(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.cork)
    }

    /// Whether it said with its last bytes that more will follow.
    #[inline]
    pub(super) fn expects_more(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.more)
    }

    /// Whether a short last segment waits for more bytes.
    #[inline]
    pub(super) fn holds_back(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| (rare.cork || rare.more) && !rare.flush)
    }

    /// Whether what is queued goes out whatever Nagle's algorithm says.
    #[inline]
    pub(super) fn flushes(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.flush)
    }

    /// The application wrote, and said whether more will follow.
    #[inline]
    pub(super) fn note_more(&mut self, more: bool) {
        if more {
            self.rare_mut().more = true;
        } else if let Some(rare) = self.rare.as_mut() {
            rare.more = false;
        }
    }
}

impl Synchronized {
    /// What is queued goes out.
    pub(super) fn flush(&self, common: &mut Common) {
        let queued = self.snd.unsent() > 0;
        if let Some(rare) = common.rare.as_mut() {
            rare.flush = queued;
        }
    }

    /// An acknowledgment is as good a reason to send as it is for Nagle's algorithm; a cork stays.
    #[inline]
    pub(super) fn release_on_ack(&self, common: &mut Common) {
        if common.expects_more() && !common.is_corked() {
            self.flush(common);
        }
    }

    /// The time is over; tells whether something was held back that the peer's window has room for.
    pub(super) fn release_on_timer(&mut self, common: &mut Common, ctx: &Context<'_>) -> bool {
        let held = common.holds_back() && self.snd.fin != Fin::Queued;
        if !held || self.snd.unsent() == 0 || self.snd.wnd < self.snd.unsent() {
            return false;
        }
        common.note_more(false);
        self.flush(common);
        self.arm_persist(common, ctx);
        true
    }

    /// Everything that was queued has been sent.
    #[inline]
    pub(super) fn flushed(&self, common: &mut Common) {
        if let Some(rare) = common.rare.as_mut().filter(|rare| rare.flush) {
            rare.flush = self.snd.unsent() > 0;
        }
    }
}
