//! Applies the migrations, safely when several processes start at once.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr};
use sea_orm_migration::{MigratorTrait, SchemaManager};

use super::{Db, begin_write};
use crate::migrations::Migrator;

/// The key of PostgreSQL's advisory lock: a number that nothing else here locks.
const LOCK: i64 = 0x6b65_656c;

/// One migration, and whether the database has it.
pub struct Status {
    /// The migration's name.
    pub name: String,
    /// Whether it has been applied.
    pub applied: bool,
}

/// Applies what is pending, all of it or nothing: the whole run is one transaction, so that a process
/// that is killed leaves the database as it was. Returns the names of what was applied.
///
/// A database that knows migrations which this binary does not is left alone with a warning: during a
/// rolling update the old version goes on serving.
///
/// # Errors
/// When the database cannot be reached or a migration fails.
pub async fn up(db: &Db) -> Result<Vec<String>, DbErr> {
    let transaction = locked(db).await?;
    let (pending, unknown) = compare(&transaction).await?;
    if !unknown.is_empty() {
        tracing::warn!(?unknown, "the database is newer than this program: no migration was applied");
    } else if !pending.is_empty() {
        Migrator::up(&transaction, None).await?;
        transaction.commit().await?;
        return Ok(pending);
    }
    transaction.rollback().await?;
    Ok(Vec::new())
}

/// Takes the last `steps` migrations back, all of them or none.
///
/// # Errors
/// When the database cannot be reached or a migration fails.
pub async fn down(db: &Db, steps: u32) -> Result<(), DbErr> {
    let transaction = locked(db).await?;
    Migrator::down(&transaction, Some(steps)).await?;
    transaction.commit().await
}

/// What this binary knows, oldest first, and what has been applied.
///
/// # Errors
/// When the database cannot be reached.
pub async fn status(db: &Db) -> Result<Vec<Status>, DbErr> {
    let (pending, _) = compare(db).await?;
    let names = Migrator::migrations().into_iter().map(|migration| migration.name().to_owned());
    Ok(names.map(|name| Status { applied: !pending.contains(&name), name }).collect())
}

/// A transaction that no other migration run can be in at the same time.
async fn locked(db: &Db) -> Result<DatabaseTransaction, DbErr> {
    let transaction = begin_write(db).await?;
    if db.get_database_backend() == DbBackend::Postgres {
        // Waiting for the lock and a long migration may both take longer than a request's statement.
        let setup = format!("SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({LOCK})");
        transaction.execute_unprepared(&setup).await?;
    }
    Ok(transaction)
}

/// What the binary knows and the database lacks, and the other way round.
async fn compare<C: ConnectionTrait>(db: &C) -> Result<(Vec<String>, Vec<String>), DbErr>
where
    for<'c> &'c C: sea_orm_migration::IntoSchemaManagerConnection<'c>,
{
    let known: Vec<String> = Migrator::migrations().into_iter().map(|migration| migration.name().to_owned()).collect();
    let applied: Vec<String> = if SchemaManager::new(db).has_table("seaql_migrations").await? {
        let models = Migrator::get_migration_models(db).await?;
        models.into_iter().map(|model| model.version).collect()
    } else {
        Vec::new()
    };
    let pending = known.iter().filter(|name| !applied.contains(name)).cloned().collect();
    let unknown = applied.into_iter().filter(|name| !known.contains(name)).collect();
    Ok((pending, unknown))
}
