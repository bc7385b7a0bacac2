//! `synward telnet`: the article's own command. It connects, says beforehand how long that can take, and relays lines.

mod protocol;

use std::io::{self, BufRead, IsTerminal, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use synward::base::Instant;
use synward::device::Interest;
use synward::shard::{ConnId, Event};
use synward::tcp::{CloseReason, IoError, Options};

use super::embedded;
use super::network::{DeviceArgs, INTERRUPTED, Interrupt, Network};
use crate::output;
use protocol::Receiver;

/// Arguments of `synward telnet`.
#[derive(Parser)]
#[command(after_help = embedded::MAP)]
pub(crate) struct Args {
    /// Where to connect to
    #[arg(id = "destination", value_name = "ADDRESS")]
    address: Ipv4Addr,
    /// Port
    #[arg(default_value_t = 23, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Bytes towards the peer above which neither the terminal nor the peer is read: it has not taken the ones before.
const BACK_PRESSURE: usize = 64 * 1024;
/// How long the end of a connection may take until the command leaves all the same.
const FAREWELL: Duration = Duration::from_millis(500);

/// Runs it: 0 after an orderly end, 1 where the connection failed.
pub(crate) fn run(args: Args) -> ExitCode {
    let result = Session::open(&args).and_then(|mut session| {
        let end = session.run();
        session.leave();
        end
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            output::note(error);
            output::failed()
        }
    }
}

struct Session {
    network: Network,
    interrupt: Interrupt,
    remote: SocketAddr,
    id: ConnId,
    connected: bool,
    /// Why the connection is over.
    closed: Option<CloseReason>,
    receiver: Receiver,
    /// To the peer.
    out: Vec<u8>,
    input_open: bool,
    shut: bool,
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

impl Session {
    fn open(args: &Args) -> Result<Self, String> {
        let mut network = Network::open(&args.device)?;
        let interrupt = Interrupt::catch().map_err(text)?;
        let remote = SocketAddr::from((args.address, args.port));
        let _ = network.advance().map_err(text)?;
        let bound = network.host.connect_bound().as_secs_f64();
        output::note(format_args!("Trying {remote} from {} (at most {bound:.0} s) ...", network.address));
        let id =
            network.host.connect(remote, &Options { nodelay: true, ..Options::default() }).map_err(text)?;
        Ok(Self {
            network,
            interrupt,
            remote,
            id,
            connected: false,
            closed: None,
            receiver: Receiver::default(),
            out: Vec::new(),
            input_open: true,
            shut: false,
        })
    }

    fn run(&mut self) -> Result<ExitCode, String> {
        loop {
            let turn = self.network.advance().map_err(text)?;
            self.take_events()?;
            if self.connected {
                let ended = self.receive()?;
                self.send();
                if ended {
                    output::note(format_args!("Connection closed by {}.", self.remote));
                    return Ok(output::OK);
                }
                if let Some(reason) = self.closed {
                    return match reason.kind() {
                        None => Ok(output::OK),
                        Some(_) => Err(format!("{}: {reason}", self.remote)),
                    };
                }
            }
            let wants_input = self.connected && self.input_open && self.out.len() < BACK_PRESSURE;
            let stdin = Interest::readable(io::stdin().as_raw_fd());
            let mut others = [self.interrupt.interest(), stdin];
            let used = if wants_input { &mut others[..] } else { &mut others[..1] };
            self.network.wait(&turn, Instant::FAR_FUTURE, used).map_err(text)?;
            if others[0].is_ready() {
                return Ok(ExitCode::from(INTERRUPTED));
            }
            if others[1].is_ready() {
                self.take_input();
            }
        }
    }

    fn take_events(&mut self) -> Result<(), String> {
        while let Some(event) = self.network.host.poll_event() {
            match event {
                Event::Connected(_) => {
                    self.connected = true;
                    let hint = if io::stdin().is_terminal() { " Ctrl-C ends it." } else { "" };
                    output::note(format_args!("Connected to {}.{hint}", self.remote));
                }
                Event::ConnectFailed(_, error) => return Err(error.to_string()),
                Event::Closed(_, reason) => self.closed = Some(reason),
                Event::Readable(_)
                | Event::Writable(_)
                | Event::Incoming(_)
                | Event::Pong(_)
                | Event::PingFailed(..)
                | Event::Protection(_) => {}
            }
        }
        Ok(())
    }

    /// Prints what came; whether that was all.
    fn receive(&mut self) -> Result<bool, String> {
        let mut bytes = [0; 4096];
        while self.out.len() < BACK_PRESSURE {
            match self.network.host.read(self.id, &mut bytes) {
                Ok(0) => return Ok(true),
                Ok(n) => {
                    let mut text_bytes = Vec::with_capacity(n);
                    self.receiver.take(&bytes[..n], &mut text_bytes, &mut self.out);
                    let mut stdout = io::stdout().lock();
                    stdout
                        .write_all(&text_bytes)
                        .and_then(|()| stdout.flush())
                        .map_err(|error| format!("standard output: {error}"))?;
                }
                Err(IoError::WouldBlock | IoError::Shutdown | IoError::Ended) => break,
            }
        }
        Ok(false)
    }

    fn send(&mut self) {
        while !self.out.is_empty() {
            match self.network.host.write(self.id, &self.out) {
                Ok(n) => drop(self.out.drain(..n)),
                // An end is told by its event.
                Err(IoError::WouldBlock | IoError::Shutdown | IoError::Ended) => return,
            }
        }
        if !self.input_open && !self.shut {
            self.shut = true;
            // It fails only where the connection has ended, which is told by its event.
            let _ = self.network.host.shutdown(self.id);
        }
    }

    fn take_input(&mut self) {
        let mut stdin = io::stdin().lock();
        // All that one read brought is taken, so that nothing stays unseen in the buffer while we wait for the descriptor.
        match stdin.fill_buf() {
            Ok(bytes) if !bytes.is_empty() => {
                protocol::send(bytes, &mut self.out);
                let n = bytes.len();
                stdin.consume(n);
            }
            Ok(_) => self.input_open = false,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.input_open = false,
        }
        drop(stdin);
        self.send();
    }

    /// Gives the connection up and lets its end go out.
    fn leave(&mut self) {
        self.network.host.close(self.id);
        let deadline = self.network.clock.now() + FAREWELL;
        while self.network.host.snapshot().connections > 0 && self.network.clock.now() < deadline {
            let Ok(turn) = self.network.advance() else { return };
            if self.network.host.snapshot().connections == 0
                || self.network.wait(&turn, deadline, &mut []).is_err()
            {
                return;
            }
        }
    }
}
