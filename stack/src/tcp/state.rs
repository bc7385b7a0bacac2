//! The state of a connection: a struct for each phase, each with only what that phase has.

use super::PeerOptions;
use super::congestion::Control;
use super::icmp::IcmpError;
use super::options::{KeepaliveTimes, PacketOptions, TIMESTAMPS_LEN};
use super::reassembly::Reassembly;
use super::rtt::Rtt;
use super::sack::Scoreboard;
use super::stamp::{CoarseStamp, Stamp};
use super::tally::Tally;
use crate::base::Instant;
use crate::buffer::{ReceiveQueue, SendQueue};
use crate::wire::{FlowKey, SeqNum};
use core::time::Duration;

/// The states of RFC 9293, Section 3.3.2, by their names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TcpState {
    /// No connection.
    Closed,
    /// Waiting for a SYN.
    Listen,
    /// SYN sent (or about to be, once the neighbour is known).
    SynSent,
    /// SYN received and sent.
    SynReceived,
    /// Open.
    Established,
    /// We closed; the FIN is not acknowledged.
    FinWait1,
    /// We closed; the FIN is acknowledged; the peer may send.
    FinWait2,
    /// The peer closed; we may send.
    CloseWait,
    /// Both closed at once; our FIN is not acknowledged.
    Closing,
    /// The peer closed, then we; our FIN is not acknowledged.
    LastAck,
    /// Both closed; old segments may be on their way.
    TimeWait,
}

impl TcpState {
    /// All states.
    pub const ALL: [Self; 11] = [
        Self::Closed,
        Self::Listen,
        Self::SynSent,
        Self::SynReceived,
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
    ];

    /// Its name in the RFC.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
        }
    }

    /// Whether the peer may still send new data: its FIN has not been taken.
    pub(super) const fn may_receive(self) -> bool {
        match self {
            Self::SynSent | Self::SynReceived | Self::Established | Self::FinWait1 | Self::FinWait2 => true,
            Self::Closed | Self::Listen | Self::CloseWait | Self::Closing | Self::LastAck => false,
            Self::TimeWait => false,
        }
    }

    /// Whether the application may still send.
    pub(super) const fn may_send(self) -> bool {
        match self {
            Self::SynSent | Self::SynReceived | Self::Established | Self::CloseWait => true,
            Self::Closed | Self::Listen | Self::FinWait1 | Self::FinWait2 | Self::Closing => false,
            Self::LastAck | Self::TimeWait => false,
        }
    }
}

impl core::fmt::Display for TcpState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

/// What every phase has.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) flow: FlowKey,
    /// The largest segment, TCP options included, that we announce and that the path takes.
    pub(super) our_mss: u16,
    pub(super) nodelay: bool,
    /// The application is gone.
    pub(super) orphan: bool,
    pub(super) ts_offset: u32,
    /// When an acceptable segment last came.
    pub(super) heard_at: Stamp,
    /// What few connections have.
    pub(super) rare: Option<Box<Rare>>,
}

impl Common {
    pub(super) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}

/// State that an ordinary connection in an ordinary moment does not have.
#[derive(Debug, Default)]
pub(super) struct Rare {
    pub(super) user_timeout: Option<Duration>,
    pub(super) linger: Option<Duration>,
    /// The orphan is reset at this time.
    pub(super) linger_at: Option<Instant>,
    pub(super) receive_window_max: Option<u32>,
    pub(super) send_buffer_max: Option<u32>,
    pub(super) packet: PacketOptions,
    pub(super) quickack: bool,
    /// The application holds short segments back.
    pub(super) cork: bool,
    /// It said with its last bytes that more will follow.
    pub(super) more: bool,
    /// What is queued goes out all the same.
    pub(super) flush: bool,
    pub(super) max_segment: Option<u16>,
    pub(super) tally: Option<Box<Tally>>,
    pub(super) keepalive: Option<Keepalive>,
    pub(super) reassembly: Option<Reassembly>,
    /// What came twice last; it counts only while `rcv.duplicate` says so. Of several in one batch the last is reported.
    pub(super) duplicate: Option<(SeqNum, SeqNum)>,
    /// Where the peer's FIN stands that came before data that precedes it.
    pub(super) fin_at: Option<SeqNum>,
    pub(super) scoreboard: Option<Scoreboard>,
    /// RFC 6675's RecoveryPoint (`recover` in RFC 6582): the end of what was in flight when the last loss was found.
    pub(super) recovery_point: Option<SeqNum>,
    /// RFC 6675's HighRxt plus one: what is before it was retransmitted in this recovery.
    pub(super) high_rxt: SeqNum,
    /// RFC 6675's RescueRxt.
    pub(super) rescue_rxt: Option<SeqNum>,
    pub(super) soft_error: Option<IcmpError>,
    /// The byte after the last urgent one: received (RCV.UP) and sent (SND.UP).
    pub(super) rcv_up: Option<SeqNum>,
    pub(super) snd_up: Option<SeqNum>,
    /// Challenge ACKs sent in the second that began at `challenge_from`.
    pub(super) challenges: u32,
    pub(super) challenge_from: Option<Instant>,
    /// When an unacceptable segment without data was last answered.
    pub(super) answered_at: Option<Instant>,
    pub(super) retransmitted_segments: u64,
    /// When the first segment in flight was last retransmitted.
    pub(super) retransmitted_at: Option<Instant>,
}

