//! What the servers say: echo (RFC 862), a bulk stream in the manner of chargen (RFC 864), and something like Telnet.

use super::pattern::Pattern;
use super::server::{Session, Then};

/// RFC 862: what comes goes back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Session for Echo {
    fn open(&mut self, _: &mut Vec<u8>) -> Then {
        Then::GoOn
    }

    fn input(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Then {
        out.extend_from_slice(bytes);
        Then::GoOn
    }

    fn more(&mut self, _: &mut Vec<u8>) -> Then {
        Then::GoOn
    }
}

/// Sends [`Bulk::BYTES`] bytes of [`Pattern`] 0 as soon as somebody connects, then closes. Input is read and ignored.
#[derive(Clone, Copy, Debug)]
pub struct Bulk {
    pattern: Pattern,
}

impl Bulk {
    /// Bytes that each connection gets.
    pub const BYTES: u64 = 64 * 1024;
}

impl Default for Bulk {
    fn default() -> Self {
        Self { pattern: Pattern::new(0) }
    }
}

impl Session for Bulk {
    fn open(&mut self, _: &mut Vec<u8>) -> Then {
        Then::GoOn
    }

    fn input(&mut self, _: &[u8], _: &mut Vec<u8>) -> Then {
        Then::GoOn
    }

    fn more(&mut self, out: &mut Vec<u8>) -> Then {
        let left = Self::BYTES - self.pattern.offset();
        self.pattern.append(out, left.min(16 * 1024) as usize);
        if self.pattern.offset() >= Self::BYTES { Then::Close } else { Then::GoOn }
    }
}

/// Something like Telnet: a banner, an answer to each line, `quit` ends it.
#[derive(Clone, Debug, Default)]
pub struct Telnet {
    line: Vec<u8>,
}

impl Telnet {
    /// What it says first.
    pub const BANNER: &[u8] =
        b"\r\nSynward simulated host\r\nType a line and it is answered; quit ends.\r\n> ";
    /// What it says to `quit`.
    pub const FAREWELL: &[u8] = b"bye\r\n";
    /// Longest line; the rest of a longer one is ignored.
    const LINE_MAX: usize = 512;

    /// Its answer to `line`.
    pub fn answer(line: &[u8]) -> Vec<u8> {
        [b"you said: ".as_slice(), line, b"\r\n> "].concat()
    }
}

impl Session for Telnet {
    fn open(&mut self, out: &mut Vec<u8>) -> Then {
        out.extend_from_slice(Self::BANNER);
        Then::GoOn
    }

    fn input(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Then {
        for byte in bytes {
            match byte {
                b'\n' => {
                    let line = core::mem::take(&mut self.line);
                    let line = line.trim_ascii();
                    if line == b"quit" {
                        out.extend_from_slice(Self::FAREWELL);
                        return Then::Close;
                    }
                    out.extend_from_slice(&Self::answer(line));
                }
                byte if self.line.len() < Self::LINE_MAX => self.line.push(*byte),
                _ => {}
            }
        }
        Then::GoOn
    }

    fn more(&mut self, _: &mut Vec<u8>) -> Then {
        Then::GoOn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telnet_answers_whole_lines_however_they_are_cut() {
        let (mut telnet, mut out) = (Telnet::default(), Vec::new());
        assert_eq!(telnet.input(b"he", &mut out), Then::GoOn);
        assert!(out.is_empty());
        telnet.input(b"llo\r\nworld\r", &mut out);
        assert_eq!(out, Telnet::answer(b"hello"));
        out.clear();
        assert_eq!(telnet.input(b"\nquit\r\nignored", &mut out), Then::Close);
        assert_eq!(out, [Telnet::answer(b"world"), Telnet::FAREWELL.to_vec()].concat());
    }

    #[test]
    fn a_line_without_an_end_is_held_up_to_its_limit_only() {
        let (mut telnet, mut out) = (Telnet::default(), Vec::new());
        telnet.input(&[b'x'; 100_000], &mut out);
        assert_eq!((telnet.line.len(), out.len()), (Telnet::LINE_MAX, 0));
    }

    #[test]
    fn bulk_gives_its_whole_stream_and_then_closes() {
        let (mut bulk, mut out) = (Bulk::default(), Vec::new());
        while bulk.more(&mut out) == Then::GoOn {}
        assert_eq!(out.len() as u64, Bulk::BYTES);
        assert_eq!(Pattern::new(0).verify(&out), 0);
    }
}
