//! What an application chooses for one connection, and what both ends agree on in the SYN exchange.

use super::PeerOptions;
use super::timestamps;
use crate::base::Instant;
use crate::settings;
use crate::wire::{TcpOptions, Timestamps};
use core::time::Duration;

/// Largest window scale shift (RFC 7323, Section 2.3).
pub const MAX_WINDOW_SCALE: u8 = 14;
/// The segment size of a peer that announces none, over IPv4 (RFC 9293, Section 3.7.1).
pub const DEFAULT_MSS: u16 = 536;
/// The least segment size that we believe: a smaller one only serves to make us send many tiny packets.
pub const MIN_MSS: u16 = 64;
/// Bytes that the timestamps option takes in every segment, padding included.
pub const TIMESTAMPS_LEN: u16 = 12;

/// The times of keep-alive, where they differ from the settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeepaliveTimes {
    /// Idle time before the first probe.
    pub time: Duration,
    /// Time between unanswered probes.
    pub interval: Duration,
    /// Unanswered probes that end the connection.
    pub probes: u32,
}

/// What the application chose for one connection. `None` means: as the settings say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Send small segments at once (RFC 9293, Section 3.7.4: Nagle's algorithm off).
    pub nodelay: bool,
    /// Probe an idle peer (RFC 9293, Section 3.8.4).
    pub keepalive: bool,
    /// The times of keep-alive.
    pub keepalive_times: Option<KeepaliveTimes>,
    /// Longest time without progress on data, FIN or a zero window.
    pub user_timeout: Option<Duration>,
    /// What `close` does with data that is not acknowledged: zero: RST at once; more: RST after that time.
    /// `None`: delivery goes on in the background.
    pub linger: Option<Duration>,
    /// Receive window at most, bytes.
    pub receive_window_max: Option<u32>,
    /// Send buffer, bytes: as much may be written ahead, whatever the congestion window is.
    pub send_buffer_max: Option<u32>,
    /// Hold the last, short segment back until this is off again, or for one retransmission time-out.
    pub cork: bool,
    /// Largest segment that is announced and sent, where it is smaller than what the path takes (RFC 9293, Section 3.7.1).
    pub max_segment: Option<u16>,
    /// Acknowledge every segment at once; otherwise the first few are, and later ones as the delayed ACK has it.
    pub quickack: bool,
    /// The byte of DSCP (RFC 2474, Section 3) of every packet; its lower two bits belong to ECN.
    pub traffic_class: u8,
    /// The time to live of every packet.
    pub ttl: Option<u8>,
    /// Keep the counts of [`super::Tally`]; what was counted stays until the connection ends.
    pub tally: bool,
    /// Packets may be cut on the way: no DF, whatever the settings say.
    pub may_fragment: bool,
}

/// What the IP header of every packet takes of the application's choice; see [`Options`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PacketOptions {
    /// [`Options::traffic_class`].
    pub traffic_class: u8,
    /// [`Options::ttl`].
    pub ttl: Option<u8>,
    /// [`Options::may_fragment`].
    pub may_fragment: bool,
}

impl Options {
    /// What is for the IP header.
    #[inline]
    pub fn packet_options(&self) -> PacketOptions {
        let &Self { traffic_class, ttl, may_fragment, .. } = self;
        PacketOptions { traffic_class, ttl, may_fragment }
    }

    /// The segment size to announce, where the path takes `path`.
    pub fn announced_mss(&self, path: u16) -> u16 {
        self.max_segment.map_or(path, |own| own.clamp(MIN_MSS, path.max(MIN_MSS)))
    }

    /// The window that a SYN or SYN-ACK announces, in bytes.
    pub fn announced_window(&self, settings: &settings::Tcp) -> u16 {
        syn_window(settings.receive_window.min(self.receive_window_max(settings)))
    }

    /// The largest receive window.
    pub(super) fn receive_window_max(&self, settings: &settings::Tcp) -> u32 {
        self.receive_window_max.unwrap_or(settings.receive_window_max)
    }
}

/// The shift that lets the window field express `window` bytes (RFC 7323, Section 2.3).
pub fn window_scale_for(window: u32) -> u8 {
    (0..MAX_WINDOW_SCALE).find(|shift| 0xffff_u32 << shift >= window).unwrap_or(MAX_WINDOW_SCALE)
}

/// The window that a SYN or SYN-ACK announces, in bytes; it is never scaled (RFC 7323, Section 2.2).
pub fn syn_window(receive_window: u32) -> u16 {
    receive_window.min(0xffff) as u16
}

/// What our SYN offers.
pub(super) fn syn_offer(
    our_mss: u16,
    receive_window_max: u32,
    ts_offset: u32,
    settings: &settings::Tcp,
    now: Instant,
) -> TcpOptions {
    TcpOptions {
        mss: Some(our_mss),
        window_scale: settings.window_scaling.then(|| window_scale_for(receive_window_max)),
        sack_permitted: settings.sack,
        timestamps: settings
            .timestamps
            .then(|| Timestamps { value: timestamps::clock(now, ts_offset), echo: 0 }),
        ..TcpOptions::default()
    }
}

/// What a peer's SYN or SYN-ACK offers, as far as the settings accept it.
pub fn accept_offer(offer: &TcpOptions, settings: &settings::Tcp) -> PeerOptions {
    PeerOptions {
        mss: offer.mss.unwrap_or(DEFAULT_MSS).max(MIN_MSS),
        // RFC 7323, Section 2.3: a shift above 14 counts as 14.
        window_scale: offer
            .window_scale
            .filter(|_| settings.window_scaling)
            .map(|shift| shift.min(MAX_WINDOW_SCALE)),
        sack: offer.sack_permitted && settings.sack,
        ts_recent: offer.timestamps.filter(|_| settings.timestamps).map(|ts| ts.value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7323, Section 2.3: no shift is above 14.
    #[test]
    fn the_window_scale_is_the_least_that_expresses_the_window() {
        assert_eq!(window_scale_for(65535), 0);
        assert_eq!(window_scale_for(65536), 1);
        assert_eq!(window_scale_for(4 << 20), 7);
        assert_eq!(window_scale_for(u32::MAX), 14);
    }

    /// RFC 9293, Section 3.7.1: 536 without the option. RFC 7323, Section 2.3: a shift above 14 counts as 14.
    #[test]
    fn an_offer_is_limited_by_the_settings_and_by_the_rfc() {
        let offer = TcpOptions { window_scale: Some(200), sack_permitted: true, ..TcpOptions::default() };
        let peer = accept_offer(&offer, &settings::Tcp::default());
        assert_eq!((peer.mss, peer.window_scale, peer.sack, peer.ts_recent), (536, Some(14), true, None));
        let off = settings::Tcp { window_scaling: false, sack: false, ..settings::Tcp::default() };
        let peer = accept_offer(&offer, &off);
        assert_eq!((peer.window_scale, peer.sack), (None, false));
        assert_eq!(accept_offer(&TcpOptions { mss: Some(1), ..offer }, &off).mss, MIN_MSS);
    }
}
