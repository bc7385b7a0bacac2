//! Data that arrived out of order, until the gap before it closes; and the SACK blocks that tell the peer of it.
//!
//! Where segments overlap, the bytes that came first stay: RFC 9293, Section 3.10.7.4 trims what was received already and
//! prescribes no order, and bytes that were reported by SACK must not change afterwards.

use crate::buffer::receive_queue::{compact, is_wasteful};
use crate::buffer::{Buf, Pool};
use crate::wire::{SackBlocks, SeqNum};
use std::collections::VecDeque;

/// Most segments held, whatever their memory: it bounds the work that one segment can cause. 4 MiB of full-sized
/// Ethernet segments are 2900.
pub const MAX_SEGMENTS: usize = 4096;
/// Blocks whose recency is remembered: a SACK option holds four at most (RFC 2018, Section 3).
const RECENT: usize = 4;

#[derive(Debug)]
struct Segment {
    buf: Buf,
    seq: SeqNum,
    len: u32,
}

impl Segment {
    fn end(&self) -> SeqNum {
        self.seq + self.len
    }
}

/// The reassembly queue of one connection. Everything in it is within one receive window, so that sequence numbers
/// compare without wrapping.
#[derive(Debug, Default)]
pub struct Reassembly {
    /// Sorted, without overlap.
    segments: VecDeque<Segment>,
    /// The contiguous blocks that the segments form: sorted, with a gap between any two.
    blocks: VecDeque<(SeqNum, SeqNum)>,
    /// A sequence number inside each of the blocks that changed last, latest first; one that is below `rcv_nxt` by now
    /// finds no block.
    recent: [SeqNum; RECENT],
    recent_len: u8,
    bytes: u32,
    memory: u32,
    duplicate: Option<(SeqNum, SeqNum)>,
}

impl Reassembly {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Bytes of memory held, for accounting: the real size of the buffers and of the lists.
    pub fn memory(&self) -> usize {
        self.memory as usize
            + self.segments.capacity() * size_of::<Segment>()
            + self.blocks.capacity() * size_of::<(SeqNum, SeqNum)>()
            + size_of::<Self>()
    }

    /// Bytes of data held.
    pub fn bytes(&self) -> usize {
        self.bytes as usize
    }

    /// Segments held, after small neighbours were joined.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Holds `payload`, whose first byte is `seq`; the caller has trimmed it to the receive window. What is held already
    /// stays, and the new segment fills the gaps. What was there already is then [`take_duplicate`](Self::take_duplicate)'s.
    ///
    /// # Errors
    /// The buffer (perhaps trimmed), where nothing of it could be held: its buffers would exceed `limit` bytes of
    /// memory, or [`MAX_SEGMENTS`]. Where only a part could be held, that part is and the rest is dropped, as a
    /// receiver may (RFC 9293, Section 3.10.7.4: SHOULD be held).
    pub fn insert(&mut self, pool: &mut Pool, seq: SeqNum, payload: Buf, limit: usize) -> Result<(), Buf> {
        self.duplicate = None;
        let end = seq + payload.len() as u32;
        let mut index = self.segments.partition_point(|held| held.end().le(seq));
        let mut at = seq;
        let mut refused = false;
        let mut rest = Some(payload);
        while at.lt(end) {
            let next = self.segments.get(index).map(|held| (held.seq, held.end())).filter(|(s, _)| s.lt(end));
            if let Some((start, stop)) = next.filter(|(s, _)| s.le(at)) {
                self.add_duplicate(at.max(start), stop.min(end));
                at = stop;
                index += 1;
                continue;
            }
            let gap_end = next.map_or(end, |(start, _)| start);
            let piece = if gap_end == end {
                // The last piece stays in its own buffer.
                rest.take().map(|mut buf| {
                    buf.trim_front(at.since(seq) as usize);
                    buf
                })
            } else {
                let range = at.since(seq) as usize..gap_end.since(seq) as usize;
                rest.as_ref().and_then(|buf| buf.data().get(range)).map(|bytes| copy(pool, bytes))
            };
            let Some(piece) = piece else { break };
            match self.store(pool, index, at, piece, limit) {
                Ok(new) => index += usize::from(new),
                Err(piece) => {
                    refused = true;
                    match rest {
                        Some(_) => pool.put(piece),
                        None => rest = Some(piece),
                    }
                    break;
                }
            }
            at = gap_end;
        }
        let held_up_to = at.min(end);
        if held_up_to == seq && refused {
            return match rest {
                Some(payload) => Err(payload),
                None => Ok(()),
            };
        }
        if let Some(left) = rest {
            pool.put(left);
        }
        if seq.lt(held_up_to) {
            self.join_block(seq, held_up_to);
        }
        Ok(())
    }

    /// Puts one piece that overlaps nothing at `index`; tells whether it became a segment of its own.
    fn store(
        &mut self,
        pool: &mut Pool,
        index: usize,
        seq: SeqNum,
        piece: Buf,
        limit: usize,
    ) -> Result<bool, Buf> {
        let len = piece.len();
        if is_wasteful(&piece) {
            let before = index.checked_sub(1).and_then(|i| self.segments.get_mut(i));
            if let Some(before) = before.filter(|s| s.end() == seq && s.buf.tailroom() >= len) {
                before.buf.append(piece.data());
                before.len += len as u32;
                self.bytes += len as u32;
                pool.put(piece);
                return Ok(false);
            }
        }
        if self.segments.len() >= MAX_SEGMENTS {
            return Err(piece);
        }
        let buf = compact(pool, piece);
        if self.memory as usize + buf.memory() > limit {
            return Err(buf);
        }
        self.bytes += len as u32;
        self.memory += buf.memory() as u32;
        self.segments.insert(index, Segment { buf, seq, len: len as u32 });
        Ok(true)
    }

