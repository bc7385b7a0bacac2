//! What `guard` and `forward` share: a stack on a TAP device, doors that accept on one side and connect on the other, a relay
//! between the two, and what is told of it.

mod accept;
mod device;
mod event;
mod pair;
mod report;
mod signals;
mod writer;

use std::future::Future;
use std::process::ExitCode;

use crate::output;

pub(crate) use accept::{Doors, Target};
pub(crate) use device::DeviceArgs;
pub(crate) use event::{Event, Forward};
pub(crate) use report::Report;

/// Runs a command's future in a runtime of its own.
pub(crate) fn run(command: impl Future<Output = Result<(), String>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(format_args!("cannot start the runtime: {error}"));
            return output::failed();
        }
    };
    match runtime.block_on(command) {
        Ok(()) => output::OK,
        Err(message) => {
            output::error(message);
            output::failed()
        }
    }
}
