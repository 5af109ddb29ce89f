//! Makes projects from the template, and checks each as its owner would.

mod links;
mod project;
mod resources;
mod update;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};

use self::project::Project;
use super::parts::Parts;
use crate::answers::Answers;

/// Make projects from the template, and check that they build without warnings, pass their tests, serve, have nothing of
/// what was left out, and can be extended and updated.
///
/// Needs `TEST_DATABASE_URL`, a PostgreSQL server on which databases may be created, and `TEST_REDIS_URL`.
#[derive(clap::Args)]
pub struct TestTemplate {
    /// Only the preset minimal, with a resource, and an update
    #[arg(long)]
    quick: bool,
    /// How many projects with parts chosen at random
    #[arg(long, default_value_t = 2)]
    random: u64,
    /// Chooses the parts of these projects; printed, so that a run can be repeated
    #[arg(long)]
    seed: Option<u64>,
    /// Only these of the projects: full, minimal, service, random-0
    #[arg(long)]
    only: Vec<String>,
    /// Where the projects are made; the folder stays if it is named
    #[arg(long)]
    folder: Option<PathBuf>,
    /// The target folder that the projects share
    #[arg(long, default_value = "target/template")]
    target: PathBuf,
}

impl TestTemplate {
    /// Runs all checks.
    pub fn run(self) -> Result<()> {
        for name in ["TEST_DATABASE_URL", "TEST_REDIS_URL"] {
            env::var_os(name).with_context(|| format!("{name} is not set"))?;
        }
        fs::create_dir_all(&self.target)?;
        let target = fs::canonicalize(&self.target)?;
        let folder = self.folder.clone().unwrap_or_else(|| env::temp_dir().join("projects-of-template"));
        let started = Instant::now();
        let projects = self.projects()?;
        for (name, answers) in projects.into_iter().filter(|(name, _)| self.only.is_empty() || self.only.contains(name))
        {
            let project = Project::make(&folder.join(&name), &target, answers)?;
            project.check()?;
            if name == "minimal" {
                resources::check(&project, self.quick)?;
            }
            if name == "service" {
                resources::remove_sample(&project)?;
            }
            println!("== {name}: passed after {} s", started.elapsed().as_secs());
        }
        update::check(&folder.join("update"), &target)?;
        if self.folder.is_none() {
            fs::remove_dir_all(&folder)?;
        }
        println!("the template passed in {} s", started.elapsed().as_secs());
        Ok(())
    }

    /// The projects to make.
    fn projects(&self) -> Result<BTreeMap<String, Answers>> {
        let answers = |preset: &str| Answers {
            name: format!("acme-{preset}"),
            preset: preset.to_owned(),
            author: "Ann Example".to_owned(),
            ..Answers::default()
        };
        let presets = if self.quick { &["minimal"][..] } else { &["minimal", "service", "full"] };
        let mut projects: BTreeMap<String, Answers> =
            presets.iter().map(|preset| ((*preset).to_owned(), answers(preset))).collect();
        if self.quick {
            return Ok(projects);
        }
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
        let mut seed = self.seed.unwrap_or(now);
        println!("choices at random: --seed {seed}");
        let parts = Parts::load()?;
        for number in 0..self.random {
            let mut random = Answers { name: format!("acme-random-{number}"), ..answers("full") };
            random.choices = parts.all.keys().map(|part| (part.clone(), is_heads(&mut seed))).collect();
            for (name, part) in &parts.all {
                // What needs a part that is left out goes with it.
                if !random.choices[name] {
                    random.choices.extend(part.needed_by.iter().map(|other| (other.clone(), false)));
                }
            }
            projects.insert(format!("random-{number}"), random);
        }
        Ok(projects)
    }
}

/// The next bit of a linear congruential generator (Knuth, MMIX).
fn is_heads(state: &mut u64) -> bool {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 63 == 1
}
