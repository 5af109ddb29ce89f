//! The audit trail.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string_len, string_len_null, text, timestamp_with_time_zone, uuid};

use super::{create_indexes, drop_tables};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // No foreign key to users: events stay when the user is deleted.
        let audit_events = Table::create()
            .table("audit_events")
            .col(uuid("id").primary_key())
            .col(string_len("kind", 40))
            .col(uuid("user_id").null())
            .col(uuid("actor_id").null())
            .col(string_len_null("address", 45))
            .col(text("detail").null())
            .col(timestamp_with_time_zone("created_at"))
            .take();
        manager.create_table(audit_events).await?;

        create_indexes(
            manager,
            &[
                "CREATE INDEX audit_events_created_at_idx ON audit_events (created_at, id)",
                "CREATE INDEX audit_events_user_id_idx ON audit_events (user_id, created_at, id)",
                "CREATE INDEX audit_events_kind_idx ON audit_events (kind, created_at, id)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["audit_events"]).await
    }
}
