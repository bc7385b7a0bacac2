//! Virtual time: it moves when packetdrill sleeps, waits for a packet, or looks.

use core::time::Duration;
use synward::base::Instant;

/// Where the clock starts, in microseconds since 1970: any time that is long past zero does.
const START: u64 = 1_700_000_000_000_000;

/// A clock that counts whole microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    micros: u64,
}

impl Clock {
    /// The time for the stack.
    pub(crate) fn now(self) -> Instant {
        Instant::from_nanos(self.micros.saturating_mul(1000))
    }

    /// The time that packetdrill sees, in microseconds.
    pub(crate) fn shown(self) -> u64 {
        shown(self.now())
    }

    /// One microsecond: packetdrill waits for a moment by looking at the clock again and again, so each look moves it.
    pub(crate) fn tick(&mut self) {
        self.micros = self.micros.saturating_add(1);
    }

    /// The first whole microsecond that is not before `at`; never back.
    pub(crate) fn move_to(&mut self, at: Instant) {
        self.micros = self.micros.max(at.as_nanos().div_ceil(1000));
    }

    /// The time after `span`.
    pub(crate) fn after(self, span: Duration) -> Instant {
        self.now() + span
    }
}

/// A time of the stack as packetdrill sees it.
pub(crate) fn shown(at: Instant) -> u64 {
    START + at.as_nanos() / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_back_and_rounds_up() {
        let mut clock = Clock::default();
        clock.move_to(Instant::from_nanos(1_500));
        assert_eq!(clock.now(), Instant::from_nanos(2_000));
        clock.move_to(Instant::ZERO);
        clock.tick();
        assert_eq!(clock.shown(), START + 3);
    }
}
