//! Bytes that the application has written and the peer has not acknowledged: from `snd_una` on, in chunks of the pool.

use super::chunks::Chunks;
use super::pool::HEADROOM;
use super::{Buf, Pool, SizeClass};
use crate::wire::checksum;

/// A write of at most this many bytes takes a small buffer, which holds it in whole: [`SizeClass::Small`] gives up its
/// headroom here.
const SMALL: usize = SizeClass::Small.capacity();
/// Segments of at least this many bytes get a chunk each, which is shared with the frame. What is smaller is copied: that
/// costs less than the sharing.
const FRAMED_FROM: usize = 4096;

/// The send queue of one connection. Offset 0 is `snd_una`.
///
/// Chunks are never empty, so the position of every byte is one chunk's. A cursor remembers where the last
/// [`copy_out`](Self::copy_out) ended; sequential offsets cost O(1) each, a jump walks the chunks once.
#[derive(Debug, Default)]
pub struct SendQueue {
    chunks: Chunks,
    len: u32,
    memory: u32,
    /// The chunk of the last copy ...
    cursor_chunk: u32,
    /// ... and the offset of its first byte.
    cursor_offset: u32,
}

const _: () = assert!(size_of::<SendQueue>() <= 32);

impl SendQueue {
    /// An empty queue, which owns no memory.
    pub const fn new() -> Self {
        Self { chunks: Chunks::new(), len: 0, memory: 0, cursor_chunk: 0, cursor_offset: 0 }
    }

    /// Bytes from `snd_una` to the end.
    #[inline]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether nothing is queued.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory of its chunks, for accounting; free space in them counts.
    pub fn memory(&self) -> usize {
        self.memory as usize
    }

    /// Whether bulk in segments of this payload goes into chunks that become frames.
    #[inline]
    pub const fn is_framed(segment: usize) -> bool {
        segment >= FRAMED_FROM
    }

    /// Appends all of `bytes` (the caller limits it) and tells how many that were: first into the free space of the
    /// last chunk, then into chunks of the pool, a small one for what fits into it and larger ones for bulk.
    ///
    /// `segment` is the payload of a full segment, and `unsent` tells how many of the last bytes were never sent: where the
    /// segments are large, chunks end where segments will, so that each can become the frame itself.
    pub fn write(&mut self, pool: &mut Pool, bytes: &[u8], segment: usize, unsent: usize) -> usize {
        if Self::is_framed(segment) && bytes.len().saturating_add(unsent) >= segment / 4 {
            self.write_framed(pool, bytes, segment, unsent);
            return bytes.len();
        }
        let mut rest = bytes;
        if let Some(last) = self.chunks.back_mut() {
            let n = last.append(rest);
            self.len += n as u32;
            rest = &rest[n..];
        }
        while !rest.is_empty() {
            let mut chunk = pool.take(if rest.len() <= SMALL { 0 } else { 16 * 1024 });
            // A chunk of a stream never gets a header in front.
            chunk.reset(0);
            let n = chunk.append(rest);
            rest = &rest[n..];
            self.push(pool, chunk);
        }
        bytes.len()
    }

    /// As [`Self::write`], into chunks that are frames without their headers.
    fn write_framed(&mut self, pool: &mut Pool, bytes: &[u8], segment: usize, unsent: usize) {
        let (mut rest, mut unsent) = (bytes, unsent);
        if let Some(last) = self.chunks.back_mut() {
            let room = match unsent % segment {
                // A segment ends here; but a chunk that is mostly empty would be memory for nothing.
                0 if last.len() >= last.capacity() / 2 => 0,
                over => segment - over,
            };
            let n = last.append_summed(&rest[..rest.len().min(room)]);
            self.len += n as u32;
            unsent += n;
            rest = &rest[n..];
        }
        while !rest.is_empty() {
            let room = segment - unsent % segment;
            let mut chunk = pool.take(segment);
            let n = chunk.append_summed(&rest[..rest.len().min(room)]);
            unsent += n;
            rest = &rest[n..];
            self.push(pool, chunk);
        }
    }

