//! Connects to addresses where no host lives, beside a transfer.

use super::{Bulk, PairOptions};
use std::net::SocketAddr;
use std::time::Duration;
use synward::shard::Event;
use synward::tcp::{ConnectError, Options};

const STEP: Duration = Duration::from_micros(100);
/// The same once the transfer is measured, and only late connects are waited for.
const LATE_STEP: Duration = Duration::from_millis(10);
const CHUNK: usize = 65_536;

/// What happened to the connects and to the transfer.
pub struct Dead {
    /// Gbit/s of the transfer.
    pub rate: f64,
    /// Connects that ended with "no host answered ARP".
    pub silent: usize,
    /// The longest that one took, in seconds of virtual time.
    pub longest: f64,
    /// The bound that was promised before.
    pub bound: f64,
}

/// Starts `count` connects to silent on-link addresses, then transfers over `span` of virtual time.
pub fn dead_connects(bulk: &mut Bulk, count: usize, span: Duration) -> Dead {
    let bound = bulk.pair.a.connect_bound().as_secs_f64();
    let begin = bulk.pair.now();
    for i in 0..count {
        let to = SocketAddr::from(([198, 18, 64 + (i / 250) as u8, 1 + (i % 250) as u8], 23));
        bulk.pair.a.connect(to, &Options::default()).expect("room for a connect");
    }
    let (mut silent, mut longest, mut moved, mut spent) = (0, 0.0f64, 0, 0.0);
    loop {
        let past = bulk.pair.now().since(begin);
        let measured = past < span;
        // The clock is real: where the machine stood still just before the end, they are told after it. What was promised is
        // the bound, and up to that they are waited for; the rate is that of the span alone.
        if !measured && (silent == count || past.as_secs_f64() > bound) {
            break;
        }
        bulk.pair.skipped += if measured { STEP } else { LATE_STEP };
        let took = bulk.transfer_with(CHUNK * 4, |event, at| {
            if let Event::ConnectFailed(_, ConnectError::NeighborSilent { .. }) = event {
                silent += 1;
                longest = longest.max(at.since(begin).as_secs_f64());
            }
        });
        if measured {
            spent += took;
            moved += CHUNK * 4;
        }
    }
    Dead { rate: moved as f64 * 8e-9 / spent, silent, longest, bound }
}

/// A stream for it.
pub fn stream() -> Bulk {
    Bulk::new(&PairOptions::default(), &Options::default())
}
