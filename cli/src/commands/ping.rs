//! `synward ping`: echo requests from the stack, in the manner of ping(8).

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use serde_json::json;
use synward::base::Instant;
use synward::shard::{Event, PingError, Pong};

use super::embedded;
use super::network::{DeviceArgs, Interrupt, Network};
use crate::output;

/// Arguments of `synward ping`.
#[derive(Parser)]
#[command(after_help = embedded::MAP)]
pub(crate) struct Args {
    /// Whom to ask
    #[arg(id = "destination", value_name = "ADDRESS")]
    address: Ipv4Addr,
    /// Requests to send [default: until Ctrl-C]
    #[arg(short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// Seconds between requests, 0.01 to 3600
    #[arg(short, value_name = "SECS", default_value = "1", value_parser = seconds)]
    interval: Duration,
    /// Seconds to wait for each reply, 0.01 to 3600
    #[arg(short = 'W', value_name = "SECS", default_value = "4", value_parser = seconds)]
    wait: Duration,
    /// Bytes of payload, 0 to 65507; what exceeds the device's MTU goes in fragments
    #[arg(short, value_name = "BYTES", default_value_t = 56, value_parser = clap::value_parser!(u16).range(0..=65507))]
    size: u16,
    #[command(flatten)]
    device: DeviceArgs,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let value: f64 = text.parse().map_err(|_| format!("`{text}` is no number of seconds"))?;
    if (0.01..=3600.0).contains(&value) {
        Ok(Duration::from_secs_f64(value))
    } else {
        Err("0.01 to 3600 seconds".to_owned())
    }
}

/// Runs it: 0 where any reply came.
pub(crate) fn run(args: Args) -> ExitCode {
    match Session::new(&args).and_then(|mut session| session.run()) {
        Ok(replied) => output::ok_if(replied),
        Err(error) => {
            output::error(error);
            output::failed()
        }
    }
}

struct Session<'a> {
    args: &'a Args,
    network: Network,
    sent: u32,
    /// Requests whose end is still to come.
    waiting: u32,
    times: Vec<Duration>,
}

/// IPv4 and ICMP headers before the payload, in bytes.
const HEADERS: usize = 28;

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

impl<'a> Session<'a> {
    fn new(args: &'a Args) -> Result<Self, String> {
        Ok(Self { args, network: Network::open(&args.device)?, sent: 0, waiting: 0, times: Vec::new() })
    }

    fn run(&mut self) -> Result<bool, String> {
        let (to, size) = (self.args.address, self.args.size);
        let interrupt = Interrupt::catch().map_err(|error| error.to_string())?;
        if !self.args.json {
            output::line(format_args!(
                "PING {to} ({to}) {size}({}) bytes of data.",
                usize::from(size) + HEADERS
            ));
        }
        let start = self.network.clock.now();
        let mut next = start;
        loop {
            let mut turn = self.network.advance().map_err(|error| error.to_string())?;
            let now = self.network.clock.now();
            let all_sent = self.args.count.is_some_and(|count| self.sent >= count);
            if now >= next && !all_sent {
                self.send()?;
                // Late requests are not made up for.
                next = (next + self.args.interval).max(now);
                turn = self.network.advance().map_err(|error| error.to_string())?;
            }
            self.take_events();
            let all_sent = self.args.count.is_some_and(|count| self.sent >= count);
            if all_sent && self.waiting == 0 {
                break;
            }
            let until = if all_sent { Instant::FAR_FUTURE } else { next };
            let mut others = [interrupt.interest()];
            self.network.wait(&turn, until, &mut others).map_err(|error| error.to_string())?;
            if others[0].is_ready() {
                break;
            }
        }
        self.summary(self.network.clock.now().since(start));
        Ok(!self.times.is_empty())
    }

    fn send(&mut self) -> Result<(), String> {
        self.sent += 1;
        // The field has 16 bits; a reply that is 65 536 requests late would be taken for a newer one.
        let sequence = self.sent as u16;
        let identifier = std::process::id() as u16;
        let Args { address, size, wait, .. } = self.args;
        match self.network.host.ping((*address).into(), identifier, sequence, usize::from(*size), *wait) {
            Ok(()) => self.waiting += 1,
            // These do not change while the command runs.
            Err(error @ (PingError::NoRoute(_) | PingError::NotUnicast(_))) => return Err(error.to_string()),
            Err(error) => self.failure(sequence, &error),
        }
        Ok(())
    }

    fn take_events(&mut self) {
        while let Some(event) = self.network.host.poll_event() {
            match event {
                Event::Pong(pong) => {
                    self.waiting = self.waiting.saturating_sub(1);
                    self.times.push(pong.round_trip);
                    self.reply(&pong);
                }
                Event::PingFailed(_, sequence, error) => {
                    self.waiting = self.waiting.saturating_sub(1);
                    self.failure(sequence, &error);
                }
                Event::Connected(_)
                | Event::ConnectFailed(..)
                | Event::Readable(_)
                | Event::Writable(_)
                | Event::Closed(..)
                | Event::Incoming(_)
                | Event::Protection(_) => {}
            }
        }
    }

    fn reply(&self, pong: &Pong) {
        let Pong { from, sequence, bytes, ttl, .. } = pong;
        let time = millis(pong.round_trip);
        if self.args.json {
            output::line(json!({
                "event": "reply", "from": from.to_string(), "sequence": sequence, "bytes": bytes,
                "ttl": ttl, "ms": time,
            }));
        } else {
            // ping(8) counts the ICMP header of 8 bytes.
            let bytes = bytes + 8;
            output::line(format_args!(
                "{bytes} bytes from {from}: icmp_seq={sequence} ttl={ttl} time={time:.3} ms"
            ));
        }
    }

    fn failure(&self, sequence: u16, error: &PingError) {
        if self.args.json {
            output::line(json!({ "event": "failure", "sequence": sequence, "error": error.to_string() }));
        } else {
            output::line(format_args!("icmp_seq={sequence} {error}"));
        }
    }

    fn summary(&self, took: Duration) {
        let (sent, received) = (self.sent, self.times.len() as u32);
        let loss = f64::from(sent - received.min(sent)) / f64::from(sent.max(1)) * 100.0;
        let sum: Duration = self.times.iter().sum();
        let average = sum.checked_div(received).unwrap_or_default();
        let deviation = |time: &Duration| time.as_secs_f64() - average.as_secs_f64();
        let variance =
            self.times.iter().map(|time| deviation(time).powi(2)).sum::<f64>() / f64::from(received.max(1));
        let deviation = millis(Duration::from_secs_f64(variance.sqrt()));
        let (least, most) = (self.times.iter().min(), self.times.iter().max());
        let times = least.zip(most).map(|(least, most)| [*least, average, *most].map(millis));
        if self.args.json {
            output::line(json!({
                "event": "summary", "to": self.args.address.to_string(), "sent": sent, "received": received,
                "loss_percent": loss,
                "ms": times.map(|[min, avg, max]| json!({ "min": min, "avg": avg, "max": max, "mdev": deviation })),
            }));
            return;
        }
        output::line(format_args!("\n--- {} ping statistics ---", self.args.address));
        output::line(format_args!(
            "{sent} packets transmitted, {received} received, {loss:.0}% packet loss, time {}ms",
            took.as_millis()
        ));
        if let Some([min, avg, max]) = times {
            output::line(format_args!("rtt min/avg/max/mdev = {min:.3}/{avg:.3}/{max:.3}/{deviation:.3} ms"));
        }
    }
}
