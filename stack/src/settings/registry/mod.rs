//! The list of all settings: each stands here once, with everything that is known about it.

mod admission;
mod backlog;
mod ip;
mod limits;
mod tcp;
mod timers;
mod without_effect;

use super::groups::Settings;
use super::preset::Preset;
use super::value::{Kind, Range, Value};

/// Where NT keeps a setting, below `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum NtKey {
    /// `Tcpip\Parameters`.
    Tcpip,
    /// `Tcpip\Parameters\Interfaces\<interface>`, and `<adapter>\Parameters\Tcpip` before Windows 2000.
    Interface,
    /// `AFD\Parameters`.
    Afd,
    /// `NetBt\Parameters`.
    NetBt,
}

impl NtKey {
    /// The key below `Services`.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Tcpip => r"Tcpip\Parameters",
            Self::Interface => r"Tcpip\Parameters\Interfaces\<interface>",
            Self::Afd => r"AFD\Parameters",
            Self::NetBt => r"NetBt\Parameters",
        }
    }
}

/// A setting's name in NT's registry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NtName {
    /// The key.
    pub key: NtKey,
    /// The value's name; NT compares without regard to case.
    pub name: &'static str,
    /// Where several settings share one value: the bit that is this one.
    pub bit: Option<u8>,
}

/// A value below `Tcpip\Parameters`.
const fn tp(name: &'static str) -> NtName {
    NtName { key: NtKey::Tcpip, name, bit: None }
}

/// A value below an interface's key.
const fn tpi(name: &'static str) -> NtName {
    NtName { key: NtKey::Interface, name, bit: None }
}

/// A value below `AFD\Parameters`.
const fn afd(name: &'static str) -> NtName {
    NtName { key: NtKey::Afd, name, bit: None }
}

/// A value below `NetBt\Parameters`.
const fn netbt(name: &'static str) -> NtName {
    NtName { key: NtKey::NetBt, name, bit: None }
}

/// What a setting does here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// The stack acts on it.
    Active,
    /// It is known, checked and kept, and nothing acts on it.
    AcceptedWithoutEffect {
        /// Why not.
        reason: &'static str,
        /// The default where it comes from, for a person.
        elsewhere: &'static str,
    },
}

/// A range that holds for some presets.
#[derive(Clone, Copy, Debug)]
pub struct PresetRange {
    /// For these.
    pub presets: &'static [Preset],
    /// The range.
    pub range: Range,
}

/// How a setting reaches its field.
#[derive(Clone, Copy, Debug)]
struct Access {
    get: fn(&Settings) -> Value,
    set: fn(&mut Settings, &Value) -> bool,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Our name: group, dot, name.
    pub name: &'static str,
    /// What its values are, and their unit.
    pub kind: Kind,
    /// The range, where the preset has none of its own.
    pub range: Range,
    /// Ranges that differ by preset.
    pub preset_ranges: &'static [PresetRange],
    /// Names in NT's registry; the first one is written.
    pub nt: &'static [NtName],
    /// Linux sysctls (those marked "inverted" in the meaning say the opposite).
    pub linux: &'static [&'static str],
    /// FreeBSD sysctls.
    pub freebsd: &'static [&'static str],
    /// What it does, in one or two sentences.
    pub meaning: &'static str,
    /// Where meaning, range and default come from.
    pub source: &'static str,
    /// Whether anything acts on it.
    pub status: Status,
    access: Option<Access>,
}

/// Each setting stands once, so its name tells it.
impl PartialEq for Setting {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Setting {}

impl Setting {
    /// The values of fields that an entry does not name.
    const BLANK: Self = Self {
        name: "",
        kind: Kind::Switch,
        range: Range::new(0, 1),
        preset_ranges: &[],
        nt: &[],
        linux: &[],
        freebsd: &[],
        meaning: "",
        source: "",
        status: Status::Active,
        access: None,
    };

    /// Whether the stack acts on it.
    pub const fn is_active(&self) -> bool {
        matches!(self.status, Status::Active)
    }

    /// The range under `preset`.
    pub fn range(&self, preset: Preset) -> Range {
        self.preset_ranges
            .iter()
            .find(|entry| entry.presets.contains(&preset))
            .map_or(self.range, |entry| entry.range)
    }

    /// Whether `value` may be set under `preset`.
    ///
    /// # Errors
    /// A value outside the range, which is never clamped; the message names the range.
    pub fn check(&self, preset: Preset, value: &Value) -> Result<(), OutOfRange> {
        let range = self.range(preset);
        if range.holds(self.kind, value) {
            return Ok(());
        }
        Err(OutOfRange {
            name: self.name,
            value: value.to_string(),
            range: range.describe(self.kind),
            preset,
        })
    }

