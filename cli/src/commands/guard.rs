//! `synward guard`: a hardened front for an existing server.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use synward::socket::{Stack, TcpListener, TcpSocket};

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
--backend-timeout. Ctrl-C and SIGTERM stop accepting and let connections finish for --drain; a second one ends at once.
Exit code 0 after a drain, 1 where the device, an address or a port cannot be had.";

/// A hardened front: connections to our own address on a TAP device, relayed to a backend
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    device: DeviceArgs,
    /// Ports to listen on
    #[arg(long, value_name = "PORT", required = true, value_delimiter = ',')]
    listen: Vec<u16>,
    /// Where the kernel finds the server
    #[arg(long, value_name = "ADDRESS:PORT")]
    backend: SocketAddr,
    /// Longest time for the backend to accept a connection, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    backend_timeout: u64,
    /// Longest time for connections to finish after Ctrl-C or SIGTERM, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    drain: u64,
    /// Connections waiting to be accepted, for each port
    #[arg(long, value_name = "N", default_value_t = 1024)]
    backlog: u32,
    /// One JSON object a line instead of text
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> ExitCode {
    relay::run(guard(args))
}

async fn guard(args: Args) -> Result<(), String> {
    let stack = args.device.spawn()?;
    let mut doors = Doors::new(Report::new(args.json, BACKEND))?;
    let address = args.device.address.address;
    for port in &args.listen {
        let local = SocketAddr::new(address, *port);
        let listener = listen(&stack, local, args.backlog).await;
        let listener = listener.map_err(|error| format!("{local}: {error}"))?;
        let (target, backend) = (target(&args), args.backend);
        doors.open(listener, target, move || tokio::net::TcpStream::connect(backend));
    }
    let (device, ports) = (args.device.tap.as_str(), args.listen.as_slice());
    let listening = Event::Listening { device, address, ports, backend: args.backend };
    doors.serve(&stack, &listening, args.drain).await
}

fn target(args: &Args) -> Target {
    Target { name: BACKEND, timeout: Duration::from_secs(args.backend_timeout) }
}

async fn listen(stack: &Stack, local: SocketAddr, backlog: u32) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4(stack)?;
    socket.bind(local)?;
    socket.listen(backlog).await
}
