//! Standard output behind a queue. Whoever reads it may stop reading, and connections must not stop for that: a full queue
//! loses lines, and counts them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::output;

/// Lines that wait at most.
const WAITING: usize = 4096;

pub(super) struct Writer {
    lines: SyncSender<Line>,
    lost: AtomicU64,
    /// `None`: the system gave no thread, and every line is lost.
    thread: Option<JoinHandle<()>>,
}

enum Line {
    Text(String),
    End,
}

impl Writer {
    pub(super) fn start() -> Self {
        let (lines, waiting) = sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("report".to_owned()).spawn(move || write(&waiting));
        Self { lines, lost: AtomicU64::new(0), thread: thread.ok() }
    }

    /// Writes `text` soon, or counts it as lost; `lost` makes the line that tells how many were.
    pub(super) fn write(&self, text: String, lost: impl FnOnce(u64) -> String) {
        let before = self.lost.swap(0, Ordering::Relaxed);
        if before > 0 && self.lines.try_send(Line::Text(lost(before))).is_err() {
            self.lost.fetch_add(before, Ordering::Relaxed);
        }
        if self.lines.try_send(Line::Text(text)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes the last line and waits until all is written, for at most a second: a reader that is gone must not hold up the
    /// end.
    pub(super) async fn finish(&self, last: String, lost: impl FnOnce(u64) -> String) {
        const PIECE: Duration = Duration::from_millis(5);
        let notice = match self.lost.swap(0, Ordering::Relaxed) {
            0 => None,
            events => Some(Line::Text(lost(events))),
        };
        let mut left: VecDeque<_> = notice.into_iter().chain([Line::Text(last), Line::End]).collect();
        for _ in 0..200 {
            while let Some(line) = left.pop_front() {
                if let Err(TrySendError::Full(line) | TrySendError::Disconnected(line)) =
                    self.lines.try_send(line)
                {
                    left.push_front(line);
                    break;
                }
            }
            if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
                return;
            }
            tokio::time::sleep(PIECE).await;
        }
    }
}

fn write(lines: &Receiver<Line>) {
    while let Ok(Line::Text(text)) = lines.recv() {
        output::text(&text);
    }
}
