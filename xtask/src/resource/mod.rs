//! Resources: adds and removes their files, and their lines in the lists.

mod field;
mod generate;
mod lists;
mod model;
mod project;
pub mod remove;
mod sample;
#[cfg(test)]
mod tests;
mod types;

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cuts::is_rust;
use crate::files::{self, Files};
use field::Field;
use model::{Access, Resource};

/// Add a resource: migration, entity, schemas, service, routes and tests, and its line in each list.
///
/// A field is NAME:TYPE. The types: string, text, int, bigint, decimal (money), float, bool, uuid, date, datetime, json
/// (an object), enum(a,b), ref(resource), user (the owner). Behind it a range of lengths or values (`:1..80`), `?` for
/// optional, `!` for unique. Without a field of type user, `owner:user` is added, unless only superusers write.
///
/// Example: cargo xtask new-resource widget title:string:1..80! price:decimal? 'state:enum(draft,live)'
#[derive(clap::Args)]
pub struct New {
    /// The name of one, in snake case: `order_line`
    name: String,
    /// The fields
    #[arg(required = true)]
    fields: Vec<String>,
    /// The name of many, if it is irregular
    #[arg(long)]
    plural: Option<String>,
    /// Everyone may read, without a login
    #[arg(long)]
    public: bool,
    /// Only superusers may create, change and delete
    #[arg(long)]
    superuser: bool,
    /// The resource below whose rows this one stands: `/boards/{board_id}/widgets`
    #[arg(long)]
    parent: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// Remove a resource: its files, and its line in each list. The sample `item` can be removed, too.
#[derive(clap::Args)]
pub struct Remove {
    /// The name of one: `order_line`
    name: String,
    /// Delete the migration, too, although git has it: right as long as no database has run it
    #[arg(long)]
    delete_migration: bool,
    #[command(flatten)]
    output: Output,
}

/// What is done with the changes.
#[derive(clap::Args)]
struct Output {
    /// Print the changes, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Change files that have changes which are not committed
    #[arg(long)]
    allow_dirty: bool,
    /// Do not build the service to update openapi.json
    #[arg(long)]
    no_build: bool,
}

impl Output {
    /// Writes the changes, or prints them.
    fn apply(&self, before: &Files, after: &Files) -> Result<()> {
        if self.dry_run {
            print!("{}", files::diff(before, after));
            return Ok(());
        }
        files::write(Path::new("."), before, after, self.allow_dirty)?;
        report(before, after);
        if self.no_build { Ok(()) } else { update_document() }
    }
}

impl New {
    /// Adds the resource to the project of the working folder.
    pub fn run(self) -> Result<()> {
        let before = files::read(Path::new("."))?;
        let fields = self.fields.iter().map(|field| Field::parse(field)).collect::<Result<_>>()?;
        let access = Access { public: self.public, superuser: self.superuser, parent: self.parent };
        let after = add(&before, &self.name, self.plural.as_deref(), fields, &access)?;
        self.output.apply(&before, &after)?;
        if !self.output.dry_run {
            println!("try it: cargo test {}::    then read the files, and adapt them", self.name);
        }
        Ok(())
    }
}

/// The texts of a project with a resource of these fields.
#[cfg(test)]
pub fn add_by_name(before: &Files, name: &str, fields: &[String]) -> Result<Files> {
    let fields = fields.iter().map(|field| Field::parse(field)).collect::<Result<_>>()?;
    add(before, name, None, fields, &Access::default())
}

/// The texts of the project with the resource.
fn add(before: &Files, name: &str, plural: Option<&str>, fields: Vec<Field>, access: &Access) -> Result<Files> {
    let mut resource = Resource::new(name, plural, fields, access, &project::read(before)?)?;
    if before.contains_key(Path::new(&format!("src/entities/{name}.rs"))) {
        bail!("there is a resource `{name}` already");
    }
    let route = format!(".nest(\"{}\"", resource.path);
    if resource.parent.is_none() && project::text(before, "src/routes/mod.rs")?.contains(&route) {
        bail!("there is a route {} already: choose another name, or another --plural", resource.path);
    }
    resource.migration = next_migration(before, &format!("create_{}", resource.plural))?;
    let mut after = before.clone();
    generate::add(&mut after, &resource)?;
    lists::add(&mut after, &resource)?;
    format_changed(before, &mut after)?;
    Ok(after)
}

/// Formats the Rust files that differ: lists may have become longer or shorter.
fn format_changed(before: &Files, after: &mut Files) -> Result<()> {
    for (path, text) in after {
        if is_rust(path) && before.get(path) != Some(text) {
            *text = generate::format(text).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

impl Remove {
    /// Removes the resource from the project of the working folder.
    pub fn run(self) -> Result<()> {
        let root = Path::new(".");
        let before = files::read(root)?;
        let is_committed = |path: &Path| {
            let path = path.to_string_lossy();
            crate::answers::git(root, &["ls-files", "--error-unmatch", &path]).is_ok()
        };
        let after = remove::remove(&before, &self.name, &|path| self.delete_migration || !is_committed(path))?;
        self.output.apply(&before, &after)?;
        for line in remove::mentions(&after, &self.name) {
            println!("still mentions it: {line}");
        }
        Ok(())
    }
}

fn report(before: &Files, after: &Files) {
    for path in files::changed(before, after) {
        let what = match (before.contains_key(path), after.contains_key(path)) {
            (false, _) => "new    ",
            (true, true) => "changed",
            (true, false) => "deleted",
        };
        println!("{what} {}", path.display());
    }
}

/// Writes `openapi.json` as the service prints it.
fn update_document() -> Result<()> {
    println!("building the service, to update openapi.json");
    let output =
        Command::new("cargo").args(["run", "--quiet", "--locked", "--", "openapi"]).output().context("cargo")?;
    if !output.status.success() {
        bail!("the service does not build:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    std::fs::write("openapi.json", output.stdout).context("openapi.json")
}

/// The name of a new migration, which sorts behind all others.
fn next_migration(files: &Files, name: &str) -> Result<String> {
    let last = files
        .keys()
        .filter(|path| path.starts_with("migrations"))
        .filter_map(|path| path.file_stem()?.to_str()?.strip_prefix('m')?.get(..15).map(str::to_owned))
        .filter(|stamp| stamp.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_'))
        .max();
    let today = crate::answers::today()?;
    let (date, number) = match last.as_deref().and_then(|last| last.split_once('_')) {
        Some((date, number)) if date >= today.as_str() => (date.to_owned(), number.parse::<u32>()? + 1),
        _ => (today, 1),
    };
    Ok(format!("m{date}_{number:06}_{name}"))
}
