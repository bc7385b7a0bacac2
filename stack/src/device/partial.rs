//! Transport checksums that somebody else was to finish: finishing them here, and the seed that a segmenting device wants.

use super::ETHERNET;
use crate::buffer::{Buf, Checksum};
use crate::wire::checksum::{self, combine, sum};

/// Finishes the checksum of a frame whose field holds the sum of the pseudo-header: over the bytes from `start`, stored at
/// `start + offset`. A sum of 0 is stored as 0xffff, which means the same and is no "none" in UDP (RFC 768). Tells whether
/// the places lie within the frame.
pub(super) fn finish_bytes(frame: &mut [u8], start: u16, offset: u16) -> bool {
    let start = usize::from(start);
    let field = start + usize::from(offset);
    if frame.len() < field + 2 {
        return false;
    }
    let value = match checksum::finish(sum(&frame[start..])) {
        0 => 0xffff,
        value => value,
    };
    frame[field..field + 2].copy_from_slice(&value.to_be_bytes());
    true
}

/// Makes the checksum of `frame` complete where it is partial. What the device or the kernel vouched for without a field
/// to check (`Verified`) is complete already.
pub(super) fn finish(frame: &mut Buf) {
    let mut offload = frame.offload();
    match offload.checksum {
        Checksum::Complete | Checksum::Verified => {}
        Checksum::Partial { start, offset } => {
            finish_bytes(frame.data_mut(), start, offset);
        }
    }
    offload.checksum = Checksum::Complete;
    frame.set_offload(offload);
}

/// Where the layers of a TCP frame begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TcpFrame {
    /// It is IPv6.
    pub(super) v6: bool,
    /// Offset of the TCP header.
    pub(super) transport: usize,
    /// Offset of the payload.
    pub(super) payload: usize,
}

/// Offset of the checksum in a TCP header (RFC 9293, Section 3.1).
const TCP_CHECKSUM: usize = 16;

#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only TAP segments for us"))]
impl TcpFrame {
    /// Reads the layers of an Ethernet frame; `None` where it is not whole TCP directly over IP.
    pub(super) fn parse(frame: &[u8]) -> Option<Self> {
        let ip = frame.get(ETHERNET..)?;
        let (v6, transport) = match (frame[12], frame[13], ip.first()? >> 4) {
            (0x08, 0x00, 4) if *ip.get(9)? == 6 => (false, usize::from(ip[0] & 0xf) * 4),
            (0x86, 0xdd, 6) if *ip.get(6)? == 6 => (true, 40),
            _ => return None,
        };
        let transport = ETHERNET + transport;
        let header = usize::from(frame.get(transport + 12)? >> 4) * 4;
        let payload = transport + header;
        (transport >= ETHERNET + 20 && header >= 20 && payload <= frame.len()).then_some(Self {
            v6,
            transport,
            payload,
        })
    }

    /// Puts the seed into the checksum field of a super-segment: the sum of the pseudo-header **with the full length** of
    /// the super-segment, from which the device makes the sums of its segments. The local kernel accepts a wrong seed,
    /// other hosts then see wrong sums; so it is put here and not trusted.
    pub(super) fn seed(&self, frame: &mut [u8]) {
        let len = frame.len() - self.transport;
        let addresses = match self.v6 {
            false => ETHERNET + 12..ETHERNET + 20,
            true => ETHERNET + 8..ETHERNET + 40,
        };
        let len = (len as u32).to_be_bytes();
        let seed = combine(sum(&frame[addresses]), combine(sum(&len), sum(&[0, 6])));
        let field = self.transport + TCP_CHECKSUM;
        // As a field, but not inverted.
        frame[field..field + 2].copy_from_slice(&(!checksum::finish(seed)).to_be_bytes());
    }

    /// What the metadata of a frame with such a seed says.
    pub(super) fn partial(&self) -> Checksum {
        Checksum::Partial { start: self.transport as u16, offset: TCP_CHECKSUM as u16 }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::buffer::Offload;
    use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};

    /// A TCP frame with `payload`, all checksums right, made by an independent library.
    pub(crate) fn tcp_frame(v6: bool, payload: &[u8]) -> Vec<u8> {
        let ether = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let ip = match v6 {
            false => ether.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64),
            true => ether.ipv6([0xfd; 16], [0xfe; 16], 64),
        };
        let mut frame = Vec::new();
        ip.tcp(4000, 80, 1, 8192).psh().ack(7).write(&mut frame, payload).unwrap();
        frame
    }

    /// Whether the TCP or UDP checksum of `frame` is right, by an independent library.
    pub(crate) fn checksum_is_right(frame: &[u8]) -> bool {
        let packet = SlicedPacket::from_ethernet(frame).unwrap();
        let ip = packet.net.unwrap();
        let ip = (ip.ipv4_ref().map(|ip| ip.header()), ip.ipv6_ref().map(|ip| ip.header()));
        match (packet.transport.unwrap(), ip) {
            (TransportSlice::Tcp(tcp), (Some(v4), _)) => {
                let (header, payload) = (tcp.to_header(), tcp.payload());
                header.calc_checksum_ipv4(&v4.to_header(), payload).ok() == Some(tcp.checksum())
            }
            (TransportSlice::Tcp(tcp), (_, Some(v6))) => {
                let (header, payload) = (tcp.to_header(), tcp.payload());
                header.calc_checksum_ipv6(&v6.to_header(), payload).ok() == Some(tcp.checksum())
            }
            other => panic!("no TCP: {other:?}"),
        }
    }

    pub(crate) fn buf(bytes: &[u8]) -> Buf {
        let mut buf = Buf::new(bytes.len() + 128, 128);
        buf.append(bytes);
        buf
    }

    #[test]
    fn finishing_a_seeded_frame_gives_the_checksum_of_an_independent_library() {
        for v6 in [false, true] {
            for len in [0, 1, 2, 999, 1000, 60_000] {
                let right = tcp_frame(v6, &vec![0xa7; len]);
                let mut frame = buf(&right);
                let layers = TcpFrame::parse(frame.data()).unwrap();
                layers.seed(frame.data_mut());
                frame.set_offload(Offload { checksum: layers.partial(), segment_size: 0 });
                assert!(!checksum_is_right(frame.data()));
                finish(&mut frame);
                assert_eq!(frame.data(), right, "{len} bytes, IPv6 {v6}");
                assert_eq!(frame.offload().checksum, Checksum::Complete);
            }
        }
    }

    #[test]
    fn the_seed_is_the_pseudo_header_with_the_full_length() {
        let mut frame = tcp_frame(false, &[0; 3000]);
        TcpFrame::parse(&frame).unwrap().seed(&mut frame);
        // 10.0.0.1, 10.0.0.2, protocol 6, 3020 bytes of TCP: RFC 9293, Section 3.1.
        let sum = 0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 6 + 3020;
        assert_eq!(frame[14 + 20 + 16..][..2], u16::to_be_bytes(sum));
    }

    #[test]
    fn what_is_not_whole_tcp_over_ip_is_refused() {
        let frame = tcp_frame(false, b"x");
        for len in 0..frame.len() - 1 {
            assert_eq!(TcpFrame::parse(&frame[..len]), None, "{len}");
        }
        let mut udp = frame.clone();
        udp[14 + 9] = 17;
        assert_eq!(TcpFrame::parse(&udp), None);
        let mut short = frame.clone();
        short[14] = 0x44;
        assert_eq!(TcpFrame::parse(&short), None);
        assert!(!finish_bytes(&mut short, 40, 60), "the field is outside of the frame");
    }
}
