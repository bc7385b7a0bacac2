//! One step of an input: a byte says what, the next ones say how. Small numbers mean the ordinary.

use arbitrary::{Arbitrary, Result, Unstructured};
use synward::wire::TcpFlags;

/// Where a number lies, from the one that is expected.
#[derive(Clone, Copy, Debug)]
pub(super) enum Near {
    /// The expected one.
    Exact,
    /// Some bytes away.
    By(i32),
    /// As it is.
    At(u32),
}

impl<'a> Arbitrary<'a> for Near {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.arbitrary::<u8>()? {
            0..=127 => Self::Exact,
            n @ 128..=191 => Self::By(i32::from(n) - 160),
            192..=223 => Self::By(i32::from(u.arbitrary::<i8>()?) * 97),
            224..=239 => Self::By(i32::from(u.arbitrary::<i16>()?) * 31),
            240..=247 => Self::By(i32::MIN),
            _ => Self::At(u.arbitrary()?),
        })
    }
}

/// A TCP segment of one of the peers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) peer: u8,
    pub(super) flags: TcpFlags,
    pub(super) seq: Near,
    pub(super) ack: Near,
    pub(super) window: u16,
    /// Which options; see `frames`.
    pub(super) options: u8,
    pub(super) len: u16,
    pub(super) urgent: u16,
}

impl<'a> Arbitrary<'a> for Segment {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let peer = u.arbitrary()?;
        let flags = match u.arbitrary::<u8>()? {
            0..=99 => TcpFlags::ACK,
            100..=139 => TcpFlags::SYN,
            140..=159 => TcpFlags::SYN.with(TcpFlags::ACK),
            160..=179 => TcpFlags::FIN.with(TcpFlags::ACK),
            180..=189 => TcpFlags::RST,
            190..=199 => TcpFlags::URG.with(TcpFlags::ACK),
            _ => TcpFlags(u.arbitrary()?),
        };
        let (seq, ack) = (u.arbitrary()?, u.arbitrary()?);
        let window = match u.arbitrary::<u8>()? {
            0 => 0,
            n @ 1..=63 => u16::from(n) * 100,
            n => u16::from(n) << 8,
        };
        let options = u.arbitrary()?;
        let len = match u.arbitrary::<u8>()? {
            n @ 0..=99 => u16::from(n / 50) * u16::from(n),
            n => (u16::from(n) - 99) * 9,
        };
        let urgent = if flags.urg() { u16::from(u.arbitrary::<u8>()?) } else { 0 };
        Ok(Self { peer, flags, seq, ack, window, options, len, urgent })
    }
}

/// What an application does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Call {
    Listen { port: u8, backlog: u8 },
    CloseListener(u8),
    Accept(u8),
    Connect { peer: u8, options: u8 },
    Write { conn: u8, len: u16, urgent: bool },
    Read { conn: u8, len: u16 },
    Peek { conn: u8, len: u16 },
    Shutdown(u8),
    Close(u8),
    Abort(u8),
    Options { conn: u8, options: u8 },
    Ping(u8),
    ResetAll,
}

impl<'a> Arbitrary<'a> for Call {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let kind = u.arbitrary::<u8>()? % 32;
        let which = u.arbitrary()?;
        let mut len = || Ok(u16::from(u.arbitrary::<u8>()?).pow(2) / 2);
        Ok(match kind {
            0..=3 => Self::Write { conn: which, len: len()?, urgent: false },
            4 => Self::Write { conn: which, len: len()?, urgent: true },
            5..=8 => Self::Read { conn: which, len: len()? },
            9..=12 => Self::Accept(which),
            13 | 14 => Self::Shutdown(which),
            15..=17 => Self::Close(which),
            18 => Self::Abort(which),
            19..=21 => Self::Connect { peer: which, options: u.arbitrary()? },
            22 | 23 => Self::Options { conn: which, options: u.arbitrary()? },
            24 => Self::Ping(which),
            25 => Self::Listen { port: which, backlog: u.arbitrary()? },
            26 => Self::CloseListener(which),
            27 => Self::Peek { conn: which, len: len()? },
            28 if which == 0 => Self::ResetAll,
            _ => Self::Accept(which),
        })
    }
}

