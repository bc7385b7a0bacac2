//! A setting's value outside its struct: how it is written, read and compared.

use core::fmt;
use core::time::Duration;

use super::groups::{AcceptQueueFull, Congestion, Cookies, SynAttackProtect, SynSentIcmp, Trigger};

/// The value of a setting, as files and people write it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// On or off.
    Switch(bool),
    /// A count, bytes, a percentage or a numbered choice.
    Number(u64),
    /// A time, in whole milliseconds.
    Duration(Duration),
    /// One of a few words.
    Word(&'static str),
    /// A list of texts (NT's `REG_MULTI_SZ`).
    List(Vec<String>),
}

/// The unit of a time that is written as a plain number. It is NT's unit, where NT has the setting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeUnit {
    /// Milliseconds.
    Millis,
    /// Seconds.
    Seconds,
}

impl TimeUnit {
    const fn millis(self) -> u64 {
        match self {
            Self::Millis => 1,
            Self::Seconds => 1000,
        }
    }

    /// The unit's symbol.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Millis => "ms",
            Self::Seconds => "s",
        }
    }
}

/// What a setting's values are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `true` or `false`, also 1 or 0.
    Switch,
    /// A whole number; the unit is empty for a count.
    Number(&'static str),
    /// A time: `"500ms"`, `"3s"`, `"2min"`, `"1h"`, or a plain number in this unit.
    Duration(TimeUnit),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of texts.
    List,
}

impl Kind {
    /// The unit, or an empty text.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Number(unit) => unit,
            Self::Duration(unit) => unit.symbol(),
            Self::Switch | Self::Word(_) | Self::List => "",
        }
    }

    /// What a value must look like, for a message.
    pub fn expects(self) -> String {
        match self {
            Self::Switch => "true or false (or 1 or 0)".to_owned(),
            Self::Number("") => "a whole number".to_owned(),
            Self::Number(unit) => format!("a whole number ({unit})"),
            Self::Duration(unit) => {
                format!(
                    "a time such as \"500ms\", \"3s\" or \"2min\", or a whole number of {}",
                    unit.symbol()
                )
            }
            Self::Word(words) => format!("one of {}", words.join(", ")),
            Self::List => "a list of texts".to_owned(),
        }
    }

    /// A plain number as a value of this kind; `None` where the kind has no number.
    pub fn of_number(self, number: u64) -> Option<Value> {
        match self {
            Self::Switch => match number {
                0 => Some(Value::Switch(false)),
                1 => Some(Value::Switch(true)),
                2.. => None,
            },
            Self::Number(_) => Some(Value::Number(number)),
            Self::Duration(unit) => {
                number.checked_mul(unit.millis()).map(|ms| Value::Duration(Duration::from_millis(ms)))
            }
            Self::Word(_) | Self::List => None,
        }
    }

    /// A text as a value of this kind; `None` where it is none.
    pub fn of_text(self, text: &str) -> Option<Value> {
        match self {
            Self::Switch => match text {
                "true" | "1" => Some(Value::Switch(true)),
                "false" | "0" => Some(Value::Switch(false)),
                _ => None,
            },
            Self::Number(_) => text.parse().ok().map(Value::Number),
            Self::Duration(_) => match text.parse() {
                Ok(number) => self.of_number(number),
                Err(_) => parse_duration(text).map(Value::Duration),
            },
            Self::Word(words) => words.iter().find(|word| **word == text).map(|word| Value::Word(word)),
            Self::List => None,
        }
    }
}

/// A time with its unit: `ms`, `s`, `min`, `h` or `d`; whole milliseconds only.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim_start() {
        "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let scale = 10u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let parts = fraction.parse::<u64>().ok()?.checked_mul(unit)?;
    if parts % scale != 0 {
        return None;
    }
    let millis = whole.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(parts / scale)?;
    Some(Duration::from_millis(millis))
}

/// A time as files write it: whole seconds as `3s`, else `1500ms`.
pub fn format_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis % 1000 == 0 { format!("{}s", millis / 1000) } else { format!("{millis}ms") }
}

