//! The timers of a shard's connections: a hierarchical wheel of six levels with 64 slots each and a tick of one
//! millisecond. Arming and cancelling are O(1) and allocate nothing once a place was used; firing and cascading are
//! bounded by the caller, so that a storm of expiries cannot make a turn long.
//!
//! Arming is lazy: a timer that already fires no later than asked stays where it is. The owner checks its own deadline
//! when the timer fires, and arms it again. A segment that moves a deadline outwards therefore costs nothing here.

use crate::base::Instant;

const LEVELS: usize = 6;
const SLOTS: u64 = 64;
const BITS: u32 = 6;
const NIL: u32 = u32::MAX;
const PAGE: usize = 1024;
const TICK_NANOS: u64 = 1_000_000;
/// Farthest future that the wheel keeps apart; what lies beyond fires early and is armed again by its owner.
const HORIZON: u64 = 1 << (BITS * LEVELS as u32);

const UNARMED: u16 = u16::MAX;
const DUE: u16 = u16::MAX - 1;

#[derive(Clone, Copy)]
struct Node {
    next: u32,
    prev: u32,
    tick: u64,
    /// `level * 64 + slot`, or one of the marks above.
    place: u16,
}

const FRESH: Node = Node { next: NIL, prev: NIL, tick: 0, place: UNARMED };

fn fresh_page() -> Box<[Node]> {
    vec![FRESH; PAGE].into_boxed_slice()
}

/// Timers named by the index of their owner's place in a slab; each owner has at most one.
pub(crate) struct Wheel {
    /// All ticks up to this one have been looked at.
    tick: u64,
    heads: [[u32; SLOTS as usize]; LEVELS],
    occupied: [u64; LEVELS],
    due: u32,
    /// No slot with timers begins before this tick: most calls of [`Wheel::poll`] end here.
    begins: u64,
    nodes: Vec<Box<[Node]>>,
    armed: usize,
}

