//! Every active setting is changed, and a difference is observed on the wire or in behaviour.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../common/mod.rs"]
mod common;

mod admission;
mod ip;
mod limits;
mod tcp;
mod timers;

use std::collections::BTreeSet;
use synward::settings::{Preset, Settings, registry};

/// One setting, two of its values, and what is seen with each.
pub(crate) struct Case {
    name: &'static str,
    /// What else must hold for the effect to show.
    base: fn(&mut Settings),
    /// Value and what is seen.
    values: [(&'static str, &'static str); 2],
    see: fn(Settings) -> String,
}

pub(crate) const fn case(
    name: &'static str,
    base: fn(&mut Settings),
    values: [(&'static str, &'static str); 2],
    see: fn(Settings) -> String,
) -> Case {
    Case { name, base, values, see }
}

pub(crate) fn nothing(_: &mut Settings) {}

fn cases() -> Vec<Case> {
    [tcp::cases(), timers::cases(), admission::cases(), ip::cases(), limits::cases()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn every_active_setting_changes_what_is_seen() {
    let mut wrong = Vec::new();
    for case in cases() {
        let setting = registry::by_name(case.name).unwrap_or_else(|| panic!("no setting {}", case.name));
        assert!(setting.is_active(), "{} is said to have no effect", case.name);
        assert_ne!(case.values[0].1, case.values[1].1, "{}: the same is expected", case.name);
        for (value, expected) in case.values {
            let mut settings = Settings::default();
            (case.base)(&mut settings);
            let parsed = setting.kind.of_text(value).unwrap_or_else(|| panic!("{} = {value}", case.name));
            setting.set(&mut settings, Preset::Modern, &parsed).unwrap();
            let seen = (case.see)(settings);
            if seen != expected {
                wrong.push(format!("{} = {value}: expected {expected}, saw {seen}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_active_setting_is_without_a_case_and_no_case_is_there_twice() {
    let names: Vec<_> = cases().iter().map(|case| case.name).collect();
    let known: BTreeSet<_> = names.iter().copied().collect();
    assert_eq!(known.len(), names.len());
    let missing: Vec<_> =
        registry::active().map(|setting| setting.name).filter(|name| !known.contains(name)).collect();
    assert!(missing.is_empty(), "active settings without a test of their effect: {missing:?}");
}
