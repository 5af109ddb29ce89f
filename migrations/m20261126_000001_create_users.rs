//! Users.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    boolean, integer_null, json_binary_null, string_len, string_len_null, text, timestamp_with_time_zone, uuid,
};

use super::{create_indexes, drop_tables};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let users = Table::create()
            .table("users")
            .col(uuid("id").primary_key())
            .col(string_len("email", 255))
            .col(string_len("username", 50))
            .col(text("hashed_password"))
            .col(string_len_null("full_name", 255))
            .col(integer_null("age"))
            .col(json_binary_null("address"))
            .col(boolean("is_active"))
            .col(boolean("is_superuser"))
            .col(timestamp_with_time_zone("created_at"))
            .col(boolean("email_verified")) // only with jobs
            .take();
        manager.create_table(users).await?;

        // Both columns hold ASCII only, so that lower() means the same on both databases.
        create_indexes(
            manager,
            &[
                "CREATE UNIQUE INDEX users_email_key ON users (lower(email))",
                "CREATE UNIQUE INDEX users_username_key ON users (lower(username))",
                "CREATE INDEX users_created_at_idx ON users (created_at, id)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["users"]).await
    }
}
