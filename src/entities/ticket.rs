//! The table `tickets`.
#![expect(missing_docs, reason = "the column names are self-explanatory")]

use sea_orm::entity::prelude::*;

/// An unused ticket for a WebSocket. Deleted with its session.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tickets")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "String(StringLen::N(43))")]
    pub ticket_hash: String,
    pub session_id: Uuid,
    /// When the access token that created it expires, and with it the WebSocket.
    pub token_expires_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    #[sea_orm(belongs_to, from = "session_id", to = "id", on_delete = "Cascade")]
    pub session: BelongsTo<super::session::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
