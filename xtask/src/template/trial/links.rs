//! Links in the documentation of a project.

use std::path::Path;

use anyhow::{Result, bail};
use regex::Regex;

use crate::files::{self, Files};

/// Checks that every link to a file or a section of the project leads somewhere.
pub fn check(folder: &Path) -> Result<()> {
    let files = files::read(folder)?;
    let link = Regex::new(r"\]\(([^):#]*)(?:#([^)]*))?\)")?;
    let mut dead = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.extension().is_some_and(|extension| extension == "md")) {
        for found in link.captures_iter(text) {
            let target = match &found[1] {
                "" => folder.join(path),
                relative => folder.join(path.parent().unwrap_or(Path::new(""))).join(relative),
            };
            let section = found.get(2).map(|section| section.as_str());
            if !target.exists() || section.is_some_and(|section| !has_section(&files, folder, &target, section)) {
                dead.push(format!("{}: {}", path.display(), &found[0]));
            }
        }
    }
    if !dead.is_empty() {
        bail!("links that lead nowhere:\n{}", dead.join("\n"));
    }
    Ok(())
}

fn has_section(files: &Files, folder: &Path, target: &Path, section: &str) -> bool {
    let text = target.canonicalize().ok().zip(folder.canonicalize().ok()).and_then(|(target, folder)| {
        let path = target.strip_prefix(folder).ok()?;
        files.get(path)
    });
    text.is_some_and(|text| text.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == section))
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    text.chars().filter(|character| character.is_alphanumeric() || matches!(character, '-' | '_')).collect()
}
