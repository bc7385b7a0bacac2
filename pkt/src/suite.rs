//! The project's scripts: where they are, and running one by its file.

use crate::backend::kernel::Kernel;
use crate::backend::stack::StackBackend;
use crate::error::Error;
use crate::script::{Micros, Script};
use crate::settings::Config;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where the scripts stand, from the workspace's root.
pub const FOLDER: &str = "stack/tests/pkt";

/// The longest script that the kernel is asked about.
const LONGEST: Micros = 150_000_000;

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All scripts below `folder`: name (the path below it, without the ending) and file, in order.
///
/// # Errors
/// The folder cannot be read.
pub fn scripts(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "pkt") {
                let name = path.with_extension("");
                let name = name.strip_prefix(folder).unwrap_or(&name).to_string_lossy().replace('\\', "/");
                found.push((name, path));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Reads a script with its options.
///
/// # Errors
/// It cannot be read.
pub fn load(file: &Path) -> Result<(Script, Config), Error> {
    let name = file.to_string_lossy();
    let text = fs::read_to_string(file)
        .map_err(|error| Error::new(Default::default(), format!("cannot read it: {error}")).in_file(&name))?;
    let script = Script::parse(&name, &text)?;
    let config = Config::of(&script).map_err(|error| error.in_file(&name))?;
    Ok((script, config))
}

/// Runs a script against Synward in virtual time.
///
/// # Errors
/// It cannot be read, or what happened is not what it says.
pub fn on_stack(file: &Path) -> Result<(), Error> {
    let (script, config) = load(file)?;
    let mut backend = StackBackend::new(&config)
        .map_err(|message| Error::new(Default::default(), message).in_file(&script.file))?;
    crate::run(&script, &config, &mut backend)
}

/// Why a script did not pass against the kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KernelFailure {
    /// The kernel does otherwise, or the script cannot be read.
    Differs(Error),
    /// The kernel cannot be asked: no TUN, or no such setting.
    Unavailable(String),
}

/// Runs a script against the Linux kernel, in this process, which is in a namespace of its own afterwards.
///
/// # Errors
/// See [`KernelFailure`].
pub fn on_kernel(file: &Path) -> Result<(), KernelFailure> {
    let (script, config) = load(file).map_err(KernelFailure::Differs)?;
    let duration = script.duration();
    if duration > LONGEST {
        let reason = format!("it takes {} s, which is too long in real time", duration / 1_000_000);
        return Err(KernelFailure::Unavailable(reason));
    }
    let mut backend = Kernel::new(&config).map_err(KernelFailure::Unavailable)?;
    crate::run(&script, &config, &mut backend).map_err(KernelFailure::Differs)
}
