//! The kernel's end: a plain socket in a thread.

use super::{KERNEL, Meter, PORT, STACK, Way};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use synward::device::HostSide;

/// Gives the interface its address and brings it up.
pub(super) fn configure(name: &str) -> Result<(), String> {
    let host = HostSide::new(name);
    host.set_mtu(1500).map_err(|error| error.to_string())?;
    host.set_address(IpAddr::from(KERNEL), 24).map_err(|error| error.to_string())?;
    host.set_up(true).map_err(|error| error.to_string())
}

/// Connects to the stack and moves bytes until it is told to stop; for a stack that sends, the rate at which they arrive comes
/// through the channel.
pub(super) fn start(way: Way) -> Receiver<Result<f64, String>> {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let result = run(way);
        if let Some(result) = result.transpose() {
            let _ = tell.send(result);
        }
    });
    told
}

fn run(way: Way) -> Result<Option<f64>, String> {
    let to = SocketAddr::from((STACK, PORT));
    let mut stream = TcpStream::connect_timeout(&to, Duration::from_secs(5))
        .map_err(|error| format!("connect: {error}"))?;
    let mut chunk = vec![7; 262_144];
    let mut meter = Meter::new();
    loop {
        match way {
            Way::Receive => stream.write_all(&chunk).map_err(|error| format!("write: {error}"))?,
            Way::Send => match stream.read(&mut chunk).map_err(|error| format!("read: {error}"))? {
                0 => return Err("the stack closed".to_owned()),
                n => {
                    if let Some(rate) = meter.add(n) {
                        return Ok(Some(rate));
                    }
                }
            },
        }
    }
}
