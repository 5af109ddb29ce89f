//! An index of the dead jobs, which are counted regularly.

use sea_orm_migration::prelude::*;

use super::create_indexes;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_indexes(manager, &["CREATE INDEX jobs_dead_idx ON jobs (id) WHERE status = 'dead'"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP INDEX jobs_dead_idx").await.map(|_| ())
    }
}
