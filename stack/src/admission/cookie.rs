//! SYN cookies: the SYN-ACK's sequence number carries everything that a half-open entry would hold, so that nothing has
//! to be held (RFC 4987, Section 3.6).
//!
//! # Layout
//!
//! ```text
//!  31                             8 7                0
//! +--------------------------------+------------------+
//! | 24 bits of SipHash-2-4         | options, masked  |
//! +--------------------------------+------------------+
//! options: window scale (4 bits; 15: none) | MSS index (3 bits) | SACK (1 bit)
//! ```
//!
//! The hash is over both addresses and ports, the peer's ISN and the options byte, under the key of the *epoch*
//! (`cookie_epoch`, 60 s by default). The options byte is masked with the top byte of the hash, so that sequence numbers
//! do not show it. The layout is FreeBSD's but for two points: the window scale is exact instead of one of eight values,
//! and so no bit is left to name the key; an ACK is tried with the keys of the present and the last epoch instead, and
//! only with those in which its listener sent a cookie.
//!
//! # What a connection keeps
//!
//! Window scale and SACK exactly, with and without timestamps. The MSS is rounded down to one of [`MSS`]. Timestamps are
//! agreed again if the ACK carries them: a peer may send them only after both SYNs did (RFC 7323, Section 3.2). Our TSval
//! is the plain clock, since nothing needs to be hidden in it; its echo gives the round-trip time. Lost is only that
//! nothing retransmits the SYN-ACK.
//!
//! # The odds of a guess
//!
//! Of the 2³² acknowledgment numbers 2⁸ per live epoch are valid for a given flow and sequence number. A guess is right
//! with 2⁻²⁴ while the listener sent cookies in one of the two epochs, with 2⁻²³ while in both. At 100 000 guesses a
//! second that is one connection in 168 s or 84 s. It has an address that nobody proved, a place in the accept queue,
//! and no peer that answers, so it dies like any connection whose peer vanished. Guesses cost the guesser a packet each,
//! and count only until two epochs after the last cookie.
//!
//! A recorded ACK opens the same flow again until its epochs have passed; only somebody who received the cookie has one.
//!
//! # A lost third ACK
//!
//! With an entry, our retransmitted SYN-ACK makes the peer acknowledge again. With a cookie nothing of ours knows that
//! the handshake happened. If the client speaks first, its data carries the same acknowledgment and completes the handshake
//! (so does a FIN); [`super::State::cookies_late`] counts these. If the *server* speaks first (SMTP, SSH, Telnet) and
//! the third ACK is lost, the client waits for a greeting from a server that knows nothing of it, until its own time-out
//! or keep-alive, which gets RST. RFC 4987, Section 3.6, names this flaw; nothing but state removes it. It is why cookies
//! are sent on overflow only, and why a SYN that finds room always gets an entry.

use crate::base::{Instant, Prf, Secrets};
use crate::wire::{FlowKey, SeqNum};
use core::time::Duration;

/// The values that a cookie can carry for the peer's MSS; it takes the largest that is not above it. 1460 and 1440 are
/// Ethernet with IPv4 and IPv6, 1452 is PPPoE, 1360 what common tunnels leave, 8960 is Ethernet with jumbo frames, 1220 and
/// 536 are the defaults of IPv6 and IPv4 (RFC 9293, Section 3.7.1), and 64 stands for everything below.
pub const MSS: [u16; 8] = [64, 536, 1220, 1360, 1440, 1452, 1460, 8960];

const NO_SCALE: u8 = 15;

/// What a cookie carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Carried {
    pub(super) mss: u16,
    /// At most 14.
    pub(super) scale: Option<u8>,
    pub(super) sack: bool,
}

impl Carried {
    fn encode(self) -> u8 {
        let above = MSS.partition_point(|mss| *mss <= self.mss);
        let index = above.saturating_sub(1) as u8;
        self.scale.unwrap_or(NO_SCALE) << 4 | index << 1 | u8::from(self.sack)
    }

    fn decode(byte: u8) -> Self {
        let scale = byte >> 4;
        let [mss, ..] = MSS;
        Self {
            mss: MSS.get(usize::from(byte >> 1 & 7)).copied().unwrap_or(mss),
            scale: (scale != NO_SCALE).then_some(scale),
            sack: byte & 1 != 0,
        }
    }
}

/// In which epochs a listener sent cookies. An ACK counts as an answer to one only then.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct SentIn {
    /// Epoch number plus 1; 0: never.
    latest: u64,
    /// Also in the epoch before `latest`.
    before: bool,
}

impl SentIn {
    fn note(&mut self, epoch: u64) {
        if self.latest != epoch + 1 {
            self.before = self.latest == epoch && epoch > 0;
            self.latest = epoch + 1;
        }
    }

    /// Whether in the present epoch, and whether in the one before it.
    fn of(self, epoch: u64) -> (bool, bool) {
        if self.latest == epoch + 1 {
            (true, self.before)
        } else {
            (false, self.latest == epoch && epoch > 0)
        }
    }
}

/// The keys of two epochs.
pub(super) struct Keys {
    secrets: Secrets,
    length: Duration,
    epoch: u64,
    ends_at: Instant,
    present: Prf,
    last: Prf,
}

