//! `synward guard`: a hardened front for an existing server.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use synward::socket::{Stack, TcpListener, TcpSocket};
use tokio::net::TcpStream;

use super::relay::{self, DeviceArgs, Doors, Event, Report, Target};

/// What messages call the server behind the guard.
const BACKEND: &str = "backend";

const EXAMPLES: &str = "\
Examples:
  One command on a laptop; the kernel gets 10.77.0.1 on the other side of the device:
    sudo synward guard --tap syn0 --address 10.77.0.2/24 --host-address 10.77.0.1/24 --listen 80 --backend 127.0.0.1:8080

  A persistent device made beforehand, without privileges:
    synward guard --tap syn0 --address 10.77.0.2/24 --listen 80,443 --backend 127.0.0.1:8080 --json

The backend is reached by the kernel's own sockets. Its refusal or silence reaches the client as a reset within
--backend-timeout; a backend whose host vanishes later, or that takes nothing of what is sent to it, within --backend-silence.
Ctrl-C and SIGTERM stop accepting and let connections finish for --drain; a second one ends at once.
Exit code 0 after a drain, 1 where the device, an address or a port cannot be had.";

/// A hardened front: connections to our own address on a TAP device, relayed to a backend
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    device: DeviceArgs,
    /// Ports to listen on
    #[arg(long, value_name = "PORT", required = true, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    listen: Vec<u16>,
    /// Where the kernel finds the server
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = backend)]
    backend: SocketAddr,
    /// Longest time for the backend to accept a connection, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    backend_timeout: u64,
    /// Longest time in which the backend's host may answer nothing, or take nothing of what it is sent, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(4..=7200))]
    backend_silence: u64,
    /// Longest time for connections to finish after Ctrl-C or SIGTERM, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    drain: u64,
    /// Connections waiting to be accepted, for each port
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=65_535))]
    backlog: u32,
    /// One JSON object a line instead of text
    #[arg(long)]
    json: bool,
}

/// A backend that can be one: nobody listens on port 0.
fn backend(text: &str) -> Result<SocketAddr, String> {
    let backend: SocketAddr =
        text.parse().map_err(|_| "it is not ADDRESS:PORT, as 127.0.0.1:8080".to_owned())?;
    if backend.port() == 0 { Err("port 0 is nobody's".to_owned()) } else { Ok(backend) }
}

pub(crate) fn run(args: Args) -> ExitCode {
    relay::run(guard(args))
}

async fn guard(args: Args) -> Result<(), String> {
    let address = args.device.address.address;
    // Each connection would come back to us as another one.
    if args.backend.ip() == address {
        return Err(format!(
            "the backend {} is the guard's own address: it would relay to itself",
            args.backend
        ));
    }
    let mut doors = Doors::new(Report::new(args.json, BACKEND, true))?;
    let (stack, device) = args.device.spawn()?;
    let target = Target { name: BACKEND, timeout: Duration::from_secs(args.backend_timeout) };
    let (backend, silence) = (args.backend, Duration::from_secs(args.backend_silence));
    for port in &args.listen {
        let local = SocketAddr::new(address, *port);
        let listener = listen(&stack, local, args.backlog).await;
        let listener = listener.map_err(|error| format!("{local}: {error}"))?;
        doors.open(listener, target, move || connect(backend, silence));
    }
    let listening = Event::Listening { device: &device, address, ports: &args.listen, backend };
    doors.serve(&stack, &listening, args.drain).await
}

/// Lets the kernel ask a quiet backend whether its host is still there, and bounds how long it tries to hand over what the
/// backend does not take, so that one that vanished holds no client for ever. A backend that takes what it is sent may be as
/// slow to answer as it likes: that is between it and its client.
async fn connect(backend: SocketAddr, silence: Duration) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(backend).await?;
    let probes = TcpKeepalive::new().with_time(silence / 2).with_interval(silence / 4).with_retries(2);
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&probes)?;
    socket.set_tcp_user_timeout(Some(silence))?;
    Ok(stream)
}

async fn listen(stack: &Stack, local: SocketAddr, backlog: u32) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4(stack)?;
    socket.bind(local)?;
    socket.listen(backlog).await
}
