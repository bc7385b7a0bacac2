//! Datagrams that arrive in fragments (RFC 791, Section 3.2; RFC 815; RFC 1122, Section 3.3.2).
//!
//! Nothing that a stranger sends is kept past `ip.reassembly-time`, and all of it together takes at most
//! `limits.reassembly-memory`, near which the oldest datagram makes way. Fragments that overlap never lead to a datagram, as
//! RFC 5722, Section 3 asks for IPv6: two ways to put one together are two meanings, and no honest sender needs them.

use crate::base::Instant;
use crate::buffer::Buf;
use crate::settings;
use crate::telemetry::Discard;
use crate::wire::{Addr, IpProtocol, Ipv4Header, Ipv4View, Mac};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::receive::Arrival;

/// The largest IPv4 packet (RFC 791, Section 3.1: the total length has 16 bits).
const LARGEST: usize = 65_535;

/// What a datagram costs besides its bytes: itself, its places in both maps, the header of its first fragment.
const DATAGRAM: usize = size_of::<Datagram>() + 2 * (size_of::<(Instant, Key)>() + 64) + 64;
/// What a fragment costs besides its bytes: its place in the list, twice for the list's growth, and the allocator's part.
const PIECE: usize = 2 * size_of::<Piece>() + 32;

/// Most datagrams that make way for one fragment; where that is not enough, it is refused.
const EVICTIONS: usize = 64;

/// RFC 791, Section 3.2: what fragments of one datagram have in common.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Key {
    src: Addr,
    dst: Addr,
    protocol: IpProtocol,
    identification: u16,
}

/// Bytes of a datagram's payload.
#[derive(Debug)]
struct Piece {
    start: usize,
    bytes: Box<[u8]>,
}

impl Piece {
    fn end(&self) -> usize {
        self.start + self.bytes.len()
    }
}

/// How and whence the first fragment came, for the complaint at the end of its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The station that sent the frame.
    pub station: Mac,
    /// To whom the frame was.
    pub arrival: Arrival,
}

/// A datagram of which something is missing, or that was given up and waits for its time to end: until then whatever else
/// comes of it must not start it anew (RFC 5722, Section 3: also the fragments that are not yet received).
#[derive(Debug)]
struct Datagram {
    until: Instant,
    /// In the order of their places, without overlap.
    pieces: Vec<Piece>,
    /// Header of fragment zero as it came, once it has.
    first: Option<(Box<[u8]>, Origin)>,
    /// Length of the whole payload, once the last fragment has come.
    len: Option<usize>,
    received: usize,
    given_up: bool,
    memory: usize,
}

/// A fragment whose packet is for us and well formed.
struct Fragment<'a> {
    key: Key,
    header: &'a [u8],
    payload: &'a [u8],
    start: usize,
    more: bool,
}

impl<'a> Fragment<'a> {
    /// # Errors
    /// A length that no fragment can have.
    fn parse(packet: &'a [u8]) -> Result<Self, Discard> {
        let view = Ipv4View::parse(packet).map_err(|_| Discard::IpMalformed)?;
        let header = view.header();
        let start = usize::from(header.fragment_offset) * 8;
        let payload = view.payload();
        // RFC 791, Section 3.2: all but the last carry a multiple of eight bytes; one without any says nothing.
        let whole_units = payload.len() % 8 == 0 || !header.more_fragments;
        // No end beyond the largest packet: the "ping of death".
        if payload.is_empty() || !whole_units || view.header_len() + start + payload.len() > LARGEST {
            return Err(Discard::IpFragmentLength);
        }
        Ok(Self {
            key: Key {
                src: Addr::v4(header.src),
                dst: Addr::v4(header.dst),
                protocol: header.protocol,
                identification: header.identification,
            },
            header: packet.get(..view.header_len()).unwrap_or_default(),
            payload,
            start,
            more: header.more_fragments,
        })
    }

    fn end(&self) -> usize {
        self.start + self.payload.len()
    }
}

/// How a fragment fits what is there of its datagram.
enum Fit {
    /// Before the piece with this index.
    New(usize),
    /// The same came before.
    Duplicate,
    /// It contradicts what came before.
    Overlap,
}

