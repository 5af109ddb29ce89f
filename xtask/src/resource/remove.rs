//! Takes a resource out of a project.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use regex::Regex;

use super::project::text;
use crate::cuts::{remove_imports, remove_lines_of_modules, remove_links};
use crate::files::Files;

/// The texts of the project without the resource. `deletes_migration` says whether a migration may be deleted; if not, a
/// new one drops the table.
///
/// # Errors
/// When there is no such resource, or another one refers to it.
pub fn remove(before: &Files, name: &str, deletes_migration: &dyn Fn(&Path) -> bool) -> Result<Files> {
    let entity = before.get(Path::new(&format!("src/entities/{name}.rs")));
    let entity = entity.with_context(|| format!("there is no resource `{name}`"))?;
    if !before.contains_key(Path::new(&format!("src/routes/{name}.rs"))) || name == "user" {
        bail!("`{name}` is not a resource of its own");
    }
    let table = Regex::new(r#"table_name = "([a-z0-9_]+)""#)?.captures(entity).context("the entity names no table")?[1]
        .to_owned();
    let mut names = vec![name.to_owned()];
    if name == "item" {
        // Tags belong to items alone.
        names.extend(["item_tag".to_owned(), "tag".to_owned()]);
    }
    refuse_if_used(before, name, &names)?;
    let mut files = before.clone();
    files.retain(|path, _| !names.iter().any(|name| is_of(path, name)));
    let migration = migration_of(before, &table)?;
    if deletes_migration(&migration) {
        files.remove(&migration);
    } else {
        drop_table(&mut files, &table, &migration)?;
    }
    remove_scopes(&mut files, &table)?;
    remove_change(&mut files, &table)?;
    if name == "item" {
        remove_rest_of_items(&mut files)?;
    }
    remove_lines_of_modules(&mut files, before)?;
    remove_links(&mut files, before)?;
    remove_imports(&mut files, before)?;
    super::format_changed(before, &mut files)?;
    Ok(files)
}

/// Whether a file belongs to a resource.
fn is_of(path: &Path, name: &str) -> bool {
    let folders = ["src/entities", "src/schemas", "src/services", "src/routes", "tests/api"];
    folders
        .iter()
        .any(|folder| path == Path::new(&format!("{folder}/{name}.rs")) || path.starts_with(format!("{folder}/{name}")))
}

fn refuse_if_used(files: &Files, name: &str, names: &[String]) -> Result<()> {
    let reference = Regex::new(&format!(r"super::{name}::Entity"))?;
    for (path, text) in files.iter().filter(|(path, _)| path.starts_with("src/entities")) {
        if reference.is_match(text) && !names.iter().any(|name| is_of(path, name)) {
            bail!("{} refers to `{name}`: remove that resource or field first", path.display());
        }
    }
    Ok(())
}

fn migration_of(files: &Files, table: &str) -> Result<PathBuf> {
    let end = format!("_create_{table}.rs");
    let found = files.keys().find(|path| path.starts_with("migrations") && path.to_string_lossy().ends_with(&end));
    found.cloned().with_context(|| format!("no migration creates the table {table}"))
}

/// A migration that drops the table. The one that has created it stays, because databases have run it.
fn drop_table(files: &mut Files, table: &str, created_by: &Path) -> Result<()> {
    let creation = created_by.file_stem().and_then(|stem| stem.to_str()).context("the name of the migration")?;
    let module = super::next_migration(files, &format!("drop_{table}"))?;
    let tables =
        if table == "items" { "\"item_tags\", \"tags\", \"items\"".to_owned() } else { format!("\"{table}\"") };
    let text = format!(
        "//! Drops {table}.\n\nuse sea_orm_migration::prelude::*;\n\nuse super::{{{creation}, drop_tables}};\n\n\
         #[derive(DeriveMigrationName)]\npub struct Migration;\n\n#[async_trait::async_trait]\n\
         impl MigrationTrait for Migration {{\n    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {{\n        \
         drop_tables(manager, &[{tables}]).await\n    }}\n\n    \
         // Without the rows, which only a backup has.\n    \
         async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {{\n        \
         {creation}::Migration.up(manager).await\n    }}\n}}\n"
    );
    files.insert(PathBuf::from(format!("migrations/{module}.rs")), text);
    super::lists::add_migration(files, &module)
}

/// The constants of the scopes, and their lines in `SCOPES`.
fn remove_scopes(files: &mut Files, table: &str) -> Result<()> {
    let scope = table.to_uppercase();
    let constants = Regex::new(&format!(r"(?m)^///.*\npub const {scope}(?:_READ)?: u32 = .*\n"))?;
    let entries = Regex::new(&format!(r"(?m)^    \(.*, {scope}(?:_READ)?, .*\n"))?;
    let changed =
        entries.replace_all(&constants.replace_all(text(files, "src/schemas/scope.rs")?, ""), "").into_owned();
    files.insert("src/schemas/scope.rs".into(), changed);
    Ok(())
}

/// The line that `new-resource` has added to the changelog.
fn remove_change(files: &mut Files, table: &str) -> Result<()> {
    let words = table.replace('_', " ");
    let line = format!("- {}{}.\n", words[..1].to_uppercase(), &words[1..]);
    let Some(text) = files.get_mut(Path::new("CHANGELOG.md")) else { return Ok(()) };
    *text = text.replacen(&line, "", 1);
    // A heading above nothing.
    *text = Regex::new(r"\n### Added\n\n*(\n## |\z)")?.replace(text, "$1").into_owned();
    Ok(())
}

/// What items have besides the files of a resource.
fn remove_rest_of_items(files: &mut Files) -> Result<()> {
    let cut = |files: &mut Files, path: &str, pattern: &str, with: &str| -> Result<()> {
        let changed = Regex::new(pattern)?.replace_all(text(files, path)?, with).into_owned();
        files.insert(path.into(), changed);
        Ok(())
    };
    cut(files, "src/services/clean_up.rs", r"\n\s*\+ tag::delete_orphaned\(db\)\.await\?;", ";")?;
    cut(
        files,
        "src/schemas/text.rs",
        r"(?s)\n/// A tag: one line of 1 to 30 characters\..*?\nimpl JsonSchema for Tag \{.*?\n\}\n",
        "",
    )?;
    Ok(())
}

/// Lines of the documentation that name the resource, for people to rewrite.
pub fn mentions(files: &Files, name: &str) -> Vec<String> {
    let Ok(word) = Regex::new(&format!(r"(?i)\b{name}s?\b")) else { return Vec::new() };
    let is_text = |path: &Path| {
        path.extension().is_some_and(|extension| extension == "md") && !path.starts_with("docs/decisions")
    };
    let mut found = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| is_text(path)) {
        for (number, line) in text.lines().enumerate().filter(|(_, line)| word.is_match(line)) {
            found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
        }
    }
    found
}
