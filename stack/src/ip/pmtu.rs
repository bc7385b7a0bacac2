//! Path MTU discovery (RFC 1191): what ICMP told us of the paths to single hosts.
//!
//! The caller's part (RFC 5927, Section 7.2): it comes here only after TCP found the quoted sequence number to be one of
//! data in flight, so that whoever cannot see the connection cannot shrink its packets.

use super::prefix::{bits, from_bits};
use super::route::Hop;
use crate::base::Instant;
use crate::settings;
use crate::wire::Addr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// RFC 1191, Section 3 recommends ten minutes between a "too big" and the next try with larger packets.
const LIFE: Duration = Duration::from_secs(600);

/// Most expiries handled in one call.
const STEPS: usize = 64;

/// The least estimate that we work with. RFC 1191, Section 3 forbids to go below 68, but there all options of TCP would
/// not even fit beside its header, and small packets are what an attack on path MTU discovery wants. Where a path takes
/// less, packets of this size go out without DF and the router cuts them (the other way that Section 3 allows).
pub const FLOOR: u16 = 552;

/// Largest packet to another network where path MTU discovery is off; NT's `EnablePMTUDiscovery` = 0 means the same.
const UNDISCOVERED: u16 = 576;

/// RFC 1191, Section 7, table 7-1, and the MTU of common tunnels; descending.
const PLATEAUS: [u16; 13] = [65535, 32000, 17914, 9000, 8166, 4352, 2002, 1492, 1400, 1280, 1006, 508, 68];

/// What a path takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PathMtu {
    /// Largest packet in bytes.
    pub mtu: u16,
    /// Whether packets carry DF; false only where the path takes less than [`FLOOR`].
    pub dont_fragment: bool,
}

/// What a "fragmentation needed" said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooBig {
    /// MTU of the next hop; 0 from a router that does not know RFC 1191.
    pub mtu: u16,
    /// Total length in the quoted header.
    pub quoted_total_len: u16,
    /// Bytes of the quoted header.
    pub quoted_header_len: u16,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    path: PathMtu,
    until: Instant,
}

/// Path MTUs, one for each destination that has one below its first hop's. At `limits.pmtu` the oldest is forgotten; a
/// connection that has it keeps what it has.
#[derive(Debug)]
pub struct PathMtus {
    enabled: bool,
    limit: usize,
    entries: BTreeMap<u128, Entry>,
    /// The same entries in the order of their ends.
    ends: BTreeSet<(Instant, u128)>,
}

impl PathMtus {
    /// Without `settings.pmtu_discovery` nothing is ever learned.
    pub fn new(settings: &settings::Ip, limits: &settings::Limits) -> Self {
        let limit = limits.pmtu as usize;
        Self { enabled: settings.pmtu_discovery, limit, entries: BTreeMap::new(), ends: BTreeSet::new() }
    }

    /// What the path to `destination` takes, whose first hop is `hop`.
    pub fn lookup(&self, now: Instant, destination: Addr, hop: &Hop) -> PathMtu {
        if !self.enabled {
            // RFC 1122, Section 3.3.3: without knowledge of the path, 576 bytes to another network.
            let most = if hop.is_gateway_for(destination) { UNDISCOVERED } else { u16::MAX };
            return PathMtu { mtu: hop.mtu.min(most), dont_fragment: false };
        }
        let learned = self.entries.get(&bits(destination)).filter(|entry| now < entry.until);
        let path = learned.map_or(PathMtu { mtu: hop.mtu, dont_fragment: true }, |entry| entry.path);
        PathMtu { mtu: path.mtu.min(hop.mtu), ..path }
    }

    /// Whether packets to `destination` carry DF: always while paths are discovered, but on one below [`FLOOR`].
    #[inline]
    pub fn dont_fragment(&self, now: Instant, destination: Addr) -> bool {
        if self.entries.is_empty() {
            return self.enabled;
        }
        let learned = self.entries.get(&bits(destination)).filter(|entry| now < entry.until);
        learned.is_none_or(|entry| entry.path.dont_fragment)
    }

    /// Takes a verified "fragmentation needed" (see the module's contract). Gives the new estimate where it is lower; an
    /// estimate is never raised (RFC 1191, Section 3).
    pub fn on_too_big(
        &mut self,
        now: Instant,
        destination: Addr,
        hop: &Hop,
        message: TooBig,
    ) -> Option<PathMtu> {
        if !self.enabled {
            return None;
        }
        let current = self.lookup(now, destination, hop);
        let reported = if message.mtu == 0 { plateau_below(message, current.mtu) } else { message.mtu };
        if reported > current.mtu {
            return None;
        }
        // A link below the floor cannot be served with DF set, neither can a first hop below the floor.
        let floor = FLOOR.min(hop.mtu);
        let path =
            PathMtu { mtu: reported.max(floor), dont_fragment: current.dont_fragment && reported >= floor };
        // A message that tells nothing new still puts off the next try with larger packets: it must not come within
        // five minutes of the last message (RFC 1191, Section 3).
        self.remember(now, destination, path);
        (path != current).then_some(path)
    }

