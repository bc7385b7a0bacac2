//! Which options a SYN-ACK agrees to, and the segments that admission sends.

use super::half_open::{Agreed, HalfOpen};
use super::{Reply, Syn};
use crate::base::Instant;
use crate::settings;
use crate::tcp::timestamps;
use crate::wire::{FlowKey, Mac, SeqNum, TcpFlags, TcpHeader, TcpOptions, Timestamps};

/// The largest window scale shift (RFC 7323, Section 2.3).
const SCALE_MAX: u8 = 14;
/// Smaller announcements count as this: nobody can make us send a segment for every few bytes.
const PEER_MSS_MIN: u16 = 64;

/// What we offer, from the settings; the same for every SYN.
pub(super) struct Offer {
    scaling: bool,
    timestamps: bool,
    sack: bool,
    /// The window of a SYN-ACK in bytes; never scaled (RFC 7323, Section 2.2).
    pub(super) window: u16,
    /// The shift that we announce where scaling is agreed.
    pub(super) scale: u8,
}

impl Offer {
    pub(super) fn new(tcp: &settings::Tcp) -> Self {
        // The least shift that lets the largest window be announced.
        let fits = |shift: &u8| u64::from(u16::MAX) << shift >= u64::from(tcp.receive_window_max);
        Self {
            scaling: tcp.window_scaling,
            timestamps: tcp.timestamps,
            sack: tcp.sack,
            window: u16::try_from(tcp.receive_window).unwrap_or(u16::MAX),
            scale: (0..=SCALE_MAX).find(fits).unwrap_or(SCALE_MAX),
        }
    }

    /// What the SYN's options and ours agree to.
    pub(super) fn agree(&self, syn: &Syn, scaling_allowed: bool) -> Agreed {
        let options = &syn.options;
        // RFC 9293, Section 3.7.1: without the option, 536 for IPv4 and 1220 for IPv6.
        let default_mss = if syn.flow.remote.addr.is_v4() { 536 } else { 1220 };
        let scaling = self.scaling && scaling_allowed;
        Agreed {
            peer_mss: options.mss.unwrap_or(default_mss).max(PEER_MSS_MIN),
            our_mss: syn.our_mss,
            scale: options.window_scale.filter(|_| scaling).map(|shift| shift.min(SCALE_MAX)),
            sack: self.sack && options.sack_permitted,
            ts_recent: options.timestamps.filter(|_| self.timestamps).map(|ts| ts.value),
        }
    }

    /// The peer's TSval in an ACK that answers a cookie, where we speak timestamps at all.
    pub(super) fn cookie_timestamps(&self, options: &TcpOptions) -> Option<Timestamps> {
        options.timestamps.filter(|_| self.timestamps)
    }

    /// The shift that we announce to a peer that announced `scale`.
    pub(super) fn our_scale(&self, scale: Option<u8>) -> u8 {
        if scale.is_some() { self.scale } else { 0 }
    }

    /// The SYN-ACK, with all agreed options and none that the peer did not offer.
    pub(super) fn syn_ack(
        &self,
        now: Instant,
        flow: &FlowKey,
        (iss, irs): (SeqNum, SeqNum),
        agreed: &Agreed,
        ts_offset: u32,
        reply_mac: Mac,
    ) -> Reply {
        let options = TcpOptions {
            mss: Some(agreed.our_mss),
            window_scale: agreed.scale.map(|_| self.scale),
            sack_permitted: agreed.sack,
            timestamps: agreed.ts_recent.map(|echo| our_timestamps(now, ts_offset, echo)),
            ..TcpOptions::default()
        };
        let header = TcpHeader {
            seq: iss,
            ack: irs + 1,
            flags: TcpFlags::SYN.with(TcpFlags::ACK),
            window: self.window,
            options,
            ..bare(flow)
        };
        Reply { flow: *flow, header, reply_mac }
    }

    pub(super) fn syn_ack_of(&self, now: Instant, entry: &HalfOpen) -> Reply {
        let numbers = (entry.iss, entry.irs);
        self.syn_ack(now, &entry.flow, numbers, &entry.agreed(), entry.ts_offset, entry.reply_mac)
    }

    /// `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`. Its window is scaled: the SYN-ACK alone is not (RFC 7323, Section 2.2).
    pub(super) fn challenge(&self, now: Instant, entry: &HalfOpen) -> Reply {
        let agreed = entry.agreed();
        let header = TcpHeader {
            seq: entry.iss + 1,
            ack: entry.irs + 1,
            flags: TcpFlags::ACK,
            window: self.window >> self.our_scale(agreed.scale),
            options: TcpOptions {
                timestamps: agreed.ts_recent.map(|echo| our_timestamps(now, entry.ts_offset, echo)),
                ..TcpOptions::default()
            },
            ..bare(&entry.flow)
        };
        Reply { flow: entry.flow, header, reply_mac: entry.reply_mac }
    }

    /// RST at the peer's left edge, which is where it must be (RFC 5961, Section 3).
    pub(super) fn reset(&self, entry: &HalfOpen) -> Reply {
        let header = TcpHeader {
            seq: entry.iss + 1,
            ack: entry.irs + 1,
            flags: TcpFlags::RST.with(TcpFlags::ACK),
            ..bare(&entry.flow)
        };
        Reply { flow: entry.flow, header, reply_mac: entry.reply_mac }
    }
}

fn our_timestamps(now: Instant, offset: u32, echo: u32) -> Timestamps {
    Timestamps { value: timestamps::clock(now, offset), echo }
}

fn bare(flow: &FlowKey) -> TcpHeader {
    TcpHeader { src_port: flow.local.port, dst_port: flow.remote.port, ..TcpHeader::default() }
}
