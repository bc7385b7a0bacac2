//! A TAP interface of Linux: Ethernet frames to and from the kernel, super-segments of up to 64 KiB in one read or write.

mod error;
mod receive;

pub use error::TapError;

use super::host_side::HostSide;
use super::sys::tun::{self, offload};
use super::{ETHERNET, partial, virtio};
use crate::base::Secrets;
use crate::buffer::{Buf, Capabilities, Device, Pool, Readiness, Received};
use crate::wire::Mac;
use receive::Reader;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;

/// The device that makes TAP interfaces.
const NODE: &str = "/dev/net/tun";

/// Largest IP packet that the kernel cuts into segments for us, in bytes.
const SUPER_SEGMENT: usize = 65_535;

/// Options of a TAP interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TapOptions {
    /// Name, at most 15 bytes. It is made if it does not exist; one that exists must be a TAP interface that nobody uses. A
    /// pattern such as `syn%d` lets the kernel choose the number.
    pub name: String,
    /// Leave the interface behind when it is closed. One that was persistent before stays so in any case.
    pub persistent: bool,
    /// Leave checksums and segmentation to the kernel, both ways. Without it, frames are plain.
    pub offload: bool,
    /// Our link-layer address; `None`: a random one, locally administered.
    pub mac: Option<Mac>,
    /// Largest IP packet in bytes, set on the kernel's side too; `None`: what the kernel has.
    pub mtu: Option<usize>,
}

impl TapOptions {
    /// The interface `name`, not persistent, with offload, a random address and the kernel's MTU.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), persistent: false, offload: true, mac: None, mtu: None }
    }
}

/// Frames that a TAP interface did not carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TapCounters {
    /// Sent while the kernel's side was down: lost, as on a cable without a carrier.
    pub down: u64,
    /// To be sent, but nothing that the interface can carry: over the MTU, a super-segment without offload or that is not
    /// TCP, or refused by the kernel as malformed.
    pub refused: u64,
    /// Received with metadata that contradicts the frame or was not asked for.
    pub malformed: u64,
}

/// A TAP interface.
#[derive(Debug)]
pub struct Tap {
    file: File,
    name: String,
    capabilities: Capabilities,
    /// There is a virtio header before each frame.
    vnet_header: bool,
    reader: Reader,
    counters: TapCounters,
}

impl Tap {
    /// Opens or makes a TAP interface. The kernel's side of it gets neither address nor state here: see
    /// [`Self::host_side`].
    ///
    /// # Errors
    /// Each [`TapError`] says what is missing and how to get it.
    pub fn open(options: &TapOptions) -> Result<Self, TapError> {
        error::check_name(&options.name)?;
        let system = |action: &'static str| {
            let name = options.name.clone();
            move |source| TapError::System { name, action, source }
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(NODE)
            .map_err(|source| TapError::of_node(NODE, source))?;
        let fd = file.as_fd();
        let name = tun::attach(fd, &options.name, options.offload)
            .map_err(|source| TapError::of_attach(&options.name, source))?;
        if options.offload {
            tun::set_vnet_header_len(fd, virtio::HEADER).map_err(system("set the header length"))?;
        }
        // The mask is state of the interface and survives its last user: it is set in any case, from the most that we can
        // take down to nothing.
        let masks: &[u32] = match options.offload {
            true => &[
                offload::CHECKSUM | offload::TSO4 | offload::TSO6,
                offload::CHECKSUM | offload::TSO4,
                offload::CHECKSUM,
                0,
            ],
            false => &[0],
        };
        let mut result = Ok(());
        for mask in masks {
            result = tun::set_offload(fd, *mask);
            if result.is_ok() {
                break;
            }
        }
        result.map_err(system("set the offload mask"))?;
        let host = HostSide::new(name.clone());
        let mtu = match options.mtu {
            None => host.mtu()?,
            Some(mtu) => {
                // A persistent interface may belong to a user who may not configure it: no need to, where it fits.
                if host.mtu()? != mtu {
                    host.set_mtu(mtu)?;
                }
                mtu
            }
        };
        let mac = match options.mac {
            Some(mac) => mac,
            None => random_mac().map_err(system("draw a random address"))?,
        };
        if options.persistent {
            tun::set_persistent(fd, true).map_err(system("make it persistent"))?;
        }
        // Sending unfinished frames needs the header only: the mask is about what we receive.
        let segmentation = if options.offload { SUPER_SEGMENT } else { 0 };
        let capabilities = Capabilities { mac, mtu, checksum_offload: options.offload, segmentation };
        Ok(Self {
            file,
            name,
            capabilities,
            vnet_header: options.offload,
            reader: Reader::default(),
            counters: TapCounters::default(),
        })
    }

