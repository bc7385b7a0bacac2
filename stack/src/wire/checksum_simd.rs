//! The checksum with AVX2, chosen at run time: a baseline build for x86-64 reaches it too.
//!
//! Each 64-bit lane keeps two sums: of the whole words modulo 2⁶⁴ (`low` and `high` halves together, `high · 2³²` of it
//! wraps away) and of the high halves alone. 2³² ≡ 1 modulo 65 535, so the lane's contribution is
//! `(words − high · 2³²) + high`, exact as long as a lane adds fewer than 2³² words, which is 128 GiB.

use super::checksum::{fold_to_32, from_native};
use core::arch::x86_64::*;

/// Bytes of a vector.
const VECTOR: usize = 32;
/// Bytes that the unrolled loop takes at a time.
const BLOCK: usize = 4 * VECTOR;

/// As [`super::checksum::sum`].
pub(super) fn sum(bytes: &[u8]) -> u32 {
    if is_x86_feature_detected!("avx2") && bytes.len() >= VECTOR {
        // SAFETY: AVX2 is there; `bytes` is readable over its length, which is at least one vector.
        unsafe { run::<false>(core::ptr::null_mut(), bytes.as_ptr(), bytes.len()) }
    } else {
        super::checksum::sum_words(bytes)
    }
}

/// As [`super::checksum::copy_and_sum`]; the lengths are equal (the shorter one counts).
pub(super) fn copy_and_sum(dst: &mut [u8], src: &[u8]) -> u32 {
    let len = dst.len().min(src.len());
    if is_x86_feature_detected!("avx2") && len >= VECTOR {
        // SAFETY: AVX2 is there; `src` is readable and `dst` writable over `len` bytes, at least one vector; a shared
        // and a unique borrow do not overlap.
        unsafe { run::<true>(dst.as_mut_ptr(), src.as_ptr(), len) }
    } else {
        super::checksum::copy_and_sum_words(dst, src)
    }
}

/// Masks for the last vector: 32 bytes from offset `n` leave the last `n` bytes of a vector.
static TAIL_MASK: [u8; 2 * VECTOR] = {
    let mut mask = [0; 2 * VECTOR];
    let mut i = VECTOR;
    while i < 2 * VECTOR {
        mask[i] = 0xff;
        i += 1;
    }
    mask
};

/// Sums `len` bytes from `src` and, where `COPY`, copies them to `dst`.
///
/// # Safety
/// The processor has AVX2; `len >= VECTOR`; `src` is readable over `len` bytes, and where `COPY` `dst` is writable over
/// as many that do not overlap them.
#[target_feature(enable = "avx2")]
unsafe fn run<const COPY: bool>(dst: *mut u8, src: *const u8, len: usize) -> u32 {
    // SAFETY: every access below is at `at..at + 32` with `at + 32 <= len`, within what the caller vouched for; loads
    // and stores are the unaligned ones; the mask is 64 bytes long and read at 0 to 31.
    unsafe {
        let mut words = [_mm256_setzero_si256(); 4];
        let mut high = [_mm256_setzero_si256(); 4];
        let mut at = 0;
        while len - at >= BLOCK {
            for lane in 0..4 {
                let offset = at + lane * VECTOR;
                let vector = _mm256_loadu_si256(src.add(offset).cast());
                if COPY {
                    _mm256_storeu_si256(dst.add(offset).cast(), vector);
                }
                words[lane] = _mm256_add_epi64(words[lane], vector);
                high[lane] = _mm256_add_epi64(high[lane], _mm256_srli_epi64::<32>(vector));
            }
            at += BLOCK;
        }
        // Always the same lane: an index that is known only at run time would send all of them through memory.
        while len - at >= VECTOR {
            let vector = _mm256_loadu_si256(src.add(at).cast());
            if COPY {
                _mm256_storeu_si256(dst.add(at).cast(), vector);
            }
            words[0] = _mm256_add_epi64(words[0], vector);
            high[0] = _mm256_add_epi64(high[0], _mm256_srli_epi64::<32>(vector));
            at += VECTOR;
        }
        // What is left, up to 31 bytes: an odd last byte by itself, the even rest as the end of a vector that begins in
        // bytes already summed, at an even offset so that words stay words.
        let mut odd = 0;
        if at < len {
            let even = len & !1;
            if even != len {
                odd = u64::from(u16::from_ne_bytes([*src.add(even), 0]));
            }
            let mask = _mm256_loadu_si256(TAIL_MASK.as_ptr().add(even - at).cast());
            let vector = _mm256_and_si256(_mm256_loadu_si256(src.add(even - VECTOR).cast()), mask);
            words[3] = _mm256_add_epi64(words[3], vector);
            high[3] = _mm256_add_epi64(high[3], _mm256_srli_epi64::<32>(vector));
            if COPY {
                let last = _mm256_loadu_si256(src.add(len - VECTOR).cast());
                _mm256_storeu_si256(dst.add(len - VECTOR).cast(), last);
            }
        }
        let words =
            _mm256_add_epi64(_mm256_add_epi64(words[0], words[1]), _mm256_add_epi64(words[2], words[3]));
        let high = _mm256_add_epi64(_mm256_add_epi64(high[0], high[1]), _mm256_add_epi64(high[2], high[3]));
        let low = _mm256_sub_epi64(words, _mm256_slli_epi64::<32>(high));
        let both = _mm256_add_epi64(low, high);
        let pair = _mm_add_epi64(_mm256_castsi256_si128(both), _mm256_extracti128_si256::<1>(both));
        let total = _mm_add_epi64(pair, _mm_unpackhi_epi64(pair, pair));
        from_native(u64::from(fold_to_32(_mm_cvtsi128_si64(total) as u64)) + odd)
    }
}
