//! What `--so_flags` says: `key=value`, separated by commas or blanks. A key is one of ours or a setting's name.

use super::sysctl::{self, Sysctls};
use core::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use synward::settings::{Document, Format, Preset, Settings, Value, registry};

/// What a script's stack is.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Config {
    pub(crate) local: IpAddr,
    pub(crate) prefix_len: u8,
    pub(crate) mtu: usize,
    pub(crate) seed: u64,
    preset: Preset,
    sysctls: Sysctls,
    /// Settings by name, in the order of the flags.
    named: Vec<(String, String)>,
}

impl Default for Config {
    /// The addresses that the tool's own documentation uses.
    fn default() -> Self {
        Self {
            local: IpAddr::V4(Ipv4Addr::new(192, 168, 0, 1)),
            prefix_len: 16,
            mtu: 1500,
            seed: 1,
            preset: Preset::default(),
            sysctls: Sysctls::Differing,
            named: Vec::new(),
        }
    }
}

impl Config {
    /// Reads the flags.
    ///
    /// # Errors
    /// What is wrong and what would be right, for a person.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut config = Self::default();
        let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
        for word in words {
            let Some((key, value)) = word.split_once('=') else {
                return Err(format!("\"{word}\" is no key=value, such as local_ip=192.168.0.1"));
            };
            config.set(key, value)?;
        }
        // What is wrong with a setting is said now, and not at the first socket.
        config.load(&[])?;
        Ok(config)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{key}={value}: {what}"));
        match key {
            "local_ip" => match value.parse() {
                Ok(local) => self.local = local,
                Err(_) => return wrong("not an IP address"),
            },
            "netmask_ip" => match value.parse::<Ipv4Addr>().ok().and_then(prefix_of) {
                Some(len) => self.prefix_len = len,
                None => return wrong("not a netmask, such as 255.255.0.0"),
            },
            "mtu" => match value.parse() {
                Ok(mtu @ 68..=65_535) => self.mtu = mtu,
                Ok(_) | Err(_) => return wrong("not an MTU of 68 to 65535 bytes"),
            },
            "seed" => match value.parse() {
                Ok(seed) => self.seed = seed,
                Err(_) => return wrong("not a whole number"),
            },
            "preset" => match value.parse() {
                Ok(preset) => self.preset = preset,
                Err(error) => return Err(format!("{key}={value}: {error}")),
            },
            "sysctl" => match value {
                "differing" => self.sysctls = Sysctls::Differing,
                "all" => self.sysctls = Sysctls::All,
                "off" => self.sysctls = Sysctls::Off,
                _ => return wrong("not one of differing, all, off"),
            },
            name if registry::by_name(name).is_some() => {
                self.named.push((name.to_owned(), value.to_owned()));
            }
            _ => {
                return Err(format!(
                    "there is no flag \"{key}\"; there are local_ip, netmask_ip, mtu, seed, preset, sysctl and the \
                     names of settings, such as tcp.delayed-ack"
                ));
            }
        }
        Ok(())
    }

    /// A router on our link: any address of it that is not our own.
    pub(crate) fn gateway(&self) -> IpAddr {
        match self.local {
            IpAddr::V4(local) => IpAddr::V4(Ipv4Addr::from_bits(local.to_bits() ^ 2)),
            IpAddr::V6(local) => IpAddr::V6(local),
        }
    }

    /// The settings of this moment: the preset, what the namespace's sysctls say, and what the flags say.
    pub(crate) fn settings(&self) -> Settings {
        let found = sysctl::read(Path::new("/proc/sys/net"), self.sysctls);
        self.load(&found).unwrap_or_else(|wrong| {
            // A value that the kernel takes and we do not: the rest still holds.
            eprintln!("synward: {wrong}");
            self.load(&[]).unwrap_or_default()
        })
    }

    /// The preset with `first` and then the named settings put into it.
    fn load(&self, first: &[(&'static str, String)]) -> Result<Settings, String> {
        let mut text = String::new();
        let named = self.named.iter().map(|(name, value)| (name.as_str(), value));
        let mut all: Vec<(&str, &String)> = Vec::new();
        for (name, value) in first.iter().map(|(name, value)| (*name, value)).chain(named) {
            all.retain(|(known, _)| *known != name);
            all.push((name, value));
        }
        for (name, value) in all {
            let Some(setting) = registry::by_name(name) else { continue };
            let Some(value) = setting.kind.of_text(value) else {
                return Err(format!("{name}={value}: this is {}", setting.kind.expects()));
            };
            // Writing to a text cannot fail.
            let _ = match &value {
                Value::Switch(on) => writeln!(text, "{name} = {on}"),
                Value::Number(number) => writeln!(text, "{name} = {number}"),
                Value::Duration(time) => {
                    writeln!(text, "{name} = \"{}\"", synward::settings::format_duration(*time))
                }
                Value::Word(word) => writeln!(text, "{name} = \"{word}\""),
                Value::List(_) => return Err(format!("{name}: a list cannot be given by a flag")),
            };
        }
        let loaded = Document::parse(text.as_bytes(), Format::Toml).load(Some(self.preset));
        if loaded.has_errors() {
            let said: Vec<_> = loaded.diagnostics.iter().map(|found| found.message.clone()).collect();
            return Err(said.join("; "));
        }
        Ok(loaded.settings)
    }
}

/// The length of the prefix that a netmask stands for.
fn prefix_of(mask: Ipv4Addr) -> Option<u8> {
    let len = mask.to_bits().leading_ones();
    (mask.to_bits().count_ones() == len).then_some(len as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn flags_name_addresses_presets_and_settings() {
        let config =
            Config::parse("local_ip=10.1.2.3,netmask_ip=255.255.255.0 mtu=9000 tcp.delayed-ack=20ms")
                .unwrap();
        assert_eq!(
            (config.local.to_string(), config.prefix_len, config.mtu),
            ("10.1.2.3".to_owned(), 24, 9000)
        );
        assert_eq!(config.gateway().to_string(), "10.1.2.1");
        let settings = config.load(&[("tcp.sack", "0".to_owned())]).unwrap();
        assert_eq!(settings.tcp.delayed_ack, Duration::from_millis(20));
        assert!(!settings.tcp.sack);
        assert_eq!(Config::parse(""), Ok(Config::default()));
    }

    #[test]
    fn a_flag_wins_over_a_sysctl() {
        let config = Config::parse("tcp.sack=true").unwrap();
        assert!(config.load(&[("tcp.sack", "0".to_owned())]).unwrap().tcp.sack);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (flags, part) in [
            ("local_ip", "key=value"),
            ("local_ip=here", "not an IP address"),
            ("netmask_ip=255.0.255.0", "netmask"),
            ("mtu=10", "68 to 65535"),
            ("preset=vms", "no preset"),
            ("sysctl=some", "differing, all, off"),
            ("tcp.nonsense=1", "no flag"),
            ("tcp.delayed-ack=soon", "a time such as"),
            ("tcp.delayed-ack=50s", "tcp.delayed-ack"),
        ] {
            let error = Config::parse(flags).unwrap_err();
            assert!(error.contains(part), "{flags}: {error}");
        }
    }
}
