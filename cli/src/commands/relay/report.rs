//! What is counted of relays, and what is told.

use std::future::Future;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use synward::socket::Stack;

use super::event::{AdmissionStatus, Event, Form};
use super::pair::{Passed, RelayError};
use super::writer::Writer;

/// Where events go, and what is counted.
pub(crate) struct Report {
    form: Form,
    /// Our stack is the one that clients connect to.
    serves: bool,
    writer: Writer,
    accepted: AtomicU64,
    finished: AtomicU64,
    failed: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
}

impl Report {
    /// `target` is what lines call the other end; `serves`: clients connect to our stack.
    pub(crate) fn new(json: bool, target: &'static str, serves: bool) -> Self {
        Self {
            form: Form { json, terminal: std::io::stdout().is_terminal(), target },
            serves,
            writer: Writer::start(),
            accepted: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
        }
    }

    /// Tells an event. It never waits: what nobody reads in time is counted and told as [`Event::Lost`].
    pub(super) fn event(&self, event: &Event<'_>) {
        let Some(text) = event.written(self.form) else { return };
        self.writer.write(text, |events| self.lost(events));
    }

    fn lost(&self, events: u64) -> String {
        Event::Lost { events }.written(self.form).unwrap_or_default()
    }

    /// Tells the last event, when no relay runs any more, and waits a little for all to be read.
    pub(super) async fn finish(&self) {
        let last = self.ended().written(self.form).unwrap_or_default();
        self.writer.finish(last, |events| self.lost(events)).await;
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

    fn ended(&self) -> Event<'static> {
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
        if report.form.json && seconds % 10 != 0 {
            continue;
        }
        let accepted = report.accepted.load(Ordering::Relaxed);
        report.event(&Event::Status {
            open: accepted.saturating_sub(report.finished.load(Ordering::Relaxed)),
            accepted,
            failed: report.failed.load(Ordering::Relaxed),
            admission: report.serves.then_some(AdmissionStatus {
                half_open,
                protecting,
                cookies_sent: admission.cookies_sent,
            }),
            discards: snapshot.discards.total(),
        });
    }
}
