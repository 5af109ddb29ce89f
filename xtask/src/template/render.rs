//! The steps from a copy of the template to a project.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use regex::Regex;

use super::names::{Names, TEMPLATE};
use super::parts::{Part, Parts, Replacement};
use super::{document, manifest, marks, settings};
use crate::answers::{self, Answers, Recorded};
use crate::cuts::{is_rust, remove_imports, remove_lines_of_modules, remove_links};
use crate::files::{self, Files};
use crate::resource::remove;

/// Makes a project in the destination, or of the working folder.
pub fn render(destination: Option<&Path>, mut answers: Answers) -> Result<()> {
    let root = Path::new(".");
    let parts = Parts::load()?;
    let lock_text = fs::read_to_string("Cargo.lock").context("Cargo.lock: run this in the template's folder")?;
    let names = Names::new(&answers.name, &lock_text)?;
    let kept = parts.choose(&answers.preset, &answers.choices)?;
    complete(&mut answers, &names)?;
    let version = answers::version_of_folder(root)?;
    let mut files = files::read(root)?;
    let before = files.clone();

    remove_files(&mut files, &parts, &kept);
    for (path, text) in &mut files {
        *text = marks::cut(path, text, &kept)?;
    }
    replace_texts(&mut files, &before, &parts, &kept)?;
    remove_settings(&mut files, &parts, &kept);
    if !kept.contains("items") {
        files = remove::remove(&files, "item", &|_| true)?;
    }
    remove_lines_of_modules(&mut files, &before)?;
    remove_links(&mut files, &before)?;
    remove_imports(&mut files, &before)?;
    remove_dependencies(&mut files, &before)?;
    remove_from_documents(&mut files, &parts, &kept)?;
    personalise(&mut files, &answers)?;

    let renamed: Files = files
        .iter()
        .map(|(path, text)| {
            let name = path.to_string_lossy().replace(TEMPLATE, &names.package);
            Ok((PathBuf::from(name), names.apply(path, text)?))
        })
        .collect::<Result<_>>()?;
    let target = destination.unwrap_or(root);
    write(target, root, &before, &renamed, destination.is_none())?;
    update_lock(target)?;
    Recorded { version, source: None, answers }.write(target)?;
    format(target);
    Ok(())
}

/// Fills what was not answered.
fn complete(answers: &mut Answers, names: &Names) -> Result<()> {
    if answers.author.is_empty() {
        let output = Command::new("git").args(["config", "user.name"]).stderr(Stdio::null()).output();
        let author = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        answers.author = author.unwrap_or_default();
    }
    if answers.author.is_empty() {
        answers.author = format!("The {} authors", names.package);
    }
    if answers.description.is_empty() {
        answers.description = format!("The service {}", names.package);
    }
    if answers.year.is_empty() {
        answers::today()?[..4].clone_into(&mut answers.year);
    }
    if answers.api_key_prefix.is_empty() {
        answers.api_key_prefix.clone_from(&names.library);
    }
    let is_prefix =
        |text: &str| text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_prefix(&answers.api_key_prefix) {
        bail!("the prefix of API keys may have up to 40 letters, digits and underscores");
    }
    if answers.description.contains(['"', '\\', '\n']) || answers.author.contains('\n') {
        bail!("description and author are one line each, without quotes and backslashes");
    }
    Ok(())
}

fn is_in(path: &Path, listed: &str) -> bool {
    path.starts_with(listed)
}

fn remove_files(files: &mut Files, parts: &Parts, kept: &BTreeSet<String>) {
    let mut listed: Vec<&str> = parts.template_files.iter().map(String::as_str).collect();
    for (_, part) in parts.left_out(kept) {
        listed.extend(part.files.iter().map(String::as_str));
        for shared in part.shared_files.iter().filter(|shared| !shared.with.iter().any(|name| kept.contains(name))) {
            listed.extend(shared.files.iter().map(String::as_str));
        }
    }
    files.retain(|path, _| !listed.iter().any(|listed| is_in(path, listed)));
}

fn replace_texts(files: &mut Files, before: &Files, parts: &Parts, kept: &BTreeSet<String>) -> Result<()> {
    for (name, part) in parts.left_out(kept) {
        for Replacement { file, from, to } in &part.replace {
            let path = Path::new(file);
            if !before.get(path).is_some_and(|text| text.contains(from)) {
                bail!("parts.toml, {name}: {file} does not say `{from}` any more");
            }
            // Or it went with another part.
            if let Some(text) = files.get_mut(path) {
                *text = text.replace(from, to);
            }
        }
    }
    Ok(())
}

fn remove_settings(files: &mut Files, parts: &Parts, kept: &BTreeSet<String>) {
    let keys: Vec<&str> = parts.left_out(kept).flat_map(|(_, part)| &part.settings).map(String::as_str).collect();
    for (path, text) in files.iter_mut() {
        match path.to_str() {
            Some(path) if path.starts_with("config/") || path.ends_with("local.toml") => {
                *text = settings::without_toml(text, &keys);
            }
            Some(".env.example") => *text = settings::without_variables(text, &keys),
            Some("docs/configuration.md") => *text = settings::without_rows(text, &keys),
            _ => {}
        }
    }
}

