//! Captured frames readdressed to the host under test, with sums that are right again, so that what was hostile about them
//! is all that is left wrong.

use crate::common::frames::{Sent, US, US_MAC};
use crate::common::peer::{ACK, SYN};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use synward::wire::{Addr, EtherType, EthernetHeader, SeqNum, checksum};

const IP: usize = EthernetHeader::LEN;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;

/// The frame for us: link-layer and IPv4 destination ours (the source too where it was the same: a land packet stays one),
/// VLAN tags off, sums right wherever the bytes are there.
pub(crate) fn to_us(frame: &[u8]) -> Vec<u8> {
    let mut frame = untagged(frame);
    if let Some(dst) = frame.get_mut(..6) {
        dst.copy_from_slice(&US_MAC.0);
    }
    // A station of its own where the capture has none that could send.
    if frame.get(6..12).is_some_and(|src| src[0] & 1 == 1 || src == [0; 6] || src == US_MAC.0) {
        frame[6..12].copy_from_slice(&[2, 0x77, 0, 0, 0, 1]);
    }
    match frame.get(12..14) {
        Some([0x08, 0x00]) => readdress_ipv4(&mut frame[IP..]),
        // ARP: the target's address.
        Some([0x08, 0x06]) => {
            let station: Option<[u8; 6]> = frame.get(6..12).and_then(|src| src.try_into().ok());
            if let (Some(place), Some(station)) = (frame.get_mut(IP + 8..IP + 14), station) {
                place.copy_from_slice(&station);
            }
            if let Some(place) = frame.get_mut(IP + 24..IP + 28) {
                place.copy_from_slice(&US.octets());
            }
        }
        _ => {}
    }
    frame
}

/// The stack speaks no VLAN: what is inside of the tags is what it is to judge.
fn untagged(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    while let Some([0x81, 0x00] | [0x88, 0xa8] | [0x91, 0x00]) = frame.get(12..14) {
        if frame.len() < 18 {
            break;
        }
        frame.drain(12..16);
    }
    frame
}

fn readdress_ipv4(packet: &mut [u8]) {
    let Some(old) = address(packet, 16) else { return };
    let land = address(packet, 12) == Some(old);
    packet[16..20].copy_from_slice(&US.octets());
    if land {
        packet[12..16].copy_from_slice(&US.octets());
    }
    let header_len = usize::from(packet[0] & 15) * 4;
    let (first, whole) = fragment(packet);
    if whole {
        fix_transport(packet);
    } else if first {
        // The sum covers fragments that are elsewhere; what changed is one address, or both.
        for _ in 0..1 + usize::from(land) {
            update_transport(packet, old);
        }
    }
    if header_len >= 20 && packet.len() >= header_len {
        put_sum(&mut packet[..header_len], 10, 0);
    }
}

fn address(packet: &[u8], at: usize) -> Option<Ipv4Addr> {
    let bytes: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
    Some(bytes.into())
}

/// Whether it is the start of a datagram, and whether it is all of it.
fn fragment(packet: &[u8]) -> (bool, bool) {
    let word = u16::from_be_bytes([packet[6], packet[7]]);
    (word & 0x1fff == 0, word & 0x3fff == 0)
}

/// What the packet carries, as far as its lengths and its bytes agree, and the place of the sum in it.
fn transport(packet: &mut [u8]) -> Option<(u8, usize, &mut [u8])> {
    let header_len = usize::from(packet.first()? & 15) * 4;
    let total = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?])).min(packet.len());
    let protocol = *packet.get(9)?;
    let segment = packet.get_mut(header_len.max(20)..total)?;
    let at = match protocol {
        TCP => 16,
        UDP if segment.get(6..8) != Some(&[0, 0]) => 6,
        ICMP => 2,
        _ => return None,
    };
    (segment.len() >= at + 2).then_some((protocol, at, segment))
}

fn fix_transport(packet: &mut [u8]) {
    let (Some(src), Some(dst)) = (address(packet, 12), address(packet, 16)) else { return };
    let Some((protocol, at, segment)) = transport(packet) else { return };
    let pseudo = match protocol {
        ICMP => 0,
        _ => checksum::pseudo_header(Addr::v4(src), Addr::v4(dst), protocol, segment.len() as u32),
    };
    put_sum(segment, at, pseudo);
}

fn update_transport(packet: &mut [u8], old: Ipv4Addr) {
    let Some((TCP | UDP, at, segment)) = transport(packet) else { return };
    let sum = u16::from_be_bytes([segment[at], segment[at + 1]]);
    let sum = checksum::update(sum, u32::from(old), u32::from(US));
    segment[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

fn put_sum(bytes: &mut [u8], at: usize, pseudo: u32) {
    bytes[at..at + 2].fill(0);
    let sum = checksum::finish(checksum::combine(pseudo, checksum::sum(bytes)));
    bytes[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// The ports of a flow as a packet has them, with its source.
type Key = (Ipv4Addr, u16, u16);

/// Acknowledgments that follow our numbers: with them a captured handshake completes, and what comes after it reaches a
/// connection.
#[derive(Debug, Default)]
pub(crate) struct Follow {
    /// The first number that we expect to be acknowledged.
    ours: BTreeMap<Key, SeqNum>,
    /// Ours minus theirs.
    shift: BTreeMap<Key, u32>,
}

impl Follow {
    /// What we sent: a SYN-ACK tells our number.
    pub(crate) fn sent(&mut self, sent: &[Sent]) {
        for segment in sent.iter().filter(|segment| segment.header.flags == SYN.with(ACK)) {
            let key = (*segment.to.ip(), segment.to.port(), segment.from.port());
            self.ours.insert(key, segment.header.seq + 1);
            self.shift.remove(&key);
        }
    }

    /// Shifts the acknowledgment of a frame that was readdressed to us.
    pub(crate) fn shift(&mut self, frame: &mut [u8]) {
        if frame.get(12..14).is_none_or(|kind| kind != EtherType::IPV4.0.to_be_bytes()) {
            return;
        }
        let packet = &mut frame[IP..];
        let Some(src) = address(packet, 12).filter(|_| packet.len() >= 20 && fragment(packet).1) else {
            return;
        };
        let Some((TCP, _, segment)) = transport(packet) else { return };
        if segment.len() < 20 || segment[13] & 0x10 == 0 {
            return;
        }
        let port = |at: usize| u16::from_be_bytes([segment[at], segment[at + 1]]);
        let key = (src, port(0), port(2));
        let ack = u32::from_be_bytes([segment[8], segment[9], segment[10], segment[11]]);
        let Some(ours) = self.ours.get(&key) else { return };
        let shift = *self.shift.entry(key).or_insert_with(|| ours.0.wrapping_sub(ack));
        segment[8..12].copy_from_slice(&ack.wrapping_add(shift).to_be_bytes());
        fix_transport(packet);
    }
}

/// The TCP port that a frame goes to.
pub(crate) fn port(frame: &[u8]) -> Option<u16> {
    let mut packet = frame.get(IP..)?.to_vec();
    if frame.get(12..14)? != EtherType::IPV4.0.to_be_bytes() {
        return None;
    }
    let (TCP, _, segment) = transport(&mut packet)? else { return None };
    Some(u16::from_be_bytes([segment[2], segment[3]])).filter(|port| *port != 0)
}
