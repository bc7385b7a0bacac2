//! Bytes between an application's buffers and the chunks of a cell.

use crate::buffer::copy::copy;
use crate::shard::Failure;
use crate::sync::WriteHalf;
use std::io::{IoSlice, IoSliceMut};

/// Bytes in a full chunk: large enough that bulk costs few of them, small enough to be kept in pools.
const CHUNK: usize = 16 * 1024;

/// Queues bytes of `slices` for sending while `credit` lasts, in chunks that are as full as can be; tells how many. At
/// least one byte goes where there is one and `credit` is not 0.
pub(crate) fn write(half: &WriteHalf<Failure>, slices: &[IoSlice<'_>], credit: u32) -> usize {
    let total: usize = slices.iter().map(|slice| slice.len()).sum();
    let mut rest = slices.iter().map(|slice| &**slice);
    let (mut current, mut written, mut credit) = (&[][..], 0, credit);
    while written < total && credit > 0 {
        let size = (total - written).min(CHUNK);
        let mut chunk = half.buffer(size);
        while chunk.len() < size {
            if current.is_empty() {
                let Some(next) = rest.next() else { break };
                current = next;
                continue;
            }
            let part = current.len().min(size - chunk.len());
            let (now, later) = current.split_at(part);
            if chunk.append(now) < part {
                break;
            }
            current = later;
        }
        written += chunk.len();
        credit = credit.saturating_sub(u32::try_from(chunk.memory()).unwrap_or(u32::MAX));
        half.push(chunk);
    }
    if written > 0 {
        half.notify();
    }
    written
}

/// Buffers that are filled one after the other.
pub(crate) struct Scatter<'a, 'b> {
    buffers: &'a mut [IoSliceMut<'b>],
    index: usize,
    filled: usize,
}

impl<'a, 'b> Scatter<'a, 'b> {
    /// Starts with the first byte of the first buffer.
    pub(crate) fn new(buffers: &'a mut [IoSliceMut<'b>]) -> Self {
        Self { buffers, index: 0, filled: 0 }
    }

    /// Bytes that fit in all.
    pub(crate) fn room(&self) -> usize {
        self.buffers.iter().map(|buffer| buffer.len()).sum()
    }

    /// Adds bytes; what has no room is lost, and the caller asked for no more than the room.
    pub(crate) fn put(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let Some(buffer) = self.buffers.get_mut(self.index) else { return };
            let place = buffer.get_mut(self.filled..).unwrap_or_default();
            let part = place.len().min(bytes.len());
            copy(&mut place[..part], &bytes[..part]);
            bytes = &bytes[part..];
            self.filled += part;
            if self.filled == buffer.len() {
                (self.index, self.filled) = (self.index + 1, 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_scattered_over_buffers_of_any_size() {
        let (mut a, mut b, mut c) = ([0; 2], [0; 0], [0; 3]);
        let mut buffers = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b), IoSliceMut::new(&mut c)];
        let mut scatter = Scatter::new(&mut buffers);
        assert_eq!(scatter.room(), 5);
        scatter.put(&[1]);
        scatter.put(&[2, 3, 4]);
        scatter.put(&[5, 6]);
        assert_eq!((a, c), ([1, 2], [3, 4, 5]));
    }
}
