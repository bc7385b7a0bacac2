//! A link in memory: two ends, a bounded queue of frames each way. Frames are moved, not copied, and the buffers that
//! moved with them come back, so that in steady state neither end allocates.

use super::{ETHERNET, partial};
use crate::buffer::{Buf, Capabilities, Checksum, Device, Pool, Readiness, Received, Simulated};
use crate::sync::Signal;
use crate::sync::link::{FrameReceiver, FrameSender, channel};
use crate::wire::Mac;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// Largest IP packet that a super-segment may be, in bytes.
const SUPER_SEGMENT: usize = 65_535;

/// What an end does once the other end has been dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PeerGone {
    /// Receiving (after what still waits) and transmitting fail with [`io::ErrorKind::NotConnected`], as with a device
    /// that was pulled out.
    #[default]
    Error,
    /// The link stays up and swallows what is sent, as a cable into a host that has died.
    Discard,
}

/// Options of an in-memory link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkOptions {
    /// Link-layer address of each end.
    pub macs: [Mac; 2],
    /// Largest IP packet in bytes.
    pub mtu: usize,
    /// Frames that wait in each direction at most (at least 1); what has no room stays with its sender.
    pub queue: usize,
    /// Checksums may be left partial; the receiver takes them for verified, since the bytes never leave memory.
    pub checksum_offload: bool,
    /// Super-segments up to 65 535 bytes pass through whole, with their [`crate::buffer::Offload::segment_size`].
    pub segmentation: bool,
    /// What an end does once the other has been dropped.
    pub peer_gone: PeerGone,
}

impl Default for LinkOptions {
    /// MTU 1500, 512 frames each way, no offload.
    fn default() -> Self {
        Self {
            macs: [Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2])],
            mtu: 1500,
            queue: 512,
            checksum_offload: false,
            segmentation: false,
            peer_gone: PeerGone::Error,
        }
    }
}

/// Both ends of a new link; the first has `options.macs[0]`.
pub fn link(options: LinkOptions) -> (MemoryDevice, MemoryDevice) {
    let signals = [Arc::new(Signal::default()), Arc::new(Signal::default())];
    let [a, b] = &signals;
    // A driver waits on one signal of its device: it stands for frames that arrived as well as for room to send.
    let (a_out, b_in) = channel(options.queue, b.clone(), a.clone());
    let (b_out, a_in) = channel(options.queue, a.clone(), b.clone());
    // Used buffers on their way back wake nobody.
    let silent = || Arc::new(Signal::default());
    let (a_back, b_refill) = channel(options.queue, silent(), silent());
    let (b_back, a_refill) = channel(options.queue, silent(), silent());
    let end = |mac: Mac, outbound, inbound, give_back, refill, signal: &Arc<Signal>| MemoryDevice {
        capabilities: Capabilities {
            mac,
            mtu: options.mtu,
            checksum_offload: options.checksum_offload,
            segmentation: if options.segmentation { SUPER_SEGMENT } else { 0 },
        },
        peer_gone: options.peer_gone,
        outbound,
        inbound,
        give_back,
        refill,
        scratch: Vec::new(),
        signal: signal.clone(),
        refused: 0,
    };
    let [mac_a, mac_b] = options.macs;
    (end(mac_a, a_out, a_in, a_back, a_refill, a), end(mac_b, b_out, b_in, b_back, b_refill, b))
}

/// One end of a link made by [`link`].
#[derive(Debug)]
pub struct MemoryDevice {
    capabilities: Capabilities,
    peer_gone: PeerGone,
    outbound: FrameSender,
    inbound: FrameReceiver,
    /// Buffers that we owe the peer, and that the peer gave back.
    give_back: FrameSender,
    refill: FrameReceiver,
    scratch: Vec<Buf>,
    signal: Arc<Signal>,
    refused: u64,
}

impl MemoryDevice {
    /// Frames that were dropped at this end because the link does not carry such frames (over the MTU, or a super-segment
    /// where there is no such mode) or, with [`PeerGone::Discard`], because nobody is there.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn gone() -> io::Error {
        io::Error::new(io::ErrorKind::NotConnected, "the other end of the in-memory link is gone")
    }

    /// Takes the buffers that came back.
    #[inline]
    fn reclaim(&mut self, pool: &mut Pool) {
        if self.refill.waiting() > 0 {
            self.take_back(pool);
        }
    }

    fn take_back(&mut self, pool: &mut Pool) {
        self.refill.receive(usize::MAX, |buf| {
            pool.adopt(&buf);
            pool.put(buf);
        });
    }

    /// Gives buffers for those that came with frames and have become free.
    #[inline]
    fn repay(&mut self, pool: &mut Pool) {
        if pool.owes() {
            pool.repay(self.give_back.room(), &mut self.scratch);
            self.give_back.send_quietly(&mut self.scratch);
        }
    }

    /// Whether the link carries this frame; makes its metadata true for the other end.
    fn admit(&self, frame: &mut Buf) -> bool {
        let offload = frame.offload();
        let limit = match offload.segment_size {
            0 => self.capabilities.mtu,
            _ => self.capabilities.mtu.max(self.capabilities.segmentation),
        };
        if frame.len() > limit + ETHERNET {
            return false;
        }
        match offload.checksum {
            Checksum::Complete => {}
            Checksum::Partial { .. } if self.capabilities.checksum_offload => {}
            // Nobody vouches for it on the other side; and without the offload the sum has to stand in the frame.
            Checksum::Verified | Checksum::Partial { .. } => partial::finish(frame),
        }
        true
    }
}

