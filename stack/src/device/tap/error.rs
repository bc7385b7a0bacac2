//! What can go wrong with a TAP interface, told to a person: what is missing, and how to get it.

use super::super::host_side::HostSideError;
use std::io;

/// Why a TAP interface could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum TapError {
    /// The name cannot be an interface's.
    #[error("`{name}` cannot be the name of a network interface: {why}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The device that makes TAP interfaces is not there.
    #[error(
        "{node} is missing: load the kernel module (modprobe tun), make the device (mkdir -p /dev/net && mknod {node} c 10 200), \
         or give it to the container (--device {node})"
    )]
    NodeMissing {
        /// The device.
        node: &'static str,
    },
    /// The device may not be opened.
    #[error("{node} may not be opened by this user: its usual mode is 0666 (chmod 0666 {node} as root)")]
    NodeForbidden {
        /// The device.
        node: &'static str,
    },
    /// A right is missing.
    #[error(
        "making or using the TAP interface {name} needs the capability CAP_NET_ADMIN: run as root, or let root make it once for \
         you (ip tuntap add dev {name} mode tap user \"$USER\"), or run inside a user and network namespace (unshare \
         --map-root-user --net)"
    )]
    Permission {
        /// The interface.
        name: String,
    },
    /// Another program has it.
    #[error("the TAP interface {name} is in use by another program: stop that one or take another name")]
    InUse {
        /// The interface.
        name: String,
    },
    /// The name belongs to something else.
    #[error("the interface {name} exists and is no TAP interface with one queue: take another name")]
    NotTap {
        /// The interface.
        name: String,
    },
    /// The kernel's side could not be configured.
    #[error(transparent)]
    HostSide(#[from] HostSideError),
    /// Anything else that the system refused.
    #[error("TAP interface {name}: cannot {action}: {source}")]
    System {
        /// The interface.
        name: String,
        /// What was wanted.
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
}

impl TapError {
    /// The device `node` could not be opened.
    pub(super) fn of_node(node: &'static str, source: io::Error) -> Self {
        match source.raw_os_error() {
            // ENODEV and ENXIO: the node is there, the kernel's driver is not.
            Some(libc::ENOENT | libc::ENODEV | libc::ENXIO | libc::ENOTDIR) => Self::NodeMissing { node },
            Some(libc::EACCES | libc::EPERM) => Self::NodeForbidden { node },
            _ => Self::System { name: node.to_owned(), action: "open it", source },
        }
    }

    /// The interface `name` could not be attached.
    pub(super) fn of_attach(name: &str, source: io::Error) -> Self {
        let name = name.to_owned();
        match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self::Permission { name },
            Some(libc::EBUSY) => Self::InUse { name },
            Some(libc::EINVAL | libc::EEXIST) => Self::NotTap { name },
            _ => Self::System { name, action: "attach to it", source },
        }
    }
}

impl From<TapError> for io::Error {
    fn from(error: TapError) -> Self {
        let kind = match &error {
            TapError::Name { .. } => io::ErrorKind::InvalidInput,
            TapError::NodeMissing { .. } => io::ErrorKind::NotFound,
            TapError::NodeForbidden { .. } | TapError::Permission { .. } => io::ErrorKind::PermissionDenied,
            TapError::InUse { .. } => io::ErrorKind::ResourceBusy,
            TapError::NotTap { .. } => io::ErrorKind::AlreadyExists,
            TapError::HostSide(error) => error.source.kind(),
            TapError::System { source, .. } => source.kind(),
        };
        Self::new(kind, error)
    }
}

/// What the kernel demands of a name (`dev_valid_name`), checked here because its own answer would be "invalid argument".
pub(super) fn check_name(name: &str) -> Result<(), TapError> {
    let why = match name {
        "" => "it is empty",
        "." | ".." => "it is a directory's",
        _ if name.len() > 15 => "it is longer than 15 bytes",
        _ if name.contains(['/', ':']) => "it holds `/` or `:`",
        _ if name.contains(|c: char| c.is_whitespace() || c.is_control()) => "it holds white space",
        _ => return Ok(()),
    };
    Err(TapError::Name { name: name.to_owned(), why })
}

/// An error while reading or writing frames.
pub(super) fn of_traffic(name: &str, action: &str, error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::EBADFD) => {
            io::Error::new(io::ErrorKind::NotConnected, format!("the TAP interface {name} was deleted"))
        }
        _ => io::Error::new(error.kind(), format!("TAP interface {name}: cannot {action} a frame: {error}")),
    }
}

/// The kernel took a part of a frame, which it never should.
pub(super) fn short_write(name: &str, written: usize, whole: usize) -> io::Error {
    let text = format!("TAP interface {name}: the kernel took {written} of {whole} bytes of a frame");
    io::Error::new(io::ErrorKind::WriteZero, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(code: i32) -> io::Error {
        io::Error::from_raw_os_error(code)
    }

    #[test]
    fn names_that_the_kernel_would_refuse_are_refused_with_the_reason() {
        for (name, part) in [
            ("", "empty"),
            ("sixteen-bytes-ab", "15"),
            ("a/b", "`/`"),
            ("a:b", "`:`"),
            ("a b", "white space"),
            ("a\0b", "white space"),
            ("..", "directory"),
        ] {
            let error = check_name(name).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
            assert_eq!(io::Error::from(error).kind(), io::ErrorKind::InvalidInput);
        }
        for name in ["syn0", "fifteen-bytes-a", "syn%d"] {
            assert!(check_name(name).is_ok());
        }
    }

    #[test]
    fn each_error_names_what_is_missing_and_the_remedy() {
        for (error, parts, kind) in [
            (
                TapError::of_node("/dev/net/tun", os(libc::ENOENT)),
                vec!["/dev/net/tun", "modprobe", "--device"],
                io::ErrorKind::NotFound,
            ),
            (
                TapError::of_node("/dev/net/tun", os(libc::EACCES)),
                vec!["/dev/net/tun", "0666"],
                io::ErrorKind::PermissionDenied,
            ),
            (
                TapError::of_attach("syn0", os(libc::EPERM)),
                vec!["syn0", "CAP_NET_ADMIN", "root", "ip tuntap add", "unshare"],
                io::ErrorKind::PermissionDenied,
            ),
            (
                TapError::of_attach("syn0", os(libc::EBUSY)),
                vec!["syn0", "in use"],
                io::ErrorKind::ResourceBusy,
            ),
            (
                TapError::of_attach("lo", os(libc::EINVAL)),
                vec!["lo", "no TAP", "another name"],
                io::ErrorKind::AlreadyExists,
            ),
        ] {
            let text = error.to_string();
            assert!(parts.iter().all(|part| text.contains(part)), "{text}");
            assert_eq!(io::Error::from(error).kind(), kind);
        }
    }

    #[test]
    fn a_deleted_interface_and_a_short_write_are_told_as_such() {
        let gone = of_traffic("syn0", "read", os(libc::EBADFD));
        assert_eq!(gone.kind(), io::ErrorKind::NotConnected);
        assert!(gone.to_string().contains("syn0 was deleted"));
        let other = of_traffic("syn0", "write", os(libc::ENOMEM));
        assert!(other.to_string().contains("cannot write a frame"));
        assert!(short_write("syn0", 10, 72).to_string().contains("10 of 72 bytes"));
    }
}
