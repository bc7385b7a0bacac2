//! One packet: written with real headers and checksums, read and verified.

use super::simd::{copy_sum, fold};
use super::table::{Key, Table};

pub(super) const HEADERS: usize = 40;

#[inline(always)]
fn put(packet: &mut [u8], word: usize, value: u32) {
    packet[word * 4..word * 4 + 4].copy_from_slice(&value.to_ne_bytes());
}

#[inline(always)]
fn get(packet: &[u8], word: usize) -> u32 {
    u32::from_ne_bytes([packet[word * 4], packet[word * 4 + 1], packet[word * 4 + 2], packet[word * 4 + 3]])
}

/// What makes the sum over addresses, protocol and length, in native byte order.
#[inline(always)]
fn pseudo(from: u32, to: u32, tcp_len: usize) -> u64 {
    u64::from(from) + u64::from(to) + u64::from(6u16.to_be()) + u64::from((tcp_len as u16).to_be())
}

/// Writes a segment that the receiver knows as `key`; gives its length.
#[inline(always)]
pub(super) fn send<const WIDE: bool>(
    packet: &mut [u8],
    payload: &[u8],
    key: &Key,
    seq: u32,
    ack: u32,
    flags: u8,
) -> usize {
    let total = HEADERS + payload.len();
    let packet = &mut packet[..total];
    let payload_sum = if payload.is_empty() { 0 } else { copy_sum::<WIDE>(&mut packet[HEADERS..], payload) };
    let head = &mut packet[..HEADERS];
    let ip = [0x0045 | u32::from((total as u16).to_be()) << 16, 0x0040_0000, 0x0640, key[0], key[1]];
    let sum: u64 = ip.iter().map(|word| u64::from(*word)).sum();
    for (i, word) in ip.into_iter().enumerate() {
        put(head, i, word);
    }
    head[10..12].copy_from_slice(&(!fold(sum)).to_ne_bytes());
    let tcp = [key[2], seq.to_be(), ack.to_be(), 0x50 | u32::from(flags) << 8 | 0xffff_0000, 0];
    let sum = tcp.iter().map(|word| u64::from(*word)).sum::<u64>()
        + payload_sum
        + pseudo(key[0], key[1], total - 20);
    for (i, word) in tcp.into_iter().enumerate() {
        put(head, 5 + i, word);
    }
    head[36..38].copy_from_slice(&(!fold(sum)).to_ne_bytes());
    total
}

/// Verifies a segment, copies its payload out and updates its connection; gives `snd`, `rcv` and the payload length.
#[inline(always)]
pub(super) fn receive<const WIDE: bool>(
    packet: &[u8],
    table: &mut Table,
    out: &mut [u8],
) -> Option<(u32, u32, usize)> {
    let head = packet.first_chunk::<HEADERS>()?;
    let sum: u64 = (0..5).map(|i| u64::from(get(head, i))).sum();
    if fold(sum) != 0xffff || head[0] != 0x45 {
        return None;
    }
    let total = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let payload = packet.get(HEADERS..total)?;
    let key = [get(head, 3), get(head, 4), get(head, 5)];
    let payload_sum = if payload.is_empty() { 0 } else { copy_sum::<WIDE>(out, payload) };
    let sum: u64 = (5..10).map(|i| u64::from(get(head, i))).sum::<u64>()
        + payload_sum
        + pseudo(key[0], key[1], total - 20);
    if fold(sum) != 0xffff {
        return None;
    }
    let line = table.find(&key)?;
    let (seq, ack) = (u32::from_be(get(head, 6)), u32::from_be(get(head, 7)));
    if seq == line.rcv {
        line.rcv = seq.wrapping_add(payload.len() as u32);
    }
    if ack.wrapping_sub(line.una) as i32 > 0 {
        line.una = ack;
    }
    Some((line.snd, line.rcv, payload.len()))
}

/// The words of a received segment that a cookie is made from.
#[inline(always)]
pub(super) fn cookie_words(packet: &[u8]) -> [u64; 3] {
    let first = u64::from(get(packet, 4)) | u64::from(get(packet, 3)) << 32;
    let second = u64::from(get(packet, 5)) | u64::from(get(packet, 6)) << 32;
    [first, second, 5 | 20 << 56]
}

/// The key by which the sender of a received segment knows the connection.
#[inline(always)]
pub(super) fn reverse(packet: &[u8]) -> Key {
    [get(packet, 4), get(packet, 3), get(packet, 5).rotate_left(16)]
}
