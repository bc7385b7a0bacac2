//! Every setting once: its type, default and limits. Each protocol folder takes its own group by value.
//!
//! [`groups`](Settings) holds the values that the code reads. [`registry`] says everything about each of them:
//! names here and elsewhere, range, meaning, source. [`Preset`] names sets of values, [`Document`] is a settings
//! file.

pub mod article;
pub mod document;
mod groups;
mod markdown;
mod preset;
pub mod registry;
mod validate;
mod value;

pub use document::{Diagnostic, Document, Format, Loaded, Severity};
pub use groups::{
    AcceptQueueFull, Admission, Congestion, Cookies, Ip, Limits, Settings, SynAttackProtect, SynSentIcmp,
    Tcp, Trigger,
};
pub use markdown::markdown;
pub use preset::{Preset, UnknownPreset};
pub use registry::Setting;
pub use validate::{Finding, validate};
pub use value::{Kind, Range, TimeUnit, Value, format_duration, parse_duration};
