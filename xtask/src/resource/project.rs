//! What a project has, read from its texts.

use std::path::Path;

use anyhow::{Context, Result};
use regex::Regex;

use super::model::{Other, Project};
use crate::files::Files;

/// Reads the project.
///
/// # Errors
/// When a file that every project has is missing or different.
pub fn read(files: &Files) -> Result<Project> {
    let manifest: toml::Table = text(files, "Cargo.toml")?.parse().context("Cargo.toml")?;
    let library = manifest.get("lib").and_then(|library| library.get("name")).and_then(toml::Value::as_str);
    Ok(Project {
        library: library.context("Cargo.toml: [lib] has no name")?.to_owned(),
        idempotency: files.contains_key(Path::new("src/services/idempotency.rs")),
        resources: resources(files)?,
    })
}

/// The text of a file that every project has.
///
/// # Errors
/// When it is missing.
pub fn text<'a>(files: &'a Files, path: &str) -> Result<&'a str> {
    files.get(Path::new(path)).map(String::as_str).with_context(|| format!("{path} is missing"))
}

/// The resources to which others can refer: those with an entity, a service that reads one row by its id, and tests that
/// create one.
fn resources(files: &Files) -> Result<Vec<Other>> {
    let table = Regex::new(r#"table_name = "([a-z0-9_]+)""#)?;
    let reader = Regex::new(r"pub async fn read\(\s*db: &impl ConnectionTrait,\s*(caller: &User,\s*)?id: Uuid,?\s*\)")?;
    let mut all = Vec::new();
    for (path, entity) in files.iter().filter(|(path, _)| path.parent() == Some(Path::new("src/entities"))) {
        let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let file = |folder: &str| files.get(Path::new(&format!("{folder}/{name}.rs")));
        let (Some(service), Some(tests)) = (file("src/services"), file("tests/api")) else { continue };
        let placeholder =
            Regex::new(&format!(r#"Placeholder::(created|created_by_superuser)\("\{{{name}_id\}}", "([^"]+)""#))?;
        let (Some(table), Some(reader), Some(placeholder)) =
            (table.captures(entity), reader.captures(service), placeholder.captures(tests))
        else {
            continue;
        };
        all.push(Other {
            name: name.to_owned(),
            words: name.replace('_', " "),
            article: super::model::article(&name.replace('_', " ")),
            table: table[1].to_owned(),
            path: placeholder[2].to_owned(),
            needs_caller: reader.get(1).is_some(),
            is_of_users: &placeholder[1] == "created",
        });
    }
    Ok(all)
}
