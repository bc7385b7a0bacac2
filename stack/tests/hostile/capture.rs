//! Captures of every link type as Ethernet frames.

use crate::common::frames::{self, OTHER_MAC, US_MAC};
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use synward::wire::EtherType;

/// The malformed captures beside the workspace, if this machine has them.
pub(crate) fn corpus() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/malformed");
    // In a work tree that stands elsewhere the variable says where.
    let folder = std::env::var_os("SYNWARD_CORPUS").map_or(folder, PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// The captures of a folder, by name.
pub(crate) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<_> =
        folder.read_dir()?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|end| end == "pcap" || end == "pcapng"));
    files.sort();
    Ok(files)
}

/// All frames of a capture. A packet without an Ethernet header gets one that brings it to us.
pub(crate) fn frames(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let told = |error: &dyn core::fmt::Display| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| told(&error))?;
    let mut reader = create_reader(1 << 20, file).map_err(|error| told(&error))?;
    let (mut frames, mut links) = (Vec::new(), Vec::new());
    loop {
        match reader.next() {
            Ok((used, block)) => {
                match block {
                    PcapBlockOwned::LegacyHeader(header) => links = vec![header.network],
                    PcapBlockOwned::Legacy(packet) => frames.push(ethernet(links[0], packet.data)),
                    PcapBlockOwned::NG(Block::SectionHeader(_)) => links.clear(),
                    PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                        links.push(interface.linktype);
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                        let link = links.get(packet.if_id as usize).copied();
                        let data = packet.data.get(..packet.caplen as usize).unwrap_or(packet.data);
                        frames.push(ethernet(link.ok_or_else(|| told(&"no such interface"))?, data));
                    }
                    PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                        frames.push(ethernet(links[0], packet.data));
                    }
                    PcapBlockOwned::NG(_) => {}
                }
                reader.consume(used);
                continue;
            }
            Err(PcapError::Eof) => return Ok(frames),
            Err(PcapError::Incomplete(_)) => {}
            // A file may be cut off in its last packet: what came before is still a capture.
            Err(_) if !frames.is_empty() => return Ok(frames),
            Err(error) => return Err(told(&error)),
        }
        if reader.reader_exhausted() {
            return Ok(frames);
        }
        reader.refill().map_err(|error| told(&error))?;
    }
}

fn ethernet(link: Linktype, data: &[u8]) -> Vec<u8> {
    let (ether_type, packet) = match link {
        Linktype::ETHERNET => return data.to_vec(),
        Linktype::NULL | Linktype::LOOP => (family(data), data.get(4..)),
        // Linux cooked, first and second form: the protocol's place differs.
        Linktype::LINUX_SLL => (word(data, 14), data.get(16..)),
        Linktype::LINUX_SLL2 => (word(data, 0), data.get(20..)),
        // PPP (9 and 50) with its address and control bytes, and without.
        Linktype(9 | 50) => {
            let skip = if data.starts_with(&[0xff, 0x03]) { 2 } else { 0 };
            let protocol = word(data, skip).map(|protocol| if protocol == 0x57 { 0x86dd } else { 0x0800 });
            (protocol, data.get(skip + 2..))
        }
        _ => (by_version(data), Some(data)),
    };
    // What is too short for its own link header still is a packet.
    let ether_type = EtherType(ether_type.unwrap_or(0x0800));
    frames::ethernet(US_MAC, OTHER_MAC, ether_type, packet.unwrap_or(data))
}

fn word(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..at + 2).map(|two| u16::from_be_bytes([two[0], two[1]]))
}

/// The family of the null link type stands in the byte order of whoever captured; only its IPv4 is the same everywhere.
fn family(data: &[u8]) -> Option<u16> {
    match data.get(..4)? {
        [2, 0, 0, 0] | [0, 0, 0, 2] => Some(0x0800),
        _ => by_version(data.get(4..)?),
    }
}

fn by_version(data: &[u8]) -> Option<u16> {
    Some(if data.first()? >> 4 == 6 { 0x86dd } else { 0x0800 })
}
