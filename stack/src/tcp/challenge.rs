//! Answers to segments that are not acceptable, limited so that neither an attacker nor a confused peer can make us send
//! without end (RFC 5961, Section 7).

use super::connection::Context;
use super::state::{Common, Rare, Synchronized};
use core::time::Duration;

/// Challenge ACKs are counted over this period.
const CHALLENGE_PERIOD: Duration = Duration::from_secs(1);
/// Segments without data that are out of window are answered at most this often: two ends that disagree would otherwise
/// answer each other's answers without end.
const ANSWER_INTERVAL: Duration = Duration::from_millis(500);

impl Rare {
    pub(super) fn may_challenge(&mut self, ctx: &Context<'_>) -> bool {
        let over = self.challenge_from.is_none_or(|from| ctx.now.since(from) >= CHALLENGE_PERIOD);
        if over {
            self.challenge_from = Some(ctx.now);
            self.challenges = 0;
        }
        if self.challenges >= ctx.settings.challenge_acks {
            return false;
        }
        self.challenges += 1;
        true
    }

    fn may_answer(&mut self, ctx: &Context<'_>) -> bool {
        let due = self.answered_at.is_none_or(|at| ctx.now.since(at) >= ANSWER_INTERVAL);
        if due {
            self.answered_at = Some(ctx.now);
        }
        due
    }
}

impl Synchronized {
    /// A challenge ACK, within the limit of this connection.
    pub(super) fn challenge(&mut self, common: &mut Common, ctx: &Context<'_>) {
        if common.rare_mut().may_challenge(ctx) {
            self.rcv.ack_now = true;
        }
    }

    /// An ACK for a segment that is out of window (RFC 9293, Section 3.10.7.4, first check). One with data is a
    /// retransmission or a probe, whose sender waits, and is always answered.
    pub(super) fn answer_unacceptable(&mut self, common: &mut Common, ctx: &Context<'_>, len: u32) {
        if len > 0 || common.rare_mut().may_answer(ctx) {
            self.rcv.ack_now = true;
        }
    }
}
