//! The library builds where nobody here runs it: for other systems, and with the oldest Rust that it promises. What rustup
//! cannot bring is skipped in a counted line.

use super::{MOST, Outcome, Tally, cargo, quiet, watch};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Windows, macOS, and Linux on another processor.
const TARGETS: &[&str] = &["x86_64-pc-windows-gnu", "aarch64-apple-darwin", "aarch64-unknown-linux-gnu"];

pub(super) fn run(root: &Path, tally: &mut Tally) -> Outcome {
    let systems = other_systems(root, tally);
    let oldest = oldest_rust(root, tally);
    if systems == Outcome::Ok { oldest } else { systems }
}

fn other_systems(root: &Path, tally: &mut Tally) -> Outcome {
    let mut had = Vec::new();
    for target in TARGETS {
        if have_target(root, target) {
            had.extend(["--target", target]);
        } else {
            skip(tally, &format!("{target}: rustup cannot install the standard library for it here"));
        }
    }
    if had.is_empty() {
        return Outcome::Ok;
    }
    for features in [&[][..], &["--no-default-features"]] {
        let arguments = [&["check", "-p", "synward", "--lib"][..], features, &had].concat();
        println!("cargo {}", arguments.join(" "));
        let mut command = cargo(root, &arguments);
        command.env("RUSTFLAGS", "-D warnings").env("CARGO_TARGET_DIR", root.join("target/portable"));
        if watch(command, tally, MOST) != Outcome::Ok {
            tally.failed += 1;
            return Outcome::Failed;
        }
        tally.passed += had.len() as u64 / 2;
    }
    Outcome::Ok
}

/// Only the library promises it; tools and tests follow the newest Rust.
fn oldest_rust(root: &Path, tally: &mut Tally) -> Outcome {
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
    let Some(version) = rust_version(&manifest) else {
        println!("Cargo.toml names no rust-version");
        return Outcome::Failed;
    };
    let toolchain = format!("+{version}");
    let present = || quiet(root, "cargo", &[&toolchain, "--version"]);
    if !present() {
        println!("installing Rust {version}: rustup toolchain install {version} --profile minimal");
        let install = ["toolchain", "install", &version, "--profile", "minimal", "--no-self-update"];
        if !quiet(root, "rustup", &install) || !present() {
            skip(tally, &format!("Rust {version}: rustup cannot install it here"));
            return Outcome::Ok;
        }
    }
    println!("cargo {toolchain} check -p synward --lib");
    let mut command = cargo(root, &[&toolchain, "check", "-p", "synward", "--lib"]);
    command.env("CARGO_TARGET_DIR", root.join("target/portable"));
    let outcome = watch(command, tally, MOST);
    match outcome {
        Outcome::Ok => tally.passed += 1,
        Outcome::Failed | Outcome::Skipped(_) => tally.failed += 1,
    }
    outcome
}

fn skip(tally: &mut Tally, why: &str) {
    println!("skipped: portable: {why}");
    tally.skipped += 1;
}

/// Whether the standard library for `target` is there, or could be brought.
fn have_target(root: &Path, target: &str) -> bool {
    // The folder exists only where the component does.
    let present = || {
        let mut rustc = Command::new("rustc");
        rustc.current_dir(root).args(["--print", "sysroot"]);
        rustc.output().is_ok_and(|output| {
            let sysroot = String::from_utf8_lossy(&output.stdout).into_owned();
            Path::new(sysroot.trim()).join("lib/rustlib").join(target).join("lib").is_dir()
        })
    };
    if present() {
        return true;
    }
    println!("installing the standard library for {target}: rustup target add {target}");
    quiet(root, "rustup", &["target", "add", target]) && present()
}

/// The workspace's `rust-version`, as the name of a toolchain.
fn rust_version(manifest: &str) -> Option<String> {
    let line = manifest.lines().find_map(|line| line.strip_prefix("rust-version"))?;
    let version = line.trim_start().strip_prefix('=')?.trim().trim_matches('"');
    let parts = version.split('.').count();
    Some(if parts == 2 { format!("{version}.0") } else { version.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_rust_is_the_one_of_the_manifest() {
        assert_eq!(rust_version("[workspace.package]\nrust-version = \"1.85\"\n").as_deref(), Some("1.85.0"));
        assert_eq!(rust_version("rust-version=\"1.85.1\"").as_deref(), Some("1.85.1"));
        assert_eq!(rust_version("rust-version.workspace = true"), None);
        assert_eq!(rust_version("edition = \"2024\""), None);
    }
}
