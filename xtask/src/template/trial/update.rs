//! A project with changes of its own is updated to a newer version of the template.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::project::Project;
use crate::answers::{Answers, git, run};

/// The older version of the template differs in these lines: file, line of today, line of then.
const CHANGES: [(&str, &str, &str); 2] = [
    ("SECURITY.md", "# Security", "# Security policy"),
    ("src/routes/root.rs", "//! The greeting at `/`.", "//! Greets at `/`."),
];
/// The project has changed the second of these lines itself.
const OWN: (&str, &str) = ("src/routes/root.rs", "//! Our greeting at `/`.");

/// Checks a clean update, one with a conflict, and that a work tree with changes is not touched.
pub fn check(folder: &Path, target: &Path) -> Result<()> {
    println!("\n== update of a project");
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let template = folder.join("template");
    versions(&template)?;
    let answers = Answers { name: "acme-old".to_owned(), preset: "minimal".to_owned(), ..Answers::default() };
    let made = folder.join("project");
    git(&template, &["checkout", "--quiet", "old"])?;
    // By the older version, as its owner did.
    let xtask = ["run", "--quiet", "--locked", "--manifest-path", "xtask/Cargo.toml", "--", "render"];
    let render = ["--name", &answers.name, "--preset", &answers.preset, "--destination"];
    run(Command::new("cargo")
        .current_dir(&template)
        .env("CARGO_TARGET_DIR", target)
        .args(xtask)
        .args(render)
        .arg(fs::canonicalize(folder)?.join("project")))?;
    git(&template, &["checkout", "--quiet", "new"])?;
    git(&made, &["init", "--quiet"])?;
    let project = Project::made(&made, target, answers);
    project.commit("made from the template")?;
    let from = fs::canonicalize(&template)?;
    let from = from.to_str().context("the folder's name")?;
    let update = |more: &[&str]| project.xtask(&[&["update-template", "--from", from], more].concat());
    let status = || git(&made, &["status", "--porcelain"]);

    edit(&made, "README.md", "\n", "\nOurs.\n")?;
    if update(&[]).is_ok() || status()? != "M README.md" && status()? != " M README.md" {
        bail!("a work tree with changes was updated");
    }
    project.commit("an edit of our own")?;

    update(&["--check"])?;
    if !status()?.is_empty() {
        bail!("--check has changed files");
    }
    update(&[])?;
    let merged = |path: &str| fs::read_to_string(made.join(path));
    for (path, new, old) in CHANGES {
        let text = merged(path)?;
        if !text.contains(new) || text.lines().any(|line| line == old) {
            bail!("{path} was not updated");
        }
    }
    if !merged("README.md")?.contains("Ours.") {
        bail!("the project's own edit is lost");
    }
    project.commit("updated")?;
    update(&[])?;
    if !status()?.is_empty() {
        bail!("a second update has changed something");
    }

    // The same with an edit of the same line.
    git(&made, &["reset", "--quiet", "--hard", "HEAD~1"])?;
    edit(&made, OWN.0, CHANGES[1].2, OWN.1)?;
    project.commit("an edit of the same line")?;
    if update(&[]).is_ok() {
        bail!("a conflict was reported as success");
    }
    let text = merged(OWN.0)?;
    if !["<<<<<<<", OWN.1, CHANGES[1].1, ">>>>>>>"].iter().all(|part| text.contains(part)) {
        bail!("the conflict is not marked in {}:\n{text}", OWN.0);
    }
    if !merged(CHANGES[0].0)?.contains(CHANGES[0].1) {
        bail!("the rest was not updated");
    }
    Ok(())
}

/// A repository with an older version of the template and the one in the working folder: `old` and `new`.
fn versions(template: &Path) -> Result<()> {
    fs::create_dir_all(template)?;
    for (path, text) in crate::files::read(Path::new("."))? {
        let file = template.join(&path);
        fs::create_dir_all(file.parent().context("a folder")?)?;
        fs::write(&file, text)?;
        fs::set_permissions(&file, fs::metadata(&path)?.permissions())?;
    }
    git(template, &["init", "--quiet", "--initial-branch", "new"])?;
    let commit = |message: &str| {
        git(template, &["add", "--all"])?;
        let author = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"];
        git(template, &[&author[..], &["commit", "--quiet", "--message", message]].concat())
    };
    for (path, new, old) in CHANGES {
        edit(template, path, new, old)?;
    }
    commit("an older version")?;
    git(template, &["branch", "old"])?;
    for (path, new, old) in CHANGES {
        edit(template, path, old, new)?;
    }
    commit("the version of today")?;
    Ok(())
}

/// Replaces the first occurrence of a text.
fn edit(folder: &Path, path: &str, from: &str, to: &str) -> Result<()> {
    let file = folder.join(path);
    let text = fs::read_to_string(&file)?;
    if !text.contains(from) {
        bail!("{path} does not say `{from}`");
    }
    fs::write(file, text.replacen(from, to, 1))?;
    Ok(())
}
