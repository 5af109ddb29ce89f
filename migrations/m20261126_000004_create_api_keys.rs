//! API keys.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string_len, timestamp_with_time_zone, uuid};

use super::{create_indexes, drop_tables, foreign_key};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let api_keys = Table::create()
            .table("api_keys")
            .col(uuid("id").primary_key())
            .col(uuid("user_id"))
            .col(string_len("name", 100))
            .col(string_len("scopes", 255))
            .col(string_len("key_hash", 43))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("last_used_at").null())
            .col(timestamp_with_time_zone("expires_at"))
            .foreign_key(&mut foreign_key("api_keys_user_id_fkey", "api_keys", "user_id", "users"))
            .take();
        manager.create_table(api_keys).await?;

        create_indexes(
            manager,
            &[
                "CREATE UNIQUE INDEX api_keys_key_hash_key ON api_keys (key_hash)",
                "CREATE INDEX api_keys_user_id_idx ON api_keys (user_id, created_at, id)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["api_keys"]).await
    }
}