/// Keep-alive of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keepalive {
    pub(super) times: KeepaliveTimes,
    /// The next look; whether anything was heard meanwhile is found out then.
    pub(super) at: Instant,
    pub(super) sent: u32,
    /// A probe waits to be transmitted.
    pub(super) pending: bool,
}

/// The phase of a connection.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly every connection is synchronized: a box would cost a miss"
)]
pub(super) enum Phase {
    SynSent(SynSent),
    /// Simultaneous open only; a passive open waits in `admission`.
    SynReceived(SynReceived),
    Synchronized(Synchronized),
    Closed,
}

/// SYN-SENT.
#[derive(Debug)]
pub(super) struct SynSent {
    pub(super) iss: SeqNum,
    /// SYNs whose time came; 0 before `start`.
    pub(super) tries: u32,
    /// A SYN waits to be transmitted.
    pub(super) pending: bool,
    pub(super) started_at: Instant,
    pub(super) sent_at: Instant,
    pub(super) retry_at: Instant,
    /// What the application wrote meanwhile.
    pub(super) queue: SendQueue,
    /// The application shut down its sending direction meanwhile.
    pub(super) shutdown: bool,
}

/// SYN-RECEIVED of a simultaneous open.
#[derive(Debug)]
pub(super) struct SynReceived {
    pub(super) iss: SeqNum,
    pub(super) irs: SeqNum,
    pub(super) peer: PeerOptions,
    pub(super) tries: u32,
    /// The SYN-ACK waits to be transmitted.
    pub(super) pending: bool,
    /// A challenge ACK waits to be transmitted.
    pub(super) challenge: bool,
    pub(super) started_at: Instant,
    pub(super) retry_at: Instant,
    pub(super) queue: SendQueue,
    pub(super) shutdown: bool,
}

/// What the slot of the main timer waits for. One slot is enough: what it waits for excludes each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timer {
    /// Nothing.
    Off,
    /// An acknowledgment of what is in flight.
    Retransmit,
    /// Room in the peer's window, with nothing in flight but a probe.
    Persist,
    /// The peer's FIN, for an orphan.
    FinWait2,
}

/// All states from ESTABLISHED on.
#[derive(Debug)]
pub(super) struct Synchronized {
    pub(super) timer_at: Instant,
    /// When the delayed ACK is due; the far future: none is owed.
    pub(super) ack_at: Instant,
    pub(super) snd: Snd,
    pub(super) rcv: Rcv,
}

/// How far the sender is in repairing losses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    /// Nothing is known to be lost.
    Open,
    /// Fast recovery (RFC 6675; RFC 6582 without SACK).
    Fast,
    /// The retransmission timer expired: all in flight at that time counts as lost.
    Loss,
}

/// Where our FIN is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fin {
    No,
    /// Behind the queued data.
    Queued,
    /// In flight or acknowledged; it is the byte before `nxt`.
    Sent,
}

/// What is true of the sending side or not.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Flags(u8);

impl Flags {
    /// SACK is agreed.
    pub(super) const SACK: Self = Self(1);
    /// Timestamps are agreed.
    pub(super) const TIMESTAMPS: Self = Self(2);
    /// A segment is being timed.
    pub(super) const TIMING: Self = Self(4);
    /// The first segment is to be retransmitted whatever the congestion window says.
    pub(super) const HEAD: Self = Self(8);
    /// A window probe waits to be transmitted.
    pub(super) const PROBE: Self = Self(16);
    /// A window probe is in flight.
    pub(super) const PROBING: Self = Self(32);
    /// The congestion window limited what was sent last.
    pub(super) const CWND_LIMITED: Self = Self(64);
    /// A train went out, and what follows it at once belongs to the same burst.
    pub(super) const BURST: Self = Self(128);

