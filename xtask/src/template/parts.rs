//! The parts of the template that a project can leave out: `parts.toml`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// What the file describes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// Files that belong to the template itself: no project has them.
    pub template_files: Vec<String>,
    /// The parts, by name.
    #[serde(rename = "parts")]
    pub all: BTreeMap<String, Part>,
    /// Sets of parts, by name. The set `full` has all.
    pub presets: BTreeMap<String, Vec<String>>,
}

/// A part of the template.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What it is, for people who choose.
    pub about: String,
    /// Parts that do not work without this one.
    #[serde(default)]
    pub needed_by: Vec<String>,
    /// Files and folders that belong to the part alone.
    #[serde(default)]
    pub files: Vec<String>,
    /// Files that go when this part and others are all left out.
    #[serde(default)]
    pub shared_files: Vec<Shared>,
    /// Prefixes of paths in the OpenAPI document.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Names in the OpenAPI document: scopes, security schemes, headers and values of enums.
    #[serde(default)]
    pub schemes: Vec<String>,
    /// Metrics, which panels of the dashboard show.
    #[serde(default)]
    pub metrics: Vec<String>,
    /// Keys of settings, `section` or `section.key`.
    #[serde(default)]
    pub settings: Vec<String>,
    /// A pattern that nothing in a project without the part matches.
    pub words: String,
    /// Texts that read differently without the part.
    #[serde(default)]
    pub replace: Vec<Replacement>,
}

/// Files of several parts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shared {
    /// The other parts.
    pub with: Vec<String>,
    /// The files.
    pub files: Vec<String>,
}

/// A text that reads differently without a part.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replacement {
    /// The file.
    pub file: String,
    /// What it says with the part. Occurs at least once.
    pub from: String,
    /// What it says without.
    pub to: String,
}

impl Parts {
    /// The parts of this version of the template.
    ///
    /// # Errors
    /// When `parts.toml` is not as described here.
    pub fn load() -> Result<Self> {
        toml::from_str(include_str!("parts.toml")).context("parts.toml")
    }

    /// The parts to keep: those of the preset, changed by the choices.
    ///
    /// # Errors
    /// For an unknown preset or part, and for a part that needs another one which is left out.
    pub fn choose(&self, preset: &str, choices: &BTreeMap<String, bool>) -> Result<BTreeSet<String>> {
        let names = || self.all.keys().cloned();
        let mut kept: BTreeSet<String> = match self.presets.get(preset) {
            Some(parts) => parts.iter().cloned().collect(),
            None if matches!(preset, "full" | "choose") => names().collect(),
            None => {
                let known: Vec<&str> = self.presets.keys().map(String::as_str).collect();
                bail!("unknown preset `{preset}`: choose full or one of {}", known.join(", "))
            }
        };
        for (name, &is_wanted) in choices {
            if !self.all.contains_key(name) {
                let known: Vec<String> =
                    self.all.iter().map(|(name, part)| format!("\n  {name}: {}", part.about)).collect();
                bail!("unknown part `{name}`; the parts are{}", known.concat());
            }
            if is_wanted {
                kept.insert(name.clone());
            } else {
                kept.remove(name);
            }
        }
        for (name, part) in self.all.iter().filter(|(name, _)| !kept.contains(*name)) {
            if let Some(other) = part.needed_by.iter().find(|other| kept.contains(*other)) {
                bail!("`{other}` needs `{name}`: keep both, or leave out both");
            }
        }
        Ok(kept)
    }

    /// The parts that are not kept.
    pub fn left_out<'a>(&'a self, kept: &'a BTreeSet<String>) -> impl Iterator<Item = (&'a String, &'a Part)> + Clone {
        self.all.iter().filter(|(name, _)| !kept.contains(*name))
    }
}
