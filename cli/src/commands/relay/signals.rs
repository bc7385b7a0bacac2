//! Ctrl-C and SIGTERM, from the moment that [`Signals::catch`] has returned.

use tokio::signal::unix::{Signal, SignalKind, signal};

pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on none is lost.
    ///
    /// # Errors
    /// A text for the user: the system's reason.
    pub(super) fn catch() -> Result<Self, String> {
        let told = |error: std::io::Error| format!("cannot listen for signals: {error}");
        let interrupt = signal(SignalKind::interrupt()).map_err(told)?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate()).map_err(told)? })
    }

    /// The next of the two.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
