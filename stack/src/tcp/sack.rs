//! The sender's scoreboard: what the peer has by selective acknowledgment, what is lost, what goes next (RFC 6675).
//!
//! Two conventions: a range is `[start, end)`, and `high_rxt` is one past the highest byte retransmitted in this recovery
//! (RFC 6675's HighRxt plus one); anything at or before `snd_una` says that nothing was retransmitted yet.

use crate::wire::{SackBlocks, SeqNum};

/// Most ranges kept. Beyond it the highest is forgotten: what is forgotten counts as not SACKed, so that it may be sent
/// again for nothing but is never taken for delivered.
pub const MAX_RANGES: usize = 128;

/// What of the outstanding data the peer has reported by SACK.
#[derive(Debug, Default)]
pub struct Scoreboard {
    /// Sorted, with a gap between any two.
    ranges: Vec<(SeqNum, SeqNum)>,
    /// The sum of their lengths.
    sacked: u32,
}

impl Scoreboard {
    /// Nothing SACKed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing is SACKed.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Bytes of memory of the list.
    pub fn memory(&self) -> usize {
        self.ranges.capacity() * size_of::<(SeqNum, SeqNum)>() + size_of::<Self>()
    }

    /// Forgets what is below `snd_una` and takes `blocks` (RFC 6675, Section 4, Update). Tells the bytes newly SACKed. A
    /// block that is not within `snd_una..snd_nxt` or not a range is ignored: a D-SACK, an old ACK or an attack.
    pub fn update(&mut self, snd_una: SeqNum, snd_nxt: SeqNum, blocks: &SackBlocks) -> u32 {
        self.advance(snd_una);
        let before = self.sacked;
        for &(start, end) in blocks.as_slice() {
            if start.lt(end) && start.ge(snd_una) && end.le(snd_nxt) {
                self.add(start, end);
            }
        }
        self.sacked.saturating_sub(before)
    }

    /// Forgets what is below `snd_una`.
    pub fn advance(&mut self, snd_una: SeqNum) {
        let gone = self.ranges.partition_point(|range| range.1.le(snd_una));
        for (start, end) in self.ranges.drain(..gone) {
            self.sacked -= end.since(start);
        }
        if let Some(first) = self.ranges.first_mut().filter(|range| range.0.lt(snd_una)) {
            self.sacked -= snd_una.since(first.0);
            first.0 = snd_una;
        }
    }

    fn add(&mut self, start: SeqNum, end: SeqNum) {
        let low = self.ranges.partition_point(|range| range.1.lt(start));
        let high = self.ranges.partition_point(|range| range.0.le(end));
        let mut joined = (start, end);
        let touched = self.ranges.get(low..high).unwrap_or_default();
        if let (Some(first), Some(last)) = (touched.first(), touched.last()) {
            joined = (start.min(first.0), end.max(last.1));
        }
        let had: u32 = touched.iter().map(|range| range.1.since(range.0)).sum();
        self.ranges.splice(low..high, [joined]);
        self.sacked = self.sacked - had + joined.1.since(joined.0);
        if self.ranges.len() > MAX_RANGES {
            if let Some((start, end)) = self.ranges.pop() {
                self.sacked -= end.since(start);
            }
        }
    }

    /// Whether the peer has reported the byte `seq`.
    pub fn is_sacked(&self, seq: SeqNum) -> bool {
        let index = self.ranges.partition_point(|range| range.1.le(seq));
        self.ranges.get(index).is_some_and(|range| range.0.le(seq))
    }

    /// Bytes SACKed.
    pub fn sacked_bytes(&self) -> u32 {
        self.sacked
    }

    /// One past the highest byte SACKed.
    pub fn highest(&self) -> Option<SeqNum> {
        self.ranges.last().map(|range| range.1)
    }

    /// The ranges, lowest first.
    pub fn ranges(&self) -> &[(SeqNum, SeqNum)] {
        &self.ranges
    }

    /// Every byte below it that is not SACKed is lost; `None`: none is. IsLost is monotonic (RFC 6675, Section 4): a
    /// byte is lost where above it `dup_thresh` discontiguous ranges or more than (`dup_thresh` − 1) × `mss` bytes are SACKed.
    fn lost_below(&self, mss: u32, dup_thresh: u32) -> Option<SeqNum> {
        let enough = u64::from(dup_thresh.saturating_sub(1)) * u64::from(mss);
        let (mut count, mut bytes) = (0, 0);
        self.ranges.iter().rev().find_map(|(start, end)| {
            count += 1;
            bytes += u64::from(end.since(*start));
            (count >= dup_thresh || bytes > enough).then_some(*start)
        })
    }

    /// Whether the byte `seq` is taken for lost (RFC 6675, Section 4, IsLost).
    pub fn is_lost(&self, seq: SeqNum, mss: u32, dup_thresh: u32) -> bool {
        self.lost_below(mss, dup_thresh).is_some_and(|bound| seq.lt(bound)) && !self.is_sacked(seq)
    }

    /// Bytes taken for lost (RFC 6675, Section 4, IsLost).
    pub(super) fn lost(&self, snd_una: SeqNum, mss: u32, dup_thresh: u32) -> u32 {
        self.lost_below(mss, dup_thresh).map_or(0, |bound| self.unsacked(snd_una, bound))
    }

