//! Makes a project from the template: leaves out parts, renames, and records what it was made from.

mod document;
mod manifest;
mod marks;
mod names;
#[cfg(test)]
mod parity;
mod parts;
mod render;
mod settings;
mod trial;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

pub use self::trial::TestTemplate;
use crate::answers::{Answers, Recorded};

/// Make a project from this template, as `cargo generate` does.
#[derive(clap::Args)]
pub struct Render {
    /// The project's name, as `acme-orders`
    #[arg(long)]
    name: Option<String>,
    /// full, service (accounts, items, jobs, mail) or minimal (accounts)
    #[arg(long)]
    preset: Option<String>,
    /// Keep a part or leave it out, whatever the preset says: `--set realtime=false`. Also description, author,
    /// `api_key_prefix` and year
    #[arg(long = "set", value_name = "NAME=VALUE")]
    choices: Vec<String>,
    /// A file with such lines, or the .template.toml of a project
    #[arg(long)]
    answers: Option<PathBuf>,
    /// A folder that does not exist yet; without it the copy of the template in the working folder becomes the project
    #[arg(long)]
    destination: Option<PathBuf>,
    /// Only check the name
    #[arg(long)]
    check: bool,
}

impl Render {
    /// Makes the project.
    pub fn run(self) -> Result<()> {
        let mut answers = Answers::default();
        if let Some(path) = &self.answers {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            if path.extension().is_some_and(|extension| extension == "toml") {
                answers = Recorded::parse(&text)?.answers;
            } else {
                text.lines().try_for_each(|line| set(&mut answers, line))?;
            }
        }
        if let Some(name) = self.name {
            answers.name = name;
        }
        if let Some(preset) = self.preset {
            answers.preset = preset;
        }
        self.choices.iter().try_for_each(|line| set(&mut answers, line))?;
        if self.check {
            let lock = fs::read_to_string("Cargo.lock").context("Cargo.lock")?;
            names::Names::new(&answers.name, &lock)?;
            return Ok(());
        }
        render::render(self.destination.as_deref(), answers)
    }
}

/// Takes one answer: `name=value`.
fn set(answers: &mut Answers, line: &str) -> Result<()> {
    let (name, value) = line.split_once('=').with_context(|| format!("`{line}`: expected NAME=VALUE"))?;
    let value = value.trim().to_owned();
    match (name.trim(), value.as_str()) {
        ("name", _) => answers.name = value,
        ("preset", "") => {}
        ("preset", _) => answers.preset = value,
        ("description", _) => answers.description = value,
        ("author", _) => answers.author = value,
        ("api_key_prefix", _) => answers.api_key_prefix = value,
        ("year", _) => answers.year = value,
        (part, "true" | "false") => {
            answers.choices.insert(part.to_owned(), value == "true");
        }
        (part, _) => bail!("{part}={value}: expected true or false"),
    }
    Ok(())
}
