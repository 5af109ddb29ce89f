//! Hears of jobs that other processes have queued.

use std::time::Duration;

use sea_orm::DbBackend;
use sea_orm::sqlx::{self, postgres::PgListener};
use tokio::time::sleep;

use super::Context;
use crate::jobs::queue::CHANNEL;

/// How long to rest when the database does not answer.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// How often an SQLite file is asked whether somebody has written.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Wakes the worker when another process may have queued a job; never ends. Keeps a connection of the pool.
pub(super) async fn run(context: &Context) {
    loop {
        let lost = match context.accounts.db.get_database_backend() {
            DbBackend::Postgres => listen(context).await,
            // Whoever queues jobs runs them himself.
            _ if context.settings.in_process => std::future::pending().await,
            _ => look(context).await,
        };
        if let Err(error) = lost {
            tracing::debug!(%error, "nothing is heard of jobs");
        }
        sleep(RETRY_DELAY).await;
    }
}

/// PostgreSQL tells.
async fn listen(context: &Context) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(context.accounts.db.get_postgres_connection_pool()).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // `None` when the connection was lost: there may have been something meanwhile.
        listener.try_recv().await?;
        context.accounts.job_signal.notify();
    }
}

/// `SQLite` tells nothing, but counts for each connection what others have committed.
async fn look(context: &Context) -> Result<(), sqlx::Error> {
    let mut connection = context.accounts.db.get_sqlite_connection_pool().acquire().await?;
    let mut seen = 0;
    loop {
        let version = sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut *connection).await?;
        if seen != version {
            seen = version;
            context.accounts.job_signal.notify();
        }
        sleep(POLL_INTERVAL).await;
    }
}
