//! What follows when files are removed: lines of lists that name their modules, links, and imports.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use regex::Regex;

use crate::files::Files;
use crate::imports;

/// Lines of lists that name a module whose file is removed: `mod ticket;`, `.merge(ticket::router())`.
pub fn remove_lines_of_modules(files: &mut Files, before: &Files) -> Result<()> {
    let removed: Vec<PathBuf> = before.keys().filter(|path| !files.contains_key(*path)).cloned().collect();
    for (path, text) in files.iter_mut() {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if !matches!(name, "mod.rs" | "lib.rs" | "main.rs") && !path.starts_with("tests") {
            continue;
        }
        let Some(folder) = path.parent() else { continue };
        let folder = match name {
            "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
            _ => path.with_extension(""),
        };
        for module in &removed {
            let stem = module.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let (is_child, stem) = match module.file_name().and_then(|name| name.to_str()) {
                Some("mod.rs") => {
                    let name = module.parent().and_then(Path::file_name).and_then(|name| name.to_str());
                    (module.parent().and_then(Path::parent) == Some(&folder), name.unwrap_or_default())
                }
                _ => (module.parent() == Some(&folder), stem),
            };
            if is_child && module.extension().is_some_and(|extension| extension == "rs") {
                *text = without_module(text, stem)?;
            }
        }
    }
    Ok(())
}

fn without_module(text: &str, module: &str) -> Result<String> {
    let declaration = Regex::new(&format!(r"^\s*(pub(\([a-z]+\))? )?mod {module};$"))?;
    let entry = Regex::new(&format!(r"^\s*(pub use |use |\.merge\(|\.nest\(.*, |Box::new\(|schema\..*\(|){module}::"))?;
    let lines = text.lines().filter(|line| !declaration.is_match(line) && !entry.is_match(line));
    Ok(lines.collect::<Vec<_>>().join("\n") + "\n")
}

/// Paths of files that are removed, in tables and lists of the documentation. A row without any path left goes, too.
pub fn remove_links(files: &mut Files, before: &Files) -> Result<()> {
    let path_in_text = Regex::new(r"`((?:src|tests|templates|migrations|deploy|bench|docs|config)/[A-Za-z0-9_./-]*)`")?;
    let link = Regex::new(r"\]\((\d{4}-[a-z0-9-]+\.md)\)")?;
    let names: BTreeSet<PathBuf> = files.keys().cloned().collect();
    let exists = |path: &str| names.iter().any(|name| name.starts_with(path));
    let existed = |path: &str| before.keys().any(|name| name.starts_with(path));
    for (path, text) in files.iter_mut() {
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let mut lines = Vec::new();
        for line in text.lines() {
            if link.captures(line).is_some_and(|found| !exists(&format!("docs/decisions/{}", &found[1]))) {
                continue;
            }
            let named: Vec<&str> =
                path_in_text.captures_iter(line).filter_map(|found| Some(found.get(1)?.as_str())).collect();
            let (there, removed): (Vec<&str>, Vec<&str>) =
                named.iter().partition(|path| exists(path) || !existed(path));
            if removed.is_empty() || !line.starts_with('|') {
                lines.push(line.to_owned());
            } else if !there.is_empty() {
                let mut line = line.to_owned();
                for path in removed {
                    line = line.replace(&format!(", `{path}`"), "").replace(&format!("`{path}`, "), "");
                }
                lines.push(line);
            }
        }
        *text = lines.join("\n") + "\n";
    }
    renumber(files)
}

/// The list of decisions is numbered without gaps.
fn renumber(files: &mut Files) -> Result<()> {
    let Some(text) = files.get_mut(Path::new("docs/decisions/README.md")) else { return Ok(()) };
    let number = Regex::new(r"^\d+\. ")?;
    let mut count = 0;
    let lines = text.lines().map(|line| {
        if !number.is_match(line) {
            return line.to_owned();
        }
        count += 1;
        number.replace(line, format!("{count}. ")).into_owned()
    });
    *text = lines.collect::<Vec<_>>().join("\n") + "\n";
    Ok(())
}

/// Imports of what is not defined, or not used any more.
pub fn remove_imports(files: &mut Files, before: &Files) -> Result<()> {
    let public =
        Regex::new(r"(?m)^pub (?:async )?(?:struct|enum|fn|const|static|type|trait) ([A-Za-z_][A-Za-z0-9_]*)")?;
    let any = Regex::new(r"(?m)\b(?:struct|enum|fn|const|static|type|trait|mod) ([A-Za-z_][A-Za-z0-9_]*)")?;
    let defined = |files: &Files, definition: &Regex| -> BTreeSet<String> {
        let code = files.iter().filter(|(path, _)| is_rust(path) && !path.starts_with("xtask"));
        code.flat_map(|(_, text)| definition.captures_iter(text).map(|found| found[1].to_owned()).collect::<Vec<_>>())
            .collect()
    };
    let (old, new) = (defined(before, &public), defined(files, &any));
    let undefined: BTreeSet<&str> = old.difference(&new).map(String::as_str).collect();
    for (path, text) in files.iter_mut() {
        if is_rust(path)
            && let Some(original) = before.get(path)
        {
            *text = imports::remove_unused(original, text);
            *text = imports::remove_names(text, &undefined);
        }
    }
    Ok(())
}

/// Whether a file is one of Rust.
pub fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}
