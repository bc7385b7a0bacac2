//! The network that a command works on: a TAP device, or the embedded network where none is named. Driven by the command
//! itself, by the clock.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use clap::Args;
use synward::base::Instant;
use synward::buffer::Device;
use synward::device::{Interest, Tap, TapOptions};
use synward::driver::{Clock, Host};
use synward::shard::{HostConfig, Turn};
use tokio::signal::unix::{SignalKind, signal};

use super::embedded::{self, Embedded};

/// An address with the length of its on-link prefix, such as 10.77.0.2/24.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cidr {
    pub(crate) address: Ipv4Addr,
    pub(crate) prefix: u8,
}

impl std::str::FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, prefix) =
            text.split_once('/').ok_or("an address needs its prefix length, such as 10.77.0.2/24")?;
        let address = address.parse().map_err(|_| format!("`{address}` is no IPv4 address"))?;
        let prefix =
            prefix.parse().ok().filter(|prefix| *prefix <= 32).ok_or("a prefix length is 0 to 32")?;
        Ok(Self { address, prefix })
    }
}

/// Which device.
#[derive(Args)]
pub(crate) struct DeviceArgs {
    /// TAP device to use; it is made where it does not exist [default: the embedded network]
    #[arg(long, value_name = "NAME", requires = "address")]
    tap: Option<String>,
    /// Our address on the device, with its prefix length
    #[arg(long, value_name = "A/P", requires = "tap")]
    address: Option<Cidr>,
    /// Give the kernel's side of the device this address and bring it up
    #[arg(long, value_name = "A/P", requires = "tap")]
    host_address: Option<Cidr>,
    /// Gateway to other networks
    #[arg(long, value_name = "G", requires = "tap")]
    gateway: Option<Ipv4Addr>,
}

/// Rounds between host and embedded network until the command looks at its input again.
const ROUNDS: usize = 16;

/// A host on a network.
pub(crate) struct Network {
    pub(crate) host: Host<Box<dyn Device>>,
    pub(crate) clock: Clock,
    /// Our address.
    pub(crate) address: Ipv4Addr,
    embedded: Option<Embedded>,
}

impl Network {
    /// Opens what `args` name.
    ///
    /// # Errors
    /// A text for the user: the device, its configuration.
    pub(crate) fn open(args: &DeviceArgs) -> Result<Self, String> {
        let (config, device, address, embedded): (_, Box<dyn Device>, _, _) = match (&args.tap, args.address)
        {
            (Some(name), Some(ours)) => {
                let tap = open_tap(name, args.host_address)?;
                let mut config = HostConfig::new(ours.address.into(), ours.prefix);
                if let Some(gateway) = args.gateway {
                    config = config.gateway(gateway.into());
                }
                (config, Box::new(tap), ours.address, None)
            }
            (None, _) | (_, None) => {
                let (embedded, device) = Embedded::new()?;
                let config =
                    HostConfig::new(embedded::OURS.into(), embedded::PREFIX).gateway(embedded::ROUTER.into());
                (config, Box::new(device), embedded::OURS, Some(embedded))
            }
        };
        let clock = Clock::start();
        let host = Host::new(config, device, clock.now()).map_err(|error| error.to_string())?;
        Ok(Self { host, clock, address, embedded })
    }

    /// Lets everything happen that is due now, and tells the host the time.
    ///
    /// # Errors
    /// The device is gone.
    pub(crate) fn advance(&mut self) -> io::Result<Turn> {
        let now = self.clock.now();
        let turn = self.host.poll(now)?;
        let Some(embedded) = &mut self.embedded else { return Ok(turn) };
        embedded.advance(now);
        for _ in 0..ROUNDS {
            let before = self.host.snapshot().counters.frames_sent;
            let turn = self.host.poll(now)?;
            // What the host said to what the network brought has to reach the network before anybody sleeps.
            if self.host.snapshot().counters.frames_sent == before {
                return Ok(turn);
            }
            embedded.advance(now);
        }
        Ok(Turn { again: true, ..self.host.poll(now)? })
    }

    /// Sleeps until something is due, `until` has come or one of `others` is ready. `turn` is what [`Self::advance`] gave.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn wait(&mut self, turn: &Turn, until: Instant, others: &mut [Interest]) -> io::Result<()> {
        // At most as long as nothing is owed: what the caller started since the turn is sent at once.
        if !self.host.is_idle_after(turn) {
            return synward::device::wait(others, Some(Duration::ZERO));
        }
        let Some(embedded) = &self.embedded else {
            return self.host.sleep(&self.clock, turn, until, others);
        };
        let owed = [turn.deadline, self.host.next_deadline(), embedded.next_event()];
        let at = owed.into_iter().flatten().fold(until, Instant::min);
        synward::device::wait(others, Some(at.since(self.clock.now())))
    }
}

fn open_tap(name: &str, host_address: Option<Cidr>) -> Result<Tap, String> {
    let tap = Tap::open(&TapOptions::new(name)).map_err(|error| error.to_string())?;
    if let Some(cidr) = host_address {
        let side = tap.host_side();
        side.set_address(cidr.address.into(), cidr.prefix)
            .and_then(|()| side.set_up(true))
            .map_err(|error| error.to_string())?;
    }
    Ok(tap)
}

/// Ctrl-C as something to wait for. A command that does not end within a second of it, or at the second one, is ended.
pub(crate) struct Interrupt {
    raised: UnixStream,
}

/// What a shell gives to a command that Ctrl-C ended.
pub(crate) const INTERRUPTED: u8 = 130;
const GRACE: Duration = Duration::from_secs(1);

impl Interrupt {
    /// From now on Ctrl-C is caught.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn catch() -> io::Result<Self> {
        let (raised, raise) = UnixStream::pair()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // Here and not in the thread, which may start after a signal has come.
        let mut signals = runtime.block_on(async { signal(SignalKind::interrupt()) })?;
        std::thread::Builder::new().name("ctrl-c".to_owned()).spawn(move || {
            runtime.block_on(async {
                signals.recv().await;
                // The other end reads as ended.
                drop(raise);
                let _ = tokio::time::timeout(GRACE, signals.recv()).await;
                std::process::exit(i32::from(INTERRUPTED));
            });
        })?;
        Ok(Self { raised })
    }

    /// What to wait for.
    pub(crate) fn interest(&self) -> Interest {
        Interest::readable(self.raw())
    }

    fn raw(&self) -> RawFd {
        self.raised.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_a_prefix_that_fits() {
        let cidr: Cidr = "10.77.0.2/24".parse().unwrap();
        assert_eq!((cidr.address, cidr.prefix), (Ipv4Addr::new(10, 77, 0, 2), 24));
        for wrong in ["10.77.0.2", "10.77.0/24", "10.77.0.2/33", "10.77.0.2/", "::1/64"] {
            assert!(wrong.parse::<Cidr>().is_err(), "{wrong}");
        }
    }
}
