//! The options of a script: the runner's own, and the stack's settings by any of their names.

use crate::error::{Error, Pos};
use crate::expect::Rules;
use crate::script::{Micros, Script};
use std::net::Ipv4Addr;
use synward::settings::{Kind, Preset, Setting, Settings, Value, registry};

/// What a script's options amount to.
#[derive(Clone, Debug)]
pub struct Config {
    /// The stack's address.
    pub local: Ipv4Addr,
    /// The peer's address.
    pub remote: Ipv4Addr,
    /// The port of `bind(…, ..., ...)`.
    pub bind_port: u16,
    /// The port of `connect(…, ..., ...)`.
    pub connect_port: u16,
    /// Largest datagram.
    pub mtu: u16,
    /// Where the script gives one.
    pub tolerance: Option<Micros>,
    /// How packets are compared.
    pub rules: Rules,
    /// The number on the wire of the peer's sequence number 0.
    pub remote_shift: u32,
    /// The preset that the stack's settings stand on.
    pub preset: Preset,
    /// The stack's settings that the script changes.
    pub changed: Vec<(&'static Setting, Value)>,
    /// Parameters for the Linux kernel alone.
    pub linux: Vec<(String, String)>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            local: Ipv4Addr::new(192, 168, 0, 1),
            remote: Ipv4Addr::new(192, 0, 2, 1),
            bind_port: 8080,
            connect_port: 8080,
            mtu: 1500,
            tolerance: None,
            rules: Rules::default(),
            remote_shift: 0,
            preset: Preset::default(),
            changed: Vec::new(),
            linux: Vec::new(),
        }
    }
}

impl Config {
    /// Reads the options of a script.
    ///
    /// # Errors
    /// One that is not known, or a value that it cannot have.
    pub fn of(script: &Script) -> Result<Self, Error> {
        let mut config = Self::default();
        for script::Setting { pos, name, value } in &script.settings {
            config.set(*pos, name, value)?;
        }
        Ok(config)
    }

    fn set(&mut self, pos: Pos, name: &str, value: &str) -> Result<(), Error> {
        match name {
            "ip_version" if value == "ipv4" => {}
            "ip_version" => return Err(Error::new(pos, format!("{value}: only ipv4 is there"))),
            "local_ip" => self.local = read(pos, name, value)?,
            "remote_ip" => self.remote = read(pos, name, value)?,
            "bind_port" => self.bind_port = read(pos, name, value)?,
            "connect_port" => self.connect_port = read(pos, name, value)?,
            "mtu" => self.mtu = read(pos, name, value)?,
            "tolerance_usecs" => self.tolerance = Some(read(pos, name, value)?),
            "remote_isn" => self.remote_shift = read(pos, name, value)?,
            "strict_options" => self.rules.strict_options = true,
            "preset" => self.preset = read(pos, name, value)?,
            other => match other.strip_prefix("linux.") {
                Some(linux) => self.linux.push((linux.to_owned(), value.to_owned())),
                None => self.setting(pos, name, value)?,
            },
        }
        Ok(())
    }

    fn setting(&mut self, pos: Pos, name: &str, value: &str) -> Result<(), Error> {
        let found = registry::find(name);
        if found.is_empty() {
            let near = registry::suggest(name);
            let near = near.first().map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            return Err(Error::new(pos, format!("--{name} is no option and no setting{near}")));
        }
        for setting in found {
            let parsed = parse(setting, name, value).ok_or_else(|| {
                Error::new(pos, format!("--{name} is {}, not {value}", setting.kind.expects()))
            })?;
            setting.check(self.preset, &parsed).map_err(|error| Error::new(pos, error.to_string()))?;
            self.changed.push((setting, parsed));
        }
        Ok(())
    }

    /// The stack's settings.
    ///
    /// # Errors
    /// Values that do not go together; they were checked one by one.
    pub fn settings(&self) -> Result<Settings, String> {
        let mut settings = self.preset.settings();
        for (setting, value) in &self.changed {
            setting.set(&mut settings, self.preset, value).map_err(|error| error.to_string())?;
        }
        Ok(settings)
    }
}

use crate::script;

fn read<T: std::str::FromStr>(pos: Pos, name: &str, value: &str) -> Result<T, Error> {
    value.parse().map_err(|_| Error::new(pos, format!("--{name} cannot be `{value}`")))
}

/// A value as a person writes it: numbers and words in any kind; a bit of a number where NT keeps several settings in one.
fn parse(setting: &'static Setting, name: &str, value: &str) -> Option<Value> {
    let bit = setting.nt.iter().find(|nt| nt.name.eq_ignore_ascii_case(name)).and_then(|nt| nt.bit);
    match (value.parse::<u64>(), bit) {
        (Ok(number), Some(bit)) => Some(Value::Switch(number >> bit & 1 == 1)),
        (Ok(number), None) if !matches!(setting.kind, Kind::Duration(_)) => setting.kind.of_number(number),
        _ => setting.kind.of_text(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<Config, Error> {
        Config::of(&Script::parse("x.pkt", text).unwrap())
    }

    #[test]
    fn settings_have_all_their_names() {
        let text = "--mtu=1000\n--SynAttackProtect=1\n--Tcp1323Opts=2\n--tcp.delayed-ack=100ms\n--tcp_sack=0\n\
                    --linux.net.ipv4.tcp_sack=0\n--tcp.initial-window=2\n--cookies=always\n";
        let text = text.replace("--cookies=", "--admission.syn-cookies=");
        let known = registry::all().any(|setting| setting.name == "admission.syn-cookies");
        let text = if known { text } else { text.replace("--admission.syn-cookies=always\n", "") };
        let config = config(&text).unwrap();
        assert_eq!(config.mtu, 1000);
        let settings = config.settings().unwrap();
        assert!(!settings.tcp.window_scaling && settings.tcp.timestamps && !settings.tcp.sack);
        assert_eq!(settings.tcp.delayed_ack, std::time::Duration::from_millis(100));
        assert_eq!(settings.tcp.initial_window, 2);
        assert_eq!(config.linux, [("net.ipv4.tcp_sack".to_owned(), "0".to_owned())]);
    }

    #[test]
    fn a_wrong_option_is_told_where_it_stands() {
        let error = config("--mtu=1000\n--tcp_sak=0\n").unwrap_err();
        assert_eq!(error.pos.line, 2);
        assert!(error.message.contains("did you mean"), "{error}");
        assert!(config("--mtu=x").unwrap_err().message.contains("cannot be `x`"));
        assert!(config("--tcp.dup-ack-threshold=0").unwrap_err().message.contains("range"));
    }
}
