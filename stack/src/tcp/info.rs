//! What can be known of a connection, in the manner of Linux' TCP_INFO.

use super::connection::Connection;
use super::state::{Flags, Mode, Phase, Timer};
use super::{Tally, TcpState};
use core::time::Duration;

/// How far the repair of losses is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Repair {
    /// Nothing is amiss.
    None,
    /// Duplicate acknowledgments or SACK blocks that are no loss yet.
    Doubt,
    /// Fast recovery.
    Fast,
    /// After a time-out.
    TimedOut,
}

/// A look at one connection. Bytes and segments are of TCP payload.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Info {
    /// The state.
    pub state: TcpState,
    /// Payload of a full segment that we send.
    pub send_mss: u32,
    /// Smoothed round-trip time; `None` before the first sample.
    pub rtt: Option<Duration>,
    /// Its variation.
    pub rtt_var: Option<Duration>,
    /// Least sample.
    pub min_rtt: Option<Duration>,
    /// Retransmission time-out, back-off included.
    pub rto: Duration,
    /// Time-outs or probes in a row without an answer.
    pub retries: u32,
    /// Congestion window in bytes.
    pub cwnd: u32,
    /// Slow-start threshold in bytes; `u32::MAX` before the first loss.
    pub ssthresh: u32,
    /// The congestion control's name.
    pub congestion: &'static str,
    /// Sent and not acknowledged.
    pub in_flight: u32,
    /// Queued and not sent.
    pub unsent: u32,
    /// The peer's window in bytes.
    pub send_window: u32,
    /// Our window in bytes.
    pub receive_window: u32,
    /// What our window can grow to at present.
    pub receive_buffer: u32,
    /// Received and not read.
    pub unread: u32,
    /// Received out of order.
    pub out_of_order: u32,
    /// What is in flight and was reported by SACK.
    pub sacked: u32,
    /// What is in flight and taken for lost.
    pub lost: u32,
    /// What is in flight and was sent again in this recovery.
    pub sent_again: u32,
    /// How far the repair of losses is.
    pub repair: Repair,
    /// Losses are being repaired.
    pub recovering: bool,
    /// Segments retransmitted since the beginning.
    pub retransmitted: u64,
    /// Counts over its life, where [`super::Options::tally`] asked for them.
    pub tally: Option<Tally>,
    /// The largest segment that we announced.
    pub announced_mss: u32,
    /// The largest segment that the peer has sent.
    pub receive_mss: u32,
    /// A closed window is being probed.
    pub probing: bool,
    /// Duplicate acknowledgments that are taken for a loss.
    pub reordering: u32,
    /// Doublings of the retransmission time-out.
    pub backoffs: u32,
    /// Window scale shifts: the peer's and ours.
    pub window_scale: (u8, u8),
    /// SACK agreed.
    pub sack: bool,
    /// Timestamps agreed.
    pub timestamps: bool,
}

impl Connection {
    /// A look at the connection; `None` before it is established and after it has ended.
    pub fn info(&self) -> Option<Info> {
        let Phase::Synchronized(s) = &self.phase else { return None };
        let rare = self.common.rare.as_ref();
        let scoreboard = rare.and_then(|rare| rare.scoreboard.as_ref());
        let sacked = scoreboard.map_or(0, super::sack::Scoreboard::sacked_bytes);
        let sent_again = s.snd.sent_again(&self.common);
        let repair = match s.snd.mode {
            Mode::Open if s.snd.dup_acks > 0 || sacked > 0 => Repair::Doubt,
            Mode::Open => Repair::None,
            Mode::Fast => Repair::Fast,
            Mode::Loss => Repair::TimedOut,
        };
        Some(Info {
            sacked,
            lost: s.snd.lost(&self.common),
            sent_again,
            repair,
            tally: rare.and_then(|rare| rare.tally.as_deref()).copied(),
            announced_mss: u32::from(self.common.our_mss),
            receive_mss: u32::from(s.rcv.mss),
            probing: s.snd.timer == Timer::Persist,
            reordering: u32::from(s.snd.dup_threshold),
            backoffs: s.snd.rtt.backoffs(),
            state: s.snd.state,
            send_mss: u32::from(s.snd.mss),
            rtt: s.snd.rtt.srtt(),
            rtt_var: s.snd.rtt.rttvar(),
            min_rtt: s.snd.rtt.min_rtt(),
            rto: s.snd.rtt.rto(),
            retries: u32::from(s.snd.retries),
            cwnd: s.snd.control.cwnd(),
            ssthresh: s.snd.control.ssthresh(),
            congestion: s.snd.control.name(),
            in_flight: s.snd.flight(),
            unsent: s.snd.unsent(),
            send_window: s.snd.wnd,
            receive_window: s.rcv.window(),
            receive_buffer: s.rcv.buffer,
            unread: s.rcv.queue.len() as u32 + s.rcv.popped,
            out_of_order: rare.and_then(|r| r.reassembly.as_ref()).map_or(0, |r| r.bytes() as u32),
            recovering: s.snd.mode != Mode::Open,
            retransmitted: rare.map_or(0, |r| r.retransmitted_segments),
            window_scale: (s.snd.scale, s.rcv.scale),
            sack: s.snd.flags.has(Flags::SACK),
            timestamps: s.snd.flags.has(Flags::TIMESTAMPS),
        })
    }
}