    /// Only the first contiguous duplicate of a segment is reported (RFC 2883, Section 4).
    fn add_duplicate(&mut self, start: SeqNum, end: SeqNum) {
        match &mut self.duplicate {
            None => self.duplicate = Some((start, end)),
            Some((_, known)) if *known == start => *known = end,
            Some(_) => {}
        }
    }

    fn join_block(&mut self, start: SeqNum, end: SeqNum) {
        let low = self.blocks.partition_point(|block| block.1.lt(start));
        let high = self.blocks.partition_point(|block| block.0.le(end));
        let mut joined = (start, end);
        if low < high {
            if let (Some(first), Some(last)) = (self.blocks.get(low), self.blocks.get(high - 1)) {
                joined = (start.min(first.0), end.max(last.1));
            }
            self.blocks.drain(low..high);
        }
        self.blocks.insert(low, joined);
        let mut recent = [start; RECENT];
        let mut len = 1;
        let known = self.recent.iter().take(usize::from(self.recent_len));
        for seq in known.filter(|seq| !(joined.0.le(**seq) && seq.lt(joined.1))) {
            if let Some(place) = recent.get_mut(len) {
                *place = *seq;
                len += 1;
            }
        }
        (self.recent, self.recent_len) = (recent, len as u8);
    }

    /// What of the first block lies before `rcv_nxt`, because data in order brought it again.
    pub fn overlap(&self, rcv_nxt: SeqNum) -> Option<(SeqNum, SeqNum)> {
        let (start, end) = self.blocks.front().copied().filter(|block| block.0.lt(rcv_nxt))?;
        Some((start, end.min(rcv_nxt)))
    }

    /// The next piece in order, trimmed so that it starts at `rcv_nxt`; `None` where there is a gap. Held data that is
    /// below `rcv_nxt` goes.
    pub fn pop_ready(&mut self, pool: &mut Pool, rcv_nxt: SeqNum) -> Option<Buf> {
        loop {
            if self.segments.front()?.seq.gt(rcv_nxt) {
                return None;
            }
            let Segment { mut buf, seq, len } = self.segments.pop_front()?;
            self.bytes -= len;
            self.memory -= buf.memory() as u32;
            let end = seq + len;
            if let Some(block) = self.blocks.front_mut() {
                block.0 = end;
                if block.1.le(end) {
                    self.blocks.pop_front();
                }
            }
            if end.gt(rcv_nxt) {
                buf.trim_front(rcv_nxt.since(seq) as usize);
                return Some(buf);
            }
            pool.put(buf);
        }
    }

    /// The duplicate that the last [`insert`](Self::insert) brought, once: the D-SACK block of the ACK that it causes
    /// (RFC 2883, Section 4).
    pub fn take_duplicate(&mut self) -> Option<(SeqNum, SeqNum)> {
        self.duplicate.take()
    }

    /// Up to `max` (and four) blocks, the one that changed last first (RFC 2018, Section 4), then by recency, then the
    /// highest.
    pub fn sack_blocks(&self, max: usize) -> SackBlocks {
        self.sack_blocks_after(SackBlocks::default(), max)
    }

    /// As [`sack_blocks`](Self::sack_blocks) behind what `first` has already (a D-SACK block); `max` counts all.
    pub fn sack_blocks_after(&self, first: SackBlocks, max: usize) -> SackBlocks {
        let duplicates = first.as_slice().len();
        let mut out = first;
        let recent = self.recent.iter().take(usize::from(self.recent_len));
        let by_recency = recent.filter_map(|seq| {
            let index = self.blocks.partition_point(|block| block.1.le(*seq));
            self.blocks.get(index).filter(|block| block.0.le(*seq))
        });
        for block in by_recency.chain(self.blocks.iter().rev()) {
            if out.as_slice().len() >= max {
                break;
            }
            let listed = out.as_slice().get(duplicates..).unwrap_or_default();
            if !listed.contains(block) && !out.push(block.0, block.1) {
                break;
            }
        }
        out
    }

    /// Drops everything.
    pub fn clear(&mut self, pool: &mut Pool) {
        for segment in self.segments.drain(..) {
            pool.put(segment.buf);
        }
        *self = Self::default();
    }
}

/// The SACK option of an ACK: first the D-SACK block, where the segment that caused the ACK brought a duplicate (RFC 2883,
/// Section 4), then blocks of data held out of order (RFC 2018, Section 4); at most `max` in all. With timestamps
/// there is room for three.
pub fn sack_option(duplicate: Option<(SeqNum, SeqNum)>, held: Option<&Reassembly>, max: usize) -> SackBlocks {
    let mut blocks = SackBlocks::default();
    if let Some((start, end)) = duplicate.filter(|_| max > 0) {
        blocks.push(start, end);
    }
    held.map_or(blocks, |held| held.sack_blocks_after(blocks, max))
}

fn copy(pool: &mut Pool, bytes: &[u8]) -> Buf {
    let mut buf = pool.take(bytes.len());
    buf.reset(0);
    buf.append(bytes);
    buf
}

#[cfg(test)]
mod tests;
