//! The whole stack on impaired links, in virtual time: every byte arrives or an error is reported, both directions at
//! once, within a bound, and nothing is left behind.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::pair::{Pair, Setup, Transfer, describe, exchange};
use common::{ms, secs};
use std::time::Duration;
use synward::base::Secrets;
use synward::device::impair::Impairment;
use synward::device::memory::LinkOptions;
use synward::settings::{Congestion, Settings};
use synward::tcp::{CloseReason, Options};

/// One point of the grid.
#[derive(Clone, Copy, Debug)]
struct Point {
    loss: f64,
    duplicate: f64,
    corrupt: f64,
    reorder: f64,
    delay: Duration,
    jitter: Duration,
    window: u32,
    mtu: usize,
    /// Bytes each way.
    bytes: [usize; 2],
    seed: u64,
    sack: bool,
    timestamps: bool,
    congestion: Congestion,
}

const CALM: Point = Point {
    loss: 0.0,
    duplicate: 0.0,
    corrupt: 0.0,
    reorder: 0.0,
    delay: Duration::ZERO,
    jitter: Duration::ZERO,
    window: 64 * 1024,
    mtu: 1500,
    bytes: [200_000, 150_000],
    seed: 1,
    sack: true,
    timestamps: true,
    congestion: Congestion::Cubic,
};

impl Point {
    fn impairment(&self) -> Impairment {
        Impairment {
            loss: self.loss,
            duplicate: self.duplicate,
            corrupt: self.corrupt,
            reorder: self.reorder,
            reorder_by: self.delay + ms(3),
            delay: self.delay,
            jitter: self.jitter,
            rate: 0,
            queue: 1000,
        }
    }

    fn setup(&self) -> Setup {
        let mut settings = Settings::default();
        settings.tcp.receive_window = self.window.min(64 * 1024);
        settings.tcp.receive_window_max = self.window;
        settings.tcp.sack = self.sack;
        settings.tcp.timestamps = self.timestamps;
        settings.tcp.congestion = self.congestion;
        Setup {
            link: LinkOptions { mtu: self.mtu, ..LinkOptions::default() },
            impairment: self.impairment(),
            settings: [settings.clone(), settings],
            seed: self.seed,
        }
    }

    /// How long it may take: where nothing is lost no timer helps out, else a few back-offs come together.
    fn bound(&self) -> Duration {
        if self.loss + self.corrupt + self.duplicate == 0.0 { secs(30) } else { secs(600) }
    }

    /// Transfers both ways; all must arrive, and nothing remain after the longest time that anything may remain.
    fn hold(&self) {
        let mut pair = Pair::new(&self.setup());
        let (at_a, at_b) = pair.connected(&Options::default());
        let (mut a, mut b) = (Transfer::new(at_a, self.bytes[0]), Transfer::new(at_b, self.bytes[1]));
        let finished = exchange(&mut pair, &mut a, &mut b, self.bound());
        let tell = || format!("{self:?}\n{}", describe(&pair, &a, &b));
        assert!(finished, "not finished: {}", tell());
        assert_eq!((a.got, b.got), (self.bytes[1], self.bytes[0]), "{}", tell());
        let fine = |reason: Option<CloseReason>| reason.is_none_or(|reason| reason == CloseReason::Finished);
        assert!(fine(a.closed) && fine(b.closed), "{}", tell());
        self.leave(&mut pair, &a, &b);
    }

    /// After the applications are gone, everything goes within the user timeout and TIME-WAIT.
    fn leave(&self, pair: &mut Pair, a: &Transfer, b: &Transfer) {
        pair.a.close(a.id);
        pair.b.close(b.id);
        pair.set_impairment(Impairment::default());
        pair.run(secs(900 + 60 + 60 + 60));
        for (name, end) in [("a", &pair.a), ("b", &pair.b)] {
            let snapshot = end.snapshot();
            assert_eq!(snapshot.connections, 0, "{name} {self:?}");
            assert_eq!((snapshot.orphans, snapshot.time_wait), (0, 0), "{name} {self:?}");
            assert_eq!(end.idle_state(), (0, 0), "{name} {self:?}");
            assert_eq!(snapshot.memory.buffers, 0, "{name}: buffers that nobody holds {self:?}");
        }
    }
}

#[test]
fn on_a_perfect_link_every_window_and_mtu_carries_both_directions() {
    for mtu in [128, 576, 1500, 9000, 65_535] {
        for window in [536, 2000, 8 * 1024, 65_535, 1 << 20] {
            Point { mtu, window, bytes: [100_000, 70_000], ..CALM }.hold();
        }
    }
}

#[test]
fn every_byte_arrives_over_the_grid_of_loss_reordering_delay_and_window() {
    let mut seed = 10;
    for loss in [0.0, 0.02, 0.15] {
        for reorder in [0.0, 0.1] {
            for delay in [ms(0), ms(1), ms(60)] {
                for window in [4000, 65_535, 1 << 20] {
                    seed += 1;
                    let bytes = if window < 10_000 { [40_000, 30_000] } else { [200_000, 150_000] };
                    Point { loss, reorder, delay, window, bytes, seed, ..CALM }.hold();
                }
            }
        }
    }
}

#[test]
fn every_byte_arrives_without_sack_or_timestamps_and_with_reno() {
    let mut seed = 100;
    for (sack, timestamps) in [(false, false), (false, true), (true, false)] {
        for congestion in [Congestion::Reno, Congestion::Cubic] {
            for loss in [0.01, 0.1] {
                seed += 1;
                let reorder = 0.05;
                Point { sack, timestamps, congestion, loss, reorder, delay: ms(10), seed, ..CALM }.hold();
            }
        }
    }
}

