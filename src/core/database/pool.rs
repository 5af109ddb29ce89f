//! Opens the connection pool.

use std::path::Path;
use std::time::{Duration, Instant};

use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::sqlx::{self, Connection};
use sea_orm::{ConnectOptions, Database, DbErr, RuntimeErr};
use secrecy::ExposeSecret;
use tokio::time::sleep;

use super::Db;
use super::availability::is_sqlite_busy;
use crate::core::config::DatabaseSettings;

/// The time between two attempts to open a busy SQLite file.
const SQLITE_RETRY_DELAY: Duration = Duration::from_millis(20);
/// A connection that was idle for longer is pinged before it is used. A ping before each use would cost a round trip.
const PING_AFTER_IDLE: Duration = Duration::from_secs(10);

/// Opens the pool. Creates the folder of an SQLite file if it is missing.
///
/// # Errors
/// When the database does not respond in time.
pub async fn connect(settings: &DatabaseSettings) -> Result<Db, DbErr> {
    let statement_timeout = Duration::from_millis(settings.statement_timeout_ms);
    let options = options(settings)?;
    let deadline = Instant::now() + statement_timeout;
    loop {
        match Database::connect(options.clone()).await {
            // SQLite switches a new file to WAL without waiting for another process that does the same.
            Err(error) if is_sqlite_busy(&error) && Instant::now() < deadline => sleep(SQLITE_RETRY_DELAY).await,
            outcome => return outcome,
        }
    }
}

fn options(settings: &DatabaseSettings) -> Result<ConnectOptions, DbErr> {
    let url = settings.url.expose_secret();
    let acquire_timeout = Duration::from_millis(settings.acquire_timeout_ms);
    let statement_timeout = Duration::from_millis(settings.statement_timeout_ms);
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(settings.max_connections)
        .acquire_timeout(acquire_timeout)
        .connect_timeout(acquire_timeout)
        .test_before_acquire_if_idle_for(PING_AFTER_IDLE)
        .record_stmt_in_spans(false)
        .sqlx_logging_level(tracing::log::LevelFilter::Debug);
    if let Some(path) = url.strip_prefix("sqlite:") {
        create_folder(path)?;
        options
            .map_sqlx_sqlite_opts(move |sqlite| sqlite_options(sqlite, statement_timeout))
            .map_sqlx_sqlite_pool_opts(|options| close_inside_transaction(report_acquire_times(options)));
    } else {
        // The error of SeaORM contains the URL, and with it the password.
        let parsed = url.parse::<PgConnectOptions>();
        parsed.map_err(|error| invalid(format!("the address cannot be parsed: {error}")))?;
        let lock_timeout = settings.lock_timeout_ms;
        options.statement_timeout(statement_timeout).map_sqlx_postgres_opts(move |postgres: PgConnectOptions| {
            postgres.application_name(env!("CARGO_PKG_NAME")).options([("lock_timeout", lock_timeout)])
        });
        options.map_sqlx_postgres_pool_opts(report_acquire_times); // only with observability
    }
    Ok(options)
}

// only with observability
/// Events for `telemetry::acquire_times`. They cost nothing while it does not listen, and the log leaves them out.
fn report_acquire_times<DB: sqlx::Database>(options: PoolOptions<DB>) -> PoolOptions<DB> {
    options.acquire_time_level(tracing::log::LevelFilter::Info)
}

fn create_folder(path: &str) -> Result<(), DbErr> {
    let path = path.trim_start_matches("//").split('?').next().unwrap_or_default();
    match Path::new(path).parent() {
        Some(folder) if path != ":memory:" => std::fs::create_dir_all(folder)
            .map_err(|error| invalid(format!("cannot create the folder of the file: {error}"))),
        _ => Ok(()),
    }
}

fn invalid(problem: String) -> DbErr {
    DbErr::Conn(RuntimeErr::Internal(problem))
}

fn sqlite_options(options: SqliteConnectOptions, busy_timeout: Duration) -> SqliteConnectOptions {
    options
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL could lose the last acknowledged commits in a power cut.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(busy_timeout)
}

/// Closes a connection that is returned to the pool inside a transaction. When the disk is full or fails, SQLite rolls
/// back by itself, the driver's own rollback then fails, and the driver believes that the transaction is still open.
/// Later writes over that connection would be acknowledged, but never committed. PostgreSQL needs no such check: there
/// only the client ends a transaction, and sqlx closes a connection whose rollback fails.
fn close_inside_transaction(options: SqlitePoolOptions) -> SqlitePoolOptions {
    options.after_release(|connection, _| {
        Box::pin(async move {
            if connection.is_in_transaction() {
                // Waits until a queued rollback is done.
                connection.ping().await?;
            }
            Ok(!connection.is_in_transaction())
        })
    })
}
