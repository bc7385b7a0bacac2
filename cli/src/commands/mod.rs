//! One module for each subcommand.

pub(crate) mod drill;
pub(crate) mod guard;
pub(crate) mod settings;