    fn remember(&mut self, now: Instant, destination: Addr, path: PathMtu) {
        let (key, until) = (bits(destination), now + LIFE);
        if let Some(old) = self.entries.insert(key, Entry { path, until }) {
            self.ends.remove(&(old.until, key));
        }
        self.ends.insert((until, key));
        if self.entries.len() > self.limit {
            if let Some((_, oldest)) = self.ends.pop_first() {
                self.entries.remove(&oldest);
            }
        }
    }

    /// Forgets what is ten minutes old, a bounded number a call; connections may then try the first hop's MTU again.
    pub fn expire(&mut self, now: Instant) {
        for _ in 0..STEPS {
            let Some((until, key)) = self.ends.first().copied().filter(|(until, _)| *until <= now) else {
                return;
            };
            self.ends.remove(&(until, key));
            self.entries.remove(&key);
        }
    }

    /// When [`PathMtus::expire`] has something to do next.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.ends.first().map(|(until, _)| *until)
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All entries, for people: destination, estimate, and when it is forgotten.
    pub fn iter(&self) -> impl Iterator<Item = (Addr, PathMtu, Instant)> {
        self.entries.iter().map(|(key, entry)| (from_bits(*key), entry.path, entry.until))
    }
}

/// RFC 1191, Section 5: the greatest plateau below the length of the packet that was too big. Old routers count the quoted
/// header twice, so a length that is not below the estimate is corrected first.
fn plateau_below(message: TooBig, current: u16) -> u16 {
    let TooBig { mtu: _, quoted_total_len, quoted_header_len } = message;
    let length = if quoted_total_len < current {
        quoted_total_len
    } else {
        quoted_total_len.saturating_sub(quoted_header_len).min(current)
    };
    PLATEAUS.into_iter().find(|plateau| *plateau < length).unwrap_or(68)
}

#[cfg(test)]
mod tests {
    use super::super::prefix::tests::a;
    use super::*;

    fn paths(limit: u32) -> PathMtus {
        PathMtus::new(&settings::Ip::default(), &settings::Limits { pmtu: limit, ..Default::default() })
    }

    fn too_big(mtu: u16, quoted_total_len: u16) -> TooBig {
        TooBig { mtu, quoted_total_len, quoted_header_len: 20 }
    }

    /// A hop through a gateway.
    fn via(mtu: u16) -> Hop {
        Hop { next_hop: a("129.68.72.1"), source: a("129.68.72.10"), mtu }
    }

    const T: Instant = Instant::ZERO;

    /// RFC 1191, Section 3: no message raises it.
    #[test]
    fn the_estimate_is_lowered_to_the_reported_mtu_and_never_raised() {
        let mut paths = paths(10);
        let to = a("10.9.9.9");
        assert_eq!(paths.lookup(T, to, &via(1500)), PathMtu { mtu: 1500, dont_fragment: true });
        let lower = PathMtu { mtu: 1400, dont_fragment: true };
        assert_eq!(paths.on_too_big(T, to, &via(1500), too_big(1400, 1500)), Some(lower));
        assert_eq!(paths.on_too_big(T, to, &via(1500), too_big(1450, 1500)), None, "never raised");
        assert_eq!(paths.on_too_big(T, to, &via(1500), too_big(9000, 1500)), None);
        assert_eq!(paths.on_too_big(T, to, &via(1500), too_big(1400, 1400)), None, "nothing new");
        assert_eq!(paths.lookup(T, to, &via(1500)), lower);
        assert_eq!(paths.lookup(T, to, &via(1300)).mtu, 1300, "the first hop may take less");
        assert_eq!(paths.lookup(T, a("10.9.9.8"), &via(1500)).mtu, 1500, "another destination");
    }

