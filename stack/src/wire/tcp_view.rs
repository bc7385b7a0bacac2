//! TCP headers on the wire: reading, writing, checksum (RFC 9293, Section 3.1).

use super::tcp_options::{self, ALIGNED_TIMESTAMPS_LEN, MAX_LEN};
use super::{Addr, IpProtocol, Malformed, SeqNum, TcpFlags, TcpHeader, TcpOptions, Timestamps, checksum};

/// Bytes of a header without options.
pub const MIN_HEADER_LEN: usize = 20;
/// Bytes of a header with as many options as there can be.
pub const MAX_HEADER_LEN: usize = MIN_HEADER_LEN + MAX_LEN;
/// Where the checksum field stands in the header.
pub const CHECKSUM_OFFSET: usize = 16;

impl TcpHeader {
    /// The header at the start of `segment` and its length in bytes, after which the data follows. The checksum is not
    /// looked at ([`checksum_ok`]), nor are the reserved bits (RFC 9293, Section 3.1).
    ///
    /// Illegal options are no error: what stands before an option of illegal length counts, the rest of the list is
    /// ignored. MSS, window scale and SACK-permitted are read in a SYN only.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] where the segment is shorter than the header; [`Malformed::HeaderLength`] for a data offset
    /// below 5.
    #[inline]
    pub fn parse(segment: &[u8]) -> Result<(Self, usize), Malformed> {
        let mut header = Self::default();
        let header_len = header.read_from(segment)?;
        Ok((header, header_len))
    }

    /// As [`TcpHeader::parse`], into a header that is the default: it is built where it stays. After an error it means nothing.
    ///
    /// # Errors
    /// As [`TcpHeader::parse`].
    #[inline]
    pub fn read_from(&mut self, segment: &[u8]) -> Result<usize, Malformed> {
        let Some(fixed) = segment.first_chunk::<MIN_HEADER_LEN>() else { return Err(Malformed::Truncated) };
        let &[s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, w0, w1, _, _, u0, u1] = fixed;
        let flags = TcpFlags(flags);
        let header_len = usize::from(offset >> 4) * 4;
        match header_len {
            MIN_HEADER_LEN => {}
            0..MIN_HEADER_LEN => return Err(Malformed::HeaderLength),
            _ => {
                let options = segment.get(MIN_HEADER_LEN..header_len).ok_or(Malformed::Truncated)?;
                read_options(options, flags, &mut self.options);
            }
        }
        self.src_port = u16::from_be_bytes([s0, s1]);
        self.dst_port = u16::from_be_bytes([d0, d1]);
        self.seq = SeqNum(u32::from_be_bytes([q0, q1, q2, q3]));
        self.ack = SeqNum(u32::from_be_bytes([a0, a1, a2, a3]));
        self.flags = flags;
        self.window = u16::from_be_bytes([w0, w1]);
        self.urgent = u16::from_be_bytes([u0, u1]);
        Ok(header_len)
    }

    /// Bytes that [`TcpHeader::write`] takes: 20 to 60.
    #[inline]
    pub fn header_len(&self) -> usize {
        MIN_HEADER_LEN + tcp_options::written_len(&self.options, self.flags)
    }

