//! The TAP device and the stack on it.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use synward::device::tap::{Tap, TapOptions};
use synward::settings::Preset;
use synward::socket::Stack;

use crate::commands::settings::{self, file};

/// Which device, our place on it, and the stack's settings.
#[derive(Args)]
pub(crate) struct DeviceArgs {
    /// The TAP device; made where it does not exist
    #[arg(long, value_name = "NAME")]
    tap: String,
    /// Our own address on the device, with its prefix
    #[arg(long, value_name = "A.B.C.D/LEN")]
    pub(crate) address: Prefix,
    /// The kernel's address on its side of the device: sets it and brings the device up
    #[arg(long, value_name = "A.B.C.D/LEN")]
    host_address: Option<Prefix>,
    /// Router for peers beyond the prefix; the kernel's side where --host-address is given
    #[arg(long, value_name = "ADDRESS")]
    gateway: Option<IpAddr>,
    /// Settings file, TOML or .reg
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Settings preset
    #[arg(long, value_name = "NAME", value_parser = settings::preset)]
    preset: Option<Preset>,
    /// Without checksum and segmentation offload
    #[arg(long)]
    no_offload: bool,
}

/// An address with the length of its prefix.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefix {
    pub(crate) address: IpAddr,
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

impl DeviceArgs {
    /// Starts a stack on the device; it, and the device's name: of one such as `syn%d` the kernel chooses the number.
    ///
    /// # Errors
    /// A text for the user: the settings, the device, the address.
    pub(crate) fn spawn(&self) -> Result<(Stack, String), String> {
        let settings = file::load(self.settings.as_deref(), self.preset)?;
        let tap = self.open()?;
        let device = tap.name().to_owned();
        let mut builder = Stack::builder(tap)
            .address(format!("{}/{}", self.address.address, self.address.length))
            .settings(settings);
        if let Some(gateway) = self.gateway.or(self.host_address.map(|host| host.address)) {
            builder = builder.gateway(gateway.to_string());
        }
        let stack = builder.spawn().map_err(|error| format!("{device}: {error}"))?;
        Ok((stack, device))
    }

    fn open(&self) -> Result<Tap, String> {
        let mut options = TapOptions::new(self.tap.clone());
        options.offload = !self.no_offload;
        let tap = Tap::open(&options).map_err(|error| error.to_string())?;
        if let Some(host) = self.host_address {
            let side = tap.host_side();
            side.set_address(host.address, host.length).map_err(|error| error.to_string())?;
            side.set_up(true).map_err(|error| error.to_string())?;
        }
        Ok(tap)
    }
}
