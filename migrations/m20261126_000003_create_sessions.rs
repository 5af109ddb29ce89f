//! Sessions: one row per login.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string_len, string_len_null, timestamp_with_time_zone, uuid};

use super::{create_indexes, drop_tables, foreign_key};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sessions = Table::create()
            .table("sessions")
            .col(uuid("id").primary_key())
            .col(uuid("user_id"))
            .col(string_len("scopes", 255))
            .col(string_len_null("user_agent", 255))
            .col(string_len_null("address", 45))
            .col(string_len("family_hash", 43))
            .col(string_len("refresh_hash", 43))
            .col(string_len_null("previous_hash", 43))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("last_used_at"))
            .col(timestamp_with_time_zone("expires_at"))
            .foreign_key(&mut foreign_key("sessions_user_id_fkey", "sessions", "user_id", "users"))
            .take();
        manager.create_table(sessions).await?;

        create_indexes(
            manager,
            &[
                "CREATE UNIQUE INDEX sessions_family_hash_key ON sessions (family_hash)",
                "CREATE INDEX sessions_user_id_idx ON sessions (user_id, created_at, id)",
                "CREATE INDEX sessions_expires_at_idx ON sessions (expires_at)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["sessions"]).await
    }
}
