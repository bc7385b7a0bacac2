//! The bytes of a stream: each direction of a connection carries the same endless text, so that a byte in a wrong place shows.

/// The byte at `place` of a stream (0: the first after the SYN).
pub fn byte(place: u32) -> u8 {
    (place ^ (place >> 8).wrapping_mul(31) ^ (place >> 16).wrapping_mul(101)) as u8
}

/// `len` bytes from `place`.
pub fn bytes(place: u32, len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| byte(place.wrapping_add(i))).collect()
}

/// The first byte of `data`, which begins at `place`, that is wrong: its index.
pub fn wrong(place: u32, data: &[u8]) -> Option<usize> {
    data.iter().zip(0u32..).position(|(is, i)| *is != byte(place.wrapping_add(i)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_by_any_segment_size_shows() {
        for shift in [1, 100, 255, 256, 536, 1000, 1024, 1448, 1460, 4096, 65_536] {
            let shifted = bytes(shift, 64);
            assert!(wrong(0, &shifted).is_some(), "{shift}");
            assert_eq!(wrong(shift, &shifted), None);
        }
    }
}
