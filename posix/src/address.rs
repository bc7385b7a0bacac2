//! Addresses in the layout of C (`struct sockaddr_in`, `struct sockaddr_in6`): the family in the byte order of the machine,
//! the rest in that of the network.

use super::Errno;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};

/// Bytes of a `struct sockaddr_in`.
pub const V4_LEN: usize = 16;
/// Bytes of a `struct sockaddr_in6`.
pub const V6_LEN: usize = 28;

/// The family of a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// `AF_INET`.
    V4,
    /// `AF_INET6`, which carries IPv4 in mapped addresses (RFC 4291, Section 2.5.5.2; RFC 3493, Section 3.7).
    V6,
}

impl Family {
    /// Its number.
    pub const fn number(self) -> i32 {
        match self {
            Self::V4 => libc::AF_INET,
            Self::V6 => libc::AF_INET6,
        }
    }

    /// The address that a socket of this family is given in C's layout.
    ///
    /// # Errors
    /// `EINVAL` for too few bytes, `EAFNOSUPPORT` for another family's, `ENETUNREACH` for IPv6 that is not mapped: there is no
    /// route for it.
    pub fn parse(self, bytes: &[u8]) -> Result<SocketAddr, Errno> {
        let Some(&[f0, f1]) = bytes.first_chunk::<2>() else { return Err(Errno(libc::EINVAL)) };
        let family = i32::from(u16::from_ne_bytes([f0, f1]));
        match self {
            Self::V4 => {
                let Some(&[_, _, p0, p1, a, b, c, d]) =
                    bytes.first_chunk::<8>().filter(|_| bytes.len() >= V4_LEN)
                else {
                    return Err(Errno(libc::EINVAL));
                };
                if family != libc::AF_INET {
                    return Err(Errno(libc::EAFNOSUPPORT));
                }
                let address = SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([p0, p1]));
                Ok(SocketAddr::V4(address))
            }
            Self::V6 => {
                let place = bytes.get(8..24).and_then(|place| place.first_chunk::<16>());
                // RFC 2133's structure had no scope id: 24 bytes are enough.
                let (Some(&[_, _, p0, p1]), Some(address)) = (bytes.first_chunk::<4>(), place) else {
                    return Err(Errno(libc::EINVAL));
                };
                if family != libc::AF_INET6 {
                    return Err(Errno(libc::EAFNOSUPPORT));
                }
                let address = Ipv6Addr::from(*address);
                let v4 = match address.to_ipv4_mapped() {
                    Some(v4) => v4,
                    None if address.is_unspecified() => Ipv4Addr::UNSPECIFIED,
                    None => return Err(Errno(libc::ENETUNREACH)),
                };
                Ok(SocketAddr::V4(SocketAddrV4::new(v4, u16::from_be_bytes([p0, p1]))))
            }
        }
    }

    /// `address` as a socket of this family shows it: the bytes, and how many of them count.
    pub fn encode(self, address: SocketAddr) -> ([u8; V6_LEN], usize) {
        let mut bytes = [0; V6_LEN];
        let [f0, f1] = (self.number() as u16).to_ne_bytes();
        let [p0, p1] = address.port().to_be_bytes();
        bytes[..4].copy_from_slice(&[f0, f1, p0, p1]);
        let mapped = match (self, address) {
            (Self::V4, SocketAddr::V4(address)) => {
                bytes[4..8].copy_from_slice(&address.ip().octets());
                return (bytes, V4_LEN);
            }
            // No socket of IPv4 has such a peer.
            (Self::V4, SocketAddr::V6(_)) => return (bytes, V4_LEN),
            (Self::V6, SocketAddr::V4(address)) if address.ip().is_unspecified() => Ipv6Addr::UNSPECIFIED,
            (Self::V6, SocketAddr::V4(address)) => address.ip().to_ipv6_mapped(),
            (Self::V6, SocketAddr::V6(address)) => *address.ip(),
        };
        bytes[8..24].copy_from_slice(&mapped.octets());
        (bytes, V6_LEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_round_trip_in_both_families() {
        for family in [Family::V4, Family::V6] {
            for text in ["192.0.2.1:8080", "0.0.0.0:0", "255.255.255.255:65535"] {
                let address: SocketAddr = text.parse().unwrap();
                let (bytes, len) = family.encode(address);
                assert_eq!(family.parse(&bytes[..len]), Ok(address), "{family:?}");
            }
        }
        let (bytes, len) = Family::V6.encode("192.0.2.1:80".parse().unwrap());
        assert_eq!((len, &bytes[18..24]), (28, &[0xff, 0xff, 192, 0, 2, 1][..]));
    }

    #[test]
    fn short_and_foreign_addresses_are_refused() {
        let (v4, _) = Family::V4.encode("192.0.2.1:80".parse().unwrap());
        assert_eq!(Family::V4.parse(&v4[..15]), Err(Errno(libc::EINVAL)));
        assert_eq!(Family::V4.parse(&[]), Err(Errno(libc::EINVAL)));
        assert_eq!(Family::V6.parse(&v4), Err(Errno(libc::EAFNOSUPPORT)));
        let mut native = Family::V6.encode("0.0.0.0:80".parse().unwrap()).0;
        native[8] = 0x20;
        assert_eq!(Family::V6.parse(&native), Err(Errno(libc::ENETUNREACH)));
    }
}
