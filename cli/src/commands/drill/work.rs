//! What a run costs, for the progress bar: nearly all of it is frames, and how many come when is known roughly beforehand. By
//! virtual time the calm end would count as much as the flood, which takes a hundred times as long.

use synward::base::Instant;

use super::scenario::{Times, Wanted};

/// Frames that a host takes and answers in a second at most: its service rate, each way.
const CAPACITY: u64 = 2 * 500_000;
/// Frames of one client in a second, both ways.
const CLIENT: u64 = 60;
/// Frames of a second in which nothing but the monitor runs.
const BASE: u64 = 200;

/// Frames up to the time `at`, about.
pub(super) fn frames(wanted: &Wanted, times: &Times, at: Instant) -> u64 {
    let within = |from: Instant, until: Instant| at.min(until).since(from.min(at)).as_millis() as u64;
    let clients = (u64::from(wanted.clients) * CLIENT).min(CAPACITY);
    let parts = [
        (BASE, within(Instant::ZERO, times.latest)),
        (clients, within(Instant::ZERO, times.loaded)),
        (2 * wanted.flood, within(times.flood_from, times.flood_until)),
    ];
    parts.into_iter().map(|(rate, milliseconds)| rate.saturating_mul(milliseconds) / 1000).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use synward::settings::Settings;

    #[test]
    fn the_flood_is_most_of_a_run_and_its_calm_end_is_little() {
        let wanted = Wanted {
            seed: 1,
            settings: Settings::default(),
            flood: 50_000,
            clients: 200,
            dead: 2000,
            loss: 0.0,
            duration: Duration::from_secs(60),
            defect: false,
        };
        let times = Times::new(&wanted);
        let at = |time| frames(&wanted, &times, time);
        let all = at(times.latest);
        assert!(at(Instant::ZERO) == 0 && at(times.flood_from) < all / 10, "{all}");
        assert!(at(times.flood_until) > all * 9 / 10 && at(times.loaded) <= all, "{all}");
        assert_eq!(at(times.latest + Duration::from_secs(9)), all);
        // A client that is one too many for the server makes no more frames.
        let crowd = |clients| frames(&Wanted { clients, ..wanted.clone() }, &times, times.latest);
        assert_eq!(crowd(50_000), crowd(100_000));
    }
}