impl Datagram {
    fn fit(&self, fragment: &Fragment<'_>) -> Fit {
        let end = fragment.end();
        let at = self.pieces.partition_point(|piece| piece.end() <= fragment.start);
        if let Some(piece) = self.pieces.get(at).filter(|piece| piece.start < end) {
            let same = piece.start == fragment.start && *piece.bytes == *fragment.payload;
            let last = self.len == Some(end);
            return if same && last != fragment.more { Fit::Duplicate } else { Fit::Overlap };
        }
        // The end is where one fragment says that it is, and nothing lies beyond.
        let contradicts = match (self.len, fragment.more) {
            (Some(len), more) => end > len || !more,
            (None, false) => self.pieces.last().is_some_and(|piece| piece.end() > end),
            (None, true) => false,
        };
        if contradicts { Fit::Overlap } else { Fit::New(at) }
    }

    /// Lets go of all that it holds, but not of its name.
    fn give_up(&mut self) {
        self.pieces = Vec::new();
        self.first = None;
        self.given_up = true;
        self.memory = DATAGRAM;
    }
}

/// All fragments have come.
#[derive(Debug)]
pub struct Whole {
    header: Box<[u8]>,
    pieces: Vec<Piece>,
    len: usize,
}

impl Whole {
    /// Bytes of the packet.
    #[allow(clippy::len_without_is_empty, reason = "a header is never empty")]
    pub fn len(&self) -> usize {
        self.header.len() + self.len
    }

    /// Appends the packet to `buf`: the header of fragment zero (RFC 791, Section 3.2), as that of a whole packet. False, and
    /// nothing is appended, without room.
    pub fn write(&self, buf: &mut Buf) -> bool {
        let Some(place) = buf.extend(self.len()) else { return false };
        let Some((header, mut payload)) = place.split_at_mut_checked(self.header.len()) else { return false };
        header.copy_from_slice(&self.header);
        Ipv4Header::make_whole(header, self.len);
        for piece in &self.pieces {
            let Some((now, after)) = payload.split_at_mut_checked(piece.bytes.len()) else { return false };
            now.copy_from_slice(&piece.bytes);
            payload = after;
        }
        true
    }
}

/// A datagram whose time is over.
#[derive(Debug)]
pub struct Expired {
    /// Fragment zero as it came, where it did: what the ICMP error quotes (RFC 1122, Section 3.3.2).
    pub first: Option<(Vec<u8>, Origin)>,
    /// Whether it was given up before, so that its sender is owed no complaint.
    pub given_up: bool,
}

/// Datagrams that are not whole yet.
#[derive(Debug)]
pub struct Reassembly {
    time: Duration,
    most_memory: usize,
    most_pieces: usize,
    datagrams: BTreeMap<Key, Datagram>,
    /// The same ones in the order of their ends, which is the order of their beginnings.
    ends: BTreeSet<(Instant, Key)>,
    memory: usize,
    evicted: u64,
}

impl Reassembly {
    /// Nothing yet.
    pub fn new(settings: &settings::Ip, limits: &settings::Limits) -> Self {
        Self {
            time: settings.reassembly_time,
            most_memory: usize::try_from(limits.reassembly_memory).unwrap_or(usize::MAX),
            most_pieces: limits.fragments as usize,
            datagrams: BTreeMap::new(),
            ends: BTreeSet::new(),
            memory: 0,
            evicted: 0,
        }
    }

