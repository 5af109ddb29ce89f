//! Tickets that open a WebSocket.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string_len, timestamp_with_time_zone, uuid};

use super::{create_indexes, drop_tables, foreign_key};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tickets = Table::create()
            .table("tickets")
            .col(string_len("ticket_hash", 43).primary_key())
            .col(uuid("session_id"))
            .col(timestamp_with_time_zone("token_expires_at"))
            .col(timestamp_with_time_zone("expires_at"))
            .foreign_key(&mut foreign_key("tickets_session_id_fkey", "tickets", "session_id", "sessions"))
            .take();
        manager.create_table(tickets).await?;

        create_indexes(manager, &["CREATE INDEX tickets_session_id_idx ON tickets (session_id, expires_at)"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["tickets"]).await
    }
}
