//! `--capture`: every frame of the LAN in a pcapng file, stamped with the virtual time.

use std::any::Any;
use std::fs::File;
use std::path::Path;

use synward::base::Instant;
use synward::buffer::Buf;
use synward::device::{CaptureFile, CaptureOptions, Direction};
use synward::sim::Tap;

/// The file, as a tap of the world.
pub(super) struct LanCapture {
    file: CaptureFile<File>,
    interface: u32,
}

impl LanCapture {
    /// Starts a file.
    pub(super) fn create(path: &Path) -> Result<Self, String> {
        let told = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut file = CaptureFile::new(File::create(path).map_err(told)?).map_err(told)?;
        let options = CaptureOptions { name: "drill".to_owned(), ..CaptureOptions::default() };
        let interface = file.add_interface(&options);
        Ok(Self { file, interface })
    }

    /// Writes what waits; gives the number of frames in the file.
    pub(super) fn finish(&mut self) -> Result<u64, String> {
        self.file.flush().map_err(|error| error.to_string())?;
        Ok(self.file.frames())
    }
}

impl Tap for LanCapture {
    fn frame(&mut self, now: Instant, frame: &Buf) {
        // The tap is the switch's: for it, every frame comes in.
        self.file.record(self.interface, now, Direction::Inbound, frame);
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
