//! One module for each subcommand, and what several of them share.

pub(crate) mod drill;
pub(crate) mod embedded;
pub(crate) mod forward;
pub(crate) mod guard;
pub(crate) mod network;
pub(crate) mod ping;
pub(crate) mod relay;
pub(crate) mod settings;
pub(crate) mod telnet;