impl Keys {
    /// Keys that change every `length` (at least a millisecond).
    pub(super) fn new(secrets: &Secrets, length: Duration, now: Instant) -> Self {
        let prf = secrets.prf("cookie");
        let length = length.max(Duration::from_millis(1));
        let mut keys = Self {
            secrets: secrets.clone(),
            length,
            epoch: 0,
            ends_at: Instant::ZERO,
            present: prf.clone(),
            last: prf,
        };
        keys.rotate(now);
        keys
    }

    #[inline]
    fn rotate(&mut self, now: Instant) {
        if now < self.ends_at {
            return;
        }
        let length = u64::try_from(self.length.as_nanos()).unwrap_or(u64::MAX);
        self.epoch = now.as_nanos() / length;
        self.ends_at = Instant::from_nanos((self.epoch + 1).saturating_mul(length));
        let key = |epoch: u64| self.secrets.prf(&format!("cookie {epoch}"));
        // Before the first epoch nothing was sent, so that its key is never asked for.
        (self.present, self.last) = (key(self.epoch), key(self.epoch.wrapping_sub(1)));
    }

    /// The sequence number of the SYN-ACK; notes that the listener sent a cookie.
    #[inline]
    pub(super) fn make(
        &mut self,
        now: Instant,
        sent: &mut SentIn,
        flow: &FlowKey,
        irs: SeqNum,
        carried: Carried,
    ) -> SeqNum {
        self.rotate(now);
        sent.note(self.epoch);
        let options = carried.encode();
        seal(mac(&self.present, flow, irs, options), options)
    }

    /// What the cookie `iss` carries, where it is one that this listener sent in this epoch or the last:
    /// `None`: it sent none, `Some(None)`: this is none of them.
    #[inline]
    pub(super) fn open(
        &mut self,
        now: Instant,
        sent: SentIn,
        flow: &FlowKey,
        irs: SeqNum,
        iss: SeqNum,
    ) -> Option<Option<Carried>> {
        self.rotate(now);
        let (present, last) = sent.of(self.epoch);
        if !present && !last {
            return None;
        }
        let options = iss.0 as u8 ^ (iss.0 >> 24) as u8;
        let fits = |key: &Prf| seal(mac(key, flow, irs, options), options) == iss;
        let valid = (present && fits(&self.present)) || (last && fits(&self.last));
        Some(valid.then(|| Carried::decode(options)))
    }

    /// The longest that a cookie lives: two epochs.
    pub(super) fn life(&self) -> Duration {
        self.length * 2
    }
}

#[inline]
fn mac(key: &Prf, flow: &FlowKey, irs: SeqNum, options: u8) -> u32 {
    let rest = u64::from(irs.0) << 8 | u64::from(options);
    // The two versions' inputs differ in length, so that neither can pass for the other.
    match flow.hash_words() {
        ([first, second, ..], 2) => key.strong_words(&[first, second, rest]) as u32,
        ([a, b, c, d, e], _) => key.strong_words(&[a, b, c, d, e, rest]) as u32,
    }
}

