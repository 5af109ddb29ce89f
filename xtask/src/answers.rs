//! `.template.toml`: what a project was made from.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// The file.
pub const FILE: &str = ".template.toml";

/// Today's date in UTC, as `20260131`.
///
/// # Errors
/// When the clock is before 1970.
pub fn today() -> Result<String> {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
    Ok(calendar(now / 86_400))
}

/// The date of a day since 1970 (civil from days, Howard Hinnant).
fn calendar(days: u64) -> String {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year}{month:02}{day:02}")
}

/// Runs a command, whose output is shown.
///
/// # Errors
/// When it does not start, or fails.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed");
    }
    Ok(())
}

/// Runs git in a folder. Returns what it prints.
///
/// # Errors
/// When git is missing or fails, with its message.
pub fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    git_with(folder, arguments, &[])
}

/// The same with variables of the environment.
///
/// # Errors
/// As [`git`].
pub fn git_with(folder: &Path, arguments: &[&str], variables: &[(&str, &Path)]) -> Result<String> {
    let mut command = Command::new("git");
    command.current_dir(folder).args(arguments).envs(variables.iter().copied());
    let output = command.output().context("git")?;
    if !output.status.success() {
        bail!("git {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

// only with template
/// The version of the template in a folder, whether or not the folder is a repository: `cargo generate` removes the
/// history of its copy.
///
/// # Errors
/// As [`git`].
pub fn version_of_folder(folder: &Path) -> Result<String> {
    with_index(folder, |variables| {
        let tree = git_with(folder, &["write-tree"], variables)?;
        version(folder, &tree, variables)
    })
}

/// The version of the template in a commit or tree: the id of the tree without the files that `cargo generate` changes
/// or removes in its copy.
///
/// # Errors
/// As [`git`].
pub fn version(folder: &Path, tree: &str, variables: &[(&str, &Path)]) -> Result<String> {
    let entries = git_with(folder, &["ls-tree", tree], variables)?;
    let is_of_tool = |entry: &&str| !entry.ends_with("\t.cargo-generate") && !entry.ends_with("\tcargo-generate.toml");
    let entries: Vec<&str> = entries.lines().filter(is_of_tool).collect();
    let mut command = Command::new("git");
    command.current_dir(folder).arg("mktree").envs(variables.iter().copied());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("git")?;
    child.stdin.take().context("git")?.write_all((entries.join("\n") + "\n").as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("git mktree failed");
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// The files of a folder that git knows or would add.
///
/// # Errors
/// As [`git`].
pub fn list_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let list = with_index(folder, |variables| git_with(folder, &["ls-files", "-z"], variables))?;
    Ok(list.split('\0').filter(|path| !path.is_empty()).map(PathBuf::from).collect())
}

/// Runs with an index of all files, in a repository of its own.
fn with_index<T>(folder: &Path, run: impl FnOnce(&[(&str, &Path)]) -> Result<T>) -> Result<T> {
    let folder = fs::canonicalize(folder)?;
    let scratch = std::env::temp_dir().join(format!("template-{}-{:x}", std::process::id(), next_number()));
    let repository = scratch.join("git");
    fs::create_dir_all(&scratch)?;
    let variables: [(&str, &Path); 2] = [("GIT_DIR", &repository), ("GIT_WORK_TREE", &folder)];
    let result = git_with(&folder, &["init", "--quiet"], &variables)
        .and_then(|_| git_with(&folder, &["-c", "core.autocrlf=false", "add", "--all"], &variables))
        .and_then(|_| run(&variables));
    fs::remove_dir_all(&scratch)?;
    result
}

/// Tells the scratch folders of one process apart.
fn next_number() -> usize {
    static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// What was chosen for a project.
#[derive(Serialize, Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// The project's name.
    pub name: String,
    /// The set of parts.
    pub preset: String,
    /// What the service is, in a few words: for `Cargo.toml`, README and the OpenAPI document.
    #[serde(default)]
    pub description: String,
    /// The holder of the copyright.
    #[serde(default)]
    pub author: String,
    /// The year in LICENSE.
    #[serde(default)]
    pub year: String,
    /// What API keys begin with.
    #[serde(default)]
    pub api_key_prefix: String,
    /// Parts that are kept or left out, whatever the preset says.
    #[serde(default)]
    pub choices: BTreeMap<String, bool>,
}

impl Default for Answers {
    fn default() -> Self {
        let empty = String::new;
        let (preset, choices) = ("full".to_owned(), BTreeMap::new());
        let (name, description, author, year, api_key_prefix) = (empty(), empty(), empty(), empty(), empty());
        Self { name, preset, description, author, year, api_key_prefix, choices }
    }
}

/// The file.
#[derive(Serialize, Deserialize)]
pub struct Recorded {
    /// The version of the template: see [`version`].
    pub version: String,
    /// Where the template is, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What was chosen.
    pub answers: Answers,
}

impl Recorded {
    /// Parses the text of the file.
    ///
    /// # Errors
    /// When it is not that of such a file.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).context(FILE)
    }

    /// Reads the file of a project.
    ///
    /// # Errors
    /// When there is none, or it does not parse.
    pub fn read(project: &Path) -> Result<Self> {
        let text = fs::read_to_string(project.join(FILE));
        Self::parse(&text.with_context(|| format!("{FILE}: this project was not made from the template"))?)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, project: &Path) -> Result<()> {
        let head = "# What this project was made from: a tree of the template's repository, and what was chosen.\n\
                    # `cargo xtask update-template` reads and updates it.\n\n";
        fs::write(project.join(FILE), head.to_owned() + &toml::to_string(self)?)?;
        Ok(())
    }
}
