//! Packet scripts: what arrives, what the application calls, and what the stack must send and answer, each at its time.
//!
//! The language is that of the field's script tool for TCP, as far as the suite needs it, with a few additions (see
//! `stack/tests/pkt/README.md`). A script runs against Synward in virtual time ([`backend::stack`]) or against the Linux
//! kernel over a TUN device in a network namespace of its own ([`backend::kernel`]).

pub mod backend;
pub mod call;
pub mod check;
pub mod constants;
pub mod differences;
pub mod error;
pub mod expect;
pub mod flow;
pub mod lexer;
pub mod packet;
pub mod parser;
pub mod pattern;
pub mod run;
pub mod script;
pub mod settings;
pub mod show;
pub mod suite;

pub use error::{Error, Pos};
pub use run::run;
pub use script::Script;
