//! Bytes received in order that the application has not read.

use super::chunks::Chunks;
use super::{Buf, Pool, SizeClass};

/// A payload below this many bytes is copied and its frame goes back to the pool.
const COPY_BELOW: usize = 256;

/// Whether `payload` is copied rather than kept in its frame (`design.md`, rule 3): below 256 bytes, or below a quarter
/// of the memory that it would hold on to.
pub(crate) fn is_wasteful(payload: &Buf) -> bool {
    payload.len() < COPY_BELOW || payload.len() < payload.memory() / 4
}

/// Moves a payload that is wasteful where it is to a smaller buffer, if there is a class that is smaller; its own goes
/// back to the pool.
pub(crate) fn compact(pool: &mut Pool, payload: Buf) -> Buf {
    if !is_wasteful(&payload) || SizeClass::for_len(payload.len()).capacity() >= payload.capacity() {
        return payload;
    }
    let mut small = pool.take(payload.len());
    // Nothing is put in front of received bytes any more.
    small.reset(0);
    small.append(payload.data());
    pool.put(payload);
    small
}

/// The receive queue of one connection.
#[derive(Debug, Default)]
pub struct ReceiveQueue {
    bufs: Chunks,
    len: u32,
    memory: u32,
}

const _: () = assert!(size_of::<ReceiveQueue>() <= 24);

impl ReceiveQueue {
    /// An empty queue, which owns no memory.
    pub const fn new() -> Self {
        Self { bufs: Chunks::new(), len: 0, memory: 0 }
    }

    /// Bytes to read.
    #[inline]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there is nothing to read.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory of its buffers, for accounting: the real size of the frames that it holds.
    pub fn memory(&self) -> usize {
        self.memory as usize
    }

    /// Appends `payload` (the live bytes are payload alone). One that is small, absolutely or for its buffer, goes behind
    /// the last bytes where there is room and else into a smaller buffer; its own goes back to the pool.
    pub fn push(&mut self, pool: &mut Pool, mut payload: Buf) {
        self.len += payload.len() as u32;
        if is_wasteful(&payload) {
            let copied = self.bufs.back_mut().map_or(0, |last| last.append(payload.data()));
            payload.trim_front(copied);
        }
        if payload.is_empty() {
            pool.put(payload);
        } else {
            let payload = compact(pool, payload);
            self.memory += payload.memory() as u32;
            self.bufs.push_back(pool, payload);
        }
    }

    /// Moves bytes to `out` and tells how many.
    pub fn read(&mut self, pool: &mut Pool, out: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < out.len() {
            let Some(front) = self.bufs.front_mut() else { break };
            let n = front.len().min(out.len() - filled);
            super::copy::copy(&mut out[filled..filled + n], &front.data()[..n]);
            front.trim_front(n);
            filled += n;
            if front.is_empty() {
                if let Some(done) = self.bufs.pop_front(pool) {
                    self.memory -= done.memory() as u32;
                    pool.put(done);
                }
            }
        }
        self.len -= filled as u32;
        filled
    }

    /// Copies bytes to `out` and leaves them; tells how many.
    pub fn peek(&self, out: &mut [u8]) -> usize {
        let mut filled = 0;
        for buf in self.bufs.iter() {
            if filled == out.len() {
                break;
            }
            let n = buf.len().min(out.len() - filled);
            out[filled..filled + n].copy_from_slice(&buf.data()[..n]);
            filled += n;
        }
        filled
    }

    /// Takes the first buffer out, without a copy.
    pub fn pop(&mut self, pool: &mut Pool) -> Option<Buf> {
        let buf = self.bufs.pop_front(pool)?;
        self.len -= buf.len() as u32;
        self.memory -= buf.memory() as u32;
        Some(buf)
    }

    /// Drops everything.
    pub fn clear(&mut self, pool: &mut Pool) {
        self.bufs.clear(pool);
        (self.len, self.memory) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn payload(pool: &mut Pool, frame: usize, bytes: &[u8]) -> Buf {
        let mut buf = pool.take(frame.max(bytes.len() + 54));
        buf.append(&[0xaa; 54]);
        buf.append(bytes);
        buf.trim_front(54);
        buf
    }

    #[derive(Clone, Debug)]
    enum Op {
        Push(usize, usize),
        Read(usize),
        Peek(usize),
        Pop,
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            (prop_oneof![Just(200usize), Just(1514), Just(9000), Just(65_000)], 0usize..2000)
                .prop_map(|(frame, len)| Op::Push(frame, len)),
            (1500usize..1515, 0usize..300).prop_map(|(frame, len)| Op::Push(frame, len)),
            (0usize..4000).prop_map(Op::Read),
            (0usize..4000).prop_map(Op::Peek),
            Just(Op::Pop),
        ]
    }

