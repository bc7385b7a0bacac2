//! Addresses in one shape for both IP versions, so that no key or table assumes four bytes.

use core::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A link-layer address (EUI-48).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// All stations.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Whether the group bit is set (multicast and broadcast).
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Whether a station may have it as its own: neither a group address nor zero.
    pub const fn is_station(self) -> bool {
        !self.is_group() && !matches!(self.0, [0, 0, 0, 0, 0, 0])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An IP address of either version in 16 bytes; IPv4 in its mapped form (RFC 4291, Section 2.5.5.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addr([u8; 16]);

/// The prefix of mapped IPv4 addresses.
const MAPPED: u128 = 0xffff << 32;

impl Addr {
    /// 0.0.0.0
    pub const UNSPECIFIED_V4: Self = Self::v4(Ipv4Addr::UNSPECIFIED);

    /// An IPv4 address.
    #[inline]
    pub const fn v4(addr: Ipv4Addr) -> Self {
        // As one integer: bytes written one by one and read as a whole would stall the processor.
        Self((MAPPED | addr.to_bits() as u128).to_be_bytes())
    }

    /// The IPv4 address, if it is one.
    #[inline]
    pub fn to_v4(self) -> Option<Ipv4Addr> {
        let bits = u128::from_be_bytes(self.0);
        (bits >> 32 == MAPPED >> 32).then(|| Ipv4Addr::from_bits(bits as u32))
    }

    /// Whether it is an IPv4 address.
    pub fn is_v4(self) -> bool {
        self.to_v4().is_some()
    }

    /// The 16 bytes.
    #[inline]
    pub const fn octets(&self) -> &[u8; 16] {
        &self.0
    }

    /// As std's type.
    pub fn to_ip(self) -> IpAddr {
        match self.to_v4() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(Ipv6Addr::from(self.0)),
        }
    }
}

impl From<Ipv4Addr> for Addr {
    fn from(addr: Ipv4Addr) -> Self {
        Self::v4(addr)
    }
}

impl From<IpAddr> for Addr {
    fn from(addr: IpAddr) -> Self {
        match addr {
            IpAddr::V4(v4) => Self::v4(v4),
            IpAddr::V6(v6) => Self(v6.octets()),
        }
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_ip(), f)
    }
}

impl fmt::Debug for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An address and a port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The address.
    pub addr: Addr,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// As std's type.
    pub fn to_socket_addr(self) -> SocketAddr {
        SocketAddr::new(self.addr.to_ip(), self.port)
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(addr: SocketAddr) -> Self {
        Self { addr: addr.ip().into(), port: addr.port() }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_socket_addr(), f)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What names a TCP connection: our endpoint and the peer's. 36 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FlowKey {
    /// Our side.
    pub local: Endpoint,
    /// The peer's side.
    pub remote: Endpoint,
}

impl FlowKey {
    /// The key as words for a keyed hash that takes words; IPv4 needs only two of them. Injective over both versions
    /// together.
    #[inline]
    pub fn hash_words(&self) -> ([u64; 5], usize) {
        let ports = u64::from(self.local.port) << 16 | u64::from(self.remote.port);
        if let (Some(local), Some(remote)) = (self.local.addr.to_v4(), self.remote.addr.to_v4()) {
            let addresses = u64::from(local.to_bits()) << 32 | u64::from(remote.to_bits());
            return ([addresses, ports, 0, 0, 0], 2);
        }
        let halves = |addr: &Addr| {
            let bits = u128::from_ne_bytes(addr.0);
            [(bits >> 64) as u64, bits as u64]
        };
        let ([l0, l1], [r0, r1]) = (halves(&self.local.addr), halves(&self.remote.addr));
        ([l0, l1, r0, r1, ports], 5)
    }

    /// The keyed hash of [`FlowKey::hash_words`], where nothing else goes into it.
    #[inline]
    pub fn hashed(&self, hash: impl Fn(&[u64]) -> u64) -> u64 {
        match self.hash_words() {
            ([first, second, ..], 2) => hash(&[first, second]),
            (words, _) => hash(&words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4291, Section 2.5.5.2: ::ffff:a.b.c.d.
    #[test]
    fn an_ipv4_address_is_kept_in_its_mapped_form_and_read_back_as_ipv4() {
        let v4 = Ipv4Addr::new(129, 68, 72, 10);
        let addr = Addr::v4(v4);
        assert_eq!(*addr.octets(), v4.to_ipv6_mapped().octets());
        assert_eq!(
            (addr.to_v4(), addr.to_ip(), addr.to_string()),
            (Some(v4), v4.into(), "129.68.72.10".into())
        );
        let mapped = Addr::from(IpAddr::V6(v4.to_ipv6_mapped()));
        assert_eq!(mapped, addr, "one address has one key");
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        assert_eq!((Addr::from(v6).to_v4(), Addr::from(v6).to_ip()), (None, v6));
    }
}
