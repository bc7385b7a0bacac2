//! A layer that treats frames badly, by a seed: loss, delay with jitter, duplication, reordering, corruption, a rate, and a
//! bounded queue. It has no clock: the caller tells the time, and asks when the next held frame is due.

use super::partial;
use crate::base::{Instant, Rng};
use crate::buffer::{Buf, Capabilities, Device, Pool, Readiness, Received, Simulated};
use core::time::Duration;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;

/// What happens to frames of one direction. Probabilities are from 0 to 1 and independent for each frame.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Impairment {
    /// The frame is lost.
    pub loss: f64,
    /// The frame comes twice.
    pub duplicate: f64,
    /// One random bit of the frame is turned; its checksum then counts as unverified.
    pub corrupt: f64,
    /// The frame is held back by `reorder_by` beyond its time, so that later ones overtake it.
    pub reorder: f64,
    /// How long a reordered frame is held back.
    pub reorder_by: Duration,
    /// Time on the way.
    pub delay: Duration,
    /// Added to the delay: uniform from zero to this. It alone never reorders.
    pub jitter: Duration,
    /// Bits a second at which frames leave; 0: without limit.
    pub rate: u64,
    /// Frames held at most (at least 1); beyond it a new frame is dropped.
    pub queue: usize,
}

impl Default for Impairment {
    /// None at all, with a queue of 1 000 frames.
    fn default() -> Self {
        Self {
            loss: 0.0,
            duplicate: 0.0,
            corrupt: 0.0,
            reorder: 0.0,
            reorder_by: Duration::from_millis(1),
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            rate: 0,
            queue: 1000,
        }
    }
}

impl Impairment {
    /// Whether frames pass untouched and at once.
    fn is_none(&self) -> bool {
        let chances = [self.loss, self.duplicate, self.corrupt, self.reorder];
        chances == [0.0; 4] && self.delay.is_zero() && self.jitter.is_zero() && self.rate == 0
    }
}

/// What was done to the frames of one direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ImpairCounters {
    /// Frames that came.
    pub frames: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Dropped because the queue was full.
    pub overflowed: u64,
    /// Came twice.
    pub duplicated: u64,
    /// Had a bit turned.
    pub corrupted: u64,
    /// Were held back.
    pub reordered: u64,
}

/// A frame and when it goes on; the order of equal times is the order of arrival.
#[derive(Debug)]
struct Held {
    due: Instant,
    order: u64,
    frame: Buf,
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

/// One direction.
#[derive(Debug)]
struct Lane {
    impairment: Impairment,
    rng: Rng,
    held: BinaryHeap<Reverse<Held>>,
    order: u64,
    /// When the last frame will have left at `rate`.
    free_at: Instant,
    /// The latest time of a frame that was not reordered: jitter does not go before it.
    last_due: Instant,
    counters: ImpairCounters,
}

impl Lane {
    fn new(impairment: Impairment, rng: Rng) -> Self {
        Self {
            impairment,
            rng,
            held: BinaryHeap::new(),
            order: 0,
            free_at: Instant::ZERO,
            last_due: Instant::ZERO,
            counters: ImpairCounters::default(),
        }
    }

    /// Takes a frame in; `elsewhere` frames of this lane wait outside of it.
    fn put(&mut self, mut frame: Buf, now: Instant, pool: &mut Pool, elsewhere: usize) {
        let imp = self.impairment;
        self.counters.frames += 1;
        if self.rng.chance(imp.loss) {
            self.counters.lost += 1;
            pool.put(frame);
            return;
        }
        let twice = self.rng.chance(imp.duplicate).then(|| {
            let mut copy = pool.take(frame.len());
            copy.append(frame.data());
            copy.set_offload(frame.offload());
            copy
        });
        if self.rng.chance(imp.corrupt) && !frame.is_empty() {
            self.corrupt(&mut frame);
        }
        self.schedule(frame, now, pool, elsewhere);
        if let Some(copy) = twice {
            self.counters.duplicated += 1;
            self.schedule(copy, now, pool, elsewhere);
        }
    }

    /// Turns one bit. First the checksum is finished and no longer vouched for, or the receiver could not notice.
    fn corrupt(&mut self, frame: &mut Buf) {
        partial::finish(frame);
        let bit = self.rng.below(frame.len() as u64 * 8) as usize;
        if let Some(byte) = frame.data_mut().get_mut(bit / 8) {
            *byte ^= 1 << (bit % 8);
        }
        self.counters.corrupted += 1;
    }

