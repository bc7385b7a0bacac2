//! An open-addressed table of 64-byte connection lines, by SipHash of the flow.

/// One connection: its key and the little that a data path must update.
#[repr(C, align(64))]
#[derive(Clone, Copy, Default)]
pub(super) struct Line {
    key: [u32; 3],
    pub(super) snd: u32,
    pub(super) rcv: u32,
    pub(super) una: u32,
    _rest: [u32; 10],
}

/// Remote address, local address, ports.
pub(super) type Key = [u32; 3];

#[inline(always)]
fn sip_round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[2] = v[2].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[1]);
    v[0] = v[0].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].rotate_left(32);
}

/// SipHash-C-D of up to three words, the last of which carries the length in its highest byte.
#[inline(always)]
pub(super) fn sip<const C: usize, const D: usize, const N: usize>(keys: (u64, u64), words: [u64; N]) -> u64 {
    let mut v = [
        keys.0 ^ 0x736f_6d65_7073_6575,
        keys.1 ^ 0x646f_7261_6e64_6f6d,
        keys.0 ^ 0x6c79_6765_6e65_7261,
        keys.1 ^ 0x7465_6462_7974_6573,
    ];
    for word in words {
        v[3] ^= word;
        (0..C).for_each(|_| sip_round(&mut v));
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    (0..D).for_each(|_| sip_round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

pub(super) struct Table {
    lines: Vec<Line>,
    mask: usize,
}

impl Table {
    pub(super) fn new(connections: usize) -> Self {
        let capacity = (connections * 2).next_power_of_two().max(16);
        Self { lines: vec![Line::default(); capacity], mask: capacity - 1 }
    }

    #[inline(always)]
    fn home(&self, key: &Key) -> usize {
        let first = u64::from(key[0]) | u64::from(key[1]) << 32;
        sip::<1, 3, 2>((11, 22), [first, u64::from(key[2]) | 12 << 56]) as usize & self.mask
    }

    #[inline(always)]
    pub(super) fn find(&mut self, key: &Key) -> Option<&mut Line> {
        let mut at = self.home(key);
        loop {
            if self.lines[at].key == *key {
                return Some(&mut self.lines[at]);
            }
            if self.lines[at].key == [0; 3] {
                return None;
            }
            at = (at + 1) & self.mask;
        }
    }

    pub(super) fn insert(&mut self, key: Key) {
        let mut at = self.home(&key);
        while self.lines[at].key != [0; 3] {
            at = (at + 1) & self.mask;
        }
        self.lines[at] = Line { key, ..Line::default() };
    }

    /// Removes a key behind which nothing was inserted.
    pub(super) fn remove_last(&mut self, key: &Key) {
        let mut at = self.home(key);
        while self.lines[at].key != *key {
            at = (at + 1) & self.mask;
        }
        self.lines[at].key = [0; 3];
    }
}
