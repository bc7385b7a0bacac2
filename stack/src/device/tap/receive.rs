//! Reading frames whose size nobody knows beforehand, without giving 64 KiB of memory to each.

use super::super::virtio;
use crate::buffer::pool::HEADROOM;
use crate::buffer::{Buf, Offload, Pool, SizeClass};
use std::fs::File;
use std::io::{self, IoSliceMut, Read as _};

/// Bytes of a frame that the first, small buffer takes.
const FIRST: usize = SizeClass::Frame.capacity() - HEADROOM;

/// Bytes of a frame that a middle-sized buffer takes.
const MIDDLE: usize = SizeClass::Chunk.capacity() - HEADROOM;

/// Reads into two buffers at once: an ordinary frame fits the first and needs nothing else. A longer one goes on in the
/// second at the place where it belongs, so that at most the first two kilobytes are copied.
#[derive(Debug, Default)]
pub(super) struct Reader {
    first: Option<Buf>,
    rest: Option<Buf>,
}

/// What one read brought.
pub(super) enum Read {
    /// A frame.
    Frame(Buf),
    /// Something that is no frame, or whose metadata contradict it.
    Malformed,
    /// Nothing is there.
    Nothing,
}

impl Reader {
    /// Reads one frame.
    pub(super) fn read(&mut self, mut file: &File, vnet_header: bool, pool: &mut Pool) -> io::Result<Read> {
        let mut first = self.first.take().unwrap_or_else(|| pool.take(FIRST));
        let mut rest = self.rest.take().unwrap_or_else(|| pool.take(SizeClass::Jumbo.capacity() - HEADROOM));
        first.reset(HEADROOM);
        rest.reset(HEADROOM + FIRST);
        let mut header = [0; virtio::HEADER];
        let header_len = if vnet_header { header.len() } else { 0 };
        let (first_room, rest_room) = (first.tailroom().min(FIRST), rest.tailroom());
        let result = loop {
            let (Some(a), Some(b)) = (first.extend(first_room), rest.extend(rest_room)) else {
                // Both were just emptied.
                return Ok(Read::Malformed);
            };
            let mut pieces =
                [IoSliceMut::new(&mut header[..header_len]), IoSliceMut::new(a), IoSliceMut::new(b)];
            let result = file.read_vectored(&mut pieces);
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    first.truncate(0);
                    rest.truncate(0);
                }
                result => break result,
            }
        };
        let read = match result {
            Ok(read) => read,
            Err(error) => {
                (self.first, self.rest) = (Some(first), Some(rest));
                return if error.kind() == io::ErrorKind::WouldBlock {
                    Ok(Read::Nothing)
                } else {
                    Err(error)
                };
            }
        };
        let offload = match (vnet_header, read.checked_sub(header_len)) {
            (_, None) => None,
            (false, Some(_)) => Some(Offload::default()),
            (true, Some(len)) => virtio::received(&header, len),
        };
        let Some(offload) = offload else {
            (self.first, self.rest) = (Some(first), Some(rest));
            return Ok(Read::Malformed);
        };
        let mut frame = self.assemble(first, rest, read - header_len, pool);
        frame.set_offload(offload);
        Ok(Read::Frame(frame))
    }

    /// Makes one buffer of a frame of `len` bytes and keeps what is not needed for it.
    fn assemble(&mut self, mut first: Buf, mut rest: Buf, len: usize, pool: &mut Pool) -> Buf {
        let first_len = first.len();
        if len <= first_len {
            first.truncate(len);
            self.rest = Some(rest);
            return first;
        }
        rest.truncate(len - first_len);
        if len <= MIDDLE {
            let mut frame = pool.take(len);
            frame.append(first.data());
            frame.append(rest.data());
            (self.first, self.rest) = (Some(first), Some(rest));
            return frame;
        }
        if let Some(place) = rest.prepend(first_len) {
            place.copy_from_slice(first.data());
        }
        self.first = Some(first);
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_size_are_put_together_and_large_memory_goes_only_to_large_frames() {
        let bytes: Vec<u8> = (0..65_549u32).map(|n| (n % 251) as u8).collect();
        let mut pool = Pool::new(1 << 20);
        let mut reader = Reader::default();
        for len in [0, 60, FIRST - 1, FIRST, FIRST + 1, 9014, MIDDLE, MIDDLE + 1, 65_549] {
            let mut first = reader.first.take().unwrap_or_else(|| pool.take(FIRST));
            let mut rest =
                reader.rest.take().unwrap_or_else(|| pool.take(SizeClass::Jumbo.capacity() - HEADROOM));
            first.reset(HEADROOM);
            rest.reset(HEADROOM + FIRST);
            let n = len.min(FIRST);
            first.extend(FIRST).unwrap()[..n].copy_from_slice(&bytes[..n]);
            let room = rest.tailroom();
            rest.extend(room).unwrap()[..len - n].copy_from_slice(&bytes[n..len]);
            let frame = reader.assemble(first, rest, len, &mut pool);
            assert_eq!(frame.data(), &bytes[..len]);
            assert!(frame.headroom() >= HEADROOM);
            let class = if len <= FIRST { SizeClass::Frame } else { SizeClass::for_len(len) };
            assert_eq!(frame.capacity(), class.capacity(), "{len}");
            pool.put(frame);
        }
        assert!(pool.allocated() <= 4);
    }
}
