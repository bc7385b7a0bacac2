//! The options of TCP on the wire (RFC 9293, Section 3.1; RFC 7323; RFC 2018).

use super::SeqNum;
use super::tcp::{SackBlocks, TcpFlags, TcpOptions, Timestamps};

const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;

/// Most bytes of options that a header has room for.
pub(super) const MAX_LEN: usize = 40;
/// `NOP NOP TIMESTAMPS`, the options of nearly every segment.
const ALIGNED_TIMESTAMPS: [u8; 4] = [NO_OPERATION, NO_OPERATION, TIMESTAMPS, 10];
/// The same as a word.
pub(super) const ALIGNED_TIMESTAMPS_WORD: u32 = u32::from_be_bytes(ALIGNED_TIMESTAMPS);
/// Bytes that the aligned timestamps take.
pub(super) const ALIGNED_TIMESTAMPS_LEN: usize = 12;

#[inline]
fn be32(bytes: [u8; 4]) -> u32 {
    u32::from_be_bytes(bytes)
}

/// Timestamps alone, in the layout of RFC 7323, Appendix A: no loop over options.
#[inline]
pub(super) fn read_aligned_timestamps(options: &[u8; ALIGNED_TIMESTAMPS_LEN]) -> Option<Timestamps> {
    let &[k0, k1, k2, k3, v0, v1, v2, v3, e0, e1, e2, e3] = options;
    ([k0, k1, k2, k3] == ALIGNED_TIMESTAMPS)
        .then(|| Timestamps { value: be32([v0, v1, v2, v3]), echo: be32([e0, e1, e2, e3]) })
}

/// Writes timestamps alone, in the same layout; gives the bytes written.
#[inline]
pub(super) fn write_aligned_timestamps(timestamps: Timestamps, out: &mut [u8; MAX_LEN]) -> usize {
    let [k0, k1, k2, k3] = ALIGNED_TIMESTAMPS;
    let [v0, v1, v2, v3] = timestamps.value.to_be_bytes();
    let [e0, e1, e2, e3] = timestamps.echo.to_be_bytes();
    if let Some(place) = out.first_chunk_mut::<ALIGNED_TIMESTAMPS_LEN>() {
        *place = [k0, k1, k2, k3, v0, v1, v2, v3, e0, e1, e2, e3];
    }
    ALIGNED_TIMESTAMPS_LEN
}

/// Reads a list of options into `found`, which is the default before.
///
/// An option of unknown kind is skipped by its length (RFC 9293, Section 3.1, MUST-6), and so is a known one whose length
/// is not its kind's. Where the length itself is illegal (0, 1, or beyond the list), nothing after it can be found: what
/// was read before it counts and the rest is ignored. RFC 9293 (MUST-7) leaves the reaction open; this is that of the
/// BSDs and Linux, so that a peer or middlebox with a broken option can still talk. Of an option that occurs twice the
/// last one counts. MSS, window scale and SACK-permitted have no meaning outside a SYN (RFC 9293, Section 3.7.1;
/// RFC 7323, Section 2.2; RFC 2018, Section 2) and are not read there.
#[inline(never)]
pub(super) fn read(options: &[u8], flags: TcpFlags, found: &mut TcpOptions) {
    let syn = flags.syn();
    let mut rest = options;
    // Every turn goes on by at least one byte, so at most 40 turns.
    loop {
        rest = match rest {
            [] | [END, ..] => break,
            [NO_OPERATION, after @ ..] => after,
            [MSS, 4, high, low, after @ ..] if syn => {
                found.mss = Some(u16::from_be_bytes([*high, *low]));
                after
            }
            [WINDOW_SCALE, 3, shift, after @ ..] if syn => {
                found.window_scale = Some(*shift);
                after
            }
            [SACK_PERMITTED, 2, after @ ..] if syn => {
                found.sack_permitted = true;
                after
            }
            &[TIMESTAMPS, 10, v0, v1, v2, v3, e0, e1, e2, e3, ref after @ ..] => {
                found.timestamps =
                    Some(Timestamps { value: be32([v0, v1, v2, v3]), echo: be32([e0, e1, e2, e3]) });
                after
            }
            [kind, len, ..] if *len >= 2 => {
                let Some((option, after)) = rest.split_at_checked(usize::from(*len)) else { break };
                if *kind == SACK {
                    read_blocks(option, found);
                }
                after
            }
            _ => break,
        };
    }
}

