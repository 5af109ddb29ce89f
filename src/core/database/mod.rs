//! The connection pool, for both databases, and what differs between them.

pub mod migrate;

use std::path::Path;
use std::time::{Duration, Instant};

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbErr, RuntimeErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait, sqlx,
};
use secrecy::ExposeSecret;
use tokio::time::sleep;

use crate::core::config::DatabaseSettings;

/// The pool of connections. Clones share it.
pub type Db = DatabaseConnection;

/// Opens the pool, and makes the folder of an SQLite file that is not there yet.
///
/// # Errors
/// When the database does not answer in time.
pub async fn connect(settings: &DatabaseSettings) -> Result<Db, DbErr> {
    let url = settings.url.expose_secret();
    let acquire_timeout = Duration::from_millis(settings.acquire_timeout_ms);
    let statement_timeout = Duration::from_millis(settings.statement_timeout_ms);
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(settings.max_connections)
        .acquire_timeout(acquire_timeout)
        .connect_timeout(acquire_timeout)
        // A ping before each use costs a round trip; connections that rested are asked.
        .test_before_acquire_if_idle_for(Duration::from_secs(10))
        .record_stmt_in_spans(false)
        .sqlx_logging_level(tracing::log::LevelFilter::Debug);
    if let Some(path) = url.strip_prefix("sqlite:") {
        create_folder(path)?;
        options.map_sqlx_sqlite_opts(move |sqlite| sqlite_options(sqlite, statement_timeout));
    } else {
        options.statement_timeout(statement_timeout);
        options.map_sqlx_postgres_opts(|postgres: PgConnectOptions| postgres.application_name(env!("CARGO_PKG_NAME")));
    }
    let patience = Instant::now() + statement_timeout;
    loop {
        match Database::connect(options.clone()).await {
            // SQLite changes a new file to WAL without waiting for another process that does the same.
            Err(error) if is_sqlite_busy(&error) && Instant::now() < patience => sleep(SQLITE_RETRY_DELAY).await,
            outcome => return outcome,
        }
    }
}

/// How long to rest before asking a busy SQLite file again.
const SQLITE_RETRY_DELAY: Duration = Duration::from_millis(20);

fn is_sqlite_busy(error: &DbErr) -> bool {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error)) => error.as_database_error().is_some_and(|error| {
            error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() && sqlite_code(error) == Some(SQLITE_BUSY)
        }),
        _ => false,
    }
}

const SQLITE_BUSY: i32 = 5;

/// The low byte of SQLite's extended result code: what went wrong, without the detail.
fn sqlite_code(error: &dyn sqlx::error::DatabaseError) -> Option<i32> {
    error.code()?.parse::<i32>().ok().map(|code| code & 0xff)
}

fn sqlite_options(options: SqliteConnectOptions, busy_timeout: Duration) -> SqliteConnectOptions {
    options
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL could lose the last commits in a power cut; what was acknowledged stays.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(busy_timeout)
}

fn create_folder(path: &str) -> Result<(), DbErr> {
    let path = path.trim_start_matches("//").split('?').next().unwrap_or_default();
    match Path::new(path).parent() {
        Some(folder) if path != ":memory:" => std::fs::create_dir_all(folder)
            .map_err(|error| DbErr::Custom(format!("cannot create the folder of the file: {error}"))),
        _ => Ok(()),
    }
}

/// Begins a transaction that writes. SQLite takes its write lock at once: a transaction that first
/// reads and then writes would fail when another one wrote in between. The only way to begin one.
pub async fn begin_write(db: &Db) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let db = db.clone();
    // On a task of its own, which goes on when the request is given up: sqlx notes that a transaction is
    // open only after the database has said so, and a connection that is let go in between returns to the
    // pool inside a transaction that nobody ends.
    tokio::spawn(async move { db.begin_with_options(options).await })
        .await
        .unwrap_or_else(|error| Err(DbErr::Custom(error.to_string())))
}

/// Asks the database for a sign of life.
pub async fn ping(db: &Db) -> Result<(), DbErr> {
    db.execute_unprepared("SELECT 1").await.map(|_| ())
}

/// Whether the error says that the database cannot be reached, is overloaded, or cannot write now:
/// a matter of time, not a mistake of ours.
#[must_use]
pub fn is_unavailable(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) => true,
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => is_unavailable_sqlx(error),
        _ => false,
    }
}

fn is_unavailable_sqlx(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
                // Busy, locked, read-only, I/O error, full, cannot open.
                matches!(sqlite_code(&**error), Some(SQLITE_BUSY | 6 | 8 | 10 | 13 | 14))
            } else {
                // SQLSTATE classes: connection, resources, operator intervention (with the statement timeout),
                // system error, rollbacks that a retry may pass, and a read-only server.
                ["08", "53", "57", "58", "40"].iter().any(|class| code.starts_with(class))
                    || matches!(&*code, "25006" | "55P03")
            }
        }
        _ => false,
    }
}
