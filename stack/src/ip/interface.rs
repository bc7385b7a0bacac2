//! Our side of the link: our addresses with their prefixes, and what follows from them for the addresses of others.

use super::prefix::{Class, Prefix, PrefixLength};
use crate::telemetry::Discard;
use crate::wire::{Addr, Mac};

/// One of our addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InterfaceAddress {
    /// The address.
    pub addr: Addr,
    /// The network that it is connected to.
    pub prefix: Prefix,
}

/// Why an address cannot be ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddressError {
    /// The prefix length is out of range.
    #[error(transparent)]
    Length(#[from] PrefixLength),
    /// Not the address of a single host.
    #[error("{addr} cannot be a host's address: it is {}", .class.explain())]
    NotAHost {
        /// The address.
        addr: Addr,
        /// What it is.
        class: Class,
    },
    /// Its host part is all zeros or all ones.
    #[error("{addr} cannot be a host's address: it is the network or broadcast address of {prefix}")]
    Broadcast {
        /// The address.
        addr: Addr,
        /// Its network.
        prefix: Prefix,
    },
    /// It is already ours.
    #[error("{0} is already an address of this interface")]
    Taken(Addr),
    /// It is none of ours.
    #[error("{0} is not an address of this interface")]
    Unknown(Addr),
}

/// Why nothing can be connected to an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RemoteError {
    /// Not the address of a single host.
    #[error("{addr} is not a host: it is {}", .class.explain())]
    NotAHost {
        /// The address.
        addr: Addr,
        /// What it is.
        class: Class,
    },
    /// The network or broadcast address of one of our networks.
    #[error("{addr} is not a host: it is the network or broadcast address of {prefix}")]
    Broadcast {
        /// The address.
        addr: Addr,
        /// The network.
        prefix: Prefix,
    },
}

impl Class {
    /// What it is, for a person.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Unicast => "an address of one host",
            Self::Unspecified => "the unspecified address",
            Self::ThisNetwork => "an address of \"this network\" (0.0.0.0/8)",
            Self::Loopback => "a loopback address",
            Self::Multicast => "a multicast address",
            Self::LimitedBroadcast => "the broadcast address",
            Self::Reserved => "a reserved (class E) address",
        }
    }
}

/// Whom a destination address means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Destination {
    /// One of our addresses.
    Ours,
    /// A broadcast address valid on our link.
    Broadcast,
    /// A multicast group.
    Multicast,
    /// Somebody else.
    Other,
}

/// The link-layer address, the MTU and the addresses of the stack.
#[derive(Clone, Debug)]
pub struct Interface {
    mac: Mac,
    mtu: u16,
    addresses: Vec<InterfaceAddress>,
    /// The addresses again, in order, for the look-up of every packet.
    sorted: Vec<Addr>,
    /// Each network once.
    networks: Vec<Prefix>,
}

impl Interface {
    /// Least MTU of an IPv4 link (RFC 791, Section 3.2).
    pub const MIN_MTU: u16 = 68;

    /// An interface without an address. `mtu` is the largest IP packet of the link in bytes; what IPv4 cannot express
    /// is cut to 65535, what it does not allow is raised to [`Interface::MIN_MTU`].
    pub fn new(mac: Mac, mtu: usize) -> Self {
        let mtu = u16::try_from(mtu).unwrap_or(u16::MAX).max(Self::MIN_MTU);
        Self { mac, mtu, addresses: Vec::new(), sorted: Vec::new(), networks: Vec::new() }
    }

    /// Adds an address; the first one is the primary one.
    ///
    /// # Errors
    /// [`AddressError`]: what is wrong with it.
    pub fn add(&mut self, addr: Addr, len: u8) -> Result<(), AddressError> {
        let prefix = Prefix::new(addr, len)?;
        let class = Class::of(addr);
        if class != Class::Unicast {
            return Err(AddressError::NotAHost { addr, class });
        }
        if prefix.is_broadcast(addr) {
            return Err(AddressError::Broadcast { addr, prefix });
        }
        let Err(place) = self.sorted.binary_search(&addr) else { return Err(AddressError::Taken(addr)) };
        self.sorted.insert(place, addr);
        self.addresses.push(InterfaceAddress { addr, prefix });
        if !self.networks.contains(&prefix) {
            self.networks.push(prefix);
        }
        Ok(())
    }

    /// Takes an address away.
    ///
    /// # Errors
    /// [`AddressError::Unknown`].
    pub fn remove(&mut self, addr: Addr) -> Result<InterfaceAddress, AddressError> {
        let place = self.addresses.iter().position(|own| own.addr == addr);
        let gone = self.addresses.remove(place.ok_or(AddressError::Unknown(addr))?);
        self.sorted.retain(|own| *own != addr);
        self.networks.retain(|net| self.addresses.iter().any(|own| own.prefix == *net));
        Ok(gone)
    }

