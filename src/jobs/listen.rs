//! Hears of jobs that other processes have queued.

use std::time::Duration;

use sea_orm::DbBackend;
use sea_orm::sqlx::postgres::PgListener;
use tokio::time::sleep;

use super::Context;
use crate::services::job::CHANNEL;

/// How long to rest when the database does not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Wakes the worker when PostgreSQL tells of a job; never ends. SQLite tells nothing: there the worker looks by itself.
pub(super) async fn run(context: &Context) {
    let db = &context.accounts.db;
    if db.get_database_backend() != DbBackend::Postgres {
        return std::future::pending().await;
    }
    loop {
        if let Err(error) = listen(context).await {
            tracing::debug!(%error, "PostgreSQL tells of no jobs");
        }
        sleep(PAUSE).await;
    }
}

async fn listen(context: &Context) -> Result<(), sea_orm::sqlx::Error> {
    // A connection of the pool, for as long as it lasts.
    let mut listener = PgListener::connect_with(context.accounts.db.get_postgres_connection_pool()).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // `None` when the connection was lost: there may have been something meanwhile.
        listener.try_recv().await?;
        context.accounts.wake.wake();
    }
}
