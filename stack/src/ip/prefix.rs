//! Address prefixes and the classes of addresses, for both IP versions.

use crate::wire::Addr;
use core::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// The bits of `addr` as a number; an IPv4 address in its mapped form.
#[inline]
pub(super) fn bits(addr: Addr) -> u128 {
    u128::from_be_bytes(*addr.octets())
}

/// The address with these bits.
#[inline]
pub(super) fn from_bits(bits: u128) -> Addr {
    Addr::from(IpAddr::V6(Ipv6Addr::from(bits)))
}

/// What an address stands for, as far as its bits alone tell (RFC 1122, Section 3.2.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// A single host.
    Unicast,
    /// 0.0.0.0 or `::`.
    Unspecified,
    /// 0.0.0.0/8 but for 0.0.0.0: a host on "this" network.
    ThisNetwork,
    /// 127.0.0.0/8 or `::1`.
    Loopback,
    /// Class D, or ff00::/8.
    Multicast,
    /// 255.255.255.255.
    LimitedBroadcast,
    /// Class E, but for the limited broadcast.
    Reserved,
}

impl Class {
    /// The class of `addr`.
    #[inline]
    pub fn of(addr: Addr) -> Self {
        let Some(v4) = addr.to_v4() else {
            return match addr.octets() {
                [0xff, ..] => Self::Multicast,
                octets if *octets == [0; 16] => Self::Unspecified,
                octets if *octets == Ipv6Addr::LOCALHOST.octets() => Self::Loopback,
                _ => Self::Unicast,
            };
        };
        match v4.octets() {
            [0, 0, 0, 0] => Self::Unspecified,
            [0, ..] => Self::ThisNetwork,
            [127, ..] => Self::Loopback,
            [224..=239, ..] => Self::Multicast,
            [255, 255, 255, 255] => Self::LimitedBroadcast,
            [240..=255, ..] => Self::Reserved,
            _ => Self::Unicast,
        }
    }
}

/// A network: the leading `len` bits of an address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    network: Addr,
    /// Leading bits of the 128, so 96 more than people write for IPv4.
    bits: u8,
}

/// A prefix length that the address's version does not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("prefix length {len} is out of range: {addr} allows 0 to {max}")]
pub struct PrefixLength {
    /// The address.
    pub addr: Addr,
    /// What was asked for.
    pub len: u8,
    /// The most that the version allows.
    pub max: u8,
}

impl Prefix {
    /// The network of `len` bits that `addr` lies in.
    ///
    /// # Errors
    /// `len` is over 32 for an IPv4 address or over 128 for an IPv6 address.
    pub fn new(addr: Addr, len: u8) -> Result<Self, PrefixLength> {
        let (max, offset) = if addr.is_v4() { (32, 96) } else { (128, 0) };
        if len > max {
            return Err(PrefixLength { addr, len, max });
        }
        let bits_ = len + offset;
        Ok(Self { network: from_bits(bits(addr) & mask(bits_)), bits: bits_ })
    }

    /// The prefix that holds `addr` alone.
    pub fn host(addr: Addr) -> Self {
        Self { network: addr, bits: 128 }
    }

    /// All of IPv4.
    pub const DEFAULT_V4: Self = Self { network: Addr::UNSPECIFIED_V4, bits: 96 };

    /// The lowest address.
    #[inline]
    pub fn network(self) -> Addr {
        self.network
    }

    /// Its length as people write it (24 in 10.0.0.0/24).
    pub fn length(self) -> u8 {
        if self.network.is_v4() { self.bits - 96 } else { self.bits }
    }

    /// Whether it holds every address of its version.
    pub fn is_default(self) -> bool {
        self.length() == 0
    }

    /// Leading bits of the 128, the same scale for both versions.
    #[inline]
    pub(super) fn width(self) -> u8 {
        self.bits
    }

    /// Whether `addr` lies in it.
    #[inline]
    pub fn contains(self, addr: Addr) -> bool {
        (bits(addr) ^ bits(self.network)) & mask(self.bits) == 0
    }

