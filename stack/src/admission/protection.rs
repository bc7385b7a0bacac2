//! The controller of SYN-attack protection: when it starts, and when it ends.
//!
//! # Starting
//!
//! Three counts stand beside three thresholds: half-open connections (`TcpMaxHalfOpen`), those of them whose SYN-ACK time
//! made be retransmitted (`TcpMaxHalfOpenRetried`), and connection requests that were refused because the listener's backlog
//! had no free place (`TcpMaxPortsExhausted`). A threshold triggers when it is *exceeded*. Any of the three is enough
//! (the later documents), or the first two must be exceeded together (KB 142641 read literally): setting `trigger`.
//! Over which time refusals count is not published; ours is `ports_exhausted_period`, which starts anew with the first
//! refusal after the last period ended.
//!
//! Under `SynAttackProtect` 0, and whenever `TcpMaxConnectResponseRetransmissions` is below 2, all is counted and nothing
//! starts.
//!
//! # Ending
//!
//! NT's rule is not published. Ours: every count that can trigger has stayed at or below `leave_percent` of its threshold for
//! the hold-off. A renewed attack, one that starts within `hold_off_max` after the last one ended, doubles the
//! hold-off, up to `hold_off_max`; after a longer peace it is `hold_off` again. So an attacker who pulses cannot make
//! protection flap, and a single burst is soon forgotten.

use crate::base::Instant;
use crate::settings::{self, SynAttackProtect, Trigger};
use core::time::Duration;
use std::collections::VecDeque;

/// Events that wait to be taken at most; beyond them the oldest are dropped and counted.
pub const EVENTS: usize = 64;

/// The three figures that decide.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Half-open connections.
    pub half_open: usize,
    /// Those of them whose SYN-ACK was retransmitted.
    pub retried: usize,
    /// Connection requests refused in the present period.
    pub refused: usize,
}

/// Why protection changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// More half-open connections than `TcpMaxHalfOpen`.
    HalfOpen,
    /// More with a retransmitted SYN-ACK than `TcpMaxHalfOpenRetried`.
    Retried,
    /// More refused requests than `TcpMaxPortsExhausted`.
    PortsExhausted,
    /// Both of the first two (`Trigger::Both`).
    HalfOpenAndRetried,
    /// All counts stayed low for the hold-off.
    Calm,
}

/// A change of the protected state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProtectionEvent {
    /// When.
    pub at: Instant,
    /// Whether protection holds from now on.
    pub protecting: bool,
    /// Why.
    pub reason: Reason,
    /// The counts at that moment.
    pub counts: Counts,
    /// What they were compared with: the thresholds when it starts, the levels for leaving when it ends.
    pub levels: Counts,
    /// How long calm must last, or lasted, before protection ends.
    pub hold_off: Duration,
}

/// The controller.
#[derive(Debug)]
pub(super) struct Protection {
    enabled: bool,
    trigger: Trigger,
    thresholds: Counts,
    leave: Counts,
    period: Duration,
    base: Duration,
    max: Duration,
    counts: Counts,
    period_ends: Instant,
    since: Option<(Instant, Reason)>,
    calm_since: Option<Instant>,
    left_at: Option<Instant>,
    hold_off: Duration,
    exceeded: Option<Reason>,
    times_exceeded: u64,
    events: VecDeque<ProtectionEvent>,
    events_lost: u64,
}

impl Protection {
    pub(super) fn new(settings: &settings::Admission) -> Self {
        let thresholds = Counts {
            half_open: settings.max_half_open as usize,
            retried: settings.max_half_open_retried as usize,
            refused: settings.max_ports_exhausted as usize,
        };
        let percent = settings.leave_percent.min(100) as usize;
        let part = |n: usize| n.saturating_mul(percent) / 100;
        Self {
            enabled: effective(settings) != SynAttackProtect::Off,
            trigger: settings.trigger,
            thresholds,
            leave: Counts {
                half_open: part(thresholds.half_open),
                retried: part(thresholds.retried),
                refused: part(thresholds.refused),
            },
            period: settings.ports_exhausted_period,
            base: settings.hold_off,
            max: settings.hold_off_max.max(settings.hold_off),
            counts: Counts::default(),
            period_ends: Instant::ZERO,
            since: None,
            calm_since: None,
            left_at: None,
            hold_off: settings.hold_off,
            exceeded: None,
            times_exceeded: 0,
            events: VecDeque::new(),
            events_lost: 0,
        }
    }

    #[inline]
    pub(super) fn protecting(&self) -> bool {
        self.since.is_some()
    }

