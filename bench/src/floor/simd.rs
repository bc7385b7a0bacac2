//! Checksum, and copy with checksum, in the widest registers that the machine has.

/// Folds 16-bit words into one.
#[inline(always)]
pub(super) fn fold(mut sum: u64) -> u16 {
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// Whether the wide path can be used.
pub(super) fn wide() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// Copies `from` to `to` and sums it, native byte order, folded.
#[inline(always)]
pub(super) fn copy_sum<const WIDE: bool>(to: &mut [u8], from: &[u8]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if WIDE {
        assert!(to.len() >= from.len());
        // SAFETY: the caller chose WIDE by `wide()`; the lengths were compared.
        return unsafe { copy_sum_avx512(to.as_mut_ptr(), from) };
    }
    to[..from.len()].copy_from_slice(from);
    let mut words = from.chunks_exact(4);
    let sum: u64 = words.by_ref().map(|w| u64::from(u32::from_ne_bytes([w[0], w[1], w[2], w[3]]))).sum();
    let mut last = [0; 4];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    u64::from(fold(sum + u64::from(u32::from_ne_bytes(last))))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
unsafe fn copy_sum_avx512(to: *mut u8, from: &[u8]) -> u64 {
    use core::arch::x86_64::*;
    let low = _mm512_set1_epi64(0xffff_ffff);
    let (mut even, mut odd) = (_mm512_setzero_si512(), _mm512_setzero_si512());
    let mut at = 0;
    // SAFETY: every access stays below `from.len()`, which `to` has too; the last one is masked to it.
    unsafe {
        while at + 64 <= from.len() {
            let v = _mm512_loadu_si512(from.as_ptr().add(at).cast());
            _mm512_storeu_si512(to.add(at).cast(), v);
            even = _mm512_add_epi64(even, _mm512_and_si512(v, low));
            odd = _mm512_add_epi64(odd, _mm512_srli_epi64::<32>(v));
            at += 64;
        }
        let rest = from.len() - at;
        if rest > 0 {
            let mask = u64::MAX >> (64 - rest);
            let v = _mm512_maskz_loadu_epi8(mask, from.as_ptr().add(at).cast());
            _mm512_mask_storeu_epi8(to.add(at).cast(), mask, v);
            even = _mm512_add_epi64(even, _mm512_and_si512(v, low));
            odd = _mm512_add_epi64(odd, _mm512_srli_epi64::<32>(v));
        }
    }
    u64::from(fold(_mm512_reduce_add_epi64(_mm512_add_epi64(even, odd)) as u64))
}