    /// Our link-layer address.
    #[inline]
    pub fn mac(&self) -> Mac {
        self.mac
    }

    /// Largest IP packet of the link in bytes.
    #[inline]
    pub fn mtu(&self) -> u16 {
        self.mtu
    }

    /// Our addresses, the primary one first.
    pub fn addresses(&self) -> &[InterfaceAddress] {
        &self.addresses
    }

    /// Whether `addr` is one of ours.
    #[inline]
    pub fn is_ours(&self, addr: Addr) -> bool {
        match self.sorted.as_slice() {
            [own] => *own == addr,
            own => own.binary_search(&addr).is_ok(),
        }
    }

    /// Whether `addr` lies in a network that we are connected to (RFC 1122, Section 3.3.1.1).
    #[inline]
    pub fn is_on_link(&self, addr: Addr) -> bool {
        self.networks.iter().any(|net| net.contains(addr))
    }

    /// Whether `addr` is the limited broadcast or the directed broadcast of one of our networks (RFC 1122,
    /// Section 3.3.6).
    #[inline]
    pub fn is_broadcast(&self, addr: Addr) -> bool {
        Class::of(addr) == Class::LimitedBroadcast || self.network_of_broadcast(addr).is_some()
    }

    fn network_of_broadcast(&self, addr: Addr) -> Option<Prefix> {
        self.networks.iter().copied().find(|net| net.is_broadcast(addr)).filter(|_| !self.is_ours(addr))
    }

    /// Whom `addr` means as the destination of a received packet (RFC 1122, Section 3.2.1.3).
    #[inline]
    pub fn destination(&self, addr: Addr) -> Destination {
        if self.is_ours(addr) {
            return Destination::Ours;
        }
        match Class::of(addr) {
            Class::Multicast => Destination::Multicast,
            _ if self.is_broadcast(addr) => Destination::Broadcast,
            _ => Destination::Other,
        }
    }

    /// Whether a packet may go to `addr` as to one host: the first question of every connect.
    ///
    /// # Errors
    /// [`RemoteError`]: why there can be no host.
    pub fn check_remote(&self, addr: Addr) -> Result<(), RemoteError> {
        let class = Class::of(addr);
        if class != Class::Unicast {
            return Err(RemoteError::NotAHost { addr, class });
        }
        match self.network_of_broadcast(addr) {
            Some(prefix) => Err(RemoteError::Broadcast { addr, prefix }),
            None => Ok(()),
        }
    }

    /// Whether `addr` names a single host, so that it may be the source of a packet (RFC 1122, Section 3.2.1.3) and an
    /// ICMP error may go to it (Section 3.2.2).
    #[inline]
    pub fn is_single_host(&self, addr: Addr) -> bool {
        Class::of(addr) == Class::Unicast && self.network_of_broadcast(addr).is_none()
    }

    /// Checks the source of a packet. `looped`: it came from ourselves through the loop queue and not from the link;
    /// on the link nobody else may use our address.
    ///
    /// # Errors
    /// [`Discard::IpSource`].
    #[inline]
    pub fn check_source(&self, addr: Addr, looped: bool) -> Result<(), Discard> {
        let fine = self.is_single_host(addr) && self.is_ours(addr) == looped;
        if fine { Ok(()) } else { Err(Discard::IpSource) }
    }

