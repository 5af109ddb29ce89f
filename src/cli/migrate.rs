//! `migrate up|down|status`

use clap::Subcommand;

use super::{Outcome, print};
use crate::core::config::Settings;
use crate::core::database::migrate;

#[derive(Debug, Subcommand)]
pub(super) enum Migrate {
    /// Apply pending migrations
    Up,
    /// Revert the last migrations
    Down {
        /// The number of migrations to revert
        #[arg(default_value_t = 1)]
        steps: u32,
    },
    /// List all migrations
    Status,
}

pub(super) async fn run(settings: &Settings, command: Migrate) -> Outcome {
    let db = super::connect(&settings.database).await?;
    match command {
        Migrate::Up => {
            let applied = migrate::up(&db).await?;
            print(&format!("{} applied", applied.len()))?;
        }
        Migrate::Down { steps } => migrate::down(&db, steps).await?,
        Migrate::Status => {
            for status in migrate::status(&db).await? {
                print(&format!("{}  {}", if status.applied { "applied" } else { "pending" }, status.name))?;
            }
        }
    }
    Ok(())
}
