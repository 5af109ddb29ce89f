//! The one line of a resource in each list.

use std::path::Path;

use anyhow::{Context, Result};

use super::model::Resource;
use super::project::text;
use crate::files::Files;

/// Adds the lines.
///
/// # Errors
/// When a list does not look as expected; names its file.
pub fn add(files: &mut Files, resource: &Resource) -> Result<()> {
    let Resource { name, .. } = resource;
    add_migration(files, &resource.migration)?;
    for folder in ["entities", "schemas", "services"] {
        let path = format!("src/{folder}/mod.rs");
        edit(files, &path, |text| sorted(text, "pub mod ", &format!("pub mod {name};")))?;
    }
    edit(files, "src/entities/mod.rs", |text| {
        before(text, "    ]", &format!("        schema.create_table_from_entity({name}::Entity),"))
    })?;
    edit(files, "src/routes/mod.rs", |text| {
        let text = sorted(text, "mod ", &format!("mod {name};"))?;
        let path = match &resource.parent {
            Some(parent) => format!("{}/{{{}_id}}{}", parent.path, parent.name, resource.path),
            None => resource.path.clone(),
        };
        after(&text, "        .nest(\"/", &format!("        .nest(\"{path}\", {name}::router())"))
    })?;
    edit(files, "tests/api/main.rs", |text| {
        let text = sorted(text, "mod ", &format!("mod {name};"))?;
        sorted(&text, "    ", &format!("    {name}::PERMISSIONS,"))
    })?;
    if !resource.public || !resource.superuser {
        edit(files, "src/schemas/scope.rs", |text| add_scopes(text, resource))?;
    }
    if files.contains_key(Path::new("CHANGELOG.md")) {
        edit(files, "CHANGELOG.md", |text| add_change(text, &resource.plural_words))?;
    }
    Ok(())
}

/// Adds a migration to the list.
///
/// # Errors
/// As [`add`].
pub fn add_migration(files: &mut Files, module: &str) -> Result<()> {
    edit(files, "migrations/mod.rs", |text| {
        let text = sorted(text, "mod m", &format!("mod {module};"))?;
        before(&text, "        ]", &format!("            Box::new({module}::Migration),"))
    })
}

fn edit(files: &mut Files, path: &str, change: impl FnOnce(&str) -> Result<String>) -> Result<()> {
    let changed = change(text(files, path)?).with_context(|| path.to_owned())?;
    files.insert(path.into(), changed);
    Ok(())
}

/// Adds a line to the longest run of lines that begin alike, in order of the names.
fn sorted(text: &str, prefix: &str, line: &str) -> Result<String> {
    let lines: Vec<&str> = text.lines().collect();
    // `pub` and private modules stand in one order.
    let name = |line: &str| line.trim().trim_start_matches("pub ").to_owned();
    let is_alike = |other: &str| match prefix.trim() {
        "" => other.starts_with(prefix) && other.ends_with("::PERMISSIONS,"),
        prefix => name(other).starts_with(prefix.trim_start_matches("pub ")) && other.contains(';'),
    };
    let alike: Vec<usize> = (0..lines.len()).filter(|&index| is_alike(lines[index])).collect();
    // The tests begin with `mod support;`, which stands alone.
    let run = longest_run(&alike);
    let end = run.last().with_context(|| format!("no line begins with `{prefix}`"))? + 1;
    let place = run.iter().find(|&&index| name(lines[index]) > name(line)).copied().unwrap_or(end);
    Ok(with(&lines, place, line))
}

fn longest_run(indexes: &[usize]) -> Vec<usize> {
    let mut best: Vec<usize> = Vec::new();
    let mut run: Vec<usize> = Vec::new();
    for &index in indexes {
        if run.last().is_some_and(|last| last + 1 != index) {
            run.clear();
        }
        run.push(index);
        if run.len() > best.len() {
            best.clone_from(&run);
        }
    }
    best
}

/// Adds a line before the last one that is like this.
fn before(text: &str, like: &str, line: &str) -> Result<String> {
    let lines: Vec<&str> = text.lines().collect();
    let place = lines.iter().rposition(|other| *other == like).with_context(|| format!("no line is `{like}`"))?;
    Ok(with(&lines, place, line))
}

/// Adds a line after the last one that begins like this.
fn after(text: &str, prefix: &str, line: &str) -> Result<String> {
    let lines: Vec<&str> = text.lines().collect();
    // Not the routes of well-known addresses, which are outside the API.
    let place = lines
        .iter()
        .rposition(|other| other.starts_with(prefix) && !other.contains("\"/."))
        .with_context(|| format!("no line begins with `{prefix}`"))?;
    Ok(with(&lines, place + 1, line))
}

fn with(lines: &[&str], place: usize, line: &str) -> String {
    let mut lines = lines.to_vec();
    lines.insert(place, line);
    lines.join("\n") + "\n"
}

/// Constants after the others, each with a bit of its own, and lines in `SCOPES`.
fn add_scopes(text: &str, resource: &Resource) -> Result<String> {
    let Resource { scope, tag, plural_words, .. } = resource;
    let bits = text
        .lines()
        .filter_map(|line| line.strip_prefix("pub const ")?.split_once("1 << ")?.1.split([' ', ';']).next());
    let next = bits.filter_map(|bit| bit.parse::<u32>().ok()).max().context("no scope has a bit")? + 1;
    let (mut constants, mut entries) = (Vec::new(), Vec::new());
    if !resource.public {
        constants.push(format!("/// Read {plural_words}.\npub const {scope}_READ: u32 = 1 << {next};"));
        entries.push(format!("    (\"{tag}:read\", {scope}_READ, \"Read {plural_words}\"),"));
    }
    if !resource.superuser {
        let includes = if resource.public { String::new() } else { format!(" | {scope}_READ") };
        let bit = if resource.public { next } else { next + 1 };
        constants.push(format!("/// Read and change {plural_words}.\npub const {scope}: u32 = 1 << {bit}{includes};"));
        entries.push(format!("    (\"{tag}\", {scope}, \"Read and change {plural_words}\"),"));
    }
    let lines: Vec<&str> = text.lines().collect();
    let last = lines
        .iter()
        .rposition(|line| line.starts_with("pub const ") && line.contains(": u32 = "))
        .context("no scope")?;
    let text = with(&lines, last + 1, &constants.join("\n"));
    // A short list stands on one line.
    let list = text.find("SCOPES: ").context("no list `SCOPES`")?;
    let (head, tail) = text.split_at(list + text[list..].find("];").context("no end of `SCOPES`")?);
    let comma = if head.ends_with('\n') { "" } else { "," };
    Ok(format!("{head}{comma}\n{}\n{tail}", entries.join("\n")))
}

fn add_change(text: &str, words: &str) -> Result<String> {
    let line = format!("- {}{}.", words[..1].to_uppercase(), &words[1..]);
    let (head, rest) = text.split_once("## [Unreleased]\n").context("there is no `## [Unreleased]`")?;
    let (section, later) = rest.find("\n## ").map_or((rest, ""), |end| rest.split_at(end));
    let section = match section.split_once("### Added\n\n") {
        Some((before, added)) => format!("{before}### Added\n\n{line}\n{added}"),
        None => format!("\n### Added\n\n{line}\n{section}"),
    };
    Ok(format!("{head}## [Unreleased]\n{section}{later}"))
}