    /// Bytes of `from..to` that are not SACKed.
    pub(super) fn unsacked(&self, from: SeqNum, to: SeqNum) -> u32 {
        if to.le(from) {
            return 0;
        }
        let low = self.ranges.partition_point(|range| range.1.le(from));
        let within = self.ranges.iter().skip(low).take_while(|range| range.0.lt(to));
        to.since(from) - within.map(|(start, end)| end.min(to).since(start.max(from))).sum::<u32>()
    }

    /// Bytes taken for in the network (RFC 6675, Section 4, SetPipe): those neither SACKed nor lost, and those
    /// retransmitted.
    pub fn pipe(&self, snd_una: SeqNum, snd_nxt: SeqNum, high_rxt: SeqNum, mss: u32, dup_thresh: u32) -> u32 {
        let lost_below = self.lost_below(mss, dup_thresh).map_or(snd_una, |bound| bound.max(snd_una));
        let retransmitted = self.unsacked(snd_una, high_rxt.min(snd_nxt));
        self.unsacked(lost_below, snd_nxt).saturating_add(retransmitted)
    }

    /// The first piece of at most `mss` bytes at or after `from` and below `to` that is not SACKed.
    pub(super) fn piece(&self, from: SeqNum, to: SeqNum, mss: u32) -> Option<(SeqNum, u32)> {
        let index = self.ranges.partition_point(|range| range.1.le(from));
        let mut rest = self.ranges.iter().skip(index);
        let mut next = rest.next();
        let mut start = from;
        if let Some(range) = next.filter(|range| range.0.le(from)) {
            // Ranges do not touch, so that right behind one there is a gap.
            start = range.1;
            next = rest.next();
        }
        let end = next.map_or(to, |range| range.0.min(to));
        start.lt(end).then(|| (start, end.since(start).min(mss)))
    }

    /// NextSeg, rule 1 (RFC 6675, Section 4): the next piece to retransmit because it is lost. Where there is none, new
    /// data goes first (rule 2), then [`next_seg`](Self::next_seg), then [`rescue`](Self::rescue).
    pub fn next_lost(
        &self,
        snd_una: SeqNum,
        snd_nxt: SeqNum,
        high_rxt: SeqNum,
        mss: u32,
        dup_thresh: u32,
    ) -> Option<(SeqNum, u32)> {
        let bound = self.lost_below(mss, dup_thresh)?.min(snd_nxt);
        self.piece(high_rxt.max(snd_una), bound, mss)
    }

    /// NextSeg, rules 1 and 3 (RFC 6675, Section 4): the next piece of sent data to retransmit, lost or at least below
    /// something that is SACKed.
    pub fn next_seg(
        &self,
        snd_una: SeqNum,
        snd_nxt: SeqNum,
        high_rxt: SeqNum,
        mss: u32,
        dup_thresh: u32,
    ) -> Option<(SeqNum, u32)> {
        self.next_lost(snd_una, snd_nxt, high_rxt, mss, dup_thresh).or_else(|| {
            let bound = self.highest()?.min(snd_nxt);
            self.piece(high_rxt.max(snd_una), bound, mss)
        })
    }

    /// NextSeg, rule 4 (RFC 6675, Section 4): where all else fails, once a recovery, the piece that holds the highest
    /// outstanding byte that is not SACKed. `rescue_rxt` is the recovery point at which the last rescue was sent
    /// (`None`: none in this recovery); the caller sets it and leaves `high_rxt` as it is.
    pub fn rescue(
        &self,
        snd_una: SeqNum,
        snd_nxt: SeqNum,
        rescue_rxt: Option<SeqNum>,
        mss: u32,
    ) -> Option<(SeqNum, u32)> {
        if rescue_rxt.is_some_and(|point| snd_una.le(point)) {
            return None;
        }
        let mut end = snd_nxt;
        let mut start = snd_una;
        if let Some((last, before)) = self.ranges.split_last() {
            if last.1.ge(snd_nxt) {
                end = last.0;
                start = before.last().map_or(start, |range| range.1.max(start));
            } else {
                start = last.1.max(start);
            }
        }
        start.lt(end).then(|| {
            let len = end.since(start).min(mss);
            (end - len, len)
        })
    }

    /// Whether the peer dropped data that it had reported: what is at `snd_una` is SACKed and yet not acknowledged (RFC
    /// 2018, Section 8).
    pub fn reneged(&self, snd_una: SeqNum) -> bool {
        self.is_sacked(snd_una)
    }

    /// Forgets everything: on a retransmission time-out, because the peer may have dropped what it reported (RFC 2018,
    /// Section 5 and 8), and when recovery is over.
    pub fn clear(&mut self) {
        self.ranges.clear();
        self.sacked = 0;
    }
}

/// The duplicate that an ACK reports (D-SACK; RFC 2883, Section 4): its first block, where that is below `ack` or
/// within the second one.
pub fn duplicate_reported(ack: SeqNum, blocks: &SackBlocks) -> Option<(SeqNum, SeqNum)> {
    let (first, second) = match *blocks.as_slice() {
        [] => return None,
        [first] => (first, None),
        [first, second, ..] => (first, Some(second)),
    };
    let within = second.is_some_and(|second| second.0.le(first.0) && first.1.le(second.1));
    (first.0.lt(first.1) && (first.1.le(ack) || within)).then_some(first)
}

#[cfg(test)]
mod tests;
