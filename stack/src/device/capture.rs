//! A layer that writes every frame of a device, both ways, to a pcapng file with nanosecond stamps. It never harms the
//! traffic: a file that cannot be written is reported once and the frames go on.

use super::partial;
use crate::base::Instant;
use crate::buffer::{Buf, Capabilities, Checksum, Device, Pool, Readiness, Received, Simulated};
use core::time::Duration;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::{DataLink, Endianness, PcapError};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Bytes that wait for the file before they are written in one piece.
const BUFFER: usize = 64 * 1024;

/// Options of a capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaptureOptions {
    /// Name of the interface in the file.
    pub name: String,
    /// Bytes of each frame that are kept at most; 0: all.
    pub snaplen: u32,
    /// The time since 1970 at the origin of [`Instant`]; zero (the default) suits virtual time and keeps files of one seed
    /// equal.
    pub epoch: Duration,
}

impl Default for CaptureOptions {
    fn default() -> Self {
        Self { name: "synward".to_owned(), snaplen: 0, epoch: Duration::ZERO }
    }
}

/// Which way a frame went, seen from the stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The device received it.
    Inbound,
    /// The device was given it to send.
    Outbound,
}

impl Direction {
    /// The two direction bits of pcapng's `epb_flags`.
    const fn flags(self) -> u32 {
        match self {
            Self::Inbound => 1,
            Self::Outbound => 2,
        }
    }
}

/// A pcapng file that is being written, of one or several interfaces.
///
/// After the first write error nothing more is written (the file ends with a whole or a torn block, which readers accept);
/// the error is kept for [`Self::take_error`] and every further frame is counted in [`Self::lost`].
pub struct CaptureFile<W: Write> {
    sink: W,
    /// Encodes into memory; what waits there is written when it passes [`BUFFER`].
    encoder: PcapNgWriter<Vec<u8>>,
    /// Copy of a frame whose checksum had to be finished.
    copy: Vec<u8>,
    snaplens: Vec<(u32, Duration)>,
    frames: u64,
    /// Frames whose bytes wait in the encoder.
    waiting: u64,
    lost: u64,
    error: Option<io::Error>,
    failed: bool,
}

impl<W: Write> core::fmt::Debug for CaptureFile<W> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "CaptureFile({} frames, {} lost)", self.frames, self.lost)
    }
}

