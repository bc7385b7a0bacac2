//! Mutations of inputs, for a driver that has no instrumentation: a seed gives always the same ones.

use synward::base::{Rng, Secrets};

/// Longest input.
const LONGEST: usize = 2048;
/// Inputs that are kept for more mutation.
const KEPT: usize = 4096;

/// Makes inputs from inputs.
pub struct Mutator {
    rng: Rng,
    kept: Vec<Vec<u8>>,
}

impl Mutator {
    /// Starts from `seeds`.
    pub fn new(seeds: Vec<Vec<u8>>, seed: u64) -> Self {
        let mut kept = seeds;
        if kept.is_empty() {
            kept.push(Vec::new());
        }
        Self { rng: Secrets::from_test_seed(seed).rng("fuzz"), kept }
    }

    /// Keeps an input that reached something new.
    pub fn keep(&mut self, input: &[u8]) {
        if self.kept.len() < KEPT {
            self.kept.push(input.to_vec());
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.rng.below(bound as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        const INTERESTING: [u8; 12] = [0, 1, 2, 4, 8, 16, 32, 64, 127, 128, 254, 255];
        match self.below(2) {
            0 => INTERESTING[self.below(INTERESTING.len())],
            _ => self.rng.next_u32() as u8,
        }
    }

    fn pick(&mut self) -> Vec<u8> {
        let at = self.below(self.kept.len());
        self.kept[at].clone()
    }

    /// The next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.pick();
        for _ in 0..1 + self.below(6) {
            self.mutate(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let len = input.len();
        let at = self.below(len + 1);
        match self.below(9) {
            0 | 1 if at < len => input[at] = self.byte(),
            2 if at < len => input[at] ^= 1 << self.below(8),
            3 if at < len => {
                let by = self.below(9) as u8;
                input[at] = input[at].wrapping_add(by).wrapping_sub(4);
            }
            4 => {
                for _ in 0..1 + self.below(12) {
                    let byte = self.byte();
                    input.insert(at, byte);
                }
            }
            5 => {
                let end = (at + 1 + self.below(16)).min(len);
                input.drain(at.min(end)..end);
            }
            // A piece again, behind itself.
            6 => {
                let end = (at + 1 + self.below(32)).min(len);
                let piece = input[at.min(end)..end].to_vec();
                input.splice(end..end, piece);
            }
            // The start of this one and the end of another, or this one and then the other.
            7 => {
                let other = self.pick();
                let from = self.below(other.len() + 1);
                if self.below(2) == 0 {
                    input.truncate(at);
                }
                input.extend_from_slice(&other[from..]);
            }
            _ => {
                for _ in 0..self.below(24) {
                    let byte = self.rng.next_u32() as u8;
                    input.push(byte);
                }
            }
        }
    }
}