impl Value {
    /// The value as a plain number in its kind's unit; `None` where it has none or would lose a part.
    pub fn plain(&self, kind: Kind) -> Option<u64> {
        match (self, kind) {
            (Self::Switch(on), _) => Some(u64::from(*on)),
            (Self::Number(number), _) => Some(*number),
            (Self::Duration(duration), Kind::Duration(unit)) => {
                let millis = u64::try_from(duration.as_millis()).ok()?;
                (millis % unit.millis() == 0).then_some(millis / unit.millis())
            }
            (Self::Duration(_) | Self::Word(_) | Self::List(_), _) => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(on) => write!(f, "{on}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Duration(duration) => f.write_str(&format_duration(*duration)),
            Self::Word(word) => f.write_str(word),
            Self::List(items) => write!(f, "[{}]", items.join(", ")),
        }
    }
}

/// The values that a setting may take, in the unit of its kind, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// Least.
    pub min: u64,
    /// Largest.
    pub max: u64,
}

impl Range {
    /// Both ends included.
    pub const fn new(min: u64, max: u64) -> Self {
        Self { min, max }
    }

    /// Whether `value` is within. Switches, words and lists have no range of their own.
    pub fn holds(self, kind: Kind, value: &Value) -> bool {
        match (value, kind) {
            (Value::Number(number), _) => (self.min..=self.max).contains(number),
            (Value::Duration(duration), Kind::Duration(unit)) => {
                let unit = u128::from(unit.millis());
                let millis = duration.as_millis();
                millis >= u128::from(self.min) * unit && millis <= u128::from(self.max) * unit
            }
            (Value::Switch(_) | Value::Duration(_) | Value::Word(_) | Value::List(_), _) => true,
        }
    }

    /// The range in words, with the unit.
    pub fn describe(self, kind: Kind) -> String {
        match kind {
            Kind::Switch => "true, false".to_owned(),
            Kind::Word(words) => words.join(", "),
            Kind::List => "texts".to_owned(),
            Kind::Number("") => format!("{} to {}", self.min, self.max),
            Kind::Number(_) | Kind::Duration(_) => format!("{} to {} {}", self.min, self.max, kind.unit()),
        }
    }
}

/// A field of the groups, read and written as a [`Value`].
pub(super) trait Field {
    /// The field's value.
    fn value(&self) -> Value;
    /// Writes it; false where the value is of another kind or does not fit.
    fn store(&mut self, value: &Value) -> bool;
}

fn put<T>(field: &mut T, value: Option<T>) -> bool {
    match value {
        Some(value) => {
            *field = value;
            true
        }
        None => false,
    }
}

impl Field for bool {
    fn value(&self) -> Value {
        Value::Switch(*self)
    }
    fn store(&mut self, value: &Value) -> bool {
        put(self, if let Value::Switch(on) = value { Some(*on) } else { None })
    }
}

impl Field for Duration {
    fn value(&self) -> Value {
        Value::Duration(*self)
    }
    fn store(&mut self, value: &Value) -> bool {
        put(self, if let Value::Duration(time) = value { Some(*time) } else { None })
    }
}

impl Field for u64 {
    fn value(&self) -> Value {
        Value::Number(*self)
    }
    fn store(&mut self, value: &Value) -> bool {
        put(self, if let Value::Number(number) = value { Some(*number) } else { None })
    }
}

fn narrow<T: TryFrom<u64>>(field: &mut T, value: &Value) -> bool {
    put(field, if let Value::Number(number) = value { T::try_from(*number).ok() } else { None })
}

impl Field for u32 {
    fn value(&self) -> Value {
        Value::Number(u64::from(*self))
    }
    fn store(&mut self, value: &Value) -> bool {
        narrow(self, value)
    }
}

impl Field for u16 {
    fn value(&self) -> Value {
        Value::Number(u64::from(*self))
    }
    fn store(&mut self, value: &Value) -> bool {
        narrow(self, value)
    }
}

impl Field for u8 {
    fn value(&self) -> Value {
        Value::Number(u64::from(*self))
    }
    fn store(&mut self, value: &Value) -> bool {
        narrow(self, value)
    }
}