    #[test]
    fn below_the_floor_packets_stay_usable_and_lose_df() {
        for mtu in [1, 67, 68, 296, 551] {
            let mut paths = paths(10);
            let new = paths.on_too_big(T, a("10.9.9.9"), &via(1500), too_big(mtu, 1500));
            assert_eq!(new, Some(PathMtu { mtu: FLOOR, dont_fragment: false }), "{mtu}");
            assert_eq!(paths.lookup(T, a("10.9.9.9"), &via(1500)), new.unwrap());
        }
        let mut paths = paths(10);
        let new = paths.on_too_big(T, a("10.9.9.9"), &via(296), too_big(100, 296));
        assert_eq!(new, Some(PathMtu { mtu: 296, dont_fragment: false }), "a first hop below the floor");
        assert_eq!(paths.lookup(T, a("10.9.9.9"), &via(296)), new.unwrap());
    }

    /// RFC 1191, Section 5, with the plateaus of RFC 1191, Section 7.
    #[test]
    fn a_router_that_reports_no_mtu_walks_us_down_the_plateaus_to_an_end() {
        let mut paths = paths(10);
        let to = a("10.9.9.9");
        let mut seen = Vec::new();
        let mut size = 9000;
        for _ in 0..20 {
            let Some(path) = paths.on_too_big(T, to, &via(9000), too_big(0, size)) else { break };
            seen.push(path.mtu);
            size = path.mtu;
        }
        assert_eq!(seen, [8166, 4352, 2002, 1492, 1400, 1280, 1006, 552], "it converges");
        assert!(!paths.lookup(T, to, &via(9000)).dont_fragment);
    }

    /// RFC 1191, Section 5: routers of one origin add the header length again.
    #[test]
    fn a_length_with_the_header_counted_twice_is_corrected() {
        let mut paths = paths(10);
        let path = paths.on_too_big(T, a("10.9.9.9"), &via(1500), too_big(0, 1520)).unwrap();
        assert_eq!(path.mtu, 1492);
        // A quoted length below the estimate stands for an earlier, smaller packet and is used as it is.
        let path = paths.on_too_big(T, a("10.9.9.9"), &via(1500), too_big(0, 1300)).unwrap();
        assert_eq!(path.mtu, 1280);
    }

    /// RFC 1191, Section 3: ten minutes before something larger is tried.
    #[test]
    fn after_ten_minutes_without_a_message_the_estimate_is_forgotten() {
        let mut paths = paths(10);
        let to = a("10.9.9.9");
        let _ = paths.on_too_big(T, to, &via(1500), too_big(1400, 1500));
        let _ = paths.on_too_big(Instant::from_secs(300), to, &via(1500), too_big(1400, 1500));
        paths.expire(Instant::from_secs(899));
        assert_eq!(
            paths.lookup(Instant::from_secs(899), to, &via(1500)).mtu,
            1400,
            "the second message renewed it"
        );
        assert_eq!(paths.next_deadline(), Some(Instant::from_secs(900)));
        assert_eq!(
            paths.lookup(Instant::from_secs(900), to, &via(1500)).mtu,
            1500,
            "also before `expire` ran"
        );
        paths.expire(Instant::from_secs(900));
        assert_eq!((paths.len(), paths.next_deadline()), (0, None));
    }

    #[test]
    fn at_the_limit_the_oldest_is_forgotten() {
        let mut paths = paths(3);
        for (at, host) in ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"].into_iter().enumerate() {
            let at = Instant::from_secs(at as u64);
            assert!(paths.on_too_big(at, a(host), &via(1500), too_big(1400, 1500)).is_some());
        }
        assert_eq!(
            paths.iter().map(|(to, ..)| to).collect::<Vec<_>>(),
            [a("10.0.0.2"), a("10.0.0.3"), a("10.0.0.4")]
        );
    }

    /// RFC 1122, Section 3.3.3: 576 bytes.
    #[test]
    fn without_the_setting_nothing_is_learned_and_packets_to_other_networks_are_small_and_without_df() {
        let settings = settings::Ip { pmtu_discovery: false, ..Default::default() };
        let mut paths = PathMtus::new(&settings, &settings::Limits::default());
        let far = a("10.0.0.1");
        assert_eq!(paths.on_too_big(T, far, &via(1500), too_big(1400, 1500)), None);
        assert_eq!(paths.lookup(T, far, &via(1500)), PathMtu { mtu: 576, dont_fragment: false });
        assert_eq!(paths.lookup(T, far, &via(296)).mtu, 296);
        let near = Hop { next_hop: far, ..via(1500) };
        assert_eq!(paths.lookup(T, far, &near), PathMtu { mtu: 1500, dont_fragment: false });
    }

    #[test]
    fn with_room_for_none_a_connection_learns_its_own_path_and_nothing_is_kept() {
        let mut paths = paths(0);
        assert!(paths.on_too_big(T, a("10.0.0.1"), &via(1500), too_big(1400, 1500)).is_some());
        assert!(paths.is_empty() && paths.next_deadline().is_none());
    }
}