    /// The interface's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kernel's side, to give it an address and bring it up.
    pub fn host_side(&self) -> HostSide {
        HostSide::new(self.name.clone())
    }

    /// Sets whether the interface stays when it is closed.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_persistent(&self, persistent: bool) -> io::Result<()> {
        tun::set_persistent(self.file.as_fd(), persistent)
    }

    /// Frames that were not carried.
    pub fn counters(&self) -> TapCounters {
        self.counters
    }

    /// Makes a frame fit what the interface carries, puts the header before it where there is one, and writes it.
    fn send(&mut self, frame: &mut Buf) -> io::Result<Sent> {
        let offload = frame.offload();
        let limit = match offload.segment_size {
            0 => self.capabilities.mtu,
            _ => self.capabilities.mtu.max(self.capabilities.segmentation),
        };
        if frame.len() > limit + ETHERNET || frame.len() < ETHERNET {
            return Ok(Sent::Refused);
        }
        let header = if self.vnet_header {
            let Some(header) = virtio::for_transmit(frame) else { return Ok(Sent::Refused) };
            header
        } else {
            partial::finish(frame);
            [0; virtio::HEADER]
        };
        let header_len = if self.vnet_header { virtio::HEADER } else { 0 };
        let whole = header_len + frame.len();
        let result = loop {
            let result = match frame.prepend(header_len) {
                Some(place) => {
                    place.copy_from_slice(&header[..header_len]);
                    let result = (&self.file).write(frame.data());
                    frame.trim_front(header_len);
                    result
                }
                // Without headroom in two pieces: the kernel gathers them.
                None => (&self.file)
                    .write_vectored(&[IoSlice::new(&header[..header_len]), IoSlice::new(frame.data())]),
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        match result {
            Ok(written) if written == whole => Ok(Sent::Whole),
            Ok(written) => Err(error::short_write(&self.name, written, whole)),
            Err(error) => match error.raw_os_error() {
                Some(libc::EAGAIN | libc::ENOBUFS) => Ok(Sent::NoRoom),
                Some(libc::EIO) => Ok(Sent::Down),
                Some(libc::EINVAL) => Ok(Sent::Refused),
                _ => Err(error::of_traffic(&self.name, "write", error)),
            },
        }
    }
}

/// What became of one frame.
enum Sent {
    Whole,
    NoRoom,
    Down,
    Refused,
}

/// A random station address with the locally-administered bit.
fn random_mac() -> io::Result<Mac> {
    let secrets = Secrets::from_os().map_err(io::Error::other)?;
    let [a, b, c, d, e, f, ..] = secrets.rng("tap address").next_u64().to_le_bytes();
    Ok(Mac([(a & 0xfc) | 2, b, c, d, e, f]))
}

impl Device for Tap {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn receive(&mut self, pool: &mut Pool, into: &mut VecDeque<Buf>, budget: usize) -> io::Result<Received> {
        let mut frames = 0;
        for _ in 0..budget {
            match self.reader.read(&self.file, self.vnet_header, pool) {
                Ok(receive::Read::Frame(frame)) => {
                    into.push_back(frame);
                    frames += 1;
                }
                Ok(receive::Read::Malformed) => self.counters.malformed += 1,
                Ok(receive::Read::Nothing) => return Ok(Received { frames, more: false }),
                Err(error) => return Err(error::of_traffic(&self.name, "read", error)),
            }
        }
        Ok(Received { frames, more: true })
    }

    /// While the kernel's side is down, frames are dropped and counted in [`TapCounters::down`]: it may come up again.
    ///
    /// # Errors
    /// The interface was deleted ([`io::ErrorKind::NotConnected`]), or the kernel took a part of a frame.
    fn transmit(&mut self, from: &mut VecDeque<Buf>, pool: &mut Pool) -> io::Result<()> {
        while let Some(mut frame) = from.pop_front() {
            match self.send(&mut frame) {
                Ok(Sent::Whole) => {}
                Ok(Sent::Down) => self.counters.down += 1,
                Ok(Sent::Refused) => self.counters.refused += 1,
                Ok(Sent::NoRoom) => {
                    from.push_front(frame);
                    return Ok(());
                }
                Err(error) => {
                    from.push_front(frame);
                    return Err(error);
                }
            }
            pool.put(frame);
        }
        Ok(())
    }

    fn readiness(&self) -> Readiness {
        Readiness::Fd(self.file.as_raw_fd())
    }
}

#[cfg(test)]
mod tests;
