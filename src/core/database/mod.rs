//! The database: its connection pool, its transactions, and what differs between SQLite and PostgreSQL.

mod availability;
mod constraint;
pub mod migrate;
mod observe;
mod pool;

use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
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

/// Inserts the row, in a transaction or as a statement of its own, and returns it as it is stored.
///
/// Replaces `ActiveModelTrait::insert`, whose driver for SQLite stops reading at the first returned row. Outside a
/// transaction SQLite commits when all rows have been read, so that the error of a commit that fails, such as a full
/// disk, would be lost, and the row with it.
///
/// # Errors
/// When the row violates a constraint, or the database is unavailable.
pub async fn insert<A>(db: &impl ConnectionTrait, row: A) -> Result<<A::Entity as EntityTrait>::Model, DbErr>
where
    A: ActiveModelTrait,
    <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
{
    let rows = A::Entity::insert(row).exec_with_returning_many(db).await?;
    rows.into_iter().next().ok_or(DbErr::RecordNotInserted)
}

/// Updates the columns that are set in the row of this key, and returns the row as it is stored.
///
/// Replaces `ActiveModelTrait::update`, which also runs outside a transaction and then loses the error of a failed
/// commit on SQLite, as its `insert` does.
///
/// # Errors
/// When there is no such row, it violates a constraint, or the database is unavailable.
pub async fn update<A>(transaction: &DatabaseTransaction, row: A) -> Result<<A::Entity as EntityTrait>::Model, DbErr>
where
    A: ActiveModelTrait,
    <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
{
    A::Entity::update(row).exec(transaction).await
}

/// Checks that the database responds.
///
/// # Errors
/// When it does not.
pub async fn ping(db: &Db) -> Result<(), DbErr> {
    db.execute_unprepared("SELECT 1").await.map(|_| ())
}
