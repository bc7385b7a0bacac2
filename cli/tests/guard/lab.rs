//! A guard in a namespace, with the kernel on the other side of its device.

use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::support::wait_for;

pub(crate) const GUARD: &str = "10.77.0.2:80";
pub(crate) const BACKEND: &str = "127.0.0.1:8080";

/// A running guard; it is ended when this is dropped.
pub(crate) struct Guard {
    child: Child,
    events: BufReader<ChildStdout>,
}

impl Guard {
    /// Starts a guard that relays to `backend`, and waits until it listens.
    pub(crate) fn start(backend: &str, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_synward"));
        command.args(["guard", "--json", "--tap", "syn0", "--address", "10.77.0.2/24"]);
        command.args(["--host-address", "10.77.0.1/24", "--listen", "80", "--backend", backend]);
        let mut child = command.args(more).stdout(Stdio::piped()).spawn().unwrap();
        let events = BufReader::new(child.stdout.take().unwrap());
        let mut guard = Self { child, events };
        let first = guard.next_event();
        assert_eq!(first["event"], "listening", "{first}");
        guard
    }

    /// The next event, as JSON.
    pub(crate) fn next_event(&mut self) -> serde_json::Value {
        let mut line = String::new();
        self.events.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// The next event of a kind.
    pub(crate) fn event(&mut self, kind: &str) -> serde_json::Value {
        loop {
            let event = self.next_event();
            if event["event"] == kind {
                return event;
            }
        }
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits for the end; its exit code.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        wait_for("the guard ends", || self.child.try_wait().unwrap()).code()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A kernel client of the guard.
pub(crate) fn client() -> TcpStream {
    try_client().unwrap()
}

/// The same, where the guard may reset it before the kernel has told us that it is connected.
pub(crate) fn try_client() -> io::Result<TcpStream> {
    let address: SocketAddr = GUARD.parse().unwrap();
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    Ok(stream)
}

/// Whether a program can be started.
pub(crate) fn have(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}