fn io_error(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

impl<W: Write> CaptureFile<W> {
    /// Starts a file in `sink`.
    ///
    /// # Errors
    /// The sink's, on its first bytes.
    pub fn new(sink: W) -> io::Result<Self> {
        // The same bytes on every machine.
        let encoder = PcapNgWriter::with_endianness(Vec::with_capacity(BUFFER), Endianness::Little)
            .map_err(io_error)?;
        let mut file = Self {
            sink,
            encoder,
            copy: Vec::new(),
            snaplens: Vec::new(),
            frames: 0,
            waiting: 0,
            lost: 0,
            error: None,
            failed: false,
        };
        file.flush()?;
        Ok(file)
    }

    /// Adds an interface; gives its number for [`Self::record`].
    pub fn add_interface(&mut self, options: &CaptureOptions) -> u32 {
        let block = InterfaceDescriptionBlock {
            linktype: DataLink::ETHERNET,
            snaplen: options.snaplen,
            options: vec![
                InterfaceDescriptionOption::IfName(Cow::Owned(options.name.clone())),
                // Stamps count nanoseconds.
                InterfaceDescriptionOption::IfTsResol(9),
            ],
        };
        if let Err(error) = self.encoder.write_pcapng_block(block) {
            self.fail(io_error(error));
        }
        self.snaplens.push((options.snaplen, options.epoch));
        self.snaplens.len() as u32 - 1
    }

    /// Writes one frame. A checksum that is still partial is finished in the copy, so that a reader of the file does not
    /// take it for wrong. Never fails; see [`Self::take_error`].
    pub fn record(&mut self, interface: u32, now: Instant, direction: Direction, frame: &Buf) {
        match frame.offload().checksum {
            Checksum::Complete | Checksum::Verified => {
                self.encode(interface, now, direction, frame.data());
            }
            Checksum::Partial { start, offset } => {
                let mut copy = core::mem::take(&mut self.copy);
                copy.clear();
                copy.extend_from_slice(frame.data());
                partial::finish_bytes(&mut copy, start, offset);
                self.encode(interface, now, direction, &copy);
                self.copy = copy;
            }
        }
    }

    fn encode(&mut self, interface: u32, now: Instant, direction: Direction, bytes: &[u8]) {
        let Some((snaplen, epoch)) = self.snaplens.get(interface as usize).filter(|_| !self.failed) else {
            self.lost += 1;
            return;
        };
        let kept = match *snaplen {
            0 => bytes,
            snaplen => &bytes[..bytes.len().min(snaplen as usize)],
        };
        let block = EnhancedPacketBlock {
            interface_id: interface,
            timestamp: *epoch + Duration::from_nanos(now.as_nanos()),
            original_len: bytes.len() as u32,
            data: Cow::Borrowed(kept),
            options: vec![EnhancedPacketOption::Flags(direction.flags())],
        };
        match self.encoder.write_pcapng_block(block) {
            Ok(_) => self.waiting += 1,
            Err(error) => {
                self.lost += 1;
                self.fail(io_error(error));
            }
        }
        if self.encoder.get_ref().len() >= BUFFER {
            // The error is kept by `write_out` and told by `take_error`.
            self.write_out();
        }
    }

    fn write_out(&mut self) {
        if !self.failed {
            match self.sink.write_all(self.encoder.get_ref()) {
                Ok(()) => self.frames += core::mem::take(&mut self.waiting),
                Err(error) => self.fail(error),
            }
        }
        self.encoder.get_mut().clear();
    }

    fn fail(&mut self, error: io::Error) {
        self.lost += core::mem::take(&mut self.waiting);
        if !self.failed {
            self.failed = true;
            self.error = Some(error);
        }
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// The first error of the file, if it has not been taken yet.
    pub fn flush(&mut self) -> io::Result<()> {
        self.write_out();
        if !self.failed {
            if let Err(error) = self.sink.flush() {
                self.fail(error);
            }
        }
        self.take_error().map_or(Ok(()), Err)
    }

    /// The error that ended the writing: once.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// Frames written to the sink.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Frames that are not in the file because writing failed.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

impl<W: Write> Drop for CaptureFile<W> {
    fn drop(&mut self) {
        // Nobody is left to tell.
        self.write_out();
    }
}

/// A device whose frames are captured.
///
/// It has no clock: stamps are the last [`Device::set_now`], so that in virtual time the file shows virtual time.
#[derive(Debug)]
pub struct Capture<D, W: Write = File> {
    device: D,
    file: CaptureFile<W>,
    now: Instant,
    /// The one frame that is being sent.
    single: VecDeque<Buf>,
    /// Its copy, for the file: written when the device has taken it.
    copy: Buf,
}

impl<D: Device> Capture<D, File> {
    /// Captures to a new file at `path`; an old one is overwritten.
    ///
    /// # Errors
    /// The file system's.
    pub fn create(device: D, path: impl AsRef<Path>, options: &CaptureOptions) -> io::Result<Self> {
        Self::new(device, File::create(path)?, options)
    }
}

impl<D: Device, W: Write> Capture<D, W> {
    /// Captures to `sink`.
    ///
    /// # Errors
    /// The sink's, on its first bytes.
    pub fn new(device: D, sink: W, options: &CaptureOptions) -> io::Result<Self> {
        let mut file = CaptureFile::new(sink)?;
        file.add_interface(options);
        let largest = device.capabilities().segmentation.max(device.capabilities().mtu) + 64;
        let (single, copy) = (VecDeque::with_capacity(1), Buf::new(largest, 0));
        Ok(Self { device, file, now: Instant::ZERO, single, copy })
    }

    /// The file.
    pub fn file(&mut self) -> &mut CaptureFile<W> {
        &mut self.file
    }

    /// The device inside.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// The device inside.
    pub fn device_mut(&mut self) -> &mut D {
        &mut self.device
    }
}

impl<D: Simulated, W: Write> Simulated for Capture<D, W> {}

impl<D: Device, W: Write> Device for Capture<D, W> {
    fn capabilities(&self) -> Capabilities {
        self.device.capabilities()
    }

    fn receive(&mut self, pool: &mut Pool, into: &mut VecDeque<Buf>, budget: usize) -> io::Result<Received> {
        let before = into.len();
        let result = self.device.receive(pool, into, budget);
        for frame in into.iter().skip(before) {
            self.file.record(0, self.now, Direction::Inbound, frame);
        }
        result
    }

    /// One frame at a time, because only a frame that the device has taken belongs in the file.
    fn transmit(&mut self, from: &mut VecDeque<Buf>, pool: &mut Pool) -> io::Result<()> {
        if from.is_empty() {
            return self.device.transmit(from, pool);
        }
        while let Some(frame) = from.pop_front() {
            self.copy.reset(0);
            self.copy.append(frame.data());
            self.copy.set_offload(frame.offload());
            self.single.push_back(frame);
            let result = self.device.transmit(&mut self.single, pool);
            if let Some(frame) = self.single.pop_front() {
                from.push_front(frame);
                return result;
            }
            self.file.record(0, self.now, Direction::Outbound, &self.copy);
            result?;
        }
        Ok(())
    }

    fn readiness(&self) -> Readiness {
        self.device.readiness()
    }

    fn set_now(&mut self, now: Instant) {
        self.now = now;
        self.device.set_now(now);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.device.next_deadline()
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::{LinkOptions, link};
    use super::super::partial::TcpFrame;
    use super::super::partial::tests::{buf, checksum_is_right, tcp_frame};
    use super::*;
    use crate::buffer::Offload;
    use pcap_parser::traits::PcapReaderIterator;
    use pcap_parser::{Block, PcapBlockOwned, PcapError as ReadError, PcapNGReader};

    /// Frames of a file as an independent library reads them: nanoseconds, direction flags, bytes, original length.
    fn read(bytes: &[u8]) -> Vec<(u64, u8, Vec<u8>, u32)> {
        let mut reader = PcapNGReader::new(1 << 20, bytes).unwrap();
        let (mut frames, mut resolution) = (Vec::new(), 0);
        loop {
            match reader.next() {
                Ok((used, PcapBlockOwned::NG(block))) => {
                    match block {
                        Block::InterfaceDescription(idb) => resolution = idb.ts_resolution().unwrap(),
                        Block::EnhancedPacket(epb) => {
                            let stamp = (u64::from(epb.ts_high) << 32) | u64::from(epb.ts_low);
                            let flags = epb.options.iter().find(|o| o.code.0 == 2).unwrap().value[0];
                            let data = epb.data[..epb.caplen as usize].to_vec();
                            assert_eq!(resolution, 1_000_000_000);
                            frames.push((stamp, flags, data, epb.origlen));
                        }
                        Block::SectionHeader(_) => {}
                        other => panic!("unexpected block {other:?}"),
                    }
                    reader.consume(used);
                }
                Err(ReadError::Eof) => return frames,
                Err(ReadError::Incomplete(_)) => reader.refill().unwrap(),
                Ok(_) => panic!("a block of the older format"),
                Err(error) => panic!("{error:?}"),
            }
        }
    }

    #[test]
    fn both_ways_are_captured_with_their_time_and_read_back_by_another_library() {
        let (a, mut b) = link(LinkOptions { queue: 1, checksum_offload: true, ..LinkOptions::default() });
        let mut sink = Vec::new();
        let mut pool = Pool::new(1 << 20);
        let right = tcp_frame(false, b"hello");
        let odd = tcp_frame(true, b"odd");
        {
            let options = CaptureOptions { epoch: Duration::from_secs(1_800_000_000), ..Default::default() };
            let mut a = Capture::new(a, &mut sink, &options).unwrap();
            let mut partial = buf(&right);
            let layers = TcpFrame::parse(partial.data()).unwrap();
            layers.seed(partial.data_mut());
            partial.set_offload(Offload { checksum: layers.partial(), segment_size: 0 });
            a.set_now(Instant::from_nanos(1_000_000_007));
            let mut from = VecDeque::from([partial, buf(&odd)]);
            a.transmit(&mut from, &mut pool).unwrap();
            assert_eq!(from.len(), 1, "the link holds one");
            assert_eq!(from[0].data(), odd);
            let mut got = VecDeque::new();
            b.receive(&mut pool, &mut got, 9).unwrap();
            assert!(matches!(got[0].offload().checksum, Checksum::Partial { .. }));
            assert_ne!(got[0].data(), right, "the traffic itself is left as it is");
            b.transmit(&mut VecDeque::from([buf(&odd)]), &mut pool).unwrap();
            a.set_now(Instant::from_nanos(2_000_000_009));
            a.receive(&mut pool, &mut got, 9).unwrap();
            a.file().flush().unwrap();
            assert_eq!((a.file().frames(), a.file().lost()), (2, 0));
        }
        let frames = read(&sink);
        assert!(checksum_is_right(&frames[0].2));
        let n = right.len() as u32;
        assert_eq!(frames[0], (1_800_000_001_000_000_007, 2, right, n));
        assert_eq!(frames[1], (1_800_000_002_000_000_009, 1, odd.clone(), odd.len() as u32));
        assert_eq!(frames.len(), 2, "the frame that the device did not take is not there");
    }

    #[test]
    fn a_snap_length_cuts_the_copy_and_keeps_the_original_length() {
        let mut sink = Vec::new();
        let mut file = CaptureFile::new(&mut sink).unwrap();
        let number = file.add_interface(&CaptureOptions { snaplen: 20, ..Default::default() });
        file.record(number, Instant::ZERO, Direction::Inbound, &buf(&[7; 100]));
        drop(file);
        assert_eq!(read(&sink), [(0, 1, vec![7; 20], 100)]);
    }

    /// Takes `room` bytes, then fails.
    #[derive(Debug)]
    struct Full {
        room: usize,
        failures: u32,
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.room < bytes.len() {
                self.failures += 1;
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_reported_once_and_the_traffic_goes_on() {
        let (a, mut b) = link(LinkOptions { mtu: 9000, ..LinkOptions::default() });
        let sink = Full { room: 100_000, failures: 0 };
        let mut a = Capture::new(a, sink, &CaptureOptions::default()).unwrap();
        let mut pool = Pool::new(1 << 20);
        for _ in 0..100 {
            a.transmit(&mut VecDeque::from([buf(&[1; 5000])]), &mut pool).unwrap();
        }
        assert_eq!(a.file().take_error().unwrap().kind(), io::ErrorKind::StorageFull);
        assert!(a.file().take_error().is_none());
        assert!(a.file().flush().is_ok());
        assert_eq!(a.file().frames() + a.file().lost(), 100);
        assert!(a.file().lost() > 50);
        assert_eq!(a.file.sink.failures, 1);
        let mut got = VecDeque::new();
        b.receive(&mut pool, &mut got, 1000).unwrap();
        assert_eq!(got.len(), 100);
    }
}
