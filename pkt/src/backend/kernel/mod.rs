//! The Linux kernel behind a TUN interface, in real time. The process is put into a network namespace of its own first, so
//! that nothing of the machine is touched; it runs one script and ends.

mod sys;

use super::{Backend, Call, Reply, Sent};
use crate::script::Micros;
use crate::settings::Config;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};
use synward::device::HostSide;
use synward::settings::{Kind, Setting, Value};

const INTERFACE: &str = "tun0";

/// How far the kernel's packets may be from a script's times: its timers are coarse, and the machine has other work.
const TOLERANCE: Micros = 15_000;

/// Longest wait at once: the kernel may be late by a share of it, which is large for a process of low priority.
const NAP: Duration = Duration::from_millis(100);

/// The kernel.
#[derive(Debug)]
pub struct Kernel {
    tun: File,
    start: Instant,
    /// Sent and not yet told.
    sent: VecDeque<Sent>,
    pending: Option<Receiver<(Instant, Reply)>>,
}

impl Kernel {
    /// Makes the namespace with the interface, and applies the settings of a script.
    ///
    /// # Errors
    /// The machine refuses, or the script has a setting that this kernel does not know: which.
    pub fn new(config: &Config) -> Result<Self, String> {
        sys::enter_namespace().map_err(|error| format!("no network namespace is to be had: {error}"))?;
        HostSide::new("lo").set_up(true).map_err(|error| error.to_string())?;
        let tun = sys::open_tun(INTERFACE).map_err(|error| format!("/dev/net/tun: {error}"))?;
        let side = HostSide::new(INTERFACE);
        // A prefix of one bit: the peer, wherever it is in that half, is on the link.
        let configured = side
            .set_mtu(usize::from(config.mtu))
            .and_then(|()| side.set_address(config.local.into(), 1))
            .and_then(|()| side.set_up(true));
        configured.map_err(|error| error.to_string())?;
        for (name, value) in parameters(config)? {
            write_parameter(&name, &value)?;
        }
        Ok(Self { tun, start: Instant::now(), sent: VecDeque::new(), pending: None })
    }

    fn at(&self, instant: Instant) -> Micros {
        instant.saturating_duration_since(self.start).as_micros() as Micros
    }

    /// Takes what the interface has, waiting until `until` for the first packet.
    fn read(&mut self, until: Micros) -> io::Result<()> {
        let rest = Duration::from_micros(until.saturating_sub(self.now()));
        // While a call waits in its thread, its end is looked for now and then.
        let nap = rest.min(if self.pending.is_some() { Duration::from_millis(1) } else { NAP });
        if !sys::wait_readable(self.tun.as_fd(), nap)? {
            return Ok(());
        }
        let mut buffer = vec![0; 65_536];
        let len = self.tun.read(&mut buffer)?;
        buffer.truncate(len);
        let at = self.now();
        // What is no IPv4 (the interface's own router solicitations) is nobody's.
        if buffer.first().is_some_and(|first| first >> 4 == 4) {
            self.sent.push_back(Sent { at, bytes: buffer });
        }
        Ok(())
    }
}

/// The kernel's parameters for the settings of a script.
fn parameters(config: &Config) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    for (setting, value) in &config.changed {
        // Named for the kernel by the script itself: nothing else is wanted.
        if setting.linux.iter().any(|name| config.linux.iter().any(|(own, _)| own == name)) {
            continue;
        }
        found.push(parameter(setting, value)?);
    }
    found.extend(config.linux.iter().cloned());
    Ok(found)
}

fn parameter(setting: &'static Setting, value: &Value) -> Result<(String, String), String> {
    let missing = || format!("no such setting: {} has no counterpart in Linux", setting.name);
    let name = *setting.linux.first().ok_or_else(missing)?;
    let text = match (value, setting.kind) {
        (Value::Switch(on), Kind::Switch) => u8::from(*on).to_string(),
        (Value::Number(number), _) => number.to_string(),
        (Value::Word(word), _) => word.to_string(),
        (Value::Duration(time), _) if name.ends_with("_us") => time.as_micros().to_string(),
        (Value::Duration(time), _) if name.ends_with("_ms") => time.as_millis().to_string(),
        (Value::Duration(time), _) => time.as_secs().to_string(),
        _ => return Err(missing()),
    };
    Ok((name.to_owned(), text))
}

fn write_parameter(name: &str, value: &str) -> Result<(), String> {
    let path = format!("/proc/sys/{}", name.replace('.', "/"));
    fs::write(&path, value).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("no such setting: this kernel has no {name}"),
        _ => format!("cannot set {name} to {value}: {error}"),
    })
}

impl Backend for Kernel {
    fn now(&self) -> Micros {
        self.at(Instant::now())
    }

    fn inject(&mut self, datagram: &[u8]) -> io::Result<()> {
        self.tun.write_all(datagram)
    }

    fn next_sent(&mut self, until: Micros) -> io::Result<Option<Sent>> {
        loop {
            if let Some(sent) = self.sent.pop_front() {
                return Ok(Some(sent));
            }
            let before = self.now();
            // What is there already is taken in any case.
            self.read(until)?;
            if self.sent.is_empty() && before >= until {
                return Ok(None);
            }
        }
    }

    fn call(&mut self, call: Call) -> io::Result<Reply> {
        Ok(sys::perform(call))
    }

    fn start(&mut self, call: Call) -> io::Result<()> {
        let (sender, receiver) = mpsc::channel();
        // It ends with the process, if not before.
        thread::Builder::new().name("call".to_owned()).spawn(move || {
            let reply = sys::perform(call);
            // The script may have failed meanwhile.
            let _ = sender.send((Instant::now(), reply));
        })?;
        self.pending = Some(receiver);
        // Let it begin before anything else happens.
        thread::sleep(Duration::from_millis(1));
        Ok(())
    }

    fn finished(&mut self) -> Option<(Micros, Reply)> {
        let receiver = self.pending.as_ref()?;
        match receiver.try_recv() {
            Ok((at, reply)) => {
                self.pending = None;
                Some((self.at(at), reply))
            }
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                self.pending = None;
                None
            }
        }
    }

    fn tolerance(&self) -> Micros {
        TOLERANCE
    }
}