fn remove_dependencies(files: &mut Files, before: &Files) -> Result<()> {
    let uses = |files: &Files, name: &str, folders: &[&str]| -> Result<bool> {
        let word = Regex::new(&format!(r"\b{}\b", name.replace('-', "_")))?;
        Ok(files.iter().any(|(path, text)| {
            is_rust(path) && folders.iter().any(|folder| path.starts_with(folder)) && word.is_match(text)
        }))
    };
    let product = ["src", "migrations", "bench"];
    let all = ["src", "migrations", "bench", "tests"];
    let manifest = files.get(Path::new("Cargo.toml")).context("Cargo.toml")?.clone();
    let names = manifest::dependencies(&manifest)?;
    let (mut unused, mut for_tests) = (Vec::new(), Vec::new());
    for name in names {
        if uses(before, &name, &all)? && !uses(files, &name, &all)? {
            unused.push(name);
        } else if uses(before, &name, &product)? && !uses(files, &name, &product)? {
            for_tests.push(name);
        }
    }
    files.insert("Cargo.toml".into(), manifest::without(&manifest, &unused, &for_tests)?);
    Ok(())
}

fn remove_from_documents(files: &mut Files, parts: &Parts, kept: &BTreeSet<String>) -> Result<()> {
    let left_out: Vec<&Part> = parts.left_out(kept).map(|(_, part)| part).collect();
    if let Some(text) = files.get_mut(Path::new("openapi.json")) {
        *text = document::openapi(text, &left_out)?;
    }
    if let Some(text) = files.get_mut(Path::new("deploy/grafana/keel.json")) {
        let metrics: Vec<&str> = left_out.iter().flat_map(|part| &part.metrics).map(String::as_str).collect();
        *text = document::dashboard(text, &metrics)?;
    }
    Ok(())
}

/// Description, author, year and the prefix of API keys.
fn personalise(files: &mut Files, answers: &Answers) -> Result<()> {
    let manifest = files.get_mut(Path::new("Cargo.toml")).context("Cargo.toml")?;
    let old = Regex::new(r#"(?m)^description = "(.*)"$"#)?;
    let current = old.captures(manifest).context("Cargo.toml has no description")?[1].to_owned();
    *manifest = manifest.replace(&current, &answers.description);
    let document = files.get_mut(Path::new("openapi.json")).context("openapi.json")?;
    *document = document.replace(&current, &answers.description);
    if let Some(license) = files.get_mut(Path::new("LICENSE")) {
        let holder = Regex::new("(?m)^Copyright .*$")?;
        let line = format!("Copyright (c) {} {}", answers.year, answers.author);
        *license = holder.replace(license, regex::NoExpand(&line)).into_owned();
    }
    for path in ["src/core/security/secrets.rs", "tests/api/api_key.rs"] {
        if let Some(text) = files.get_mut(Path::new(path)) {
            let prefix = answers.api_key_prefix.trim_end_matches('_');
            *text = text.replace(&format!("\"{TEMPLATE}_\""), &format!("\"{prefix}_\""));
        }
    }
    if let Some(text) = files.get_mut(Path::new("README.md")) {
        let first = Regex::new("(?m)^A production microservice template in Rust:(.*)$")?;
        let stack = first.captures(text).context("README.md does not say what the template is any more")?[1].to_owned();
        let line = format!("{}. A microservice in Rust:{stack}", answers.description.trim_end_matches('.'));
        *text = first.replace(text, regex::NoExpand(&line)).into_owned();
    }
    Ok(())
}

/// Writes the project. In place, files that are not part of it are deleted.
fn write(target: &Path, root: &Path, before: &Files, files: &Files, in_place: bool) -> Result<()> {
    if !in_place {
        if target.exists() && fs::read_dir(target)?.next().is_some() {
            bail!("{} exists and is not empty", target.display());
        }
        fs::create_dir_all(target)?;
    }
    for path in before.keys().filter(|path| in_place && !files.contains_key(*path)) {
        fs::remove_file(root.join(path)).with_context(|| path.display().to_string())?;
    }
    for (path, text) in files {
        let file = target.join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&file, text).with_context(|| path.display().to_string())?;
        // Scripts stay executable.
        if let Ok(metadata) = fs::metadata(root.join(path)) {
            fs::set_permissions(&file, metadata.permissions())?;
        }
    }
    if in_place {
        remove_empty_folders(root)?;
    }
    Ok(())
}

fn remove_empty_folders(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with(".git") && !path.ends_with("target") {
            remove_empty_folders(&path)?;
            if fs::read_dir(&path)?.next().is_none() {
                fs::remove_dir(&path)?;
            }
        }
    }
    Ok(())
}

/// Removes what the project does not use from `Cargo.lock`, which `cargo build --locked` wants, and profiles of such
/// packages, which would be warnings. All other packages keep their versions.
fn update_lock(target: &Path) -> Result<()> {
    let update = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        command.current_dir(target).args(["update", "--workspace", "--quiet"]).args(arguments);
        command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    // Usually everything is known already.
    if !update(&["--offline"]) && !update(&[]) {
        bail!("`cargo update --workspace` failed in {}", target.display());
    }
    let lock = fs::read_to_string(target.join("Cargo.lock"))?;
    let packages = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let packages: BTreeSet<String> = packages.map(str::to_owned).collect();
    let path = target.join("Cargo.toml");
    fs::write(&path, manifest::without_profiles(&fs::read_to_string(&path)?, &packages)?)?;
    Ok(())
}

/// Sorts imports and joins lines that have become shorter. The project builds without it, too.
fn format(target: &Path) {
    for manifest in ["Cargo.toml", "xtask/Cargo.toml"] {
        let manifest = target.join(manifest);
        let formatted = Command::new("cargo").arg("fmt").arg("--manifest-path").arg(&manifest).status();
        if !formatted.is_ok_and(|status| status.success()) {
            eprintln!("warning: `cargo fmt` failed; run it in the project");
        }
    }
}
