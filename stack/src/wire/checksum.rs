//! The Internet checksum (RFC 1071). A partial sum is folded to 16 bits and not inverted.

use super::Addr;

const fn fold(mut sum: u64) -> u32 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u32
}

/// Partial sum of `bytes`, an odd last byte padded with zero.
pub fn sum(bytes: &[u8]) -> u32 {
    let mut chunks = bytes.chunks_exact(2);
    let mut total: u64 = chunks.by_ref().map(|c| u64::from(u16::from_be_bytes([c[0], c[1]]))).sum();
    if let [last] = chunks.remainder() {
        total += u64::from(*last) << 8;
    }
    fold(total)
}

/// Adds two partial sums, both over pieces that start at an even offset.
pub fn combine(a: u32, b: u32) -> u32 {
    fold(u64::from(a) + u64::from(b))
}

/// The checksum field for a partial sum.
pub fn finish(sum: u32) -> u16 {
    !(fold(u64::from(sum)) as u16)
}

/// Copies `src` to `dst` (equal lengths) and sums it.
pub fn copy_and_sum(dst: &mut [u8], src: &[u8]) -> u32 {
    dst.copy_from_slice(src);
    sum(dst)
}

/// Partial sum of the pseudo-header.
pub fn pseudo_header(src: Addr, dst: Addr, protocol: u8, len: u32) -> u32 {
    let addr = |a: Addr| a.to_v4().map_or_else(|| sum(a.octets()), |v4| sum(&v4.octets()));
    fold(
        u64::from(addr(src))
            + u64::from(addr(dst))
            + u64::from(protocol)
            + u64::from(len >> 16)
            + u64::from(len & 0xffff),
    )
}
