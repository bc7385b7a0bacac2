//! The calls, one file a group.

mod accept;
mod connect;
mod control;
mod names;
mod open;
mod receive;
mod send;

pub use receive::Message;
