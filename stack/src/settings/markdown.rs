//! The reference of all settings as a page.

use super::preset::Preset;
use super::registry::{self, Setting, Status};
use super::value::Kind;

/// `docs/settings.md`, from the registry.
pub fn markdown() -> String {
    let mut out = String::from(HEAD);
    out.push_str("\n## Presets\n\n");
    for preset in Preset::ALL {
        out.push_str(&format!("### `{preset}`\n\n{}.\n\n", capital(preset.describe())));
        for choice in preset.choices() {
            out.push_str(&format!("- {choice}\n"));
        }
        if !preset.choices().is_empty() {
            out.push('\n');
        }
    }
    out.push_str("## Defaults by preset\n\n| setting |");
    for preset in Preset::ALL {
        out.push_str(&format!(" {preset} |"));
    }
    out.push_str(&format!("\n|---|{}\n", "---|".repeat(Preset::ALL.len())));
    for setting in registry::active() {
        out.push_str(&format!("| `{}` |", setting.name));
        for preset in Preset::ALL {
            out.push_str(&format!(" {} |", default(setting, preset)));
        }
        out.push('\n');
    }
    out.push_str("\n## Settings\n");
    let mut group = "";
    for setting in registry::all() {
        if setting.group() != group {
            group = setting.group();
            out.push_str(&format!("\n### {group}\n"));
        }
        one(&mut out, setting);
    }
    out
}

fn default(setting: &Setting, preset: Preset) -> String {
    match (setting.default(preset), setting.kind) {
        (Some(value), Kind::Number(unit)) if !unit.is_empty() => format!("{value} {unit}"),
        (Some(value), _) => value.to_string(),
        (None, _) => String::new(),
    }
}

fn one(out: &mut String, setting: &Setting) {
    out.push_str(&format!("\n#### `{}`\n\n{}\n\n", setting.name, setting.meaning));
    match setting.status {
        Status::Active => {
            let value = default(setting, Preset::Modern);
            out.push_str(&format!("- Default: {value}\n"));
        }
        Status::AcceptedWithoutEffect { reason, elsewhere } => {
            out.push_str(&format!(
                "- **Accepted without effect**: {reason}.\n- Default in NT: {elsewhere}\n"
            ));
        }
    }
    out.push_str(&format!(
        "- Values: {}; range {}",
        setting.kind.expects(),
        setting.range.describe(setting.kind)
    ));
    for entry in setting.preset_ranges {
        let presets: Vec<String> = entry.presets.iter().map(|preset| format!("`{preset}`")).collect();
        out.push_str(&format!("; {}: {}", presets.join(", "), entry.range.describe(setting.kind)));
    }
    out.push('\n');
    let nt: Vec<String> = setting
        .nt
        .iter()
        .map(|nt| {
            let bit = nt.bit.map_or_else(String::new, |bit| format!(" bit {bit}"));
            format!("`{}`{bit} in `{}`", nt.name, nt.key.path())
        })
        .collect();
    for (label, names) in [("NT", nt), ("Linux", code(setting.linux)), ("FreeBSD", code(setting.freebsd))] {
        if !names.is_empty() {
            out.push_str(&format!("- {label}: {}\n", names.join(", ")));
        }
    }
    out.push_str(&format!("- Source: {}\n", setting.source));
}

fn code(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("`{name}`")).collect()
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + chars.as_str())
}

const HEAD: &str = "\
<!-- Generated: synward settings list --markdown > docs/settings.md. A test compares; do not edit. -->

# Settings

`synward settings list` prints this list, `explain NAME` one setting by any of its names, `check FILE` reads a
file, `convert FILE --to toml|reg` translates it.

A value out of range is an error that names the range; nothing is clamped. Ranges follow the preset. An entry that
is unknown, or known and without effect, is a warning and is kept.

## Files

TOML, a table for each group:

```toml
preset = \"modern\"

[tcp]
syn-retries = 4
time-wait = \"60s\"          # ms, s, min, h, d; a plain number counts in the setting's unit

[admission]
syn-attack-protect = 2
cookies = \"on-overflow\"
```

NT's `.reg` files are read as Windows reads them: `REGEDIT4` and `Windows Registry Editor Version 5.00`, UTF-16LE
with byte order mark and 8-bit (UTF-8, else code page 1252). Roots, keys and names are compared without regard to
case, `ControlSet001` means `CurrentControlSet`, and `hex(4):` is a DWORD. Lines that Windows skips silently are
errors here. The same value twice with different data is an error. An interface's value holds over the host's.

What has no NT name, or a value that NT's unit cannot hold, stands in `.reg` files under
`HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Synward\\Parameters` by the name below, and so does
`preset`. TOML keys that are no setting stand under its subkey `Unknown`. Registry values that are no setting, and
those below an interface's key, stand in TOML as `[registry.\"HKEY_LOCAL_MACHINE\\\\...\"]` with the data as `.reg`
writes it (`\"-\"` for a value that the file deletes, an empty table whose name begins with `-` for a key), and act
there as in a `.reg` file. So both directions keep everything but comments and layout.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_page_is_the_generated_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/settings.md");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == markdown(),
            "docs/settings.md is out of date: cargo run -p synward-cli -- settings list --markdown > docs/settings.md"
        );
    }
}