    /// Our address to send from towards `next_hop`: the first one that shares a network with it, else the primary one
    /// of its version.
    pub fn source_for(&self, next_hop: Addr) -> Option<Addr> {
        let same_version = |own: &&InterfaceAddress| own.addr.is_v4() == next_hop.is_v4();
        let near = self.addresses.iter().find(|own| own.prefix.contains(next_hop));
        near.or_else(|| self.addresses.iter().find(same_version)).map(|own| own.addr)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::prefix::tests::{a, p};
    use super::*;

    /// 129.68.72.10/24 with MTU 1500.
    pub(in crate::ip) fn server() -> Interface {
        let mut interface = Interface::new(Mac([2, 0, 0, 0, 0, 10]), 1500);
        interface.add(a("129.68.72.10"), 24).unwrap();
        interface
    }

    /// RFC 791, Section 3.2: every link carries 68 bytes.
    #[test]
    fn an_mtu_that_ipv4_does_not_allow_is_raised_or_cut() {
        for (asked, mtu) in [(0, 68), (67, 68), (68, 68), (1500, 1500), (65_535, 65_535), (1 << 20, 65_535)] {
            assert_eq!(Interface::new(Mac::default(), asked).mtu(), mtu, "{asked}");
        }
    }

    #[test]
    fn an_address_that_no_host_can_have_is_refused_with_the_reason() {
        let mut interface = server();
        let mut refused = |addr: &str, len| interface.add(a(addr), len).unwrap_err().to_string();
        assert_eq!(refused("129.68.72.10", 16), "129.68.72.10 is already an address of this interface");
        assert_eq!(
            refused("10.0.0.255", 24),
            "10.0.0.255 cannot be a host's address: it is the network or broadcast address of 10.0.0.0/24"
        );
        assert_eq!(
            refused("10.0.0.0", 24),
            "10.0.0.0 cannot be a host's address: it is the network or broadcast address of 10.0.0.0/24"
        );
        assert_eq!(
            refused("224.0.0.1", 24),
            "224.0.0.1 cannot be a host's address: it is a multicast address"
        );
        assert!(refused("0.0.0.0", 0).contains("unspecified"));
        assert!(refused("127.0.0.1", 8).contains("loopback"));
        assert!(refused("250.0.0.1", 8).contains("class E"));
        assert!(refused("10.0.0.1", 64).contains("0 to 32"));
        assert_eq!(interface.addresses().len(), 1, "nothing was added");
        assert_eq!(interface.remove(a("1.1.1.1")), Err(AddressError::Unknown(a("1.1.1.1"))));
    }

    /// RFC 1122, Section 3.2.1.3.
    #[test]
    fn destinations_are_told_apart_as_rfc_1122_asks() {
        let mut interface = server();
        interface.add(a("10.0.0.1"), 31).unwrap();
        for (text, expected) in [
            ("129.68.72.10", Destination::Ours),
            ("10.0.0.1", Destination::Ours),
            ("10.0.0.0", Destination::Other),
            ("129.68.72.255", Destination::Broadcast),
            ("129.68.72.0", Destination::Broadcast),
            ("255.255.255.255", Destination::Broadcast),
            ("224.0.0.1", Destination::Multicast),
            ("129.68.72.40", Destination::Other),
            ("129.68.73.255", Destination::Other),
            ("2001:db8::1", Destination::Other),
        ] {
            assert_eq!(interface.destination(a(text)), expected, "{text}");
        }
        interface.remove(a("10.0.0.1")).unwrap();
        assert_eq!(interface.destination(a("10.0.0.1")), Destination::Other);
        assert!(!interface.is_on_link(a("10.0.0.0")));
    }

    #[test]
    fn a_connect_to_what_is_no_host_is_an_error_at_once() {
        let interface = server();
        for text in [
            "0.0.0.0",
            "255.255.255.255",
            "129.68.72.255",
            "129.68.72.0",
            "224.0.0.5",
            "240.1.1.1",
            "0.2.3.4",
            "127.0.0.1",
            "::",
            "ff02::1",
        ] {
            assert!(interface.check_remote(a(text)).is_err(), "{text}");
        }
        assert_eq!(
            interface.check_remote(a("129.68.72.255")).unwrap_err().to_string(),
            "129.68.72.255 is not a host: it is the network or broadcast address of 129.68.72.0/24"
        );
        assert_eq!(
            interface.check_remote(a("255.255.255.255")).unwrap_err().to_string(),
            "255.255.255.255 is not a host: it is the broadcast address"
        );
        for text in ["129.68.72.40", "8.8.8.8", "129.68.72.10", "129.68.73.255"] {
            assert_eq!(interface.check_remote(a(text)), Ok(()), "{text}");
        }
    }

    /// RFC 1122, Section 3.2.1.3: broadcast, multicast and loopback are no source on the link.
    #[test]
    fn a_source_that_names_no_single_host_is_refused() {
        let interface = server();
        for text in [
            "0.0.0.0",
            "127.0.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "129.68.72.255",
            "129.68.72.0",
            "245.0.0.1",
        ] {
            assert_eq!(interface.check_source(a(text), false), Err(Discard::IpSource), "{text}");
        }
        assert_eq!(interface.check_source(a("129.68.72.20"), false), Ok(()));
        assert_eq!(
            interface.check_source(a("129.68.72.10"), false),
            Err(Discard::IpSource),
            "our own, from the link"
        );
        assert_eq!(interface.check_source(a("129.68.72.10"), true), Ok(()), "our own, looped");
        assert_eq!(interface.check_source(a("129.68.72.20"), true), Err(Discard::IpSource));
    }

    /// RFC 1122, Section 3.3.1.1: the mask tells what is on the link.
    #[test]
    fn the_source_address_shares_the_network_of_the_next_hop() {
        let mut interface = server();
        interface.add(a("10.0.0.1"), 8).unwrap();
        assert_eq!(interface.source_for(a("10.9.9.9")), Some(a("10.0.0.1")));
        assert_eq!(interface.source_for(a("8.8.8.8")), Some(a("129.68.72.10")));
        assert_eq!(interface.source_for(a("2001:db8::1")), None);
        assert!(interface.is_on_link(a("129.68.72.99")) && !interface.is_on_link(a("129.69.0.1")));
        assert_eq!(p("129.68.72.0/24"), interface.addresses()[0].prefix);
    }
}