    pub(super) fn since(&self) -> Option<(Instant, Reason)> {
        self.since
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn hold_off(&self) -> Duration {
        self.hold_off
    }

    /// How often the thresholds were exceeded after they were not, whether or not that had an effect.
    pub(super) fn times_exceeded(&self) -> u64 {
        self.times_exceeded
    }

    pub(super) fn events_lost(&self) -> u64 {
        self.events_lost
    }

    pub(super) fn next_event(&mut self) -> Option<ProtectionEvent> {
        self.events.pop_front()
    }

    /// A connection request was refused because no place was free.
    pub(super) fn refused(&mut self, now: Instant) {
        if now >= self.period_ends {
            self.counts.refused = 0;
            self.period_ends = now + self.period;
        }
        self.counts.refused = self.counts.refused.saturating_add(1);
    }

    /// Compares, and changes the state where it must.
    #[inline]
    pub(super) fn update(&mut self, now: Instant, half_open: usize, retried: usize) {
        self.counts.half_open = half_open;
        self.counts.retried = retried;
        if self.counts.refused > 0 && now >= self.period_ends {
            self.counts.refused = 0;
        }
        let exceeded = self.exceeds();
        if exceeded.is_some() && self.exceeded.is_none() {
            self.times_exceeded += 1;
        }
        self.exceeded = exceeded;
        if !self.enabled {
            return;
        }
        if self.since.is_some() {
            self.stay(now);
        } else if let Some(reason) = exceeded {
            self.enter(now, reason);
        }
    }

    /// When [`Protection::update`] must be called though nothing arrives.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.since?;
        match self.calm_since {
            Some(calm) => Some(calm + self.hold_off),
            // Refusals stop counting when their period ends; the other counts change only by being changed.
            None => (self.counts.refused > self.leave.refused).then_some(self.period_ends),
        }
    }

    fn exceeds(&self) -> Option<Reason> {
        let (counts, thresholds) = (&self.counts, &self.thresholds);
        let half_open = counts.half_open > thresholds.half_open;
        let retried = counts.retried > thresholds.retried;
        match self.trigger {
            Trigger::Both => (half_open && retried).then_some(Reason::HalfOpenAndRetried),
            Trigger::Any if half_open => Some(Reason::HalfOpen),
            Trigger::Any if retried => Some(Reason::Retried),
            Trigger::Any => (counts.refused > thresholds.refused).then_some(Reason::PortsExhausted),
        }
    }

    fn is_calm(&self) -> bool {
        let (counts, leave) = (&self.counts, &self.leave);
        let refused_low = match self.trigger {
            Trigger::Any => counts.refused <= leave.refused,
            Trigger::Both => true,
        };
        counts.half_open <= leave.half_open && counts.retried <= leave.retried && refused_low
    }

    fn enter(&mut self, now: Instant, reason: Reason) {
        let renewed = self.left_at.is_some_and(|left| now.since(left) < self.max);
        self.hold_off = if renewed { self.hold_off.saturating_mul(2).min(self.max) } else { self.base };
        self.since = Some((now, reason));
        self.calm_since = None;
        self.report(now, reason, self.thresholds);
    }

    fn stay(&mut self, now: Instant) {
        if !self.is_calm() {
            self.calm_since = None;
            return;
        }
        let calm_since = *self.calm_since.get_or_insert(now);
        if now.since(calm_since) >= self.hold_off {
            self.since = None;
            self.calm_since = None;
            self.left_at = Some(now);
            self.report(now, Reason::Calm, self.leave);
        }
    }

    fn report(&mut self, at: Instant, reason: Reason, levels: Counts) {
        if self.events.len() >= EVENTS {
            self.events.pop_front();
            self.events_lost += 1;
        }
        let (protecting, counts, hold_off) = (self.protecting(), self.counts, self.hold_off);
        self.events.push_back(ProtectionEvent { at, protecting, reason, counts, levels, hold_off });
    }
}