impl Field for SynAttackProtect {
    fn value(&self) -> Value {
        Value::Number(match self {
            Self::Off => 0,
            Self::WhileAttacked => 1,
            Self::Strict => 2,
        })
    }
    fn store(&mut self, value: &Value) -> bool {
        put(
            self,
            match value {
                Value::Number(0) => Some(Self::Off),
                Value::Number(1) => Some(Self::WhileAttacked),
                Value::Number(2) => Some(Self::Strict),
                _ => None,
            },
        )
    }
}

/// Writes a choice by its word.
fn choose<T: Copy>(field: &mut T, words: &[(&'static str, T)], value: &Value) -> bool {
    let Value::Word(word) = value else { return false };
    put(field, words.iter().find(|(name, _)| name == word).map(|(_, choice)| *choice))
}

impl Field for Congestion {
    fn value(&self) -> Value {
        Value::Word(match self {
            Self::Cubic => "cubic",
            Self::Reno => "reno",
        })
    }
    fn store(&mut self, value: &Value) -> bool {
        choose(self, &[("cubic", Self::Cubic), ("reno", Self::Reno)], value)
    }
}

impl Field for SynSentIcmp {
    fn value(&self) -> Value {
        Value::Word(match self {
            Self::Abort => "abort",
            Self::Report => "report",
        })
    }
    fn store(&mut self, value: &Value) -> bool {
        choose(self, &[("abort", Self::Abort), ("report", Self::Report)], value)
    }
}

impl Field for Trigger {
    fn value(&self) -> Value {
        Value::Word(match self {
            Self::Any => "any",
            Self::Both => "both",
        })
    }
    fn store(&mut self, value: &Value) -> bool {
        choose(self, &[("any", Self::Any), ("both", Self::Both)], value)
    }
}

impl Field for Cookies {
    fn value(&self) -> Value {
        Value::Word(match self {
            Self::Never => "never",
            Self::OnOverflow => "on-overflow",
            Self::Always => "always",
        })
    }
    fn store(&mut self, value: &Value) -> bool {
        let words = [("never", Self::Never), ("on-overflow", Self::OnOverflow), ("always", Self::Always)];
        choose(self, &words, value)
    }
}

impl Field for AcceptQueueFull {
    fn value(&self) -> Value {
        Value::Word(match self {
            Self::Silent => "silent",
            Self::Reset => "reset",
        })
    }
    fn store(&mut self, value: &Value) -> bool {
        choose(self, &[("silent", Self::Silent), ("reset", Self::Reset)], value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_every_unit_and_exactly() {
        for (text, millis) in [
            ("500ms", 500),
            ("3s", 3000),
            ("1.5s", 1500),
            ("2 min", 120_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "s",
            "3",
            "3 parsecs",
            "1.2345s",
            "0.5ms",
            "-1s",
            ".s",
            "1.s",
            "1e3s",
            "99999999999999999999s",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_plain_number_takes_the_unit_of_its_kind() {
        let seconds = Kind::Duration(TimeUnit::Seconds);
        assert_eq!(seconds.of_number(3), Some(Value::Duration(Duration::from_secs(3))));
        assert_eq!(seconds.of_text("3"), seconds.of_number(3));
        assert_eq!(Value::Duration(Duration::from_millis(1500)).plain(seconds), None);
        assert_eq!(Value::Duration(Duration::from_millis(2000)).plain(seconds), Some(2));
        assert_eq!(Kind::Switch.of_number(2), None);
    }

    #[test]
    fn a_range_compares_times_in_milliseconds() {
        let kind = Kind::Duration(TimeUnit::Seconds);
        let range = Range::new(30, 300);
        assert!(range.holds(kind, &Value::Duration(Duration::from_secs(300))));
        assert!(!range.holds(kind, &Value::Duration(Duration::from_millis(300_001))));
        assert!(!range.holds(kind, &Value::Duration(Duration::from_millis(29_999))));
        assert_eq!(range.describe(kind), "30 to 300 s");
    }
}
