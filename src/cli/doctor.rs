//! `doctor`: what `serve` would find, without serving. The configuration was read before this runs.

use super::Outcome;
use crate::core::config::Settings;
use crate::core::{database, migrate};

pub(super) async fn run(settings: &Settings) -> Outcome {
    println!("ok       configuration ({:?})", settings.environment);
    let db = database::connect(&settings.database).await.map_err(|error| format!("database.url: {error}"))?;
    database::ping(&db).await.map_err(|error| format!("database.url: {error}"))?;
    println!("ok       database ({})", db.get_database_backend().as_str());
    let pending = migrate::status(&db).await?.iter().filter(|status| !status.applied).count();
    match (pending, settings.database.auto_migrate) {
        (0, _) => println!("ok       migrations"),
        (pending, true) => println!("ok       migrations ({pending} pending, applied at the start)"),
        (pending, false) => {
            return Err(format!("{pending} migrations are pending, and database.auto_migrate is off").into());
        }
    }
    Ok(())
}
