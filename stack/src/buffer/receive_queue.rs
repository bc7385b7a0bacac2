//! Bytes received in order that the application has not read.

use super::{Buf, Pool};
use std::collections::VecDeque;

/// A payload below this many bytes is copied and its frame goes back to the pool.
const COPY_BELOW: usize = 256;
/// An empty queue keeps its list of buffers up to this many places.
const KEEP: usize = 16;

/// Whether `payload` is copied rather than kept in its frame (`design.md`, rule 3): below 256 bytes, or below a quarter
/// of the memory that it would hold on to.
pub(crate) fn is_wasteful(payload: &Buf) -> bool {
    payload.len() < COPY_BELOW || payload.len() < payload.memory() / 4
}

/// The receive queue of one connection.
#[derive(Debug, Default)]
pub struct ReceiveQueue {
    bufs: VecDeque<Buf>,
    len: u32,
    memory: u32,
}

const _: () = assert!(size_of::<ReceiveQueue>() <= 48);

impl ReceiveQueue {
    /// An empty queue, which owns no memory.
    pub const fn new() -> Self {
        Self { bufs: VecDeque::new(), len: 0, memory: 0 }
    }

    /// Bytes to read.
    #[inline]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there is nothing to read.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory of its buffers, for accounting: the real size of the frames that it holds.
    pub fn memory(&self) -> usize {
        self.memory as usize
    }

    /// Appends `payload` (the live bytes are payload alone). One that is small, absolutely or for its buffer, is copied
    /// behind the last bytes or into a small buffer, and its own buffer goes back to the pool.
    pub fn push(&mut self, pool: &mut Pool, payload: Buf) {
        if payload.is_empty() {
            pool.put(payload);
            return;
        }
        self.len += payload.len() as u32;
        if !is_wasteful(&payload) {
            self.keep(payload);
            return;
        }
        let copied = self.bufs.back_mut().map_or(0, |last| last.append(payload.data()));
        let rest = payload.data().get(copied..).unwrap_or_default();
        if !rest.is_empty() {
            let mut buf = pool.take(rest.len());
            buf.reset(0);
            buf.append(rest);
            self.keep(buf);
        }
        pool.put(payload);
    }

    fn keep(&mut self, buf: Buf) {
        self.memory += buf.memory() as u32;
        self.bufs.push_back(buf);
    }

    /// Moves bytes to `out` and tells how many.
    pub fn read(&mut self, pool: &mut Pool, out: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < out.len() {
            let Some(front) = self.bufs.front_mut() else { break };
            let n = front.len().min(out.len() - filled);
            out[filled..filled + n].copy_from_slice(&front.data()[..n]);
            front.trim_front(n);
            filled += n;
            if front.is_empty() {
                if let Some(done) = self.bufs.pop_front() {
                    self.memory -= done.memory() as u32;
                    pool.put(done);
                }
            }
        }
        self.len -= filled as u32;
        self.shrink();
        filled
    }

    /// Copies bytes to `out` and leaves them; tells how many.
    pub fn peek(&self, out: &mut [u8]) -> usize {
        let mut filled = 0;
        for buf in &self.bufs {
            if filled == out.len() {
                break;
            }
            let n = buf.len().min(out.len() - filled);
            out[filled..filled + n].copy_from_slice(&buf.data()[..n]);
            filled += n;
        }
        filled
    }

    /// Takes the first buffer out, without a copy.
    pub fn pop(&mut self) -> Option<Buf> {
        let buf = self.bufs.pop_front()?;
        self.len -= buf.len() as u32;
        self.memory -= buf.memory() as u32;
        self.shrink();
        Some(buf)
    }

    /// Drops everything.
    pub fn clear(&mut self, pool: &mut Pool) {
        for buf in self.bufs.drain(..) {
            pool.put(buf);
        }
        (self.len, self.memory) = (0, 0);
        self.shrink();
    }

    fn shrink(&mut self) {
        if self.bufs.is_empty() && self.bufs.capacity() > KEEP {
            self.bufs = VecDeque::new();
        }
    }
}