    /// Datagrams that are not whole, also those that were given up.
    pub fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// Bytes that they hold.
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// Datagrams that made way for others.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// When the next one's time is over.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.ends.first().map(|(until, _)| *until)
    }

    /// Takes the fragment at the start of `packet`, which [`super::receive()`] found to be one for us. Gives its datagram
    /// where it was the last that was missing.
    ///
    /// # Errors
    /// Why it is not kept. After an overlap, nothing of its datagram is.
    pub fn on_fragment(
        &mut self,
        now: Instant,
        packet: &[u8],
        origin: Origin,
    ) -> Result<Option<Whole>, Discard> {
        let fragment = Fragment::parse(packet)?;
        let at = match self.datagrams.get(&fragment.key) {
            Some(datagram) if datagram.given_up => return Err(Discard::IpFragmentGivenUp),
            Some(datagram) => match datagram.fit(&fragment) {
                Fit::New(at) => at,
                Fit::Duplicate => return Err(Discard::IpFragmentDuplicate),
                Fit::Overlap => {
                    self.give_up(&fragment.key);
                    return Err(Discard::IpFragmentOverlap);
                }
            },
            None => 0,
        };
        if self.datagrams.get(&fragment.key).is_some_and(|datagram| datagram.pieces.len() >= self.most_pieces)
        {
            self.give_up(&fragment.key);
            return Err(Discard::IpReassemblyFull);
        }
        let known = self.datagrams.contains_key(&fragment.key);
        let cost = cost(&fragment, known);
        self.make_room(&fragment.key, cost)?;
        self.memory += cost;
        let until = now + self.time;
        let datagram = self.datagrams.entry(fragment.key).or_insert_with(|| Datagram {
            until,
            pieces: Vec::new(),
            first: None,
            len: None,
            received: 0,
            given_up: false,
            memory: 0,
        });
        if !known {
            self.ends.insert((until, fragment.key));
        }
        datagram.memory += cost;
        datagram.received += fragment.payload.len();
        if !fragment.more {
            datagram.len = Some(fragment.end());
        }
        if fragment.start == 0 {
            datagram.first = Some((fragment.header.into(), origin));
        }
        datagram.pieces.insert(at, Piece { start: fragment.start, bytes: fragment.payload.into() });
        if datagram.len != Some(datagram.received) {
            return Ok(None);
        }
        self.complete(&fragment.key)
    }

    /// All bytes are there.
    fn complete(&mut self, key: &Key) -> Result<Option<Whole>, Discard> {
        let Some(datagram) = self.remove(key) else { return Ok(None) };
        let (Some((header, _)), Some(len)) = (datagram.first, datagram.len) else { return Ok(None) };
        // The first header may be the longest one: options need not be in all fragments.
        if header.len() + len > LARGEST {
            return Err(Discard::IpFragmentLength);
        }
        Ok(Some(Whole { header, pieces: datagram.pieces, len }))
    }

    fn give_up(&mut self, key: &Key) {
        if let Some(datagram) = self.datagrams.get_mut(key) {
            self.memory -= datagram.memory;
            datagram.give_up();
            self.memory += datagram.memory;
        }
    }

    /// Lets the oldest ones go until `cost` more fits; never `key` itself, for which the room is made.
    fn make_room(&mut self, key: &Key, cost: usize) -> Result<(), Discard> {
        for _ in 0..EVICTIONS {
            if self.memory + cost <= self.most_memory {
                return Ok(());
            }
            let Some((_, oldest)) = self.ends.first().copied().filter(|(_, oldest)| oldest != key) else {
                break;
            };
            self.remove(&oldest);
            self.evicted += 1;
        }
        if self.memory + cost <= self.most_memory { Ok(()) } else { Err(Discard::IpReassemblyFull) }
    }

    fn remove(&mut self, key: &Key) -> Option<Datagram> {
        let datagram = self.datagrams.remove(key)?;
        self.ends.remove(&(datagram.until, *key));
        self.memory -= datagram.memory;
        Some(datagram)
    }

    /// The next datagram whose time is over, until there is none.
    pub fn poll_expired(&mut self, now: Instant) -> Option<Expired> {
        let (until, key) = *self.ends.first()?;
        if now < until {
            return None;
        }
        let datagram = self.remove(&key)?;
        let zero = datagram.pieces.first().filter(|piece| piece.start == 0);
        let first = datagram
            .first
            .zip(zero)
            .map(|((header, origin), zero)| ([&*header, &*zero.bytes].concat(), origin));
        Some(Expired { first, given_up: datagram.given_up })
    }
}

fn cost(fragment: &Fragment<'_>, known: bool) -> usize {
    PIECE + fragment.payload.len() + if known { 0 } else { DATAGRAM }
}

#[cfg(test)]
mod tests;
