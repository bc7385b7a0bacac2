//! The kernel's side of a TAP interface: its address, MTU and state, so that one command is enough to set up both sides.

use super::sys::netif;
use crate::wire::Mac;
use std::fmt;
use std::io;
use std::net::IpAddr;

/// A failed configuration of a kernel interface, with what was wanted and what to do.
#[derive(Debug)]
pub struct HostSideError {
    /// The interface.
    pub interface: String,
    /// What was wanted, such as "set the MTU to 9000".
    pub action: String,
    /// The kernel's reason.
    pub source: io::Error,
}

impl fmt::Display for HostSideError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { interface, action, source } = self;
        write!(f, "cannot {action} on interface {interface}: ")?;
        match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => write!(
                f,
                "the capability CAP_NET_ADMIN is missing; run as root, or inside a user and network namespace (unshare \
                 --map-root-user --net), or let root configure the interface (ip address add …, ip link set {interface} up)"
            ),
            Some(libc::ENODEV) => write!(f, "there is no such interface"),
            Some(libc::EINVAL | libc::ERANGE) => write!(f, "the kernel says that the value is out of range"),
            _ => write!(f, "{source}"),
        }
    }
}

impl std::error::Error for HostSideError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl From<HostSideError> for io::Error {
    fn from(error: HostSideError) -> Self {
        Self::new(error.source.kind(), error)
    }
}

/// A network interface of the kernel in this process's network namespace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostSide {
    name: String,
}

impl HostSide {
    /// The interface `name`; whether it exists shows at the first use.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    fn wrap<T>(&self, result: io::Result<T>, action: impl FnOnce() -> String) -> Result<T, HostSideError> {
        result.map_err(|source| HostSideError { interface: self.name.clone(), action: action(), source })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives it an address; an IPv4 address replaces the one before.
    ///
    /// # Errors
    /// A prefix length over 32 or 128 ([`io::ErrorKind::InvalidInput`]), missing rights, no such interface.
    pub fn set_address(&self, addr: IpAddr, prefix_len: u8) -> Result<(), HostSideError> {
        let longest = if addr.is_ipv4() { 32 } else { 128 };
        let result = if prefix_len > longest {
            Err(io::Error::new(io::ErrorKind::InvalidInput, format!("a prefix has 0 to {longest} bits")))
        } else {
            netif::set_address(&self.name, addr, prefix_len)
        };
        self.wrap(result, || format!("set the address {addr}/{prefix_len}"))
    }

    /// Sets its MTU in bytes.
    ///
    /// # Errors
    /// Out of the kernel's range, missing rights, no such interface.
    pub fn set_mtu(&self, mtu: usize) -> Result<(), HostSideError> {
        self.wrap(netif::set_mtu(&self.name, mtu), || format!("set the MTU to {mtu}"))
    }

    /// Its MTU in bytes.
    ///
    /// # Errors
    /// No such interface.
    pub fn mtu(&self) -> Result<usize, HostSideError> {
        self.wrap(netif::mtu(&self.name), || "read the MTU".to_owned())
    }

    /// Brings it up or takes it down.
    ///
    /// # Errors
    /// Missing rights, no such interface.
    pub fn set_up(&self, up: bool) -> Result<(), HostSideError> {
        let word = if up { "bring up the link" } else { "take down the link" };
        self.wrap(netif::set_up(&self.name, up), || word.to_owned())
    }

    /// Whether it is up.
    ///
    /// # Errors
    /// No such interface.
    pub fn is_up(&self) -> Result<bool, HostSideError> {
        self.wrap(netif::is_up(&self.name), || "read the state".to_owned())
    }

    /// The link-layer address that the kernel has on it (the stack's end has another).
    ///
    /// # Errors
    /// No such interface.
    pub fn mac(&self) -> Result<Mac, HostSideError> {
        self.wrap(netif::mac(&self.name), || "read the link-layer address".to_owned()).map(Mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_interface_the_action_and_the_reason() {
        let nowhere = HostSide::new("syn-nowhere");
        let error = nowhere.mtu().unwrap_err().to_string();
        assert_eq!(error, "cannot read the MTU on interface syn-nowhere: there is no such interface");
        let error = nowhere.set_address(IpAddr::from([10, 0, 0, 1]), 33).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("10.0.0.1/33") && error.to_string().contains("0 to 32 bits"));
        assert!(HostSide::new("a-name-of-sixteen").is_up().is_err());
    }

    #[test]
    fn a_missing_right_names_the_capability_and_the_ways_to_get_it() {
        let error = HostSideError {
            interface: "syn0".to_owned(),
            action: "set the MTU to 9000".to_owned(),
            source: io::Error::from_raw_os_error(libc::EPERM),
        };
        let text = error.to_string();
        for part in ["syn0", "CAP_NET_ADMIN", "root", "unshare"] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::PermissionDenied);
    }
}
