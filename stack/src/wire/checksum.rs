//! The Internet checksum (RFC 1071).
//!
//! # Partial sums
//! A partial sum is a `u32` whose value modulo 65 535 counts: the one's-complement sum of the bytes read as big-endian
//! 16-bit words, an odd last byte as the high half of a word. It is 0 only where every byte is 0. Nothing is folded to 16
//! bits and nothing is inverted before [`finish`]: 2³² ≡ 1 modulo 65 535 too, so carries go around at 32 bits until then.
//!
//! The sum of a whole is [`combine`] of the sums of its parts, in any order. A part that starts at an odd offset of the
//! whole (after a part of odd length) has its bytes in the other halves of the words; its sum enters through
//! [`at_odd_offset`].
//!
//! To send: the checksum field is 0 while summing and becomes `finish(sum)`. To verify: sum with the field in place;
//! the packet is right if [`finish`] gives 0.

use super::Addr;

/// Below this length the run-time choice of instructions costs more than it gives.
#[cfg(target_arch = "x86_64")]
const VECTOR_FROM: usize = 48;

/// The partial sum of `bytes`.
#[inline]
pub fn sum(bytes: &[u8]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if bytes.len() >= VECTOR_FROM {
        return super::checksum_simd::sum(bytes);
    }
    sum_words(bytes)
}

/// Copies `src` to `dst` and gives the partial sum of what was copied, in one pass over the memory. Where the lengths
/// differ, the shorter one counts and the rest of `dst` stays as it is.
#[inline]
pub fn copy_and_sum(dst: &mut [u8], src: &[u8]) -> u32 {
    let len = dst.len().min(src.len());
    let (Some(dst), Some(src)) = (dst.get_mut(..len), src.get(..len)) else { return 0 };
    #[cfg(target_arch = "x86_64")]
    if len >= VECTOR_FROM {
        return super::checksum_simd::copy_and_sum(dst, src);
    }
    copy_and_sum_words(dst, src)
}

/// The partial sum of two parts together.
#[inline]
pub const fn combine(a: u32, b: u32) -> u32 {
    let (sum, carry) = a.overflowing_add(b);
    sum + carry as u32
}

/// The partial sum `sum` of a part, as it counts where the part starts at an odd offset of the whole: every byte is in
/// the other half of its word, and swapping the bytes of all words swaps those of their sum (RFC 1071, Section 2 (B)).
#[inline]
pub const fn at_odd_offset(sum: u32) -> u32 {
    // Rotating by a byte swaps the bytes of both halves and then the halves, which count the same.
    sum.rotate_left(8)
}

/// The partial sum of 32-bit words whose plain sum is `words`.
#[inline]
pub(crate) const fn fold(words: u64) -> u32 {
    fold_to_32(words)
}

/// The value of the checksum field: folded and inverted.
#[inline]
pub const fn finish(sum: u32) -> u16 {
    !fold_to_16(sum)
}

/// The partial sum of the pseudo-header of TCP and UDP: over IPv4 that of RFC 9293, Section 3.1, over IPv6 that of
/// RFC 8200, Section 8.1. `len` is the length of the transport header and its data in bytes.
#[inline]
pub fn pseudo_header(src: Addr, dst: Addr, protocol: u8, len: u32) -> u32 {
    // The mapped form of an IPv4 address only adds the word 0xffff, which is 0 in one's complement: the two versions
    // have the same sum without a branch.
    let words = |addr: Addr| u128::from_ne_bytes(*addr.octets());
    // The carry goes around at 128 bits too.
    let (sum, carry) = words(src).overflowing_add(words(dst));
    let addresses = halves((sum >> 64) as u64) + halves(sum as u64) + u64::from(carry);
    fold_to_32(u64::from(from_native(addresses)) + u64::from(protocol) + u64::from(len))
}

/// The checksum field after a part of the packet with the partial sum `old` became one with the partial sum `new`
/// (RFC 1624, equation 3; a 16-bit word is its own partial sum). The part starts at an even offset.
#[inline]
pub const fn update(checksum: u16, old: u32, new: u32) -> u16 {
    finish(combine(combine(!checksum as u32, !fold_to_16(old) as u32), new))
}

/// Folds to 32 bits; 0 only for 0: an end-around carry never makes 0 of another value.
#[inline]
pub(super) const fn fold_to_32(sum: u64) -> u32 {
    combine((sum >> 32) as u32, sum as u32)
}

/// Folds to 16 bits; 0 only for 0.
#[inline]
const fn fold_to_16(sum: u32) -> u16 {
    let (sum, carry) = ((sum >> 16) as u16).overflowing_add(sum as u16);
    sum + carry as u16
}