impl Simulated for MemoryDevice {}

impl Device for MemoryDevice {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn receive(&mut self, pool: &mut Pool, into: &mut VecDeque<Buf>, budget: usize) -> io::Result<Received> {
        self.reclaim(pool);
        // Asked before the queue is looked into: what was sent before the other end went is still delivered.
        let gone = self.inbound.is_abandoned();
        self.repay(pool);
        let frames = self.inbound.receive(budget, |mut buf| {
            pool.borrow(&mut buf);
            into.push_back(buf);
        });
        let more = frames == budget && self.inbound.waiting() > 0;
        if gone && frames == 0 && self.inbound.waiting() == 0 && self.peer_gone == PeerGone::Error {
            return Err(Self::gone());
        }
        Ok(Received { frames, more })
    }

    fn transmit(&mut self, from: &mut VecDeque<Buf>, pool: &mut Pool) -> io::Result<()> {
        if from.is_empty() {
            return Ok(());
        }
        self.reclaim(pool);
        if self.outbound.is_abandoned() {
            return match self.peer_gone {
                PeerGone::Error => Err(Self::gone()),
                PeerGone::Discard => {
                    self.refused += from.len() as u64;
                    from.drain(..).for_each(|buf| pool.put(buf));
                    Ok(())
                }
            };
        }
        let (mut at, mut waiting) = (0, 0);
        while let Some(frame) = from.get_mut(at) {
            if self.admit(frame) {
                at += 1;
                waiting += frame.memory();
            } else if let Some(frame) = from.remove(at) {
                self.refused += 1;
                pool.put(frame);
            }
        }
        self.outbound.send(from, usize::MAX);
        // What went is the other end's from here on.
        pool.forget_bytes(waiting.saturating_sub(from.iter().map(Buf::memory).sum()));
        Ok(())
    }

