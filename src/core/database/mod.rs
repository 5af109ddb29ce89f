//! The database: its connection pool, its transactions, and what differs between SQLite and PostgreSQL.

mod availability;
mod constraint;
pub mod migrate;
mod observe;
mod pool;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tracing::Instrument;

pub use availability::is_unavailable;
pub use constraint::UniqueConstraint;
pub use observe::{connections, observe};
pub use pool::connect;

/// The connection pool. Clones share it.
pub type Db = DatabaseConnection;

/// Begins a transaction that writes. Every transaction begins here.
///
/// SQLite takes its write lock at once: a transaction that first reads and then writes would fail if another one wrote
/// in between.
///
/// # Errors
/// When the database is unavailable.
pub async fn begin_write(db: &Db) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let db = db.clone();
    // In a task of its own, which is not cancelled with the request. The PostgreSQL driver records a transaction only
    // after the server has confirmed it: a BEGIN cancelled before that would put the connection back into the pool
    // inside a transaction that is never ended.
    tokio::spawn(async move { db.begin_with_options(options).await }.in_current_span())
        .await
        .unwrap_or_else(|error| Err(DbErr::Custom(error.to_string())))
}

/// Checks that the database responds.
///
/// # Errors
/// When it does not.
pub async fn ping(db: &Db) -> Result<(), DbErr> {
    db.execute_unprepared("SELECT 1").await.map(|_| ())
}
