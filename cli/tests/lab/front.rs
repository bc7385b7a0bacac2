//! A guard or a forward in a namespace, with the kernel on the other side of its device.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use synward::device::TapOptions;

use crate::support::{end_with_test, netns, wait_for};

/// Our stack's address, and the kernel's on the other side of the device.
pub(crate) const OURS: &str = "10.77.0.2";
pub(crate) const KERNEL: &str = "10.77.0.1";
pub(crate) const GUARD: &str = "10.77.0.2:80";
pub(crate) const BACKEND: &str = "127.0.0.1:8080";

/// A running guard or forward; it is ended when this is dropped.
pub(crate) struct Front {
    child: Child,
    events: BufReader<ChildStdout>,
}

impl Front {
    /// Starts a guard of port 80 that relays to `backend`, and waits until it listens.
    pub(crate) fn guard(backend: &str, more: &[&str]) -> Self {
        Self::guard_of(&[80], backend, more)
    }

    /// Starts a guard of these ports that relays to `backend`, and waits until it listens.
    pub(crate) fn guard_of(ports: &[u16], backend: &str, more: &[&str]) -> Self {
        let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
        let arguments = ["--listen", &ports.join(","), "--backend", backend];
        Self::start("guard", "listening", &[&arguments, more].concat())
    }

    /// Starts a forward of each pair of a listening and a destination address, and waits until it listens.
    pub(crate) fn forward(ways: &[(&str, &str)], more: &[&str]) -> Self {
        let arguments: Vec<_> =
            ways.iter().flat_map(|(listen, to)| ["--listen", listen, "--to", to]).collect();
        Self::start("forward", "forwarding", &[&arguments, more].concat())
    }

    fn start(command: &str, first: &str, arguments: &[&str]) -> Self {
        // Skips the test where this machine has no TAP device to give.
        drop(netns::tap(&TapOptions::new("probe0")));
        let mut synward = Command::new(env!("CARGO_BIN_EXE_synward"));
        synward.args([command, "--json", "--tap", "syn0", "--address", "10.77.0.2/24"]);
        synward.args(["--host-address", "10.77.0.1/24"]).args(arguments);
        let mut child = end_with_test(&mut synward).stdout(Stdio::piped()).spawn().unwrap();
        let events = BufReader::new(child.stdout.take().unwrap());
        let mut front = Self { child, events };
        let told = front.next_event();
        assert_eq!(told["event"], first, "{told}");
        front
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
        wait_for("the command ends", || self.child.try_wait().unwrap()).code()
    }
}

impl Drop for Front {
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
    client_of(GUARD)
}

/// A kernel client of `address`.
pub(crate) fn client_of(address: &str) -> io::Result<TcpStream> {
    let address: SocketAddr = address.parse().unwrap();
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    Ok(stream)
}

/// Reads until the connection ends, which must be by a reset.
pub(crate) fn expect_reset(client: io::Result<impl Read>) {
    let mut text = [0; 64];
    let result = client.and_then(|mut stream| {
        loop {
            match stream.read(&mut text) {
                // The kernel does not begin a wait with a time limit again by itself.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        }
    });
    match result {
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        Ok(n) => panic!("{n} bytes and not a reset"),
    }
}

/// Whether a program can be started.
pub(crate) fn have(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}
