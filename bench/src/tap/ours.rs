//! Our stack, driven by hand in one thread.

use super::{Meter, PORT, STACK, Way, kernel, wait};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;
use synward::base::Instant;
use synward::buffer::{Device, Readiness};
use synward::device::{Tap, TapOptions};
use synward::driver::Host;
use synward::shard::HostConfig;
use synward::tcp::Options;

pub(super) fn rate(offload: bool, way: Way) -> Result<f64, String> {
    let tap = Tap::open(&TapOptions { offload, mtu: Some(1500), ..TapOptions::new("synbench0") })
        .map_err(|error| error.to_string())?;
    kernel::configure("synbench0")?;
    let Readiness::Fd(fd) = tap.readiness() else { return Err("no descriptor".to_owned()) };
    let config = HostConfig::new(IpAddr::from(STACK), 24);
    let host = Host::new(config, tap, Instant::ZERO).map_err(|error| error.to_string())?;
    serve(host, fd, way)
}

fn serve(mut host: Host<Tap>, fd: RawFd, way: Way) -> Result<f64, String> {
    let local = SocketAddr::from(([0, 0, 0, 0], PORT));
    let listener = host.listen(local, 4, &Options::default()).map_err(|error| error.to_string())?;
    let told = kernel::start(way);
    let origin = std::time::Instant::now();
    let (mut connection, mut meter) = (None, Meter::new());
    let (source, mut sink) = (vec![7; 262_144], vec![0; 262_144]);
    loop {
        let now = Instant::from_nanos(origin.elapsed().as_nanos() as u64);
        let turn = host.poll(now).map_err(|error| error.to_string())?;
        while host.poll_event().is_some() {}
        connection = connection.or_else(|| host.accept(listener).ok());
        let mut moved = false;
        if let Some((id, _)) = connection {
            match way {
                Way::Receive => {
                    while let Ok(n @ 1..) = host.read(id, &mut sink) {
                        moved = true;
                        if let Some(rate) = meter.add(n) {
                            return Ok(rate);
                        }
                    }
                }
                Way::Send => {
                    while let Ok(1..) = host.write(id, &source) {
                        moved = true;
                    }
                }
            }
        }
        if let Ok(result) = told.try_recv() {
            return result;
        }
        if !moved && !turn.again {
            let most = turn.deadline.map_or(10, |at| (at.since(now).as_millis() as i32).min(10));
            wait(fd, turn.blocked, most);
        }
    }
}
