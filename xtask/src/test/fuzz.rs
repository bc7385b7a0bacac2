//! The fuzz targets for a short, fixed number of executions, by the driver that needs no nightly compiler.

use crate::steps::{MOST, Outcome, Tally, cargo, watch};
use std::path::Path;

pub(super) fn run(root: &Path, tally: &mut Tally) -> Outcome {
    let arguments = ["test", "--release", "--manifest-path", "fuzz/Cargo.toml", "--test", "drive", "--quiet"];
    watch(cargo(root, &arguments), tally, MOST)
}
