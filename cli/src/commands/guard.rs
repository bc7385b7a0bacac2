//! `synward guard`: a hardened front for an existing server.

mod relay;
mod report;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use synward::device::tap::{Tap, TapOptions};
use synward::settings::Preset;
use synward::socket::{Stack, TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::commands::settings::file;
use crate::output;
use report::{Event, Report};

const EXAMPLES: &str = "\
Examples:
  One command on a laptop; the kernel gets 10.77.0.1 on the other side of the device:
    sudo synward guard --tap syn0 --address 10.77.0.2/24 --host-address 10.77.0.1/24 --listen 80 --backend 127.0.0.1:8080

  A persistent device made beforehand, without privileges:
    synward guard --tap syn0 --address 10.77.0.2/24 --listen 80,443 --backend 127.0.0.1:8080 --json

The backend is reached by the kernel's own sockets. Its refusal or silence reaches the client as a reset within
--backend-timeout; a backend whose host vanishes later is noticed within --backend-silence while nothing is sent to it,
and as the kernel gives up retransmitting (net.ipv4.tcp_retries2) while something is. Ctrl-C and SIGTERM stop accepting and let connections finish for --drain; a second one ends at once.
Exit code 0 after a drain, 1 where the device, an address or a port cannot be had.";

/// A hardened front: connections to our own address on a TAP device, relayed to a backend
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The TAP device; made where it does not exist
    #[arg(long, value_name = "NAME")]
    tap: String,
    /// Our own address on the device, with its prefix
    #[arg(long, value_name = "A.B.C.D/LEN")]
    address: Prefix,
    /// The kernel's address on its side of the device: sets it and brings the device up
    #[arg(long, value_name = "A.B.C.D/LEN")]
    host_address: Option<Prefix>,
    /// Router for clients beyond the prefix; the kernel's side where --host-address is given
    #[arg(long, value_name = "ADDRESS")]
    gateway: Option<IpAddr>,
    /// Ports to listen on
    #[arg(long, value_name = "PORT", required = true, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    listen: Vec<u16>,
    /// Where the kernel finds the server
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = backend)]
    backend: SocketAddr,
    /// Longest time for the backend to accept a connection, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    backend_timeout: u64,
    /// Longest time in which the backend's host may answer nothing on a quiet connection, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(4..=7200))]
    backend_silence: u64,
    /// Longest time for connections to finish after Ctrl-C or SIGTERM, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    drain: u64,
    /// Connections waiting to be accepted, for each port
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=65_535))]
    backlog: u32,
    /// Settings file, TOML or .reg
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Settings preset
    #[arg(long, value_name = "NAME", value_parser = super::settings::preset)]
    preset: Option<Preset>,
    /// Without checksum and segmentation offload
    #[arg(long)]
    no_offload: bool,
    /// One JSON object a line instead of text
    #[arg(long)]
    json: bool,
}

/// An address with the length of its prefix.
#[derive(Clone, Copy, Debug)]
struct Prefix {
    address: IpAddr,
    length: u8,
}

impl std::str::FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || format!("{text:?} is not ADDRESS/LENGTH, as 10.77.0.2/24");
        let (address, length) = text.split_once('/').ok_or_else(wanted)?;
        let address: IpAddr = address.parse().map_err(|_| wanted())?;
        let length: u8 = length.parse().map_err(|_| wanted())?;
        if address.is_ipv6() {
            return Err(format!("{text:?}: the stack has no IPv6 yet"));
        }
        if length > 32 {
            return Err(format!("{text:?}: the prefix length is at most 32"));
        }
        Ok(Self { address, length })
    }
}

/// A backend that can be one: nobody listens on port 0.
fn backend(text: &str) -> Result<SocketAddr, String> {
    let backend: SocketAddr =
        text.parse().map_err(|_| "it is not ADDRESS:PORT, as 127.0.0.1:8080".to_owned())?;
    if backend.port() == 0 { Err("port 0 is nobody's".to_owned()) } else { Ok(backend) }
}

pub(crate) fn run(args: Args) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(format_args!("cannot start the runtime: {error}"));
            return output::failed();
        }
    };
    match runtime.block_on(guard(args)) {
        Ok(()) => output::OK,
        Err(message) => {
            output::error(message);
            output::failed()
        }
    }
}

