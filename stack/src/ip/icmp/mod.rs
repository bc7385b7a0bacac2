//! ICMP for IPv4: what to do with a message (`receive`), and messages of our own (`generate`).

mod error;
mod generate;
mod receive;

pub use error::{IcmpError, IcmpErrorKind};
pub use generate::{Complaint, NeverAbout, Withheld, generate, never_about, write};
pub use receive::{EchoReply, IcmpInput, receive};
