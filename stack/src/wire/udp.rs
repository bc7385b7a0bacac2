//! UDP datagrams (RFC 768), as far as a host needs them that has no port open: whether one is good.

use super::{Addr, IpProtocol, Malformed, checksum};

/// Bytes of the header.
const HEADER: usize = 8;

/// The datagram at the start of `bytes`, as long as its length field says.
///
/// # Errors
/// [`Malformed::Truncated`], [`Malformed::TotalLength`].
pub fn datagram(bytes: &[u8]) -> Result<&[u8], Malformed> {
    let Some([.., high, low, _, _]) = bytes.first_chunk::<HEADER>() else { return Err(Malformed::Truncated) };
    let len = usize::from(u16::from_be_bytes([*high, *low]));
    if len < HEADER {
        return Err(Malformed::TotalLength);
    }
    bytes.get(..len).ok_or(Malformed::Truncated)
}

/// Whether the checksum of a [`datagram`] is right, or absent (RFC 768: zero).
pub fn checksum_ok(src: Addr, dst: Addr, datagram: &[u8]) -> bool {
    if datagram.get(6..HEADER) == Some(&[0, 0]) {
        return true;
    }
    let pseudo = checksum::pseudo_header(src, dst, IpProtocol::UDP.0, datagram.len() as u32);
    checksum::finish(checksum::combine(pseudo, checksum::sum(datagram))) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 768: ports 7 and 9, five bytes, between 192.0.2.1 and 192.0.2.2.
    fn good() -> (Addr, Addr, Vec<u8>) {
        let (src, dst) = (Addr::v4([192, 0, 2, 1].into()), Addr::v4([192, 0, 2, 2].into()));
        let builder = etherparse::PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64).udp(7, 9);
        let mut packet = Vec::new();
        builder.write(&mut packet, b"12345").unwrap();
        (src, dst, packet.split_off(20))
    }

    #[test]
    fn a_good_datagram_is_told_from_one_with_a_wrong_length() {
        let (.., mut bytes) = good();
        assert_eq!(datagram(&bytes), Ok(&bytes[..]));
        for len in 0..bytes.len() {
            assert_eq!(datagram(&bytes[..len]), Err(Malformed::Truncated), "{len} bytes");
        }
        bytes[5] = 7;
        assert_eq!(datagram(&bytes), Err(Malformed::TotalLength));
        bytes[5] = 8;
        assert_eq!(datagram(&bytes).map(<[u8]>::len), Ok(8), "RFC 768: the header alone");
    }

    /// RFC 1122, Section 4.1.3.4.
    #[test]
    fn a_changed_byte_is_seen_and_no_checksum_is_none() {
        let (src, dst, bytes) = good();
        assert!(checksum_ok(src, dst, &bytes));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(!checksum_ok(src, dst, &changed), "byte {at}");
        }
        let mut without = bytes;
        without[6..8].fill(0);
        without[9] ^= 1;
        assert!(checksum_ok(src, dst, &without));
    }
}
