//! The history of the database schema: one file per feature or change. A migration that has run in production is never
//! changed, and nothing here imports the rest of the crate, whose entities move on.

use sea_orm_migration::prelude::*;

mod m20261126_000001_create_users;
mod m20261126_000002_create_audit_events;
mod m20261126_000003_create_sessions;
mod m20261126_000004_create_api_keys;
mod m20261126_000005_create_email_tokens;
mod m20261126_000006_create_idempotency_keys;
mod m20261126_000007_create_jobs;
mod m20261126_000008_create_tickets;
mod m20261126_000009_create_items;
mod m20261128_000001_add_retried_at_to_jobs;
mod m20261128_000002_add_dead_index_to_jobs;

/// All migrations, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261126_000001_create_users::Migration),
            Box::new(m20261126_000002_create_audit_events::Migration),
            Box::new(m20261126_000003_create_sessions::Migration),
            Box::new(m20261126_000004_create_api_keys::Migration),
            Box::new(m20261126_000005_create_email_tokens::Migration),
            Box::new(m20261126_000006_create_idempotency_keys::Migration),
            Box::new(m20261126_000007_create_jobs::Migration),
            Box::new(m20261126_000008_create_tickets::Migration),
            Box::new(m20261126_000009_create_items::Migration),
            Box::new(m20261128_000001_add_retried_at_to_jobs::Migration),
            Box::new(m20261128_000002_add_dead_index_to_jobs::Migration),
        ]
    }
}

/// A foreign key to the `id` of another table. Deleting the row there deletes the rows here.
fn foreign_key(
    name: &'static str,
    table: &'static str,
    column: &'static str,
    to: &'static str,
) -> ForeignKeyCreateStatement {
    ForeignKey::create().name(name).from(table, column).to(to, "id").on_delete(ForeignKeyAction::Cascade).take()
}

/// Indexes as SQL, because SeaQuery has no expressions, order or conditions in them for both databases.
async fn create_indexes(manager: &SchemaManager<'_>, indexes: &[&str]) -> Result<(), DbErr> {
    for index in indexes {
        manager.get_connection().execute_unprepared(index).await?;
    }
    Ok(())
}

async fn drop_tables(manager: &SchemaManager<'_>, tables: &[&'static str]) -> Result<(), DbErr> {
    for table in tables {
        manager.drop_table(Table::drop().table(*table).take()).await?;
    }
    Ok(())
}