    /// The value in `settings`; `None` for a setting without effect.
    pub fn get(&self, settings: &Settings) -> Option<Value> {
        self.access.map(|access| (access.get)(settings))
    }

    /// Writes `value` into `settings`, after [`Setting::check`]. Without effect: nothing is written.
    ///
    /// # Errors
    /// As [`Setting::check`]; also where the value is of another kind.
    pub fn set(&self, settings: &mut Settings, preset: Preset, value: &Value) -> Result<(), OutOfRange> {
        self.check(preset, value)?;
        match self.access {
            Some(access) if !(access.set)(settings, value) => Err(OutOfRange {
                name: self.name,
                value: value.to_string(),
                range: self.kind.expects(),
                preset,
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// The default under `preset`; `None` for a setting without effect.
    pub fn default(&self, preset: Preset) -> Option<Value> {
        self.get(&preset.settings())
    }

    /// The group: the name before the dot.
    pub fn group(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(group, _)| group)
    }
}

/// A value that a setting may not have.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{name}: {value} is out of range; the range is {range} (preset {preset})")]
pub struct OutOfRange {
    /// The setting.
    pub name: &'static str,
    /// The value.
    pub value: String,
    /// What it may be.
    pub range: String,
    /// The preset whose range it is.
    pub preset: Preset,
}

/// All settings, in the order of the groups.
pub fn all() -> impl Iterator<Item = &'static Setting> + Clone {
    [
        tcp::SETTINGS,
        timers::SETTINGS,
        admission::SETTINGS,
        backlog::SETTINGS,
        ip::SETTINGS,
        limits::SETTINGS,
        without_effect::SETTINGS,
    ]
    .into_iter()
    .flatten()
}

/// The settings that the stack acts on.
pub fn active() -> impl Iterator<Item = &'static Setting> + Clone {
    all().filter(|setting| setting.is_active())
}

/// The setting with exactly this name of ours.
pub fn by_name(name: &str) -> Option<&'static Setting> {
    all().find(|setting| setting.name == name)
}

/// The settings behind a value name below an NT key; more than one where they share its bits. A name of an
/// interface is also found below `Tcpip\Parameters`, and the other way round.
pub fn by_nt(key: NtKey, name: &str) -> impl Iterator<Item = (&'static Setting, &'static NtName)> {
    let wide = |key: NtKey| if key == NtKey::Interface { NtKey::Tcpip } else { key };
    all().filter_map(move |setting| {
        let found =
            setting.nt.iter().find(|nt| wide(nt.key) == wide(key) && nt.name.eq_ignore_ascii_case(name))?;
        Some((setting, found))
    })
}

/// The settings that a person may mean by `name`: our name, NT's, Linux's or FreeBSD's, in any case, a sysctl
/// also by its last part.
pub fn find(name: &str) -> Vec<&'static Setting> {
    let wanted = name.trim().to_ascii_lowercase();
    let exact: Vec<_> =
        all().filter(|setting| names(setting).any(|known| known.eq_ignore_ascii_case(&wanted))).collect();
    if !exact.is_empty() {
        return exact;
    }
    let last = |known: &str| known.rsplit('.').next().is_some_and(|part| part.eq_ignore_ascii_case(&wanted));
    all().filter(|setting| names(setting).any(last)).collect()
}

/// Names close to `name`, best first, at most three.
pub fn suggest(name: &str) -> Vec<&'static str> {
    let wanted = name.trim().to_ascii_lowercase();
    // Names are short; a longer text is no misspelling, and the comparison would cost its square.
    if wanted.len() > 80 {
        return Vec::new();
    }
    let mut scored: Vec<(f64, &'static str)> = Vec::new();
    for known in all().flat_map(names) {
        let lower = known.to_ascii_lowercase();
        let last = lower.rsplit('.').next().unwrap_or(&lower);
        let score = strsim::jaro_winkler(&wanted, &lower).max(strsim::jaro_winkler(&wanted, last) * 0.99);
        if score > 0.85 && !scored.iter().any(|(_, seen)| *seen == known) {
            scored.push((score, known));
        }
    }
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.into_iter().take(3).map(|(_, known)| known).collect()
}

/// Every name of a setting.
fn names(setting: &'static Setting) -> impl Iterator<Item = &'static str> {
    core::iter::once(setting.name)
        .chain(setting.nt.iter().map(|nt| nt.name))
        .chain(setting.linux.iter().copied())
        .chain(setting.freebsd.iter().copied())
}

#[cfg(test)]
mod tests;