    /// Few in Miri, whose interpreter takes seconds for each.
    const MOST_OPS: usize = if cfg!(miri) { 6 } else { 80 };

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 96 }))]

        #[test]
        fn any_history_reads_back_as_a_plain_byte_array(ops in prop::collection::vec(op(), 1..MOST_OPS)) {
            let mut pool = Pool::new(1 << 30);
            let mut queue = ReceiveQueue::new();
            let mut model: Vec<u8> = Vec::new();
            let mut next = 0u8;
            for op in ops {
                match op {
                    Op::Push(frame, len) => {
                        let data: Vec<u8> = (0..len).map(|i| next.wrapping_add(i as u8)).collect();
                        next = next.wrapping_mul(13).wrapping_add(7);
                        let buf = payload(&mut pool, frame, &data);
                        queue.push(&mut pool, buf);
                        model.extend(data);
                    }
                    Op::Read(len) => {
                        let mut out = vec![0; len];
                        let n = queue.read(&mut pool, &mut out);
                        prop_assert_eq!(n, len.min(model.len()));
                        prop_assert_eq!(&out[..n], &model[..n]);
                        model.drain(..n);
                    }
                    Op::Peek(len) => {
                        let mut out = vec![0; len];
                        let n = queue.peek(&mut out);
                        prop_assert_eq!(n, len.min(model.len()));
                        prop_assert_eq!(&out[..n], &model[..n]);
                    }
                    Op::Pop => {
                        let popped = queue.pop(&mut pool);
                        prop_assert_eq!(popped.is_none(), model.is_empty());
                        if let Some(buf) = popped {
                            prop_assert_eq!(buf.data(), &model[..buf.len()]);
                            model.drain(..buf.len());
                            pool.put(buf);
                        }
                    }
                }
                prop_assert_eq!(queue.len(), model.len());
                prop_assert_eq!(queue.memory(), queue.bufs.iter().map(Buf::memory).sum::<usize>());
            }
            queue.clear(&mut pool);
            prop_assert_eq!((queue.len(), queue.memory()), (0, 0));
        }
    }

    #[test]
    fn one_byte_in_a_super_segment_does_not_hold_64_kib() {
        let mut pool = Pool::new(1 << 20);
        let mut queue = ReceiveQueue::new();
        let frame = payload(&mut pool, 65_000, b"x");
        queue.push(&mut pool, frame);
        assert_eq!(queue.memory(), SizeClass::Small.capacity() + 64);
        assert_eq!(pool.free(SizeClass::Jumbo), 1, "the frame went back");
        for _ in 0..100 {
            let frame = payload(&mut pool, 65_000, b"y");
            queue.push(&mut pool, frame);
        }
        assert_eq!(queue.memory(), SizeClass::Small.capacity() + 64, "the next ones go behind it");
        assert_eq!(queue.len(), 101);
    }

    #[test]
    fn a_full_segment_stays_in_its_frame() {
        let mut pool = Pool::new(1 << 20);
        let mut queue = ReceiveQueue::new();
        let frame = payload(&mut pool, 1514, &[1; 1460]);
        let place = frame.data().as_ptr();
        queue.push(&mut pool, frame);
        assert_eq!(queue.pop(&mut pool).map(|buf| buf.data().as_ptr()), Some(place));
        assert_eq!(queue.memory(), 0);
    }

    #[test]
    fn memory_per_byte_is_bounded_whatever_the_segments() {
        // In Miri every hundredth: each takes seconds there.
        for len in (1..1460).step_by(if cfg!(miri) { 100 } else { 1 }) {
            let mut pool = Pool::new(1 << 20);
            let mut queue = ReceiveQueue::new();
            for _ in 0..64 {
                let frame = payload(&mut pool, 1514, &vec![1; len]);
                queue.push(&mut pool, frame);
            }
            assert!(
                queue.memory() <= 4 * queue.len() + 2048,
                "{len}: {} for {}",
                queue.memory(),
                queue.len()
            );
        }
    }
}