#[test]
fn corrupted_and_duplicated_frames_never_reach_an_application() {
    for seed in 200..212 {
        let corrupt = [0.02, 0.2][seed as usize % 2];
        Point { corrupt, duplicate: 0.2, delay: ms(5), jitter: ms(4), seed, ..CALM }.hold();
    }
}

#[test]
fn random_fault_schedules_end_with_every_byte_there() {
    for seed in 1000..1040 {
        let mut rng = Secrets::from_test_seed(seed).rng("schedule");
        let mut chance = |most: f64| most * rng.below(1000) as f64 / 1000.0;
        let mut point = CALM;
        (point.loss, point.duplicate, point.corrupt) = (chance(0.2), chance(0.2), chance(0.1));
        point.reorder = chance(0.3);
        let mut rng = Secrets::from_test_seed(seed).rng("sizes");
        point.delay = Duration::from_micros(rng.below(100_000));
        point.jitter = Duration::from_micros(rng.below(20_000));
        point.window = 600 + rng.below(200_000) as u32;
        point.mtu = [296, 576, 1280, 1500, 9000][rng.below(5) as usize];
        point.bytes = [rng.below(60_000) as usize, rng.below(60_000) as usize];
        point.sack = rng.below(2) == 0;
        point.timestamps = rng.below(2) == 0;
        point.seed = seed;
        point.hold();
    }
}

#[test]
fn a_link_that_comes_and_goes_at_random_loses_no_byte() {
    for seed in 2000..2010 {
        let point = Point { seed, delay: ms(5), bytes: [300_000, 200_000], ..CALM };
        let mut pair = Pair::new(&point.setup());
        let (at_a, at_b) = pair.connected(&Options::default());
        let (mut a, mut b) = (Transfer::new(at_a, point.bytes[0]), Transfer::new(at_b, point.bytes[1]));
        let mut rng = Secrets::from_test_seed(seed).rng("flapping");
        for n in 0..200 {
            pair.set_down(n % 2 == 1);
            let span = Duration::from_micros(rng.below(if n % 2 == 1 { 3_000_000 } else { 60_000 }));
            if exchange(&mut pair, &mut a, &mut b, span) {
                break;
            }
        }
        pair.set_down(false);
        assert!(exchange(&mut pair, &mut a, &mut b, secs(300)), "{}", describe(&pair, &a, &b));
        assert_eq!((a.got, b.got), (point.bytes[1], point.bytes[0]), "seed {seed}");
        point.leave(&mut pair, &a, &b);
    }
}

#[test]
fn a_link_that_dies_for_thirty_seconds_and_comes_back_loses_no_byte() {
    for seed in 0..4 {
        let point = Point { seed, delay: ms(10), bytes: [400_000, 400_000], ..CALM };
        let mut pair = Pair::new(&point.setup());
        let (at_a, at_b) = pair.connected(&Options::default());
        let (mut a, mut b) = (Transfer::new(at_a, 400_000), Transfer::new(at_b, 400_000));
        assert!(!exchange(&mut pair, &mut a, &mut b, ms(50 + 20 * seed)), "in the middle of it");
        pair.set_down(true);
        assert!(!exchange(&mut pair, &mut a, &mut b, secs(30)));
        pair.set_down(false);
        assert!(exchange(&mut pair, &mut a, &mut b, secs(120)), "{}", describe(&pair, &a, &b));
        assert_eq!((a.got, b.got), (400_000, 400_000));
        point.leave(&mut pair, &a, &b);
    }
}

#[test]
fn a_link_that_dies_for_good_is_an_error_at_both_ends_within_the_user_timeout() {
    for (user_timeout, bound) in [(None, secs(900)), (Some(secs(30)), secs(30))] {
        let point = Point { delay: ms(10), bytes: [1 << 20, 1 << 20], ..CALM };
        let mut pair = Pair::new(&point.setup());
        let options = Options { user_timeout, ..Options::default() };
        let (at_a, at_b) = pair.connected(&options);
        pair.b.set_options(at_b, &options).unwrap();
        let (mut a, mut b) = (Transfer::new(at_a, 1 << 20), Transfer::new(at_b, 1 << 20));
        assert!(!exchange(&mut pair, &mut a, &mut b, ms(60)));
        pair.set_down(true);
        assert!(exchange(&mut pair, &mut a, &mut b, bound + ms(200)), "{}", describe(&pair, &a, &b));
        for end in [&a, &b] {
            assert!(matches!(end.closed, Some(CloseReason::TimedOut { .. })), "{:?}", end.closed);
        }
        point.leave(&mut pair, &a, &b);
    }
}

#[test]
fn after_a_half_close_the_other_direction_goes_on_for_as_long_as_it_likes() {
    let point = Point { loss: 0.05, delay: ms(5), ..CALM };
    let mut pair = Pair::new(&point.setup());
    let (at_a, at_b) = pair.connected(&Options::default());
    // a has nothing to say: its FIN is the first that b hears.
    let (mut a, mut b) = (Transfer::new(at_a, 0), Transfer::new(at_b, 100_000));
    a.act(&mut pair.a);
    pair.run(secs(20 * 60));
    assert!(exchange(&mut pair, &mut a, &mut b, secs(300)), "{}", describe(&pair, &a, &b));
    assert_eq!((a.got, b.got), (100_000, 0));
    point.leave(&mut pair, &a, &b);
}
