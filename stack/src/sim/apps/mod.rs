//! Applications for simulated hosts: servers, clients that verify every byte, and watchers that measure. Each keeps its
//! figures in public fields, for the owner of the world to read with [`HostNode::app`](super::HostNode::app).

mod connector;
mod pattern;
mod pinger;
mod server;
mod services;
mod steady;
mod visitors;

pub use connector::{Act, Attempt, Connector, Ended, Finished};
pub use pattern::Pattern;
pub use pinger::Pinger;
pub use server::{Server, ServerStats, Session, Then};
pub use services::{Bulk, Echo, Telnet};
pub use steady::Steady;
pub use visitors::{Failure, Plan, Task, Visit, Visitors};