/// The partial sum from one over words in this machine's byte order: the byte order of the words is the byte order of the
/// sum (RFC 1071, Section 2 (B)).
#[inline]
pub(super) const fn from_native(sum: u64) -> u32 {
    u32::from_be(fold_to_32(sum))
}

/// The two 32-bit halves of a word, added: no carry is lost for 2³¹ such words.
#[inline]
const fn halves(word: u64) -> u64 {
    (word >> 32) + (word & 0xffff_ffff)
}

/// [`sum`] without special instructions: short inputs everywhere, all inputs where there is no vector code. The lanes
/// are what a compiler turns into vectors.
#[inline]
pub(super) fn sum_words(bytes: &[u8]) -> u32 {
    let mut total = 0;
    let mut rest = bytes;
    if rest.len() >= 64 {
        let mut lanes = [0_u64; 8];
        while let Some((chunk, after)) = rest.split_first_chunk::<64>() {
            for (lane, word) in lanes.iter_mut().zip(chunk.chunks_exact(8)) {
                *lane += halves(native(word));
            }
            rest = after;
        }
        total = lanes.iter().fold(0, |sum, lane| sum + u64::from(fold_to_32(*lane)));
    }
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        // The carry goes around at 64 bits too: 2⁶⁴ ≡ 1 modulo 65 535.
        let (sum, carry) = total.overflowing_add(u64::from_ne_bytes(*word));
        total = sum + u64::from(carry);
        rest = after;
    }
    total = halves(total);
    if let Some((word, after)) = rest.split_first_chunk::<4>() {
        total += u64::from(u32::from_ne_bytes(*word));
        rest = after;
    }
    if let Some((word, after)) = rest.split_first_chunk::<2>() {
        total += u64::from(u16::from_ne_bytes(*word));
        rest = after;
    }
    if let [last] = rest {
        total += u64::from(u16::from_ne_bytes([*last, 0]));
    }
    from_native(total)
}

/// As [`sum_words`], with a copy. `dst` and `src` are equally long.
#[inline]
pub(super) fn copy_and_sum_words(dst: &mut [u8], src: &[u8]) -> u32 {
    if src.len() < 64 {
        dst.copy_from_slice(src);
        return sum_words(src);
    }
    let mut lanes = [0_u64; 8];
    let (mut to, mut from) = (dst.chunks_exact_mut(64), src.chunks_exact(64));
    for (place, chunk) in to.by_ref().zip(from.by_ref()) {
        place.copy_from_slice(chunk);
        for (lane, word) in lanes.iter_mut().zip(chunk.chunks_exact(8)) {
            *lane += halves(native(word));
        }
    }
    let rest = from.remainder();
    to.into_remainder().copy_from_slice(rest);
    let total = lanes.iter().fold(0, |sum, lane| sum + u64::from(fold_to_32(*lane)));
    combine(from_native(total), sum_words(rest))
}