    fn readiness(&self) -> Readiness {
        Readiness::Signal(self.signal.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::partial::TcpFrame;
    use super::super::partial::tests::{buf, checksum_is_right, tcp_frame};
    use super::*;
    use crate::buffer::{Offload, SizeClass};

    fn frame(pool: &mut Pool, len: usize, byte: u8) -> Buf {
        let mut buf = pool.take(len);
        buf.extend(len).unwrap().fill(byte);
        buf
    }

    fn receive(end: &mut MemoryDevice, pool: &mut Pool) -> VecDeque<Buf> {
        let mut into = VecDeque::new();
        end.receive(pool, &mut into, usize::MAX).unwrap();
        into
    }

    #[test]
    fn in_steady_state_neither_end_allocates_whatever_the_sizes() {
        let (mut a, mut b) = link(LinkOptions { queue: 64, mtu: 9000, ..LinkOptions::default() });
        let (mut pool_a, mut pool_b) = (Pool::new(1 << 24), Pool::new(1 << 24));
        let mut warm = (0, 0);
        for round in 0..200 {
            let mut from: VecDeque<_> =
                [9000, 1514, 60, 9014, 600].iter().map(|len| frame(&mut pool_a, *len, 1)).collect();
            a.transmit(&mut from, &mut pool_a).unwrap();
            let got = receive(&mut b, &mut pool_b);
            assert_eq!(got.len(), 5);
            got.into_iter().for_each(|buf| pool_b.put(buf));
            let mut acks = VecDeque::from([frame(&mut pool_b, 54, 2)]);
            b.transmit(&mut acks, &mut pool_b).unwrap();
            receive(&mut a, &mut pool_a).into_iter().for_each(|buf| pool_a.put(buf));
            if round == 10 {
                warm = (pool_a.allocated(), pool_b.allocated());
            }
        }
        assert_eq!((pool_a.allocated(), pool_b.allocated()), warm);
        assert!(warm.0 < 30, "{warm:?}");
    }

    #[test]
    fn a_full_queue_leaves_the_rest_with_the_sender_and_tells_it_of_room() {
        let (mut a, mut b) = link(LinkOptions { queue: 2, ..LinkOptions::default() });
        let mut pool = Pool::new(1 << 20);
        let mut from: VecDeque<_> = (0..3).map(|n| frame(&mut pool, 60, n)).collect();
        a.transmit(&mut from, &mut pool).unwrap();
        assert_eq!(from.len(), 1);
        let (Readiness::Signal(at_a), Readiness::Signal(at_b)) = (a.readiness(), b.readiness()) else {
            panic!("a link in memory has signals")
        };
        assert!(at_b.take() && !at_a.take());
        let mut into = VecDeque::new();
        let received = b.receive(&mut pool, &mut into, 1).unwrap();
        assert_eq!(received, Received { frames: 1, more: true });
        assert!(at_a.take());
        a.transmit(&mut from, &mut pool).unwrap();
        assert!(from.is_empty());
        into.extend(receive(&mut b, &mut pool));
        assert_eq!(into.iter().map(|buf| buf.data()[0]).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn a_frame_over_the_mtu_is_refused_and_a_super_segment_passes_whole_only_in_its_mode() {
        for segmentation in [false, true] {
            let options = LinkOptions { segmentation, checksum_offload: true, ..LinkOptions::default() };
            let (mut a, mut b) = link(options);
            let mut pool = Pool::new(1 << 20);
            let mut large = frame(&mut pool, 60_000, 1);
            let offload =
                Offload { checksum: Checksum::Partial { start: 34, offset: 16 }, segment_size: 1448 };
            large.set_offload(offload);
            let unmarked = frame(&mut pool, 1515, 2);
            let mut from = VecDeque::from([large, unmarked, frame(&mut pool, 1514, 3)]);
            a.transmit(&mut from, &mut pool).unwrap();
            let got = receive(&mut b, &mut pool);
            assert_eq!(a.refused(), if segmentation { 1 } else { 2 });
            assert_eq!(got.len(), if segmentation { 2 } else { 1 });
            if segmentation {
                assert_eq!((got[0].len(), got[0].offload()), (60_000, offload));
            }
        }
    }

    #[test]
    fn without_the_offload_a_partial_checksum_is_finished_and_nothing_is_vouched_for() {
        let (mut a, mut b) = link(LinkOptions::default());
        let mut pool = Pool::new(1 << 20);
        let mut partial = buf(&tcp_frame(false, b"hello"));
        let layers = TcpFrame::parse(partial.data()).unwrap();
        layers.seed(partial.data_mut());
        partial.set_offload(Offload { checksum: layers.partial(), segment_size: 0 });
        let mut verified = buf(&tcp_frame(true, b"hello"));
        verified.set_offload(Offload { checksum: Checksum::Verified, segment_size: 0 });
        a.transmit(&mut VecDeque::from([partial, verified]), &mut pool).unwrap();
        for frame in receive(&mut b, &mut pool) {
            assert_eq!(frame.offload(), Offload::default());
            assert!(checksum_is_right(frame.data()));
        }
    }

    #[test]
    fn an_end_whose_peer_is_gone_delivers_what_waits_and_then_fails() {
        let (mut a, b) = link(LinkOptions::default());
        let mut pool = Pool::new(1 << 20);
        let mut b = b;
        b.transmit(&mut VecDeque::from([frame(&mut pool, 60, 9)]), &mut pool).unwrap();
        drop(b);
        let Readiness::Signal(signal) = a.readiness() else { panic!("a signal") };
        assert!(signal.take());
        assert_eq!(receive(&mut a, &mut pool).len(), 1);
        let error = a.receive(&mut pool, &mut VecDeque::new(), 8).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotConnected);
        let mut from = VecDeque::from([frame(&mut pool, 60, 9)]);
        assert!(a.transmit(&mut from, &mut pool).is_err());
        assert_eq!(from.len(), 1, "what was not sent is still the caller's");
    }

    #[test]
    fn a_link_that_discards_stays_up_without_its_peer() {
        let (mut a, b) = link(LinkOptions { peer_gone: PeerGone::Discard, ..LinkOptions::default() });
        drop(b);
        let mut pool = Pool::new(1 << 20);
        let mut from = VecDeque::from([frame(&mut pool, 60, 9)]);
        a.transmit(&mut from, &mut pool).unwrap();
        assert!(from.is_empty());
        assert_eq!((a.refused(), pool.free(SizeClass::Small)), (1, 1));
        assert!(receive(&mut a, &mut pool).is_empty());
    }

    #[test]
    fn the_ends_work_from_two_threads() {
        let (mut a, mut b) = link(LinkOptions { queue: 16, ..LinkOptions::default() });
        let n = if cfg!(miri) { 50 } else { 5000 };
        let sender = std::thread::spawn(move || {
            let mut pool = Pool::new(1 << 20);
            let (mut from, mut made) = (VecDeque::new(), 0u32);
            while made < n || !from.is_empty() {
                while made < n && from.len() < 4 {
                    let mut buf = pool.take(60);
                    buf.append(&made.to_be_bytes());
                    from.push_back(buf);
                    made += 1;
                }
                a.transmit(&mut from, &mut pool).unwrap();
                std::thread::yield_now();
            }
            (a, pool.allocated())
        });
        let mut pool = Pool::new(1 << 20);
        let mut expected = 0u32;
        while expected < n {
            for buf in receive(&mut b, &mut pool) {
                assert_eq!(buf.data(), expected.to_be_bytes());
                expected += 1;
                pool.put(buf);
            }
            std::thread::yield_now();
        }
        let (_a, allocated) = sender.join().unwrap();
        assert!(allocated <= 64, "the buffers came back: {allocated}");
    }
}
