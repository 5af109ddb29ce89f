//! The texts of a project: read at once, changed in memory, written at the end. Nothing is written when a step fails.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use similar::TextDiff;

use crate::answers::{self, git};

/// Texts by path.
pub type Files = BTreeMap<PathBuf, String>;

/// The text files of a folder: those that git knows, or would add.
///
/// # Errors
/// When one cannot be read.
pub fn read(root: &Path) -> Result<Files> {
    let mut files = Files::new();
    for path in answers::list_files(root)? {
        let bytes = fs::read(root.join(&path)).with_context(|| path.display().to_string())?;
        if let Ok(text) = String::from_utf8(bytes) {
            files.insert(path, text);
        }
    }
    Ok(files)
}

/// The paths that differ.
pub fn changed<'a>(before: &'a Files, after: &'a Files) -> Vec<&'a PathBuf> {
    let mut paths: Vec<&PathBuf> =
        after.iter().filter(|(path, text)| before.get(*path) != Some(*text)).map(|(path, _)| path).collect();
    paths.extend(before.keys().filter(|path| !after.contains_key(*path)));
    paths.sort();
    paths
}

/// The differences in the unified format.
pub fn diff(before: &Files, after: &Files) -> String {
    let mut out = String::new();
    for path in changed(before, after) {
        let name = |files: &Files, side: &str| {
            if files.contains_key(path) { format!("{side}/{}", path.display()) } else { "/dev/null".to_owned() }
        };
        let text = |files: &'_ Files| files.get(path).cloned().unwrap_or_default();
        let (old, new) = (text(before), text(after));
        let diff = TextDiff::from_lines(&old, &new);
        out += &diff.unified_diff().header(&name(before, "a"), &name(after, "b")).to_string();
    }
    out
}

/// Writes what differs.
///
/// # Errors
/// When a file that is changed or deleted has changes that are not committed, unless that is allowed.
pub fn write(root: &Path, before: &Files, after: &Files, allow_dirty: bool) -> Result<()> {
    let paths = changed(before, after);
    if !allow_dirty {
        let dirty = git(root, &["status", "--porcelain", "--untracked-files=no"])?;
        let dirty: Vec<&str> = dirty.lines().filter_map(|line| line.get(3..)).collect();
        let touched: Vec<&str> =
            paths.iter().filter_map(|path| path.to_str()).filter(|path| dirty.contains(path)).collect();
        if !touched.is_empty() {
            bail!(
                "these files have changes that are not committed; commit them, or --allow-dirty: {}",
                touched.join(", ")
            );
        }
    }
    for path in paths {
        let file = root.join(path);
        let Some(text) = after.get(path) else {
            fs::remove_file(&file).with_context(|| path.display().to_string())?;
            // Of a folder that is empty now.
            if let Some(folder) = file.parent() {
                let _ = fs::remove_dir(folder);
            }
            continue;
        };
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&file, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