impl Wheel {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            tick: now.as_nanos() / TICK_NANOS,
            heads: [[NIL; SLOTS as usize]; LEVELS],
            occupied: [0; LEVELS],
            due: NIL,
            begins: u64::MAX,
            // A host with few connections keeps what it starts with.
            nodes: vec![fresh_page()],
            armed: 0,
        }
    }

    /// Timers that are armed.
    pub(crate) fn len(&self) -> usize {
        self.armed
    }

    /// Bytes held.
    pub(crate) fn memory(&self) -> usize {
        self.nodes.len() * PAGE * size_of::<Node>()
    }

    /// The tick that a timer for `deadline` fires at: never before it.
    #[inline]
    pub(crate) fn tick_of(deadline: Instant) -> Instant {
        Instant::from_nanos(deadline.as_nanos().div_ceil(TICK_NANOS).saturating_mul(TICK_NANOS))
    }

    fn node(&mut self, index: u32) -> &mut Node {
        let (page, place) = (index as usize / PAGE, index as usize % PAGE);
        while self.nodes.len() <= page {
            self.nodes.push(fresh_page());
        }
        &mut self.nodes[page][place]
    }

    /// Makes the timer of `index` fire at `deadline` or earlier (never early by more than its owner can tell).
    pub(crate) fn arm(&mut self, index: u32, deadline: Instant) {
        // Rounded up: a timer never fires before its deadline.
        let tick = deadline.as_nanos().div_ceil(TICK_NANOS);
        let node = *self.node(index);
        if node.place != UNARMED {
            if node.tick <= tick {
                return;
            }
            self.unlink(index);
        }
        self.armed += 1;
        self.link(index, tick);
    }

    /// Takes the timer of `index` off the wheel.
    pub(crate) fn cancel(&mut self, index: u32) {
        if self.node(index).place != UNARMED {
            self.unlink(index);
        }
    }

    fn link(&mut self, index: u32, tick: u64) {
        let place = if tick <= self.tick {
            DUE
        } else {
            let far = tick.min(self.tick + HORIZON - 1);
            let level =
                ((63 - ((self.tick ^ far) | (SLOTS - 1)).leading_zeros()) / BITS).min(LEVELS as u32 - 1);
            let slot = (far >> (BITS * level)) & (SLOTS - 1);
            self.begins = self.begins.min(far >> (BITS * level) << (BITS * level));
            level as u16 * SLOTS as u16 + slot as u16
        };
        let head = self.head(place);
        let next = core::mem::replace(head, index);
        if next != NIL {
            self.node(next).prev = index;
        }
        *self.node(index) = Node { next, prev: NIL, tick, place };
    }

    fn head(&mut self, place: u16) -> &mut u32 {
        if place == DUE {
            return &mut self.due;
        }
        let (level, slot) = (usize::from(place) / SLOTS as usize, usize::from(place) % SLOTS as usize);
        self.occupied[level] |= 1 << slot;
        &mut self.heads[level][slot]
    }

    fn unlink(&mut self, index: u32) {
        let node = core::mem::replace(self.node(index), FRESH);
        self.armed -= 1;
        if node.next != NIL {
            self.node(node.next).prev = node.prev;
        }
        if node.prev != NIL {
            self.node(node.prev).next = node.next;
            return;
        }
        *self.head(node.place) = node.next;
        if node.next == NIL && node.place != DUE {
            let (level, slot) = (usize::from(node.place) / SLOTS as usize, node.place % SLOTS as u16);
            self.occupied[level] &= !(1 << slot);
        }
    }

    /// The occupied slot that begins first: its place and that tick. A slot that the hand has reached comes first until
    /// all its timers moved down, which is why all levels are compared.
    fn next_slot(&self) -> Option<(u16, u64)> {
        let first_of = |level: usize| {
            let shift = BITS * level as u32;
            let here = (self.tick >> shift) & (SLOTS - 1);
            let slot = self.occupied[level].rotate_right(here as u32).trailing_zeros();
            if slot >= 64 {
                return None;
            }
            let slot = (u64::from(slot) + here) & (SLOTS - 1);
            let span = SLOTS << shift;
            let mut begin = (self.tick & !(span - 1)) + (slot << shift);
            // A slot behind the hand belongs to the next round of this level.
            if slot < here {
                begin += span;
            }
            Some(((level as u16) * SLOTS as u16 + slot as u16, begin))
        };
        (0..LEVELS).filter_map(first_of).min_by_key(|(_, begin)| *begin)
    }

    /// When [`Wheel::poll`] must be called next, at the latest.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        if self.due != NIL {
            return Some(Instant::from_nanos(self.tick.saturating_mul(TICK_NANOS)));
        }
        // Early by at most one call of `poll`, which then looks again.
        (self.armed > 0).then(|| Instant::from_nanos(self.begins.saturating_mul(TICK_NANOS)))
    }

    /// Moves the hand where nothing stands before `now`: what is armed next is placed by its distance from there.
    pub(crate) fn advance(&mut self, now: Instant) {
        let target = now.as_nanos() / TICK_NANOS;
        if self.due == NIL && self.begins > target {
            self.tick = self.tick.max(target);
        }
    }

    /// The next owner whose timer fires; its timer is then off the wheel. `work` is decreased by one for every timer that
    /// fires or moves a level down; nothing more comes when it is used up.
    pub(crate) fn poll(&mut self, now: Instant, work: &mut u32) -> Option<u32> {
        let target = now.as_nanos() / TICK_NANOS;
        loop {
            if *work == 0 {
                return None;
            }
            if self.due != NIL {
                *work -= 1;
                let index = self.due;
                self.unlink(index);
                return Some(index);
            }
            if self.begins > target {
                self.advance(now);
                return None;
            }
            let next = self.next_slot();
            self.begins = next.map_or(u64::MAX, |(_, begin)| begin);
            let Some((place, begin)) = next.filter(|(_, begin)| *begin <= target) else { continue };
            self.tick = self.tick.max(begin);
            let index = *self.head(place);
            *work -= 1;
            let tick = self.node(index).tick;
            self.unlink(index);
            self.armed += 1;
            self.link(index, tick);
            if self.node(index).place == DUE {
                self.unlink(index);
                return Some(index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secrets;
    use std::collections::BTreeMap;

    fn fire(wheel: &mut Wheel, now: Instant) -> Vec<u32> {
        let mut work = u32::MAX;
        let mut fired: Vec<u32> = core::iter::from_fn(|| wheel.poll(now, &mut work)).collect();
        fired.sort_unstable();
        fired
    }

    #[test]
    fn every_timer_fires_at_its_tick_and_only_once() {
        let mut rng = Secrets::from_test_seed(7).rng("wheel");
        let mut wheel = Wheel::new(Instant::ZERO);
        let mut model: BTreeMap<u32, u64> = BTreeMap::new();
        let mut now = 0u64;
        for round in 0..4000u32 {
            let index = (rng.below(500)) as u32;
            let range = [50, 5_000, 300_000, 40_000_000][(round % 4) as usize];
            let deadline = now + 1 + rng.below(range);
            if rng.chance(0.1) {
                wheel.cancel(index);
                model.remove(&index);
            } else {
                wheel.arm(index, Instant::from_millis(deadline));
                let at = model.entry(index).or_insert(deadline);
                *at = (*at).min(deadline);
            }
            now += rng.below([3, 100, 20_000][(round % 3) as usize]);
            let due: Vec<u32> = model.iter().filter(|(_, at)| **at <= now).map(|(i, _)| *i).collect();
            assert_eq!(fire(&mut wheel, Instant::from_millis(now)), due, "round {round}");
            model.retain(|_, at| *at > now);
            assert_eq!(wheel.len(), model.len());
            let earliest = model.values().min().copied();
            let promised = wheel.next_deadline().map(Instant::as_millis);
            assert!(
                promised.zip(earliest).is_none_or(|(p, e)| p <= e && p > now),
                "{promised:?} {earliest:?} {now}"
            );
            assert_eq!(promised.is_some(), earliest.is_some());
        }
    }

    #[test]
    fn a_later_deadline_leaves_the_timer_alone_and_an_earlier_one_moves_it() {
        let mut wheel = Wheel::new(Instant::ZERO);
        wheel.arm(3, Instant::from_millis(50));
        wheel.arm(3, Instant::from_millis(90));
        assert_eq!(fire(&mut wheel, Instant::from_millis(49)), []);
        assert_eq!(fire(&mut wheel, Instant::from_millis(50)), [3]);
        wheel.arm(3, Instant::from_millis(90));
        wheel.arm(3, Instant::from_millis(60));
        assert_eq!(fire(&mut wheel, Instant::from_millis(60)), [3]);
        assert_eq!(wheel.len(), 0);
    }

    #[test]
    fn the_work_of_one_call_is_bounded_and_nothing_is_lost() {
        let mut wheel = Wheel::new(Instant::ZERO);
        (0..10_000).for_each(|i| wheel.arm(i, Instant::from_millis(70_000)));
        let (mut fired, mut calls) = (0, 0);
        while fired < 10_000 {
            let mut work = 100;
            while wheel.poll(Instant::from_millis(70_000), &mut work).is_some() {
                fired += 1;
            }
            calls += 1;
            assert!(calls < 1_000, "stuck after {fired}");
        }
    }
}
