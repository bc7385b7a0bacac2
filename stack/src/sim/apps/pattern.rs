//! Bytes that both ends can compute, so that a receiver can verify each of them.

/// An endless stream of bytes, named by a number. Two streams, and two places of one stream, differ in nearly every byte,
/// so that bytes that are lost, repeated or swapped show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pattern {
    name: u64,
    offset: u64,
}

impl Pattern {
    /// The stream `name`, at its beginning.
    pub const fn new(name: u64) -> Self {
        Self { name, offset: 0 }
    }

    /// Bytes passed so far.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    fn word(&self, index: u64) -> [u8; 8] {
        // The finalizer of SplitMix64: every bit of the input reaches every bit of the output.
        let mut x = self.name.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)).to_le_bytes()
    }

    fn each(&mut self, n: usize, mut take: impl FnMut(usize, u8)) {
        let mut word = self.word(self.offset / 8);
        for i in 0..n {
            let lane = (self.offset % 8) as usize;
            if lane == 0 {
                word = self.word(self.offset / 8);
            }
            take(i, word[lane]);
            self.offset += 1;
        }
    }

    /// Appends the next `n` bytes to `out`.
    pub fn append(&mut self, out: &mut Vec<u8>, n: usize) {
        out.reserve(n);
        self.each(n, |_, byte| out.push(byte));
    }

    /// Compares `bytes` with the next bytes of the stream; how many differ.
    pub fn verify(&mut self, bytes: &[u8]) -> u64 {
        let mut wrong = 0;
        self.each(bytes.len(), |i, byte| wrong += u64::from(bytes.get(i) != Some(&byte)));
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_verifies_itself_in_any_pieces_and_no_other_stream() {
        let mut bytes = Vec::new();
        Pattern::new(7).append(&mut bytes, 1000);
        let mut again = Pattern::new(7);
        let wrong: u64 = bytes.chunks(13).map(|chunk| again.verify(chunk)).sum();
        assert_eq!((wrong, again.offset()), (0, 1000));
        assert!(Pattern::new(8).verify(&bytes) > 900);
        assert!(Pattern::new(7).verify(&bytes[1..]) > 900, "a lost byte shows in all that follow");
    }
}