fn open_device(args: &Args) -> Result<Tap, String> {
    let mut options = TapOptions::new(args.tap.clone());
    options.offload = !args.no_offload;
    let tap = Tap::open(&options).map_err(|error| error.to_string())?;
    if let Some(host) = args.host_address {
        let side = tap.host_side();
        side.set_address(host.address, host.length).map_err(|error| error.to_string())?;
        side.set_up(true).map_err(|error| error.to_string())?;
    }
    Ok(tap)
}

async fn guard(args: Args) -> Result<(), String> {
    // Each connection would come back to us as another one.
    if args.backend.ip() == args.address.address {
        return Err(format!(
            "the backend {} is the guard's own address: it would relay to itself",
            args.backend
        ));
    }
    let settings = file::load(args.settings.as_deref(), args.preset)?;
    // Before anybody can see that we listen: whoever sends a signal then gets a drain.
    let mut signals = Signals::catch()?;
    let tap = open_device(&args)?;
    // The kernel chooses the number of a name such as `syn%d`.
    let device = tap.name().to_owned();
    let mut builder =
        Stack::builder(tap).address(format!("{}/{}", args.address.address, args.address.length));
    if let Some(gateway) = args.gateway.or(args.host_address.map(|host| host.address)) {
        builder = builder.gateway(gateway.to_string());
    }
    let stack = builder.settings(settings).spawn().map_err(|error| format!("{device}: {error}"))?;
    let mut listeners = Vec::new();
    for port in &args.listen {
        let local = SocketAddr::new(args.address.address, *port);
        listeners
            .push(listen(&stack, local, args.backlog).await.map_err(|error| format!("{local}: {error}"))?);
    }
    let report = Arc::new(Report::new(args.json));
    report.event(&Event::Listening {
        device: &device,
        address: args.address.address,
        ports: &args.listen,
        backend: args.backend,
    });
    let (stop, stopping) = watch::channel(false);
    let backend = relay::Target {
        address: args.backend,
        timeout: Duration::from_secs(args.backend_timeout),
        silence: Duration::from_secs(args.backend_silence),
    };
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept(listener, backend, report.clone(), stopping.clone()));
    }
    drop(stopping);
    let status = tokio::spawn(report::status(stack.clone(), report.clone()));
    let result = wait_for_end(&mut accepting, &mut signals).await;
    report.event(&Event::Draining { seconds: args.drain });
    let _ = stop.send(true);
    let drained = async { while accepting.join_next().await.is_some() {} };
    tokio::select! {
        () = drained => {}
        () = tokio::time::sleep(Duration::from_secs(args.drain)) => {}
        () = signals.next() => {}
    }
    accepting.abort_all();
    status.abort();
    // What is left after the drain is reset.
    let _ = stack.shutdown(Duration::from_secs(1)).await;
    report.event(&report.ended());
    result
}

async fn listen(stack: &Stack, local: SocketAddr, backlog: u32) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4(stack)?;
    socket.bind(local)?;
    socket.listen(backlog).await
}

/// Until somebody asks for the end, or every listener has failed.
async fn wait_for_end(
    accepting: &mut JoinSet<Result<(), String>>,
    signals: &mut Signals,
) -> Result<(), String> {
    tokio::select! {
        () = signals.next() => Ok(()),
        Some(ended) = accepting.join_next() => match ended {
            Ok(result) => result,
            Err(error) => Err(error.to_string()),
        },
    }
}

/// Ctrl-C and SIGTERM. One value serves the whole run, so that none is lost between two waits.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on both are caught.
    fn catch() -> Result<Self, String> {
        let told = |error: std::io::Error| format!("cannot listen for signals: {error}");
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(told)?,
            terminate: signal(SignalKind::terminate()).map_err(told)?,
        })
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Accepts on one listener until told to stop, then waits for its connections.
async fn accept(
    listener: TcpListener,
    backend: relay::Target,
    report: Arc<Report>,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), String> {
    let mut relays = JoinSet::new();
    let result = loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, peer)) => {
                    let report = report.clone();
                    relays.spawn(async move { report.relay(peer, relay::relay(client, backend)).await });
                }
                Err(error) => break Err(format!("the stack has ended: {error}")),
            },
            Some(_) = relays.join_next() => {}
            _ = stopping.changed() => break Ok(()),
        }
    };
    drop(listener);
    while relays.join_next().await.is_some() {}
    result
}