/// A step.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A segment, and whether its sum is wrong.
    Segment(Segment, bool),
    /// An ICMP error about the last segment to a peer.
    IcmpError { peer: u8, kind: u8, code: u8, mtu: u16, seq: Near },
    /// An echo request, or an answer.
    Echo { peer: u8, reply: bool, sequence: u8, len: u8 },
    /// An ARP packet.
    Arp { operation: u8, sender: u8, target: u8, station: u8 },
    /// A packet of a protocol, whole or a fragment, with noise.
    Packet { peer: u8, protocol: u8, fragment: u16, options: Vec<u8>, bytes: Vec<u8> },
    /// Any bytes.
    Raw { ours: bool, bytes: Vec<u8> },
    /// The last frame again, with one byte changed by this, if it is not zero, and cut to a share of its length.
    Again { at: u8, change: u8, share: u8 },
    /// The last frame again, if it is an IP packet, in two fragments, the first one first or last.
    InFragments { at: u8, last_first: bool },
    /// Milliseconds.
    Wait(u32),
    /// Until the next deadline.
    Next,
    /// A call.
    Call(Call),
    /// Neighbours answer ARP, or no longer.
    Stations(bool),
    /// The device takes frames, or no longer.
    Full(bool),
}

impl<'a> Arbitrary<'a> for Step {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let bytes = |u: &mut Unstructured<'a>, most: usize| {
            let len = usize::from(u.arbitrary::<u8>()?).min(most).min(u.len());
            u.bytes(len).map(<[u8]>::to_vec)
        };
        Ok(match u.arbitrary::<u8>()? {
            0..=99 => Self::Segment(u.arbitrary()?, false),
            100..=103 => Self::Segment(u.arbitrary()?, true),
            104..=119 => Self::IcmpError {
                peer: u.arbitrary()?,
                kind: u.arbitrary()?,
                code: u.arbitrary()?,
                mtu: u16::from(u.arbitrary::<u8>()?) * 6,
                seq: u.arbitrary()?,
            },
            120..=123 => {
                let (peer, flags) = (u.arbitrary()?, u.arbitrary::<u8>()?);
                Self::Echo { peer, reply: flags & 1 == 1, sequence: flags >> 4, len: u.arbitrary()? }
            }
            124..=131 => Self::Arp {
                operation: u.arbitrary()?,
                sender: u.arbitrary()?,
                target: u.arbitrary()?,
                station: u.arbitrary()?,
            },
            132..=137 => Self::Packet {
                peer: u.arbitrary()?,
                protocol: u.arbitrary()?,
                fragment: u.arbitrary()?,
                options: bytes(u, 40)?,
                bytes: bytes(u, 100)?,
            },
            138..=140 => Self::Raw { ours: u.arbitrary::<u8>()? & 1 == 0, bytes: bytes(u, 100)? },
            141..=160 => Self::Wait(u32::from(u.arbitrary::<u8>()?)),
            161..=164 => Self::Wait(u32::from(u.arbitrary::<u8>()?) * 1000),
            165 => Self::Wait(u32::from(u.arbitrary::<u8>()?) * 100_000),
            166..=179 => Self::Next,
            180..=183 => Self::Stations(u.arbitrary::<u8>()? & 1 == 0),
            184 | 185 => Self::Full(u.arbitrary::<u8>()? & 1 == 1),
            186..=189 => Self::Again { at: u.arbitrary()?, change: u.arbitrary()?, share: u.arbitrary()? },
            190..=193 => {
                let at = u.arbitrary::<u8>()?;
                Self::InFragments { at: at >> 1, last_first: at & 1 == 1 }
            }
            _ => Self::Call(u.arbitrary()?),
        })
    }
}

