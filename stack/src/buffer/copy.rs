//! The copy between the application's memory and ours.

/// Pieces of this many bytes stay below the length from which C libraries copy by `rep movsb`. On AMD's processors that is
/// four to five times slower than vector registers where source and destination lie badly to each other, which is a matter of
/// luck here.
const PIECE: usize = 1024;

/// Copies the whole of `from` to `to`; where the lengths differ, the shorter one counts.
#[inline]
pub(crate) fn copy(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.chunks_mut(PIECE).zip(from.chunks(PIECE)) {
        let n = to.len().min(from.len());
        to[..n].copy_from_slice(&from[..n]);
    }
}

/// Gives `from` to `sink` in pieces that are copied fast, for memory that only `sink` can write.
#[cfg(feature = "tokio")]
#[inline]
pub(crate) fn in_pieces(from: &[u8], sink: impl FnMut(&[u8])) {
    from.chunks(PIECE).for_each(sink);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_copied_whole_and_nothing_beyond_it() {
        let from: Vec<u8> = (0..5000).map(|i| (i ^ (i >> 8)) as u8).collect();
        for len in [0, 1, 1023, 1024, 1025, 2048, 4999] {
            let mut to = vec![0xaa; 5000];
            copy(&mut to[..len], &from);
            assert_eq!(to[..len], from[..len]);
            assert!(to[len..].iter().all(|byte| *byte == 0xaa));
        }
    }
}
