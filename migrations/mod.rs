//! The history of the database schema, one file a step. Frozen: a step that has run somewhere is never
//! changed, and nothing here imports the rest of the crate, whose entities move on.

use sea_orm_migration::prelude::*;

mod m20260101_000001_create_users;
mod m20260101_000002_create_items;
mod m20261123_000003_create_sessions;
mod m20261123_000004_create_idempotency_keys;
mod m20261123_000005_create_jobs;
mod m20261123_000006_create_tickets;

/// All steps, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20260101_000001_create_users::Migration),
            Box::new(m20260101_000002_create_items::Migration),
            Box::new(m20261123_000003_create_sessions::Migration),
            Box::new(m20261123_000004_create_idempotency_keys::Migration),
            Box::new(m20261123_000005_create_jobs::Migration),
            Box::new(m20261123_000006_create_tickets::Migration),
        ]
    }
}
