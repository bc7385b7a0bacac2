//! The two ways between a client and a server by others, with our stack between them.

use crate::lab::{Front, KERNEL, OURS};

/// Which of the two ends of the TAP device is ours.
#[derive(Clone, Copy)]
pub enum Way {
    /// The client's peer is our stack, in `guard`; its backend is the server.
    Guard,
    /// The server's peer is our stack, in `forward`; it carries what the client sends.
    Forward,
}

/// A running guard or forward of one port.
pub struct Between {
    _front: Front,
    /// Where the server has to listen.
    pub server: String,
    /// Where the client has to connect to.
    pub client: String,
    /// The two addresses without the port.
    pub server_host: &'static str,
    pub client_host: &'static str,
    /// The address that the client has on its side.
    pub client_source: &'static str,
}

impl Way {
    /// Starts what lies between.
    pub fn open(self, port: u16) -> Between {
        const LOCAL: &str = "127.0.0.1";
        let (server_host, client_host, client_source) = match self {
            Self::Guard => (LOCAL, OURS, KERNEL),
            Self::Forward => (KERNEL, LOCAL, LOCAL),
        };
        let (server, client) = (format!("{server_host}:{port}"), format!("{client_host}:{port}"));
        let front = match self {
            Self::Guard => Front::guard_of(&[port], &server, &[]),
            Self::Forward => Front::forward(&[(&client, &server)], &[]),
        };
        Between { _front: front, server, client, server_host, client_host, client_source }
    }
}
