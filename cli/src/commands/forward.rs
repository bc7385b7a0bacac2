//! `synward forward`: outgoing connections of the kernel's programs, carried by our own stack to a listed destination.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use synward::socket::{Stack, TcpSocket, TcpStream};
use synward::tcp::KeepaliveTimes;
use tokio::net::TcpListener;

use super::relay::{self, DeviceArgs, Doors, Event, Forward, Report, Target};
use crate::output;

/// What messages call the other end.
const DESTINATION: &str = "destination";

const EXAMPLES: &str = "\
Examples:
  A program that connects to 127.0.0.1:8080 reaches port 80 of 10.77.0.1, over our own TCP/IP:
    sudo synward forward --tap syn0 --address 10.77.0.2/24 --host-address 10.77.0.1/24 \\
        --listen 127.0.0.1:8080 --to 10.77.0.1:80
    curl http://127.0.0.1:8080/

  Two ways at once, one --to for each --listen, in order; a persistent device; events for a program:
    synward forward --tap syn0 --address 10.77.0.2/24 --gateway 10.77.0.1 --json \\
        --listen 127.0.0.1:8080 --to 10.77.0.1:80 --listen 127.0.0.1:2222 --to 192.0.2.7:22

Clients connect to --listen by the kernel's own sockets and are accepted at once. Half-close
passes through. Where the destination refuses, is unreachable or does not accept within --timeout,
its client is reset, and a line says why:
    127.0.0.1:51034: the destination cannot be reached: 10.77.0.9: no host answered ARP ...
One whose host vanishes later, or that takes nothing of what is sent to it, is noticed within
--silence. Ctrl-C and SIGTERM stop accepting and
let connections finish for --drain; a second one ends at once.
Exit code 0 after a drain, 1 where the device, an address or a port cannot be had, 2 for a wrong
command line.";

/// Outgoing connections of this machine's programs, carried by our own stack to a listed destination
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    device: DeviceArgs,
    /// Where this machine's programs connect to; repeat it for more ways
    #[arg(long, value_name = "ADDRESS:PORT", required = true)]
    listen: Vec<SocketAddr>,
    /// Where our stack connects to for the --listen before it
    #[arg(long, value_name = "ADDRESS:PORT", required = true, value_parser = destination)]
    to: Vec<SocketAddr>,
    /// Longest time for the destination to accept a connection, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Longest time in which the destination's host may answer nothing, or take nothing of what it is sent, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(4..=7200))]
    silence: u64,
    /// Longest time for connections to finish after Ctrl-C or SIGTERM, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    drain: u64,
    /// One JSON object a line instead of text
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> ExitCode {
    let (listen, to) = (args.listen.len(), args.to.len());
    if listen != to {
        output::error(format_args!(
            "each --listen needs its own --to: there are {listen} --listen and {to} --to"
        ));
        return output::usage();
    }
    relay::run(forward(args))
}

async fn forward(args: Args) -> Result<(), String> {
    let ours = args.device.address.address;
    if let Some(to) = args.to.iter().find(|to| to.ip() == ours) {
        return Err(format!("the destination {to} is our own address: nobody listens there"));
    }
    let mut doors = Doors::new(Report::new(args.json, DESTINATION, false))?;
    let (stack, device) = args.device.spawn()?;
    let target = Target { name: DESTINATION, timeout: Duration::from_secs(args.timeout) };
    let silence = Duration::from_secs(args.silence);
    let mut forwards = Vec::new();
    for (listen, to) in args.listen.iter().zip(&args.to) {
        let (listen, to) = (*listen, *to);
        let listener = TcpListener::bind(listen).await.map_err(|error| format!("{listen}: {error}"))?;
        // Port 0 asks for any.
        let listen = listener.local_addr().map_err(|error| format!("{listen}: {error}"))?;
        let stack = stack.clone();
        doors.open(listener, target, move || {
            let stack = stack.clone();
            async move { connect(&stack, to, silence).await }
        });
        forwards.push(Forward { listen, to });
    }
    let forwarding = Event::Forwarding { device: &device, address: ours, forwards: &forwards };
    doors.serve(&stack, &forwarding, args.drain).await
}

/// Asks a quiet destination whether its host is still there, and bounds how long what it does not take is sent again, so that
/// one that vanished holds no client for ever.
async fn connect(stack: &Stack, to: SocketAddr, silence: Duration) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4(stack)?;
    let times = KeepaliveTimes { time: silence / 2, interval: silence / 4, probes: 2 };
    socket.set_keepalive(true)?;
    socket.set_keepalive_times(Some(times))?;
    socket.set_user_timeout(Some(silence))?;
    socket.connect(to).await
}

/// A destination that can be one: nobody listens on port 0.
fn destination(text: &str) -> Result<SocketAddr, String> {
    let to: SocketAddr = text.parse().map_err(|_| "it is not ADDRESS:PORT, as 10.77.0.1:80".to_owned())?;
    if to.port() == 0 { Err("port 0 is nobody's".to_owned()) } else { Ok(to) }
}