/// `SynAttackProtect` as it takes effect: NT does not even read it where `TcpMaxConnectResponseRetransmissions` is below 2.
pub(super) fn effective(settings: &settings::Admission) -> SynAttackProtect {
    if settings.synack_retries < 2 { SynAttackProtect::Off } else { settings.syn_attack_protect }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> settings::Admission {
        settings::Admission {
            max_half_open: 100,
            max_half_open_retried: 80,
            max_ports_exhausted: 5,
            ports_exhausted_period: Duration::from_secs(1),
            leave_percent: 50,
            hold_off: Duration::from_secs(10),
            hold_off_max: Duration::from_secs(30),
            ..Default::default()
        }
    }

    fn at(secs: u64) -> Instant {
        Instant::from_secs(secs)
    }

    #[test]
    fn a_threshold_triggers_when_it_is_exceeded_and_not_when_it_is_reached() {
        for (half_open, retried, reason) in
            [(100, 80, None), (101, 0, Some(Reason::HalfOpen)), (100, 81, Some(Reason::Retried))]
        {
            let mut protection = Protection::new(&settings());
            protection.update(at(1), half_open, retried);
            assert_eq!(protection.since().map(|(_, reason)| reason), reason, "{half_open} {retried}");
        }
    }

    #[test]
    fn refusals_trigger_beyond_the_threshold_within_one_period() {
        let mut protection = Protection::new(&settings());
        for n in 0..5 {
            protection.refused(Instant::from_millis(n * 100));
        }
        protection.update(Instant::from_millis(500), 0, 0);
        assert!(!protection.protecting(), "5 is not more than 5");
        for _ in 0..5 {
            protection.refused(Instant::from_millis(1000));
        }
        protection.update(Instant::from_millis(1000), 0, 0);
        assert!(!protection.protecting(), "a new period counts from 0");
        protection.refused(Instant::from_millis(1999));
        protection.update(Instant::from_millis(1999), 0, 0);
        assert_eq!(protection.since().map(|(_, reason)| reason), Some(Reason::PortsExhausted));
    }

    #[test]
    fn a_threshold_of_no_refusals_triggers_at_the_first() {
        let mut protection = Protection::new(&settings::Admission { max_ports_exhausted: 0, ..settings() });
        protection.refused(at(1));
        protection.update(at(1), 0, 0);
        assert!(protection.protecting());
    }

    #[test]
    fn read_literally_both_half_open_thresholds_must_be_exceeded() {
        let mut protection = Protection::new(&settings::Admission { trigger: Trigger::Both, ..settings() });
        for _ in 0..100 {
            protection.refused(at(1));
        }
        protection.update(at(1), 1000, 80);
        assert!(!protection.protecting());
        protection.update(at(1), 101, 81);
        assert_eq!(protection.since(), Some((at(1), Reason::HalfOpenAndRetried)));
    }

    #[test]
    fn without_protection_thresholds_are_counted_and_nothing_starts() {
        let off = [
            settings::Admission { syn_attack_protect: SynAttackProtect::Off, ..settings() },
            settings::Admission { synack_retries: 1, ..settings() },
        ];
        for settings in off {
            let mut protection = Protection::new(&settings);
            for (secs, half_open) in [(1, 101), (2, 102), (3, 0), (4, 101)] {
                protection.update(at(secs), half_open, 0);
                assert!(!protection.protecting() && protection.next_event().is_none());
            }
            assert_eq!((protection.times_exceeded(), protection.counts().half_open), (2, 101));
        }
        let two = settings::Admission { synack_retries: 2, ..settings() };
        let mut protection = Protection::new(&two);
        protection.update(at(1), 101, 0);
        assert!(protection.protecting(), "2 retransmissions are enough for it");
    }

    #[test]
    fn it_ends_when_all_counts_stayed_low_for_the_hold_off() {
        let mut protection = Protection::new(&settings());
        protection.update(at(0), 101, 0);
        protection.update(at(1), 51, 0);
        assert_eq!(protection.next_deadline(), None, "51 is above half of 100");
        protection.update(at(2), 50, 41);
        assert_eq!(protection.next_deadline(), None, "41 is above half of 80");
        protection.update(at(3), 50, 40);
        assert_eq!(protection.next_deadline(), Some(at(13)));
        protection.update(at(12), 51, 0);
        protection.update(at(12), 50, 0);
        assert_eq!(protection.next_deadline(), Some(at(22)), "a short rise starts the hold-off anew");
        protection.update(Instant::from_millis(21_999), 0, 0);
        assert!(protection.protecting());
        protection.update(at(22), 0, 0);
        assert!(!protection.protecting());
        let events: Vec<_> = std::iter::from_fn(|| protection.next_event()).collect();
        let [entered, left] = events[..] else { panic!("{events:?}") };
        assert_eq!((entered.at, entered.protecting, entered.reason), (at(0), true, Reason::HalfOpen));
        assert_eq!((entered.counts.half_open, entered.levels.half_open), (101, 100));
        assert_eq!((left.at, left.protecting, left.reason), (at(22), false, Reason::Calm));
        assert_eq!((left.levels.half_open, left.hold_off), (50, Duration::from_secs(10)));
    }

    #[test]
    fn refusals_that_stop_let_it_end_though_nothing_arrives_any_more() {
        let mut protection = Protection::new(&settings());
        for _ in 0..6 {
            protection.refused(at(1));
        }
        protection.update(at(1), 0, 0);
        let mut deadlines = Vec::new();
        while let Some(deadline) = protection.next_deadline() {
            deadlines.push(deadline);
            protection.update(deadline, 0, 0);
        }
        assert_eq!(deadlines, [at(2), at(12)]);
        assert!(!protection.protecting());
    }

    #[test]
    fn the_hold_off_doubles_on_a_renewed_attack_up_to_its_maximum_and_peace_resets_it() {
        let mut protection = Protection::new(&settings());
        let mut now = 0;
        let mut attack = |pause: u64| {
            now += pause;
            protection.update(at(now), 101, 0);
            protection.update(at(now), 0, 0);
            let hold_off = protection.hold_off().as_secs();
            now += hold_off;
            protection.update(at(now), 0, 0);
            assert!(!protection.protecting());
            hold_off
        };
        assert_eq!(
            [attack(0), attack(29), attack(1), attack(5), attack(30), attack(1)],
            [10, 20, 30, 30, 10, 20]
        );
    }

    #[test]
    fn events_that_nobody_takes_are_bounded_and_counted() {
        let mut protection = Protection::new(&settings::Admission { hold_off: Duration::ZERO, ..settings() });
        for n in 0..100 {
            protection.update(at(n), 101, 0);
            protection.update(at(n), 0, 0);
        }
        assert_eq!((protection.events.len(), protection.events_lost()), (EVENTS, 200 - EVENTS as u64));
    }
}