    fn schedule(&mut self, frame: Buf, now: Instant, pool: &mut Pool, elsewhere: usize) {
        let imp = self.impairment;
        if self.held.len() + elsewhere >= imp.queue.max(1) {
            self.counters.overflowed += 1;
            pool.put(frame);
            return;
        }
        let mut due = now;
        if imp.rate > 0 {
            let nanos = frame.len() as u128 * 8 * 1_000_000_000 / u128::from(imp.rate);
            self.free_at = self.free_at.max(now) + Duration::from_nanos(nanos as u64);
            due = self.free_at;
        }
        due += imp.delay;
        if !imp.jitter.is_zero() {
            due += Duration::from_nanos(self.rng.below(imp.jitter.as_nanos() as u64 + 1));
            due = due.max(self.last_due);
        }
        if self.rng.chance(imp.reorder) {
            self.counters.reordered += 1;
            due += imp.reorder_by;
        } else {
            self.last_due = due;
        }
        self.order += 1;
        self.held.push(Reverse(Held { due, order: self.order, frame }));
    }

    fn next_due(&self) -> Option<Instant> {
        self.held.peek().map(|held| held.0.due)
    }

    /// Moves what is due, at most `limit` frames; tells how many.
    fn release(&mut self, now: Instant, into: &mut VecDeque<Buf>, limit: usize) -> usize {
        let mut released = 0;
        while released < limit && self.next_due().is_some_and(|due| due <= now) {
            let Some(Reverse(held)) = self.held.pop() else { break };
            into.push_back(held.frame);
            released += 1;
        }
        released
    }
}

/// A device whose frames suffer. One seed gives one course of events, given the same frames at the same times.
#[derive(Debug)]
pub struct Impair<D> {
    device: D,
    now: Instant,
    transmit: Lane,
    receive: Lane,
    /// Frames that are due and that the device had no room for.
    outgoing: VecDeque<Buf>,
    arrived: VecDeque<Buf>,
}

impl<D: Device> Impair<D> {
    /// Impairs `device`: frames sent by `transmit`, frames received by `receive`.
    pub fn new(device: D, transmit: Impairment, receive: Impairment, mut rng: Rng) -> Self {
        // One generator a direction, or the traffic of one would change the fate of the other.
        let mut lane_rng = || crate::base::Secrets::from_test_seed(rng.next_u64()).rng("impairment");
        Self {
            device,
            now: Instant::ZERO,
            transmit: Lane::new(transmit, lane_rng()),
            receive: Lane::new(receive, lane_rng()),
            outgoing: VecDeque::new(),
            arrived: VecDeque::new(),
        }
    }

    /// What was done to the frames sent, and to the frames received.
    pub fn counters(&self) -> (ImpairCounters, ImpairCounters) {
        (self.transmit.counters, self.receive.counters)
    }

    /// Changes the treatment from now on; what is held keeps its time.
    pub fn set(&mut self, transmit: Impairment, receive: Impairment) {
        self.transmit.impairment = transmit;
        self.receive.impairment = receive;
    }

    /// The device inside.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// The device inside.
    pub fn device_mut(&mut self) -> &mut D {
        &mut self.device
    }
}

impl<D: Simulated> Simulated for Impair<D> {}

impl<D: Device> Device for Impair<D> {
    /// The device's, but without offloads where sent frames may be corrupted: a device that finishes checksums after us
    /// would make a corrupted frame right again.
    fn capabilities(&self) -> Capabilities {
        let inner = self.device.capabilities();
        if self.transmit.impairment.corrupt > 0.0 {
            return Capabilities { checksum_offload: false, segmentation: 0, ..inner };
        }
        inner
    }

    fn receive(&mut self, pool: &mut Pool, into: &mut VecDeque<Buf>, budget: usize) -> io::Result<Received> {
        if self.receive.impairment.is_none() && self.receive.held.is_empty() {
            return self.device.receive(pool, into, budget);
        }
        let result = self.device.receive(pool, &mut self.arrived, budget);
        for frame in self.arrived.drain(..) {
            self.receive.put(frame, self.now, pool, 0);
        }
        let frames = self.receive.release(self.now, into, budget);
        let due = self.receive.next_due().is_some_and(|due| due <= self.now);
        match result {
            Ok(inner) => Ok(Received { frames, more: inner.more || due }),
            // What was on the way still arrives before the end is told.
            Err(_) if frames > 0 || !self.receive.held.is_empty() => Ok(Received { frames, more: due }),
            Err(error) => Err(error),
        }
    }

