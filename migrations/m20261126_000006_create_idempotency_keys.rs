//! Stored responses of requests with an `Idempotency-Key`.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string_len, text, timestamp_with_time_zone, uuid};

use super::{create_indexes, drop_tables, foreign_key};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let keys = Table::create()
            .table("idempotency_keys")
            .col(uuid("user_id"))
            .col(string_len("key_hash", 43))
            .col(string_len("fingerprint", 43))
            .col(text("response"))
            .col(timestamp_with_time_zone("created_at"))
            .primary_key(Index::create().name("idempotency_keys_pkey").col("user_id").col("key_hash"))
            .foreign_key(&mut foreign_key("idempotency_keys_user_id_fkey", "idempotency_keys", "user_id", "users"))
            .take();
        manager.create_table(keys).await?;

        create_indexes(manager, &["CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at)"])
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["idempotency_keys"]).await
    }
}
