//! Packet scripts as tests: the comment that each begins with cites the sections that it shows.

use super::citation::{Section, citations};
use std::fs;
use std::path::Path;

/// Where they stand, from the root.
const FOLDER: &str = "stack/tests/pkt";

/// Each script's path from the root, and its text. A folder that cannot be read has none: its tests say so.
pub(super) fn read(root: &Path) -> Vec<(String, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![FOLDER.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).into_iter().flatten().flatten() {
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if root.join(&path).is_dir() {
                folders.push(path);
            } else if path.ends_with(".pkt") {
                found.push((path.clone(), fs::read_to_string(root.join(&path)).unwrap_or_default()));
            }
        }
    }
    found.sort();
    found
}

/// The sections that the first comment of a script cites.
pub(super) fn sections(text: &str) -> impl Iterator<Item = Section> {
    let comment: Vec<_> = text.lines().take_while(|line| line.starts_with("//")).collect();
    citations(&comment.join("\n")).into_iter().map(|(_, section)| section)
}