    fn transmit(&mut self, from: &mut VecDeque<Buf>, pool: &mut Pool) -> io::Result<()> {
        let lane = &mut self.transmit;
        if lane.impairment.is_none() && lane.held.is_empty() && self.outgoing.is_empty() {
            return self.device.transmit(from, pool);
        }
        for frame in from.drain(..) {
            lane.put(frame, self.now, pool, self.outgoing.len());
        }
        lane.release(self.now, &mut self.outgoing, usize::MAX);
        self.device.transmit(&mut self.outgoing, pool)
    }

    fn readiness(&self) -> Readiness {
        self.device.readiness()
    }

    fn set_now(&mut self, now: Instant) {
        self.now = now;
        self.device.set_now(now);
    }

    fn next_deadline(&self) -> Option<Instant> {
        [self.transmit.next_due(), self.receive.next_due(), self.device.next_deadline()]
            .into_iter()
            .flatten()
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::{LinkOptions, MemoryDevice, link};
    use super::super::partial::TcpFrame;
    use super::super::partial::tests::{buf, checksum_is_right, tcp_frame};
    use super::*;
    use crate::base::Secrets;
    use crate::buffer::{Checksum, Offload};

    const N: usize = 4000;

    fn pair(transmit: Impairment, seed: u64) -> (Impair<MemoryDevice>, MemoryDevice, Pool) {
        let (a, b) = link(LinkOptions { queue: 2 * N, ..LinkOptions::default() });
        let rng = Secrets::from_test_seed(seed).rng("test");
        (Impair::new(a, transmit, Impairment::default(), rng), b, Pool::new(1 << 22))
    }

    fn numbered(n: usize) -> Buf {
        let mut frame = buf(&[0; 100]);
        frame.data_mut()[..8].copy_from_slice(&n.to_be_bytes());
        frame
    }

    /// Sends `N` numbered frames, one each millisecond; gives when (in ms) and which arrived, and the counters.
    fn run(impairment: Impairment, seed: u64) -> (Vec<(u64, Vec<u8>)>, ImpairCounters) {
        let (mut a, mut b, mut pool) = pair(impairment, seed);
        let (mut got, mut log) = (VecDeque::new(), Vec::new());
        let mut collect = |b: &mut MemoryDevice, pool: &mut Pool, now: Instant| {
            b.receive(pool, &mut got, usize::MAX).unwrap();
            log.extend(got.drain(..).map(|frame| (now.as_millis(), frame.data().to_vec())));
        };
        for n in 0..N {
            let now = Instant::from_millis(n as u64);
            a.set_now(now);
            a.transmit(&mut VecDeque::from([numbered(n)]), &mut pool).unwrap();
            collect(&mut b, &mut pool, now);
        }
        while let Some(next) = a.next_deadline() {
            a.set_now(next);
            a.transmit(&mut VecDeque::new(), &mut pool).unwrap();
            collect(&mut b, &mut pool, next);
        }
        (log, a.counters().0)
    }

    fn numbers(log: &[(u64, Vec<u8>)]) -> Vec<usize> {
        log.iter().map(|(_, bytes)| usize::from_be_bytes(bytes[..8].try_into().unwrap())).collect()
    }

    #[test]
    fn each_impairment_does_what_it_says_and_no_other() {
        let none = Impairment::default();
        let (log, counters) = run(none, 1);
        assert_eq!(numbers(&log), (0..N).collect::<Vec<_>>());
        assert_eq!(counters, ImpairCounters::default(), "the way past");

        let (log, counters) = run(Impairment { loss: 0.1, ..none }, 1);
        assert!((200..600).contains(&counters.lost), "{counters:?}");
        assert_eq!(log.len() as u64, N as u64 - counters.lost);
        assert!(numbers(&log).is_sorted());

        let (log, counters) = run(Impairment { duplicate: 0.1, ..none }, 1);
        assert!((200..600).contains(&counters.duplicated));
        assert_eq!(log.len() as u64, N as u64 + counters.duplicated);
        assert!(numbers(&log).is_sorted());

        let reorder = Impairment { reorder: 0.1, reorder_by: Duration::from_millis(5), ..none };
        let (log, counters) = run(reorder, 1);
        assert!((200..600).contains(&counters.reordered));
        assert!(!numbers(&log).is_sorted());
        assert_eq!(log.len(), N);

        let slow = Impairment { delay: Duration::from_millis(30), jitter: Duration::from_millis(9), ..none };
        let (log, _) = run(slow, 1);
        assert!(numbers(&log).is_sorted(), "jitter alone keeps the order");
        for (arrived, (at, _)) in log.iter().enumerate() {
            assert!((arrived as u64 + 30..=arrived as u64 + 39).contains(at), "frame {arrived} at {at} ms");
        }

        let (log, counters) = run(Impairment { corrupt: 0.1, ..none }, 1);
        let damaged =
            log.iter().enumerate().filter(|(n, (_, bytes))| bytes != numbered(*n).data()).count() as u64;
        assert!((200..600).contains(&damaged));
        assert_eq!(damaged, counters.corrupted);
    }

    #[test]
    fn a_rate_spaces_frames_and_a_full_queue_drops_the_newest() {
        // 100 bytes at 80 000 bit/s: one frame every 10 ms, while one comes every millisecond.
        let (log, counters) = run(Impairment { rate: 80_000, queue: 50, ..Impairment::default() }, 1);
        assert!(log.windows(2).all(|two| two[1].0 - two[0].0 == 10));
        assert_eq!(log.len() as u64 + counters.overflowed, N as u64);
        assert!(counters.overflowed > N as u64 / 2);
    }

    #[test]
    fn one_seed_gives_one_course_and_another_seed_another() {
        let imp = Impairment {
            loss: 0.05,
            duplicate: 0.05,
            corrupt: 0.05,
            reorder: 0.05,
            jitter: Duration::from_millis(3),
            ..Impairment::default()
        };
        assert_eq!(run(imp, 7), run(imp, 7));
        assert_ne!(run(imp, 7).0, run(imp, 8).0);
    }

    #[test]
    fn a_corrupted_frame_is_never_vouched_for() {
        for checksum in [Checksum::Verified, Checksum::Partial { start: 34, offset: 16 }] {
            let (mut a, b) = link(LinkOptions { checksum_offload: true, ..LinkOptions::default() });
            let corrupt = Impairment { corrupt: 1.0, ..Impairment::default() };
            let rng = Secrets::from_test_seed(3).rng("test");
            let mut b = Impair::new(b, Impairment::default(), corrupt, rng);
            let mut pool = Pool::new(1 << 20);
            let mut frame = buf(&tcp_frame(false, &[5; 1000]));
            if checksum != Checksum::Verified {
                TcpFrame::parse(frame.data()).unwrap().seed(frame.data_mut());
            }
            frame.set_offload(Offload { checksum, segment_size: 0 });
            a.transmit(&mut VecDeque::from([frame]), &mut pool).unwrap();
            let mut got = VecDeque::new();
            b.receive(&mut pool, &mut got, 9).unwrap();
            assert_eq!(got[0].offload().checksum, Checksum::Complete);
            assert!(!checksum_is_right(got[0].data()), "the turned bit shows");
        }
        let (a, _b, _) = pair(Impairment { corrupt: 0.1, ..Impairment::default() }, 1);
        assert!(!a.capabilities().checksum_offload);
    }

    #[test]
    fn received_frames_wait_for_their_time_and_are_told_as_a_deadline() {
        let (mut a, b) = link(LinkOptions::default());
        let slow = Impairment { delay: Duration::from_millis(20), ..Impairment::default() };
        let rng = Secrets::from_test_seed(3).rng("test");
        let mut b = Impair::new(b, Impairment::default(), slow, rng);
        let mut pool = Pool::new(1 << 20);
        a.transmit(&mut VecDeque::from([numbered(1), numbered(2)]), &mut pool).unwrap();
        let mut got = VecDeque::new();
        b.set_now(Instant::from_millis(5));
        assert_eq!(b.receive(&mut pool, &mut got, 9).unwrap(), Received::default());
        assert_eq!(b.next_deadline(), Some(Instant::from_millis(25)));
        drop(a);
        b.set_now(Instant::from_millis(25));
        assert_eq!(b.receive(&mut pool, &mut got, 1).unwrap(), Received { frames: 1, more: true });
        assert_eq!(b.receive(&mut pool, &mut got, 1).unwrap(), Received { frames: 1, more: false });
        assert_eq!(b.next_deadline(), None);
        assert!(b.receive(&mut pool, &mut got, 1).is_err(), "then the end of the link is told");
    }
}