#[inline]
fn native(word: &[u8]) -> u64 {
    word.first_chunk::<8>().map_or(0, |word| u64::from_ne_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{IpAddr, Ipv4Addr};

    /// RFC 1071 read literally: word by word.
    fn naive(bytes: &[u8]) -> u32 {
        let mut sum = 0_u32;
        for word in bytes.chunks(2) {
            sum += u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum
    }

    /// What [`finish`] makes of it, not inverted.
    fn folded(sum: u32) -> u32 {
        u32::from(!finish(sum))
    }

    fn noise(len: usize, seed: u64) -> Vec<u8> {
        let mut rng = crate::base::Secrets::from_test_seed(seed).rng("checksum");
        (0..len).map(|_| rng.next_u64() as u8).collect()
    }

    #[test]
    fn the_example_of_rfc_1071_comes_out() {
        assert_eq!(folded(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])), 0xddf2);
        assert_eq!(finish(0xddf2), 0x220d);
    }

    /// Each length, but in Miri, whose interpreter takes a second for some of them, every so manieth.
    const STEP: usize = if cfg!(miri) { 97 } else { 1 };

    #[test]
    fn every_length_at_every_alignment_equals_the_naive_sum() {
        let bytes = noise(2100, 1);
        for len in (0..=2000).step_by(STEP) {
            let align = len % 64;
            let part = &bytes[align..align + len];
            assert_eq!(folded(sum(part)), naive(part), "length {len} at {align}");
            assert_eq!(folded(sum_words(part)), naive(part), "portable, length {len} at {align}");
        }
        for align in (0..64).step_by(STEP) {
            for len in (0..300).chain(1400..1480) {
                let part = &bytes[align..align + len];
                assert_eq!(folded(sum(part)), naive(part), "length {len} at {align}");
            }
        }
    }

    #[test]
    fn copying_sums_and_copies_every_length_and_touches_nothing_else() {
        let bytes = noise(2100, 2);
        for len in (0..=2000).step_by(STEP) {
            let (from, to) = (len % 61, len % 37);
            let part = &bytes[from..from + len];
            for portable in [false, true] {
                let mut copy = vec![0xa5; len + 80];
                let place = &mut copy[to..to + len];
                let summed =
                    if portable { copy_and_sum_words(place, part) } else { copy_and_sum(place, part) };
                assert_eq!(folded(summed), naive(part), "length {len}");
                assert_eq!(&copy[to..to + len], part);
                assert!(copy[..to].iter().chain(&copy[to + len..]).all(|byte| *byte == 0xa5));
            }
        }
    }

    #[test]
    fn copying_between_unequal_lengths_takes_the_shorter() {
        let bytes = noise(300, 3);
        let mut copy = [0; 200];
        assert_eq!(folded(copy_and_sum(&mut copy, &bytes)), naive(&bytes[..200]));
        assert_eq!(copy[..], bytes[..200]);
        let mut copy = [7; 200];
        assert_eq!(folded(copy_and_sum(&mut copy, &bytes[..150])), naive(&bytes[..150]));
        assert_eq!((copy[149], copy[150]), (bytes[149], 7));
    }

    #[test]
    fn carries_are_not_lost_where_every_bit_is_set() {
        for len in [2, 60, 96, 1460, (1 << 16) / STEP, (1 << 20) / STEP, (1 << 20) / STEP + 1] {
            let bytes = vec![0xff; len];
            assert_eq!(folded(sum(&bytes)), naive(&bytes), "length {len}");
            assert_eq!(folded(sum_words(&bytes)), naive(&bytes), "length {len}");
        }
        assert_eq!((sum(&[0; 1000]), finish(0)), (0, 0xffff));
    }

    /// RFC 8200, Section 8.1, for IPv6.
    #[test]
    fn the_pseudo_header_is_that_of_each_version() {
        let (src, dst) = ([129, 68, 72, 10], [129, 68, 72, 40]);
        let mut bytes = [src, dst].concat();
        bytes.extend([0, 6, 0x12, 0x34]);
        let addr = |octets: [u8; 4]| Addr::v4(Ipv4Addr::from(octets));
        assert_eq!(folded(pseudo_header(addr(src), addr(dst), 6, 0x1234)), naive(&bytes));

        let (src, dst): (IpAddr, IpAddr) = ("2001:db8::1".parse().unwrap(), "fe80::ffff:1".parse().unwrap());
        let (src, dst) = (Addr::from(src), Addr::from(dst));
        let mut bytes = [*src.octets(), *dst.octets()].concat();
        bytes.extend([0, 1, 0x12, 0x34, 0, 0, 0, 6]);
        assert_eq!(folded(pseudo_header(src, dst, 6, 0x1_1234)), naive(&bytes));
    }

    #[test]
    fn the_example_of_rfc_1624_gives_plus_zero() {
        assert_eq!(update(0xdd2f, 0x5555, 0x3285), 0x0000);
    }

    proptest! {
        /// RFC 1071, Section 2 (B): a part at an odd offset counts with its bytes swapped.
        #[test]
        fn parts_combine_to_the_whole_also_at_odd_offsets(bytes in proptest::collection::vec(any::<u8>(), 0..2000), cut: prop::sample::Index) {
            let cut = cut.index(bytes.len() + 1);
            let (left, right) = bytes.split_at(cut);
            let right = if cut % 2 == 1 { at_odd_offset(sum(right)) } else { sum(right) };
            prop_assert_eq!(folded(combine(sum(left), right)), naive(&bytes));
            prop_assert_eq!(folded(combine(right, sum(left))), naive(&bytes));
        }

        #[test]
        fn an_incremental_update_equals_summing_again(mut bytes in proptest::collection::vec(any::<u8>(), 8..100), new: [u8; 4], at in 0_usize..2) {
            bytes[0] |= 1; // a packet of zeros only has no checksum to update
            let before = finish(sum(&bytes));
            let old = sum(&bytes[4 * at..4 * at + 4]);
            bytes[4 * at..4 * at + 4].copy_from_slice(&new);
            prop_assume!(bytes.iter().any(|byte| *byte != 0));
            prop_assert_eq!(update(before, old, sum(&new)), finish(sum(&bytes)));
        }

        #[test]
        fn a_packet_with_its_checksum_verifies(mut bytes in proptest::collection::vec(any::<u8>(), 2..2000)) {
            bytes[0] = 0;
            bytes[1] = 0;
            let checksum = finish(sum(&bytes));
            bytes[..2].copy_from_slice(&checksum.to_be_bytes());
            prop_assert_eq!(finish(sum(&bytes)), 0);
        }
    }
}
