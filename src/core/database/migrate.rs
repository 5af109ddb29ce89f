//! Applies the migrations, safely when several processes start at once.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr};
use sea_orm_migration::{MigratorTrait, SchemaManager};

use super::{Db, begin_write};
use crate::migrations::Migrator;

/// One migration, and whether it has been applied to the database.
pub struct Status {
    /// The migration's name.
    pub name: String,
    /// Whether it has been applied.
    pub applied: bool,
}

/// Applies all pending migrations or none: the whole run is one transaction, so that a killed process leaves the
/// database as it was. Returns the names of the applied migrations.
///
/// If the database has migrations that this binary does not know, nothing is applied and a warning is logged: during a
/// rolling update the old version goes on serving.
///
/// # Errors
/// When the database cannot be reached or a migration fails.
pub async fn up(db: &Db) -> Result<Vec<String>, DbErr> {
    let transaction = locked(db).await?;
    let (pending, unknown) = compare(&transaction).await?;
    if !unknown.is_empty() {
        tracing::warn!(?unknown, "the database is newer than this binary: no migration applied");
    } else if !pending.is_empty() {
        Migrator::up(&transaction, None).await?;
        transaction.commit().await?;
        return Ok(pending);
    }
    transaction.rollback().await?;
    Ok(Vec::new())
}

/// Reverts the last `steps` migrations, all of them or none.
///
/// # Errors
/// When the database cannot be reached or a migration fails.
pub async fn down(db: &Db, steps: u32) -> Result<(), DbErr> {
    let transaction = locked(db).await?;
    Migrator::down(&transaction, Some(steps)).await?;
    transaction.commit().await
}

/// The migrations of this binary, oldest first, and whether each has been applied.
///
/// # Errors
/// When the database cannot be reached.
pub async fn status(db: &Db) -> Result<Vec<Status>, DbErr> {
    let (pending, _) = compare(db).await?;
    let names = Migrator::migrations().into_iter().map(|migration| migration.name().to_owned());
    Ok(names.map(|name| Status { applied: !pending.contains(&name), name }).collect())
}

/// Begins a transaction that excludes other migration runs.
async fn locked(db: &Db) -> Result<DatabaseTransaction, DbErr> {
    let transaction = begin_write(db).await?;
    if db.get_database_backend() == DbBackend::Postgres {
        // The timeouts are meant for requests: waiting for another run and a long migration may both take longer. The
        // lock's number comes from the package's name: services that share a database do not wait for each other.
        let setup = format!(
            "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
             SELECT pg_advisory_xact_lock(hashtextextended('{}', 0))",
            env!("CARGO_PKG_NAME"),
        );
        transaction.execute_unprepared(&setup).await?;
    }
    Ok(transaction)
}

/// The migrations that the database lacks, and those that only the database knows.
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
