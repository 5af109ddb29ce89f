//! Notices jobs that other processes have queued.

use std::time::Duration;

use sea_orm::DbBackend;
use sea_orm::sqlx::{self, postgres::PgListener};
use tokio::time::sleep;

use super::Context;
use crate::jobs::queue::CHANNEL;

/// The delay before the next attempt when the database does not respond.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// How often an SQLite file is checked for commits of other processes.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Wakes the worker when another process may have queued a job. Never returns. Holds a connection of the pool.
pub(super) async fn run(context: &Context) {
    loop {
        let lost = match context.accounts.db.get_database_backend() {
            DbBackend::Postgres => listen(context).await,
            // Every process runs the jobs that it queues.
            _ if context.settings.in_process => std::future::pending().await,
            _ => poll(context).await,
        };
        if let Err(error) = lost {
            tracing::debug!(%error, "not listening for jobs");
        }
        sleep(RETRY_DELAY).await;
    }
}

/// PostgreSQL notifies its listeners.
async fn listen(context: &Context) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(context.accounts.db.get_postgres_connection_pool()).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // `None` when the connection was lost: a notification may have been missed.
        listener.try_recv().await?;
        context.accounts.job_signal.notify();
    }
}

/// `SQLite` has no notifications, but `data_version` changes with every commit of another connection.
async fn poll(context: &Context) -> Result<(), sqlx::Error> {
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