/// Reads the blocks of a SACK option, where it has as many as there can be.
fn read_blocks(option: &[u8], found: &mut TcpOptions) {
    let Some(blocks) = option.get(2..).filter(|blocks| matches!(blocks.len(), 8 | 16 | 24 | 32)) else {
        return;
    };
    found.sack = SackBlocks::default();
    for block in blocks.chunks_exact(8) {
        if let [s0, s1, s2, s3, e0, e1, e2, e3] = *block {
            found.sack.push(SeqNum(be32([s0, s1, s2, s3])), SeqNum(be32([e0, e1, e2, e3])));
        }
    }
}

/// How many SACK blocks fit behind `used` bytes of other options.
#[inline]
fn sack_room(options: &TcpOptions, used: usize) -> usize {
    let room = MAX_LEN.saturating_sub(used + 4) / 8;
    options.sack.as_slice().len().min(room)
}

/// Bytes of the options but SACK. Each group is padded to four.
#[inline]
fn plain_len(options: &TcpOptions, syn: bool) -> usize {
    let timestamps = options.timestamps.is_some();
    let mut len = if timestamps { ALIGNED_TIMESTAMPS_LEN } else { 0 };
    if syn {
        len += 4 * usize::from(options.mss.is_some());
        // SACK-permitted takes the place of the timestamps' padding.
        len += 4 * usize::from(options.sack_permitted && !timestamps);
        len += 4 * usize::from(options.window_scale.is_some());
    }
    len
}

/// Bytes that [`write`] takes: a multiple of 4, at most 40.
#[inline]
pub(super) fn written_len(options: &TcpOptions, flags: TcpFlags) -> usize {
    let plain = plain_len(options, flags.syn());
    match sack_room(options, plain) {
        0 => plain,
        blocks => plain + 4 + 8 * blocks,
    }
}

/// Writes the options to the start of `out`, in the order and with the padding of Linux: `MSS`, `SACKOK TS` or `NOP NOP
/// TS`, `NOP NOP SACKOK` where there are no timestamps, `NOP WS`, `NOP NOP SACK`. Gives the bytes written.
#[inline]
pub(super) fn write(options: &TcpOptions, flags: TcpFlags, out: &mut [u8; MAX_LEN]) -> usize {
    let syn = flags.syn();
    let mut writer = Writer { out, len: 0 };
    if let (true, Some(mss)) = (syn, options.mss) {
        let [high, low] = mss.to_be_bytes();
        writer.put([MSS, 4, high, low]);
    }
    let sack_permitted = syn && options.sack_permitted;
    if let Some(Timestamps { value, echo }) = options.timestamps {
        let padding = if sack_permitted { [SACK_PERMITTED, 2] } else { [NO_OPERATION; 2] };
        writer.put([padding[0], padding[1], TIMESTAMPS, 10]);
        writer.put(value.to_be_bytes());
        writer.put(echo.to_be_bytes());
    } else if sack_permitted {
        writer.put([NO_OPERATION, NO_OPERATION, SACK_PERMITTED, 2]);
    }
    if let (true, Some(shift)) = (syn, options.window_scale) {
        writer.put([NO_OPERATION, WINDOW_SCALE, 3, shift]);
    }
    let blocks = sack_room(options, writer.len);
    if blocks > 0 {
        writer.put([NO_OPERATION, NO_OPERATION, SACK, 2 + 8 * blocks as u8]);
        for (start, end) in options.sack.as_slice().iter().take(blocks) {
            writer.put(start.0.to_be_bytes());
            writer.put(end.0.to_be_bytes());
        }
    }
    writer.len
}

/// The sum of the words of written options.
#[inline]
pub(super) fn words(written: &[u8]) -> u64 {
    let (mut sum, mut rest) = (0, written);
    while let Some((word, after)) = rest.split_first_chunk::<4>() {
        sum += u64::from(be32(*word));
        rest = after;
    }
    sum
}

/// Puts words of four bytes one after the other; a word beyond the end would be left out.
struct Writer<'a> {
    out: &'a mut [u8; MAX_LEN],
    len: usize,
}

impl Writer<'_> {
    #[inline]
    fn put(&mut self, word: [u8; 4]) {
        if let Some(place) = self.out.get_mut(self.len..self.len + 4) {
            place.copy_from_slice(&word);
            self.len += 4;
        }
    }
}