    /// The `len` bytes from `offset` on in a frame with [`HEADROOM`], and their partial checksum. Where `share` and they are
    /// all of a chunk that is made so, the chunk becomes the frame, without a copy, and a view of it stays here.
    pub fn frame(&mut self, pool: &mut Pool, offset: usize, len: usize, share: bool) -> (Buf, u32) {
        if share && len >= FRAMED_FROM {
            if let Some(shared) = self.share(pool, offset, len) {
                return shared;
            }
        }
        let mut frame = pool.take(len);
        let sum = frame.extend(len).map_or(0, |place| self.copy_out(offset, place));
        (frame, sum)
    }

    fn share(&mut self, pool: &mut Pool, offset: usize, len: usize) -> Option<(Buf, u32)> {
        let (index, start) = self.seek(offset);
        let chunk = self.chunks.get_mut(index)?;
        let fits = start == offset && chunk.len() == len && chunk.headroom() >= HEADROOM && chunk.is_whole();
        // What is sent on in a buffer that is mostly empty is memory for nothing at the other end.
        if !fits || len < chunk.capacity() / 2 {
            return None;
        }
        (self.cursor_chunk, self.cursor_offset) = (index as u32, start as u32);
        let sum = chunk.sum();
        let view = pool.share(chunk);
        Some((core::mem::replace(chunk, view), sum))
    }

    /// Appends a chunk that the application filled, without a copy.
    pub fn push(&mut self, pool: &mut Pool, chunk: Buf) {
        if chunk.is_empty() {
            return;
        }
        self.len += chunk.len() as u32;
        self.memory += chunk.memory() as u32;
        self.chunks.push_back(pool, chunk);
    }

    /// Drops `n` bytes (at most all) from the front: `snd_una` moved. Chunks that are done go back to the pool.
    pub fn ack(&mut self, pool: &mut Pool, n: usize) {
        let mut left = n.min(self.len());
        self.len -= left as u32;
        self.cursor_offset = self.cursor_offset.saturating_sub(left as u32);
        while left > 0 {
            let Some(front) = self.chunks.front_mut() else { break };
            if left < front.len() {
                front.trim_front(left);
                break;
            }
            left -= front.len();
            if let Some(done) = self.chunks.pop_front(pool) {
                self.memory -= done.memory() as u32;
                pool.put(done);
            }
            match self.cursor_chunk.checked_sub(1) {
                Some(before) => self.cursor_chunk = before,
                None => self.cursor_offset = 0,
            }
        }
        if self.cursor_chunk == 0 {
            self.cursor_offset = 0;
        }
        if self.chunks.is_empty() {
            (self.cursor_chunk, self.cursor_offset) = (0, 0);
        }
    }

    /// Copies the bytes from `offset` on to `dst` and gives their partial checksum (folded, not inverted) as if `dst`
    /// started at an even offset. `dst` ends at the end of the queue at the latest; what would be beyond is left as it
    /// is and not summed.
    pub fn copy_out(&mut self, offset: usize, dst: &mut [u8]) -> u32 {
        let wanted = dst.len().min(self.len().saturating_sub(offset));
        let (dst, _) = dst.split_at_mut(wanted);
        if dst.is_empty() {
            return 0;
        }
        let (mut index, mut start) = self.seek(offset);
        let (mut total, mut filled) = (0, 0);
        while let Some(chunk) = self.chunks.get(index) {
            let within = offset + filled - start;
            let source = chunk.data().get(within..).unwrap_or_default();
            let n = source.len().min(dst.len() - filled);
            let piece = checksum::copy_and_sum(&mut dst[filled..filled + n], &source[..n]);
            let piece = if filled % 2 == 1 { checksum::at_odd_offset(piece) } else { piece };
            total = checksum::combine(total, piece);
            filled += n;
            if filled == dst.len() {
                break;
            }
            start += chunk.len();
            index += 1;
        }
        (self.cursor_chunk, self.cursor_offset) = (index as u32, start as u32);
        total
    }

    /// The chunk that holds the byte at `offset`, and the offset of its first byte.
    fn seek(&self, offset: usize) -> (usize, usize) {
        let (mut index, mut start) = (self.cursor_chunk as usize, self.cursor_offset as usize);
        if offset < start {
            // Retransmission goes back, mostly to the front: from there is nearer than backwards.
            (index, start) = (0, 0);
        }
        while let Some(chunk) = self.chunks.get(index) {
            if offset - start < chunk.len() {
                break;
            }
            start += chunk.len();
            index += 1;
        }
        (index, start)
    }

