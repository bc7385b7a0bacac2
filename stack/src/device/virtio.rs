//! The header that a TAP interface with `IFF_VNET_HDR` puts before each frame (virtio 1.2, Section 5.1.6.1, in the byte
//! order of the machine): what is left to do about checksum and segmentation.

use super::partial::TcpFrame;
use crate::buffer::{Buf, Checksum, Offload};

/// Bytes of the header, with its buffer count.
pub(super) const HEADER: usize = 12;

const NEEDS_CHECKSUM: u8 = 1;
const DATA_VALID: u8 = 2;

const GSO_NONE: u8 = 0;
const GSO_TCP4: u8 = 1;
const GSO_TCP6: u8 = 4;
/// Set beside the type when the segments carry congestion marks.
const GSO_ECN: u8 = 0x80;

/// The header as values.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Header {
    flags: u8,
    gso_type: u8,
    /// Bytes of all headers of a segment.
    header_len: u16,
    /// Payload bytes of each segment.
    gso_size: u16,
    checksum_start: u16,
    checksum_offset: u16,
}

impl Header {
    fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[0] = self.flags;
        bytes[1] = self.gso_type;
        for (place, value) in
            [(2, self.header_len), (4, self.gso_size), (6, self.checksum_start), (8, self.checksum_offset)]
        {
            bytes[place..place + 2].copy_from_slice(&value.to_ne_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8; HEADER]) -> Self {
        let word = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        Self {
            flags: bytes[0],
            gso_type: bytes[1],
            header_len: word(2),
            gso_size: word(4),
            checksum_start: word(6),
            checksum_offset: word(8),
        }
    }
}

/// What a received header says of a frame of `len` bytes; `None` where it is of a kind that was not asked for, or its
/// places lie outside of the frame.
pub(super) fn received(bytes: &[u8; HEADER], len: usize) -> Option<Offload> {
    let header = Header::decode(bytes);
    let segment_size = match header.gso_type & !GSO_ECN {
        GSO_NONE => 0,
        GSO_TCP4 | GSO_TCP6 if header.gso_size > 0 => header.gso_size,
        // Only TCP segmentation is asked for: anything else could not be taken for one packet.
        _ => return None,
    };
    let checksum = if header.flags & NEEDS_CHECKSUM != 0 {
        let (start, offset) = (header.checksum_start, header.checksum_offset);
        if usize::from(start) + usize::from(offset) + 2 > len {
            return None;
        }
        Checksum::Partial { start, offset }
    } else if header.flags & DATA_VALID != 0 {
        Checksum::Verified
    } else {
        Checksum::Complete
    };
    Some(Offload { checksum, segment_size })
}

/// The header for a frame that is to be sent, from its metadata. A super-segment gets the seed of its checksum here
/// ([`TcpFrame::seed`]). `None`: it is marked as a super-segment and is not TCP.
pub(super) fn for_transmit(frame: &mut Buf) -> Option<[u8; HEADER]> {
    let offload = frame.offload();
    if offload.segment_size > 0 {
        let layers = TcpFrame::parse(frame.data())?;
        if frame.len() - layers.payload > usize::from(offload.segment_size) {
            layers.seed(frame.data_mut());
            let Checksum::Partial { start, offset } = layers.partial() else { return None };
            let header = Header {
                flags: NEEDS_CHECKSUM,
                gso_type: if layers.v6 { GSO_TCP6 } else { GSO_TCP4 },
                header_len: layers.payload as u16,
                gso_size: offload.segment_size,
                checksum_start: start,
                checksum_offset: offset,
            };
            return Some(header.encode());
        }
    }
    let header = match offload.checksum {
        Checksum::Complete | Checksum::Verified => Header::default(),
        Checksum::Partial { start, offset } => Header {
            flags: NEEDS_CHECKSUM,
            checksum_start: start,
            checksum_offset: offset,
            ..Header::default()
        },
    };
    Some(header.encode())
}

#[cfg(test)]
mod tests {
    use super::super::partial::tests::{buf, tcp_frame};
    use super::*;

    fn frame(v6: bool, payload: usize, offload: Offload) -> Buf {
        let mut frame = buf(&tcp_frame(v6, &vec![1; payload]));
        frame.set_offload(offload);
        frame
    }

    #[test]
    fn a_super_segment_is_described_and_seeded_with_its_full_length() {
        for (v6, start, kind) in [(false, 34, GSO_TCP4), (true, 54, GSO_TCP6)] {
            let partial = Checksum::Partial { start, offset: 16 };
            let mut frame = frame(v6, 5000, Offload { checksum: partial, segment_size: 1448 });
            // A seed that a careless sender made for one segment only.
            let field = usize::from(start) + 16;
            frame.data_mut()[field..field + 2].copy_from_slice(&[0xba, 0xad]);
            let header = Header::decode(&for_transmit(&mut frame).unwrap());
            let expected = Header {
                flags: NEEDS_CHECKSUM,
                gso_type: kind,
                header_len: start + 20,
                gso_size: 1448,
                checksum_start: start,
                checksum_offset: 16,
            };
            assert_eq!(header, expected);
            let sum: u32 = match v6 {
                false => 0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 6 + 5020,
                true => 8 * 0xfdfd + 8 * 0xfefe + 6 + 5020,
            };
            let folded = (sum & 0xffff) + (sum >> 16);
            assert_eq!(frame.data()[field..field + 2], (folded as u16).to_be_bytes(), "IPv6: {v6}");
            assert_eq!(received(&header.encode(), frame.len()), Some(frame.offload()), "and reads back");
        }
    }

    #[test]
    fn one_segment_is_no_super_segment_whatever_its_mark() {
        let partial = Checksum::Partial { start: 34, offset: 16 };
        let mut single = frame(false, 1448, Offload { checksum: partial, segment_size: 1448 });
        let header = Header::decode(&for_transmit(&mut single).unwrap());
        assert_eq!((header.flags, header.gso_type, header.gso_size), (NEEDS_CHECKSUM, GSO_NONE, 0));
        let mut complete = frame(false, 100, Offload::default());
        assert_eq!(for_transmit(&mut complete), Some([0; HEADER]));
        let mut no_tcp = buf(&[0; 3000]);
        no_tcp.set_offload(Offload { checksum: partial, segment_size: 1448 });
        assert_eq!(for_transmit(&mut no_tcp), None);
    }

    #[test]
    fn received_headers_that_contradict_their_frame_or_were_not_asked_for_are_refused() {
        let needs =
            Header { flags: NEEDS_CHECKSUM, checksum_start: 34, checksum_offset: 16, ..Header::default() };
        assert_eq!(received(&needs.encode(), 51), None);
        assert!(received(&needs.encode(), 52).is_some());
        let valid = Header { flags: DATA_VALID, ..Header::default() };
        assert_eq!(received(&valid.encode(), 60).unwrap().checksum, Checksum::Verified);
        for gso_type in [2, 3, 5, 0x83] {
            let udp = Header { gso_type, gso_size: 1400, ..needs };
            assert_eq!(received(&udp.encode(), 4000), None, "{gso_type}");
        }
        let ecn = Header { gso_type: GSO_TCP4 | GSO_ECN, gso_size: 1400, ..needs };
        assert_eq!(received(&ecn.encode(), 4000).unwrap().segment_size, 1400);
        let zero = Header { gso_type: GSO_TCP4, gso_size: 0, ..needs };
        assert_eq!(received(&zero.encode(), 4000), None);
    }
}
