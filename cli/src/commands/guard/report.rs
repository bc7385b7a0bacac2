//! What the guard says: lines for people, one JSON object a line for programs.

use std::future::Future;
use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use synward::socket::Stack;

use super::relay::{Passed, RelayError};
use crate::output;

/// Something to tell.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(super) enum Event<'a> {
    Listening {
        device: &'a str,
        address: IpAddr,
        ports: &'a [u16],
        backend: SocketAddr,
    },
    Closed {
        client: SocketAddr,
        up: u64,
        down: u64,
        seconds: f64,
    },
    Failed {
        client: SocketAddr,
        error: String,
        seconds: f64,
    },
    Protection {
        protecting: bool,
        half_open: usize,
    },
    Status {
        open: u64,
        accepted: u64,
        failed: u64,
        half_open: usize,
        protecting: bool,
        cookies_sent: u64,
        discards: u64,
    },
    Draining {
        seconds: u64,
    },
    Ended {
        accepted: u64,
        failed: u64,
        /// Reset because the drain was over.
        cut_off: u64,
        up: u64,
        down: u64,
    },
}

/// Where events go, and what is counted.
pub(super) struct Report {
    json: bool,
    terminal: bool,
    accepted: AtomicU64,
    finished: AtomicU64,
    failed: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        Self {
            json,
            terminal: std::io::stdout().is_terminal(),
            accepted: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
        }
    }

    /// Tells an event.
    pub(super) fn event(&self, event: &Event<'_>) {
        if self.json {
            if let Ok(text) = serde_json::to_string(event) {
                output::line(text);
            }
            return;
        }
        // The status has no line's end: whatever follows takes its place.
        if self.terminal && !matches!(event, Event::Status { .. } | Event::Closed { .. }) {
            output::raw("\r\x1b[K");
        }
        match event {
            Event::Listening { device, address, ports, backend } => {
                let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
                output::line(format_args!("{address} port {} on {device} -> {backend}", ports.join(", ")));
                output::line("Ctrl-C stops accepting and lets connections finish");
            }
            // A line for each connection would drown everything else.
            Event::Closed { .. } => {}
            Event::Failed { client, error, .. } => output::line(format_args!("{client}: {error}")),
            Event::Protection { protecting: true, half_open } => {
                let text = output::styled(output::YELLOW, "SYN attack: protecting");
                output::line(format_args!("{text} ({half_open} half-open)"));
            }
            Event::Protection { protecting: false, .. } => output::line("SYN attack over: protection ended"),
            Event::Status { open, accepted, failed, half_open, protecting, cookies_sent, discards } => {
                if self.terminal {
                    let state = if *protecting { "protecting" } else { "calm" };
                    output::raw(&format!(
                        "\r\x1b[K{open} open, {accepted} accepted, {failed} failed, {half_open} half-open, {cookies_sent} cookies, {discards} discards, {state}"
                    ));
                }
            }
            Event::Draining { seconds } => {
                output::line(format_args!("draining for at most {seconds} s; Ctrl-C again ends at once"));
            }
            Event::Ended { accepted, failed, cut_off, up, down } => output::line(format_args!(
                "{accepted} connections, {failed} failed, {cut_off} cut off; {up} bytes to the backend, {down} bytes to clients"
            )),
        }
    }

    /// Runs one relay and tells how it ended.
    pub(super) async fn relay(
        &self,
        client: SocketAddr,
        relay: impl Future<Output = Result<Passed, RelayError>>,
    ) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        let begin = Instant::now();
        let result = relay.await;
        let seconds = begin.elapsed().as_secs_f64();
        self.finished.fetch_add(1, Ordering::Relaxed);
        match result {
            Ok(Passed { up, down }) => {
                self.up.fetch_add(up, Ordering::Relaxed);
                self.down.fetch_add(down, Ordering::Relaxed);
                self.event(&Event::Closed { client, up, down, seconds });
            }
            Err(error) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                self.event(&Event::Failed { client, error: error.to_string(), seconds });
            }
        }
    }

    /// The last event, when no relay runs any more.
    pub(super) fn ended(&self) -> Event<'static> {
        let accepted = self.accepted.load(Ordering::Relaxed);
        Event::Ended {
            accepted,
            cut_off: accepted.saturating_sub(self.finished.load(Ordering::Relaxed)),
            failed: self.failed.load(Ordering::Relaxed),
            up: self.up.load(Ordering::Relaxed),
            down: self.down.load(Ordering::Relaxed),
        }
    }
}

/// Tells the status every second, and changes of protection at once when they are seen.
pub(super) async fn status(stack: Stack, report: Arc<Report>) {
    let mut was_protecting = false;
    let mut seconds = 0u64;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let Ok(snapshot) = stack.snapshot().await else { return };
        let admission = &snapshot.admission;
        let (protecting, half_open) = (admission.protecting.is_some(), admission.counts.half_open);
        if protecting != was_protecting {
            was_protecting = protecting;
            report.event(&Event::Protection { protecting, half_open });
        }
        seconds += 1;
        // Programs get a line every ten seconds, a terminal a line that renews itself.
        if report.json && seconds % 10 != 0 {
            continue;
        }
        let accepted = report.accepted.load(Ordering::Relaxed);
        report.event(&Event::Status {
            open: accepted.saturating_sub(report.finished.load(Ordering::Relaxed)),
            accepted,
            failed: report.failed.load(Ordering::Relaxed),
            half_open,
            protecting,
            cookies_sent: admission.cookies_sent,
            discards: snapshot.discards.total(),
        });
    }
}