#[inline]
const fn seal(mac: u32, options: u8) -> SeqNum {
    SeqNum(mac & !0xff | (options as u32 ^ mac >> 24))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Addr, Endpoint};
    use proptest::prelude::*;
    use std::net::{IpAddr, Ipv6Addr};

    const EPOCH: Duration = Duration::from_secs(60);

    fn keys() -> Keys {
        Keys::new(&Secrets::from_test_seed(1), EPOCH, Instant::ZERO)
    }

    fn flow(local: u128, remote: u128, ports: (u16, u16), v6: bool) -> FlowKey {
        let end = |addr: u128, port| {
            let ip: IpAddr =
                if v6 { Ipv6Addr::from(addr).into() } else { std::net::Ipv4Addr::from(addr as u32).into() };
            Endpoint { addr: Addr::from(ip), port }
        };
        FlowKey { local: end(local, ports.0), remote: end(remote, ports.1) }
    }

    fn some_flow() -> FlowKey {
        flow(1, 2, (80, 40_000), false)
    }

    #[test]
    fn every_combination_of_window_scale_mss_and_sack_comes_back() {
        let mut keys = keys();
        let mut sent = SentIn::default();
        for scale in [None].into_iter().chain((0..=14).map(Some)) {
            for mss in MSS {
                for sack in [false, true] {
                    let carried = Carried { mss, scale, sack };
                    let iss = keys.make(Instant::ZERO, &mut sent, &some_flow(), SeqNum(9), carried);
                    let opened = keys.open(Instant::ZERO, sent, &some_flow(), SeqNum(9), iss);
                    assert_eq!(opened, Some(Some(carried)));
                }
            }
        }
    }

    /// The defaults of RFC 9293, Section 3.7.1 are among the values.
    #[test]
    fn the_mss_rounds_down_and_never_up_but_below_the_smallest() {
        for mss in 0..=u16::MAX {
            let carried = Carried::decode(Carried { mss, scale: None, sack: false }.encode()).mss;
            assert!(carried <= mss.max(64), "{mss} became {carried}");
            assert!(MSS.iter().all(|other| *other <= carried || *other > mss), "{mss} became {carried}");
        }
    }

    #[test]
    fn a_cookie_lives_for_one_to_two_epochs() {
        let carried = Carried { mss: 1460, scale: Some(7), sack: true };
        for made_at in [0, 1, 59_999, 60_000, 90_000, 119_999] {
            let (mut keys, mut sent) = (keys(), SentIn::default());
            let made = Instant::from_millis(made_at);
            let iss = keys.make(made, &mut sent, &some_flow(), SeqNum(1), carried);
            let mut life = 0;
            for ms in (made_at..made_at + 200_000).step_by(100) {
                match keys.open(Instant::from_millis(ms), sent, &some_flow(), SeqNum(1), iss) {
                    Some(Some(found)) => {
                        assert_eq!(found, carried);
                        life = ms - made_at;
                    }
                    Some(None) => panic!("no cookie is expected, or this one"),
                    None => {}
                }
            }
            let least = EPOCH.as_millis() as u64;
            assert!((least - 100..keys.life().as_millis() as u64).contains(&life), "{made_at}: {life}");
        }
    }

    #[test]
    fn a_listener_that_sent_no_cookie_in_the_last_two_epochs_expects_none() {
        let mut keys = keys();
        let (mut sent, quiet) = (SentIn::default(), SentIn::default());
        let carried = Carried { mss: 1460, scale: None, sack: false };
        let iss = keys.make(Instant::ZERO, &mut sent, &some_flow(), SeqNum(1), carried);
        assert_eq!(
            keys.open(Instant::ZERO, quiet, &some_flow(), SeqNum(1), iss),
            None,
            "valid, but not this listener's"
        );
        assert_eq!(keys.open(Instant::from_secs(119), sent, &some_flow(), SeqNum(1), SeqNum(1)), Some(None));
        assert_eq!(keys.open(Instant::from_secs(120), sent, &some_flow(), SeqNum(1), SeqNum(1)), None);
    }

    #[test]
    fn notes_of_epochs_follow_the_present_one() {
        let mut sent = SentIn::default();
        assert_eq!(sent.of(0), (false, false));
        sent.note(0);
        assert_eq!((sent.of(0), sent.of(1), sent.of(2)), ((true, false), (false, true), (false, false)));
        sent.note(1);
        assert_eq!((sent.of(1), sent.of(2), sent.of(3)), ((true, true), (false, true), (false, false)));
        sent.note(5);
        assert_eq!((sent.of(5), sent.of(6)), ((true, false), (false, true)));
    }

    #[test]
    fn guesses_succeed_about_as_often_as_the_documentation_says() {
        // 2²⁰ guesses of the whole number with both epochs open: one in eight such tests expects a hit, and 5 would be
        // a broken MAC.
        let (mut keys, mut sent) = (keys(), SentIn::default());
        let carried = Carried { mss: 1460, scale: None, sack: false };
        keys.make(Instant::ZERO, &mut sent, &some_flow(), SeqNum(1), carried);
        let now = Instant::from_secs(60);
        keys.make(now, &mut sent, &some_flow(), SeqNum(1), carried);
        let mut rng = Secrets::from_test_seed(5).rng("guess");
        let mut guess = || keys.open(now, sent, &some_flow(), SeqNum(1), SeqNum(rng.next_u32()));
        let hits = (0..1 << 20).filter(|_| matches!(guess(), Some(Some(_)))).count();
        assert!(hits < 5, "{hits}");
    }

    proptest! {
        #[test]
        fn a_cookie_round_trips_for_its_own_flow_and_no_other(
            (local, remote, ports) in any::<(u128, u128, (u16, u16))>(),
            v6 in any::<bool>(),
            (irs, mss, sack) in any::<(u32, u16, bool)>(),
            scale in proptest::option::of(0..=14u8),
            seconds in 0..10_000u64,
            wrong in 0..6u8,
        ) {
            let (mut keys, mut sent) = (keys(), SentIn::default());
            let now = Instant::from_secs(seconds);
            let flow = flow(local, remote, ports, v6);
            let carried = Carried { mss, scale, sack };
            let iss = keys.make(now, &mut sent, &flow, SeqNum(irs), carried);
            let rounded = Carried { mss: Carried::decode(carried.encode()).mss, ..carried };
            prop_assert_eq!(keys.open(now, sent, &flow, SeqNum(irs), iss), Some(Some(rounded)));

            let (mut other, mut seq, mut later, mut cookie) = (flow, irs, now, iss);
            match wrong {
                0 => other.remote.port ^= 1,
                1 => other.local.port ^= 1,
                2 => (other.remote.addr, other.local.addr) = (Addr::v4([9, 9, 9, 9].into()), flow.remote.addr),
                3 => seq = seq.wrapping_add(1),
                4 => { later += keys.life(); sent.note(later.as_secs() / 60) }
                _ => cookie += 1,
            }
            // A wrong one passes by luck once in 2²³.
            prop_assert_eq!(keys.open(later, sent, &other, SeqNum(seq), cookie), Some(None));
        }
    }
}