    /// Whether it has addresses for broadcast: an IPv4 prefix of at most 30 bits. With 31 both addresses are hosts
    /// (RFC 3021), with 32 there is one.
    fn has_broadcast(self) -> bool {
        self.network.is_v4() && self.bits <= 96 + 30
    }

    /// Whether `addr` is its directed broadcast, in the standard form (host part all ones) or in the old form (all
    /// zeros; RFC 1122, Section 3.3.6 asks to recognise both).
    #[inline]
    pub fn is_broadcast(self, addr: Addr) -> bool {
        let host = !mask(self.bits);
        let part = bits(addr) & host;
        self.has_broadcast() && self.contains(addr) && (part == host || part == 0)
    }
}

/// The `width` leading bits.
#[inline]
pub(super) fn mask(width: u8) -> u128 {
    if width == 0 { 0 } else { u128::MAX << (128 - u32::from(width.min(128))) }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.length())
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The address written as `text`.
    pub(in crate::ip) fn a(text: &str) -> Addr {
        Addr::from(text.parse::<IpAddr>().unwrap())
    }

    /// The prefix written as `text`.
    pub(in crate::ip) fn p(text: &str) -> Prefix {
        let (addr, len) = text.split_once('/').unwrap();
        Prefix::new(a(addr), len.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_prefix_holds_its_addresses_in_both_versions_and_never_those_of_the_other() {
        assert!(p("129.68.72.10/24").contains(a("129.68.72.255")));
        assert!(!p("129.68.72.10/24").contains(a("129.68.73.0")));
        assert!(p("0.0.0.0/0").contains(a("8.8.8.8")) && !p("0.0.0.0/0").contains(a("2001:db8::1")));
        assert!(
            p("2001:db8::/32").contains(a("2001:db8:ffff::1"))
                && !p("2001:db8::/32").contains(a("2001:db9::"))
        );
        assert_eq!(p("10.1.2.3/8").to_string(), "10.0.0.0/8");
        assert_eq!(Prefix::DEFAULT_V4, p("1.2.3.4/0"));
        assert_eq!(
            Prefix::new(a("10.0.0.1"), 33).unwrap_err().to_string(),
            "prefix length 33 is out of range: 10.0.0.1 allows 0 to 32"
        );
        assert_eq!(Prefix::new(a("::1"), 129).unwrap_err().max, 128);
    }

    #[test]
    fn directed_broadcast_is_recognised_in_both_forms_and_not_in_a_prefix_of_31_or_32_bits() {
        let net = p("10.0.0.0/24");
        assert!(net.is_broadcast(a("10.0.0.255")) && net.is_broadcast(a("10.0.0.0")));
        assert!(!net.is_broadcast(a("10.0.0.1")) && !net.is_broadcast(a("10.0.1.255")));
        assert!(
            !p("10.0.0.0/31").is_broadcast(a("10.0.0.1")) && !p("10.0.0.1/32").is_broadcast(a("10.0.0.1"))
        );
        assert!(!p("2001:db8::/64").is_broadcast(a("2001:db8::")));
    }

    /// RFC 1122, Section 3.2.1.3, and its classes in IPv6.
    #[test]
    fn every_class_of_address_is_told_apart() {
        for (text, class) in [
            ("129.68.72.10", Class::Unicast),
            ("0.0.0.0", Class::Unspecified),
            ("0.1.2.3", Class::ThisNetwork),
            ("127.1.2.3", Class::Loopback),
            ("224.0.0.1", Class::Multicast),
            ("239.255.255.255", Class::Multicast),
            ("240.0.0.1", Class::Reserved),
            ("255.255.255.254", Class::Reserved),
            ("255.255.255.255", Class::LimitedBroadcast),
            ("::", Class::Unspecified),
            ("::1", Class::Loopback),
            ("ff02::1", Class::Multicast),
            ("2001:db8::1", Class::Unicast),
        ] {
            assert_eq!(Class::of(a(text)), class, "{text}");
        }
    }
}
