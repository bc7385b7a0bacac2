//! Host routes that ICMP redirects taught us: bounded, and forgotten after ten minutes.

use super::prefix::bits;
use crate::base::Instant;
use crate::settings;
use crate::wire::Addr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// Life of a learned host route, as NT's; RFC 1122 leaves it open.
const LIFE: Duration = Duration::from_secs(600);

/// Most expiries handled in one call.
const STEPS: usize = 64;

#[derive(Debug)]
pub(super) struct Redirects {
    limit: usize,
    routes: BTreeMap<u128, (Addr, Instant)>,
    /// The same routes in the order of their ends.
    ends: BTreeSet<(Instant, u128)>,
}

impl Redirects {
    pub(super) fn new(settings: &settings::Ip) -> Self {
        let limit = if settings.redirects { settings.redirect_routes as usize } else { 0 };
        Self { limit, routes: BTreeMap::new(), ends: BTreeSet::new() }
    }

    /// The gateway that a redirect named for `addr`.
    #[inline]
    pub(super) fn gateway(&self, addr: Addr) -> Option<Addr> {
        if self.routes.is_empty() {
            return None;
        }
        self.routes.get(&bits(addr)).map(|(gateway, _)| *gateway)
    }

    /// Remembers a redirect; false at the limit: those known stay, and end by their own time.
    pub(super) fn insert(&mut self, now: Instant, destination: Addr, gateway: Addr) -> bool {
        let key = bits(destination);
        let known = self.routes.get(&key).map(|(_, until)| *until);
        if known.is_none() && self.routes.len() >= self.limit {
            return false;
        }
        if let Some(until) = known {
            self.ends.remove(&(until, key));
        }
        self.routes.insert(key, (gateway, now + LIFE));
        self.ends.insert((now + LIFE, key));
        true
    }

    pub(super) fn expire(&mut self, now: Instant) {
        for _ in 0..STEPS {
            let Some((until, key)) = self.ends.first().copied().filter(|(until, _)| *until <= now) else {
                return;
            };
            self.ends.remove(&(until, key));
            self.routes.remove(&key);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.ends.first().map(|(until, _)| *until)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u128, Addr, Instant)> {
        self.routes.iter().map(|(key, (gateway, until))| (*key, *gateway, *until))
    }
}