/// Scenarios by hand: the numbers are those of the decoding above.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    const SYN: [u8; 9] = [0, 0, 110, 0, 0, 250, 7, 0, 0];
    let segment = |peer: u8, flags: u8, len: u8| [0, peer, flags, 0, 0, 250, 0, len];
    let syn = |peer: u8| [0, peer, 110, 0, 0, 250, 7, 0];
    let open = |peer: u8| [&syn(peer)[..], &segment(peer, 0, 0), &[200, 9, peer]].concat();
    let call = |kind: u8, which: u8, more: &[u8]| [&[200, kind, which][..], more].concat();
    let data = segment(0, 0, 200);
    let fin = segment(0, 165, 0);
    let mut all = vec![
        // Both ways, closed by us, and by the peer.
        vec![open(0), data.to_vec(), call(5, 0, &[200]), call(0, 0, &[100]), segment(0, 0, 0).to_vec()],
        vec![open(0), call(15, 0, &[]), segment(0, 0, 0).to_vec(), fin.to_vec(), vec![166; 4]],
        vec![open(0), fin.to_vec(), call(0, 0, &[50]), call(15, 0, &[]), segment(0, 0, 0).to_vec()],
        // Out of order, with an overlap.
        vec![
            open(0),
            [0, 0, 0, 200, 0, 250, 0, 200].to_vec(),
            [0, 0, 0, 170, 0, 250, 0, 150].to_vec(),
            data.to_vec(),
        ],
        // A connect that succeeds, one that is refused, one that nobody answers.
        vec![
            call(19, 4, &[0]),
            [0, 4, 145, 0, 0, 250, 7, 0].to_vec(),
            call(0, 0, &[80]),
            segment(4, 0, 100).to_vec(),
        ],
        vec![call(19, 4, &[0]), [0, 4, 200, 0x14, 0, 0, 250, 0, 0].to_vec()],
        vec![vec![180, 1], call(19, 5, &[0]), vec![166; 12]],
        // Simultaneous open.
        vec![call(19, 4, &[0]), syn(4).to_vec(), [0, 4, 145, 0, 0, 250, 7, 0].to_vec()],
        // A window of zero and probes.
        vec![
            open(0),
            [0, 0, 0, 0, 0, 0, 0, 0].to_vec(),
            call(0, 0, &[60]),
            vec![166; 6],
            segment(0, 0, 0).to_vec(),
        ],
        // Losses: three duplicate acknowledgments, then time-outs.
        vec![open(0), call(0, 0, &[255]), [0, 0, 0, 0, 130, 250, 0, 0].repeat(4), vec![166; 8]],
        // ICMP about a connection, and a ping.
        vec![open(0), call(0, 0, &[90]), vec![104, 0, 3, 4, 100, 0], vec![104, 0, 3, 1, 0, 0]],
        vec![call(24, 1, &[]), vec![120, 1, 1, 10], vec![104, 1, 3, 0, 0, 0]],
        // Half-open entries, cookies, a reset, ARP, fragments.
        (0..8).map(|peer| syn(peer).to_vec()).chain([vec![166; 5]]).collect(),
        vec![SYN.to_vec(), segment(0, 185, 0).to_vec()],
        vec![
            vec![124, 1, 2, 1, 2],
            vec![124, 2, 2, 1, 2],
            vec![132, 0, 17, 0x20, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8],
        ],
        vec![
            open(0),
            call(4, 0, &[30]),
            [0, 0, 195, 0, 0, 250, 0, 100, 5].to_vec(),
            call(22, 0, &[3]),
            vec![166; 3],
        ],
    ];
    // Under several settings.
    let scenarios: Vec<Vec<u8>> = all.drain(..).map(|steps| steps.concat()).collect();
    (0..8).flat_map(|kind| scenarios.iter().map(move |steps| [&[kind * 29][..], steps].concat())).collect()
}
