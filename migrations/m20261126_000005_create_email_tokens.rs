//! Links in mails.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string_len, timestamp_with_time_zone, uuid, uuid_null};

use super::{create_indexes, drop_tables, foreign_key};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let email_tokens = Table::create()
            .table("email_tokens")
            .col(uuid("id").primary_key())
            .col(uuid_null("user_id"))
            .col(string_len("purpose", 20))
            .col(string_len("email", 255))
            .col(timestamp_with_time_zone("expires_at"))
            .foreign_key(&mut foreign_key("email_tokens_user_id_fkey", "email_tokens", "user_id", "users"))
            .take();
        manager.create_table(email_tokens).await?;

        let mut email_token = foreign_key(
            "email_token_hashes_email_token_id_fkey",
            "email_token_hashes",
            "email_token_id",
            "email_tokens",
        );
        let email_token_hashes = Table::create()
            .table("email_token_hashes")
            .col(string_len("token_hash", 43).primary_key())
            .col(uuid("email_token_id"))
            .foreign_key(&mut email_token)
            .take();
        manager.create_table(email_token_hashes).await?;

        create_indexes(
            manager,
            &[
                "CREATE UNIQUE INDEX email_tokens_user_id_purpose_key ON email_tokens (user_id, purpose)",
                "CREATE INDEX email_tokens_email_idx ON email_tokens (email)",
                "CREATE INDEX email_tokens_expires_at_idx ON email_tokens (expires_at)",
                "CREATE INDEX email_token_hashes_email_token_id_idx ON email_token_hashes (email_token_id)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["email_token_hashes", "email_tokens"]).await
    }
}
