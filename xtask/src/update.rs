//! Brings changes of the template into a project.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::answers::{self, Recorded, git, git_with, run};

/// Merge what has changed in the template since this project was made, or since the last update.
///
/// The recorded and the new version of the template are rendered with the recorded answers. Their difference is merged
/// into the work tree with git's three-way merge, and conflicts are marked as git does. Nothing is committed. Needs git
/// 2.38.
#[derive(clap::Args)]
pub struct Update {
    /// The template's repository: an address or a folder; later updates remember it
    #[arg(long)]
    from: Option<String>,
    /// The new version: a commit, tag or branch of the template; its default branch if absent
    #[arg(long)]
    to: Option<String>,
    /// The version that this project was made from, if the recorded one is not in the template's history
    #[arg(long)]
    base: Option<String>,
    /// Only show what would change
    #[arg(long)]
    check: bool,
}

impl Update {
    /// Updates the project of the working folder.
    pub fn run(self) -> Result<()> {
        let project = PathBuf::from(git(Path::new("."), &["rev-parse", "--show-toplevel"])?);
        let recorded = Recorded::read(&project)?;
        if !git(&project, &["status", "--porcelain"])?.is_empty() {
            bail!("the work tree has changes: commit or stash them first");
        }
        let source = self.from.as_ref().or(recorded.source.as_ref());
        let source = source.context("say where the template is: --from <address or folder>")?.clone();
        let scratch = Scratch::new()?;
        let template = scratch.0.join("template");
        run(Command::new("git").args(["clone", "--quiet", "--no-checkout", &source]).arg(&template))?;
        let base = match &self.base {
            Some(base) => resolve(&template, base)?,
            None => find(&template, &recorded.version)?,
        };
        let to = resolve(&template, self.to.as_deref().unwrap_or("HEAD"))?;

        let old = render(&template, &project, &scratch, &base, "old")?;
        let new = render(&template, &project, &scratch, &to, "new")?;
        // The record is the project's: only its version and source change.
        recorded.write(&old)?;
        Recorded { version: Recorded::read(&new)?.version, source: Some(source), answers: recorded.answers }
            .write(&new)?;
        let old = commit(&project, &scratch, &old, None)?;
        let new = commit(&project, &scratch, &new, Some(&old))?;
        if tree(&project, &old)? == tree(&project, &new)? {
            println!("up to date");
            return Ok(());
        }
        if self.check {
            return check(&project, &old, &new);
        }
        let merged = git(&project, &["cherry-pick", "--no-commit", &new]);
        let conflicts = git(&project, &["diff", "--name-only", "--diff-filter=U"])?;
        if conflicts.is_empty() {
            merged?;
            println!("{}", git(&project, &["diff", "--cached", "--stat"])?);
            println!("merged: look at it with `git diff --cached`, run the tests, commit");
        } else {
            bail!("conflicts, marked in these files; `git reset --hard` gives up:\n{conflicts}");
        }
        Ok(())
    }
}

/// Shows what a merge would change, and where it would conflict. Writes nothing but objects of git.
fn check(project: &Path, old: &str, new: &str) -> Result<()> {
    // The project as a change of the old version, so that git finds the right base.
    let ours = commit_tree(project, &tree(project, "HEAD")?, Some(old))?;
    let output = Command::new("git")
        .current_dir(project)
        .args(["merge-tree", "--write-tree", "--name-only", "--no-messages", &ours, new])
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = text.lines();
    let merged = lines.next().context("git merge-tree needs git 2.38")?;
    println!("{}", git(project, &["diff", "--stat", "HEAD", merged])?);
    let conflicts: Vec<&str> = lines.collect();
    if conflicts.is_empty() {
        println!("no conflicts");
    } else {
        println!("conflicts in:\n{}", conflicts.join("\n"));
    }
    Ok(())
}

/// The commit whose files are those of the recorded version.
fn find(template: &Path, version: &str) -> Result<String> {
    for commit in git(template, &["log", "--all", "--format=%H"])?.lines() {
        if answers::version(template, commit, &[])? == version {
            return Ok(commit.to_owned());
        }
    }
    bail!(
        "the recorded version is not in the template's history: perhaps the project was made from a folder with changes; \
         name the nearest version with --base"
    )
}

/// The id of a commit, tag or branch of the clone.
fn resolve(template: &Path, name: &str) -> Result<String> {
    let remote = format!("origin/{name}^{{commit}}");
    git(template, &["rev-parse", "--verify", "--quiet", &remote])
        .or_else(|_| git(template, &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]))
        .with_context(|| format!("the template has no version `{name}`"))
}

/// Renders a version of the template with the project's answers, by that version's own renderer.
fn render(template: &Path, project: &Path, scratch: &Scratch, commit: &str, name: &str) -> Result<PathBuf> {
    let source = scratch.0.join(format!("{name}-template"));
    run(Command::new("git")
        .current_dir(template)
        .args(["worktree", "add", "--quiet", "--detach"])
        .arg(&source)
        .arg(commit))?;
    let destination = scratch.0.join(name);
    run(Command::new("cargo")
        .current_dir(&source)
        .args(["run", "--quiet", "--locked", "--manifest-path", "xtask/Cargo.toml", "--target-dir"])
        // Where the tools were built already: their dependencies are the same.
        .arg(project.join("target/xtask"))
        .args(["--", "render", "--answers"])
        .arg(project.join(answers::FILE))
        .arg("--destination")
        .arg(&destination))
    .with_context(|| format!("rendering version {commit} of the template"))?;
    Ok(destination)
}

/// Stores a folder as a commit in the project's repository.
fn commit(project: &Path, scratch: &Scratch, folder: &Path, parent: Option<&str>) -> Result<String> {
    let repository = PathBuf::from(git(project, &["rev-parse", "--absolute-git-dir"])?);
    let index = scratch.0.join("index");
    let variables: [(&str, &Path); 3] =
        [("GIT_DIR", &repository), ("GIT_WORK_TREE", folder), ("GIT_INDEX_FILE", &index)];
    git_with(folder, &["add", "--all"], &variables)?;
    let tree = git_with(folder, &["write-tree"], &variables)?;
    commit_tree(project, &tree, parent)
}

fn commit_tree(project: &Path, tree: &str, parent: Option<&str>) -> Result<String> {
    let mut arguments = vec!["-c", "user.name=template", "-c", "user.email=template@localhost", "commit-tree", tree];
    arguments.extend(["-m", "template"]);
    if let Some(parent) = parent {
        arguments.extend(["-p", parent]);
    }
    git(project, &arguments)
}

fn tree(project: &Path, commit: &str) -> Result<String> {
    git(project, &["rev-parse", "--verify", &format!("{commit}^{{tree}}")])
}

/// A folder that is deleted at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let folder = env::temp_dir().join(format!("update-template-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("warning: {} is left over: {error}", self.0.display());
        }
    }
}
