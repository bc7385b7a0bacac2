//! Keep-alive (RFC 9293, Section 3.8.4). Nothing is done for a segment: when the timer comes, it finds out whether anything was
//! heard meanwhile.

use super::CloseReason;
use super::options::KeepaliveTimes;
use super::state::Keepalive;
use crate::base::Instant;
use crate::settings;

/// Keep-alive from `now` on.
pub(super) fn start(times: Option<KeepaliveTimes>, settings: &settings::Tcp, now: Instant) -> Keepalive {
    let times = times.unwrap_or(KeepaliveTimes {
        time: settings.keepalive_time,
        interval: settings.keepalive_interval,
        probes: settings.keepalive_probes,
    });
    Keepalive { times, at: now + times.time, sent: 0, pending: false }
}

impl Keepalive {
    /// The time of `at` has come. `busy`: other timers watch over the peer, because something is in flight or waits for the
    /// window.
    pub(super) fn on_timer(
        &mut self,
        now: Instant,
        heard_at: Instant,
        busy: bool,
    ) -> Result<(), CloseReason> {
        let due = heard_at + self.times.time;
        if now < due || busy {
            self.sent = 0;
            self.at = if busy { now + self.times.time } else { due };
            return Ok(());
        }
        if self.sent >= self.times.probes {
            return Err(CloseReason::KeepAlive { probes: self.sent, over: now.since(heard_at) });
        }
        self.sent += 1;
        self.pending = true;
        self.at = now + self.times.interval;
        Ok(())
    }
}