    /// Writes the header to the start of `out`, with 0 in the checksum field, and gives its length. Where `out` is shorter
    /// than [`TcpHeader::header_len`], nothing is written and the length is 0.
    ///
    /// Options stand and are padded as Linux does it. MSS, window scale and SACK-permitted are written in a SYN only. SACK
    /// blocks that do not fit are left out from the last one on: three fit beside timestamps, two beside all of a SYN's
    /// options.
    #[inline]
    pub fn write(&self, out: &mut [u8]) -> usize {
        let mut options = [0; MAX_LEN];
        let options_len = match &self.options {
            // Without SYN and SACK blocks there are timestamps or nothing: both sizes are known beforehand.
            TcpOptions { timestamps, sack, .. } if sack.len == 0 && !self.flags.syn() => match timestamps {
                None => 0,
                Some(timestamps) => tcp_options::write_aligned_timestamps(*timestamps, &mut options),
            },
            other => tcp_options::write(other, self.flags, &mut options),
        };
        let header_len = MIN_HEADER_LEN + options_len;
        let Some(place) = out.get_mut(..header_len) else { return 0 };
        let Some((fixed, rest)) = place.split_first_chunk_mut::<MIN_HEADER_LEN>() else { return 0 };
        let [s0, s1] = self.src_port.to_be_bytes();
        let [d0, d1] = self.dst_port.to_be_bytes();
        let [q0, q1, q2, q3] = self.seq.0.to_be_bytes();
        let [a0, a1, a2, a3] = self.ack.0.to_be_bytes();
        let [w0, w1] = self.window.to_be_bytes();
        let [u0, u1] = self.urgent.to_be_bytes();
        let offset = (header_len as u8 / 4) << 4;
        *fixed = [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, self.flags.0, w0, w1, 0, 0, u0, u1];
        for (to, from) in rest.chunks_exact_mut(4).zip(options.chunks_exact(4)) {
            to.copy_from_slice(from);
        }
        header_len
    }
}

impl TcpHeader {
    /// The partial sum of `written`, which [`TcpHeader::write`] just made of this header, with 0 in the checksum field. Most
    /// of it is summed from the fields: bytes that were just written narrowly cannot be read widely without a stall.
    #[inline]
    pub fn partial_sum(&self, written: &[u8]) -> u32 {
        let options = match self.options.timestamps {
            Some(Timestamps { value, echo })
                if written.len() == MIN_HEADER_LEN + ALIGNED_TIMESTAMPS_LEN && !self.flags.syn() =>
            {
                u64::from(tcp_options::ALIGNED_TIMESTAMPS_WORD) + u64::from(value) + u64::from(echo)
            }
            None if written.len() == MIN_HEADER_LEN => 0,
            // As narrowly as they were written.
            Some(_) | None => tcp_options::words(written.get(MIN_HEADER_LEN..).unwrap_or_default()),
        };
        let words = [
            u32::from(self.src_port) << 16 | u32::from(self.dst_port),
            self.seq.0,
            self.ack.0,
            (written.len() as u32) << 26 | u32::from(self.flags.0) << 16 | u32::from(self.window),
            u32::from(self.urgent),
        ];
        checksum::fold(words.iter().map(|word| u64::from(*word)).sum::<u64>() + options)
    }
}

#[inline]
fn read_options(options: &[u8], flags: TcpFlags, found: &mut TcpOptions) {
    if let Ok(aligned) = <&[u8; ALIGNED_TIMESTAMPS_LEN]>::try_from(options) {
        found.timestamps = tcp_options::read_aligned_timestamps(aligned);
        if found.timestamps.is_some() {
            return;
        }
    }
    tcp_options::read(options, flags, found);
}

/// Whether the checksum of `segment` (header and data) is right for these addresses.
#[inline]
pub fn checksum_ok(src: Addr, dst: Addr, segment: &[u8]) -> bool {
    let pseudo = checksum::pseudo_header(src, dst, IpProtocol::TCP.0, segment.len() as u32);
    checksum::finish(checksum::combine(pseudo, checksum::sum(segment))) == 0
}

/// Stores the checksum of a segment in its written header. `data_sum` is the partial sum of the data and `data_len` its
/// length in bytes; `header` is exactly the written header, whose length is a multiple of 4, so that the data starts at
/// an even offset.
#[inline]
pub fn store_checksum(header: &mut [u8], src: Addr, dst: Addr, data_sum: u32, data_len: usize) {
    let pseudo = checksum::pseudo_header(src, dst, IpProtocol::TCP.0, (header.len() + data_len) as u32);
    let sum = checksum::combine(pseudo, checksum::combine(checksum::sum(header), data_sum));
    store_checksum_field(header, checksum::finish(sum));
}

/// Stores `value` in the checksum field of a written header: the checksum, or for a device that finishes it
/// (`Checksum::Partial`) the folded sum of the pseudo-header, not inverted. A shorter slice stays as it is.
#[inline]
pub fn store_checksum_field(header: &mut [u8], value: u16) {
    if let Some(place) = header.get_mut(CHECKSUM_OFFSET..CHECKSUM_OFFSET + 2) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
