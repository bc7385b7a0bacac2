//! Captures of malformed and hostile traffic by others, injected beside an open connection: as they are, readdressed to us,
//! and readdressed with acknowledgments that follow ours, so that their handshakes complete. A capture is a test by name.
//!
//! The captures are not part of the repository; where they are missing, that is one counted skip.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;
mod hostile;

use common::ms;
use hostile::readdress::{self, Follow};
use hostile::stand::Stand;
use hostile::{capture, readdress::to_us};
use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use synward::settings::Cookies;
use synward::telemetry::{Discard, Taken};

/// What became of the packets of all captures.
#[derive(Debug, Default)]
struct Sum {
    packets: u64,
    taken: Vec<u64>,
    discards: Vec<u64>,
}

/// How a capture is injected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum How {
    AsItIs,
    Readdressed,
    /// Readdressed, and as the peer would have answered us.
    Followed,
}

fn inject(path: &Path, how: How, sum: &Mutex<Sum>) -> Result<(), Failed> {
    let mut frames = capture::frames(path)?;
    if frames.is_empty() {
        return Err("the capture has no packet".into());
    }
    if how != How::AsItIs {
        frames.iter_mut().for_each(|frame| *frame = to_us(frame));
    }
    let mut stand = Stand::new(Cookies::OnOverflow);
    if how == How::Followed {
        let ports: BTreeSet<_> = frames.iter().filter_map(|frame| readdress::port(frame)).collect();
        ports.into_iter().take(64).for_each(|port| stand.listen(port));
    }
    let mut follow = Follow::default();
    for (n, frame) in frames.iter_mut().enumerate() {
        if how == How::Followed {
            follow.shift(frame);
        }
        stand.inject(frame);
        let sent = stand.wire.segments();
        if how == How::Followed {
            follow.sent(&sent);
        }
        stand.wire.run(ms(1));
        if n % 16 == 0 {
            stand.serve(n % 64 == 0);
            stand.check();
        }
    }
    let packets = stand.injected();
    let wire = stand.finish();
    let snapshot = wire.host.snapshot();
    let mut sum = sum.lock().unwrap();
    sum.packets += packets;
    sum.taken.resize(Taken::ALL.len(), 0);
    sum.discards.resize(Discard::ALL.len(), 0);
    Taken::ALL.iter().for_each(|kind| sum.taken[*kind as usize] += snapshot.taken.of(*kind));
    Discard::ALL.iter().for_each(|kind| sum.discards[*kind as usize] += snapshot.discards.of(*kind));
    Ok(())
}

fn trials(files: Vec<PathBuf>, sum: &Arc<Mutex<Sum>>) -> Vec<Trial> {
    let ways = [("as_it_is", How::AsItIs), ("readdressed", How::Readdressed), ("followed", How::Followed)];
    let all = files.into_iter().flat_map(|path| ways.map(|(name, how)| (path.clone(), name, how)));
    all.map(|(path, name, how)| {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let sum = sum.clone();
        Trial::test(format!("{name}::{file}"), move || inject(&path, how, &sum))
    })
    .collect()
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let Some(files) = capture::corpus().map(|folder| capture::files(&folder).unwrap()) else {
        println!(
            "skipped: hostile_captures: there is no folder ../shared/corpus/malformed beside the workspace"
        );
        return libtest_mimic::run(&arguments, Vec::new()).exit_code();
    };
    let sum = Arc::new(Mutex::new(Sum::default()));
    let conclusion = libtest_mimic::run(&arguments, trials(files, &sum));
    let Sum { packets, taken, discards } = &*sum.lock().unwrap();
    println!("{packets} packets injected; what became of them and of the answers to the host itself:");
    let named = Taken::ALL.iter().map(|kind| (kind.name(), taken)).zip(0..);
    let named = named.chain(Discard::ALL.iter().map(|kind| (kind.name(), discards)).zip(0..));
    for ((name, counts), at) in named {
        if let Some(n) = counts.get(at).filter(|n| **n > 0) {
            println!("  {n:>8} {name}");
        }
    }
    conclusion.exit_code()
}
