//! Streams of bytes that check themselves: each byte is given by its place.

use std::io::{ErrorKind, Read, Write};
use std::sync::OnceLock;
use synward::buffer::Device;
use synward::driver::Host;
use synward::shard::ConnId;
use synward::tcp::IoError;

/// Length of the pattern: prime, so that no power of two of lost bytes goes unseen.
const PERIOD: usize = 1_000_003;
/// Longest piece that is compared or written at once.
const PIECE: usize = 64 << 10;

/// Two periods and a piece, so that each piece is one slice.
fn pattern() -> &'static [u8] {
    static PATTERN: OnceLock<Vec<u8>> = OnceLock::new();
    PATTERN.get_or_init(|| {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut bytes: Vec<u8> = (0..PERIOD)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state as u8
            })
            .collect();
        bytes.extend_from_within(..PIECE);
        bytes
    })
}

/// The next bytes of a stream of `total` bytes at the place `at`.
pub fn piece(at: usize, total: usize) -> &'static [u8] {
    &pattern()[at % PERIOD..][..PIECE.min(total - at)]
}

/// Both directions of one of our connections.
pub struct Transfer {
    pub id: ConnId,
    pub sent: usize,
    pub to_send: usize,
    pub received: usize,
    pub to_receive: usize,
    shut: bool,
    ended: bool,
    buffer: Vec<u8>,
}

impl Transfer {
    pub fn new(id: ConnId, to_send: usize, to_receive: usize) -> Self {
        let buffer = vec![0; PIECE];
        Self { id, sent: 0, to_send, received: 0, to_receive, shut: false, ended: false, buffer }
    }

    /// Writes and reads what is possible now. The end of both directions gives `Some`: ours by shutdown after all bytes,
    /// the peer's by its end of stream after all bytes.
    pub fn step<D: Device>(&mut self, host: &mut Host<D>) -> Option<()> {
        self.send(host);
        self.receive(host);
        (self.shut && self.ended).then_some(())
    }

    pub fn send<D: Device>(&mut self, host: &mut Host<D>) {
        while self.sent < self.to_send {
            match host.write(self.id, piece(self.sent, self.to_send)) {
                Ok(n) => self.sent += n,
                Err(IoError::WouldBlock) => return,
                Err(error) => panic!("write after {} bytes: {error}", self.sent),
            }
        }
        if !self.shut {
            self.shut = true;
            host.shutdown(self.id).unwrap();
        }
    }

    pub fn receive<D: Device>(&mut self, host: &mut Host<D>) {
        while !self.ended {
            match host.read(self.id, &mut self.buffer) {
                Ok(0) => {
                    assert_eq!(self.received, self.to_receive, "the end of the stream");
                    self.ended = true;
                }
                Ok(n) => {
                    let right = piece(self.received, self.received + n);
                    assert!(&self.buffer[..n] == right, "wrong bytes after {}", self.received);
                    self.received += n;
                }
                Err(IoError::WouldBlock) => return,
                Err(error) => panic!("read after {} bytes: {error}", self.received),
            }
        }
    }
}

/// Writes a whole stream.
pub fn send(mut to: impl Write, total: usize) {
    let mut at = 0;
    while at < total {
        match to.write(piece(at, total)) {
            Ok(n) => at += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("the kernel's write after {at} bytes: {error}"),
        }
    }
}

/// Reads a whole stream to its end and checks it.
pub fn receive(mut from: impl Read, total: usize) {
    let (mut at, mut buffer) = (0, vec![0; PIECE]);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                assert!(at + n <= total, "more than {total} bytes");
                assert!(&buffer[..n] == piece(at, at + n), "the kernel read wrong bytes after {at}");
                at += n;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("the kernel's read after {at} bytes: {error}"),
        }
    }
    assert_eq!(at, total, "the end of the stream at the kernel");
}
