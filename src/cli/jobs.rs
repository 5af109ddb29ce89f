//! `jobs list|retry|purge`

use clap::{Subcommand, ValueEnum};
use uuid::Uuid;

use super::{Outcome, print};
use crate::core::config::Settings;
use crate::jobs::queue::{self, Status};

#[derive(Debug, Subcommand)]
pub(super) enum Jobs {
    /// Count the jobs by status, and list the newest of one status
    List {
        /// The status
        #[arg(long, value_enum, default_value_t = Which::Dead)]
        status: Which,
        /// The number of jobs to list
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Run dead jobs again
    #[command(group = clap::ArgGroup::new("which").required(true))]
    Retry(#[command(flatten)] Selection),
    /// Delete dead jobs
    #[command(group = clap::ArgGroup::new("which").required(true))]
    Purge(#[command(flatten)] Selection),
}

#[derive(Debug, clap::Args)]
pub(super) struct Selection {
    /// The ids of the jobs
    #[arg(group = "which")]
    ids: Vec<Uuid>,
    /// All dead jobs
    #[arg(long, group = "which")]
    all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub(super) enum Which {
    /// Waiting for their time or for a worker
    Queued,
    /// Claimed by a worker
    Running,
    /// Done within the last day
    Done,
    /// Failed permanently or too often
    Dead,
}

impl From<Which> for Status {
    fn from(which: Which) -> Self {
        match which {
            Which::Queued => Self::Queued,
            Which::Running => Self::Running,
            Which::Done => Self::Done,
            Which::Dead => Self::Dead,
        }
    }
}

pub(super) async fn run(settings: Settings, command: Jobs) -> Outcome {
    let state = super::state(settings).await?;
    match command {
        Jobs::List { status, limit } => {
            for which in Which::value_variants() {
                print(&format!(
                    "{:<8}{}",
                    format!("{which:?}").to_lowercase(),
                    queue::count(&state.db, (*which).into()).await?
                ))?;
            }
            for job in queue::list(&state.db, status.into(), limit.into()).await? {
                let error = job.last_error.map_or_else(String::new, |error| format!(": {error}"));
                let (at, attempts) = (job.run_at.format("%F %T"), job.attempts);
                print(&format!("{} {at} {} {attempts} attempts{error}", job.id, job.kind))?;
            }
        }
        Jobs::Retry(selection) => {
            print(&format!("{} queued", queue::retry(&state.db, &selection.ids, state.accounts.now()).await?))?;
        }
        Jobs::Purge(selection) => print(&format!("{} deleted", queue::purge(&state.db, &selection.ids).await?))?,
    }
    Ok(())
}