    /// Drops everything.
    pub fn clear(&mut self, pool: &mut Pool) {
        self.chunks.clear(pool);
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[derive(Clone, Debug)]
    enum Op {
        Write(usize),
        Push(usize),
        Ack(usize),
        Copy(usize, usize),
        Send(usize, bool),
        Arrive,
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            (0usize..40_000).prop_map(Op::Write),
            (0usize..600).prop_map(Op::Write),
            (0usize..3000).prop_map(Op::Push),
            (0usize..30_000).prop_map(Op::Ack),
            (0usize..60_000, 0usize..5000).prop_map(|(offset, len)| Op::Copy(offset, len)),
            (0usize..60_000, 0usize..5000).prop_map(|(offset, len)| Op::Copy(offset, len)),
            (1usize..20_000, any::<bool>()).prop_map(|(most, share)| Op::Send(most, share)),
            (1usize..20_000, any::<bool>()).prop_map(|(most, share)| Op::Send(most, share)),
            Just(Op::Arrive),
        ]
    }

    fn bytes(from: &mut u32, n: usize) -> Vec<u8> {
        (0..n)
            .map(|_| {
                *from = from.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (*from >> 24) as u8
            })
            .collect()
    }

    /// Few in Miri, whose interpreter takes seconds for each.
    const MOST_OPS: usize = if cfg!(miri) { 6 } else { 60 };

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 96 }))]

        #[test]
        fn any_history_reads_back_as_a_plain_byte_array(ops in prop::collection::vec(op(), 1..MOST_OPS), segment in prop_oneof![Just(0usize), Just(1460), Just(8949), Just(65_000)]) {
            let (mut sent, mut frames) = (0, VecDeque::new());
            let mut pool = Pool::new(1 << 30);
            let mut queue = SendQueue::new();
            let mut model: Vec<u8> = Vec::new();
            let mut seed = 1;
            for op in ops {
                match op {
                    Op::Write(n) => {
                        let data = bytes(&mut seed, n);
                        prop_assert_eq!(queue.write(&mut pool, &data, segment, model.len() - sent), n);
                        model.extend(data);
                    }
                    Op::Push(n) => {
                        let data = bytes(&mut seed, n);
                        let mut chunk = Buf::new(n + 7, 3);
                        chunk.append(&data);
                        queue.push(&mut pool, chunk);
                        model.extend(data);
                    }
                    Op::Ack(n) => {
                        queue.ack(&mut pool, n);
                        model.drain(..n.min(model.len()));
                        sent = sent.saturating_sub(n);
                    }
                    Op::Send(most, share) => {
                        let n = (model.len() - sent).min(if segment > most { segment } else { most });
                        let (frame, sum) = queue.frame(&mut pool, sent, n, share);
                        prop_assert_eq!(frame.data(), &model[sent..sent + n]);
                        prop_assert_eq!(checksum::finish(sum), checksum::finish(checksum::sum(frame.data())));
                        prop_assert!(frame.headroom() >= HEADROOM);
                        frames.push_back((frame, model[sent..sent + n].to_vec()));
                        sent += n;
                    }
                    Op::Arrive => {
                        if let Some((mut frame, bytes)) = frames.pop_front() {
                            prop_assert_eq!(frame.data(), &bytes[..], "whatever became of the queue");
                            if bytes.len() % 2 == 1 {
                                // The holder writes what it has, and the queue does not see it.
                                frame.data_mut().fill(0xdd);
                            }
                            pool.put(frame);
                        }
                    }
                    Op::Copy(offset, len) => {
                        let mut out = vec![0xee; len];
                        let sum = queue.copy_out(offset, &mut out);
                        let held = model.get(offset..).unwrap_or_default();
                        let n = held.len().min(len);
                        prop_assert_eq!(&out[..n], &held[..n]);
                        prop_assert!(out[n..].iter().all(|byte| *byte == 0xee), "no byte beyond the end is touched");
                        prop_assert_eq!(checksum::finish(sum), checksum::finish(checksum::sum(&out[..n])));
                    }
                }
                prop_assert_eq!(queue.len(), model.len());
                prop_assert_eq!(queue.memory(), queue.chunks.iter().map(Buf::memory).sum::<usize>());
                prop_assert!(queue.chunks.iter().all(|chunk| !chunk.is_empty()));
            }
            queue.clear(&mut pool);
            prop_assert_eq!((queue.len(), queue.memory()), (0, 0));
        }
    }

    #[test]
    fn a_small_write_takes_a_small_buffer_and_the_next_one_fills_it() {
        let mut pool = Pool::new(1 << 20);
        let mut queue = SendQueue::new();
        for _ in 0..SMALL / 7 {
            queue.write(&mut pool, &[7; 7], 0, 0);
        }
        assert_eq!((queue.chunks.iter().count(), pool.allocated()), (1, 1));
        assert_eq!(queue.memory(), SMALL + 64);
        queue.write(&mut pool, &[8; 3000], 0, 0);
        assert_eq!(
            queue.chunks.back_mut().unwrap().capacity(),
            SizeClass::Chunk.capacity(),
            "bulk takes a chunk"
        );
    }

    #[test]
    fn a_chunk_that_is_one_segment_becomes_its_frame_and_is_there_for_a_retransmission() {
        let mut pool = Pool::new(1 << 20);
        let mut queue = SendQueue::new();
        let (segment, data) = (8948, bytes(&mut 9, 60_000));
        // Whatever the lengths of the writes, chunks end where segments do.
        let mut unsent = 0;
        for piece in data.chunks(10_000) {
            queue.write(&mut pool, piece, segment, unsent);
            unsent += piece.len();
        }
        let place = queue.chunks.get(1).unwrap().data().as_ptr();
        let (first, _) = queue.frame(&mut pool, 0, segment, true);
        let (second, sum) = queue.frame(&mut pool, segment, segment, true);
        assert_eq!(second.data().as_ptr(), place);
        assert_eq!(second.data(), &data[segment..2 * segment]);
        assert_eq!(checksum::finish(sum), checksum::finish(checksum::sum(second.data())));
        let (again, _) = queue.frame(&mut pool, segment, segment, true);
        assert!(again.data() == second.data() && again.data().as_ptr() != place, "one frame at a time");
        // A part of a segment was acknowledged, as no peer of ours does, and the rest goes again.
        queue.ack(&mut pool, segment + 1);
        let (rest, _) = queue.frame(&mut pool, 0, segment - 1, true);
        assert_eq!(rest.data(), &data[segment + 1..2 * segment]);
        [first, second, again, rest].into_iter().for_each(|frame| pool.put(frame));
        queue.ack(&mut pool, data.len());
        assert_eq!((queue.memory(), pool.outstanding()), (0, 0));
    }

    #[test]
    fn a_large_segment_size_does_not_make_small_writes_large_chunks() {
        let mut pool = Pool::new(1 << 24);
        let mut queue = SendQueue::new();
        for _ in 0..1000 {
            queue.write(&mut pool, &[1; 100], 65_483, 0);
        }
        assert!(queue.memory() < 2 * queue.len(), "{} for {}", queue.memory(), queue.len());
        for _ in 0..40 {
            queue.write(&mut pool, &[2; 17_000], 65_483, 0);
        }
        assert!(queue.memory() < 3 * queue.len(), "{} for {}", queue.memory(), queue.len());
    }

    #[test]
    fn sequential_copies_go_on_where_the_last_ended_and_a_retransmission_goes_back() {
        let mut pool = Pool::new(1 << 20);
        let mut queue = SendQueue::new();
        let data = bytes(&mut 5, 100_000);
        queue.write(&mut pool, &data, 0, 0);
        for offset in (0..99_000).step_by(1000) {
            let mut out = [0; 1000];
            queue.copy_out(offset, &mut out);
            assert_eq!(out, data[offset..offset + 1000]);
            let end_of_cursor_chunk =
                queue.cursor_offset as usize + queue.chunks.get(queue.cursor_chunk as usize).unwrap().len();
            assert!(offset + 1000 <= end_of_cursor_chunk && queue.cursor_offset as usize <= offset + 1000);
        }
        queue.ack(&mut pool, 40_001);
        let mut out = [0; 777];
        queue.copy_out(0, &mut out);
        assert_eq!(out, data[40_001..40_778]);
        queue.ack(&mut pool, 1 << 20);
        assert!(queue.is_empty());
        assert_eq!(
            pool.allocated() as usize,
            SizeClass::ALL.into_iter().map(|class| pool.free(class)).sum::<usize>()
        );
    }
}
