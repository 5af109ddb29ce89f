//! Checks the dependencies in the background, so that health requests cost nothing and never wait.

use std::time::Duration;

use sea_orm::DbErr;
use tokio::time::{sleep, timeout};

use crate::core::config::DatabaseSettings;
use crate::core::database::{self, Db};
use crate::error::{Error, Result};
use crate::rate_limit::Limiter;
use crate::schemas::message::Health;
use crate::server::{Dependencies, Readiness};

/// How long the database may take to respond before it counts as down.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The time between two checks. An outage is noticed after at most this time plus [`TIMEOUT`].
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Checks the database and Redis until the process ends. The database check has a connection of its own, because those
/// of the pool may all be waiting for a lock.
pub async fn monitor(settings: DatabaseSettings, limiter: &Limiter, readiness: &Readiness) {
    let settings = DatabaseSettings { max_connections: 1, ..settings };
    let mut connection = None;
    loop {
        let check = timeout(TIMEOUT, check_database(&settings, connection.take()));
        let (checked, is_degraded) = tokio::join!(check, limiter.is_degraded());
        let database_error = match checked {
            Ok(Ok(open)) => {
                connection = Some(open);
                None
            }
            Ok(Err(error)) => Some(error.to_string().into()),
            Err(_) => Some("the database does not respond".into()),
        };
        let dependencies = Dependencies { database_error, is_degraded };
        if readiness.report(dependencies.clone()) {
            if let Some(error) = dependencies.database_error {
                tracing::error!(%error, "the database is unavailable");
            } else {
                tracing::info!(is_degraded, "the database is available");
            }
        }
        sleep(CHECK_INTERVAL).await;
    }
}

/// Pings the database over the open connection or a new one, and returns the connection.
async fn check_database(settings: &DatabaseSettings, connection: Option<Db>) -> Result<Db, DbErr> {
    let connection = match connection {
        Some(connection) => connection,
        None => database::connect(settings).await?,
    };
    database::ping(&connection).await?;
    Ok(connection)
}

/// Whether the process should get requests, from the last background check.
///
/// # Errors
/// 503 while the process drains or the database is unavailable.
pub fn ready(readiness: &Readiness) -> Result<Health> {
    if readiness.is_draining() {
        return Err(Error::Unavailable("the process is shutting down".into()));
    }
    let Dependencies { database_error, is_degraded } = readiness.dependencies();
    match database_error {
        Some(error) => Err(Error::Unavailable(error)),
        None => Ok(Health { status: if is_degraded { "degraded" } else { "ok" }.to_owned() }),
    }
}
