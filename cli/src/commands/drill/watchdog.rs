//! A thread that looks, by the wall clock, whether every shard still finishes its turns. In virtual time a turn that never
//! ends would stop the whole drill without a word; this is who says which one.

use std::process;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use synward::shard::{Progress, Step};

use crate::output;

/// A shard and where it stood at the last look.
struct Watched {
    host: String,
    progress: Arc<Progress>,
    turn: u64,
    since: Instant,
}

/// What `--json` says of a stuck turn.
#[derive(Serialize)]
struct Stuck<'a> {
    pass: bool,
    stuck: Place<'a>,
}

#[derive(Serialize)]
struct Place<'a> {
    host: &'a str,
    shard: u16,
    turn: u64,
    step: &'static str,
}

/// Watches `shards`, each with the name of its host. When a turn of one of them does not end within `limit`, it says where
/// and ends the process with exit code 1: the thread that is stuck cannot. `clear` makes room on the terminal before.
pub(super) fn watch(
    shards: Vec<(String, Arc<Progress>)>,
    limit: Duration,
    json: bool,
    clear: impl Fn() + Send + 'static,
) -> Result<(), String> {
    let now = Instant::now();
    let mut watched: Vec<Watched> =
        shards.into_iter().map(|(host, progress)| Watched { host, progress, turn: 0, since: now }).collect();
    let look = move || {
        loop {
            thread::sleep(limit / 10);
            for shard in &mut watched {
                let (turn, step) = (shard.progress.turns(), shard.progress.step());
                if turn != shard.turn || step == Step::Idle {
                    (shard.turn, shard.since) = (turn, Instant::now());
                } else if shard.since.elapsed() >= limit {
                    clear();
                    report(shard, step, limit, json);
                    process::exit(1);
                }
            }
        }
    };
    thread::Builder::new()
        .name("watchdog".to_owned())
        .spawn(look)
        .map(drop)
        .map_err(|error| error.to_string())
}

fn report(shard: &Watched, step: Step, limit: Duration, json: bool) {
    let Watched { host, turn, .. } = shard;
    let step = step.name();
    if json {
        output::json(&Stuck { pass: false, stuck: Place { host, shard: 0, turn: *turn, step } });
    }
    output::error(format_args!(
        "watchdog: shard 0 of {host} is stuck in step `{step}` of turn {turn}: it did not end within {} s of wall-clock time",
        limit.as_secs_f64()
    ));
}
