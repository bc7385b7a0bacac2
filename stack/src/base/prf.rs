//! Keyed randomness. One master secret a stack; every use derives its own key, so that what one use reveals says
//! nothing about another.

use core::hash::Hasher;
use siphasher::sip::{SipHasher13, SipHasher24};

/// The master secret of a stack. Production takes it from the operating system only ([`Secrets::from_os`]).
#[derive(Clone)]
pub struct Secrets([u8; 16]);

impl Secrets {
    /// Draws a secret from the operating system.
    ///
    /// # Errors
    /// The operating system's, where it has no randomness to give.
    pub fn from_os() -> Result<Self, getrandom::Error> {
        let mut key = [0; 16];
        getrandom::fill(&mut key)?;
        Ok(Self(key))
    }

    /// A secret that anybody can compute from `seed`: for simulation and tests. The drivers of real devices do not
    /// accept one.
    pub fn from_test_seed(seed: u64) -> Self {
        let mut key = [0x53; 16];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Self(key)
    }

    /// The pseudo-random function for one `use_`, such as `"isn"`.
    pub fn prf(&self, use_: &str) -> Prf {
        let half = |tag: u8| {
            let mut hasher = SipHasher24::new_with_key(&self.0);
            hasher.write(use_.as_bytes());
            hasher.write_u8(tag);
            hasher.finish()
        };
        Prf { k0: half(0), k1: half(1) }
    }

    /// The generator for one `use_`.
    pub fn rng(&self, use_: &str) -> Rng {
        Rng { prf: self.prf(use_), counter: 0 }
    }
}

impl core::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secrets(..)")
    }
}

/// A keyed pseudo-random function (SipHash).
#[derive(Clone)]
pub struct Prf {
    k0: u64,
    k1: u64,
}

impl Prf {
    /// SipHash-2-4 of `input`: for values that a peer sees (sequence numbers, cookies).
    pub fn strong(&self, input: &[u8]) -> u64 {
        let mut hasher = SipHasher24::new_with_keys(self.k0, self.k1);
        hasher.write(input);
        hasher.finish()
    }

    /// SipHash-1-3 of `input`: for tables, where a peer sees only time.
    #[inline]
    pub fn fast(&self, input: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.k0, self.k1);
        hasher.write(input);
        hasher.finish()
    }
}

impl Prf {
    /// As [`Prf::strong`], of words.
    #[inline]
    pub fn strong_words(&self, input: &[u64]) -> u64 {
        let mut hasher = SipHasher24::new_with_keys(self.k0, self.k1);
        for word in input {
            hasher.write_u64(*word);
        }
        hasher.finish()
    }

    /// As [`Prf::fast`], of words.
    #[inline]
    pub fn fast_words(&self, input: &[u64]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.k0, self.k1);
        for word in input {
            hasher.write_u64(*word);
        }
        hasher.finish()
    }
}

impl core::fmt::Debug for Prf {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Prf(..)")
    }
}

/// A generator: the PRF of a counter. Unpredictable to whoever does not know the secret, and the same for the same
/// secret, so that one seed gives one simulation.
#[derive(Clone, Debug)]
pub struct Rng {
    prf: Prf,
    counter: u64,
}

impl Rng {
    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(1);
        self.prf.strong_words(&[self.counter])
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    /// A number below `bound`; 0 where `bound` is 0. The bias is below 2⁻³² for every `bound` below 2³².
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// True with probability `p` (0 to 1).
    pub fn chance(&mut self, p: f64) -> bool {
        p > 0.0 && (self.next_u64() as f64) < p * (u64::MAX as f64)
    }
}