    #[inline]
    pub(super) const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    #[inline]
    pub(super) fn set(&mut self, flags: Self, on: bool) {
        if on { self.0 |= flags.0 } else { self.0 &= !flags.0 }
    }

    pub(super) const fn with(self, flags: Self) -> Self {
        Self(self.0 | flags.0)
    }

    /// Bytes that options take in every segment.
    pub(super) const fn option_bytes(self) -> u16 {
        if self.has(Self::TIMESTAMPS) { TIMESTAMPS_LEN } else { 0 }
    }
}

/// The sending side.
#[derive(Debug)]
pub(super) struct Snd {
    pub(super) una: SeqNum,
    pub(super) nxt: SeqNum,
    /// SND.WND in bytes.
    pub(super) wnd: u32,
    /// MAX.SND.WND (RFC 5961, Section 5.2).
    pub(super) max_wnd: u32,
    pub(super) wl1: SeqNum,
    /// The segment that is being timed ends here ...
    pub(super) timed_seq: SeqNum,
    /// ... and was sent at this time in microseconds (modulo 2³²).
    pub(super) timed_at: u32,
    pub(super) queue: SendQueue,
    pub(super) rtt: Rtt,
    pub(super) control: Control,
    /// Payload of a full segment: Eff.snd.MSS without SACK blocks.
    pub(super) mss: u16,
    /// Shift of the peer's window field.
    pub(super) scale: u8,
    pub(super) dup_acks: u8,
    pub(super) dup_threshold: u8,
    /// Time-outs or probes in a row without an answer.
    pub(super) retries: u8,
    pub(super) mode: Mode,
    pub(super) fin: Fin,
    pub(super) flags: Flags,
    /// When `una` last moved, or the first byte was queued after it had caught up.
    pub(super) progress_at: Stamp,
    /// What `timer_at` waits for.
    pub(super) timer: Timer,
    /// The state belongs to both sides; it stands here because here it costs no padding.
    pub(super) state: TcpState,
}

impl Snd {
    /// Sequence numbers in flight, FIN included.
    #[inline]
    pub(super) fn flight(&self) -> u32 {
        self.nxt.since(self.una)
    }

    /// Bytes of data in flight.
    #[inline]
    pub(super) fn data_in_flight(&self) -> u32 {
        self.flight() - u32::from(self.fin == Fin::Sent && self.flight() > 0)
    }

    /// Bytes queued and not sent.
    #[inline]
    pub(super) fn unsent(&self) -> u32 {
        (self.queue.len() as u32).saturating_sub(self.data_in_flight())
    }
}

/// The receiving side.
#[derive(Debug)]
pub(super) struct Rcv {
    pub(super) nxt: SeqNum,
    /// The right edge of the window that was offered: RCV.NXT + RCV.WND. It never moves left.
    pub(super) edge: SeqNum,
    pub(super) ts_recent: u32,
    /// Last.ACK.sent (RFC 7323, Section 4.3).
    pub(super) last_ack_sent: SeqNum,
    /// RCV.BUFF: what the window grows to while nothing is unread.
    pub(super) buffer: u32,
    /// Bytes that were popped and not consumed.
    pub(super) popped: u32,
    /// Bytes consumed since `tuned_at` (microseconds modulo 2³²).
    pub(super) tuned: u32,
    pub(super) tuned_at: u32,
    pub(super) queue: ReceiveQueue,
    /// The largest payload seen, at most our MSS: what a full segment of this peer is.
    pub(super) mss: u16,
    /// Shift of our window field.
    pub(super) scale: u8,
    /// Segments that are still acknowledged at once.
    pub(super) quick: u8,
    /// An ACK is owed now.
    pub(super) ack_now: bool,
    /// Data may be out of order: `rare.reassembly` is in use.
    pub(super) gap: bool,
    /// The next ACK reports `rare.duplicate`.
    pub(super) duplicate: bool,
    /// When `ts_recent` was last set or confirmed.
    pub(super) ts_recent_at: CoarseStamp,
}
